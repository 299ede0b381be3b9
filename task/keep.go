package task

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// again is how soon a beat is tried again that did not get through.
const again = 5 * time.Second

// Keep beats until stop is called, three times in each heartbeat time-out, the
// first time at once. The context that it returns ends when the task must: with
// stop, with its parent, or when the message is no longer the task's. Its
// [context.Cause] then is [ErrGone]. Work with that context, and stop with it.
//
// stop returns once no beat is under way, and can be called more than once.
func (t *Task) Keep(ctx context.Context) (working context.Context, stop func()) {
	kept, cancel := context.WithCancelCause(ctx)
	if t.token == "" {
		return kept, func() { cancel(context.Canceled) }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		cancel(t.keep(kept))
	}()
	return kept, func() {
		cancel(context.Canceled)
		<-done
	}
}

// keep beats until the context ends or the task must.
func (t *Task) keep(ctx context.Context) error {
	for {
		until := t.lastBeat().Add(t.heartbeat)
		attempt, done := context.WithDeadline(ctx, until)
		err := t.Beat(attempt)
		done()
		pause := t.heartbeat / 3
		switch {
		case errors.Is(err, ErrGone):
			return err
		case err != nil && !time.Now().Before(until):
			return fmt.Errorf("%w: no beat got through for %s: %w", ErrGone, t.heartbeat, err)
		case err != nil:
			pause = min(pause, again, time.Until(until))
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

func (t *Task) lastBeat() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.beaten
}
