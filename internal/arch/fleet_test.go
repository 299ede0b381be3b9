package arch

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/function"
)

// untagged are the types of resources that take no tags.
var untagged = []string{"AWS::IAM::Policy", "AWS::Lambda::Version", "AWS::CloudWatch::Dashboard"}

// members are those of a mapping by name.
func members(n *yaml.Node) map[string]*yaml.Node {
	all := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		all[n.Content[i].Value] = n.Content[i+1]
	}
	return all
}

// flat is a node's text on one line, its tags included.
func flat(n *yaml.Node) string {
	parts := []string{n.Tag, n.Value}
	for _, child := range n.Content {
		parts = append(parts, flat(child))
	}
	return strings.Join(parts, " ")
}

// Costs are attributed by a tag, so everything that takes tags has it.
func TestEverythingIsTagged(t *testing.T) {
	for id, r := range parseTemplate(t, fleet.Fleet).Resources {
		tags := members(&r.Properties)["Tags"]
		if slices.Contains(untagged, r.Type) {
			assert.Nil(t, tags, id)
			continue
		}
		if assert.NotNil(t, tags, id) {
			assert.Contains(t, flat(tags), "muster:fleet", id)
		}
	}
}

// Every role is bounded, and every log and store has the fleet's key.
func TestBoundsAndKeysAreEverywhere(t *testing.T) {
	wanted := map[string]string{
		"AWS::IAM::Role": "PermissionsBoundaryArn", "AWS::SQS::Queue": "KmsKeyArn", "AWS::DynamoDB::Table": "KmsKeyArn",
		"AWS::S3::Bucket": "KmsKeyArn", "AWS::Logs::LogGroup": "KmsKeyArn", "AWS::Events::Rule": "IsEnabled", "AWS::Lambda::Function": "IsTraced",
	}
	for id, r := range parseTemplate(t, fleet.Fleet).Resources {
		if name, ok := wanted[r.Type]; ok {
			assert.Contains(t, flat(&r.Properties), name, id)
		}
	}
}

// referred are the names that a node refers to.
func referred(n *yaml.Node) []string {
	var names []string
	if n.Tag == "!Ref" {
		names = append(names, n.Value)
	}
	for _, child := range n.Content {
		names = append(names, referred(child)...)
	}
	return names
}

// conditions are those that a node chooses by.
func conditions(n *yaml.Node) []string {
	var names []string
	if n.Tag == "!If" {
		names = append(names, n.Content[0].Value)
	}
	for _, child := range n.Content {
		names = append(names, conditions(child)...)
	}
	return names
}

// A setting that a pinned function has and that makes no new version of it would
// never be used.
func TestEverySettingMakesVersions(t *testing.T) {
	parsed := parseTemplate(t, fleet.Fleet)
	settings := parsed.Resources["Settings"].Properties
	known := referred(&settings)
	pinned := 0
	for id, r := range parsed.Resources {
		version, ok := parsed.Resources[strings.TrimSuffix(id, "Function")+"Version"]
		if r.Type != "AWS::Lambda::Function" || !ok {
			continue
		}
		pinned++
		assert.Contains(t, flat(&version.Properties), "Settings.StateMachineRevisionId", id)
		assert.Contains(t, flat(members(&r.Properties)["Description"]), "Settings.StateMachineRevisionId", "Lambda publishes no version of a function that is the same: "+id)
		names := referred(&r.Properties)
		for _, condition := range conditions(&r.Properties) {
			if condition != "IsPinned" { // the version is there or not
				decides := parsed.Conditions[condition]
				names = append(names, referred(&decides)...)
			}
		}
		for _, name := range names {
			if _, parameter := parsed.Parameters[name]; parameter {
				assert.Contains(t, known, name, id)
			}
		}
	}
	assert.Equal(t, 4, pinned)
}

// Alarms read metrics that there are.
func TestAlarmsReadWhatIsWritten(t *testing.T) {
	vended := map[string][]string{
		"AWS/SQS":          {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
		"AWS/States":       {"ExecutionsSucceeded"},
		function.Namespace: {function.StarvedMetric, function.AtCapMetric, function.OverBudgetMetric},
	}
	for id, r := range parseTemplate(t, fleet.Fleet).Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		properties := members(&r.Properties)
		assert.Contains(t, vended[properties["Namespace"].Value], properties["MetricName"].Value, id)
		if id == "DepthAlarm" {
			continue // it wakes the autoscaler and tells nobody
		}
		assert.LessOrEqual(t, len(properties["AlarmDescription"].Value), 1024-128, id)
		assert.Equal(t, "AlarmTopicArn", properties["AlarmActions"].Content[0].Value, id)
		// A person at night finds the page by the alarm's name.
		name := strings.TrimPrefix(properties["AlarmName"].Value, "${AWS::StackName}: ")
		assert.Contains(t, properties["AlarmDescription"].Value, "docs/operations.md#"+strings.ReplaceAll(name, " ", "-"), id)
		assert.Regexp(t, "muster [a-z]+", properties["AlarmDescription"].Value, id)
	}
}

// maxEnvironment is how many bytes all variables of a function may have.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const maxEnvironment = 4 << 10

// The longest Routes fit into every function's environment, as long as the other
// texts are of the usual length.
func TestEnvironmentsHaveRoomForRoutes(t *testing.T) {
	parsed := parseTemplate(t, fleet.Fleet)
	usual := strings.Repeat("x", 100)
	values := map[string]string{"Routes": strings.Repeat("x", 2000)}
	for name, p := range parsed.Parameters {
		if values[name] == "" && p.Default != nil {
			values[name] = *p.Default
		}
	}
	for _, name := range []string{"ProcessHandler", "TransformHandler", "RouteHandlers"} {
		values[name] = usual
	}
	for id, r := range parsed.Resources {
		if r.Type != "AWS::Lambda::Function" {
			continue
		}
		size := 0
		variables := members(members(members(&r.Properties)["Environment"])["Variables"])
		require.NotEmpty(t, variables)
		for name, n := range variables {
			value := usual
			if names := referred(n); len(names) == 1 {
				if text, ok := values[names[0]]; ok {
					value = text
				}
			}
			size += len(name) + len(value)
		}
		assert.LessOrEqual(t, size, maxEnvironment, "%s: %v", id, slices.Sorted(maps.Keys(variables)))
	}
}

// CloudFormation takes so many parameters, and a template of that size from S3.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
func TestTheTemplateIsWithinItsLimits(t *testing.T) {
	assert.LessOrEqual(t, len(parseTemplate(t, fleet.Fleet).Parameters), 200)
	assert.LessOrEqual(t, len(fleet.Fleet), 1<<20)
}
