// Package queue receives messages from an SQS queue and settles them.
package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/musterq/muster/internal/message"
)

// Queue is the queue of a fleet.
type Queue struct {
	client *sqs.Client
	url    string
	arn    string
	region string
}

// New opens a queue by its URL and ARN. It is asked in the region of its ARN,
// which need not be the fleet's.
func New(cfg aws.Config, url, arn string) *Queue {
	region := cfg.Region
	if parts := strings.Split(arn, ":"); len(parts) > 3 {
		region = parts[3]
	}
	cfg.Region = region
	return &Queue{client: sqs.NewFromConfig(cfg), url: url, arn: arn, region: region}
}

// Depth is how many messages the queue holds, approximately.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
type Depth struct {
	Visible  int
	InFlight int
	Delayed  int
}

// Depth asks for the queue's depth.
func (q *Queue) Depth(ctx context.Context) (Depth, error) {
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.url,
		AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		},
	})
	if err != nil {
		return Depth{}, fmt.Errorf("ask for the depth of %s: %w", q.url, err)
	}
	var d Depth
	for name, into := range map[types.QueueAttributeName]*int{
		types.QueueAttributeNameApproximateNumberOfMessages:           &d.Visible,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: &d.InFlight,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    &d.Delayed,
	} {
		if _, err := fmt.Sscan(out.Attributes[string(name)], into); err != nil {
			return Depth{}, fmt.Errorf("the depth of %s: attribute %s is %q: %w", q.url, name, out.Attributes[string(name)], err)
		}
	}
	return d, nil
}

// Receive waits up to wait for messages and takes up to most of them (1 to 10).
// They stay invisible for the given visibility timeout. Both times count in
// whole seconds.
func (q *Queue) Receive(ctx context.Context, most int, wait, visibility time.Duration) ([]message.Record, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    &q.url,
		MaxNumberOfMessages:         int32(most),
		WaitTimeSeconds:             int32(wait / time.Second),
		VisibilityTimeout:           int32(min(visibility, message.MaxVisibility) / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", q.url, err)
	}
	received := time.Now()
	records := make([]message.Record, len(out.Messages))
	for i, m := range out.Messages {
		records[i] = q.record(m)
		records[i].Received = received
	}
	return records, nil
}

func (q *Queue) record(m types.Message) message.Record {
	r := message.Record{
		MessageID:              aws.ToString(m.MessageId),
		ReceiptHandle:          aws.ToString(m.ReceiptHandle),
		Body:                   aws.ToString(m.Body),
		Attributes:             m.Attributes,
		MessageAttributes:      map[string]message.Attribute{},
		MD5OfMessageAttributes: aws.ToString(m.MD5OfMessageAttributes),
		MD5OfBody:              aws.ToString(m.MD5OfBody),
		EventSource:            "aws:sqs",
		EventSourceARN:         q.arn,
		AWSRegion:              q.region,
	}
	for name, a := range m.MessageAttributes {
		r.MessageAttributes[name] = message.Attribute{
			StringValue:      a.StringValue,
			BinaryValue:      a.BinaryValue,
			StringListValues: []string{},
			BinaryListValues: [][]byte{},
			DataType:         aws.ToString(a.DataType),
		}
	}
	return r
}

// Held is a message that a worker holds.
type Held struct {
	MessageID     string `json:"messageId"`
	ReceiptHandle string `json:"receiptHandle"`
	Receives      int    `json:"receives"`
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
		held[i] = Held{r.MessageID, r.ReceiptHandle, r.Receives(), r.Received}
	}
	return held
}

const (
	// batch is the most entries of one batch request.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	batch = 10
	// tries of the entries that a batch request did not do.
	tries = 3
	// clockMargin is how far SQS's clock may differ, and how long a reply takes.
	clockMargin = 15 * time.Second
)

// Delete acknowledges messages. One that cannot be deleted comes again: that
// is at-least-once, and the error names it.
func (q *Queue) Delete(ctx context.Context, held []Held) error {
	return inBatches(held, func(some []Held) ([]types.BatchResultErrorEntry, error) {
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
}

// Return makes messages visible again after a delay, each its own, in whole
// seconds rounded up, or after what is left of SQS's 12 hours.
func (q *Queue) Return(ctx context.Context, held []Held, delay func(Held) time.Duration) error {
	return inBatches(held, func(some []Held) ([]types.BatchResultErrorEntry, error) {
		entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(some))
		for i, h := range some {
			entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
				Id: id(i), ReceiptHandle: aws.String(h.ReceiptHandle), VisibilityTimeout: int32((min(delay(h), h.longest()) + time.Second - 1) / time.Second),
			}
		}
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries})
		if err != nil {
			return nil, fmt.Errorf("return %d messages to %s: %w", len(some), q.url, err)
		}
		return out.Failed, nil
	})
}

func id(i int) *string { return aws.String(fmt.Sprint(i)) }

// inBatches does a batch request for all of held, ten at a time, whatever
// becomes of the others.
func inBatches(held []Held, do func([]Held) ([]types.BatchResultErrorEntry, error)) error {
	var errs []error
	for some := range slices.Chunk(held, batch) {
		errs = append(errs, patiently(some, do))
	}
	return errors.Join(errs...)
}

// patiently does one batch request. Entries that fail for a passing reason are
// tried again; the others are no use to repeat: their receipt handle has
// expired, and the message is on its way anyhow.
func patiently(some []Held, do func([]Held) ([]types.BatchResultErrorEntry, error)) error {
	var errs []error
	for try := 1; len(some) > 0; try++ {
		failed, err := do(some)
		if err != nil {
			return err
		}
		var again []Held
		for _, f := range failed {
			var i int
			if _, err := fmt.Sscan(aws.ToString(f.Id), &i); err != nil || i < 0 || i >= len(some) {
				return fmt.Errorf("SQS answered for entry %q, which was not asked for", aws.ToString(f.Id))
			}
			switch {
			case f.SenderFault:
			case try == tries:
				errs = append(errs, fmt.Errorf("message %s: %s: %s", some[i].MessageID, aws.ToString(f.Code), aws.ToString(f.Message)))
			default:
				again = append(again, some[i])
			}
		}
		some = again
	}
	return errors.Join(errs...)
}
