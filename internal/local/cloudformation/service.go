package cloudformation

import (
	"context"
	"slices"
	"sync"

	"github.com/musterq/muster/internal/local/api"
)

// Backend is what stacks are made of and with.
type Backend struct {
	// Providers make the resources, by type.
	Providers map[string]api.Provider
	// Object reads templates and state machine definitions from S3. Nil when there
	// is no S3.
	Object Object
}

// Service is CloudFormation: stacks of templates, made, updated and deleted in
// the background as long as the service is not closed.
type Service struct {
	account *api.Account
	backend Backend

	ctx  context.Context
	stop context.CancelFunc
	work sync.WaitGroup

	mu     sync.RWMutex
	stacks []*Stack
}

// New returns a CloudFormation without stacks. Close ends what it does.
func New(account *api.Account, b Backend) *Service {
	ctx, stop := context.WithCancel(context.Background())
	return &Service{account: account, backend: b, ctx: ctx, stop: stop}
}

// Close ends operations that are under way, after the resource that each is at,
// and waits for them.
func (s *Service) Close() {
	s.stop()
	s.work.Wait()
}

// Deploy makes a stack of the template in this service's account and returns
// when it is made, see [Deploy]. The stack can be described from its first
// resource on. What fails is left as it is, to be looked at.
func (s *Service) Deploy(ctx context.Context, t *Template, o Options) (*Stack, error) {
	s.complete(&o)
	id := stackID(o, s.generation(o.StackName))
	p, err := newPlan(t, o, id)
	if err != nil {
		return nil, err
	}
	stack := newStack(o.StackName, id)
	stack.onFailure = doNothing
	if err := s.record(stack); err != nil {
		return nil, err
	}
	return stack, p.run(ctx, stack)
}

// Update brings a stack to a template and returns when that is done or taken
// back; parameters that are left out have their defaults. That there is nothing to
// do is an error, as it is on AWS.
func (s *Service) Update(ctx context.Context, t *Template, o Options) (*Stack, error) {
	s.complete(&o)
	stack, err := s.Stack(o.StackName)
	if err != nil {
		return nil, err
	}
	p, err := s.planUpdate(stack, t, o)
	if err != nil {
		return nil, err
	}
	ctx, end, err := stack.begin(ctx, updating, "")
	if err != nil {
		return nil, err
	}
	defer end()
	return stack, (&update{stack: stack, plan: p}).run(ctx)
}

// Delete deletes a stack and returns when that is done.
func (s *Service) Delete(ctx context.Context, nameOrID string) error {
	stack, err := s.Stack(nameOrID)
	if err != nil {
		return err
	}
	ctx, end, err := stack.begin(ctx, deletion, "")
	if err != nil {
		return err
	}
	defer end()
	return stack.delete(ctx, nil)
}

// complete fills in what the service knows.
func (s *Service) complete(o *Options) {
	o.Account = s.account
	if o.Providers == nil {
		o.Providers = s.backend.Providers
	}
	if o.Object == nil {
		o.Object = s.backend.Object
	}
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
	if stack := s.find(nameOrID); stack != nil {
		return stack, nil
	}
	return nil, api.Errorf("ValidationError", "Stack with id %s does not exist", nameOrID)
}

// find is Stack; nil for none.
func (s *Service) find(nameOrID string) *Stack {
	for _, stack := range s.Stacks() {
		status, _ := stack.Status()
		if stack.ID == nameOrID || stack.Name == nameOrID && status != "DELETE_COMPLETE" {
			return stack
		}
	}
	return nil
}

// API is the service as the router knows it. It speaks the query protocol only.
func (s *Service) API() api.Service {
	return api.Service{Name: serviceName, Operations: s.operations(), Query: codec{s.operations()}}
}

func (s *Service) operations() map[string]api.Operation {
	return map[string]api.Operation{
		"ContinueUpdateRollback":      api.Op(serviceName, "ContinueUpdateRollback", s.continueUpdateRollback),
		"CreateChangeSet":             api.Op(serviceName, "CreateChangeSet", s.createChangeSet),
		"CreateStack":                 api.Op(serviceName, "CreateStack", s.createStack),
		"DeleteChangeSet":             api.Op(serviceName, "DeleteChangeSet", s.deleteChangeSet),
		"DeleteStack":                 api.Op(serviceName, "DeleteStack", s.deleteStack),
		"DescribeChangeSet":           api.Op(serviceName, "DescribeChangeSet", s.describeChangeSet),
		"DescribeStackEvents":         api.Op(serviceName, "DescribeStackEvents", s.describeStackEvents),
		"DescribeStackResources":      api.Op(serviceName, "DescribeStackResources", s.describeStackResources),
		"DescribeStacks":              api.Op(serviceName, "DescribeStacks", s.describeStacks),
		"ExecuteChangeSet":            api.Op(serviceName, "ExecuteChangeSet", s.executeChangeSet),
		"GetTemplate":                 api.Op(serviceName, "GetTemplate", s.getTemplate),
		"GetTemplateSummary":          api.Op(serviceName, "GetTemplateSummary", s.getTemplateSummary),
		"ListChangeSets":              api.Op(serviceName, "ListChangeSets", s.listChangeSets),
		"ListStackResources":          api.Op(serviceName, "ListStackResources", s.listStackResources),
		"ListStacks":                  api.Op(serviceName, "ListStacks", s.listStacks),
		"UpdateStack":                 api.Op(serviceName, "UpdateStack", s.updateStack),
		"UpdateTerminationProtection": api.Op(serviceName, "UpdateTerminationProtection", s.updateTerminationProtection),
		"ValidateTemplate":            api.Op(serviceName, "ValidateTemplate", s.validateTemplate),
	}
}

const serviceName = "cloudformation"
