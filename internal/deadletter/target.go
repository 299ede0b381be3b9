package deadletter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
)

const (
	// maxEntries and maxBytes of a batch.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
	maxEntries = 10
	maxBytes   = 1 << 20
	// sendTries of entries that SQS failed for a reason of its own.
	sendTries = 5
)

// Target is a queue that messages are sent to.
type Target struct {
	client *sqs.Client
	url    string
	fifo   bool
}

// OpenTarget opens a queue to send to, in the region of its URL.
func OpenTarget(cfg aws.Config, queueURL string) *Target {
	return &Target{sqs.NewFromConfig(queue.InRegion(cfg, queueURL)), queueURL, strings.HasSuffix(queueURL, ".fifo")}
}

// fits is how many of the messages go into one batch. To a FIFO queue they go
// one by one, so that none overtakes one that failed.
func (t *Target) fits(records []message.Record) int {
	if t.fifo {
		return 1
	}
	bytes := 0
	for i, r := range records {
		bytes += size(r)
		if i == maxEntries || i > 0 && bytes > maxBytes {
			return i
		}
	}
	return len(records)
}

// size in bytes as SQS counts it: system attributes do not count.
func size(r message.Record) int {
	n := len(r.Body)
	for name, a := range r.MessageAttributes {
		n += len(name) + len(a.DataType) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

// sending is what became of messages that were sent.
type sending struct {
	// ids are the new IDs of those that were sent, by their place.
	ids     map[int]string
	refused []Refusal
}

// send sends messages that fit into one batch. Entries that fail for a reason of
// SQS's own are sent again; those that the queue will not have are refused. When
// there is an error, what is not done may have been sent or not.
func (t *Target) send(ctx context.Context, records []message.Record) (sending, error) {
	s := sending{ids: map[int]string{}}
	var left []int
	for i, r := range records {
		if t.fifo && r.Attributes["MessageGroupId"] == "" {
			s.refused = append(s.refused, Refusal{r.MessageID, "it has no message group ID, which a FIFO queue asks for"})
			continue
		}
		left = append(left, i)
	}
	pause := 100 * time.Millisecond
	for try := 1; len(left) > 0; try++ {
		again, err := t.batch(ctx, records, left, &s)
		if err != nil {
			return s, err
		}
		if len(again) > 0 && try == sendTries {
			return s, fmt.Errorf("send to %s: SQS failed %d messages %d times", t.url, len(again), try)
		}
		if left = again; len(left) == 0 {
			break
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return s, ctx.Err()
		}
		pause *= 2
	}
	return s, nil
}

// batch sends the messages at these places in one request and returns those to
// send again.
func (t *Target) batch(ctx context.Context, records []message.Record, places []int, s *sending) (again []int, err error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(places))
	for i, place := range places {
		entries[i] = t.entry(place, records[place])
	}
	out, err := t.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &t.url, Entries: entries})
	var tooLong *types.BatchRequestTooLong
	if errors.As(err, &tooLong) && len(places) == 1 {
		s.refused = append(s.refused, Refusal{records[places[0]].MessageID, tooLong.ErrorMessage()})
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("send %d messages to %s, which may have got them: %w", len(places), t.url, err)
	}
	place := func(id *string) (int, error) {
		n, err := strconv.Atoi(aws.ToString(id))
		if err != nil || !slices.Contains(places, n) {
			return 0, fmt.Errorf("send to %s: the answer names an entry %q that was not sent", t.url, aws.ToString(id))
		}
		return n, nil
	}
	for _, r := range out.Successful {
		n, err := place(r.Id)
		if err != nil {
			return nil, err
		}
		s.ids[n] = aws.ToString(r.MessageId)
	}
	for _, r := range out.Failed {
		n, err := place(r.Id)
		switch {
		case err != nil:
			return nil, err
		case r.SenderFault:
			s.refused = append(s.refused, Refusal{records[n].MessageID, aws.ToString(r.Code) + ": " + aws.ToString(r.Message)})
		default:
			again = append(again, n)
		}
	}
	return again, nil
}

// entry carries a message on: its body, message attributes, group and trace,
// and nothing that it did not have.
func (t *Target) entry(place int, r message.Record) types.SendMessageBatchRequestEntry {
	e := types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(place)), MessageBody: &r.Body}
	if group := r.Attributes["MessageGroupId"]; group != "" {
		e.MessageGroupId = &group
	}
	if trace := r.Attributes["AWSTraceHeader"]; trace != "" {
		e.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: &trace},
		}
	}
	if t.fifo {
		e.MessageDeduplicationId = aws.String(deduplicationID(r))
	}
	if len(r.MessageAttributes) > 0 {
		e.MessageAttributes = make(map[string]types.MessageAttributeValue, len(r.MessageAttributes))
	}
	for name, a := range r.MessageAttributes {
		e.MessageAttributes[name] = types.MessageAttributeValue{DataType: aws.String(a.DataType), StringValue: a.StringValue, BinaryValue: a.BinaryValue}
	}
	return e
}

// deduplicationID is made of the message's ID and content. The same message
// sent twice, because a reply was lost or a redrive interrupted, is one. The
// message's own deduplication ID would not do: within five minutes SQS takes
// another message of that ID, a producer's or a dead one's, for the same, accepts
// it and drops it, and the one here would then be deleted.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
func deduplicationID(r message.Record) string {
	h := sha256.New()
	part := func(b string) { fmt.Fprintf(h, "%d:%s", len(b), b) }
	part(r.MessageID)
	part(r.Body)
	for _, name := range slices.Sorted(maps.Keys(r.MessageAttributes)) {
		a := r.MessageAttributes[name]
		part(name)
		part(a.DataType)
		part(aws.ToString(a.StringValue))
		part(string(a.BinaryValue))
	}
	return "muster-" + hex.EncodeToString(h.Sum(nil))
}
