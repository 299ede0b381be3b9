package expression

import (
	"fmt"
	"strconv"
	"strings"
)

// Path is a compiled JSONPath as Step Functions has it.
// See https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html.
type Path struct {
	source  string
	context bool
	steps   []step
	// definite counts the leading steps that are a name or an index.
	definite int
}

// Get looks the path up. It reports false when a definite path matches nothing;
// an indefinite one gives an array, empty when nothing matches, and reports
// false only when its definite beginning matches nothing.
func (p *Path) Get(scope *Scope) (any, bool) {
	v, matched := p.walk(p.root(scope))
	if matched < p.definite {
		return nil, false
	}
	if p.Definite() {
		return v, true
	}
	return p.gather(v), true
}

// walk follows the definite beginning and says how many of its steps matched.
func (p *Path) walk(v any) (any, int) {
	for i := range p.definite {
		var ok bool
		if v, ok = p.steps[i].follow(v); !ok {
			return v, i
		}
	}
	return v, p.definite
}

// Eval is Get with the error that AWS gives for a field of a template, for
// ErrorPath and for CausePath: States.Runtime, "The JSONPath '$.foo' specified
// for the field 'Id.$' could not be found in the input '{}'".
func (p *Path) Eval(scope *Scope, field string) (any, error) {
	v, ok := p.Get(scope)
	if !ok {
		return nil, &Error{Name: ErrorRuntime, Cause: fmt.Sprintf(
			"The JSONPath '%s' specified for the field '%s' could not be found in the input '%s'",
			p.source, field, text(p.root(scope)))}
	}
	return v, nil
}

// Select is Get with the error that AWS gives for InputPath, OutputPath,
// TimeoutSecondsPath and their like: States.Runtime, "Invalid path '$.a.b' :
// Missing property in path $['a']".
func (p *Path) Select(scope *Scope) (any, error) {
	v, ok := p.Get(scope)
	if !ok {
		return nil, &Error{Name: ErrorRuntime, Cause: p.mismatch(p.root(scope))}
	}
	return v, nil
}

// mismatch says as AWS does why the path has no match.
func (p *Path) mismatch(root any) string {
	at, matched := p.walk(root)
	var where strings.Builder
	where.WriteByte('$')
	for i := range min(matched+1, p.definite) {
		if i == matched {
			if fault := p.steps[i].fault(at, where.String()); fault != "" {
				return fmt.Sprintf("Invalid path '%s' : %s", p.source, fault)
			}
		}
		where.WriteString(p.steps[i].String())
	}
	kind := "Missing property in path "
	if matched == len(p.steps)-1 {
		kind = "No results for path: "
	}
	return fmt.Sprintf("Invalid path '%s' : %s%s", p.source, kind, where.String())
}

// eval is for a path that is an argument of an intrinsic function.
func (p *Path) eval(scope *Scope) (any, error) {
	v, ok := p.Get(scope)
	if !ok {
		return nil, &Error{Name: ErrorRuntime, Cause: fmt.Sprintf(
			"The JsonPath argument for the field '%s' could not be found in the input '%s'",
			p.source, text(p.root(scope)))}
	}
	return v, nil
}

func (p *Path) root(scope *Scope) any {
	if p.context {
		return scope.Context
	}
	return scope.Input
}

// Definite says whether the path is made of names and indexes only, so that it
// gives a node itself and not an array of nodes.
func (p *Path) Definite() bool { return p.definite == len(p.steps) }

// UsesContext says whether the path looks into the context object.
func (p *Path) UsesContext() bool { return p.context }

func (p *Path) usesContext() bool { return p.context }

func (p *Path) reads(member string) bool {
	if p.context || len(p.steps) == 0 {
		return !p.context
	}
	first := &p.steps[0]
	return first.selector != nil || first.indexed || first.name == member
}

// String is the path as it was written.
func (p *Path) String() string { return p.source }

// step is one step of a path: a name or an index unless selector is set.
type step struct {
	name     string
	index    int
	indexed  bool
	selector selector
}

// follow takes a step that is a name or an index.
func (s *step) follow(v any) (any, bool) {
	if !s.indexed {
		object, ok := v.(map[string]any)
		if !ok {
			return v, false
		}
		child, ok := object[s.name]
		if !ok {
			return v, false
		}
		return child, true
	}
	array, ok := v.([]any)
	if !ok {
		return v, false
	}
	i := s.index
	if i < 0 {
		i += len(array)
	}
	if i < 0 || i >= len(array) {
		return v, false
	}
	return array[i], true
}

// fault says why the step cannot be taken from v at all, "" if it could be.
func (s *step) fault(v any, where string) string {
	if s.indexed {
		array, ok := v.([]any)
		if !ok {
			return fmt.Sprintf("Filter: %s can only be applied to arrays. Current context is: %s", s, text(v))
		}
		return fmt.Sprintf("Index out of bounds when evaluating path %s%s: the array has %d elements", where, s, len(array))
	}
	if _, ok := v.(map[string]any); !ok {
		return fmt.Sprintf("Expected to find an object with property %s in path %s but found '%s'. This is not a json object.", s, where, kindOf(v))
	}
	return ""
}

func (s *step) String() string {
	if s.indexed {
		return "[" + strconv.Itoa(s.index) + "]"
	}
	return "['" + s.name + "']"
}

// kindOf names a value's type as JSON has it.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}
