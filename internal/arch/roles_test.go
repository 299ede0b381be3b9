package arch

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/local/access"
)

var update = flag.Bool("update", false, "write the table of roles in docs/security.md anew")

// purposes say why a fleet's roles have an action, by its name or its service's.
var purposes = map[string]string{
	"logs:CreateLogStream": "writes its log", "logs": "delivers the state machine's log", "xray": "traces",
	"sqs:ReceiveMessage": "polls", "sqs:DeleteMessage": "acknowledges", "sqs:ChangeMessageVisibility": "returns messages, and hides them while they are worked on",
	"sqs:GetQueueAttributes": "looks at the queue's depth", "sqs:SendMessage": "sends messages that were kept, that no route takes or that failed for good",
	"dynamodb": "the registry", "kms": "what the key encrypts",
	"s3:ListBucket": "tells an object that is gone from a forbidden one", "s3": "bodies too large for state, messages that are kept while their tasks run",
	"lambda": "the fleet's functions and handlers", "states:StartExecution": "starts workers, or the job",
	"states:DescribeExecution": "knows whether an execution has ended", "states:StopExecution": "stops the job of a worker that is stopped",
	"states":     "passes on what tasks report",
	"cloudwatch": "asks for the gate's alarm", "events": "Step Functions hears of the end of jobs",
	"ecs": "the job", "batch": "the job", "codebuild": "the job", "iam": "the roles of the job's tasks",
}

// allowed is a statement of one of the template's roles.
type allowed struct {
	role, condition    string
	actions, resources []string
	limits             bool
}

// statements are those of the template's roles, in its order.
func statements(t *testing.T, text []byte) []allowed {
	t.Helper()
	var all []allowed
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal(text, &document))
	resources := member(document.Content[0], "Resources")
	for i := 0; i < len(resources.Content); i += 2 {
		name, properties := resources.Content[i].Value, member(resources.Content[i+1], "Properties")
		var policies []*yaml.Node
		switch member(resources.Content[i+1], "Type").Value {
		case "AWS::IAM::Role":
			if inline := member(properties, "Policies"); inline != nil {
				policies = inline.Content
			}
		case "AWS::IAM::Policy":
			policies = []*yaml.Node{properties}
			name = member(properties, "Roles").Content[0].Value
		}
		for _, p := range policies {
			for _, s := range member(member(p, "PolicyDocument"), "Statement").Content {
				a := allowed{role: name}
				if c := member(resources.Content[i+1], "Condition"); c != nil {
					a.condition = c.Value
				}
				if s.Tag == "!If" {
					a.condition, s = strings.TrimPrefix(a.condition+", "+s.Content[0].Value, ", "), s.Content[1]
				}
				a.actions, a.resources, a.limits = listed(member(s, "Action")), listed(member(s, "Resource")), member(s, "Condition") != nil
				all = append(all, a)
			}
		}
	}
	return all
}

// member is a member of a mapping. Nil for none.
func member(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// listed are what a value says, one text or a list of them.
func listed(n *yaml.Node) []string {
	if n.Kind != yaml.SequenceNode || n.Tag != "!!seq" {
		return []string{text(n)}
	}
	var all []string
	for _, c := range n.Content {
		all = append(all, text(c))
	}
	return all
}

// text is a value as a reader takes it.
func text(n *yaml.Node) string {
	switch n.Tag {
	case "!If":
		first, second := text(n.Content[1]), text(n.Content[2])
		if second == "AWS::NoValue" {
			return first
		}
		return first + " or " + second
	case "!Sub":
		if n.Kind == yaml.SequenceNode {
			n = n.Content[0]
		}
		return strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::Region}", "REGION", "${AWS::AccountId}", "ACCOUNT").Replace(n.Value)
	}
	return n.Value
}

// rolesTable is the table of docs/security.md.
func rolesTable(t *testing.T, all []allowed) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("| role | may | on | where | for |\n|---|---|---|---|---|\n")
	for _, a := range all {
		why := map[string]bool{}
		for _, action := range a.actions {
			service, _, _ := strings.Cut(action, ":")
			purpose := purposes[action]
			if purpose == "" && (action != "logs:PutLogEvents") {
				purpose = purposes[service]
			}
			if purpose != "" {
				why[purpose] = true
			}
		}
		assert.NotEmpty(t, why, "say in purposes what %v is for", a.actions)
		where := a.condition
		if a.limits {
			where += ", limited by a condition"
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s | %s |\n", a.role, codes(a.actions), codes(a.resources), where, strings.Join(slices.Sorted(maps.Keys(why)), "; "))
	}
	return out.String()
}

func codes(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = "`" + t + "`"
	}
	return strings.Join(quoted, ", ")
}

const (
	rolesBegin = "<!-- The table is written by: go test ./internal/arch -run TestRolesTable -update -->\n"
	rolesEnd   = "<!-- Here it ends. -->\n"
)

func TestRolesTable(t *testing.T) {
	page := filepath.Join(root, "docs", "security.md")
	was, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, begins := strings.Cut(string(was), rolesBegin)
	_, after, ends := strings.Cut(rest, rolesEnd)
	require.True(t, begins && ends, "%s has no place for the table", page)
	want := before + rolesBegin + rolesTable(t, statements(t, fleet.Fleet)) + rolesEnd + after
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
		return
	}
	assert.Equal(t, want, string(was), "the roles of %s are not the template's: go test ./internal/arch -run TestRolesTable -update", page)
}

// wide lists the actions that are allowed on every resource though AWS does not
// force it.
func wide(all []allowed) []string {
	var found []string
	for _, a := range all {
		for _, action := range a.actions {
			_, forced := access.Everywhere(action)
			switch {
			case strings.Contains(action, "*"):
				found = append(found, a.role+": "+action+" is more than one action")
			case slices.Contains(a.resources, "*") && !forced:
				found = append(found, a.role+": "+action+" is allowed on every resource")
			}
		}
	}
	return found
}

func TestNothingIsAllowedEverywhereUnforced(t *testing.T) {
	assert.Empty(t, wide(statements(t, fleet.Fleet)))
	unforced := strings.Replace(string(fleet.Fleet), "                Resource:\n                  - !GetAtt Table.Arn\n", "                Resource: '*'\n", 1)
	assert.Contains(t, wide(statements(t, []byte(unforced))), "AutoscalerRole: dynamodb:GetItem is allowed on every resource")
	unforced = strings.Replace(string(fleet.Fleet), "- s3:ListBucket\n", "- s3:*\n", 1)
	assert.NotEmpty(t, wide(statements(t, []byte(unforced))))
}
