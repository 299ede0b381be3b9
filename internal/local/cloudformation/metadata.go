package cloudformation

import "go.yaml.in/yaml/v3"

// metadata reads the parameter groups and labels of AWS::CloudFormation::Interface.
// Other metadata is free in form and of no concern here.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/metadata-section-structure.html
func (p *parser) metadata(n *yaml.Node) {
	for _, m := range p.members(n, "Template format error: the Metadata section must be an object.") {
		if m.name != "AWS::CloudFormation::Interface" {
			continue
		}
		for _, a := range p.members(m.value, "Template format error: %s must be an object", m.name) {
			switch a.name {
			case "ParameterGroups":
				p.groups(a.value)
			case "ParameterLabels":
				for _, label := range p.members(a.value, "Template format error: ParameterLabels must be an object") {
					p.use(label.key, useParameter, label.name)
					p.labels[label.name] = p.label(label.value)
				}
			default:
				p.fault(a.key, "Invalid property '%s' of AWS::CloudFormation::Interface", a.name)
			}
		}
	}
}

func (p *parser) groups(n *yaml.Node) {
	for _, item := range p.items(n, "Template format error: ParameterGroups must be a list") {
		var g ParameterGroup
		for _, a := range p.members(item, "Template format error: Every ParameterGroups member must be an object") {
			switch a.name {
			case "Label":
				g.Label = p.label(a.value)
			case "Parameters":
				for _, name := range p.items(a.value, "Template format error: Parameters of a ParameterGroups member must be a list") {
					g.Parameters = append(g.Parameters, p.text(name))
					p.use(name, useParameter, p.text(name))
				}
			default:
				p.fault(a.key, "Invalid property '%s' of ParameterGroups", a.name)
			}
		}
		p.template.Groups = append(p.template.Groups, g)
	}
}

// label reads an object whose only member is "default".
func (p *parser) label(n *yaml.Node) string {
	text := ""
	for _, a := range p.members(n, "Template format error: a label must be an object with the member default") {
		if a.name != "default" {
			p.fault(a.key, "Invalid property '%s' of a label", a.name)
			continue
		}
		text = p.text(a.value)
	}
	return text
}
