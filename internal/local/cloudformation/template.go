// Package cloudformation loads a CloudFormation template, the very file that is
// deployed to AWS, into the embedded runtime. It is as strict as AWS: a section,
// attribute, function or resource type that it does not know is an error that
// names its line.
package cloudformation

import (
	"bytes"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// Template is a parsed template. It never changes, so that any number of stacks
// can be made of it at the same time.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
type Template struct {
	// File is the name that errors give.
	File        string
	Description string
	// Parameters in the order of the file.
	Parameters []Parameter
	// Groups are the parameter groups of AWS::CloudFormation::Interface.
	Groups []ParameterGroup
	// Resources in the order of the file.
	Resources []Resource
	// Outputs in the order of the file.
	Outputs []Output

	// source is the template's text.
	source     string
	rules      []rule
	mappings   map[string]mapping
	conditions map[string]condition
	// conditionOrder has each condition after those that it refers to.
	conditionOrder []string
}

// Parameter is one parameter of a template.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
type Parameter struct {
	Name string
	// Type is String, Number, CommaDelimitedList or List<Number>.
	Type        string
	Description string
	// Label is the name that AWS::CloudFormation::Interface gives it.
	Label string
	// Default counts only if HasDefault.
	Default               string
	HasDefault            bool
	AllowedValues         []string
	AllowedPattern        string
	ConstraintDescription string
	// MinLength and MaxLength in characters, nil when not set.
	MinLength, MaxLength *int
	// MinValue and MaxValue of a number, nil when not set.
	MinValue, MaxValue *float64
	NoEcho             bool
	Line               int

	pattern *regexp.Regexp
}

// ParameterGroup is a heading under which parameters are shown.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-cloudformation-interface.html
type ParameterGroup struct {
	Label      string
	Parameters []string
}

// Resource is one resource of a template.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html
type Resource struct {
	LogicalID string
	// Type as CloudFormation spells it: "AWS::SQS::Queue".
	Type                string
	Condition           string
	DependsOn           []string
	DeletionPolicy      string
	UpdateReplacePolicy string
	Line                int

	properties object
	metadata   object
}

// Output is one output of a template.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html
type Output struct {
	Name        string
	Description string
	Condition   string
	Line        int

	value expression
}

// condition is the definition of one condition.
type condition struct {
	line  int
	value expression
}

// mapping is one mapping: top-level key, second-level key, value.
type mapping map[string]map[string]any

// Parse reads a template in YAML or JSON. The error joins an *Error for every
// fault found; name is the file name that they give.
func Parse(name string, data []byte) (*Template, error) {
	source := string(data)
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		// JSON is YAML but for tabs, which JSON allows between tokens only.
		data = bytes.ReplaceAll(data, []byte("\t"), []byte(" "))
	}
	p := &parser{
		file:     name,
		template: &Template{File: name, source: source, mappings: map[string]mapping{}, conditions: map[string]condition{}},
		labels:   map[string]string{},
	}
	root := p.document(data)
	if len(p.faults) == 0 {
		p.sections(root)
		p.resolve()
	}
	if len(p.faults) > 0 {
		return nil, joinFaults(p.faults)
	}
	return p.template, nil
}

// sections reads the top level of the template.
func (p *parser) sections(root *yaml.Node) {
	t := p.template
	for _, m := range p.members(root, "Template format error: unsupported structure.") {
		switch m.name {
		case "AWSTemplateFormatVersion":
			if p.text(m.value) != "2010-09-09" {
				p.fault(m.value, "Template format error: unsupported value for AWSTemplateFormatVersion.")
			}
		case "Description":
			t.Description = p.text(m.value)
			if len(t.Description) > maxDescription {
				p.fault(m.value, "Template format error: 'Description' length is greater than %d.", maxDescription)
			}
		case "Metadata":
			p.metadata(m.value)
		case "Parameters":
			p.parameters(m.value)
		case "Rules":
			p.rules(m.value)
		case "Mappings":
			p.mappings(m.value)
		case "Conditions":
			p.conditions(m.value)
		case "Resources":
			p.resources(m.value)
		case "Outputs":
			p.outputs(m.value)
		case "Transform":
			p.fault(m.key, "Transform is not supported by the embedded runtime: deploy the processed template.")
		default:
			p.fault(m.key, "Invalid template property or properties [%s]", m.name)
		}
	}
	if len(t.Resources) == 0 {
		p.fault(root, "Template format error: At least one Resources member must be defined.")
	}
}

// Quotas of a template.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const (
	maxDescription    = 1024
	maxParameters     = 200
	maxResources      = 500
	maxOutputs        = 200
	maxMappings       = 200
	maxName           = 255
	maxParameterValue = 4096
)
