package estate

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/musterq/muster/internal/local/access"
)

// Wide finds the statements of a template that allow an action on everything, or
// every action of a service, though AWS lets it be said more narrowly.
func Wide(template []byte) ([]*Fault, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(template, &document); err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	var found []*Fault
	walk(&document, func(statement map[string]*yaml.Node) {
		if effect := statement["Effect"]; effect == nil || effect.Value != "Allow" {
			return
		}
		for _, action := range scalars(statement["Action"]) {
			if strings.HasSuffix(action.Value, "*") {
				found = append(found, &Fault{Line: action.Line, Message: "a role may do " + action.Value + ": name the actions"})
			}
		}
		for _, resource := range scalars(statement["Resource"]) {
			if resource.Value != "*" {
				continue
			}
			for _, action := range scalars(statement["Action"]) {
				if _, forced := access.Everywhere(action.Value); !forced {
					found = append(found, &Fault{Line: action.Line, Message: "a role may do " + action.Value + " to everything: name the resources"})
				}
			}
		}
	})
	return found, nil
}

// walk visits all mappings.
func walk(n *yaml.Node, visit func(map[string]*yaml.Node)) {
	if n.Kind == yaml.MappingNode {
		members := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			members[n.Content[i].Value] = n.Content[i+1]
		}
		visit(members)
	}
	for _, c := range n.Content {
		walk(c, visit)
	}
}

// scalars are the plain texts of a value, one or a list of them.
func scalars(n *yaml.Node) []*yaml.Node {
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode && !strings.HasPrefix(n.Tag, "!S") && !strings.HasPrefix(n.Tag, "!G") && !strings.HasPrefix(n.Tag, "!R"):
		return []*yaml.Node{n}
	case n.Kind == yaml.SequenceNode:
		var all []*yaml.Node
		for _, c := range n.Content {
			all = append(all, scalars(c)...)
		}
		return all
	}
	return nil
}
