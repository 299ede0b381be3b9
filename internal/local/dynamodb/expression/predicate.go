package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// predicates are the functions of conditions, with their numbers of operands.
var predicates = map[string]int{
	"attribute_exists":     1,
	"attribute_not_exists": 1,
	"attribute_type":       2,
	"begins_with":          2,
	"contains":             2,
	"size":                 1,
}

var typeNames = []string{"B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"}

func (n predicate) check(scope Scope) error {
	if err := firstUndefined(scope, n.args); err != nil {
		return err
	}
	return n.call.check(scope)
}

// check finds wrong operands of a function of conditions.
func (c call) check(scope Scope) error {
	if len(c.args) != predicates[c.name] {
		return wrongCount(c.name, len(c.args))
	}
	if err := samePath(c.name, c.args, scope); err != nil {
		return err
	}
	switch c.name {
	case "attribute_exists", "attribute_not_exists":
		if _, ok := c.args[0].(Path); !ok {
			return needsPath(c.name)
		}
	case "begins_with":
		for _, arg := range c.args {
			switch v := literalOf(arg, scope).(type) {
			case nil, attribute.String, attribute.Binary:
			default:
				return wrongType(c.name, v.Type())
			}
		}
	case "attribute_type":
		switch v := literalOf(c.args[1], scope).(type) {
		case attribute.String:
			if !slices.Contains(typeNames, string(v)) {
				return fmt.Errorf("Invalid attribute type name found; type: %s, valid types: {%s}", string(v), strings.Join(typeNames, ","))
			}
		case nil:
			return wrongType(c.name, "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
		default:
			return wrongType(c.name, v.Type())
		}
	case "size":
		switch v := literalOf(c.args[0], scope).(type) {
		case attribute.Number, attribute.Bool, attribute.Null:
			return wrongType(c.name, v.Type())
		}
	}
	return checkCalls(scope, c.args)
}

func (n predicate) holds(item attribute.Map, scope Scope) bool {
	v := valueOf(n.args[0], item, scope)
	switch n.name {
	case "attribute_exists":
		return v != nil
	case "attribute_not_exists":
		return v == nil
	}
	if v == nil {
		return false
	}
	arg := valueOf(n.args[1], item, scope)
	switch n.name {
	case "attribute_type":
		return arg == attribute.String(v.Type())
	case "begins_with":
		return beginsWith(v, arg)
	default:
		return contains(v, arg)
	}
}

func beginsWith(v, prefix attribute.Value) bool {
	switch v := v.(type) {
	case attribute.String:
		p, ok := prefix.(attribute.String)
		return ok && strings.HasPrefix(string(v), string(p))
	case attribute.Binary:
		p, ok := prefix.(attribute.Binary)
		return ok && strings.HasPrefix(string(v), string(p))
	}
	return false
}

func contains(v, part attribute.Value) bool {
	switch v := v.(type) {
	case attribute.String:
		p, ok := part.(attribute.String)
		return ok && strings.Contains(string(v), string(p))
	case attribute.Binary:
		p, ok := part.(attribute.Binary)
		return ok && strings.Contains(string(v), string(p))
	case attribute.StringSet:
		p, ok := part.(attribute.String)
		return ok && slices.Contains(v, p)
	case attribute.NumberSet:
		p, ok := part.(attribute.Number)
		return ok && slices.Contains(v, p)
	case attribute.BinarySet:
		p, ok := part.(attribute.Binary)
		return ok && slices.Contains(v, p)
	case attribute.List:
		return slices.ContainsFunc(v, func(x attribute.Value) bool { return attribute.Equal(x, part) })
	}
	return false
}
