// Package iam keeps the roles and policies that a template declares and
// evaluates them. Documents are checked as strictly as IAM checks them and kept
// as typed structs. What a call asks of IAM is for others to say.
package iam

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/musterq/muster/internal/local/api"
)

const (
	serviceName = "iam"
	// version of the policy language that has variables.
	version = "2012-10-17"
)

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
	// Stack and LogicalID say which template declares it. Empty for none.
	Stack, LogicalID string
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

	// changes counts what was made or changed.
	changes atomic.Uint64

	mu sync.RWMutex
	// knows tells which condition keys requests have. Nil for all.
	knows func(key string) bool
	// roles by name, managed policies by ARN.
	roles   map[string]*Role
	managed map[string]*Policy
}

// New returns an IAM that knows AWS's own managed policies, as far as they
// concern functions and state machines.
func New(account *api.Account, router *api.Router) *Service {
	return &Service{account: account, router: router, roles: map[string]*Role{}, managed: map[string]*Policy{}}
}

// Changes grows with every change of a role or policy, so that who keeps what it
// was told knows when to ask again.
func (s *Service) Changes() uint64 { return s.changes.Load() }

// Know tells which condition keys requests have. A policy that names another is
// refused from now on: on AWS it might hold, here it never could.
func (s *Service) Know(key func(key string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knows = key
}

// Put makes a role, or replaces the one of its name, which services may assume
// and which is allowed the actions on every resource. It returns its ARN.
func (s *Service) Put(name string, services []string, actions ...string) string {
	role := &Role{Name: name, Path: "/", ARN: s.arn("role", "/", name), MaxSessionDuration: hour, Tags: map[string]string{}}
	role.ID = uniqueID("AROA", role.ARN)
	role.Trust = Document{Version: version, Statement: []Statement{{
		Effect: "Allow", Principal: Principal{Service: services}, Action: []string{"sts:AssumeRole"},
	}}}
	if len(actions) > 0 {
		role.Policies = []Policy{{Name: "allowed", Document: allow(actions...)}}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roles[name] = role
	s.changes.Add(1)
	return role.ARN
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
