package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// CourierInput comes from the states that hand a batch to a handler whole.
type CourierInput struct {
	// Stage is that of the handler, or "transformed": the transform task has
	// reported its output, which is in the batch's reply.
	Stage     handler.Stage `json:"stage"`
	Fleet     string        `json:"fleet"`
	Worker    string        `json:"worker"`
	Execution string        `json:"execution"`
	// TaskToken is that of a callback state. Empty for the others, where the reply
	// of the handler is waited for.
	TaskToken string `json:"taskToken"`
	Batch     Batch  `json:"batch"`
}

// transformed is the stage after a transform task.
const transformed handler.Stage = "transformed"

// Deliver hands the batch's records to the stage's handler whole, and returns
// the batch with what became of each message.
func (l *Lane) Deliver(ctx context.Context, request string, in CourierInput) (Batch, error) {
	b := in.Batch
	if in.Stage == transformed {
		return l.applyTransform(ctx, request, in)
	}
	target := l.target(in.Stage, b)
	if !target.Is() {
		return b, fmt.Errorf("the courier was asked for the %q stage, which has no handler", in.Stage)
	}
	c := l.courier(ctx, in, &b, target)
	records, err := l.records(ctx, b)
	var missing *types.NoSuchKey
	switch {
	case errors.As(err, &missing) && in.TaskToken == "":
		// No handler runs: there is nothing to wait for.
		c.failRest(err.Error())
		b.Next = settleNext
		return b, nil
	case errors.As(err, &missing):
		return b, &handler.FunctionError{Type: "Muster.BodyMissing", Message: err.Error()}
	case err != nil:
		return b, err
	}
	if in.TaskToken != "" {
		return b, c.handTask(ctx, records, in.TaskToken)
	}
	if l.config.Waits(in.Stage) {
		// The fleet was changed since: without a token nobody waits for the task.
		c.mark(records, Unstarted)
		b.Next = settleNext
		return b, nil
	}
	if !c.inTime(time.Now()) {
		c.fail(message.All(records, fmt.Sprintf("%s handler: a batch that does not travel in state reaches only handlers with a time-out of at most 14 minutes; this one's is %s", in.Stage, target.Timeout)))
		b.Next = settleNext
		return b, nil
	}
	result, err := l.invoker.Run(ctx, in.Stage, target, records, c.admit)
	if err != nil {
		return b, err
	}
	if errors.Is(c.err, registry.ErrRelieved) {
		b.Next = "relieved"
		return b, nil
	}
	if wait := time.Until(result.Doubt); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return b, ctx.Err()
		}
	}
	return b, c.conclude(ctx, request, result)
}

// applyTransform makes of a transform task's output what a transform handler's
// reply makes of a batch.
func (l *Lane) applyTransform(ctx context.Context, request string, in CourierInput) (Batch, error) {
	b := in.Batch
	records, err := l.records(ctx, b)
	if err != nil {
		return b, err
	}
	var reply []byte
	if b.Reply != nil {
		reply = b.Reply.Transformed
	}
	b.Reply = nil
	result := handler.Result{Transformed: message.TransformReply(records, reply)}
	if l.config.RedactErrors {
		result.Failed = result.Failed.Redacted()
	}
	for id, f := range result.Failed {
		f.Reason = "transform task: " + f.Reason
		result.Failed[id] = f
	}
	// The task was held by its heartbeats: from here on the next stage's time
	// counts.
	in.Stage = handler.Process
	c := l.courier(ctx, in, &b, handler.Target{})
	started := c.start(result.Kept)
	c.stage = handler.Transform
	if errors.Is(c.err, registry.ErrRelieved) {
		b.Next = "relieved"
		return b, nil
	}
	if len(started) < len(result.Kept) {
		result.Unstarted, result.Kept = result.Kept, nil
	}
	return b, c.conclude(ctx, request, result)
}

// courier is one invocation of the courier.
type courier struct {
	*Lane
	// deadline of the invocation. Zero for none.
	deadline  time.Time
	ctx       context.Context
	execution string
	stage     handler.Stage
	batch     *Batch
	post      registry.Post
	target    handler.Target
	// lastStart is when the last handler may start. One that starts later, as the
	// last of several events or because this invocation came late, outlasts what
	// the state machine waits for: what the others did would be lost, and the worker
	// go on beside it.
	lastStart time.Time
	// starts is how often a handler was started, or tried to.
	starts int
	// err says why a handler may not start.
	err error
}

func (l *Lane) courier(ctx context.Context, in CourierInput, b *Batch, target handler.Target) *courier {
	deadline, _ := ctx.Deadline()
	c := &courier{
		Lane: l, ctx: ctx, deadline: deadline, execution: in.Execution, stage: in.Stage, batch: b,
		post: registry.Post{Worker: in.Worker, Execution: in.Execution}, target: target,
		lastStart: time.Now().Add(handler.Patience),
	}
	// The state machine waits for what this starts until then, and no longer.
	until := registry.Instant(b.BusyUntil).Time().Add(-target.Lasts() - Confirmed - arrival - registry.ClockMargin)
	if b.BusyUntil != "" && until.Before(c.lastStart) {
		c.lastStart = until
	}
	return c
}

