package sqs

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// maxVisibility is how many seconds a message can be kept invisible, counted
// from its receive: extensions do not start the count anew.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
const maxVisibility = 43_200

func validVisibility(n int) bool { return n >= 0 && n <= maxVisibility }

func invalidVisibility(n int) error {
	return invalidValue(n, "VisibilityTimeout", "Must be between 0 and 43200, if provided.")
}

// ChangeMessageVisibilityInput is the input of ChangeMessageVisibility.
type ChangeMessageVisibilityInput struct {
	QueueURL      string `json:"QueueUrl"`
	ReceiptHandle string `json:"ReceiptHandle"`
	// VisibilityTimeout in seconds from now, 0 to 43,200.
	VisibilityTimeout *int `json:"VisibilityTimeout"`
}

// changeMessageVisibility hides a message until VisibilityTimeout from now, or
// gives it back with 0. It takes the handle of the latest receive. As on AWS, a
// message that has become visible again, but has not been received again, can
// still be hidden; not so in a FIFO queue.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
func (s *Service) changeMessageVisibility(_ context.Context, _ api.Caller, in *ChangeMessageVisibilityInput) (*Empty, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	now := q.lock()
	defer q.unlock(now)
	if err := q.changeVisibility(now, in.ReceiptHandle, in.VisibilityTimeout); err != nil {
		return nil, expired(in.ReceiptHandle, err)
	}
	return &Empty{}, nil
}

func (q *queue) changeVisibility(now time.Time, handle string, timeout *int) error {
	if timeout == nil {
		return missingParameter("VisibilityTimeout")
	}
	if !validVisibility(*timeout) {
		return invalidVisibility(*timeout)
	}
	m, err := q.byHandle(handle)
	if err != nil {
		return err
	}
	if m == nil {
		return unavailableHandle(handle)
	}
	due := now.Add(seconds(*timeout))
	if due.After(m.received.Add(seconds(maxVisibility))) {
		return invalidValue(*timeout, "VisibilityTimeout", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	}
	if m.state == visible && *timeout == 0 {
		return nil
	}
	m.changed = true
	q.hide(m, due)
	q.advance(now)
	return nil
}

// ChangeMessageVisibilityBatchInput is the input of ChangeMessageVisibilityBatch.
type ChangeMessageVisibilityBatchInput struct {
	QueueURL string                                     `json:"QueueUrl"`
	Entries  []ChangeMessageVisibilityBatchRequestEntry `json:"Entries"`
}

// ChangeMessageVisibilityBatchRequestEntry is one message to hide or give back.
type ChangeMessageVisibilityBatchRequestEntry struct {
	ID                string `json:"Id"`
	ReceiptHandle     string `json:"ReceiptHandle"`
	VisibilityTimeout *int   `json:"VisibilityTimeout,omitempty"`
}

// ChangeMessageVisibilityBatchOutput is the output of
// ChangeMessageVisibilityBatch.
type ChangeMessageVisibilityBatchOutput struct {
	Successful []BatchResultEntry      `json:"Successful,omitempty"`
	Failed     []BatchResultErrorEntry `json:"Failed,omitempty"`
}

// changeMessageVisibilityBatch changes up to ten messages, each as
// ChangeMessageVisibility does.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html
func (s *Service) changeMessageVisibilityBatch(_ context.Context, _ api.Caller, in *ChangeMessageVisibilityBatchInput) (*ChangeMessageVisibilityBatchOutput, error) {
	done, failed, err := eachEntry(s, in.QueueURL, "ChangeMessageVisibilityBatchRequestEntry", in.Entries,
		func(e ChangeMessageVisibilityBatchRequestEntry) string { return e.ID },
		func(q *queue, now time.Time, e ChangeMessageVisibilityBatchRequestEntry) error {
			return q.changeVisibility(now, e.ReceiptHandle, e.VisibilityTimeout)
		})
	if err != nil {
		return nil, err
	}
	return &ChangeMessageVisibilityBatchOutput{Successful: done, Failed: failed}, nil
}
