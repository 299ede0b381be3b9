package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/guregu/dynamo/v2"
)

// Hold says who works on a message whose worker waits for a task token or a job.
// It stands as long as its worker's item says the same: a hold that nobody ended
// is void once the worker has polled again, settled, or gone.
type Hold struct {
	Fleet string `dynamo:"Fleet,hash"`
	// Item is the message's ID.
	Item string `dynamo:"Item,range"`
	// Worker's uuid, and the name of its execution.
	Worker    string
	Execution string
	// Seq of the batch, Request of the poll that received it.
	Seq     int64
	Request string
	// ReceiptHandle of the message's newest receive.
	ReceiptHandle string
	// Received is when that was, in milliseconds since 1970: SQS's 12 hours count
	// from then.
	Received int64
	// Receives is how often the message has been received, before it was sent
	// again too.
	Receives int
	// Object is the key of the message in the bucket. Empty where its task ends
	// before SQS lets go of it.
	Object string `dynamo:",omitempty"`
	// Kept is true once the message is here and no longer in its queue.
	Kept bool
	// Claim names who sends the message again, ClaimedAt is when that began, in
	// milliseconds since 1970. 0 if nobody does.
	Claim     string `dynamo:",omitempty"`
	ClaimedAt int64
	// Due is when a kept message whose task failed may be sent again, in
	// milliseconds since 1970. 0 for at once.
	Due int64
}

// MessageID is the message's ID.
func (h Hold) MessageID() string { return h.Item }

// WorkerItem is the item of the worker whose task it is.
func (h Hold) WorkerItem() string { return workerPrefix + h.Worker }

// ReceivedAt is when the message was received last.
func (h Hold) ReceivedAt() time.Time { return time.UnixMilli(h.Received) }

// Claimed is when somebody began to send the message again. Zero if nobody did.
func (h Hold) Claimed() time.Time {
	if h.ClaimedAt == 0 {
		return time.Time{}
	}
	return time.UnixMilli(h.ClaimedAt)
}

// DueAt is when a kept message may be sent again. Long ago for at once.
func (h Hold) DueAt() time.Time { return time.UnixMilli(h.Due) }

// Stands says whether the worker's item says the same as the hold. The item must
// have been read after the hold.
func (h Hold) Stands(w Worker) bool {
	return w.Item == h.WorkerItem() && w.Holder == h.Execution && w.Seq == h.Seq && w.Poll == h.Request && w.Settled < h.Seq
}

// task says whether both are holds for the same task.
func (h Hold) task(other Hold) bool {
	return h.Worker == other.Worker && h.Execution == other.Execution && h.Seq == other.Seq && h.Request == other.Request
}

func (r *Registry) heldPartition() string { return r.fleet + "#held" }

// TakeHold takes a message for a task, if over is as it was read: the void hold
// in its place, or the zero Hold for none. [ErrMoved] if not. What is kept is
// never taken over: it would be lost.
//
// A reply that was lost is told by reading: the hold is ours. Running it twice is
// the same. A poll that dies right after leaves a hold that is void with the
// poll's next try, or with its worker.
func (r *Registry) TakeHold(ctx context.Context, h, over Hold) (Hold, error) {
	h.Fleet = r.heldPartition()
	put := r.table.Put(h)
	if over.Item == "" {
		put.If("attribute_not_exists($)", "Item")
	} else {
		holdAsRead(put, over).If("$ = ?", "Kept", false)
	}
	err := put.Run(ctx)
	if dynamo.IsCondCheckFailed(err) {
		mine, found, err := r.ReadHold(ctx, h.Item)
		if err == nil && (!found || !mine.task(h)) {
			err = ErrMoved
		}
		return mine, err
	}
	if err != nil {
		return h, fmt.Errorf("take message %s: %w", h.Item, err)
	}
	return h, nil
}

// ReadHold reads the hold of a message.
func (r *Registry) ReadHold(ctx context.Context, messageID string) (h Hold, found bool, err error) {
	err = r.table.Get("Fleet", r.heldPartition()).Range("Item", dynamo.Equal, messageID).Consistent(true).One(ctx, &h)
	switch {
	case errors.Is(err, dynamo.ErrNotFound):
		return h, false, nil
	case err != nil:
		return h, false, fmt.Errorf("read who holds message %s: %w", messageID, err)
	}
	return h, true, nil
}

// Holds reads all holds. Which of them stand is told by workers that are read
// after it.
func (r *Registry) Holds(ctx context.Context) ([]Hold, error) {
	var holds []Hold
	err := r.table.Get("Fleet", r.heldPartition()).Consistent(true).All(ctx, &holds)
	if err != nil && !errors.Is(err, dynamo.ErrNotFound) {
		return nil, fmt.Errorf("read the messages that are held: %w", err)
	}
	return holds, nil
}

// Kept is how many messages are here and no longer in their queue: without ticks
// they never come back.
func (r *Registry) Kept(ctx context.Context) (int, error) {
	holds, err := r.Holds(ctx)
	kept := 0
	for _, h := range holds {
		if h.Kept {
			kept++
		}
	}
	return kept, err
}

