package rollout

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/musterq/muster/internal/bundle"
)

// Release is what a stack was at a time: all that is needed to go back to it. The
// code that its template names stays in the bucket.
type Release struct {
	Stack      string            `json:"stack"`
	At         time.Time         `json:"at"`
	Template   string            `json:"template"`
	Parameters map[string]string `json:"parameters"`
	Tags       map[string]string `json:"tags"`
}

// Same says whether two releases are the same but for their times.
func (r Release) Same(other Release) bool {
	r.At, other.At = time.Time{}, time.Time{}
	a, err := json.Marshal(r)
	b, err2 := json.Marshal(other)
	return err == nil && err2 == nil && bytes.Equal(a, b)
}

// Current is the stack's release now.
func (c *Client) Current(ctx context.Context, s *Stack) (Release, error) {
	template, err := c.Template(ctx, s.Name)
	return Release{Stack: s.Name, At: time.Now().UTC(), Template: template, Parameters: s.Parameters, Tags: s.Tags}, err
}

func releases(stack string) string { return "releases/" + stack + "/" }

// Keep keeps a release in the store.
func (s *Store) Keep(ctx context.Context, r Release) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("keep what %s was: %w", r.Stack, err)
	}
	_, err = s.Put(ctx, bundle.File{Key: releases(r.Stack) + keyTime(r.At) + ".json", Data: data})
	return err
}

// Before finds the latest release that was kept of a stack and differs from what
// it is now. Nil if there is none.
func (s *Store) Before(ctx context.Context, now Release) (*Release, error) {
	var keys []string
	pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: &s.Bucket, Prefix: aws.String(releases(now.Stack)), ExpectedBucketOwner: &s.Account})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the releases of %s in s3://%s: %w", now.Stack, s.Bucket, err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(b, a) })
	for _, key := range keys {
		out, err := s.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.Bucket, Key: &key, ExpectedBucketOwner: &s.Account})
		if err != nil {
			return nil, fmt.Errorf("read s3://%s/%s: %w", s.Bucket, key, err)
		}
		data, err := io.ReadAll(out.Body)
		_ = out.Body.Close() // only read
		if err != nil {
			return nil, fmt.Errorf("read s3://%s/%s: %w", s.Bucket, key, err)
		}
		var r Release
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, fmt.Errorf("read s3://%s/%s: %w", s.Bucket, key, err)
		}
		if !r.Same(now) {
			return &r, nil
		}
	}
	return nil, nil
}
