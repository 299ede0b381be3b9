package dynamodb

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

type (
	// TagResourceInput is the input of TagResource.
	TagResourceInput struct {
		ResourceArn string
		Tags        []Tag
	}
	// UntagResourceInput is the input of UntagResource.
	UntagResourceInput struct {
		ResourceArn string
		TagKeys     []string
	}
	// ListTagsOfResourceInput is the input of ListTagsOfResource. All tags come
	// in one page, so no token is ever valid.
	ListTagsOfResourceInput struct {
		ResourceArn string
		NextToken   string
	}
	// ListTagsOfResourceOutput is the output of ListTagsOfResource.
	ListTagsOfResourceOutput struct{ Tags []Tag }
	// Empty is an output without members.
	Empty struct{}
)

// maxTags of one table.
const maxTags = 50

func tagMap(tags []Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

// tagResource adds tags to a table, or changes them.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TagResource.html
func (s *Service) tagResource(_ context.Context, _ api.Caller, in *TagResourceInput) (*Empty, error) {
	t, err := s.tableByARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	tags := maps.Clone(t.tags)
	maps.Copy(tags, tagMap(in.Tags))
	if len(tags) > maxTags {
		return nil, invalid("One or more parameter values were invalid: Too many tags: The number of tags exceeds the limit of %d", maxTags)
	}
	t.tags = tags
	return &Empty{}, nil
}

// untagResource takes tags off a table.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UntagResource.html
func (s *Service) untagResource(_ context.Context, _ api.Caller, in *UntagResourceInput) (*Empty, error) {
	t, err := s.tableByARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range in.TagKeys {
		delete(t.tags, key)
	}
	return &Empty{}, nil
}

// listTagsOfResource lists the tags of a table.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListTagsOfResource.html
func (s *Service) listTagsOfResource(_ context.Context, _ api.Caller, in *ListTagsOfResourceInput) (*ListTagsOfResourceOutput, error) {
	if in.NextToken != "" {
		return nil, invalid("Invalid NextToken: %s", in.NextToken)
	}
	t, err := s.tableByARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	out := &ListTagsOfResourceOutput{Tags: []Tag{}}
	for _, key := range slices.Sorted(maps.Keys(t.tags)) {
		out.Tags = append(out.Tags, Tag{key, t.tags[key]})
	}
	return out, nil
}

func (s *Service) tableByARN(arn string) (*table, error) {
	if !strings.HasPrefix(arn, "arn:") {
		return nil, invalid("Invalid TableArn: Invalid ResourceArn provided as input %s", arn)
	}
	s.mu.RLock()
	t := s.tables[s.tableName(arn)]
	s.mu.RUnlock()
	if t == nil {
		return nil, api.Errorf("ResourceNotFoundException", "Requested resource not found: ResourcArn: %s not found", arn)
	}
	return t, nil
}
