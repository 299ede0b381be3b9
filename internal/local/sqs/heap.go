package sqs

import "time"

// heap is a binary heap of messages that knows each message's place in it, so
// that one can be taken out of the middle. place points at where a message
// keeps its index.
type heap struct {
	items []*message
	less  func(a, b *message) bool
	place func(*message) *int
}

func (h *heap) len() int { return len(h.items) }

// top returns the least message, or nil.
func (h *heap) top() *message {
	if len(h.items) == 0 {
		return nil
	}
	return h.items[0]
}

func (h *heap) push(m *message) {
	h.items = append(h.items, m)
	h.up(len(h.items)-1, m)
}

func (h *heap) remove(m *message) {
	i, last := *h.place(m), len(h.items)-1
	moved := h.items[last]
	h.items[last] = nil
	h.items = h.items[:last]
	if i == last {
		return
	}
	if i > 0 && h.less(moved, h.items[(i-1)/2]) {
		h.up(i, moved)
	} else {
		h.down(i, moved)
	}
}

func (h *heap) up(i int, m *message) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.less(m, h.items[parent]) {
			break
		}
		h.put(i, h.items[parent])
		i = parent
	}
	h.put(i, m)
}

func (h *heap) down(i int, m *message) {
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			break
		}
		if child+1 < len(h.items) && h.less(h.items[child+1], h.items[child]) {
			child++
		}
		if !h.less(h.items[child], m) {
			break
		}
		h.put(i, h.items[child])
		i = child
	}
	h.put(i, m)
}

func (h *heap) put(i int, m *message) {
	h.items[i] = m
	*h.place(m) = i
}

// byRank orders the visible: first come, first served, as far as a standard
// queue promises any order.
func byRank() heap {
	return heap{
		less:  func(a, b *message) bool { return a.rank < b.rank },
		place: func(m *message) *int { return &m.place },
	}
}

// byDue orders the delayed and the received by when they become visible.
func byDue() heap {
	return heap{
		less:  func(a, b *message) bool { return earlier(a.due, a.id, b.due, b.id) },
		place: func(m *message) *int { return &m.place },
	}
}

// bySent orders all messages by when they were sent: retention counts from it.
func bySent() heap {
	return heap{
		less:  func(a, b *message) bool { return earlier(a.sent, a.id, b.sent, b.id) },
		place: func(m *message) *int { return &m.age },
	}
}

func earlier(a time.Time, idA uint64, b time.Time, idB uint64) bool {
	if c := a.Compare(b); c != 0 {
		return c < 0
	}
	return idA < idB
}
