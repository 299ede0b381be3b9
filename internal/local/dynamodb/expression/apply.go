package expression

import (
	"cmp"
	"maps"
	"slices"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// Errors of an update that meets an item, worded as AWS words them.
var (
	errOperandType = api.Errorf("ValidationException", "An operand in the update expression has an incorrect data type")
	errNoAttribute = api.Errorf("ValidationException", "The provided expression refers to an attribute that does not exist in the item")
	errNoPath      = api.Errorf("ValidationException", "The document path provided in the update expression is invalid for update")
)

// Apply returns the item as the update makes it. All operands are evaluated
// against the item as it was, and so do list indexes count. Paths are the update's.
func (u *Update) Apply(item attribute.Map, scope Scope, paths []Path) (attribute.Map, error) {
	changes := make([]change, len(u.actions))
	for i, a := range u.actions {
		c, err := a.evaluate(item, scope, paths[i])
		if err != nil {
			return nil, err
		}
		changes[i] = c
	}
	// Elements are appended in the order of their indexes, and removed last to
	// first, so that no change moves what a later one means.
	slices.SortStableFunc(changes, func(a, b change) int {
		if (a.value == nil) != (b.value == nil) {
			if a.value == nil {
				return 1
			}
			return -1
		}
		if a.value == nil {
			a, b = b, a
		}
		return cmp.Compare(a.path[len(a.path)-1].Index, b.path[len(b.path)-1].Index)
	})
	updated := maps.Clone(item)
	if updated == nil {
		updated = attribute.Map{}
	}
	for _, c := range changes {
		if err := c.apply(updated); err != nil {
			return nil, err
		}
	}
	return updated, nil
}

// change sets the value at a path, or removes it where the value is nil.
type change struct {
	path  Path
	value attribute.Value
}

func (a action) evaluate(item attribute.Map, scope Scope, path Path) (change, error) {
	c := change{path: path}
	if a.section == "REMOVE" {
		return c, nil
	}
	operand, err := evaluate(a.operand, item, scope)
	if err != nil {
		return c, err
	}
	old := path.Get(item)
	switch {
	case a.section == "SET":
		c.value = operand
	case a.section == "DELETE":
		if old == nil {
			return c, nil
		}
		left, ok := attribute.Subtract(old, operand)
		if !ok {
			return c, errOperandType
		}
		c.value = left
	case old == nil:
		c.value = operand
	default:
		c.value, err = add(old, operand)
	}
	return c, err
}

func add(old, operand attribute.Value) (attribute.Value, error) {
	if n, ok := operand.(attribute.Number); ok {
		m, ok := old.(attribute.Number)
		if !ok {
			return nil, errOperandType
		}
		return m.Add(n)
	}
	all, ok := attribute.Union(old, operand)
	if !ok {
		return nil, errOperandType
	}
	return all, nil
}

// evaluate is the value of an operand of an update.
func evaluate(o operand, item attribute.Map, scope Scope) (attribute.Value, error) {
	switch o := o.(type) {
	case Path:
		if v := o.lookup(item, scope); v != nil {
			return v, nil
		}
		return nil, errNoAttribute
	case reference:
		return scope.Values[string(o)], nil
	case arithmetic:
		return calculate(o, item, scope)
	case call:
		if o.name == "list_append" {
			return listAppend(o, item, scope)
		}
		if v := valueOf(o.args[0], item, scope); v != nil {
			return v, nil
		}
		return evaluate(o.args[1], item, scope)
	}
	return nil, errOperandType
}

func calculate(a arithmetic, item attribute.Map, scope Scope) (attribute.Value, error) {
	left, err := evaluate(a.left, item, scope)
	if err != nil {
		return nil, err
	}
	right, err := evaluate(a.right, item, scope)
	if err != nil {
		return nil, err
	}
	m, okLeft := left.(attribute.Number)
	n, okRight := right.(attribute.Number)
	if !okLeft || !okRight {
		return nil, errOperandType
	}
	if a.operator == "-" {
		return m.Subtract(n)
	}
	return m.Add(n)
}

func listAppend(c call, item attribute.Map, scope Scope) (attribute.Value, error) {
	all := attribute.List{}
	for _, arg := range c.args {
		v, err := evaluate(arg, item, scope)
		if err != nil {
			return nil, err
		}
		list, ok := v.(attribute.List)
		if !ok {
			return nil, errOperandType
		}
		all = append(all, list...)
	}
	return all, nil
}

// apply makes the change in an item whose top level may be written. What lies
// below is copied along the path.
func (c change) apply(item attribute.Map) error {
	name := c.path[0].Name
	if len(c.path) == 1 {
		if c.value == nil {
			delete(item, name)
		} else {
			item[name] = c.value
		}
		return nil
	}
	if item[name] == nil {
		return errNoPath
	}
	inner, err := change{c.path[1:], c.value}.in(item[name])
	if err != nil {
		return err
	}
	item[name] = inner
	return nil
}

// in returns a copy of a value with the change made in it.
func (c change) in(value attribute.Value) (attribute.Value, error) {
	step, last := c.path[0], len(c.path) == 1
	switch value := value.(type) {
	case attribute.Map:
		if step.Name == "" {
			return nil, errNoPath
		}
		copied := maps.Clone(value)
		return copied, c.apply(copied)
	case attribute.List:
		if step.Name != "" {
			return nil, errNoPath
		}
		switch {
		case !last && step.Index >= len(value):
			return nil, errNoPath
		case !last:
			inner, err := change{c.path[1:], c.value}.in(value[step.Index])
			if err != nil {
				return nil, err
			}
			copied := slices.Clone(value)
			copied[step.Index] = inner
			return copied, nil
		case step.Index >= len(value) && c.value == nil:
			return value, nil
		case step.Index >= len(value):
			return append(slices.Clone(value), c.value), nil
		case c.value == nil:
			return slices.Delete(slices.Clone(value), step.Index, step.Index+1), nil
		}
		copied := slices.Clone(value)
		copied[step.Index] = c.value
		return copied, nil
	}
	return nil, errNoPath
}
