package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/musterq/muster/asl"
	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/function"
)

// template is what of a template the checks need. Values with a function, such
// as !Ref, stay nodes.
type template struct {
	Parameters map[string]struct {
		Description string  `yaml:"Description"`
		Default     *string `yaml:"Default"`
	} `yaml:"Parameters"`
	Metadata struct {
		Interface struct {
			ParameterGroups []struct {
				Parameters []string `yaml:"Parameters"`
			} `yaml:"ParameterGroups"`
		} `yaml:"AWS::CloudFormation::Interface"`
	} `yaml:"Metadata"`
	Conditions map[string]yaml.Node `yaml:"Conditions"`
	Resources  map[string]resource  `yaml:"Resources"`
}

type resource struct {
	Type       string    `yaml:"Type"`
	Properties yaml.Node `yaml:"Properties"`
}

func parseTemplate(t *testing.T, text []byte) template {
	t.Helper()
	var parsed template
	require.NoError(t, yaml.Unmarshal(text, &parsed))
	return parsed
}

// parameterViolations lists parameters that a person could not fill in: without
// a description, without a default (the process handler alone has none), or in
// no group of the console's form.
func (t template) parameterViolations() []string {
	var found []string
	grouped := map[string]int{}
	for _, group := range t.Metadata.Interface.ParameterGroups {
		for _, name := range group.Parameters {
			grouped[name]++
			if _, ok := t.Parameters[name]; !ok {
				found = append(found, "a group names "+name+", which is no parameter")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		p := t.Parameters[name]
		if p.Description == "" {
			found = append(found, name+" has no Description")
		}
		if p.Default == nil && name != "ProcessHandler" {
			found = append(found, name+" has no Default")
		}
		if n := grouped[name]; n != 1 {
			found = append(found, fmt.Sprintf("%s is in %d groups", name, n))
		}
	}
	return found
}

// unscoped are the actions that know no resources, and where AWS says so.
var unscoped = map[string]string{
	"batch:DescribeJobs": "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html",
	// Any narrower scope hides composite alarms.
	"cloudwatch:DescribeAlarms":     "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html",
	"logs:CreateLogDelivery":        "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
	"logs:GetLogDelivery":           "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
	"logs:UpdateLogDelivery":        "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
	"logs:DeleteLogDelivery":        "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
	"logs:ListLogDeliveries":        "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
	"logs:PutResourcePolicy":        "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
	"logs:DescribeResourcePolicies": "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
	"logs:DescribeLogGroups":        "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
	"xray:PutTraceSegments":         "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html",
	"xray:PutTelemetryRecords":      "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html",
	"xray:GetSamplingRules":         "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html",
	"xray:GetSamplingTargets":       "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html",
	"states:SendTaskHeartbeat":      "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html",
	"states:SendTaskSuccess":        "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html",
	"states:SendTaskFailure":        "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html",
}

// excused are the Resource nodes of statements that allow only actions which know
// no resources.
func excused(n *yaml.Node, into map[*yaml.Node]bool) {
	if n.Kind == yaml.MappingNode {
		members := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			members[n.Content[i].Value] = n.Content[i+1]
		}
		if actions := members["Action"]; actions != nil && members["Resource"] != nil {
			one := actions.Kind == yaml.ScalarNode && unscoped[actions.Value] != ""
			scoped := func(n *yaml.Node) bool { return unscoped[n.Value] == "" }
			into[members["Resource"]] = one || len(actions.Content) > 0 && !slices.ContainsFunc(actions.Content, scoped)
		}
	}
	for _, child := range n.Content {
		excused(child, into)
	}
}

// privilegeViolations lists policies that allow anything, or on anything.
func (t template) privilegeViolations() []string {
	var found []string
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		properties := t.Resources[id].Properties
		may := map[*yaml.Node]bool{}
		excused(&properties, may)
		visit(&properties, func(key string, value *yaml.Node) {
			if may[value] {
				return
			}
			if key != "Resource" && key != "NotResource" && key != "Action" && key != "NotAction" {
				return
			}
			for _, v := range append([]*yaml.Node{value}, value.Content...) {
				everything := v.Value == "*" || strings.HasSuffix(key, "Action") && strings.HasSuffix(v.Value, ":*")
				if everything || strings.HasPrefix(key, "Not") {
					found = append(found, fmt.Sprintf("%s has %s: %s", id, key, v.Value))
				}
			}
		})
	}
	return found
}

// visit calls f for every member of every mapping in a node.
func visit(n *yaml.Node, f func(key string, value *yaml.Node)) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			f(n.Content[i-1].Value, child)
		}
		visit(child, f)
	}
}

// substitution is a placeholder of a definition, ${Table}.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-stepfunctions-statemachine.html
var substitution = regexp.MustCompile(`\$\{([^}]*)\}`)

