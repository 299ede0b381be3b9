package cloudformation

import (
	"regexp"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

var parameterTypes = []string{"String", "Number", "CommaDelimitedList", "List<Number>"}

func (p *parser) parameters(n *yaml.Node) {
	for _, m := range p.entries(n, "Parameters", "Parameter", maxParameters) {
		q := Parameter{Name: m.name, Line: m.key.Line}
		for _, a := range p.members(m.value, "Template format error: Every Parameters object must be an object.") {
			p.parameterAttribute(&q, a)
		}
		switch {
		case q.Type == "":
			p.fault(m.key, "Template format error: Every Parameters object must contain a Type member.")
		case !slices.Contains(parameterTypes, q.Type):
			p.fault(m.key, "Template format error: Unrecognized parameter type: %s", q.Type)
		default:
			p.parameterFits(&q)
		}
		p.template.Parameters = append(p.template.Parameters, q)
	}
}

func (p *parser) parameterAttribute(q *Parameter, a member) {
	switch a.name {
	case "Type":
		q.Type = p.text(a.value)
	case "Description":
		q.Description = p.text(a.value)
	case "Default":
		q.Default, q.HasDefault = p.text(a.value), true
	case "AllowedValues":
		q.AllowedValues = p.texts(a.value, "Template format error: AllowedValues of parameter %s must be a list.", q.Name)
	case "AllowedPattern":
		q.AllowedPattern = p.text(a.value)
		// The pattern must match the value as a whole.
		pattern, err := regexp.Compile(`\A(?:` + q.AllowedPattern + `)\z`)
		if err != nil {
			p.fault(a.value, "Parameter '%s' AllowedPattern must be a valid regular expression: %s", q.Name, err)
		}
		q.pattern = pattern
	case "ConstraintDescription":
		q.ConstraintDescription = p.text(a.value)
	case "MinLength":
		q.MinLength = p.length(a.value)
	case "MaxLength":
		q.MaxLength = p.length(a.value)
	case "MinValue":
		q.MinValue = p.number(a.value)
	case "MaxValue":
		q.MaxValue = p.number(a.value)
	case "NoEcho":
		q.NoEcho = p.flag(a.value)
	default:
		p.fault(a.key, "Invalid template parameter property '%s'", a.name)
	}
}

func (p *parser) length(n *yaml.Node) *int {
	v, err := strconv.Atoi(p.text(n))
	if err != nil || v < 0 {
		p.fault(n, "Template format error: %q is not a length.", n.Value)
	}
	return &v
}

func (p *parser) number(n *yaml.Node) *float64 {
	v, err := strconv.ParseFloat(p.text(n), 64)
	if err != nil {
		p.fault(n, "Template format error: %q is not a number.", n.Value)
	}
	return &v
}

// parameterFits checks that the constraints suit the parameter's type.
func (p *parser) parameterFits(q *Parameter) {
	misplaced := func(set bool, attribute, want string) {
		if set {
			p.faultAt(q.Line, "Template error: Parameter '%s' %s must be on a parameter of type %s", q.Name, attribute, want)
		}
	}
	text, list := q.Type == "String", q.Type == "CommaDelimitedList"
	misplaced(q.MinLength != nil && !text, "MinLength", "String")
	misplaced(q.MaxLength != nil && !text, "MaxLength", "String")
	misplaced(q.pattern != nil && !text && !list, "AllowedPattern", "String")
	misplaced(q.MinValue != nil && (text || list), "MinValue", "Number")
	misplaced(q.MaxValue != nil && (text || list), "MaxValue", "Number")
	if q.MinLength != nil && q.MaxLength != nil && *q.MinLength > *q.MaxLength {
		p.faultAt(q.Line, "Template error: Parameter '%s' MinLength must be less than MaxLength.", q.Name)
	}
	if q.MinValue != nil && q.MaxValue != nil && *q.MinValue > *q.MaxValue {
		p.faultAt(q.Line, "Template error: Parameter '%s' MinValue must be less than MaxValue.", q.Name)
	}
}
