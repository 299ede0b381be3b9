package eventbridge

import (
	"context"
	"errors"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

// changeRule makes a rule what a template now says of it, its targets too.
func (s *Service) changeRule(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	p, err := readRule(r)
	if err != nil {
		return api.Resource{}, err
	}
	p.Name = old.Ref
	err = s.withoutTargets(ctx, old, func(id string) bool {
		return slices.ContainsFunc(p.Targets, func(t targetProperties) bool { return t.ID == id })
	})
	if err != nil {
		return api.Resource{}, err
	}
	made, err := s.putRuleOf(ctx, p)
	if err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.rules[p.Name]; now != nil {
		now.tags = p.Tags
	}
	return made, nil
}

// withoutTargets removes the targets that the template gave a rule, but for those
// to keep.
func (s *Service) withoutTargets(ctx context.Context, old api.Existing, keep func(id string) bool) error {
	was, err := readRule(old.ResourceRequest)
	if err != nil {
		return err
	}
	in := RemoveTargetsInput{Rule: old.Ref}
	for _, t := range was.Targets {
		if !keep(t.ID) {
			in.Ids = append(in.Ids, t.ID)
		}
	}
	if len(in.Ids) == 0 {
		return nil
	}
	return s.call(ctx, "RemoveTargets", in)
}

// removeRule deletes a rule with the targets that the template gave it; others
// keep it from being deleted.
func (s *Service) removeRule(ctx context.Context, old api.Existing) error {
	err := s.withoutTargets(ctx, old, func(string) bool { return false })
	if err == nil {
		err = s.call(ctx, "DeleteRule", RuleInput{Name: old.Ref})
	}
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "ResourceNotFoundException" {
		return nil
	}
	return err
}
