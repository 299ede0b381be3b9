package queue

import (
	"context"
	"fmt"

	"github.com/musterq/muster/internal/message"
)

// DeadLetter sends a message to the dead-letter queue of that URL, for which it
// keeps its body, attributes, ID and group. It is deleted after that, so that it
// is never in neither. A reply that is lost may leave it there twice.
//
// In a FIFO queue its ID stands for its deduplication ID, which another message
// may have had before: of two with one deduplication ID SQS would take only the
// first, and the other would be lost.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
func (q *Queue) DeadLetter(ctx context.Context, url string, r message.Record, fifo bool) error {
	in, err := wrap(r, 0)
	if err != nil {
		return err
	}
	if Room(r) != nil {
		in.MessageAttributes = attributesOf(r) // without its ID rather than not at all
	}
	in.QueueUrl = &url
	if fifo {
		in.MessageDeduplicationId = &r.MessageID
	}
	if _, err := q.client.SendMessage(ctx, in); err != nil {
		return fmt.Errorf("send message %s to the dead-letter queue %s: %w", r.MessageID, url, err)
	}
	return nil
}
