package expression

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// Scope is what the placeholders of a request's expressions stand for.
type Scope struct {
	Names  map[string]string
	Values attribute.Map
}

// operand is a [Path], a [reference], a [call] or, in updates, [arithmetic].
type operand interface {
	// undefined reports a placeholder that the request does not define.
	undefined(scope Scope) error
}

// reference is a value of the request: ":v".
type reference string

// call is a function with its arguments.
type call struct {
	name string
	args []operand
}

// lookup is [Path.Get] for a path whose names are not resolved.
func (p Path) lookup(item attribute.Map, scope Scope) attribute.Value {
	var value attribute.Value = item
	for _, s := range p {
		if s.isAlias() {
			s.Name = scope.Names[s.Name]
		}
		if value = s.into(value); value == nil {
			return nil
		}
	}
	return value
}

// valueOf is the value of an operand of a condition, nil when there is none.
func valueOf(o operand, item attribute.Map, scope Scope) attribute.Value {
	switch o := o.(type) {
	case Path:
		return o.lookup(item, scope)
	case reference:
		return scope.Values[string(o)]
	case call:
		return sizeOf(valueOf(o.args[0], item, scope))
	}
	return nil
}

// sizeOf is the function size(): bytes of strings and binaries, else elements.
func sizeOf(value attribute.Value) attribute.Value {
	var size int
	switch v := value.(type) {
	case attribute.String:
		size = len(v)
	case attribute.Binary:
		size = len(v)
	case attribute.StringSet:
		size = len(v)
	case attribute.NumberSet:
		size = len(v)
	case attribute.BinarySet:
		size = len(v)
	case attribute.List:
		size = len(v)
	case attribute.Map:
		size = len(v)
	default:
		return nil
	}
	return attribute.Number(strconv.Itoa(size))
}

func (p Path) undefined(scope Scope) error {
	for _, s := range p {
		if s.isAlias() {
			if _, ok := scope.Names[s.Name]; !ok {
				return fmt.Errorf("An expression attribute name used in the document path is not defined; attribute name: %s", s.Name)
			}
		}
	}
	return nil
}

func (r reference) undefined(scope Scope) error {
	if _, ok := scope.Values[string(r)]; !ok {
		return fmt.Errorf("An expression attribute value used in expression is not defined; attribute value: %s", string(r))
	}
	return nil
}

func (c call) undefined(scope Scope) error { return firstUndefined(scope, c.args) }

func firstUndefined(scope Scope, operands []operand) error {
	for _, o := range operands {
		if err := o.undefined(scope); err != nil {
			return err
		}
	}
	return nil
}

// literalOf is the value of an operand that the request itself gives, nil for
// paths and functions.
func literalOf(o operand, scope Scope) attribute.Value {
	if r, ok := o.(reference); ok {
		return scope.Values[string(r)]
	}
	return nil
}

func wrongType(function, kind string) error {
	return fmt.Errorf("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", function, kind)
}

func wrongCount(function string, n int) error {
	return fmt.Errorf("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", function, n)
}

func needsPath(function string) error {
	return fmt.Errorf("Operator or function requires a document path; operator or function: %s", function)
}

// samePath reports two operands that are one path, which AWS refuses.
func samePath(operator string, args []operand, scope Scope) error {
	if len(args) != 2 {
		return nil
	}
	a, ok := args[0].(Path)
	if !ok {
		return nil
	}
	b, ok := args[1].(Path)
	if !ok || !slices.Equal(a.resolve(scope.Names), b.resolve(scope.Names)) {
		return nil
	}
	return fmt.Errorf("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s",
		operator, a.resolve(scope.Names))
}

// mentions says whether a condition has a path that begins with a name.
func mentions(n node, name string, scope Scope) bool {
	switch n := n.(type) {
	case and:
		return mentions(n.left, name, scope) || mentions(n.right, name, scope)
	case or:
		return mentions(n.left, name, scope) || mentions(n.right, name, scope)
	case not:
		return mentions(n.inner, name, scope)
	case comparison:
		return anyMentions([]operand{n.left, n.right}, name, scope)
	case between:
		return anyMentions([]operand{n.operand, n.low, n.high}, name, scope)
	case in:
		return anyMentions(append([]operand{n.operand}, n.list...), name, scope)
	case predicate:
		return anyMentions(n.args, name, scope)
	}
	return false
}

func anyMentions(operands []operand, name string, scope Scope) bool {
	return slices.ContainsFunc(operands, func(o operand) bool {
		switch o := o.(type) {
		case Path:
			return o.resolve(scope.Names)[0].Name == name
		case call:
			return anyMentions(o.args, name, scope)
		}
		return false
	})
}
