package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
)

const (
	// Visibility is how long a message that a scan has received stays invisible,
	// unless it is extended: should the scan die, all is visible again after it.
	Visibility = 5 * time.Minute
	// renewBefore its end the visibility is extended.
	renewBefore = 3 * time.Minute
	// maxHeld is the most messages that a scan holds: SQS has 120,000 in flight at
	// most, and others need some.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	maxHeld = 100_000
	// perReceive is the most messages of one receive.
	perReceive = 10
	// wait of a receive: a long poll asks all of SQS's servers.
	wait = time.Second
	// quietReceives in a row bring nothing new at the end of the queue, one where
	// SQS counts no visible message either.
	quietReceives = 3
	// releasers give messages back at the same time.
	releasers = 8
)

// Scan says how to go through a dead-letter queue.
type Scan struct {
	Filter Filter
	// Limit is the most matching messages to find. Defaults to 0, which is no
	// limit.
	Limit int
	// Stop ends the scan once it is closed: the batch under way is finished, what
	// is held is given back. Nil never does.
	Stop <-chan struct{}
	// Progress is told how far the scan is after each receive. May be nil.
	Progress func(Result)
}

// taken is what became of a batch of matching messages.
type taken struct {
	// records are no longer in the queue.
	records []message.Record
	// copies are their IDs where they are now: handlers may fail again and bring
	// them back before the scan is over.
	copies  []string
	refused []Refusal
}

func (t *taken) add(more taken) {
	t.records, t.copies, t.refused = append(t.records, more.records...), append(t.copies, more.copies...), append(t.refused, more.refused...)
}

// scanner is one scan as it goes on.
type scanner struct {
	Scan
	queue *queue.Queue
	take  func(context.Context, []message.Record) (taken, error)
	held  holding
	// seen are the messages so far, and the copies of those that were moved: true
	// for those that were taken.
	seen   map[string]bool
	result Result
}

// scan goes through the queue once and hands what matches to take, which leaves
// what it does not return. Receives are never cancelled: their messages would be
// lost from sight. A context that ends ends the scan without giving back what it
// holds, which then is visible again after [Visibility].
func (q *Queue) scan(ctx context.Context, s Scan, take func(context.Context, []message.Record) (taken, error)) (Result, error) {
	if n := len(s.Filter.IDs); n > 0 && (s.Limit == 0 || n < s.Limit) {
		s.Limit = n
	}
	c := scanner{Scan: s, queue: q.queue, take: take, held: holding{queue: q.queue}, seen: map[string]bool{}}
	err := c.run(ctx)
	if errors.Is(err, ErrStopped) {
		c.result.Stopped, err = true, nil
	}
	if err == nil {
		var depth int
		depth, err = q.Depth(ctx)
		c.result.Unseen = max(depth-c.result.Seen+c.result.Taken, 0)
	}
	return c.result, errors.Join(err, c.held.release(ctx))
}

func (c *scanner) run(ctx context.Context) error {
	for quiet := 0; quiet < quietReceives; {
		switch {
		case c.Limit > 0 && c.result.Matched >= c.Limit, len(c.held.entries) >= maxHeld:
			return nil
		case stopped(c.Stop):
			return ErrStopped
		}
		if err := c.held.renew(ctx); err != nil {
			return err
		}
		sent := time.Now()
		records, err := c.queue.Receive(ctx, perReceive, wait, Visibility)
		var full *types.OverLimit
		if errors.As(err, &full) {
			return nil
		}
		if err != nil {
			return err
		}
		fresh, err := c.sort(ctx, records, sent)
		if err != nil {
			return err
		}
		if quiet++; len(fresh) > 0 {
			quiet = 0
		} else if len(records) == 0 {
			depth, err := c.queue.Depth(ctx)
			if err != nil || depth.Visible == 0 {
				return err
			}
		}
		if err := c.offer(ctx, fresh, sent); err != nil {
			return err
		}
		if c.Progress != nil {
			c.Progress(c.result)
		}
	}
	return nil
}

// sort keeps apart what was seen before: SQS may deliver a message again, and
// what somebody has made visible meanwhile comes again too.
func (c *scanner) sort(ctx context.Context, records []message.Record, sent time.Time) (fresh []message.Record, err error) {
	var gone []message.Record
	for _, r := range records {
		was, again := c.seen[r.MessageID]
		switch {
		case again && was:
			gone = append(gone, r)
		case again:
			c.held.add(sent, r)
		default:
			c.seen[r.MessageID] = false
			fresh = append(fresh, r)
		}
	}
	c.result.Seen += len(fresh)
	if err := c.queue.Delete(ctx, queue.Hold(gone)); err != nil {
		c.held.add(sent, fresh...)
		return nil, err
	}
	return fresh, nil
}

// offer hands what matches to take, and holds what it leaves.
func (c *scanner) offer(ctx context.Context, fresh []message.Record, sent time.Time) error {
	var matching []message.Record
	for _, r := range fresh {
		if (c.Limit == 0 || c.result.Matched < c.Limit) && c.Filter.Matches(r) {
			c.result.Matched++
			matching = append(matching, r)
		} else {
			c.held.add(sent, r)
		}
	}
	if len(matching) == 0 {
		return nil
	}
	t, err := c.take(ctx, matching)
	for _, r := range t.records {
		c.seen[r.MessageID] = true
	}
	for _, id := range t.copies {
		c.seen[id] = false
	}
	for _, r := range matching {
		if !c.seen[r.MessageID] {
			c.held.add(sent, r)
		}
	}
	c.result.Taken += len(t.records)
	c.result.Refused = append(c.result.Refused, t.refused...)
	return err
}

func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// holding are the messages that a scan holds, those whose visibility ends first
// in front.
type holding struct {
	queue   *queue.Queue
	entries []entry
}

type entry struct {
	held queue.Held
	// until is when it is visible again.
	until time.Time
}

// add holds messages of a receive that was sent at that time.
func (h *holding) add(sent time.Time, records ...message.Record) {
	for _, held := range queue.Hold(records) {
		h.entries = append(h.entries, entry{held, sent.Add(Visibility)})
	}
}

// renew extends the visibility of what would soon be visible.
func (h *holding) renew(ctx context.Context) error {
	now := time.Now()
	due := 0
	for due < len(h.entries) && h.entries[due].until.Sub(now) < renewBefore {
		due++
	}
	if due == 0 {
		return nil
	}
	// What fails to be extended may be held all the same, and must be released.
	old := slices.Clone(h.entries[:due])
	h.entries = h.entries[due:]
	for _, e := range old {
		h.entries = append(h.entries, entry{e.held, now.Add(Visibility)})
	}
	if err := give(ctx, h.queue, old, Visibility); err != nil {
		return fmt.Errorf("keep what the scan holds invisible: %w", err)
	}
	return nil
}

// release makes all visible again.
func (h *holding) release(ctx context.Context) error {
	if len(h.entries) == 0 {
		return nil
	}
	if err := give(ctx, h.queue, h.entries, 0); err != nil {
		return fmt.Errorf("make messages visible again, which they are by themselves %s after they were received: %w", Visibility, err)
	}
	return nil
}

// give sets the visibility of messages.
func give(ctx context.Context, q *queue.Queue, entries []entry, visibility time.Duration) error {
	var group errgroup.Group
	group.SetLimit(releasers)
	for some := range slices.Chunk(entries, perReceive) {
		group.Go(func() error {
			held := make([]queue.Held, len(some))
			for i, e := range some {
				held[i] = e.held
			}
			return q.Return(ctx, held, func(queue.Held) time.Duration { return visibility })
		})
	}
	return group.Wait()
}
