package expression

import (
	"fmt"
	"maps"
	"slices"
)

// Reference is a reference path: one that is made of names and indexes only, so
// that it names one place.
// See https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html#amazon-states-language-reference-paths.
type Reference struct{ path *Path }

// ParseReference compiles a reference path into the input or, for "$$", the
// context object.
func ParseReference(s string) (*Reference, error) {
	path, err := ParsePath(s)
	if err != nil {
		return nil, err
	}
	if !path.Definite() {
		return nil, fmt.Errorf("invalid reference path '%s': the operators @ .. , : ? * are not supported", s)
	}
	return &Reference{path}, nil
}

// Path is the reference as a path, to look it up.
func (r *Reference) Path() *Path { return r.path }

// String is the reference as it was written.
func (r *Reference) String() string { return r.path.source }

// Set gives the root with the value at the reference: "$" replaces all of it,
// missing objects are made on the way. Root stays as it is; what lies beside the
// way is shared. It fails with States.ResultPathMatchFailure where the way leads
// through something that is not an object, or to an element that an array does
// not have. See https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultpath.html.
func (r *Reference) Set(root, value any) (any, error) {
	result, ok := set(root, r.path.steps, value)
	if !ok {
		return nil, &Error{Name: ErrorResultPathMatchFailure, Cause: fmt.Sprintf(
			"Unable to apply ReferencePath %s to input %s", r.path.source, text(root))}
	}
	return result, nil
}

func set(v any, steps []step, value any) (any, bool) {
	if len(steps) == 0 {
		return value, true
	}
	s := &steps[0]
	if s.indexed {
		child, ok := s.follow(v)
		if !ok {
			return nil, false
		}
		if child, ok = set(child, steps[1:], value); !ok {
			return nil, false
		}
		array := slices.Clone(v.([]any))
		i := s.index
		if i < 0 {
			i += len(array)
		}
		array[i] = child
		return array, true
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	child, ok := object[s.name]
	if !ok {
		child = map[string]any{}
	}
	if child, ok = set(child, steps[1:], value); !ok {
		return nil, false
	}
	object = maps.Clone(object)
	if object == nil {
		object = map[string]any{}
	}
	object[s.name] = child
	return object, true
}
