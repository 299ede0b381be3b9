package cloudformation

import (
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

const (
	ifUsage               = "Template error: Fn::If requires a list argument with three elements"
	equalsUsage           = "Template error: every Fn::Equals object requires a list of 2 string parameters."
	andUsage              = "Template error: every Fn::And object requires a list of at least 2 and at most 10 boolean parameters."
	orUsage               = "Template error: every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters."
	notUsage              = "Template error: every Fn::Not object requires one boolean parameter."
	containsUsage         = "Template error: every Fn::Contains object requires two parameters, (1) a list of strings and (2) a string."
	eachMemberEqualsUsage = "Template error: every Fn::EachMemberEquals object requires two parameters, (1) a list of strings and (2) a string."
	eachMemberInUsage     = "Template error: every Fn::EachMemberIn object requires two parameters, (1) a list of strings to check and (2) a list of strings to match."
)

// choice is Fn::If: only the branch that is taken is evaluated.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html
type choice struct {
	condition string
	yes, no   expression
}

func (p *parser) choice(at, arg *yaml.Node) expression {
	args := p.argumentList(at, arg, 3, 3, ifUsage)
	if args == nil {
		return literal{""}
	}
	name, ok := args[0].(literal)
	condition, isText := name.value.(string)
	if !ok || !isText {
		p.fault(at, "%s", ifUsage)
		return literal{""}
	}
	p.use(at, useIf, condition)
	return choice{condition, args[1], args[2]}
}

func (c choice) taken(s *scope) expression {
	if s.conditions[c.condition] {
		return c.yes
	}
	return c.no
}

func (c choice) evaluate(s *scope) (any, error)               { return c.taken(s).evaluate(s) }
func (c choice) references(s *scope, found func(r reference)) { c.taken(s).references(s, found) }

// condition refers to a condition by its name.
func (p *parser) condition(at, arg *yaml.Node) expression {
	name := p.text(arg)
	p.use(at, useCondition, name)
	return call{line: at.Line, apply: func(s *scope, _ []any) (any, error) { return s.conditions[name], nil }}
}

func equals(_ *scope, args []any) (any, error) {
	a, ok := asText(args[0])
	b, both := asText(args[1])
	if !ok || !both {
		return nil, errors.New(equalsUsage)
	}
	return a == b, nil
}

func and(_ *scope, args []any) (any, error) {
	truths, err := booleans(args, andUsage)
	return !slices.Contains(truths, false), err
}

func or(_ *scope, args []any) (any, error) {
	truths, err := booleans(args, orUsage)
	return slices.Contains(truths, true), err
}

func not(_ *scope, args []any) (any, error) {
	truths, err := booleans(args, notUsage)
	if err != nil {
		return nil, err
	}
	return !truths[0], nil
}

func booleans(args []any, usage string) ([]bool, error) {
	truths := make([]bool, len(args))
	for i, a := range args {
		truth, ok := asTruth(a)
		if !ok {
			return nil, errors.New(usage)
		}
		truths[i] = truth
	}
	return truths, nil
}

// asTruth reads a boolean; the strings "true" and "false" count.
func asTruth(v any) (truth, ok bool) {
	text, ok := asText(v)
	return text == "true", ok && (text == "true" || text == "false")
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
func contains(_ *scope, args []any) (any, error) {
	among, ok := asTexts(args[0])
	value, isText := asText(args[1])
	if !ok || !isText {
		return nil, errors.New(containsUsage)
	}
	return slices.Contains(among, value), nil
}

func eachMemberEquals(_ *scope, args []any) (any, error) {
	members, ok := asTexts(args[0])
	value, isText := asText(args[1])
	if !ok || !isText {
		return nil, errors.New(eachMemberEqualsUsage)
	}
	return !slices.ContainsFunc(members, func(m string) bool { return m != value }), nil
}

func eachMemberIn(_ *scope, args []any) (any, error) {
	members, ok := asTexts(args[0])
	among, isList := asTexts(args[1])
	if !ok || !isList {
		return nil, errors.New(eachMemberInUsage)
	}
	return !slices.ContainsFunc(members, func(m string) bool { return !slices.Contains(among, m) }), nil
}

// truth evaluates a condition or an assertion.
func truth(s *scope, e expression, line int) (bool, error) {
	v, err := e.evaluate(s)
	if err != nil {
		return false, err
	}
	b, ok := asTruth(v)
	if !ok {
		return false, &Error{File: s.template.File, Line: line, Message: fmt.Sprintf("Template format error: %v is not a boolean.", v)}
	}
	return b, nil
}
