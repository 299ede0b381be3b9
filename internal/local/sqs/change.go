package sqs

import (
	"context"
	"errors"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

// gone takes for done that a queue to be deleted or to be changed back is not
// there.
func gone(err error) error {
	if errors.Is(err, errQueueDoesNotExist) {
		return nil
	}
	return err
}

// changeQueue sets what a template now says of a queue; what it no longer says
// has its default again.
func (s *Service) changeQueue(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	var p, was queueProperties
	if err := errors.Join(api.Decode(r.Properties, &p), api.Decode(old.Properties, &was)); err != nil {
		return api.Resource{}, err
	}
	q, err := s.find(old.Ref)
	if err != nil {
		return api.Resource{}, err
	}
	attributes := p.attributes()
	defaults := newSettings(q.settings.Load().fifo).values
	for name := range was.attributes() {
		if _, ok := attributes[name]; !ok {
			// Those without a default are removed by an empty value.
			attributes[name] = defaults[name]
		}
	}
	if attributes["KmsMasterKeyId"] != "" && p.SqsManagedSseEnabled == "" {
		delete(attributes, "SqsManagedSseEnabled")
	}
	if was.KmsMasterKeyID != "" && p.KmsMasterKeyID == "" && p.SqsManagedSseEnabled == "" {
		attributes["SqsManagedSseEnabled"] = defaults["SqsManagedSseEnabled"]
	}
	if attributes["KmsDataKeyReusePeriodSeconds"] == "" {
		delete(attributes, "KmsDataKeyReusePeriodSeconds")
	}
	if len(attributes) > 0 {
		if err := s.setAttributes(ctx, old.Ref, attributes); err != nil {
			return api.Resource{}, err
		}
	}
	tags := map[string]string{}
	for _, tag := range p.Tags {
		tags[tag.Key] = tag.Value
	}
	now := q.lock()
	q.tags = tags
	q.unlock(now)
	return old.Resource, nil
}

func (s *Service) setAttributes(ctx context.Context, url string, attributes map[string]string) error {
	in := &SetQueueAttributesInput{QueueURL: url, Attributes: attributes}
	_, err := s.router.Do(ctx, api.Call{Service: serviceName, Operation: "SetQueueAttributes", Input: in},
		func(ctx context.Context) (any, error) { return s.setQueueAttributes(ctx, api.Caller{}, in) })
	return err
}

func (s *Service) removeQueue(ctx context.Context, old api.Existing) error {
	in := &QueueInput{QueueURL: old.Ref}
	_, err := s.router.Do(ctx, api.Call{Service: serviceName, Operation: "DeleteQueue", Input: in},
		func(ctx context.Context) (any, error) { return s.deleteQueue(ctx, api.Caller{}, in) })
	return gone(err)
}

// changeQueuePolicy gives the policy to the queues that a template now names, and
// takes it from those that it no longer does.
func (s *Service) changeQueuePolicy(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	var p, was queuePolicyProperties
	if err := errors.Join(api.Decode(r.Properties, &p), api.Decode(old.Properties, &was)); err != nil {
		return api.Resource{}, err
	}
	if _, err := s.provideQueuePolicy(ctx, r); err != nil {
		return api.Resource{}, err
	}
	for _, url := range was.Queues {
		if slices.Contains(p.Queues, url) {
			continue
		}
		if err := gone(s.setAttributes(ctx, url, map[string]string{"Policy": ""})); err != nil {
			return api.Resource{}, err
		}
	}
	return old.Resource, nil
}

func (s *Service) removeQueuePolicy(ctx context.Context, old api.Existing) error {
	var p queuePolicyProperties
	if err := api.Decode(old.Properties, &p); err != nil {
		return err
	}
	for _, url := range p.Queues {
		if err := gone(s.setAttributes(ctx, url, map[string]string{"Policy": ""})); err != nil {
			return err
		}
	}
	return nil
}
