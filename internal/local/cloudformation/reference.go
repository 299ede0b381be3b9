package cloudformation

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	refUsage    = "Template error: every Ref object must have a single String value."
	getAttUsage = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
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
		s.track.parameter(r.name)
		return v, nil
	}
	resource, err := s.resource(r.name, r.line)
	if resource.unknown == unknownIdentity {
		s.track.cause("ResourceReference", r.name)
	}
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
	if resource.unknown != 0 {
		s.track.cause("ResourceAttribute", g.logicalID+"."+name)
		return "", nil
	}
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

// scope is what expressions are evaluated in.
type scope struct {
	template *Template
	// values of parameters and pseudo parameters: string, []any or noValue.
	values     map[string]any
	conditions map[string]bool
	// made are the resources that exist by now.
	made map[string]StackResource
	// track notes what a value depends on. Nil when nobody asks.
	track *tracker
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
