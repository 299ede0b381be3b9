package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

// create makes the plan's resources into a stack that has none. If one fails,
// the others are deleted again, unless the stack is to keep them.
func (p *plan) create(ctx context.Context, stack *Stack) error {
	stack.mu.Lock()
	stack.plan = p
	stack.mu.Unlock()
	if err := p.createAll(ctx, stack); err != nil {
		return err
	}
	outputs, err := p.evaluateOutputs(p.scope)
	if err != nil {
		stack.failed(ctx, err.Error())
		return err
	}
	stack.adopt(p, outputs)
	stack.setStatus("CREATE_COMPLETE", "")
	return nil
}

func (p *plan) createAll(ctx context.Context, stack *Stack) error {
	for _, r := range p.order {
		wanted, err := p.want(ctx, r)
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			wanted, err = stack.make(ctx, p, r, wanted)
		}
		if err != nil {
			stack.put(stack.tell(wanted, "CREATE_FAILED", err.Error()))
			stack.failed(ctx, fmt.Sprintf("The following resource(s) failed to create: [%s].", r.LogicalID))
			return &ResourceError{File: p.template.File, Line: p.blame(r, err), LogicalID: r.LogicalID, Type: r.Type, Err: err}
		}
		p.scope.made[r.LogicalID] = wanted
	}
	return nil
}

// make makes a resource that is wanted, under a name of its own.
func (s *Stack) make(ctx context.Context, p *plan, r *Resource, wanted StackResource) (StackResource, error) {
	wanted.request.Name = s.nextName(p, r)
	s.put(s.tell(wanted, "CREATE_IN_PROGRESS", ""))
	made, err := p.options.Providers[r.Type].Create(ctx, wanted.request)
	if err != nil {
		return wanted, err
	}
	wanted.Resource = made
	s.tell(wanted, "CREATE_IN_PROGRESS", "Resource creation Initiated")
	wanted = s.tell(wanted, "CREATE_COMPLETE", "")
	s.put(wanted)
	return wanted, nil
}

// What becomes of a stack that cannot be created.
const (
	rollBack  = "ROLLBACK"
	doNothing = "DO_NOTHING"
	doDelete  = "DELETE"
)

// failed ends a creation that failed.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
func (s *Stack) failed(ctx context.Context, reason string) {
	done, undone := "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"
	switch s.onFailure {
	case doNothing:
		s.setStatus("CREATE_FAILED", reason)
		return
	case doDelete:
		done, undone = "DELETE_COMPLETE", "DELETE_FAILED"
		s.setStatus("DELETE_IN_PROGRESS", reason+" Delete requested by user.")
	default:
		s.setStatus("ROLLBACK_IN_PROGRESS", reason+" Rollback requested by user.")
	}
	kept := func(r StackResource) bool { return r.DeletionPolicy == "Retain" && !s.deleteNew }
	if undeleted := s.deleteAll(ctx, kept); len(undeleted) > 0 {
		s.setStatus(undone, deletionReason(undeleted))
		return
	}
	s.setStatus(done, "")
}

// provider makes, changes and deletes the stack's resources of a type.
func (s *Stack) provider(kind string) api.Provider {
	if p := s.current(); p != nil {
		return p.options.Providers[kind]
	}
	return api.Provider{}
}

var quoted = regexp.MustCompile(`"(\w+)"`)

// blame finds the line to name for an error: its own, that of the property that
// it quotes, or the resource's.
func (p *plan) blame(r *Resource, err error) int {
	if fault, ok := errors.AsType[*Error](err); ok {
		return fault.Line
	}
	for _, m := range quoted.FindAllStringSubmatch(err.Error(), -1) {
		i := slices.IndexFunc(r.properties, func(q property) bool { return q.name == m[1] })
		if i >= 0 {
			return r.properties[i].line
		}
	}
	return r.Line
}
