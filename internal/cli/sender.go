package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"
)

const (
	// maxBatch entries, and as many bytes as one message, fit into a batch.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
	maxBatch = 10
	// senders that send batches at the same time.
	senders = 4
	// sendTries of an entry that SQS failed for a reason of its own.
	sendTries = 5
)

// sender sends messages to one queue.
type sender struct {
	client *sqs.Client
	url    string
	// sent is told of the IDs of messages as they are sent. May be nil.
	sent func(ids ...string)
}

// send sends messages in batches and returns their IDs in the same order; an ID
// is empty for a message that was not sent, and then there is an error.
func (s *sender) send(ctx context.Context, messages []outgoing) ([]string, error) {
	ids := make([]string, len(messages))
	group, sending := errgroup.WithContext(ctx)
	group.SetLimit(senders)
	if s.inOrder() {
		group.SetLimit(1)
	}
	for start := 0; start < len(messages) && sending.Err() == nil; {
		end := batchEnd(messages, start)
		some, theirs := messages[start:end], ids[start:end]
		group.Go(func() error { return s.batch(sending, some, theirs) })
		start = end
	}
	if err := group.Wait(); err != nil {
		return ids, err
	}
	return ids, ctx.Err()
}

// inOrder says whether the queue is FIFO: one batch goes after the other.
func (s *sender) inOrder() bool { return strings.HasSuffix(s.url, ".fifo") }

// batchEnd is where the batch that begins at start ends.
func batchEnd(messages []outgoing, start int) int {
	bytes := 0
	for i, m := range messages[start:] {
		bytes += m.size()
		if i == maxBatch || i > 0 && bytes > maxMessage {
			return start + i
		}
	}
	return len(messages)
}

// batch sends up to ten messages and fills in their IDs. Entries that fail for
// a reason of SQS's own are sent again.
func (s *sender) batch(ctx context.Context, messages []outgoing, ids []string) error {
	left := make([]int, len(messages))
	for i := range left {
		left[i] = i
	}
	pause := 100 * time.Millisecond
	for try := 1; ; try++ {
		entries := make([]types.SendMessageBatchRequestEntry, len(left))
		for i, n := range left {
			entries[i] = messages[n].entry(n)
		}
		out, err := s.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &s.url, Entries: entries})
		if err != nil {
			return fmt.Errorf("send to %s: %w", s.url, err)
		}
		for _, r := range out.Successful {
			n, err := strconv.Atoi(aws.ToString(r.Id))
			if err != nil || n < 0 || n >= len(ids) {
				return fmt.Errorf("send to %s: the answer names an entry %q that was not sent", s.url, aws.ToString(r.Id))
			}
			ids[n] = aws.ToString(r.MessageId)
			if s.sent != nil {
				s.sent(ids[n])
			}
		}
		left = left[:0]
		var refusals []error
		for _, r := range out.Failed {
			refusals = append(refusals, fmt.Errorf("send to %s: %s: %s", s.url, aws.ToString(r.Code), aws.ToString(r.Message)))
			// Sent again it would come after what followed it.
			if r.SenderFault || try == sendTries || s.inOrder() {
				return errors.Join(refusals...)
			}
		}
		for n, id := range ids {
			if id == "" {
				left = append(left, n)
			}
		}
		if len(left) == 0 {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause *= 2
	}
}

func (m outgoing) entry(n int) types.SendMessageBatchRequestEntry {
	e := types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(n)), MessageBody: aws.String(m.Body)}
	if m.GroupID != "" {
		e.MessageGroupId = aws.String(m.GroupID)
	}
	if m.DeduplicationID != "" {
		e.MessageDeduplicationId = aws.String(m.DeduplicationID)
	}
	if len(m.Attributes) > 0 {
		e.MessageAttributes = make(map[string]types.MessageAttributeValue, len(m.Attributes))
		for name, value := range m.Attributes {
			e.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String(stringType), StringValue: aws.String(value)}
		}
	}
	return e
}
