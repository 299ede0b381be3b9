package registry

import (
	"context"
	"slices"
	"time"
)

// Trace is what the registry knows of one message.
type Trace struct {
	// Hold says who works on it for long. Nil for nobody.
	Hold *Hold
	// Stands says whether the hold's worker still says the same.
	Stands bool
	// Seen says who is at it, or that it is done, where the fleet looks out for
	// duplicates. Nil if nothing is known.
	Seen *Seen
	// Workers are all slots.
	Workers []Worker
	// Failures are its failed attempts, the newest first.
	Failures []Failure
}

// Holders are the workers that had the message in hand at their last report.
// Nobody else can be told to have it: a message comes and goes between reports.
func (t Trace) Holders(messageID string) []Worker {
	var holders []Worker
	for _, w := range t.Workers {
		if slices.Contains(w.Holding, messageID) {
			holders = append(holders, w)
		}
	}
	return holders
}

// maxTraced is the most failures of one message that are read: more than any
// queue lets it have.
const maxTraced = 1000

// Find looks for a message wherever the registry may know of it. The key is the
// one that its duplicates have, empty for none.
func (r *Registry) Find(ctx context.Context, messageID, key string) (Trace, error) {
	var t Trace
	// The hold before the workers: it stands by what they say later.
	h, found, err := r.ReadHold(ctx, messageID)
	if err != nil {
		return t, err
	}
	if found {
		t.Hold = &h
	}
	if key != "" {
		s, err := r.readSeen(ctx, r.seen(HashKey(key)))
		if err != nil {
			return t, err
		}
		if s.By != "" && time.Now().Before(s.ExpiresAt) {
			t.Seen = &s
		}
	}
	now, err := r.Snapshot(ctx)
	if err != nil {
		return t, err
	}
	t.Workers = now.Workers
	t.Stands = found && slices.ContainsFunc(now.Workers, h.Stands)
	for f, err := range r.Failures(ctx, FailureQuery{MessageID: messageID, Limit: maxTraced}) {
		if err != nil {
			return t, err
		}
		t.Failures = append(t.Failures, f)
	}
	return t, nil
}
