package estate

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// everywhere are the actions that AWS allows for all resources or none.
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var everywhere = []string{
	// Log delivery of state machines.
	"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
	"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
	// By a task token, which names no resource.
	"states:SendTaskHeartbeat", "states:SendTaskSuccess", "states:SendTaskFailure",
	"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
	"cloudwatch:DescribeAlarms", "cloudwatch:PutMetricData", "cloudwatch:GetMetricData",
	"ecs:DescribeTasks", "ecs:StopTask", "batch:DescribeJobs", "batch:TerminateJob", "lambda:GetAccountSettings",
}

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
				if !forced(action.Value) {
					found = append(found, &Fault{Line: action.Line, Message: "a role may do " + action.Value + " to everything: name the resources"})
				}
			}
		}
	})
	return found, nil
}

func forced(action string) bool {
	for _, a := range everywhere {
		if strings.EqualFold(a, action) {
			return true
		}
	}
	return false
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