// Worker reads a worker's item. False if its slot is free.
func (r *Registry) Worker(ctx context.Context, id string) (w Worker, found bool, err error) {
	err = r.table.Get("Fleet", r.fleet).Range("Item", dynamo.Equal, workerPrefix+id).Consistent(true).One(ctx, &w)
	switch {
	case errors.Is(err, dynamo.ErrNotFound):
		return w, false, nil
	case err != nil:
		return w, false, fmt.Errorf("read worker %s: %w", id, err)
	}
	return w, true, nil
}

// RenewHold notes a later receive of a message that stays with its task: only the
// newest receipt handle counts. [ErrMoved] when the hold is not as it was read.
//
// Once more is harmless. One that is lost leaves the older handle, by which SQS
// may do nothing: the message becomes visible, and the next poll tries again.
func (r *Registry) RenewHold(ctx context.Context, h Hold, receiptHandle string, received time.Time) (Hold, error) {
	u := holdAsRead(r.changeHold(h), h).Set("ReceiptHandle", receiptHandle).Set("Received", received.UnixMilli())
	return r.writeHold(ctx, h, u, func(now Hold) bool { return now.ReceiptHandle == receiptHandle })
}

// KeepHold says that the message is here: from now on it may be deleted from its
// queue. [ErrMoved] when the hold is not as it was read, or has no object.
//
// Once more is harmless. Who dies right after leaves the message in its queue
// too, where the next poll that finds it deletes it.
func (r *Registry) KeepHold(ctx context.Context, h Hold) (Hold, error) {
	u := holdAsRead(r.changeHold(h), h).If("attribute_exists($)", "Object").Set("Kept", true)
	return r.writeHold(ctx, h, u, func(now Hold) bool { return now.Kept && now.ClaimedAt == 0 })
}

// ClaimHold says who sends a kept message again, so that only one does.
// [ErrMoved] when the hold is not as it was read: another was quicker.
//
// Once more is harmless for the same name. Who dies between the claim and the
// sending leaves it to whoever finds the claim too old. Who dies between the
// sending and [Registry.EndHold] has it sent twice.
func (r *Registry) ClaimHold(ctx context.Context, h Hold, by string, now time.Time) (Hold, error) {
	u := holdAsRead(r.changeHold(h), h).If("$ = ?", "Kept", true).Set("Claim", by).Set("ClaimedAt", now.UnixMilli())
	return r.writeHold(ctx, h, u, func(now Hold) bool { return now.Claim == by })
}

// PostponeHold says that a kept message may be sent again at a later time, once
// its worker has settled it. [ErrMoved] when the hold is not as it was read. Once
// more is harmless.
func (r *Registry) PostponeHold(ctx context.Context, h Hold, due time.Time) (Hold, error) {
	u := holdAsRead(r.changeHold(h), h).If("$ = ?", "Kept", true).Set("Due", due.UnixMilli())
	return r.writeHold(ctx, h, u, func(now Hold) bool { return now.Due == due.UnixMilli() })
}

// EndHold ends a hold, if it is as it was read: what was kept meanwhile must be
// sent again first, and the answer is [ErrMoved]. Where it is gone, or another
// task's, there is nothing to end, so once more is harmless.
func (r *Registry) EndHold(ctx context.Context, h Hold) error {
	err := holdAsRead(r.table.Delete("Fleet", r.heldPartition()).Range("Item", h.Item), h).Run(ctx)
	if !dynamo.IsCondCheckFailed(err) {
		if err != nil {
			return fmt.Errorf("end the hold of message %s: %w", h.Item, err)
		}
		return nil
	}
	now, found, err := r.ReadHold(ctx, h.Item)
	if err == nil && found && now.task(h) {
		err = ErrMoved
	}
	return err
}

func (r *Registry) changeHold(h Hold) *dynamo.Update {
	return r.table.Update("Fleet", r.heldPartition()).Range("Item", h.Item)
}

// writeHold runs a conditional update. Where the condition failed it reads the
// hold: mine tells whether the write was ours and its reply lost.
func (r *Registry) writeHold(ctx context.Context, h Hold, u *dynamo.Update, mine func(Hold) bool) (Hold, error) {
	var now Hold
	err := u.Value(ctx, &now)
	if err == nil {
		return now, nil
	}
	if !dynamo.IsCondCheckFailed(err) {
		return now, fmt.Errorf("change the hold of message %s: %w", h.Item, err)
	}
	now, found, err := r.ReadHold(ctx, h.Item)
	if err == nil && (!found || !now.task(h) || !mine(now)) {
		err = ErrMoved
	}
	return now, err
}

// holdAsRead lets a write happen only while the hold is as it was read.
func holdAsRead[T conditional[T]](write T, h Hold) T {
	return write.If("$ = ? AND $ = ? AND $ = ? AND $ = ? AND $ = ? AND $ = ? AND $ = ?",
		"Worker", h.Worker, "Execution", h.Execution, "Seq", h.Seq, "Request", h.Request,
		"ReceiptHandle", h.ReceiptHandle, "Kept", h.Kept, "ClaimedAt", h.ClaimedAt)
}
