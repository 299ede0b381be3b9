package cloudformation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// Stack is a template's resources, as one.
type Stack struct {
	Name string
	// ID is the stack's ARN.
	ID          string
	Description string
	// Created is when its deployment began.
	Created time.Time

	parameters []StackParameter

	mu        sync.RWMutex
	status    string
	reason    string
	deleted   time.Time
	resources []StackResource
	outputs   []StackOutput
}

// StackResource is a resource of a stack.
type StackResource struct {
	// Resource is what it became: Ref is its physical ID.
	api.Resource
	LogicalID      string
	Type           string
	DeletionPolicy string
	// Line of the template that declares it.
	Line int
	// Status as CloudFormation names it: "CREATE_COMPLETE".
	Status string
	// Reason of a failure. Empty otherwise.
	Reason    string
	Timestamp time.Time
}

// StackOutput is an output of a stack.
type StackOutput struct{ Key, Value, Description string }

// StackParameter is a parameter that a stack was made with.
type StackParameter struct {
	Key, Value string
	NoEcho     bool
}

func newStack(p *plan) *Stack {
	s := &Stack{
		Name: p.options.StackName, ID: p.stackID, Description: p.template.Description,
		Created: time.Now(), status: "CREATE_IN_PROGRESS",
	}
	for _, q := range p.template.Parameters {
		s.parameters = append(s.parameters, StackParameter{Key: q.Name, Value: p.given[q.Name], NoEcho: q.NoEcho})
	}
	return s
}

// Status as CloudFormation names it, with the reason of a failure.
func (s *Stack) Status() (status, reason string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.status, s.reason
}

// Parameters are the values that the stack was made with, defaults included.
func (s *Stack) Parameters() []StackParameter { return slices.Clone(s.parameters) }

// Resources in the order in which they were made.
func (s *Stack) Resources() []StackResource {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := slices.Clone(s.resources)
	for i := range list {
		list[i].Attributes = maps.Clone(list[i].Attributes)
	}
	return list
}

// Resource finds a resource by its logical ID.
func (s *Stack) Resource(logicalID string) (StackResource, bool) {
	for _, r := range s.Resources() {
		if r.LogicalID == logicalID {
			return r, true
		}
	}
	return StackResource{}, false
}

// Outputs in the order of the template. Empty until the stack is complete.
func (s *Stack) Outputs() []StackOutput {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.outputs)
}

// Output is the value of one output.
func (s *Stack) Output(key string) (string, bool) {
	for _, o := range s.Outputs() {
		if o.Key == key {
			return o.Value, true
		}
	}
	return "", false
}

func (s *Stack) add(r StackResource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resources = append(s.resources, r)
}

func (s *Stack) finish(status, reason string, outputs []StackOutput) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.reason, s.outputs = status, reason, outputs
}

// Delete removes the stack's resources, the last one made first, but for those
// whose DeletionPolicy is Retain. What removing means is the caller's: remove
// gets each resource in turn.
//
// The first error ends it and leaves the stack DELETE_FAILED: another Delete
// carries on from there.
func (s *Stack) Delete(ctx context.Context, remove func(context.Context, StackResource) error) error {
	s.setStatus("DELETE_IN_PROGRESS", "")
	for _, r := range slices.Backward(s.Resources()) {
		status := "DELETE_COMPLETE"
		switch {
		case r.Status != "CREATE_COMPLETE" && r.Status != "DELETE_FAILED":
			continue
		case r.DeletionPolicy == "Retain":
			status = "DELETE_SKIPPED"
		default:
			if err := remove(ctx, r); err != nil {
				s.setResourceStatus(r.LogicalID, "DELETE_FAILED", err.Error())
				s.setStatus("DELETE_FAILED", fmt.Sprintf("The following resource(s) failed to delete: [%s].", r.LogicalID))
				return fmt.Errorf("delete %s (%s): %w", r.LogicalID, r.Type, err)
			}
		}
		s.setResourceStatus(r.LogicalID, status, "")
	}
	s.setStatus("DELETE_COMPLETE", "")
	return nil
}

func (s *Stack) setStatus(status, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.reason = status, reason
	if status == "DELETE_COMPLETE" {
		s.deleted = time.Now()
	}
}

func (s *Stack) setResourceStatus(logicalID, status, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.resources {
		if r := &s.resources[i]; r.LogicalID == logicalID {
			r.Status, r.Reason, r.Timestamp = status, reason, time.Now()
		}
	}
}
