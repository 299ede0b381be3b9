package stepfunctions

import (
	"math"
	"time"
)

// Defaults of a Retrier.
// See https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-retrying-after-an-error.
const (
	defaultInterval    = time.Second
	defaultMaxAttempts = 3
	defaultBackoffRate = 2.0
)

// retrier is one element of Retry.
type retrier struct {
	errors      []string
	interval    time.Duration
	maxAttempts int64
	backoff     float64
	// maxDelay of 0 is none.
	maxDelay time.Duration
	jitter   bool
}

// catcher is one element of Catch.
type catcher struct {
	errors []string
	place  placement
	next   *state
}

// handlers are a state's Retry and Catch.
type handlers struct {
	retriers []retrier
	catchers []catcher
}

func (c *compiler) handlers(o *object, l *links) handlers {
	var h handlers
	if v, ok := typed[[]any](o, "Retry", "Array"); ok {
		for i, e := range v {
			if r, ok := c.object(e, at(o.child("Retry"), i)); ok {
				h.retriers = append(h.retriers, c.retrier(r, i == len(v)-1))
			}
		}
	}
	if v, ok := typed[[]any](o, "Catch", "Array"); ok {
		// Links point into the list, so it must not grow after.
		h.catchers = make([]catcher, len(v))
		for i, e := range v {
			if k, ok := c.object(e, at(o.child("Catch"), i)); ok {
				c.catcher(k, l, i == len(v)-1, &h.catchers[i])
			}
		}
	}
	return h
}

func (c *compiler) retrier(o *object, last bool) retrier {
	r := retrier{interval: defaultInterval, maxAttempts: defaultMaxAttempts, backoff: defaultBackoffRate}
	o.get("Comment")
	r.errors = c.errorEquals(o, last)
	if d, ok := o.seconds("IntervalSeconds", 1); ok {
		r.interval = d
	}
	if n, ok := o.integer("MaxAttempts", 0, maxSeconds); ok {
		r.maxAttempts = n
	}
	if b, ok := o.number("BackoffRate", 1); ok {
		r.backoff = b
	}
	if d, ok := o.integer("MaxDelaySeconds", 1, 31622400); ok {
		r.maxDelay = time.Duration(d) * time.Second
		if r.maxDelay <= r.interval {
			c.schema(o.child("MaxDelaySeconds"), "MaxDelaySeconds must be greater than IntervalSeconds")
		}
	}
	switch strategy, ok := o.text("JitterStrategy"); {
	case !ok || strategy == "NONE":
	case strategy == "FULL":
		r.jitter = true
	default:
		c.schema(o.child("JitterStrategy"), "The field 'JitterStrategy' should have one of these values: [FULL, NONE]")
	}
	o.close()
	return r
}

func (c *compiler) catcher(o *object, l *links, last bool, k *catcher) {
	o.get("Comment")
	k.errors = c.errorEquals(o, last)
	k.place = o.placement("ResultPath")
	if o.require("Next") {
		next, _ := o.text("Next")
		l.to(next, o.child("Next"), "Next", &k.next)
	}
	o.close()
}

func (c *compiler) errorEquals(o *object, last bool) []string {
	if !o.require("ErrorEquals") {
		return nil
	}
	list, _ := o.list("ErrorEquals")
	names := make([]string, 0, len(list))
	for i, e := range list {
		name, ok := e.(string)
		if !ok {
			c.schema(at(o.child("ErrorEquals"), i), "Expected value of type String")
		}
		if name == errorAll && (len(list) > 1 || !last) {
			c.schema(o.at, "States.ALL must appear alone in ErrorEquals, and in the last element of the list only")
		}
		names = append(names, name)
	}
	return names
}

// delay before the attempt that follows, after so many retries.
func (r *retrier) delay(retries int64, random func() float64) time.Duration {
	d := float64(r.interval) * math.Pow(r.backoff, float64(retries))
	if r.maxDelay > 0 {
		d = min(d, float64(r.maxDelay))
	}
	if r.jitter {
		d *= random()
	}
	return time.Duration(min(d, float64(maxSeconds*time.Second)))
}

// handling runs a state that may retry and catch. Attempt makes the state's
// output. Lost runs once when no retrier takes the failure, before it is caught
// or passed on.
func (t *thread) handling(s *state, h *handlers, input any, attempt func() (any, *failure), lost func()) (any, *state, *failure) {
	var retries []int64
	for {
		output, f := attempt()
		if f == nil {
			t.exit(s, output)
			return output, s.next, nil
		}
		if f == halted {
			return nil, nil, f
		}
		i := h.retrier(f, t.x)
		if i < 0 {
			return t.caught(s, h, input, f, lost)
		}
		if retries == nil {
			retries = make([]int64, len(h.retriers))
		}
		r := &h.retriers[i]
		if retries[i] >= r.maxAttempts {
			return t.caught(s, h, input, f, lost)
		}
		delay := r.delay(retries[i], t.x.service.random.Float64)
		retries[i]++
		t.retries++
		if !t.sleep(delay) {
			return nil, nil, halted
		}
		if _, ok := t.transition(); !ok {
			return nil, nil, halted
		}
	}
}

// retrier is the index of the first Retrier for a failure, -1 for none.
func (h *handlers) retrier(f *failure, x *execution) int {
	for i := range h.retriers {
		if x.matches(h.retriers[i].errors, f) {
			return i
		}
	}
	return -1
}

func (t *thread) caught(s *state, h *handlers, input any, f *failure, lost func()) (any, *state, *failure) {
	if lost != nil {
		lost()
	}
	for i := range h.catchers {
		k := &h.catchers[i]
		if !t.x.matches(k.errors, f) {
			continue
		}
		output, failed := k.place.apply(t, input, f.output())
		if failed != nil {
			return nil, nil, failed
		}
		t.exit(s, output)
		return output, k.next, nil
	}
	return nil, nil, f
}

func (x *execution) matches(patterns []string, f *failure) bool {
	for _, pattern := range patterns {
		if f.matches(pattern, x.service.options.DataLimitCatchable) {
			return true
		}
	}
	return false
}

// sleep waits. It reports false when the thread is halted before.
func (t *thread) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.ctx.Done():
		return false
	}
}
