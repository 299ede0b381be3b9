package steps

import (
	"context"
	"errors"
	"time"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/route"
)

// early is how much sooner than SQS shows a message again others may begin one
// like it: the handlers have ended by then, and who receives it again finds it
// free.
const early = 5 * time.Second

// route finds the handler of a batch, which with routes is one message. False
// when no handler gets it: its outcome is known.
func (l *Lane) route(ctx context.Context, b *Batch, records []message.Record) bool {
	if !l.routes.Is() {
		return true
	}
	r, m := records[0], &b.Messages[0]
	arn, matched := l.routes.Handler(r)
	if matched {
		b.Handler = arn
		return true
	}
	m.Unmatched = true
	switch l.config.Unmatched {
	case fleet.ToHandler:
		return true
	case fleet.Drop:
		m.Outcome = Filtered
	default:
		m.Outcome, m.Stage, m.Reason = DeadLettered, route.Stage, route.Unmatched+": moved to the dead-letter queue"
		if err := l.queue.DeadLetter(ctx, l.config.DeadLetterURL, r, l.config.Fifo); err != nil {
			m.fail(route.Stage, message.Failure{Reason: registry.Shorten(route.Unmatched + ", and it could not be moved to the dead-letter queue: " + err.Error())})
		}
	}
	return false
}

// begin begins those messages of a batch that nobody else is doing or has done,
// and returns them. The outcome of the others is known.
func (l *Lane) begin(ctx context.Context, b *Batch, t hold.Task, stage handler.Stage, records []message.Record) ([]message.Record, error) {
	if !l.guard.Is() {
		return records, nil
	}
	task, until := registry.Task{}, time.Now().Add(hiddenFor(l.config, stage)-early)
	if hold.Wanted(l.config) {
		task = registry.Task{MessageID: records[0].MessageID, Worker: t.Worker, Execution: t.Execution, Seq: t.Seq, Request: t.Request}
		until = time.Now().Add(busyFor(l.config))
	}
	begun, err := l.guard.Begin(ctx, records, task, until)
	if err != nil {
		return nil, err
	}
	for _, r := range begun.Done {
		b.item(r).Outcome = Duplicate
	}
	for _, r := range begun.Doing {
		m := b.item(r)
		m.Outcome, m.Until = Elsewhere, begun.Until[r.MessageID]
	}
	for _, r := range begun.Same {
		m := b.item(r)
		m.Outcome, m.Leader = Elsewhere, begun.Leaders[r.MessageID]
	}
	for _, r := range begun.Start {
		a := begun.Attempts[r.MessageID]
		b.item(r).Seen = &a
	}
	return begun.Start, nil
}

// item is the batch's item of a message.
func (b *Batch) item(r message.Record) *Item {
	for i := range b.Messages {
		if b.Messages[i].MessageID == r.MessageID {
			return &b.Messages[i]
		}
	}
	return &Item{} // no message of the batch
}

// settleHere settles a batch of which no message is left for a handler, and polls
// on.
func (l *Lane) settleHere(ctx context.Context, t hold.Task, b *Batch) error {
	counts, err := l.settle(ctx, SettleInput{
		Worker: t.Worker, Execution: t.Execution, At: registry.At(time.Now()), Handler: b.Handler, Seq: t.Seq, Messages: b.Messages,
	})
	if err == nil {
		err = l.registry.CountInPoll(ctx, t.Post, counts)
	}
	if errors.Is(err, registry.ErrRelieved) {
		err = nil // the next poll finds out
	}
	b.Messages, b.Next = []Item{}, "poll"
	return err
}

// follow decides what becomes of messages that are like others of the batch:
// those are done, and so are they, or they are returned to be tried.
func follow(items []Item) {
	done := map[string]bool{}
	for _, m := range items {
		done[m.MessageID] = m.Outcome == Handled || m.Outcome == Filtered
	}
	for i := range items {
		if m := &items[i]; m.Leader != "" && done[m.Leader] {
			m.Outcome = Duplicate
		}
	}
}

// tellGuard says what was handled and what was not, before SQS hears of it: a
// message that is visible again must not find itself begun. It can be repeated.
func (l *Lane) tellGuard(ctx context.Context, items []Item) error {
	var done, free []registry.Attempt
	for _, m := range items {
		switch {
		case m.Seen == nil:
		case m.Outcome == Handled, m.Outcome == Filtered:
			done = append(done, *m.Seen)
		default:
			free = append(free, *m.Seen)
		}
	}
	if len(done)+len(free) == 0 {
		return nil
	}
	return errors.Join(l.guard.Done(ctx, done), l.guard.Release(ctx, free, time.Time{}))
}

// own leaves out the messages that others have begun meanwhile, and keeps the
// rest from them for as long as they are invisible. A task keeps its own.
func (c *courier) own(records []message.Record, invisible time.Duration) []message.Record {
	if !c.guard.Is() || hold.Wanted(c.config) {
		return records
	}
	attempts := map[string]registry.Attempt{}
	for _, r := range records {
		if a := c.batch.item(r).Seen; a != nil {
			attempts[r.MessageID] = *a
		}
	}
	mine := c.guard.Extend(c.ctx, attempts, time.Now().Add(invisible-early))
	var own []message.Record
	for _, r := range records {
		if _, begun := attempts[r.MessageID]; mine[r.MessageID] || !begun {
			own = append(own, r)
		}
	}
	return own
}
