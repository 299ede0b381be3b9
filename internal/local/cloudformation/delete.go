package cloudformation

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// delete removes the stack's resources, the last one made first, but for those
// whose DeletionPolicy retains them and those named.
//
// A resource that fails leaves the stack DELETE_FAILED: deleting it again
// carries on from there.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
func (s *Stack) delete(ctx context.Context, retain []string) error {
	kept := func(r StackResource) bool {
		return r.DeletionPolicy == "Retain" || r.DeletionPolicy == "RetainExceptOnCreate" || slices.Contains(retain, r.LogicalID)
	}
	if undeleted := s.deleteAll(ctx, kept); len(undeleted) > 0 {
		reason := deletionReason(undeleted)
		s.setStatus("DELETE_FAILED", reason)
		return fmt.Errorf("delete the stack %s: %s", s.Name, reason)
	}
	s.setStatus("DELETE_COMPLETE", "")
	return nil
}

func deletionReason(undeleted []string) string {
	return fmt.Sprintf("The following resource(s) failed to delete: [%s].", strings.Join(undeleted, ", "))
}

// deleteAll deletes what there is, the last one made first, and returns the
// logical IDs of what could not be deleted. What was made before such a resource
// is still needed by it, or may be, and stays.
func (s *Stack) deleteAll(ctx context.Context, kept func(StackResource) bool) (undeleted []string) {
	for _, r := range slices.Backward(s.Resources()) {
		switch r.Status {
		case "CREATE_FAILED", "CREATE_IN_PROGRESS", "DELETE_COMPLETE", "DELETE_SKIPPED":
			continue
		}
		if kept(r) {
			s.put(s.tell(r, "DELETE_SKIPPED", ""))
			continue
		}
		deleted := s.remove(ctx, r)
		s.put(deleted)
		if deleted.Status == "DELETE_FAILED" {
			return append(undeleted, r.LogicalID)
		}
	}
	return nil
}

// remove deletes one resource and returns it as that leaves it.
func (s *Stack) remove(ctx context.Context, r StackResource) StackResource {
	r = s.tell(r, "DELETE_IN_PROGRESS", "")
	err := ctx.Err()
	if remove := s.provider(r.Type).Delete; err == nil && remove != nil {
		err = remove(ctx, r.existing())
	} else if err == nil {
		err = fmt.Errorf("the embedded runtime cannot delete resources of the type %s", r.Type)
	}
	if err != nil {
		return s.tell(r, "DELETE_FAILED", err.Error())
	}
	return s.tell(r, "DELETE_COMPLETE", "")
}
