package s3

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/musterq/muster/internal/local/api"
)

// changeBucket sets what a template now says of a bucket.
func (s *Service) changeBucket(_ context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	p, rules, err := readBucket(r)
	if err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(old.Ref)
	if err != nil {
		return api.Resource{}, err
	}
	b.expiry, b.key = rules, p.key()
	return old.Resource, nil
}

// removeBucket deletes a bucket, if it is empty.
func (s *Service) removeBucket(ctx context.Context, old api.Existing) error {
	input, err := json.Marshal(BucketInput{Bucket: old.Ref})
	if err != nil {
		return fmt.Errorf("encode the input of DeleteBucket: %w", err)
	}
	_, err = s.router.Call(ctx, "s3", "DeleteBucket", api.Caller{}, input)
	return gone(err)
}

// gone takes for done that a bucket is not there.
func gone(err error) error {
	if e, ok := errors.AsType[*api.Error](err); ok && e.HTTPStatus() == http.StatusNotFound {
		return nil
	}
	return err
}

func (s *Service) removePolicy(_ context.Context, old api.Existing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(old.Ref)
	if err != nil {
		return gone(err)
	}
	b.policy = nil
	return nil
}