// conclude notes what became of the messages, and what is next for the batch.
func (c *courier) conclude(ctx context.Context, request string, result handler.Result) error {
	b := c.batch
	c.fail(result.Failed)
	c.mark(result.Unstarted, Unstarted)
	c.mark(result.Throttled, Throttled)
	for i := range b.Messages {
		m := &b.Messages[i]
		for _, id := range result.Filtered {
			if m.MessageID == id {
				m.Outcome = Filtered
			}
		}
	}
	switch {
	case c.stage == handler.Process:
		// Only what the handler had: a message that is in no list stays pending, and
		// fails.
		c.mark(result.Kept, Handled)
	case len(result.Kept) == 0:
	case c.unprepared():
		c.mark(result.Kept, Unstarted)
	case c.starts > 1 && !c.coverNext(&result):
	default:
		return c.carry(ctx, b, handler.Process, result.Kept, c.key(c.execution, request))
	}
	b.Next, b.Event = settleNext, message.Event{Records: []message.Record{}}
	return nil
}

// coverNext covers the messages of several events once more, for those of the
// first have waited for the handler of the last. False where nothing is left for
// the next stage.
func (c *courier) coverNext(result *handler.Result) bool {
	covered := c.cover(handler.Process, result.Kept)
	c.mark(result.Kept, Unstarted)
	c.mark(covered, Pending)
	result.Kept = covered
	return len(covered) > 0
}

// unprepared says whether the fleet was changed since the batch was polled, and
// now waits for the end of what it starts: nobody holds the batch's message for
// that, or knows the job.
func (c *courier) unprepared() bool {
	held := !slices.ContainsFunc(c.batch.Messages, func(m Item) bool { return !m.Kept })
	return c.config.Waits(handler.Process) && !held || c.config.Target != fleet.Lambda && c.batch.Job == nil
}

// inTime says whether a handler that starts now ends while this invocation runs.
func (c *courier) inTime(now time.Time) bool {
	return c.deadline.IsZero() || now.Add(c.target.Lasts()+overhead).Before(c.deadline)
}

// admit lets those of the records through that may be handed to a handler now
// whose reply this invocation waits for.
func (c *courier) admit(records []message.Record) []message.Record {
	if !c.inTime(time.Now()) {
		return nil
	}
	return c.start(records)
}

// start lets those of the records through that may be handed to a handler now.
// It tells the registry that a handler starts, for this invocation may have
// outlived its execution, whose slot may be somebody else's by now; and it keeps
// the messages invisible to the handler's end, or else does not start it.
func (c *courier) start(records []message.Record) []message.Record {
	now := time.Now()
	if c.err != nil || len(records) == 0 || now.After(c.lastStart) {
		return nil
	}
	busyUntil := now.Add(busyFor(c.config))
	if _, c.err = c.registry.ExtendBatch(c.ctx, c.post, c.batch.Seq, now, busyUntil); c.err != nil {
		return nil
	}
	c.batch.BusyUntil = string(registry.At(now.Add(mayRunFor(c.config, c.stage, c.batch.Next))))
	c.starts++
	covered := c.cover(c.stage, records)
	if time.Since(now) > Confirmed {
		return nil
	}
	return covered
}

// cover keeps messages invisible until the handler of a stage has ended, and
// leaves out those with which that fails.
func (c *courier) cover(stage handler.Stage, records []message.Record) []message.Record {
	held := make([]queue.Held, 0, len(records))
	for _, m := range c.batch.Messages {
		for _, r := range records {
			if m.MessageID == r.MessageID {
				held = append(held, m.Held)
			}
		}
	}
	d := coveredFor(c.config, stage)
	// The error is said by what is undone.
	undone, _ := c.queue.Hide(c.ctx, held, func(queue.Held) time.Duration { return d })
	lost := map[string]bool{}
	for _, h := range append(undone.Gone, undone.Failed...) {
		lost[h.MessageID] = true
	}
	var covered []message.Record
	for _, r := range records {
		if !lost[r.MessageID] {
			covered = append(covered, r)
		}
	}
	return c.own(covered, d)
}

// failRest fails what is still pending.
func (c *courier) failRest(reason string) {
	failed := message.Failures{}
	for _, m := range c.batch.Messages {
		if m.Outcome == Pending {
			failed[m.MessageID] = message.Failure{Reason: reason}
		}
	}
	c.fail(failed)
}

func (c *courier) fail(failed message.Failures) {
	for i := range c.batch.Messages {
		m := &c.batch.Messages[i]
		if f, ok := failed[m.MessageID]; ok {
			f.Reason = registry.Shorten(f.Reason)
			m.fail(c.stage, f)
		}
	}
}

func (c *courier) mark(records []message.Record, o Outcome) {
	for i := range c.batch.Messages {
		m := &c.batch.Messages[i]
		for _, r := range records {
			if m.MessageID == r.MessageID {
				m.Outcome = o
			}
		}
	}
}
