package sqs

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// GetQueueAttributesInput is the input of GetQueueAttributes.
type GetQueueAttributesInput struct {
	QueueURL       string   `json:"QueueUrl"`
	AttributeNames []string `json:"AttributeNames,omitempty"`
}

// GetQueueAttributesOutput is the output of GetQueueAttributes.
type GetQueueAttributesOutput struct {
	Attributes map[string]string `json:"Attributes,omitempty"`
}

// getQueueAttributes returns the attributes asked for, those left unset aside.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
func (s *Service) getQueueAttributes(_ context.Context, _ api.Caller, in *GetQueueAttributesInput) (*GetQueueAttributesOutput, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	all, isFIFO := false, q.fifo != nil
	for _, name := range in.AttributeNames {
		if name == "All" {
			all = true
		} else if !isQueueAttribute(name) && !(isFIFO && slices.Contains(fifoAttributes, name)) {
			return nil, unknownAttribute(name)
		}
	}
	values := q.attributes()
	if !all {
		for name := range values {
			if !slices.Contains(in.AttributeNames, name) {
				delete(values, name)
			}
		}
	}
	return &GetQueueAttributesOutput{Attributes: values}, nil
}

// isQueueAttribute says whether every queue has an attribute of that name.
func isQueueAttribute(name string) bool {
	_, number := spans[name]
	return number || slices.Contains(otherAttributes, name) || slices.Contains(derivedAttributes, name)
}

// attributes are all attributes of the queue.
func (q *queue) attributes() map[string]string {
	set := q.settings.Load()
	now := q.lock()
	d := q.approximate(now)
	q.unlock(now)
	values := map[string]string{
		"ApproximateNumberOfMessages":           strconv.Itoa(d.Visible),
		"ApproximateNumberOfMessagesDelayed":    strconv.Itoa(d.Delayed),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(d.NotVisible),
		"CreatedTimestamp":                      strconv.FormatInt(q.created.Unix(), 10),
		"LastModifiedTimestamp":                 strconv.FormatInt(set.modified.Unix(), 10),
		"QueueArn":                              q.arn,
	}
	for name, value := range set.values {
		values[name] = value
	}
	return values
}

// SetQueueAttributesInput is the input of SetQueueAttributes.
type SetQueueAttributesInput struct {
	QueueURL   string            `json:"QueueUrl"`
	Attributes map[string]string `json:"Attributes"`
}

// setQueueAttributes changes attributes at once; AWS takes up to 60 seconds.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
func (s *Service) setQueueAttributes(_ context.Context, _ api.Caller, in *SetQueueAttributesInput) (*Empty, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	if len(in.Attributes) == 0 {
		return nil, missingParameter("Attribute.Name")
	}
	for {
		old := q.settings.Load()
		next, err := old.with(in.Attributes, time.Now())
		if err != nil {
			return nil, err
		}
		if err := s.checkRedrive(next, in.Attributes, q.arn); err != nil {
			return nil, err
		}
		// Two calls at once must not undo each other.
		if q.settings.CompareAndSwap(old, next) {
			if q.fifo != nil && next.delay != old.delay {
				q.redelay()
			}
			return &Empty{}, nil
		}
	}
}
