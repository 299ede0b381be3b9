package cloudformation

import (
	"context"
	"slices"
	"sync"

	"github.com/musterq/muster/internal/local/api"
)

// Service is the part of CloudFormation's API that describes stacks. It changes
// none: stacks are made by [Service.Deploy].
type Service struct {
	account *api.Account

	mu     sync.RWMutex
	stacks []*Stack
}

// New returns a CloudFormation without stacks.
func New(account *api.Account) *Service { return &Service{account: account} }

// Deploy makes a stack of the template in this service's account, see [Deploy].
// The stack can be described from its first resource on.
func (s *Service) Deploy(ctx context.Context, t *Template, o Options) (*Stack, error) {
	o.Account = s.account
	p, err := newPlan(t, o, s.generation(o.StackName))
	if err != nil {
		return nil, err
	}
	stack := newStack(p)
	if err := s.record(stack); err != nil {
		return nil, err
	}
	return stack, p.create(ctx, stack)
}

// generation counts the stacks that had the name before.
func (s *Service) generation(name string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	count := 0
	for _, stack := range s.stacks {
		if stack.Name == name {
			count++
		}
	}
	return count
}

func (s *Service) record(stack *Stack) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.stacks {
		if status, _ := other.Status(); other.Name == stack.Name && status != "DELETE_COMPLETE" {
			return api.Errorf("AlreadyExistsException", "Stack [%s] already exists", stack.Name)
		}
	}
	s.stacks = append(s.stacks, stack)
	return nil
}

// Stacks are all stacks, deleted ones included, the newest first.
func (s *Service) Stacks() []*Stack {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := slices.Clone(s.stacks)
	slices.Reverse(list)
	return list
}

// Stack finds a stack by name or, deleted ones too, by ID.
func (s *Service) Stack(nameOrID string) (*Stack, error) {
	for _, stack := range s.Stacks() {
		status, _ := stack.Status()
		if stack.ID == nameOrID || stack.Name == nameOrID && status != "DELETE_COMPLETE" {
			return stack, nil
		}
	}
	return nil, api.Errorf("ValidationError", "Stack with id %s does not exist", nameOrID)
}

// API is the service as the router knows it. It speaks the query protocol only.
func (s *Service) API() api.Service {
	return api.Service{
		Name: serviceName,
		Operations: map[string]api.Operation{
			"DescribeStacks":         api.Op(serviceName, "DescribeStacks", s.describeStacks),
			"DescribeStackResources": api.Op(serviceName, "DescribeStackResources", s.describeStackResources),
			"ListStackResources":     api.Op(serviceName, "ListStackResources", s.listStackResources),
			"ListStacks":             api.Op(serviceName, "ListStacks", s.listStacks),
		},
		Query: codec{},
	}
}

const serviceName = "cloudformation"
