package cloudformation

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	subUsage = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"
	subName  = "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"
)

// placeholder is ${Name} in the text of Fn::Sub.
var placeholder = regexp.MustCompile(`\$\{([^}]*)\}`)

var placeholderName = regexp.MustCompile(`^[A-Za-z0-9_.:]+$`)

// sub is Fn::Sub: the text between placeholders, joined with the values that
// they stand for.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-sub.html
type sub struct {
	line int
	// parts are literals, references and names of variables.
	parts     list
	variables object
}

// variable stands for one of Fn::Sub's own variables, which its Sub looks up.
type variable struct{ name string }

func (v variable) evaluate(*scope) (any, error)       { return v.name, nil }
func (v variable) references(*scope, func(reference)) {}

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
		parts = append(parts, p.placeholder(at, name, variables))
	}
	parts = append(parts, literal{text[end:]})
	return sub{at.Line, parts, variables}
}

// placeholder is what a placeholder of Fn::Sub stands for.
func (p *parser) placeholder(at *yaml.Node, name string, variables object) expression {
	if !placeholderName.MatchString(name) {
		p.fault(at, subName)
		return literal{""}
	}
	for _, v := range variables {
		if v.name == name {
			return variable{name}
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

func (f sub) evaluate(s *scope) (any, error) {
	v, err := f.variables.evaluate(s)
	if err != nil {
		return nil, err
	}
	own, _ := v.(map[string]any)
	var b strings.Builder
	for _, part := range f.parts {
		v, err := part.evaluate(s)
		if err != nil {
			return nil, err
		}
		if named, ok := part.(variable); ok {
			v = own[named.name]
		}
		text, ok := asText(v)
		if !ok {
			return nil, s.fault(f.line, "Template error: every value of Fn::Sub must be a string")
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func (f sub) references(s *scope, found func(reference)) {
	f.variables.references(s, found)
	f.parts.references(s, found)
}
