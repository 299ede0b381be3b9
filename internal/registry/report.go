package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/guregu/dynamo/v2"
)

// Post is a worker's place in the registry, as its execution names it.
type Post struct {
	// Worker is the worker's uuid.
	Worker string
	// Execution is the name of the execution that speaks for it.
	Execution string
}

func (r *Registry) at(p Post) *dynamo.Update {
	return r.table.Update("Fleet", r.fleet).Range("Item", workerPrefix+p.Worker).
		If("$ = ?", "Holder", p.Execution)
}

// read returns the worker's item, or [ErrRelieved] if it is not the post's.
func (r *Registry) read(ctx context.Context, p Post) (Worker, error) {
	var w Worker
	err := r.table.Get("Fleet", r.fleet).Range("Item", dynamo.Equal, workerPrefix+p.Worker).Consistent(true).One(ctx, &w)
	if errors.Is(err, dynamo.ErrNotFound) || err == nil && w.Holder != p.Execution {
		return w, ErrRelieved
	}
	if err != nil {
		return w, fmt.Errorf("read worker %s: %w", p.Worker, err)
	}
	return w, nil
}

func (r *Registry) write(ctx context.Context, p Post, u *dynamo.Update) (Worker, error) {
	var w Worker
	err := u.Value(ctx, &w)
	switch {
	case dynamo.IsCondCheckFailed(err):
		return w, ErrRelieved
	case err != nil:
		return w, fmt.Errorf("report of worker %s: %w", p.Worker, err)
	}
	return w, nil
}

// TakeShift makes the pump with this token the one that works for the worker,
// and says until when what it starts may run. While an earlier pump may run it
// fails with a [HeldError]. Repeating it with the same token is harmless; a
// repetition that arrives late takes back nothing that was said since.
func (r *Registry) TakeShift(ctx context.Context, p Post, token string, now, busyUntil time.Time) (Worker, error) {
	until := busyUntil.UnixMilli()
	w, err := r.write(ctx, p, r.at(p).
		Set("Token", token).Set("BusyUntil", until).
		Set("State", Working).Set("ReportedAt", At(now)).
		If("attribute_not_exists($) OR ($ = ? AND $ <= ?) OR $ <= ?",
			"Token", "Token", token, "BusyUntil", until, "BusyUntil", now.UnixMilli()))
	if !errors.Is(err, ErrRelieved) {
		return w, err
	}
	if w, err = r.read(ctx, p); err != nil {
		return w, err
	}
	return w, &HeldError{Until: time.UnixMilli(w.BusyUntil)}
}

// ReportShift is a pump's report home: it still works, has done this much, and
// what it starts may run until busyUntil. The worker that comes back carries the
// orders. [ErrRelieved] when another pump or execution has taken its place, or
// a later report has promised more.
func (r *Registry) ReportShift(ctx context.Context, p Post, token string, now, busyUntil time.Time, c Counts) (Worker, error) {
	until := busyUntil.UnixMilli()
	return r.write(ctx, p, c.set(r.at(p)).
		Set("BusyUntil", until).Set("ReportedAt", At(now)).
		If("$ = ? AND $ <= ?", "Token", token, "BusyUntil", until))
}

// EndShift takes back what the pump said about handlers: all have returned.
func (r *Registry) EndShift(ctx context.Context, p Post, token string, now time.Time, c Counts) (Worker, error) {
	c.InHand, c.InHandMessages, c.Holding = 0, 0, nil
	w, err := r.write(ctx, p, c.set(r.at(p)).
		Set("BusyUntil", 0).Set("ReportedAt", At(now)).Set("LastToken", token).Remove("Token").
		If("$ = ?", "Token", token))
	if !errors.Is(err, ErrRelieved) {
		return w, err
	}
	// The write may have been ours, its reply lost.
	if w, err = r.read(ctx, p); err != nil {
		return w, err
	}
	if w.Token == "" && w.LastToken == token {
		return w, nil
	}
	return w, ErrRelieved
}

