package pump

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
)

const (
	// keepEvery is how often what is in hand is looked through for messages that
	// will soon be visible, soon how near that is, and keepFor for how long they
	// are hidden then: each message every 20 seconds. Where it cannot be done
	// there is time to try again.
	keepEvery = 5 * time.Second
	soon      = 45 * time.Second
	keepFor   = time.Minute
	// cover is what is added to the time-outs of the handlers that are yet to run:
	// a late arrival and settling.
	cover = 45 * time.Second
	// topUp is how much of it may be used up before a handler starts without
	// asking SQS for more.
	topUp = 20 * time.Second
	// arrival is how late a handler may begin that was invoked.
	arrival = 15 * time.Second
)

// hand is what the worker holds: each message that it received and did not
// settle, wherever it waits, and until when it is invisible at least.
type hand struct {
	queue *queue.Queue

	mu   sync.Mutex
	free *sync.Cond // told when messages are no longer busy
	held map[string]*held
}

// held is a message in hand.
type held struct {
	queue.Held
	until time.Time
	// bytes that it takes of the worker's memory.
	bytes int64
	// busy while SQS is asked something about it: one request must not overtake
	// another.
	busy bool
	// gone is true once it is out of hand for good, and maybe somebody else's.
	gone bool
}

func newHand(q *queue.Queue) *hand {
	h := &hand{queue: q, held: map[string]*held{}}
	h.free = sync.NewCond(&h.mu)
	return h
}

// size is how many messages are in hand.
func (h *hand) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.held)
}

// some are the IDs of up to most of the messages in hand, sorted.
func (h *hand) some(most int) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []string
	for _, m := range h.held {
		if len(ids) == most {
			break
		}
		ids = append(ids, m.MessageID)
	}
	slices.Sort(ids)
	return ids
}

// take takes messages that are invisible until then.
func (h *hand) take(records []message.Record, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, m := range queue.Hold(records) {
		h.held[m.ReceiptHandle] = &held{Held: m, until: until, bytes: weight(records[i])}
	}
}

// claim waits until nobody asks SQS about these messages, and keeps everybody
// else from asking.
func (h *hand) claim(records []message.Record) []*held {
	h.mu.Lock()
	defer h.mu.Unlock()
	var claimed []*held
	for _, r := range records {
		m := h.held[r.ReceiptHandle]
		for m != nil && m.busy {
			h.free.Wait()
			m = h.held[r.ReceiptHandle]
		}
		if m != nil {
			m.busy = true
			claimed = append(claimed, m)
		}
	}
	return claimed
}

// release gives up a claim.
func (h *hand) release(claimed []*held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range claimed {
		m.busy = false
	}
	h.free.Broadcast()
}

// drop takes messages that are claimed out of hand. It returns the memory that
// is free now.
func (h *hand) drop(claimed []*held) (bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range claimed {
		delete(h.held, m.ReceiptHandle)
		bytes += m.bytes
	}
	h.free.Broadcast()
	return bytes
}

// hide hides messages that are claimed, and notes what became of it. A message
// whose hiding failed for a passing reason stays as it is.
func (h *hand) hide(ctx context.Context, claimed []*held, lasting time.Duration) {
	ask := make([]queue.Held, len(claimed))
	for i, m := range claimed {
		ask[i] = m.Held
	}
	sent := time.Now()
	// What failed is asked for again, or not handed to a handler: its error would
	// say no more.
	undone, _ := h.queue.Hide(ctx, ask, func(queue.Held) time.Duration { return lasting })
	h.mu.Lock()
	defer h.mu.Unlock()
	failed := map[string]bool{}
	for _, m := range undone.Failed {
		failed[m.ReceiptHandle] = true
	}
	for _, m := range undone.Gone {
		failed[m.ReceiptHandle] = true
		h.held[m.ReceiptHandle].gone = true
	}
	for _, m := range claimed {
		if !failed[m.ReceiptHandle] {
			m.until = sent.Add(lasting)
		}
	}
}

// keep keeps everything in hand invisible until the context ends.
func (h *hand) keep(ctx context.Context) {
	var rounds sync.WaitGroup
	defer rounds.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(keepEvery):
		}
		// A request that hangs must not hold up those about other messages.
		if due := h.due(time.Now()); len(due) > 0 {
			rounds.Go(func() {
				defer h.release(due)
				h.hide(ctx, due, keepFor)
			})
		}
	}
}

// due claims the messages that will soon be visible.
func (h *hand) due(now time.Time) []*held {
	h.mu.Lock()
	defer h.mu.Unlock()
	var due []*held
	for _, m := range h.held {
		if !m.busy && !m.gone && m.until.Before(now.Add(soon)) {
			m.busy = true
			due = append(due, m)
		}
	}
	return due
}

// covered sees to it that messages stay invisible while a handler runs that takes
// so long, and if nothing comes between, while the later ones do.
// It returns those that do while the first runs. The others are gone, or SQS did
// not say.
func (h *hand) covered(ctx context.Context, records []message.Record, takes, later time.Duration) []message.Record {
	claimed := h.claim(records)
	defer h.release(claimed)
	var short []*held
	for _, m := range claimed {
		if !m.gone && m.until.Before(time.Now().Add(takes+later+cover-topUp)) {
			short = append(short, m)
		}
	}
	if len(short) > 0 {
		h.hide(ctx, short, takes+later+cover)
	}
	least := time.Now().Add(takes + arrival)
	safe := make(map[string]bool, len(claimed))
	for _, m := range claimed {
		safe[m.ReceiptHandle] = !m.gone && !m.until.Before(least)
	}
	var covered []message.Record
	for _, r := range records {
		if safe[r.ReceiptHandle] {
			covered = append(covered, r)
		}
	}
	return covered
}
