package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"
	"github.com/guregu/dynamo/v2"
)

// Snapshot is what a tick reads: control first, then the workers, so that a
// version that still holds at the write proves that no slot was added since.
type Snapshot struct {
	Control Control
	Workers []Worker
}

// Snapshot reads the control item and then all workers, both consistently.
func (r *Registry) Snapshot(ctx context.Context) (Snapshot, error) {
	var s Snapshot
	err := r.table.Get("Fleet", r.fleet).Range("Item", dynamo.Equal, controlItem).Consistent(true).One(ctx, &s.Control)
	if err != nil && !errors.Is(err, dynamo.ErrNotFound) {
		return s, fmt.Errorf("read the registry's control item: %w", err)
	}
	err = r.table.Get("Fleet", r.fleet).Range("Item", dynamo.BeginsWith, workerPrefix).Consistent(true).All(ctx, &s.Workers)
	if err != nil && !errors.Is(err, dynamo.ErrNotFound) {
		return s, fmt.Errorf("read the registry's workers: %w", err)
	}
	return s, nil
}

// maxActions of one transaction: 100, one of which is the control item's.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
const maxActions = 99

// Change is what a tick does to the slots.
type Change struct {
	// Control as it shall be. Its Version is set by Commit.
	Control Control
	// Free are the slots to free, as they were read.
	Free []Worker
	// Reserve are the slots to take.
	Reserve []Worker
}

// NewWorker makes a reservation: a slot for a worker with an ID of its own.
func NewWorker(now time.Time) Worker {
	id := uuid.NewString()
	return Worker{
		Item:       workerPrefix + id,
		State:      Reserved,
		Holder:     HolderName(id, 1),
		Generation: 1,
		Orders:     CarryOn,
		ReservedAt: At(now),
		ReportedAt: At(now),
	}
}

// Commit frees and reserves slots and moves the control item's version, as one
// transaction: all of it happens, or [ErrMoved] and nothing. A change of more
// than 99 slots goes in several, each of which keeps the cap, because slots are
// freed before others are taken.
func (r *Registry) Commit(ctx context.Context, read Control, change Change) error {
	version := read.Version
	for {
		free := change.Free[:min(len(change.Free), maxActions)]
		reserve := change.Reserve[:min(len(change.Reserve), maxActions-len(free))]
		change.Free, change.Reserve = change.Free[len(free):], change.Reserve[len(reserve):]
		if err := r.commit(ctx, version, change.Control, free, reserve); err != nil {
			return err
		}
		version++
		if len(change.Free)+len(change.Reserve) == 0 {
			return nil
		}
	}
}

func (r *Registry) commit(ctx context.Context, version int64, control Control, free, reserve []Worker) error {
	control.Fleet, control.Item, control.Version = r.fleet, controlItem, version+1
	put := r.table.Put(control)
	if version == 0 {
		put.If("attribute_not_exists($)", "Version")
	} else {
		put.If("$ = ?", "Version", version)
	}
	// The token makes a repeated request after a lost reply succeed once more
	// instead of failing its own condition.
	tx := r.db.WriteTx().IdempotentWithToken(uuid.NewString()).Put(put)
	for _, w := range free {
		tx.Delete(asRead(r.table.Delete("Fleet", r.fleet).Range("Item", w.Item), w))
	}
	for _, w := range reserve {
		w.Fleet = r.fleet
		tx.Put(r.table.Put(w).If("attribute_not_exists($)", "Item"))
	}
	err := tx.Run(ctx)
	var cancelled *types.TransactionCanceledException
	if errors.As(err, &cancelled) && failedCondition(cancelled) {
		return ErrMoved
	}
	if err != nil {
		return fmt.Errorf("change %d slots of the registry: %w", len(free)+len(reserve), err)
	}
	return nil
}

func failedCondition(e *types.TransactionCanceledException) bool {
	for _, reason := range e.CancellationReasons {
		if reason.Code != nil && *reason.Code == "ConditionalCheckFailed" {
			return true
		}
	}
	return false
}

type conditional[T any] interface {
	If(expr string, args ...any) T
}

// asRead lets a write happen only while the item is as it was read.
func asRead[T conditional[T]](write T, w Worker) T {
	return write.If("$ = ? AND $ = ? AND $ = ? AND $ = ?",
		"State", w.State, "ReportedAt", w.ReportedAt, "Holder", w.Holder, "BusyUntil", w.BusyUntil)
}

// MarkEnded keeps what a tick has learned: the holder's execution has ended.
// What it started may run until busyUntil, in milliseconds since 1970. A pump
// that outlived its execution finds the order to drain at its next report, a
// courier starts no more handlers.
func (r *Registry) MarkEnded(ctx context.Context, w Worker, busyUntil int64) (Worker, error) {
	u := r.table.Update("Fleet", r.fleet).Range("Item", w.Item).
		Set("Ended", true).Set("Orders", Drain).Set("BusyUntil", busyUntil)
	return r.update(ctx, asRead(u, w), "mark worker "+w.ID()+" as ended")
}

// Order leaves orders for a worker, which its next report brings back. For
// [HandOver] the input and revision of the successor come with them.
func (r *Registry) Order(ctx context.Context, w Worker, orders Orders) (Worker, error) {
	u := r.table.Update("Fleet", r.fleet).Range("Item", w.Item).
		Set("Orders", orders).Set("Input", w.Input).Set("Revision", w.Revision).
		If("$ = ? AND $ = ?", "Holder", w.Holder, "State", w.State)
	return r.update(ctx, u, "leave orders for worker "+w.ID())
}

// SetStay says whether a worker goes home when idle.
func (r *Registry) SetStay(ctx context.Context, w Worker, stay bool) (Worker, error) {
	u := r.table.Update("Fleet", r.fleet).Range("Item", w.Item).
		Set("Stay", stay).If("attribute_exists($)", "Holder")
	return r.update(ctx, u, "tell worker "+w.ID()+" whether to stay")
}

func (r *Registry) update(ctx context.Context, u *dynamo.Update, what string) (Worker, error) {
	var now Worker
	err := u.Value(ctx, &now)
	if dynamo.IsCondCheckFailed(err) {
		return now, ErrMoved
	}
	if err != nil {
		return now, fmt.Errorf("%s: %w", what, err)
	}
	return now, nil
}
