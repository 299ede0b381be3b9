package stepfunctions

import (
	"fmt"
	"math"
	"time"

	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// maxWait is the longest wait that AWS accepts when the state runs: 2^31-1
// seconds, by recordings made on AWS.
const maxWait = math.MaxInt32 * time.Second

// wait is a Wait state.
// See https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html.
type wait struct {
	input, output selection
	seconds       time.Duration
	until         time.Time
	secondsPath   *expression.Reference
	timestampPath *expression.Reference
}

func compileWait(c *compiler, o *object, _ *links) action {
	w := &wait{
		input:         o.selection("InputPath"),
		output:        o.selection("OutputPath"),
		secondsPath:   o.reference("SecondsPath"),
		timestampPath: o.reference("TimestampPath"),
	}
	w.seconds, _ = o.seconds("Seconds", 0)
	if text, ok := o.text("Timestamp"); ok {
		if w.until, ok = timestampOf(text); !ok {
			c.schema(o.child("Timestamp"), "String does not match RFC3339 timestamp")
		}
	}
	given := 0
	for _, name := range []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} {
		if o.has(name) {
			given++
		}
	}
	if given != 1 {
		c.schema(o.at, "Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath]")
	}
	return w
}

func (w *wait) run(t *thread, s *state, input any) (any, *state, *failure) {
	selected, f := w.input.apply(t, input)
	if f != nil {
		return nil, nil, f
	}
	d, f := w.duration(t, selected)
	if f != nil {
		return nil, nil, f
	}
	if d > maxWait {
		return nil, nil, t.runtime("Wait state delay is too long.")
	}
	if d > 0 && !t.sleep(d) {
		return nil, nil, halted
	}
	output, f := w.output.apply(t, selected)
	if f != nil {
		return nil, nil, f
	}
	t.exit(s, output)
	return output, s.next, nil
}

func (w *wait) duration(t *thread, input any) (time.Duration, *failure) {
	switch {
	case w.secondsPath != nil:
		return w.fromSeconds(t, input)
	case w.timestampPath != nil:
		return w.fromTimestamp(t, input)
	case !w.until.IsZero():
		return time.Until(w.until), nil
	}
	return w.seconds, nil
}

func (w *wait) fromSeconds(t *thread, input any) (time.Duration, *failure) {
	path := w.secondsPath.Path()
	v, ok := path.Get(t.scoped(input, path.UsesContext()))
	if !ok {
		return 0, t.runtime("The SecondsPath parameter does not reference an input value: %s", path)
	}
	seconds, ok := v.(int64)
	switch {
	case !ok:
		return 0, t.runtime("The SecondsPath parameter cannot be parsed as a long value: %s == %s", path, encoded(v))
	case seconds < 0:
		return 0, t.runtime("The SecondsPath parameter references a negative value: %s == %d", path, seconds)
	case seconds > int64(maxWait/time.Second):
		return maxWait + 1, nil
	}
	return time.Duration(seconds) * time.Second, nil
}

func (w *wait) fromTimestamp(t *thread, input any) (time.Duration, *failure) {
	path := w.timestampPath.Path()
	v, ok := path.Get(t.scoped(input, path.UsesContext()))
	if !ok {
		return 0, t.runtime("The TimestampPath parameter does not reference an input value: %s", path)
	}
	text, _ := v.(string)
	until, ok := timestampOf(text)
	if !ok {
		shown := text
		if shown == "" {
			shown = encoded(v)
		}
		return 0, t.runtime("The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: %s == %s", path, shown)
	}
	return time.Until(until), nil
}

// timestampOf reads RFC 3339 with an upper-case T and, without an offset, Z.
func timestampOf(text string) (time.Time, bool) {
	v, err := time.Parse(time.RFC3339Nano, text)
	return v, err == nil
}

// encoded shows a value in a message.
func encoded(v any) string {
	b, err := expression.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
