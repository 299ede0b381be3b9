package cloudformation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// update carries a stack from one plan to another, or back again.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
type update struct {
	stack *Stack
	plan  *plan
	// before are the resources that the stack had.
	before []StackResource
	// steps that were taken, to be taken back in reverse.
	steps []step
	// deleteNew deletes what the update made if it fails, whatever the policy.
	deleteNew bool
}

// step is what an update did to one resource.
type step struct {
	// old is nil for a resource that was made.
	old *StackResource
	now StackResource
	// replaced says that now is another resource than old.
	replaced bool
	undone   bool
}

// run updates the stack. If a resource fails, what was done is taken back.
func (u *update) run(ctx context.Context) error {
	s, p := u.stack, u.plan
	u.before = s.Resources()
	for _, r := range p.order {
		if err := u.carry(ctx, r); err != nil {
			verb := "update"
			if !slices.ContainsFunc(u.before, func(old StackResource) bool { return old.LogicalID == r.LogicalID }) {
				verb = "create"
			}
			err = &ResourceError{File: p.template.File, Line: p.blame(r, err), LogicalID: r.LogicalID, Type: r.Type, Err: err}
			s.setStatus("UPDATE_ROLLBACK_IN_PROGRESS", fmt.Sprintf("The following resource(s) failed to %s: [%s].", verb, r.LogicalID))
			return errors.Join(err, u.rollBack(ctx, nil))
		}
	}
	outputs, err := p.evaluateOutputs(p.scope)
	if err != nil {
		s.setStatus("UPDATE_ROLLBACK_IN_PROGRESS", err.Error())
		return errors.Join(err, u.rollBack(ctx, nil))
	}
	s.adopt(p, outputs)
	s.setStatus("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "")
	u.cleanUp(ctx)
	s.setStatus("UPDATE_COMPLETE", "")
	return nil
}

// carry brings one resource to what the plan wants of it.
func (u *update) carry(ctx context.Context, r *Resource) error {
	s, p := u.stack, u.plan
	wanted, err := p.want(ctx, r)
	if err == nil {
		err = ctx.Err()
	}
	i := slices.IndexFunc(u.before, func(old StackResource) bool { return old.LogicalID == r.LogicalID })
	if i < 0 {
		if err == nil {
			wanted, err = s.make(ctx, p, r, wanted)
		}
		if err != nil {
			s.tell(wanted, "CREATE_FAILED", err.Error())
			s.drop(r.LogicalID)
			return err
		}
		u.steps = append(u.steps, step{now: wanted})
		p.scope.made[r.LogicalID] = wanted
		return nil
	}
	old := u.before[i]
	if err != nil {
		s.put(s.tell(old, "UPDATE_FAILED", err.Error()))
		return err
	}
	provider := p.options.Providers[r.Type]
	changed := wanted.differs(old)
	wanted.Resource, wanted.request.Name = old.Resource, old.request.Name
	switch {
	case len(changed) == 0:
		// Policies, metadata and the place in the template may have changed.
		wanted.Status, wanted.Reason, wanted.Timestamp = old.Status, old.Reason, old.Timestamp
		s.put(wanted)
	case replaces(provider, changed):
		wanted, err = u.replace(ctx, r, wanted, old)
	default:
		wanted, err = u.change(ctx, provider, wanted, old)
	}
	if err != nil {
		s.put(s.tell(old, "UPDATE_FAILED", err.Error()))
		return err
	}
	p.scope.made[r.LogicalID] = wanted
	return nil
}

// change updates a resource in place.
func (u *update) change(ctx context.Context, provider api.Provider, wanted, old StackResource) (StackResource, error) {
	s := u.stack
	s.put(s.tell(wanted, "UPDATE_IN_PROGRESS", ""))
	// An update that fails may have changed something: it is taken back too.
	u.steps = append(u.steps, step{old: &old, now: wanted})
	made, err := provider.Update(ctx, wanted.request, old.existing())
	if err != nil {
		return wanted, err
	}
	wanted.Resource = made
	u.steps[len(u.steps)-1].now = wanted
	wanted = s.tell(wanted, "UPDATE_COMPLETE", "")
	s.put(wanted)
	return wanted, nil
}

// replace makes another resource in the place of the old one, which is deleted
// once all is well.
func (u *update) replace(ctx context.Context, r *Resource, wanted, old StackResource) (StackResource, error) {
	s, p := u.stack, u.plan
	if name := customName(old); name != "" && name == customName(wanted) {
		return wanted, fmt.Errorf("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", name)
	}
	wanted.Resource = api.Resource{}
	wanted.request.Name = s.nextName(p, r)
	s.tell(old, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource; hence creating one.")
	made, err := p.options.Providers[r.Type].Create(ctx, wanted.request)
	if err != nil {
		return wanted, err
	}
	wanted.Resource = made
	u.steps = append(u.steps, step{old: &old, now: wanted, replaced: true})
	s.tell(wanted, "UPDATE_IN_PROGRESS", "Resource creation Initiated")
	wanted = s.tell(wanted, "UPDATE_COMPLETE", "")
	s.put(wanted)
	return wanted, nil
}

// cleanUp deletes what was replaced and what the plan no longer has. What cannot
// be deleted is left, which does not fail the update.
func (u *update) cleanUp(ctx context.Context) {
	s := u.stack
	for _, old := range slices.Backward(u.before) {
		kept, ok := s.Resource(old.LogicalID)
		wanted := slices.ContainsFunc(u.plan.order, func(r *Resource) bool { return r.LogicalID == old.LogicalID })
		switch {
		case !ok || wanted && kept.Ref == old.Ref:
			continue
		case wanted && kept.UpdateReplacePolicy == "Retain", !wanted && strings.HasPrefix(old.DeletionPolicy, "Retain"):
			s.tell(old, "DELETE_SKIPPED", "")
		default:
			s.remove(ctx, old)
		}
		if !wanted {
			s.drop(old.LogicalID)
		}
	}
}
