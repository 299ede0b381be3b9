package cloudformation

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	refUsage    = "Template error: every Ref object must have a single String value."
	getAttUsage = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
	subUsage    = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"
	subName     = "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"
)

// ref is the value of a parameter, a pseudo parameter or a resource.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-ref.html
type ref struct {
	line int
	name string
}

func (p *parser) ref(at, arg *yaml.Node) expression {
	if arg.Kind != yaml.ScalarNode || isShortCall(arg) || arg.ShortTag() != "!!str" {
		p.fault(at, refUsage)
		return literal{""}
	}
	p.use(at, useRef, arg.Value)
	return ref{at.Line, arg.Value}
}

func (r ref) evaluate(s *scope) (any, error) {
	if v, ok := s.values[r.name]; ok {
		return v, nil
	}
	resource, err := s.resource(r.name, r.line)
	return resource.Ref, err
}

func (r ref) references(s *scope, found func(reference)) {
	if _, ok := s.values[r.name]; !ok {
		found(reference{r.name, r.line})
	}
}

// getAtt is an attribute of a resource.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-getatt.html
type getAtt struct {
	line      int
	logicalID string
	attribute expression
}

func (p *parser) getAtt(at, arg *yaml.Node) expression {
	var logicalID string
	var attribute expression
	switch {
	case arg.Kind == yaml.ScalarNode && !isShortCall(arg):
		id, name, _ := strings.Cut(arg.Value, ".")
		logicalID, attribute = id, literal{name}
	case arg.Kind == yaml.SequenceNode && len(arg.Content) == 2:
		logicalID, attribute = p.text(arg.Content[0]), p.expression(arg.Content[1])
		// The attribute's name may come of a Ref, nothing else.
		switch attribute.(type) {
		case literal, ref:
		default:
			logicalID = ""
		}
	}
	if logicalID == "" || attribute == (literal{""}) {
		p.fault(at, getAttUsage)
		return literal{""}
	}
	p.use(at, useGetAtt, logicalID)
	return getAtt{at.Line, logicalID, attribute}
}

func (g getAtt) evaluate(s *scope) (any, error) {
	attribute, err := g.attribute.evaluate(s)
	if err != nil {
		return nil, err
	}
	resource, err := s.resource(g.logicalID, g.line)
	if err != nil {
		return nil, err
	}
	name, _ := asText(attribute)
	v, ok := resource.Attributes[name]
	if !ok {
		return nil, s.fault(g.line, "Template error: resource %s does not support attribute type %s in Fn::GetAtt", g.logicalID, name)
	}
	return v, nil
}

func (g getAtt) references(s *scope, found func(reference)) {
	g.attribute.references(s, found)
	found(reference{g.logicalID, g.line})
}

// placeholder is ${Name} in the text of Fn::Sub.
var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

var placeholderName = regexp.MustCompile(`^[A-Za-z0-9_.:]+$`)

// sub reads Fn::Sub, which joins the text between placeholders with the values
// that they stand for.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html
func (p *parser) sub(at, arg *yaml.Node) expression {
	source, variables := arg, object(nil)
	if arg.Kind == yaml.SequenceNode && len(arg.Content) == 2 {
		source = arg.Content[0]
		variables, _ = p.expression(arg.Content[1]).(object)
		if variables == nil {
			p.fault(at, subUsage)
			return literal{""}
		}
	}
	if source.Kind != yaml.ScalarNode || isShortCall(source) {
		p.fault(at, subUsage)
		return literal{""}
	}
	text := p.text(source)
	var parts list
	end := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		parts = append(parts, literal{text[end:m[0]]})
		end = m[1]
		name := text[m[2]:m[3]]
		if escaped, ok := strings.CutPrefix(name, "!"); ok {
			parts = append(parts, literal{"${" + escaped + "}"})
			continue
		}
		parts = append(parts, p.variable(at, name, variables))
	}
	parts = append(parts, literal{text[end:]})
	return call{line: at.Line, args: parts, apply: concatenate}
}

// variable is what a placeholder of Fn::Sub stands for.
func (p *parser) variable(at *yaml.Node, name string, variables object) expression {
	if !placeholderName.MatchString(name) {
		p.fault(at, subName)
		return literal{""}
	}
	for _, v := range variables {
		if v.name == name {
			return v.value
		}
	}
	if logicalID, attribute, ok := strings.Cut(name, "."); ok {
		if logicalID == "" || attribute == "" {
			p.fault(at, subName)
			return literal{""}
		}
		p.use(at, useGetAtt, logicalID)
		return getAtt{at.Line, logicalID, literal{attribute}}
	}
	p.use(at, useRef, name)
	return ref{at.Line, name}
}

func concatenate(_ *scope, args []any) (any, error) {
	var b strings.Builder
	for _, a := range args {
		text, ok := asText(a)
		if !ok {
			return nil, errors.New("Template error: every value of Fn::Sub must be a string")
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// scope is what expressions are evaluated in.
type scope struct {
	template *Template
	// values of parameters and pseudo parameters: string, []any or noValue.
	values     map[string]any
	conditions map[string]bool
	// made are the resources that exist by now.
	made map[string]StackResource
}

func (s *scope) resource(logicalID string, line int) (StackResource, error) {
	r, ok := s.made[logicalID]
	if !ok {
		return r, s.fault(line, "Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", logicalID)
	}
	return r, nil
}

func (s *scope) fault(line int, format string, args ...any) *Error {
	return &Error{File: s.template.File, Line: line, Message: fmt.Sprintf(format, args...)}
}
