package pump

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/duplicate"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
)

// slack is how late the first handler of an event may start without telling the
// registry once more. With all else that is added to the handlers' time it stays
// under cover: a message whose worker died is free when it is visible again.
const slack = 10 * time.Second

// runUntil is when handlers have ended that start now and take so long.
func runUntil(lasting time.Duration) time.Time {
	return time.Now().Add(lasting + arrival + registry.ClockMargin)
}

// begin begins those messages of an event that nobody else is doing or has done.
// While the registry cannot say, none is handled.
func (s *shift) begin(ctx context.Context, e *event, lasting time.Duration) {
	if !s.guard.Is() {
		return
	}
	e.until = runUntil(lasting).Add(slack)
	begun, err := s.guard.Begin(ctx, e.kept, registry.Task{}, e.until)
	if err != nil {
		s.note(err)
		e.kept, e.throttled = nil, e.kept
		pause(ctx, reportAgain) // each receive counts towards the dead-letter queue
		return
	}
	e.kept, e.attempts, e.duplicates, e.elsewhere = begun.Start, begun.Attempts, begun.Done, begun.Doing
	e.same, e.leaders = begun.Same, begun.Leaders
	for _, r := range begun.Doing {
		e.delays[r.MessageID] = time.Until(begun.Until[r.MessageID])
	}
}

// follow decides what becomes of messages that are like others of the event:
// those are done, and so are they; or they are returned, to be tried, when the
// others' handler must have ended.
func (e *event) follow() {
	done := map[string]bool{}
	for _, r := range e.kept {
		done[r.MessageID] = true
	}
	for _, id := range e.filtered {
		done[id] = true
	}
	for _, r := range e.same {
		if done[e.leaders[r.MessageID]] {
			e.duplicates = append(e.duplicates, r)
			continue
		}
		e.elsewhere = append(e.elsewhere, r)
		e.delays[r.MessageID] = time.Until(e.doubt)
	}
}

// untried are the reasons of messages that go to the dead-letter queue because
// others were at one like them.
func (s *shift) untried(e *event) (reasons []registry.Failure) {
	for _, r := range e.elsewhere {
		if r.Receives() >= s.config.MaxReceives {
			reasons = append(reasons, s.failure(e, r.MessageID, string(handler.Process), "", duplicate.LastReceive))
		}
	}
	return reasons
}

// own returns the messages that are still the event's to handle, for as long as
// its handlers take from now on.
func (s *shift) own(ctx context.Context, e *event, records []message.Record, lasting time.Duration) []message.Record {
	until := runUntil(lasting)
	if !s.guard.Is() || len(records) == 0 || !until.After(e.until) {
		return records
	}
	attempts := make(map[string]registry.Attempt, len(records))
	for _, r := range records {
		attempts[r.MessageID] = e.attempts[r.MessageID]
	}
	e.until = until.Add(slack)
	mine := s.guard.Extend(ctx, attempts, e.until)
	var own []message.Record
	for _, r := range records {
		if mine[r.MessageID] {
			own = append(own, r)
		}
	}
	return own
}

// conclude tells the registry what was handled and what was not, before SQS
// hears of it: a message that is visible again must not find itself begun. What
// the registry does not take costs a second handling, or time, and no message.
func (s *shift) conclude(ctx context.Context, e event) {
	if len(e.attempts) == 0 {
		return
	}
	var done, free, doubtful []registry.Attempt
	for _, r := range e.kept {
		done = append(done, e.attempts[r.MessageID])
	}
	for _, id := range e.filtered {
		done = append(done, e.attempts[id])
	}
	for _, r := range append(e.unstarted[:len(e.unstarted):len(e.unstarted)], e.throttled...) {
		free = append(free, e.attempts[r.MessageID])
	}
	for _, f := range e.failures {
		if time.Until(e.doubt) > 0 {
			doubtful = append(doubtful, e.attempts[f.MessageID])
		} else {
			free = append(free, e.attempts[f.MessageID])
		}
	}
	s.note(s.guard.Done(ctx, done))
	s.note(s.guard.Release(ctx, free, time.Time{}))
	s.note(s.guard.Release(ctx, doubtful, e.doubt))
}
