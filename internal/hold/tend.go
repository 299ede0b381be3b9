package hold

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

const (
	// together is how many holds a tick tends at a time, beside hiding messages.
	together = 16
	// tendWithin is how long that takes at most: thousands of messages that were
	// received at once are to be kept at once, and a tick has more to do. The next
	// one goes on.
	tendWithin = 20 * time.Second
)

// Due says whether a tick hides a held message on, and so must know whether its
// worker's execution runs.
func Due(h registry.Hold, now time.Time) bool {
	return !h.Kept && now.Sub(h.ReceivedAt()) >= fresh
}

// Tend is a tick's work on the holds, with the workers as they are: all that were
// read after the holds, and are known to have ended or not. by names the tick.
//
// It hides on what is held by workers that run, without counting on the next
// tick alone: a message stays invisible for the heartbeat time-out and 45 seconds
// more. Ticks that are farther apart leave that to the beats of the task. It
// takes out of the queue what SQS would let go of, sends again what was kept for
// tasks that are over, and clears away what is void.
//
// Ticks may run twice, or at once: every write is conditional, and what is sent
// is claimed first, so by must be another each time. The errors of some do not
// keep it from the others. Hiding comes first, for all: however much else there is
// to do, and whatever of that fails, nothing that runs becomes visible meanwhile.
func (k *Keeper) Tend(ctx context.Context, by string, now time.Time, holds []registry.Hold, workers map[string]registry.Worker) error {
	runs := func(h registry.Hold) bool {
		w := workers[h.Worker]
		return h.Stands(w) && !w.Ended
	}
	var hide []queue.Held
	for _, h := range holds {
		if runs(h) && Due(h, now) {
			hide = append(hide, inQueue(h)...)
		}
	}
	_, err := k.queue.Hide(ctx, hide, func(queue.Held) time.Duration { return k.leaseTime() })
	errs := []error{err, k.show(ctx, hide)}

	ctx, done := context.WithTimeout(ctx, tendWithin)
	defer done()
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(together)
	for _, h := range holds {
		all.Go(func() error {
			if err := k.tend(ctx, by, now, h, workers[h.Worker], runs(h)); err != nil && !errors.Is(err, registry.ErrMoved) {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
			return nil // the others are tended all the same
		})
	}
	_ = all.Wait() // no error is returned
	return errors.Join(errs...)
}

// tend does what is to be done about one hold, beside hiding its message.
func (k *Keeper) tend(ctx context.Context, by string, now time.Time, h registry.Hold, w registry.Worker, runs bool) error {
	switch {
	case runs && h.Object != "" && !h.Kept && now.Sub(h.ReceivedAt()) >= keepAfter:
		_, err := k.keep(ctx, h)
		return err
	case runs:
	case h.Kept:
		return k.resend(ctx, by, now, h, w)
	case !h.Stands(w):
		if err := k.registry.EndHold(ctx, h); err != nil {
			return err
		}
		return k.forget(ctx, h.Object)
	}
	return nil
}

// show makes visible what a tick hid and somebody had returned meanwhile: it
// would be back too late. Whoever has received it since either holds it, or takes
// a hold before anything starts.
func (k *Keeper) show(ctx context.Context, hidden []queue.Held) error {
	if len(hidden) == 0 {
		return nil
	}
	holds, err := k.registry.Holds(ctx)
	if err != nil {
		return err
	}
	held := make(map[string]bool, len(holds))
	for _, h := range holds {
		held[h.Item] = true
	}
	over := slices.DeleteFunc(hidden, func(m queue.Held) bool { return held[m.MessageID] })
	return k.queue.Return(ctx, over, func(queue.Held) time.Duration { return 0 })
}

// resend sends a kept message whose task is over, or will be within the delay
// that SQS allows: so that it is back in time, whenever the next tick comes.
func (k *Keeper) resend(ctx context.Context, by string, now time.Time, h registry.Hold, w registry.Worker) error {
	if now.Sub(h.Claimed()) < claimAge {
		return nil
	}
	due := h.DueAt()
	if h.Stands(w) {
		end, err := k.ended(ctx, h.Execution)
		if err != nil {
			return err
		}
		due = time.UnixMilli(w.BusyUntil)
		if !end.IsZero() {
			due = Over(k.config, end)
		}
	}
	if due.Sub(now) > maxDelay {
		return nil
	}
	if h.Receives >= k.config.MaxReceives {
		if due.After(now) {
			return nil
		}
		if err := k.recordLoss(ctx, h, now); err != nil {
			return err
		}
	}
	return k.send(ctx, h, by, due.Sub(now))
}
