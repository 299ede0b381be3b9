package cloudformation

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// use is a name that the template uses, to be looked up once it is read.
type use struct {
	kind  useKind
	name  string
	line  int
	place place
	// owner is the condition in whose definition the name stands, if it does.
	owner string
}

type useKind int

const (
	useRef useKind = iota
	useGetAtt
	useDependsOn
	useMapping
	// useIf is a condition named by Fn::If, useCondition one named otherwise.
	useIf
	useCondition
	useParameter
)

func (p *parser) use(n *yaml.Node, kind useKind, name string) {
	u := use{kind: kind, name: name, line: n.Line, place: p.place}
	if p.place == inConditions {
		u.owner = p.owner
	}
	p.pending = append(p.pending, u)
}

// pseudoParameters that a template may refer to.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html
var pseudoParameters = []string{
	"AWS::AccountId", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::URLSuffix",
}

// resolve looks up every name that the template uses, and orders the conditions.
func (p *parser) resolve() {
	t := p.template
	parameters, resources, conditions := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for name := range t.conditions {
		conditions[name] = true
	}
	for _, name := range pseudoParameters {
		parameters[name] = true
	}
	for i := range t.Parameters {
		q := &t.Parameters[i]
		parameters[q.Name] = true
		q.Label = p.labels[q.Name]
	}
	for _, r := range t.Resources {
		resources[r.LogicalID] = true
		if parameters[r.LogicalID] {
			p.faultAt(r.Line, "Template format error: %s is the name of a parameter and of a resource.", r.LogicalID)
		}
	}
	needs := map[string][]string{}
	for _, u := range p.pending {
		switch u.kind {
		case useRef:
			p.resolveRef(u, parameters, resources)
		case useGetAtt:
			if !resources[u.name] {
				p.faultAt(u.line, "Template error: instance of Fn::GetAtt references undefined resource %s", u.name)
			}
		case useDependsOn:
			if !resources[u.name] {
				p.faultAt(u.line, "Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", u.name)
			}
		case useMapping:
			if t.mappings[u.name] == nil {
				p.faultAt(u.line, "Template error: Mapping named '%s' is not present in the 'Mappings' section of template.", u.name)
			}
		case useIf:
			if !conditions[u.name] {
				p.faultAt(u.line, "Template error: unresolved condition dependency %s in Fn::If", u.name)
			}
		case useCondition:
			if !conditions[u.name] {
				p.faultAt(u.line, "Template format error: Unresolved condition dependency %s in the %s block of the template", u.name, u.place)
			} else if u.owner != "" {
				needs[u.owner] = append(needs[u.owner], u.name)
			}
		case useParameter:
			if !parameters[u.name] || strings.HasPrefix(u.name, "AWS::") {
				p.faultAt(u.line, "Template format error: Metadata names the parameter %s, which is not in the Parameters block of the template", u.name)
			}
		}
	}
	sorted, cycle := order(slices.Sorted(maps.Keys(t.conditions)), needs)
	if cycle != nil {
		p.faultAt(t.conditions[cycle[0]].line, "Template error: Found circular condition dependency: [%s]", strings.Join(cycle, ", "))
	}
	t.conditionOrder = sorted
}

func (p *parser) resolveRef(u use, parameters, resources map[string]bool) {
	switch {
	case parameters[u.name]:
	case u.place&inValues == 0:
		p.faultAt(u.line, "Template format error: Unresolved dependencies [%s]. Cannot reference resources in the %s block of the template", u.name, u.place)
	case !resources[u.name]:
		p.faultAt(u.line, "Template format error: Unresolved resource dependencies [%s] in the %s block of the template", u.name, u.place)
	}
}

// order sorts names so that each comes after those that it needs, and otherwise
// keeps their order. If that cannot be done, cycle has the names that need each
// other.
func order(names []string, needs map[string][]string) (sorted, cycle []string) {
	done := map[string]bool{}
	for left := names; len(left) > 0; {
		var rest []string
		for _, name := range left {
			if slices.ContainsFunc(needs[name], func(n string) bool { return !done[n] }) {
				rest = append(rest, name)
				continue
			}
			done[name] = true
			sorted = append(sorted, name)
		}
		if len(rest) == len(left) {
			return nil, withoutUnneeded(rest, needs)
		}
		left = rest
	}
	return sorted, nil
}

// withoutUnneeded takes away the names that no other of them needs, again and
// again: what depends on a cycle is not part of it.
func withoutUnneeded(names []string, needs map[string][]string) []string {
	for {
		needed := map[string]bool{}
		for _, name := range names {
			for _, n := range needs[name] {
				needed[n] = true
			}
		}
		rest := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !needed[n] })
		if len(rest) == len(names) {
			return rest
		}
		names = rest
	}
}
