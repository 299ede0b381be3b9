package cloudformation

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var alphanumeric = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// logicalName checks a name that the template gives.
func (p *parser) logicalName(m member, what string) {
	if !alphanumeric.MatchString(m.name) {
		p.fault(m.key, "Template format error: %s name %s is non alphanumeric.", what, m.name)
	}
	if len(m.name) > maxName {
		p.fault(m.key, "Template format error: %s name %s is longer than %d characters.", what, m.name, maxName)
	}
}

// entries are the members of a section, with their names and number checked.
func (p *parser) entries(n *yaml.Node, section, what string, most int) []member {
	list := p.members(n, "Template format error: the %s section must be an object.", section)
	if len(list) > most {
		p.fault(n, "Template format error: Number of %s, %d, is greater than maximum allowed, %d", strings.ToLower(section), len(list), most)
	}
	for _, m := range list {
		p.logicalName(m, what)
	}
	return list
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/mappings-section-structure.html
func (p *parser) mappings(n *yaml.Node) {
	const malformed = "Template format error: Every Mappings member %s must be an object of objects"
	for _, m := range p.entries(n, "Mappings", "Mapping", maxMappings) {
		tops := mapping{}
		for _, top := range p.members(m.value, malformed, m.name) {
			tops[top.name] = map[string]any{}
			for _, second := range p.members(top.value, malformed, m.name) {
				tops[top.name][second.name] = p.constant(second.value)
			}
		}
		p.template.mappings[m.name] = tops
	}
}

// constant is a value of a mapping: a scalar or a list of them.
func (p *parser) constant(n *yaml.Node) any {
	if n.Kind != yaml.SequenceNode {
		v, _ := p.scalar(n)
		return v
	}
	values := make([]any, len(n.Content))
	for i, item := range n.Content {
		values[i], _ = p.scalar(item)
	}
	return values
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
func (p *parser) conditions(n *yaml.Node) {
	p.place = inConditions
	for _, m := range p.members(n, "Template format error: the Conditions section must be an object.") {
		p.logicalName(m, "Condition")
		p.owner = m.name
		if _, _, ok := callOf(m.value); !ok {
			p.fault(m.value, "Template format error: Every Conditions member must be a condition function.")
		}
		p.template.conditions[m.name] = condition{m.key.Line, p.expression(m.value)}
	}
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html
func (p *parser) outputs(n *yaml.Node) {
	p.place = inOutputs
	for _, m := range p.entries(n, "Outputs", "Output", maxOutputs) {
		o := Output{Name: m.name, Line: m.key.Line}
		for _, a := range p.members(m.value, "Template format error: Every Outputs member must be an object.") {
			switch a.name {
			case "Description":
				o.Description = p.text(a.value)
			case "Value":
				o.value = p.expression(a.value)
			case "Condition":
				o.Condition = p.text(a.value)
				p.use(a.value, useCondition, o.Condition)
			case "Export":
				p.fault(a.key, "Export is not supported by the embedded runtime: it has no imports across stacks.")
			default:
				p.fault(a.key, "Invalid template output property '%s'", a.name)
			}
		}
		if o.value == nil {
			p.fault(m.key, "Template format error: Output %s is malformed. Every Outputs member must contain a Value object", m.name)
		}
		p.template.Outputs = append(p.template.Outputs, o)
	}
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html
func (p *parser) resources(n *yaml.Node) {
	p.place = inResources
	for _, m := range p.entries(n, "Resources", "Resource", maxResources) {
		r := Resource{LogicalID: m.name, Line: m.key.Line}
		for _, a := range p.members(m.value, "Template format error: [/Resources/%s] resource definition is malformed", m.name) {
			p.resourceAttribute(&r, a)
		}
		if r.Type == "" {
			p.fault(m.key, "Template format error: [/Resources/%s] Every Resources object must contain a Type member.", m.name)
		}
		p.template.Resources = append(p.template.Resources, r)
	}
}

func (p *parser) resourceAttribute(r *Resource, a member) {
	switch a.name {
	case "Type":
		r.Type = p.text(a.value)
	case "Properties":
		o, ok := p.expression(a.value).(object)
		if !ok {
			p.fault(a.key, "Template format error: [/Resources/%s/Properties] must be an object", r.LogicalID)
		}
		r.properties = o
	case "Condition":
		r.Condition = p.text(a.value)
		p.use(a.value, useCondition, r.Condition)
	case "DependsOn":
		nodes := []*yaml.Node{a.value}
		if a.value.Kind == yaml.SequenceNode {
			nodes = a.value.Content
		}
		for _, n := range nodes {
			name := p.text(n)
			r.DependsOn = append(r.DependsOn, name)
			p.use(n, useDependsOn, name)
		}
	case "DeletionPolicy":
		r.DeletionPolicy = p.policy(a, r.LogicalID, "Delete", "Retain", "RetainExceptOnCreate", "Snapshot")
	case "UpdateReplacePolicy":
		r.UpdateReplacePolicy = p.policy(a, r.LogicalID, "Delete", "Retain", "Snapshot")
	case "Metadata":
		o, ok := p.expression(a.value).(object)
		if !ok {
			p.fault(a.key, "Template format error: [/Resources/%s/Metadata] must be an object", r.LogicalID)
		}
		r.metadata = o
	case "CreationPolicy", "UpdatePolicy":
		p.fault(a.key, "%s is not supported by the embedded runtime.", a.name)
	default:
		p.fault(a.key, "Invalid template resource property '%s'", a.name)
	}
}

func (p *parser) policy(a member, logicalID string, allowed ...string) string {
	if a.value.Kind != yaml.ScalarNode || isShortCall(a.value) {
		p.fault(a.value, "Template format error: Every %s member must be a string.", a.name)
		return ""
	}
	policy := p.text(a.value)
	if !slices.Contains(allowed, policy) {
		p.fault(a.value, "Template format error: Unrecognized %s %s for resource %s", a.name, policy, logicalID)
	}
	return policy
}
