package stepfunctions

import (
	"context"

	"github.com/musterq/muster/internal/local/api"
)

// tagged finds the state machine that a call about tags names. Service.mu must
// be held.
func (s *Service) tagged(arn string) (*machine, error) {
	m, ok := s.machines[arn]
	if !ok {
		return nil, api.Errorf("ResourceNotFound", "Resource not found: '%s'", arn)
	}
	return m, nil
}

type tagResourceInput struct {
	ResourceArn string `json:"resourceArn"`
	Tags        []tag  `json:"tags"`
}

// maxTags of one resource.
const maxTags = 50

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_TagResource.html
func (s *Service) tagResource(_ context.Context, _ api.Caller, in *tagResourceInput) (*emptyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for key, value := range m.tags {
		tags[key] = value
	}
	for _, t := range in.Tags {
		tags[t.Key] = t.Value
	}
	if len(tags) > maxTags {
		return nil, api.Errorf("TooManyTags", "Too many tags: '%s'", in.ResourceArn)
	}
	m.tags = tags
	return &emptyOutput{}, nil
}

type untagResourceInput struct {
	ResourceArn string   `json:"resourceArn"`
	TagKeys     []string `json:"tagKeys"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_UntagResource.html
func (s *Service) untagResource(_ context.Context, _ api.Caller, in *untagResourceInput) (*emptyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	for _, key := range in.TagKeys {
		delete(m.tags, key)
	}
	return &emptyOutput{}, nil
}

type resourceInput struct {
	ResourceArn string `json:"resourceArn"`
}

type tagsOutput struct {
	Tags []tag `json:"tags"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListTagsForResource.html
func (s *Service) listTagsForResource(_ context.Context, _ api.Caller, in *resourceInput) (*tagsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.tagged(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &tagsOutput{m.tagList()}, nil
}
