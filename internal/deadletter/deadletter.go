// Package deadletter looks through a dead-letter queue, and moves, deletes or
// replaces what matches. SQS can neither look into a queue nor look up a
// message: a scan receives everything, holds it invisible while it works, and
// makes what it leaves visible again.
//
// Messages are moved by being sent first and deleted then. Whatever happens in
// between, a message is on one side or on both, never on none.
package deadletter

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
)

// Queue is a dead-letter queue.
type Queue struct {
	queue *queue.Queue
	url   string
}

// Open opens a dead-letter queue by its URL. It is asked in the region that the
// URL names, or else in the configuration's.
func Open(cfg aws.Config, queueURL string) *Queue {
	return &Queue{queue: queue.New(queue.InRegion(cfg, queueURL), queueURL, ""), url: queueURL}
}

// Depth is about how many messages the queue holds, hidden ones included.
func (q *Queue) Depth(ctx context.Context) (int, error) {
	d, err := q.queue.Depth(ctx)
	return d.Visible + d.InFlight + d.Delayed, err
}

// Refusal is a message that could not be moved, and stays.
type Refusal struct {
	MessageID string
	Reason    string
}

// Result is what a scan came to.
type Result struct {
	// Seen is how many messages the scan has looked at, Matched how many of them
	// the filter lets through, Taken how many of those are no longer in the queue.
	Seen, Matched, Taken int
	// Refused are those that matched, but the queue they were sent to would not
	// have them.
	Refused []Refusal
	// Unseen is about how many messages the scan has not looked at: it ended
	// early, somebody else holds them, or in a FIFO queue they stand behind
	// messages of their group that stay. SQS counts approximately.
	Unseen int
	// Stopped is true when the scan was told to stop.
	Stopped bool
}

// Look shows each message that matches to the caller and leaves it.
func (q *Queue) Look(ctx context.Context, s Scan, each func(message.Record)) (Result, error) {
	return q.scan(ctx, s, func(_ context.Context, records []message.Record) (taken, error) {
		for _, r := range records {
			each(r)
		}
		return taken{}, nil
	})
}

// Purge deletes what matches, so many messages a second at most; 0 is no limit.
func (q *Queue) Purge(ctx context.Context, s Scan, rate int) (Result, error) {
	p := pace{rate: rate}
	return q.scan(ctx, s, func(ctx context.Context, records []message.Record) (taken, error) {
		var t taken
		for len(records) > 0 {
			n := p.chunk(len(records))
			if err := p.wait(ctx, s.Stop, n); err != nil {
				return t, err
			}
			if err := q.queue.Delete(ctx, queue.Hold(records[:n])); err != nil {
				return t, err
			}
			t.records, records = append(t.records, records[:n]...), records[n:]
		}
		return t, nil
	})
}

// Redrive sends what matches to another queue and then deletes it here, so many
// messages a second at most; 0 is no limit.
func (q *Queue) Redrive(ctx context.Context, s Scan, to *Target, rate int) (Result, error) {
	if to.url == q.url {
		return Result{}, fmt.Errorf("%s is the dead-letter queue itself: what is moved there would come again and again", to.url)
	}
	p := pace{rate: rate}
	return q.scan(ctx, s, func(ctx context.Context, records []message.Record) (taken, error) {
		var all taken
		for len(records) > 0 {
			some := records[:to.fits(records[:p.chunk(len(records))])]
			if err := p.wait(ctx, s.Stop, len(some)); err != nil {
				return all, err
			}
			t, err := q.move(ctx, some, to)
			all.add(t)
			if err != nil {
				return all, err
			}
			records = records[len(some):]
		}
		return all, nil
	})
}

// move sends messages and deletes here those that were sent.
func (q *Queue) move(ctx context.Context, records []message.Record, to *Target) (taken, error) {
	sent, err := to.send(ctx, records)
	t := taken{refused: sent.refused}
	for i, id := range sent.ids {
		t.records, t.copies = append(t.records, records[i]), append(t.copies, id)
	}
	if e := q.queue.Delete(ctx, queue.Hold(t.records)); e != nil {
		err = errors.Join(err, fmt.Errorf("up to %d messages were sent to %s and may still be in the dead-letter queue too: %w", len(t.records), to.url, e))
	}
	return t, err
}

// ErrNotFound is what [Queue.Replace] gets when the message was not there to
// see.
var ErrNotFound = errors.New("the message is not in the dead-letter queue, or hidden by somebody else who holds it")

// ErrStopped is what [Queue.Replace] gets that was told to stop.
var ErrStopped = errors.New("stopped")

// Replace sends a changed copy of a message to a queue, which may be the
// dead-letter queue itself, and then deletes the message. It returns the copy's
// ID. A change that fails leaves the message as it was, and so does a stop before
// the message was found.
func (q *Queue) Replace(ctx context.Context, stop <-chan struct{}, id string, change func(message.Record) (message.Record, error), to *Target) (string, error) {
	var newID string
	result, err := q.scan(ctx, Scan{Filter: Filter{IDs: []string{id}}, Stop: stop}, func(ctx context.Context, records []message.Record) (taken, error) {
		changed, err := change(records[0])
		if err != nil {
			return taken{}, err
		}
		sent, err := to.send(ctx, []message.Record{changed})
		switch {
		case err != nil:
			return taken{}, err
		case len(sent.refused) > 0:
			return taken{}, fmt.Errorf("%s would not have the changed message, which stays as it was: %s", to.url, sent.refused[0].Reason)
		}
		newID = sent.ids[0]
		if err := q.queue.Delete(ctx, queue.Hold(records[:1])); err != nil {
			return taken{records: records[:1]}, fmt.Errorf("the changed message was sent to %s, and the old one may still be in the dead-letter queue too: %w", to.url, err)
		}
		return taken{records: records[:1]}, nil
	})
	switch {
	case err != nil || result.Matched > 0:
	case result.Stopped:
		err = ErrStopped
	default:
		err = ErrNotFound
	}
	return newID, err
}
