package estate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fleetName is what CloudFormation lets a stack be called, as long as the names
// made of it fit: the longest is a function's, which has 64 characters.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
var fleetName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,49}$`)

// parser gathers a file's faults.
type parser struct {
	file   string
	faults []*Fault
}

// Parse reads a file. The error joins a *[Fault] for everything that is wrong;
// name is the file that they give.
func Parse(name string, data []byte) (*Estate, error) {
	p := &parser{file: name}
	e := &Estate{File: name}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, &Fault{name, 1, "the file is empty: write fleets: and a fleet below it, or let 'muster init' do it"}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &Fault{name, 1, "there is more than one document: keep what is above the second ---"}
	}
	for _, m := range p.members(document.Content[0], "the file") {
		if !p.known(m, "fleets") {
			continue
		}
		for _, f := range p.members(m.value, "fleets") {
			e.Fleets = append(e.Fleets, p.fleet(f))
		}
		if len(m.value.Content) == 0 {
			p.fault(m.key, "there is no fleet below fleets:")
		}
	}
	if len(document.Content[0].Content) == 0 {
		p.fault(document.Content[0], "there are no fleets: write fleets: and a fleet below it")
	}
	if len(p.faults) > 0 {
		return nil, joinFaults(p.faults)
	}
	return e, nil
}

func (p *parser) fleet(m member) Fleet {
	f := Fleet{Name: m.key.Value, Line: m.key.Line, Parameters: map[string]Value{}, Tags: map[string]string{}}
	if !fleetName.MatchString(f.Name) {
		p.fault(m.key, "%q cannot name a fleet: it begins with a letter and has up to 50 letters, digits and hyphens, as it names a stack", f.Name)
	}
	for _, k := range p.members(m.value, "the fleet "+f.Name) {
		if !p.known(k, "region", "parameters", "tags", "handler", "transform") {
			continue
		}
		switch k.key.Value {
		case "region":
			f.Region = p.text(k)
		case "handler":
			f.Handler = p.text(k)
		case "transform":
			f.Transform = p.text(k)
		case "parameters":
			for _, v := range p.members(k.value, "parameters") {
				f.Parameters[v.key.Value] = Value{Text: p.list(v), Line: v.key.Line}
			}
		case "tags":
			for _, v := range p.members(k.value, "tags") {
				f.Tags[v.key.Value] = p.text(v)
				if strings.HasPrefix(v.key.Value, "aws:") || strings.HasPrefix(v.key.Value, "muster:") {
					p.fault(v.key, "the tag %q: tags that begin with aws: or muster: are not a team's to set", v.key.Value)
				}
			}
		}
	}
	return f
}

func (p *parser) fault(n *yaml.Node, format string, args ...any) {
	p.faults = append(p.faults, &Fault{p.file, max(n.Line, 1), fmt.Sprintf(format, args...)})
}

// member is a key and its value.
type member struct{ key, value *yaml.Node }

// members of a mapping. Nothing at all is one without members.
func (p *parser) members(n *yaml.Node, what string) []member {
	n = follow(n)
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		p.fault(n, "%s must be a mapping: NAME: VALUE on a line each", what)
		return nil
	}
	var all []member
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		m := member{n.Content[i], follow(n.Content[i+1])}
		if line := seen[m.key.Value]; line > 0 {
			p.fault(m.key, "%q is there already, in line %d", m.key.Value, line)
			continue
		}
		seen[m.key.Value] = m.key.Line
		all = append(all, m)
	}
	return all
}

// known refuses a key that does not belong there.
func (p *parser) known(m member, names ...string) bool {
	for _, name := range names {
		if m.key.Value == name {
			return true
		}
	}
	p.fault(m.key, "there is no %q here%s", m.key.Value, meant(m.key.Value, names))
	return false
}

// text of a scalar.
func (p *parser) text(m member) string {
	if m.value.Kind != yaml.ScalarNode {
		p.fault(m.value, "%s must be one value", m.key.Value)
		return ""
	}
	if m.value.Tag == "!!null" {
		return ""
	}
	return m.value.Value
}

// list is the text of a scalar, or of a list of them joined as CloudFormation's
// CommaDelimitedList has it.
func (p *parser) list(m member) string {
	if m.value.Kind != yaml.SequenceNode {
		return p.text(m)
	}
	var texts []string
	for _, item := range m.value.Content {
		texts = append(texts, p.text(member{m.key, follow(item)}))
	}
	return strings.Join(texts, ",")
}

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
