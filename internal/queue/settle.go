package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"github.com/musterq/muster/internal/message"
)

// Held is a message that a worker holds.
type Held struct {
	MessageID     string `json:"messageId"`
	ReceiptHandle string `json:"receiptHandle"`
	Receives      int    `json:"receives"`
	// Carried are those of Receives before the message was sent again. SQS does
	// not know of them: what dead-letters it must.
	Carried int `json:"carried,omitempty"`
	// Received is when it came. Zero where that is not known.
	Received time.Time `json:"received"`
}

// longest is the longest time that the message can still stay invisible: SQS
// refuses what would end over 12 hours after the receive, and the message would
// come back at the end of the time that it has.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
func (h Held) longest() time.Duration {
	if h.Received.IsZero() {
		return message.MaxVisibility
	}
	return max(message.MaxVisibility-time.Since(h.Received)-clockMargin, 0)
}

// Hold names the messages of a batch.
func Hold(records []message.Record) []Held {
	held := make([]Held, len(records))
	for i, r := range records {
		held[i] = Held{MessageID: r.MessageID, ReceiptHandle: r.ReceiptHandle, Receives: r.Receives(), Carried: r.Carried, Received: r.Received}
	}
	return held
}

const (
	// batch is the most entries of one batch request.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	batch = 10
	// atOnce is how many batch requests are under way at once for one call.
	atOnce = 8
	// tries of the entries that a batch request did not do.
	tries = 3
	// clockMargin is how far SQS's clock may differ, and how long a reply takes.
	clockMargin = 15 * time.Second
)

// Undone are messages of which SQS did not do what it was asked.
type Undone struct {
	// Gone are out of hand for good: their receipt handle has expired, and the
	// message is deleted, visible or somebody else's.
	Gone []Held
	// Failed for a passing reason, also when tried again, or nobody knows.
	Failed []Held
}

// Delete acknowledges messages. One that cannot be deleted comes again: that
// is at-least-once, and the error names it. One whose receipt handle has expired
// comes again too, and is no error: it is on its way already.
func (q *Queue) Delete(ctx context.Context, held []Held) error {
	_, err := inBatches(held, func(some []Held) ([]types.BatchResultErrorEntry, error) {
		entries := make([]types.DeleteMessageBatchRequestEntry, len(some))
		for i, h := range some {
			entries[i] = types.DeleteMessageBatchRequestEntry{Id: id(i), ReceiptHandle: aws.String(h.ReceiptHandle)}
		}
		out, err := q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return nil, fmt.Errorf("delete %d messages from %s: %w", len(some), q.url, err)
		}
		return out.Failed, nil
	})
	return err
}

// Return makes messages visible again after a delay, each its own, in whole
// seconds rounded up, or after what is left of SQS's 12 hours. While very many
// messages are in flight, delays are shorter: see [crowd].
func (q *Queue) Return(ctx context.Context, held []Held, delay func(Held) time.Duration) error {
	delays := make(map[string]time.Duration, len(held))
	var longest time.Duration
	for _, h := range held {
		d := delay(h)
		delays[h.ReceiptHandle] = d
		longest = max(longest, d)
	}
	share := 1.0
	if longest > shortDelay {
		share = q.share(ctx)
	}
	_, err := q.hide(ctx, held, "return", func(h Held) time.Duration {
		return time.Duration(share * float64(delays[h.ReceiptHandle]))
	})
	return err
}

// Hide keeps messages invisible for a time from now on, each its own, in whole
// seconds rounded up, or for what is left of SQS's 12 hours, however many are in
// flight. A message may be hidden for less than it was: the last request counts.
func (q *Queue) Hide(ctx context.Context, held []Held, lasting func(Held) time.Duration) (Undone, error) {
	return q.hide(ctx, held, "hide", lasting)
}

func (q *Queue) hide(ctx context.Context, held []Held, verb string, lasting func(Held) time.Duration) (Undone, error) {
	return inBatches(held, func(some []Held) ([]types.BatchResultErrorEntry, error) {
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(some))
		for i, h := range some {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
				Id: id(i), ReceiptHandle: aws.String(h.ReceiptHandle), VisibilityTimeout: int32((min(lasting(h), h.longest()) + time.Second - 1) / time.Second),
			}
		}
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			preposition := map[string]string{"return": "to", "hide": "in"}[verb]
			return nil, fmt.Errorf("%s %d messages %s %s: %w", verb, len(some), preposition, q.url, err)
		}
		return out.Failed, nil
	})
}

func id(i int) *string { return aws.String(fmt.Sprint(i)) }

// inBatches does a batch request for all of held, ten messages each and several
// at once, whatever becomes of the others.
func inBatches(held []Held, do func([]Held) ([]types.BatchResultErrorEntry, error)) (Undone, error) {
	if len(held) <= batch {
		return patiently(held, do)
	}
	chunks := slices.Collect(slices.Chunk(held, batch))
	undone := make([]Undone, len(chunks))
	errs := make([]error, len(chunks))
	var requests errgroup.Group
	requests.SetLimit(atOnce)
	for i, some := range chunks {
		requests.Go(func() error {
			undone[i], errs[i] = patiently(some, do)
			return nil
		})
	}
	err := requests.Wait()
	var all Undone
	for _, u := range undone {
		all.Gone = append(all.Gone, u.Gone...)
		all.Failed = append(all.Failed, u.Failed...)
	}
	return all, errors.Join(err, errors.Join(errs...))
}

// patiently does one batch request. Entries that fail for a passing reason are
// tried again; the others are no use to repeat.
func patiently(some []Held, do func([]Held) ([]types.BatchResultErrorEntry, error)) (Undone, error) {
	var undone Undone
	var errs []error
	for try := 1; len(some) > 0; try++ {
		failed, err := do(some)
		if err != nil {
			undone.Failed = append(undone.Failed, some...)
			return undone, errors.Join(append(errs, err)...)
		}
		var again []Held
		for _, f := range failed {
			var i int
			if _, err := fmt.Sscan(aws.ToString(f.Id), &i); err != nil || i < 0 || i >= len(some) {
				undone.Failed = append(undone.Failed, some...)
				return undone, fmt.Errorf("SQS answered for entry %q, which was not asked for", aws.ToString(f.Id))
			}
			switch {
			case f.SenderFault:
				undone.Gone = append(undone.Gone, some[i])
			case try == tries:
				undone.Failed = append(undone.Failed, some[i])
				errs = append(errs, fmt.Errorf("message %s: %s: %s", some[i].MessageID, aws.ToString(f.Code), aws.ToString(f.Message)))
			default:
				again = append(again, some[i])
			}
		}
		some = again
	}
	return undone, errors.Join(errs...)
}
