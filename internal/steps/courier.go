package steps

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
)

// CourierInput comes from the Transform and Process large states.
type CourierInput struct {
	Stage     handler.Stage `json:"stage"`
	Fleet     string        `json:"fleet"`
	Worker    string        `json:"worker"`
	Execution string        `json:"execution"`
	Batch     Batch         `json:"batch"`
}

// Deliver hands the batch's records to the stage's handler whole, and returns
// the batch with what became of each message.
func (l *Lane) Deliver(ctx context.Context, request string, in CourierInput) (Batch, error) {
	b := in.Batch
	target := l.target(in.Stage)
	if !target.Is() {
		return b, fmt.Errorf("the courier was asked for the %q stage, which has no handler", in.Stage)
	}
	records, err := l.records(ctx, b)
	if err != nil {
		return b, err
	}
	c := courier{
		Lane: l, ctx: ctx, batch: &b, post: registry.Post{Worker: in.Worker, Execution: in.Execution}, target: target,
		lastStart: time.Now().Add(handler.Patience),
	}
	if !c.inTime(time.Now()) {
		c.mark(message.All(records, fmt.Sprintf("%s handler: a batch too large for state reaches only handlers with a time-out of at most 14 minutes; this one's is %s", in.Stage, target.Timeout)), in.Stage)
		b.Next = "settle"
		return b, nil
	}
	result, err := l.invoker.Run(ctx, in.Stage, target, records, handler.When(c.mayStart))
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
	c.mark(result.Failed, in.Stage)
	for i := range b.Messages {
		m := &b.Messages[i]
		for _, id := range result.Filtered {
			if m.MessageID == id {
				m.Outcome = Filtered
			}
		}
		for _, r := range result.Unstarted {
			if m.MessageID == r.MessageID {
				m.Outcome = Unstarted
			}
		}
		for _, r := range result.Throttled {
			if m.MessageID == r.MessageID {
				m.Outcome = Throttled
			}
		}
		if in.Stage == handler.Process && m.Outcome == Pending {
			m.Outcome = Handled
		}
	}
	b.Next = "settle"
	if in.Stage == handler.Transform && len(result.Kept) > 0 {
		return b, l.carry(ctx, &b, result.Kept, fmt.Sprintf("%s/%s/%s.json", l.config.Fleet, in.Execution, request))
	}
	b.Event = message.Event{Records: []message.Record{}}
	return b, nil
}

type courier struct {
	*Lane
	ctx    context.Context
	batch  *Batch
	post   registry.Post
	target handler.Target
	// lastStart is when the last handler may start. One that starts later, as the
	// last of several events, outlasts the state's time-out: what the others did
	// would be lost, and the worker go on beside it.
	lastStart time.Time
	// err says why a handler may not start.
	err error
}

// inTime says whether a handler that starts now ends while this invocation runs.
func (c *courier) inTime(now time.Time) bool {
	deadline, ok := c.ctx.Deadline()
	return !ok || now.Add(c.target.Timeout+overhead).Before(deadline)
}

// mayStart tells the registry that a handler starts: this invocation may have
// outlived its execution, whose slot may be somebody else's by now.
func (c *courier) mayStart() bool {
	now := time.Now()
	if c.err != nil || !c.inTime(now) || now.After(c.lastStart) {
		return false
	}
	busyUntil := now.Add(busyFor(c.config))
	_, c.err = c.registry.ExtendBatch(c.ctx, c.post, c.batch.Seq, now, busyUntil)
	c.batch.BusyUntil = string(registry.At(busyUntil))
	return c.err == nil
}

func (c *courier) mark(failed message.Failures, stage handler.Stage) {
	for i := range c.batch.Messages {
		m := &c.batch.Messages[i]
		if f, ok := failed[m.MessageID]; ok {
			f.Reason = registry.Shorten(f.Reason)
			m.fail(stage, f)
		}
	}
}
