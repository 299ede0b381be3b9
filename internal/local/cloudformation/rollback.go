package cloudformation

import (
	"context"
	"fmt"
	"slices"
)

// rollBack takes back what an update did, the last step first, and deletes what
// it made. Resources to skip are taken to be as they were.
//
// A step that cannot be taken back leaves the stack UPDATE_ROLLBACK_FAILED; the
// rollback can then be continued.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html
func (u *update) rollBack(ctx context.Context, skip []string) error {
	s := u.stack
	for i := len(u.steps) - 1; i >= 0; i-- {
		t := &u.steps[i]
		if t.old == nil || t.undone {
			continue
		}
		if err := u.undo(ctx, t, slices.Contains(skip, t.old.LogicalID)); err != nil {
			s.mu.Lock()
			s.unfinished = u
			s.mu.Unlock()
			s.setStatus("UPDATE_ROLLBACK_FAILED", fmt.Sprintf("The following resource(s) failed to update: [%s].", t.old.LogicalID))
			return fmt.Errorf("roll back %s (%s): %w", t.old.LogicalID, t.old.Type, err)
		}
		t.undone = true
	}
	s.mu.Lock()
	s.unfinished = nil
	s.mu.Unlock()
	s.setStatus("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "")
	for _, t := range slices.Backward(u.steps) {
		switch {
		case t.old != nil && !t.replaced:
		case t.old == nil && t.now.DeletionPolicy == "Retain" && !u.deleteNew:
			s.tell(t.now, "DELETE_SKIPPED", "")
			s.drop(t.now.LogicalID)
		default:
			s.remove(ctx, t.now)
			if t.old == nil {
				s.drop(t.now.LogicalID)
			}
		}
	}
	s.restore(u.before)
	s.setStatus("UPDATE_ROLLBACK_COMPLETE", "")
	return nil
}

// undo brings one resource back to what it was.
func (u *update) undo(ctx context.Context, t *step, skip bool) error {
	s, old := u.stack, *t.old
	switch {
	case skip:
		s.put(s.tell(old, "UPDATE_COMPLETE", "Resource skipped during UpdateRollback"))
	case t.replaced:
		s.put(s.tell(old, "UPDATE_COMPLETE", ""))
	default:
		s.put(s.tell(old, "UPDATE_IN_PROGRESS", ""))
		err := ctx.Err()
		if err == nil {
			old.Resource, err = s.provider(old.Type).Update(ctx, old.request, t.now.existing())
		}
		if err != nil {
			s.put(s.tell(*t.old, "UPDATE_FAILED", err.Error()))
			return err
		}
		s.put(s.tell(old, "UPDATE_COMPLETE", ""))
	}
	return nil
}

// restore puts the resources that a stack had into their order again, and those
// that were not changed in so far as they were.
func (s *Stack) restore(before []StackResource) {
	for _, old := range before {
		now, ok := s.Resource(old.LogicalID)
		if !ok || now.Status != "UPDATE_COMPLETE" {
			s.put(old)
		}
	}
	if p := s.current(); p != nil {
		s.adopt(p, s.Outputs())
	}
}
