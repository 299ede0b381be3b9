package cloudformation

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// place is a part of a template, as a set of them where a function is at home.
type place int

const (
	inResources place = 1 << iota
	inOutputs
	inConditions
	inRules

	inValues   = inResources | inOutputs
	everywhere = inValues | inConditions | inRules
)

func (p place) String() string {
	switch p {
	case inResources:
		return "Resources"
	case inOutputs:
		return "Outputs"
	case inConditions:
		return "Conditions"
	}
	return "Rules"
}

// function is an intrinsic function.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
type function struct {
	places place
	build  func(p *parser, at, arg *yaml.Node) expression
}

// functions by their full names. It is filled by init because the functions
// read their arguments through it.
var functions map[string]function

func init() {
	functions = map[string]function{
		"Ref":                  {everywhere, (*parser).ref},
		"Fn::GetAtt":           {inValues, (*parser).getAtt},
		"Fn::Sub":              {inValues | inConditions, (*parser).sub},
		"Fn::If":               {inValues, (*parser).choice},
		"Fn::Join":             {inValues | inConditions, arguments(2, 2, join2, joinUsage)},
		"Fn::Split":            {inValues | inConditions, arguments(2, 2, split, splitUsage)},
		"Fn::Select":           {inValues | inConditions, arguments(2, 2, selectOne, selectUsage)},
		"Fn::FindInMap":        {inValues | inConditions, (*parser).findInMap},
		"Fn::Base64":           {inValues, (*parser).base64},
		"Condition":            {inConditions, (*parser).condition},
		"Fn::Equals":           {inConditions | inRules, arguments(2, 2, equals, equalsUsage)},
		"Fn::And":              {inConditions | inRules, arguments(2, 10, and, andUsage)},
		"Fn::Or":               {inConditions | inRules, arguments(2, 10, or, orUsage)},
		"Fn::Not":              {inConditions | inRules, arguments(1, 1, not, notUsage)},
		"Fn::Contains":         {inRules, arguments(2, 2, contains, containsUsage)},
		"Fn::EachMemberEquals": {inRules, arguments(2, 2, eachMemberEquals, eachMemberEqualsUsage)},
		"Fn::EachMemberIn":     {inRules, arguments(2, 2, eachMemberIn, eachMemberInUsage)},
	}
}

// call reads a function call.
func (p *parser) call(at *yaml.Node, name string, arg *yaml.Node) expression {
	f, ok := functions[name]
	switch {
	case !ok:
		names := slices.Sorted(maps.Keys(functions))
		p.fault(at, "Template format error: Encountered unsupported function: %s Supported functions are: [%s]", name, strings.Join(names, ", "))
	case f.places&p.place == 0:
		p.fault(at, "Template error: Cannot use %s in %s", name, p.place)
	default:
		return f.build(p, at, arg)
	}
	return literal{""}
}

// apply is what a plain function does with its evaluated arguments.
type apply func(s *scope, args []any) (any, error)

// call is a function whose arguments are all evaluated before it is.
type call struct {
	line  int
	args  list
	apply apply
}

func (c call) evaluate(s *scope) (any, error) {
	args := make([]any, len(c.args))
	for i, a := range c.args {
		v, err := a.evaluate(s)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	v, err := c.apply(s, args)
	if err != nil {
		return nil, &Error{File: s.template.File, Line: c.line, Message: err.Error()}
	}
	return v, nil
}

func (c call) references(s *scope, found func(reference)) { c.args.references(s, found) }

// arguments builds a function that takes a list of least to most arguments.
func arguments(least, most int, f apply, usage string) func(*parser, *yaml.Node, *yaml.Node) expression {
	return func(p *parser, at, arg *yaml.Node) expression {
		args := p.argumentList(at, arg, least, most, usage)
		if args == nil {
			return literal{""}
		}
		return call{line: at.Line, args: args, apply: f}
	}
}

// argumentList reads a list of least to most arguments. Nil is a fault.
func (p *parser) argumentList(at, arg *yaml.Node, least, most int, usage string) list {
	if arg.Kind != yaml.SequenceNode || isShortCall(arg) || len(arg.Content) < least || len(arg.Content) > most {
		p.fault(at, "%s", usage)
		return nil
	}
	args := make(list, len(arg.Content))
	for i, n := range arg.Content {
		args[i] = p.expression(n)
	}
	return args
}

func (p *parser) base64(at, arg *yaml.Node) expression {
	return call{line: at.Line, args: list{p.expression(arg)}, apply: base64Encode}
}
