package cloudformation

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parser collects what a template says, and what is wrong with it.
type parser struct {
	file     string
	template *Template
	faults   []*Error
	// place is the part of the template that is being read.
	place place
	// pending are the names used, to be looked up when all are known.
	pending []use
	// owner is the condition that is being read.
	owner string
	// labels of parameters by their names.
	labels map[string]string
}

func (p *parser) fault(n *yaml.Node, format string, args ...any) {
	p.faultAt(n.Line, format, args...)
}

func (p *parser) faultAt(line int, format string, args ...any) {
	p.faults = append(p.faults, &Error{File: p.file, Line: line, Message: fmt.Sprintf(format, args...)})
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// document decodes the file into one YAML tree without aliases, nulls,
// duplicate or structured keys.
func (p *parser) document(data []byte) *yaml.Node {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	err := d.Decode(&doc)
	if errors.Is(err, io.EOF) {
		p.faultAt(1, "Template format error: the template is empty.")
		return nil
	}
	if err == nil {
		if err = d.Decode(&next); errors.Is(err, io.EOF) {
			root := doc.Content[0]
			p.check(root, "")
			return root
		}
		if err == nil {
			p.faultAt(next.Line, "Template format error: YAML not well-formed: more than one document.")
			return nil
		}
	}
	line, reason := 1, err.Error()
	if m := yamlLine.FindStringSubmatch(reason); m != nil {
		reason = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	p.faultAt(line, "Template format error: YAML not well-formed: %s", reason)
	return nil
}

// check refuses what CloudFormation's YAML does not have.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
func (p *parser) check(n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.AliasNode:
		p.fault(n, "Template format error: [%s] YAML aliases are not allowed in CloudFormation templates", path)
	case yaml.ScalarNode:
		if n.ShortTag() == "!!null" {
			p.fault(n, "Template format error: [%s] 'null' values are not allowed in templates", path)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			p.check(item, path+"/"+strconv.Itoa(i))
		}
	case yaml.MappingNode:
		seen := map[string]bool{}
		for i := 0; i < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			switch {
			case key.Kind != yaml.ScalarNode || strings.HasPrefix(key.Tag, "!") && !strings.HasPrefix(key.Tag, "!!"):
				p.fault(key, "Template format error: [%s] every key must be a string", path)
				continue
			case key.ShortTag() == "!!merge":
				p.fault(key, "Template format error: [%s] YAML merge keys are not allowed in CloudFormation templates", path)
			case seen[key.Value]:
				p.fault(key, "Template format error: [%s] duplicate key %q", path, key.Value)
			}
			seen[key.Value] = true
			p.check(value, path+"/"+key.Value)
		}
	}
}

// member is one entry of a mapping.
type member struct {
	name       string
	key, value *yaml.Node
}

// members are the entries of a mapping; anything else is a fault with the given
// message.
func (p *parser) members(n *yaml.Node, message string, args ...any) []member {
	if n.Kind != yaml.MappingNode || isShortCall(n) {
		p.fault(n, message, args...)
		return nil
	}
	list := make([]member, 0, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		list = append(list, member{n.Content[i].Value, n.Content[i], n.Content[i+1]})
	}
	return list
}

// items are the elements of a sequence; anything else is a fault with the given
// message.
func (p *parser) items(n *yaml.Node, message string, args ...any) []*yaml.Node {
	if n.Kind != yaml.SequenceNode || isShortCall(n) {
		p.fault(n, message, args...)
		return nil
	}
	return n.Content
}

// text is a scalar as a string: numbers and booleans as they are written.
func (p *parser) text(n *yaml.Node) string {
	v, ok := p.scalar(n)
	if !ok {
		return ""
	}
	s, _ := asText(v)
	return s
}

// texts is a list of scalars as strings.
func (p *parser) texts(n *yaml.Node, message string, args ...any) []string {
	var list []string
	for _, item := range p.items(n, message, args...) {
		list = append(list, p.text(item))
	}
	return list
}

// flag is a scalar as a boolean; the strings "true" and "false" count.
func (p *parser) flag(n *yaml.Node) bool {
	switch s := p.text(n); s {
	case "true", "false":
		return s == "true"
	default:
		p.fault(n, "Template format error: %q is not a boolean.", s)
		return false
	}
}