func (c Counts) set(u *dynamo.Update) *dynamo.Update {
	if len(c.Holding) == 0 {
		u.Remove("Holding")
	} else {
		u.Set("Holding", c.Holding[:min(len(c.Holding), MaxHolding)])
	}
	return u.Set("Handled", c.Handled).Set("Failed", c.Failed).Set("Filtered", c.Filtered).
		Set("Duplicates", c.Duplicates).Set("Unmatched", c.Unmatched).
		Set("InHand", c.InHand).Set("InHandMessages", c.InHandMessages).Set("Rate", c.Rate).Set("Took", c.Took).
		Set("Throttled", c.Throttled).Set("Events", c.Events).Set("BusySeconds", c.BusySeconds)
}

// Try is one try of a poll.
type Try struct {
	// Number counts the tries before it.
	Number int
	// Request names it.
	Request string
}

// BeginBatch is a poll's report home in the steps lane: before it receives, it
// says until when the handlers of what it finds may run. Repeating it with the
// same seq is harmless, an older seq or try finds itself relieved. The holds of an
// earlier try are void from here on; one that arrives late must not make void those
// of a later one, whose task runs.
func (r *Registry) BeginBatch(ctx context.Context, p Post, seq int64, t Try, now, busyUntil time.Time) (Worker, error) {
	return r.write(ctx, p, r.at(p).
		Set("Seq", seq).Set("Poll", t.Request).Set("Try", t.Number).Set("BusyUntil", busyUntil.UnixMilli()).
		Set("State", Working).Set("ReportedAt", At(now)).
		If("$ < ? OR ($ = ? AND (attribute_not_exists($) OR $ <= ?))", "Seq", seq, "Seq", seq, "Try", "Try", t.Number))
}

// ExtendBatch says that a handler of the batch is about to start and may run
// until busyUntil. Once the batch was settled or the execution is known to have
// ended it is too late.
func (r *Registry) ExtendBatch(ctx context.Context, p Post, seq int64, now, busyUntil time.Time) (Worker, error) {
	return r.write(ctx, p, r.at(p).
		Set("BusyUntil", busyUntil.UnixMilli()).Set("ReportedAt", At(now)).
		If("$ = ? AND $ < ? AND $ = ?", "Seq", seq, "Settled", seq, "Ended", false))
}

// CountInPoll adds to a worker's counts what a poll settled by itself. One whose
// reply is lost may count twice.
func (r *Registry) CountInPoll(ctx context.Context, p Post, c Counts) error {
	_, err := r.write(ctx, p, r.at(p).
		Add("Handled", c.Handled).Add("Failed", c.Failed).Add("Filtered", c.Filtered).
		Add("Duplicates", c.Duplicates).Add("Unmatched", c.Unmatched))
	return err
}

// EndBatch takes back what was said about the batch's handlers: they have
// returned. The batch's counts are added once, however often it is repeated. How
// fast it was stands for the worker, where it is known.
func (r *Registry) EndBatch(ctx context.Context, p Post, seq int64, now time.Time, c Counts) (Worker, error) {
	u := r.at(p).
		Set("BusyUntil", 0).Set("ReportedAt", At(now)).Set("Settled", seq).
		Add("Handled", c.Handled).Add("Failed", c.Failed).Add("Filtered", c.Filtered).
		Add("Duplicates", c.Duplicates).Add("Unmatched", c.Unmatched).Add("Throttled", c.Throttled).
		If("$ = ? AND $ < ?", "Seq", seq, "Settled", seq)
	if c.Took > 0 {
		u.Set("Rate", c.Rate).Set("Took", c.Took).Add("Events", c.Events).Add("BusySeconds", c.BusySeconds)
	}
	w, err := r.write(ctx, p, u)
	if !errors.Is(err, ErrRelieved) {
		return w, err
	}
	if w, err = r.read(ctx, p); err != nil {
		return w, err
	}
	if w.Seq == seq && w.Settled == seq {
		return w, nil
	}
	return w, ErrRelieved
}
