package dynamodb

import (
	"container/heap"
	"time"

	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// expirations is a table's time to live: the rows that will expire, the nearest
// on top. There is no reaper that runs: whoever locks the table lets it pass.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
type expirations struct {
	// attribute that holds the epoch seconds. Empty is off.
	attribute string
	// delay from an item's expiry to its end.
	delay time.Duration
	rows  rowHeap
}

// oldestExpiry is how far in the past an expiry may lie and still count: AWS
// takes older ones for mistakes.
const oldestExpiry = 5 * 365 * 24 * time.Hour

type rowHeap []*row

func (h rowHeap) Len() int           { return len(h) }
func (h rowHeap) Less(i, j int) bool { return h[i].expires < h[j].expires }
func (h rowHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i, j
}

// Push adds a row, for package heap.
func (h *rowHeap) Push(x any) {
	if r, ok := x.(*row); ok {
		r.slot = len(*h)
		*h = append(*h, r)
	}
}

// Pop takes the last row, for package heap.
func (h *rowHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	r.slot = -1
	return r
}

// watch keeps the heap right after a row was written.
func (e *expirations) watch(r *row, now time.Time) {
	if e.attribute == "" || r == nil {
		return
	}
	expires, ok := e.expiry(r.item, now)
	switch {
	case ok && r.slot < 0:
		r.expires = expires
		heap.Push(&e.rows, r)
	case ok && r.expires != expires:
		r.expires = expires
		heap.Fix(&e.rows, r.slot)
	case !ok && r.slot >= 0:
		heap.Remove(&e.rows, r.slot)
	}
}

func (e *expirations) expiry(item attribute.Map, now time.Time) (int64, bool) {
	n, ok := item[e.attribute].(attribute.Number)
	if !ok {
		return 0, false
	}
	seconds, ok := n.Int()
	return seconds, ok && seconds > now.Add(-oldestExpiry).Unix()
}

// reap deletes the items whose time is up. The table is locked.
func (t *table) reap(now time.Time) {
	for len(t.ttl.rows) > 0 {
		r := t.ttl.rows[0]
		if time.Unix(r.expires, 0).Add(t.ttl.delay).After(now) {
			return
		}
		heap.Pop(&t.ttl.rows)
		t.store.write(r.key, nil, 0, now)
	}
}

// setTTL switches time to live to an attribute, or off when it is empty. The
// table is locked.
func (t *table) setTTL(name string, now time.Time) {
	for _, r := range t.ttl.rows {
		r.slot = -1
	}
	t.ttl.attribute, t.ttl.rows = name, nil
	for _, p := range t.order {
		for _, r := range p.rows {
			if r.item != nil {
				t.ttl.watch(r, now)
			}
		}
	}
}
