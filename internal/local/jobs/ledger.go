package jobs

import "time"

// entry is something that was started and may have ended.
type entry interface {
	id() string
	// over says when it ended. Zero while it runs.
	over() time.Time
}

// ledger knows what runs, and for a while what has ended.
type ledger[E entry] struct {
	retention time.Duration
	entries   map[string]E
	// order is the order in which they were started.
	order []E
}

func newLedger[E entry](retention time.Duration) ledger[E] {
	return ledger[E]{retention: retention, entries: map[string]E{}}
}

// add enters a new one, and forgets those that ended too long ago.
func (l *ledger[E]) add(e E) {
	now := time.Now()
	kept := l.order[:0]
	for _, old := range l.order {
		if at := old.over(); !at.IsZero() && now.Sub(at) > l.retention {
			delete(l.entries, old.id())
			continue
		}
		kept = append(kept, old)
	}
	clear(l.order[len(kept):])
	l.order = append(kept, e)
	l.entries[e.id()] = e
}

func (l *ledger[E]) find(id string) (E, bool) {
	e, ok := l.entries[id]
	return e, ok
}
