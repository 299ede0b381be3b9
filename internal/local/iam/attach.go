package iam

import (
	"encoding/json"

	"github.com/musterq/muster/internal/local/api"
)

// PolicyProperties are the properties of AWS::IAM::Policy.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-policy.html
type PolicyProperties struct {
	Groups         []string
	PolicyDocument json.RawMessage
	PolicyName     string
	Roles          []string
	Users          []string
}

func (s *Service) putPolicy(r api.ResourceRequest, p *PolicyProperties) (api.Resource, error) {
	if len(p.Groups)+len(p.Roles)+len(p.Users) == 0 {
		return api.Resource{}, api.Errorf("ValidationError", "At least one of [Groups,Roles,Users] must be non-empty.")
	}
	if err := checkName("policyName", p.PolicyName, maxPolicyName); err != nil {
		return api.Resource{}, err
	}
	document, err := s.identity(p.PolicyDocument)
	if err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.attach(p.Roles, p.Users, p.Groups, Policy{Name: p.PolicyName, Document: document}); err != nil {
		return api.Resource{}, err
	}
	return api.Resource{Ref: r.Name, Attributes: map[string]string{"Id": r.Name}}, nil
}

// attach gives a policy to roles, all or none. There are no users and no groups
// in this account. The lock is held.
func (s *Service) attach(roles, users, groups []string, p Policy) error {
	if len(users) > 0 {
		return notFound("The user with name " + users[0] + " cannot be found.")
	}
	if len(groups) > 0 {
		return notFound("The group with name " + groups[0] + " cannot be found.")
	}
	for _, name := range roles {
		if _, ok := s.roles[name]; !ok {
			return notFound("The role with name " + name + " cannot be found.")
		}
	}
	for _, name := range roles {
		s.roles[name].put(p)
	}
	s.changes.Add(1)
	return nil
}

// put adds a policy, or replaces the one of the same name and kind.
func (r *Role) put(p Policy) {
	for i, other := range r.Policies {
		if other.Name == p.Name && other.ARN == p.ARN {
			r.Policies[i] = p
			return
		}
	}
	r.Policies = append(r.Policies, p)
}

// ManagedPolicyProperties are the properties of AWS::IAM::ManagedPolicy.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-managedpolicy.html
type ManagedPolicyProperties struct {
	Description       string
	Groups            []string
	ManagedPolicyName string
	Path              string
	PolicyDocument    json.RawMessage
	Roles             []string
	Users             []string
}

func (s *Service) createManagedPolicy(r api.ResourceRequest, p *ManagedPolicyProperties) (api.Resource, error) {
	name, path := p.ManagedPolicyName, p.Path
	if name == "" {
		name = r.Name
	}
	if path == "" {
		path = "/"
	}
	if err := checkName("policyName", name, maxPolicyName); err != nil {
		return api.Resource{}, err
	}
	if err := checkPath(path); err != nil {
		return api.Resource{}, err
	}
	document, err := s.identity(p.PolicyDocument)
	if err != nil {
		return api.Resource{}, err
	}
	if len(p.PolicyDocument) > maxManagedPolicy {
		return api.Resource{}, policyTooLarge()
	}
	policy := Policy{Name: name, ARN: s.arn("policy", path, name), Document: document}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.managed[policy.ARN]; ok {
		return api.Resource{}, &api.Error{Code: "EntityAlreadyExists", Message: "A policy called " + name + " already exists. Duplicate names are not allowed.", Status: 409}
	}
	if err := s.attach(p.Roles, p.Users, p.Groups, policy); err != nil {
		return api.Resource{}, err
	}
	s.managed[policy.ARN] = &policy
	return api.Resource{Ref: policy.ARN, Attributes: map[string]string{"PolicyArn": policy.ARN, "PolicyId": uniqueID("ANPA", policy.ARN)}}, nil
}

func policyTooLarge() error {
	return &api.Error{Code: "LimitExceeded", Message: "Cannot exceed quota for PolicySize: 6144", Status: 409}
}