// substitutionViolations lists where a state machine's definition and what the
// template puts into it do not agree. A definition is JSON as it is stored, so
// its placeholders stand inside strings.
func (t template) substitutionViolations(definitions map[string]string) ([]string, error) {
	var found []string
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		if r.Type != "AWS::StepFunctions::StateMachine" {
			continue
		}
		var properties struct {
			DefinitionS3Location    string               `yaml:"DefinitionS3Location"`
			DefinitionSubstitutions map[string]yaml.Node `yaml:"DefinitionSubstitutions"`
		}
		if err := r.Properties.Decode(&properties); err != nil {
			return nil, err
		}
		if properties.DefinitionS3Location == "" {
			continue // the template has it
		}
		definition, ok := definitions[properties.DefinitionS3Location]
		if !ok {
			found = append(found, id+" names the definition "+properties.DefinitionS3Location+", which is not there")
			continue
		}
		if !json.Valid([]byte(definition)) {
			found = append(found, id+": its definition is not JSON as it is stored: a placeholder outside of a string?")
		}
		wanted := map[string]bool{}
		for _, match := range substitution.FindAllStringSubmatch(definition, -1) {
			wanted[match[1]] = true
		}
		found = append(found, compare(id, "DefinitionSubstitutions", wanted, keys(properties.DefinitionSubstitutions))...)
	}
	return found, nil
}

// compare lists what of a resource's property is missing and what nobody wants.
func compare(id, property string, wanted, given map[string]bool) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !given[name] {
			found = append(found, fmt.Sprintf("%s: %s lacks %s", id, property, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !wanted[name] {
			found = append(found, fmt.Sprintf("%s: %s has %s, which nothing reads", id, property, name))
		}
	}
	return found
}

func keys(m map[string]yaml.Node) map[string]bool {
	set := map[string]bool{}
	for key := range m {
		set[key] = true
	}
	return set
}

// wiring is how Muster's functions read their environment.
var wiring = map[string]func(function.Lookup) error{
	"autoscaler": func(l function.Lookup) error { _, err := function.Autoscaler(aws.Config{}, l); return err },
	"beat":       func(l function.Lookup) error { _, err := function.Beat(aws.Config{}, l); return err },
	"courier":    func(l function.Lookup) error { _, err := function.Courier(aws.Config{}, l); return err },
	"poll":       func(l function.Lookup) error { _, err := function.Poll(aws.Config{}, l); return err },
	"pump":       func(l function.Lookup) error { _, err := function.Pump(aws.Config{}, l); return err },
	"settle":     func(l function.Lookup) error { _, err := function.Settle(aws.Config{}, l); return err },
}

// words are the variables for which 1 does not do, as what works together.
var words = map[string]string{
	"LANE": "stream", "TARGET": "lambda", "MODE": "sync", "TRANSFORM_MODE": "sync", "FIFO": "false",
	"MAX_RECEIVE_COUNT": "5", "ROUTES": "", "UNMATCHED": "handler", "DUPLICATE_KEY": "messageId", "BODIES_IN_STATE": "small",
	"SCALE_SCHEDULE": "", "GATE_ACTION": "hold", "PUMP_MEMORY": "128", "REDACT_ERRORS": "false",
	"DRAIN_WITHIN_SECONDS": "0", "MAX_AGE_SECONDS": "0", "LAMBDA_CONCURRENCY": "0",
}

// reads are the variables that a function reads.
func reads(wire func(function.Lookup) error) (map[string]bool, error) {
	names := map[string]bool{}
	err := wire(func(name string) (string, bool) {
		names[name] = true
		word, ok := words[name]
		if !ok {
			word = "1"
		}
		return word, true
	})
	return names, err
}

// environmentViolations lists where a function's environment in the template
// and what its code reads do not agree.
func (t template) environmentViolations() ([]string, error) {
	var found []string
	built := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[id]
		if r.Type != "AWS::Lambda::Function" {
			continue
		}
		var properties struct {
			Code        string `yaml:"Code"`
			Environment struct {
				Variables map[string]yaml.Node `yaml:"Variables"`
			} `yaml:"Environment"`
		}
		if err := r.Properties.Decode(&properties); err != nil {
			return nil, err
		}
		name := path.Base(properties.Code)
		wire, ok := wiring[name]
		if !ok || properties.Code != "../build/"+name {
			found = append(found, id+" names the code "+properties.Code+", which is none of Muster's functions")
			continue
		}
		built[name] = true
		wanted, err := reads(wire)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found = append(found, compare(id, "Environment", wanted, keys(properties.Environment.Variables))...)
	}
	for _, name := range slices.Sorted(maps.Keys(wiring)) {
		if !built[name] {
			found = append(found, "no resource runs the function "+name)
		}
	}
	return found, nil
}

var definitions = map[string]string{"../asl/autoscaler.asl.json": asl.Autoscaler, "../asl/worker.asl.json": asl.Worker}

// templateViolations lists all that is wrong with a template.
func templateViolations(t *testing.T, text []byte) []string {
	t.Helper()
	parsed := parseTemplate(t, text)
	substitutions, errSubstitutions := parsed.substitutionViolations(definitions)
	environments, errEnvironments := parsed.environmentViolations()
	require.NoError(t, errors.Join(errSubstitutions, errEnvironments))
	return slices.Concat(parsed.parameterViolations(), parsed.privilegeViolations(), substitutions, environments)
}

func TestTemplate(t *testing.T) {
	assert.Empty(t, templateViolations(t, fleet.Fleet))
}
