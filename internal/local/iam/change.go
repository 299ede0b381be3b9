package iam

import (
	"context"
	"errors"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

// change makes an update of a function over a resource's properties as they are
// to be and as they were.
func change[P any](s *Service, operation string, f func(r api.ResourceRequest, p *P, old api.Existing, was *P) (api.Resource, error)) func(context.Context, api.ResourceRequest, api.Existing) (api.Resource, error) {
	return func(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
		was := new(P)
		if err := api.Decode(old.Properties, was); err != nil {
			return api.Resource{}, err
		}
		return provide(s, operation, func(r api.ResourceRequest, p *P) (api.Resource, error) { return f(r, p, old, was) })(ctx, r)
	}
}

// remove makes a deletion of a function over a resource's properties. What is
// gone already is no error.
func remove[P any](s *Service, operation string, f func(old api.Existing, was *P) error) func(context.Context, api.Existing) error {
	return func(ctx context.Context, old api.Existing) error {
		_, err := provide(s, operation, func(_ api.ResourceRequest, was *P) (api.Resource, error) {
			return old.Resource, f(old, was)
		})(ctx, old.ResourceRequest)
		if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "NoSuchEntity" {
			return nil
		}
		return err
	}
}

// owns tells whether a role has a policy by its own properties, not by those of
// another resource.
func (p *RoleProperties) owns(policy Policy) bool {
	if policy.ARN != "" {
		return slices.Contains(p.ManagedPolicyArns, policy.ARN)
	}
	return slices.ContainsFunc(p.Policies, func(q inlinePolicy) bool { return q.PolicyName == policy.Name })
}

// others are the policies that other resources gave a role.
func (r *Role) others(was *RoleProperties) []Policy {
	return slices.DeleteFunc(slices.Clone(r.Policies), was.owns)
}

func (s *Service) findRole(name string) (*Role, error) {
	if role, ok := s.roles[name]; ok {
		return role, nil
	}
	return nil, notFound("The role with name " + name + " cannot be found.")
}

// changeRole makes a role what its properties now say; it keeps the policies that
// other resources gave it.
func (s *Service) changeRole(r api.ResourceRequest, p *RoleProperties, old api.Existing, was *RoleProperties) (api.Resource, error) {
	r.Name = old.Ref
	role, err := s.newRole(r, p)
	if err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := s.findRole(old.Ref)
	if err != nil {
		return api.Resource{}, err
	}
	if err := s.attachManaged(role, p); err != nil {
		return api.Resource{}, err
	}
	for _, other := range now.others(was) {
		role.put(other)
	}
	s.roles[role.Name] = role
	s.changes.Add(1)
	return role.resource(), nil
}

func (s *Service) removeRole(old api.Existing, was *RoleProperties) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	role, err := s.findRole(old.Ref)
	if err != nil {
		return err
	}
	if others := role.others(was); len(others) > 0 {
		message := "Cannot delete entity, must delete policies first."
		if others[0].ARN != "" {
			message = "Cannot delete entity, must detach all policies first."
		}
		return &api.Error{Code: "DeleteConflict", Message: message, Status: 409}
	}
	delete(s.roles, role.Name)
	s.changes.Add(1)
	return nil
}

// detach takes a policy from roles. The lock is held.
func (s *Service) detach(roles []string, name, arn string) {
	for _, of := range roles {
		role, ok := s.roles[of]
		if !ok {
			continue
		}
		role.Policies = slices.DeleteFunc(slices.Clone(role.Policies), func(p Policy) bool { return p.Name == name && p.ARN == arn })
	}
	s.changes.Add(1)
}

func (s *Service) changePolicy(r api.ResourceRequest, p *PolicyProperties, old api.Existing, was *PolicyProperties) (api.Resource, error) {
	if _, err := s.putPolicy(r, p); err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := was.Roles
	if was.PolicyName == p.PolicyName {
		left = slices.DeleteFunc(slices.Clone(left), func(name string) bool { return slices.Contains(p.Roles, name) })
	}
	s.detach(left, was.PolicyName, "")
	return old.Resource, nil
}

func (s *Service) removePolicy(_ api.Existing, was *PolicyProperties) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detach(was.Roles, was.PolicyName, "")
	return nil
}

// changeManagedPolicy makes another version of a policy the default one, for all
// that it is attached to.
func (s *Service) changeManagedPolicy(_ api.ResourceRequest, p *ManagedPolicyProperties, old api.Existing, was *ManagedPolicyProperties) (api.Resource, error) {
	document, err := s.identity(p.PolicyDocument)
	if err != nil {
		return api.Resource{}, err
	}
	if len(p.PolicyDocument) > maxManagedPolicy {
		return api.Resource{}, policyTooLarge()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now, ok := s.managed[old.Ref]
	if !ok {
		return api.Resource{}, notFound("Policy " + old.Ref + " was not found.")
	}
	policy := Policy{Name: now.Name, ARN: now.ARN, Document: document}
	if err := s.attach(p.Roles, p.Users, p.Groups, policy); err != nil {
		return api.Resource{}, err
	}
	left := slices.DeleteFunc(slices.Clone(was.Roles), func(name string) bool { return slices.Contains(p.Roles, name) })
	s.detach(left, policy.Name, policy.ARN)
	s.managed[policy.ARN] = &policy
	for _, role := range s.roles {
		if role.Boundary != nil && role.Boundary.ARN == policy.ARN {
			role.Boundary = &policy
		}
		if slices.ContainsFunc(role.Policies, func(q Policy) bool { return q.ARN == policy.ARN }) {
			role.put(policy)
		}
	}
	return old.Resource, nil
}

func (s *Service) removeManagedPolicy(old api.Existing, was *ManagedPolicyProperties) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	policy, ok := s.managed[old.Ref]
	if !ok {
		return notFound("Policy " + old.Ref + " was not found.")
	}
	for name, role := range s.roles {
		bounds := role.Boundary != nil && role.Boundary.ARN == policy.ARN
		attached := slices.ContainsFunc(role.Policies, func(q Policy) bool { return q.ARN == policy.ARN })
		if bounds || attached && !slices.Contains(was.Roles, name) {
			return &api.Error{Code: "DeleteConflict", Message: "Cannot delete a policy attached to entities.", Status: 409}
		}
	}
	s.detach(was.Roles, policy.Name, policy.ARN)
	delete(s.managed, policy.ARN)
	return nil
}
