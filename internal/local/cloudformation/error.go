package cloudformation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Error is a fault of a template, with the place where it stands.
type Error struct {
	File string
	Line int
	// Message as CloudFormation words it.
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// ResourceError is a resource that could not be made.
type ResourceError struct {
	File      string
	Line      int
	LogicalID string
	Type      string
	// Err is why, often an *api.Error of the service that makes the resource.
	Err error
}

func (e *ResourceError) Error() string {
	cause := e.Err.Error()
	if fault, ok := errors.AsType[*Error](e.Err); ok {
		// Its place is this one's.
		cause = fault.Message
	}
	return fmt.Sprintf("%s:%d: %s (%s): %s", e.File, e.Line, e.LogicalID, e.Type, cause)
}

func (e *ResourceError) Unwrap() error { return e.Err }

// Violation is a parameter value, or a combination of them, that the template
// does not allow.
type Violation struct {
	// Parameter that is wrong. Empty when a rule or several are concerned.
	Parameter string
	// Rule whose assertion failed, if one did.
	Rule string
	// Message as CloudFormation words it, or the assertion's own description.
	Message string
}

func (v *Violation) Error() string { return v.Message }

// joinFaults makes one error of the faults, in the order of their lines.
func joinFaults(faults []*Error) error {
	slices.SortStableFunc(faults, func(a, b *Error) int { return cmp.Compare(a.Line, b.Line) })
	return join(faults)
}

func join[E error](list []E) error {
	errs := make([]error, len(list))
	for i, e := range list {
		errs[i] = e
	}
	return errors.Join(errs...)
}
