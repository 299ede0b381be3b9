package hold

import (
	"context"
	"errors"
	"time"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// keep takes a message out of its queue: the hold says so first. It does not
// where the object is missing. [registry.ErrMoved] when the hold is not as it was
// read.
//
// Who dies between leaves it in the queue too, which harms nobody: the poll that
// receives it deletes it.
func (k *Keeper) keep(ctx context.Context, h registry.Hold) (registry.Hold, error) {
	there, err := k.stored(ctx, h.Object)
	if !there || err != nil {
		return h, err
	}
	if h, err = k.registry.KeepHold(ctx, h); err != nil {
		return h, err
	}
	return h, k.queue.Delete(ctx, inQueue(h))
}

// inQueue is the message of a hold as the queue knows it.
func inQueue(h registry.Hold) []queue.Held {
	return []queue.Held{{MessageID: h.Item, ReceiptHandle: h.ReceiptHandle, Receives: h.Receives, Received: h.ReceivedAt()}}
}

// send sends a kept message again, visible after a delay of at most 15 minutes,
// and ends its hold: to its queue, or to the dead-letter queue if it was received
// as often as it may be. by names who does it.
//
// The object goes before the hold: whoever finds a hold without one knows that
// the message was sent.
func (k *Keeper) send(ctx context.Context, h registry.Hold, by string, delay time.Duration) error {
	h, err := k.registry.ClaimHold(ctx, h, by, time.Now())
	if err != nil {
		return err
	}
	r, found, err := k.load(ctx, h.Object)
	if err != nil {
		return err
	}
	if found {
		if h.Receives >= k.config.MaxReceives {
			// What is redriven from there begins anew, as by SQS's own redrive.
			err = k.dead.SendAgain(ctx, r, 0, 0)
		} else {
			err = k.queue.SendAgain(ctx, r, h.Receives, max(delay, settled))
		}
		if err != nil {
			return err
		}
		if err := k.forget(ctx, h.Object); err != nil {
			return err
		}
	}
	return k.registry.EndHold(ctx, h)
}

// recordLoss keeps why a message goes to the dead-letter queue that no handler
// failed.
func (k *Keeper) recordLoss(ctx context.Context, h registry.Hold, now time.Time) error {
	return k.registry.RecordFailures(ctx, now, []registry.Failure{{
		MessageID: h.Item, Receives: h.Receives, Worker: h.Execution, Stage: string(handler.Process), Handler: k.config.Process.ARN,
		Reason: "its worker ended while its task ran",
	}})
}

// End is how the task of a message ended.
type End struct {
	// Done is true of a message that is acknowledged.
	Done bool
	// Delay is how long any other stays invisible.
	Delay time.Duration
}

// Release settles the message of a task that is over: it is deleted, or returned
// after a delay, wherever it is. The request of the task need not be known. It
// can be repeated; only who dies between sending a kept message and noting it has
// it sent twice.
func (k *Keeper) Release(ctx context.Context, t Task, m queue.Held, end End) error {
	var err error
	for range tries {
		var h registry.Hold
		var found bool
		if h, found, err = k.registry.ReadHold(ctx, m.MessageID); err != nil {
			return err
		}
		mine := found && h.Worker == t.Worker && h.Execution == t.Execution && h.Seq == t.Seq
		switch {
		case end.Done:
			err = k.done(ctx, t, m, h, mine)
		case found && !mine:
			// Returned before, it is somebody else's by now.
			return nil
		case !found:
			err = k.giveBack(ctx, t, m, end.Delay)
		default:
			err = k.failed(ctx, t, m, h, end.Delay)
		}
		if !errors.Is(err, registry.ErrMoved) {
			return err
		}
	}
	return err
}

// done deletes the message by every handle there is. What is kept needs no
// deleting, but may not have been deleted yet.
func (k *Keeper) done(ctx context.Context, t Task, m queue.Held, h registry.Hold, mine bool) error {
	held := []queue.Held{m}
	if mine && h.ReceiptHandle != m.ReceiptHandle {
		held = append(held, inQueue(h)...)
	}
	if err := k.queue.Delete(ctx, held); err != nil {
		return err
	}
	if !mine {
		return k.forgetTask(ctx, t, m)
	}
	if err := k.registry.EndHold(ctx, h); err != nil {
		return err
	}
	return k.forget(ctx, h.Object)
}

// failed returns a message that is held.
func (k *Keeper) failed(ctx context.Context, t Task, m queue.Held, h registry.Hold, delay time.Duration) error {
	var err error
	// SQS does not know of the receives before it was sent again.
	if !h.Kept && m.Carried > 0 && h.Receives >= k.config.MaxReceives && h.Object != "" {
		if h, err = k.keep(ctx, h); err != nil {
			return err
		}
	}
	switch {
	case !h.Kept:
		// First the hold: nobody can keep it from here on, and what then is not
		// returned becomes visible by itself.
		if err := k.registry.EndHold(ctx, h); err != nil {
			return err
		}
		m.ReceiptHandle, m.Received = h.ReceiptHandle, h.ReceivedAt()
		return k.giveBack(ctx, t, m, delay)
	case h.ClaimedAt != 0 && h.Claim != t.Execution:
		// A tick that knows that the execution has ended sends it.
		return nil
	case delay > maxDelay && h.Receives < k.config.MaxReceives:
		_, err := k.registry.PostponeHold(ctx, h, time.Now().Add(delay))
		return err
	}
	return k.send(ctx, h, t.Execution, delay)
}

func (k *Keeper) giveBack(ctx context.Context, t Task, m queue.Held, delay time.Duration) error {
	err := k.queue.Return(ctx, []queue.Held{m}, func(queue.Held) time.Duration { return delay })
	return errors.Join(err, k.forgetTask(ctx, t, m))
}

// forgetTask deletes the task's object, where its hold is gone.
func (k *Keeper) forgetTask(ctx context.Context, t Task, m queue.Held) error {
	if !k.mayOutlast(keepAfter) {
		return nil
	}
	return k.forget(ctx, objectKey(k.config.Fleet, registry.Hold{Item: m.MessageID, Execution: t.Execution, Seq: t.Seq}))
}
