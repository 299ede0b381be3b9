package iam

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"regexp"

	"github.com/musterq/muster/internal/local/api"
)

// Providers make the resources that a template declares.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{
		"AWS::IAM::Role": {
			Create: provide(s, "CreateRole", s.createRole), Update: change(s, "UpdateRole", s.changeRole),
			Delete: remove(s, "DeleteRole", s.removeRole), Replaced: []string{"Path", "RoleName"},
		},
		"AWS::IAM::Policy": {
			Create: provide(s, "PutRolePolicy", s.putPolicy), Update: change(s, "PutRolePolicy", s.changePolicy),
			Delete: remove(s, "DeleteRolePolicy", s.removePolicy),
		},
		"AWS::IAM::ManagedPolicy": {
			Create: provide(s, "CreatePolicy", s.createManagedPolicy), Update: change(s, "CreatePolicyVersion", s.changeManagedPolicy),
			Delete: remove(s, "DeletePolicy", s.removeManagedPolicy), Replaced: []string{"Description", "ManagedPolicyName", "Path"},
		},
	}
}

// provide makes a provider of a function over a resource's own properties.
func provide[P any](s *Service, operation string, f func(api.ResourceRequest, *P) (api.Resource, error)) func(context.Context, api.ResourceRequest) (api.Resource, error) {
	return func(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
		properties := new(P)
		if err := api.Decode(r.Properties, properties); err != nil {
			return api.Resource{}, err
		}
		var resource api.Resource
		_, err := s.router.Do(ctx, api.Call{Service: serviceName, Operation: operation, Input: properties},
			func(context.Context) (any, error) {
				var err error
				resource, err = f(r, properties)
				return resource, err
			})
		return resource, err
	}
}

type tag struct{ Key, Value string }

type inlinePolicy struct {
	PolicyName     string
	PolicyDocument json.RawMessage
}

// RoleProperties are the properties of AWS::IAM::Role.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html
type RoleProperties struct {
	AssumeRolePolicyDocument json.RawMessage
	Description              string
	ManagedPolicyArns        []string
	MaxSessionDuration       int
	Path                     string
	PermissionsBoundary      string
	Policies                 []inlinePolicy
	RoleName                 string
	Tags                     []tag
}

var (
	pathPattern = regexp.MustCompile(`^(/|/[\x21-\x7E]+/)$`)
	namePattern = regexp.MustCompile(`^[\w+=,.@-]+$`)
)

// Quotas, in characters without white space, of which encoded properties have none.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxTrustPolicy    = 2048
	maxInlinePolicies = 10240
	maxManagedPolicy  = 6144
	maxRoleName       = 64
	maxPolicyName     = 128
)

const (
	hour       = 3600
	maxSession = 12 * hour
)

func (s *Service) createRole(r api.ResourceRequest, p *RoleProperties) (api.Resource, error) {
	role, err := s.newRole(r, p)
	if err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.roles[role.Name]; ok {
		return api.Resource{}, &api.Error{Code: "EntityAlreadyExists", Message: "Role with name " + role.Name + " already exists.", Status: 409}
	}
	if err := s.attachManaged(role, p); err != nil {
		return api.Resource{}, err
	}
	s.roles[role.Name] = role
	s.changes.Add(1)
	return role.resource(), nil
}

func (r *Role) resource() api.Resource {
	return api.Resource{Ref: r.Name, Attributes: map[string]string{"Arn": r.ARN, "RoleId": r.ID}}
}

// attachManaged gives a role the managed policies that its own properties name.
// The lock is held.
func (s *Service) attachManaged(role *Role, p *RoleProperties) error {
	for _, arn := range p.ManagedPolicyArns {
		policy, err := s.attachable(arn)
		if err != nil {
			return err
		}
		role.Policies = append(role.Policies, *policy)
	}
	if p.PermissionsBoundary == "" {
		return nil
	}
	var err error
	role.Boundary, err = s.attachable(p.PermissionsBoundary)
	return err
}

// newRole is a role as its properties have it, without managed policies.
func (s *Service) newRole(r api.ResourceRequest, p *RoleProperties) (*Role, error) {
	role := &Role{
		Name: p.RoleName, Path: p.Path, Description: p.Description, MaxSessionDuration: p.MaxSessionDuration, Tags: map[string]string{},
		Stack: r.Stack, LogicalID: r.LogicalID,
	}
	if role.Name == "" {
		role.Name = r.Name
	}
	if role.Path == "" {
		role.Path = "/"
	}
	if role.MaxSessionDuration == 0 {
		role.MaxSessionDuration = hour
	}
	if err := checkName("roleName", role.Name, maxRoleName); err != nil {
		return nil, err
	}
	if err := checkPath(role.Path); err != nil {
		return nil, err
	}
	if role.MaxSessionDuration < hour || role.MaxSessionDuration > maxSession {
		return nil, api.Errorf("ValidationError", "1 validation error detected: Value '%d' at 'maxSessionDuration' failed to satisfy constraint: Member must have value between %d and %d", role.MaxSessionDuration, hour, maxSession)
	}
	for _, t := range p.Tags {
		role.Tags[t.Key] = t.Value
	}
	if len(p.AssumeRolePolicyDocument) == 0 {
		return nil, api.Errorf("ValidationError", "1 validation error detected: Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null")
	}
	if len(p.AssumeRolePolicyDocument) > maxTrustPolicy {
		return nil, api.Errorf("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: %d", maxTrustPolicy)
	}
	var err error
	if role.Trust, err = ParseTrustPolicy(p.AssumeRolePolicyDocument); err != nil {
		return nil, err
	}
	if err := s.checkKeys(role.Trust); err != nil {
		return nil, err
	}
	if err := s.inline(role, p.Policies); err != nil {
		return nil, err
	}
	role.ARN = s.arn("role", role.Path, role.Name)
	role.ID = uniqueID("AROA", role.ARN)
	return role, nil
}

// inline adds a role's own policies.
func (s *Service) inline(role *Role, policies []inlinePolicy) error {
	total := 0
	for _, q := range policies {
		if err := checkName("policyName", q.PolicyName, maxPolicyName); err != nil {
			return err
		}
		document, err := s.identity(q.PolicyDocument)
		if err != nil {
			return err
		}
		if total += len(q.PolicyDocument); total > maxInlinePolicies {
			return &api.Error{Code: "LimitExceeded", Message: "Maximum policy size of 10240 bytes exceeded for role " + role.Name, Status: 409}
		}
		role.Policies = append(role.Policies, Policy{Name: q.PolicyName, Document: document})
	}
	return nil
}

func (s *Service) attachable(arn string) (*Policy, error) {
	p, ok := s.policy(arn)
	if !ok {
		return nil, notFound("Policy " + arn + " does not exist or is not attachable.")
	}
	return p, nil
}

func notFound(message string) error {
	return &api.Error{Code: "NoSuchEntity", Message: message, Status: 404}
}

func checkName(field, name string, most int) error {
	if len(name) > most {
		return api.Errorf("ValidationError", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", name, field, most)
	}
	if !namePattern.MatchString(name) {
		return api.Errorf("ValidationError", "The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-", field)
	}
	return nil
}

func checkPath(path string) error {
	if !pathPattern.MatchString(path) {
		return api.Errorf("ValidationError", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return nil
}

// uniqueID makes the ID that IAM gives a resource, the same every time.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
func uniqueID(prefix, arn string) string {
	sum := sha256.Sum256([]byte(arn))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}
