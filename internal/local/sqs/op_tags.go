package sqs

import (
	"context"
	"maps"

	"github.com/musterq/muster/internal/local/api"
)

// TagQueueInput is the input of TagQueue.
type TagQueueInput struct {
	QueueURL string            `json:"QueueUrl"`
	Tags     map[string]string `json:"Tags"`
}

// tagQueue adds tags and overwrites those of the same key.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_TagQueue.html
func (s *Service) tagQueue(_ context.Context, _ api.Caller, in *TagQueueInput) (*Empty, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, missingParameter("Tags")
	}
	now := q.lock()
	defer q.unlock(now)
	if q.tags == nil {
		q.tags = map[string]string{}
	}
	maps.Copy(q.tags, in.Tags)
	return &Empty{}, nil
}

// UntagQueueInput is the input of UntagQueue.
type UntagQueueInput struct {
	QueueURL string   `json:"QueueUrl"`
	TagKeys  []string `json:"TagKeys"`
}

// untagQueue removes tags.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_UntagQueue.html
func (s *Service) untagQueue(_ context.Context, _ api.Caller, in *UntagQueueInput) (*Empty, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	if len(in.TagKeys) == 0 {
		return nil, missingParameter("TagKeys")
	}
	now := q.lock()
	defer q.unlock(now)
	for _, key := range in.TagKeys {
		delete(q.tags, key)
	}
	return &Empty{}, nil
}

// ListQueueTagsOutput is the output of ListQueueTags.
type ListQueueTagsOutput struct {
	Tags map[string]string `json:"Tags,omitempty"`
}

// listQueueTags lists a queue's tags.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueueTags.html
func (s *Service) listQueueTags(_ context.Context, _ api.Caller, in *QueueInput) (*ListQueueTagsOutput, error) {
	q, err := s.find(in.QueueURL)
	if err != nil {
		return nil, err
	}
	now := q.lock()
	defer q.unlock(now)
	return &ListQueueTagsOutput{Tags: maps.Clone(q.tags)}, nil
}
