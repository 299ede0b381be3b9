package cloudformation

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// expression is a value of a template that may hold functions.
//
// It evaluates to a string, a [json.Number], a bool, a []any, a map[string]any
// or to noValue.
type expression interface {
	evaluate(*scope) (any, error)
	// references names the resources that evaluate will need in this scope, so
	// not those of a branch of Fn::If that is not taken.
	references(*scope, func(reference))
}

// reference is one use of a resource.
type reference struct {
	logicalID string
	line      int
}

// noValue is what AWS::NoValue stands for: the property is left out.
type noValue struct{}

type literal struct{ value any }

func (l literal) evaluate(*scope) (any, error)       { return l.value, nil }
func (l literal) references(*scope, func(reference)) {}

type list []expression

func (l list) evaluate(s *scope) (any, error) {
	out := make([]any, 0, len(l))
	for _, item := range l {
		v, err := item.evaluate(s)
		if err != nil {
			return nil, err
		}
		if v != (any)(noValue{}) {
			out = append(out, v)
		}
	}
	return out, nil
}

func (l list) references(s *scope, found func(reference)) {
	for _, item := range l {
		item.references(s, found)
	}
}

type object []property

type property struct {
	name  string
	line  int
	value expression
}

func (o object) evaluate(s *scope) (any, error) {
	out := make(map[string]any, len(o))
	for _, p := range o {
		v, err := p.value.evaluate(s)
		if err != nil {
			return nil, err
		}
		if v != (any)(noValue{}) {
			out[p.name] = v
		}
	}
	return out, nil
}

func (o object) references(s *scope, found func(reference)) {
	for _, p := range o {
		p.value.references(s, found)
	}
}

// expression reads a value, with the functions in it.
func (p *parser) expression(n *yaml.Node) expression {
	if name, arg, ok := callOf(n); ok && !(name == "Condition" && p.place&(inConditions) == 0) {
		return p.call(n, name, arg)
	}
	switch n.Kind {
	case yaml.SequenceNode:
		l := make(list, 0, len(n.Content))
		for _, item := range n.Content {
			l = append(l, p.expression(item))
		}
		return l
	case yaml.MappingNode:
		o := make(object, 0, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			if strings.HasPrefix(key.Value, "Fn::") {
				p.fault(key, "Template format error: the function %s must be the only key of its object.", key.Value)
			}
			o = append(o, property{key.Value, key.Line, p.expression(n.Content[i+1])})
		}
		return o
	}
	v, _ := p.scalar(n)
	return literal{v}
}

func isShortCall(n *yaml.Node) bool {
	return strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!")
}

// callOf tells whether the node is a function call, in the short form of YAML
// or in the full form, and gives the function's full name and its argument.
func callOf(n *yaml.Node) (name string, arg *yaml.Node, ok bool) {
	if isShortCall(n) {
		bare := *n
		bare.Tag = ""
		bare.Style &^= yaml.TaggedStyle
		name = n.Tag[1:]
		if name != "Ref" && name != "Condition" {
			name = "Fn::" + name
		}
		return name, &bare, true
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return "", nil, false
	}
	name = n.Content[0].Value
	if name != "Ref" && name != "Condition" && !strings.HasPrefix(name, "Fn::") {
		return "", nil, false
	}
	return name, n.Content[1], true
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// scalar is a string, json.Number or bool of the template. Numbers keep the way
// they are written.
func (p *parser) scalar(n *yaml.Node) (any, bool) {
	if n.Kind != yaml.ScalarNode || isShortCall(n) {
		p.fault(n, "Template format error: a plain value is expected here.")
		return "", false
	}
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return n.Value, true
	case "!!int", "!!float":
		if !jsonNumber.MatchString(n.Value) {
			p.fault(n, "Template format error: %s is not a decimal number; quote it if it is a string.", n.Value)
			return "", false
		}
		return json.Number(n.Value), true
	case "!!bool":
		return strings.EqualFold(n.Value, "true"), true
	}
	p.fault(n, "Template format error: the YAML tag %s is not allowed in templates.", n.ShortTag())
	return "", false
}

// asText is the value as CloudFormation writes it where a string is wanted.
func asText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// asTexts is a list of values that can be written as strings.
func asTexts(v any) ([]string, bool) {
	items, ok := v.([]any)
	if !ok {
		return nil, false
	}
	list := make([]string, len(items))
	for i, item := range items {
		if list[i], ok = asText(item); !ok {
			return nil, false
		}
	}
	return list, true
}
