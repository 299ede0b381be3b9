package pump

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
)

const (
	// settlePatience is how long a message of a FIFO queue is tried to be settled,
	// kept invisible meanwhile: to handle it once more would hold up its group.
	settlePatience = time.Minute
	// settleAgain is the pause between two tries.
	settleAgain = 2 * time.Second
)

// settle keeps why messages failed, acknowledges what was handled, here or
// before, filtered or dead-lettered, and returns the rest: what failed after a
// backoff and not before its handler must have ended, what Lambda throttled after
// a while, what another is at when that one must have ended, what was not started
// at once.
func (s *shift) settle(ctx context.Context, e event) error {
	// The messages are settled all the same; a storm of failures must not end
	// the shift because its records are throttled.
	s.note(s.registry.RecordFailures(ctx, time.Now(), slices.Concat(e.failures, e.dead, s.untried(&e))))
	s.conclude(ctx, e)
	last := time.Now().Add(settlePatience)
	if latest := s.end.Add(settleMargin / 2); latest.Before(last) {
		last = latest
	}
	for {
		claimed := s.hand.claim(e.records)
		err := s.answer(ctx, e)
		if err == nil {
			s.room.Release(s.hand.drop(claimed))
			return nil
		}
		s.hand.release(claimed)
		if !s.config.Fifo || ctx.Err() != nil || time.Now().Add(settleAgain).After(last) {
			return errors.Join(err, s.letGo(ctx, e))
		}
		pause(ctx, settleAgain)
	}
}

// letGo makes the messages of a FIFO queue visible that could not be deleted:
// they were kept invisible all the while, and their groups wait for them.
func (s *shift) letGo(ctx context.Context, e event) error {
	if s.config.Fifo && ctx.Err() == nil {
		return s.queue.Return(ctx, e.done(), func(queue.Held) time.Duration { return 0 })
	}
	return nil
}

// done are the messages to delete.
func (e event) done() []queue.Held {
	done := make([]queue.Held, 0, len(e.kept)+len(e.filtered))
	for _, r := range e.kept {
		done = append(done, e.held[r.MessageID])
	}
	for _, id := range e.filtered {
		done = append(done, e.held[id])
	}
	for _, f := range e.dead {
		done = append(done, e.held[f.MessageID])
	}
	return append(done, queue.Hold(e.duplicates)...)
}

// answer tells SQS what became of the messages. It can be repeated.
func (s *shift) answer(ctx context.Context, e event) error {
	var failed []queue.Held
	for _, f := range e.failures {
		failed = append(failed, e.held[f.MessageID])
	}
	err := errors.Join(
		s.queue.Delete(ctx, e.done()),
		s.queue.Return(ctx, queue.Hold(e.throttled), func(h queue.Held) time.Duration { return message.Throttled(h.Receives) }),
		s.queue.Return(ctx, queue.Hold(e.unstarted), func(queue.Held) time.Duration { return 0 }),
	)
	if len(e.elsewhere) > 0 {
		_, hidden := s.queue.Hide(ctx, queue.Hold(e.elsewhere), func(h queue.Held) time.Duration { return max(e.delays[h.MessageID], 0) })
		err = errors.Join(err, hidden)
	}
	if doubt := time.Until(e.doubt); doubt > 0 {
		_, hidden := s.queue.Hide(ctx, failed, func(h queue.Held) time.Duration { return max(e.delays[h.MessageID], doubt) })
		return errors.Join(err, hidden)
	}
	return errors.Join(err, s.queue.Return(ctx, failed, func(h queue.Held) time.Duration { return e.delays[h.MessageID] }))
}
