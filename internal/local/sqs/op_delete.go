package sqs

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// DeleteMessageInput is the input of DeleteMessage.
type DeleteMessageInput struct {
	QueueURL      string `json:"QueueUrl"`
	ReceiptHandle string `json:"ReceiptHandle"`
}

// deleteMessage deletes a message by the handle of its latest receive, whether
// it is still in flight or not. "If you use an old ReceiptHandle, the request
// will succeed, but the message might not be deleted": here it never is. A FIFO
// queue refuses a handle whose visibility timeout has passed.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
func (s *Service) deleteMessage(_ context.Context, _ api.Caller, in *DeleteMessageInput) (*Empty, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	now := q.lock()
	defer q.unlock(now)
	if err := q.deleteByHandle(in.ReceiptHandle); err != nil {
		return nil, expired(in.ReceiptHandle, err)
	}
	return &Empty{}, nil
}

func (q *queue) deleteByHandle(handle string) error {
	m, err := q.byHandle(handle)
	if err != nil {
		return err
	}
	if m != nil {
		q.remove(m)
	}
	return nil
}

// DeleteMessageBatchInput is the input of DeleteMessageBatch.
type DeleteMessageBatchInput struct {
	QueueURL string                           `json:"QueueUrl"`
	Entries  []DeleteMessageBatchRequestEntry `json:"Entries"`
}

// DeleteMessageBatchRequestEntry is one message to delete.
type DeleteMessageBatchRequestEntry struct {
	ID            string `json:"Id"`
	ReceiptHandle string `json:"ReceiptHandle"`
}

// BatchResultEntry is one entry of a batch that was done.
type BatchResultEntry struct {
	ID string `json:"Id"`
}

// DeleteMessageBatchOutput is the output of DeleteMessageBatch.
type DeleteMessageBatchOutput struct {
	Successful []BatchResultEntry      `json:"Successful,omitempty"`
	Failed     []BatchResultErrorEntry `json:"Failed,omitempty"`
}

// deleteMessageBatch deletes up to ten messages, each as DeleteMessage does.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html
func (s *Service) deleteMessageBatch(_ context.Context, _ api.Caller, in *DeleteMessageBatchInput) (*DeleteMessageBatchOutput, error) {
	done, failed, err := eachEntry(s, in.QueueURL, "DeleteMessageBatchRequestEntry", in.Entries,
		func(e DeleteMessageBatchRequestEntry) string { return e.ID },
		func(q *queue, _ time.Time, e DeleteMessageBatchRequestEntry) error {
			return q.deleteByHandle(e.ReceiptHandle)
		})
	if err != nil {
		return nil, err
	}
	return &DeleteMessageBatchOutput{Successful: done, Failed: failed}, nil
}
