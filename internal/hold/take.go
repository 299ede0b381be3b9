package hold

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// Task is the task of one message: that of a worker's batch.
type Task struct {
	registry.Post
	Seq int64
	// Request of the poll that received the message.
	Request string
}

// TooLargeError is why a message can have no task: there is no room for what it
// would carry if it had to be sent again.
type TooLargeError struct{ Err error }

func (e *TooLargeError) Error() string {
	return "the message is too large for a task that may take over 12 hours: " + e.Err.Error()
}
func (e *TooLargeError) Unwrap() error { return e.Err }

// tries at a hold that moves under one's hands.
const tries = 5

// Take takes a received message for its task, which starts only if that is true.
// If not, somebody else may still work on it, and it was hidden until that can be
// known, or it was surplus and is deleted. A *[TooLargeError] says that it can
// never be taken.
//
// The object of a hold that is taken over goes: its message was not kept, and no
// other names it.
//
// A poll that dies before its task starts leaves a hold that is void: the poll's
// next try, or the end of its worker, makes it so.
func (k *Keeper) Take(ctx context.Context, t Task, r message.Record) (bool, error) {
	h := registry.Hold{
		Item: r.MessageID, Worker: t.Worker, Execution: t.Execution, Seq: t.Seq, Request: t.Request,
		ReceiptHandle: r.ReceiptHandle, Received: r.Received.UnixMilli(), Receives: r.Receives(),
	}
	if k.mayOutlast(keepAfter) {
		switch err := queue.Room(r); {
		case err == nil:
			h.Object = objectKey(k.config.Fleet, h)
		case k.mayOutlast(message.MaxVisibility):
			return false, &TooLargeError{err}
		}
	}
	over := registry.Hold{}
	for try := 1; ; try++ {
		_, err := k.registry.TakeHold(ctx, h, over)
		if err == nil {
			break
		}
		if !errors.Is(err, registry.ErrMoved) || try == tries {
			return false, err
		}
		old, found, err := k.registry.ReadHold(ctx, h.Item)
		if err != nil {
			return false, err
		}
		if over = old; !found {
			continue
		}
		if free, err := k.free(ctx, old, r); !free || err != nil {
			return false, err
		}
	}
	var left error
	if over.Object != h.Object {
		left = k.forget(ctx, over.Object)
	}
	if h.Object == "" {
		return true, left
	}
	return true, errors.Join(left, k.store(ctx, h.Object, r))
}

// free says whether another's hold can be taken over. If not it puts the message
// away that was just received.
func (k *Keeper) free(ctx context.Context, h registry.Hold, r message.Record) (bool, error) {
	received := queue.Hold([]message.Record{r})
	if h.Kept {
		if h.ClaimedAt == 0 {
			// Nobody had begun to send it when this was read: what was received
			// before is not what is going to be sent.
			return false, k.queue.Delete(ctx, received)
		}
		return false, k.hide(ctx, received, claimAge)
	}
	w, _, err := k.registry.Worker(ctx, h.Worker)
	if err != nil {
		return false, err
	}
	if !h.Stands(w) {
		return true, nil
	}
	end, err := k.ended(ctx, h.Execution)
	if err != nil {
		return false, errors.Join(err, k.hide(ctx, received, k.leaseTime()))
	}
	if end.IsZero() {
		_, err := k.registry.RenewHold(ctx, h, r.ReceiptHandle, r.Received)
		if errors.Is(err, registry.ErrMoved) {
			// The next receive finds out.
			err = nil
		}
		return false, errors.Join(err, k.hide(ctx, received, k.leaseTime()))
	}
	if wait := time.Until(Over(k.config, end)); wait > 0 {
		return false, k.hide(ctx, received, wait)
	}
	return true, nil
}

// leaseTime is for how long from now on a message is hidden whose task runs.
func (k *Keeper) leaseTime() time.Duration { return Linger(k.config) + lease }

func (k *Keeper) hide(ctx context.Context, held []queue.Held, d time.Duration) error {
	_, err := k.queue.Hide(ctx, held, func(queue.Held) time.Duration { return d })
	return err
}

// ended is when an execution ended. Zero while it runs, and where that is not
// known: one that does not exist is not known to have ended.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
func (k *Keeper) ended(ctx context.Context, execution string) (time.Time, error) {
	arn := strings.Replace(k.machine, ":stateMachine:", ":execution:", 1) + ":" + execution
	out, err := k.executions.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	var missing *types.ExecutionDoesNotExist
	if errors.As(err, &missing) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("look up worker execution %s: %w", execution, err)
	}
	return aws.ToTime(out.StopDate), nil
}
