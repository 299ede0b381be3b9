// Package iam keeps the roles and policies that a template declares. Documents
// are checked as strictly as IAM checks them and kept as typed structs, for
// those who decide whether a call is allowed.
package iam

import (
	"maps"
	"slices"
	"sync"

	"github.com/musterq/muster/internal/local/api"
)

const serviceName = "iam"

// Role is a role with all policies that it has.
type Role struct {
	Name string
	ARN  string
	// ID is the unique ID, "AROA" and 17 characters.
	ID          string
	Path        string
	Description string
	// Trust says who may assume it.
	Trust Document
	// Policies are inline and managed ones, in the order in which they came.
	Policies []Policy
	// Boundary is the permissions boundary. Nil when there is none.
	Boundary *Policy
	// MaxSessionDuration in seconds.
	MaxSessionDuration int
	Tags               map[string]string
}

// Policy is a document under a name.
type Policy struct {
	Name string
	// ARN of a managed policy. Empty for an inline one.
	ARN      string
	Document Document
}

// Service keeps the roles and managed policies of one account.
type Service struct {
	account *api.Account
	router  *api.Router

	mu sync.RWMutex
	// roles by name, managed policies by ARN.
	roles   map[string]*Role
	managed map[string]*Policy
}

// New returns an IAM that knows AWS's own managed policies, as far as they
// concern functions and state machines.
func New(account *api.Account, router *api.Router) *Service {
	return &Service{account: account, router: router, roles: map[string]*Role{}, managed: map[string]*Policy{}}
}

// Roles are all roles by ARN.
func (s *Service) Roles() map[string]Role {
	s.mu.RLock()
	defer s.mu.RUnlock()
	roles := make(map[string]Role, len(s.roles))
	for _, r := range s.roles {
		roles[r.ARN] = r.clone()
	}
	return roles
}

// Role finds a role by its ARN.
func (s *Service) Role(arn string) (Role, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.roles {
		if r.ARN == arn {
			return r.clone(), true
		}
	}
	return Role{}, false
}

// clone shares documents, which never change, and nothing else.
func (r *Role) clone() Role {
	c := *r
	c.Policies = slices.Clone(r.Policies)
	c.Tags = maps.Clone(r.Tags)
	return c
}

// arn names a resource of IAM, which has no region.
func (s *Service) arn(kind, path, name string) string {
	return "arn:" + s.account.Partition + ":iam::" + s.account.ID + ":" + kind + path + name
}
