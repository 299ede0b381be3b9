package arch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/function"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
)

// refused is a refusal of the settings: the parameters that the template's rules
// refuse for it, or why they cannot.
type refused struct {
	by   map[string]string
	left string
}

const (
	numbers = "rules cannot tell which of two numbers is larger"
	texts   = "rules cannot look into a text"
	pattern = "the parameter's own constraints refuse it"
)

// refusals are those of package fleet, by how they begin.
var refusals = map[string]refused{
	"ProcessHandler is empty":                                                            {by: map[string]string{"ProcessHandler": ""}},
	"Target is %s and Lane is %s":                                                        {by: map[string]string{"Target": "codebuild", "JobArn": "arn", "Lane": "stream"}},
	"Target is %s and Mode is async":                                                     {by: map[string]string{"Target": "codebuild", "JobArn": "arn", "Mode": "async"}},
	"Target is %s and there are Routes":                                                  {by: map[string]string{"Target": "codebuild", "JobArn": "arn", "Routes": "[]"}},
	"Target is %s and %s is empty":                                                       {by: map[string]string{"Target": "batch", "JobArn": "arn"}},
	"Mode is callback and Lane is %s":                                                    {by: map[string]string{"Mode": "callback", "Lane": "stream"}},
	"TransformMode is async":                                                             {by: map[string]string{"TransformMode": "async"}},
	"TransformMode is callback and Lane is %s":                                           {by: map[string]string{"TransformMode": "callback", "TransformHandler": transform, "Lane": "stream"}},
	"TransformMode is callback and BodiesInState is never":                               {by: map[string]string{"TransformMode": "callback", "TransformHandler": transform, "BodiesInState": "never"}},
	"BodiesInState is never and ProcessTimeoutSeconds is %d":                             {left: numbers},
	"DeadLetterQueueArn is %s and the queue is %s":                                       {left: texts},
	"DeadLetterQueueArn is %s and the queue is %s, and only one of them is a FIFO queue": {left: texts},
	"Fifo is false and the queue is %s, a FIFO queue":                                    {left: texts},
	"Fifo is true and the queue is %s, no FIFO queue, whose name would end with .fifo":   {left: texts},
	"Mode %s, TransformMode %s or Target %s keeps messages of long tasks out of the queue for a while, and there is no dead-letter queue for those that failed too often": {by: map[string]string{"QueueArn": existing, "Mode": "callback"}},
	"Unmatched is dead-letter and there is no dead-letter queue":                                                      {by: map[string]string{"QueueArn": existing, "Routes": "[]", "Unmatched": "dead-letter"}},
	"the queue is FIFO and Mode is async":                                                                             {by: map[string]string{"Fifo": "true", "Mode": "async"}},
	"the queue is FIFO and BatchingWindowSeconds is %d":                                                               {by: map[string]string{"Fifo": "true", "BatchingWindowSeconds": "5"}},
	"the queue is FIFO and its tasks may take %d seconds, ProcessTimeoutSeconds and TransformTimeoutSeconds together": {left: numbers},
	"ProcessTimeoutSeconds is %d and Mode is %s":                                                                      {left: numbers},
	"ProcessTimeoutSeconds is %d":                                                                                     {left: pattern},
	"TransformTimeoutSeconds is %d and TransformMode is %s":                                                           {left: numbers},
	"BatchSize is %d and Lane is %s":                                                                                  {by: map[string]string{"BatchSize": "11", "BatchingWindowSeconds": "5", "Lane": "steps"}},
	"BatchSize is %d and BatchingWindowSeconds is 0":                                                                  {by: map[string]string{"BatchSize": "11"}},
	"BatchingWindowSeconds is %d and Lane is %s":                                                                      {by: map[string]string{"BatchingWindowSeconds": "5", "Lane": "steps"}},
	"Unmatched is %s and there are no Routes":                                                                         {by: map[string]string{"Unmatched": "drop"}},
	"%s is %q, it must be one of %v":                                                                                  {left: pattern},
	"DuplicateKey is %s and the queue is no FIFO queue":                                                               {by: map[string]string{"DuplicateWindowSeconds": "60", "DuplicateKey": "deduplicationId"}},
	"DuplicateWindowSeconds is %d and MaxReceiveCount is %d":                                                          {by: map[string]string{"DuplicateWindowSeconds": "60", "MaxReceiveCount": "1"}},
}

const existing, existingFifo, dead = "arn:aws:sqs:eu-west-1:123456789012:jobs", "arn:aws:sqs:eu-west-1:123456789012:jobs.fifo", "arn:aws:sqs:eu-west-1:123456789012:dead"

// alone are the rules for what the functions do not get to see.
var alone = []string{"TwoHandlers", "ALambdaFunctionOrAJob"}

// format finds the texts of the errors that a file makes.
var format = regexp.MustCompile(`(?:refuse\(.*?, |fmt\.Errorf\()"((?:[^"\\]|\\.)*)"`)

// formats are how the refusals of package fleet begin.
func formats(t *testing.T) []string {
	var all []string
	for _, file := range []string{"validate.go", "messages.go"} {
		text, err := os.ReadFile("../fleet/" + file)
		require.NoError(t, err)
		for _, match := range format.FindAllStringSubmatch(string(text), -1) {
			begin, _, _ := strings.Cut(match[1], ":")
			all = append(all, begin)
		}
	}
	return all
}

func TestEveryRefusalIsARuleOrSaysWhyNot(t *testing.T) {
	all := formats(t)
	assert.ElementsMatch(t, all, slices.Collect(maps.Keys(refusals)))
	for begin, r := range refusals {
		if r.left != "" {
			assert.Empty(t, r.by, begin)
			continue
		}
		given := map[string]string{"ProcessHandler": process}
		maps.Copy(given, r.by)
		assert.NotEmpty(t, rulesSay(t, given), begin)
	}
	assert.Empty(t, rulesSay(t, map[string]string{"ProcessHandler": process}))
}

// rulesSay names the rules that refuse parameters.
func rulesSay(t require.TestingT, given map[string]string) []string {
	parsed, err := cloudformation.Parse("fleet.yaml", fleet.Fleet)
	require.NoError(t, err)
	providers := map[string]api.Provider{}
	for _, r := range parsed.Resources {
		providers[r.Type] = api.Provider{Create: func(context.Context, api.ResourceRequest) (api.Resource, error) { return api.Resource{}, nil }}
	}
	err = cloudformation.Validate(parsed, cloudformation.Options{
		StackName: "jobs", Parameters: given, Providers: providers,
		Account: &api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws"},
		Resolve: func(path string) ([]byte, error) { return []byte(definitions[path]), nil },
	})
	var rules []string
	for _, one := range each(err) {
		var v *cloudformation.Violation
		require.ErrorAs(t, one, &v)
		require.NotEmpty(t, v.Rule, v.Message)
		rules = append(rules, v.Rule)
	}
	return rules
}

// each is every error of a joined one.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// settingsSay are the refusals of a fleet's settings that rules know too.
func settingsSay(t require.TestingT, given map[string]string, variables map[string]string) []string {
	c, err := function.AutoscalerConfig(func(name string) (string, bool) {
		switch {
		case name == "QUEUE_URL" || name == "DEAD_LETTER_URL":
			// Only those that the fleet makes have one.
			return map[bool]string{true: "of a resource"}[given["QueueArn"] == ""], true
		case name == "QUEUE_ARN":
			if given["QueueArn"] == "" {
				return map[string]string{"true": existingFifo, "false": existing}[given["Fifo"]], true
			}
			return given["QueueArn"], true
		case name == "DEAD_LETTER_ARN":
			return given["DeadLetterQueueArn"], true
		}
		if value, ok := given[variables[name]]; ok {
			return value, true
		}
		return "of a resource", true
	})
	require.NoError(t, err)
	err = errors.Join(c.Settings.Validate(), c.Job.Validate(c.Target))
	if err == nil {
		return nil
	}
	var found []string
	for line := range strings.Lines(err.Error()) {
		for begin, r := range refusals {
			words := strings.NewReplacer("%s", ".*", "%d", ".*", "%q", ".*", "%v", ".*").Replace(begin)
			if r.left == "" && regexp.MustCompile("^"+words+":").MatchString(line) {
				found = append(found, begin)
			}
		}
	}
	return found
}

// variablesOf are the parameters and resources behind the autoscaler's variables.
func variablesOf(t *testing.T) map[string]string {
	node := parseTemplate(t, fleet.Fleet).Resources["AutoscalerFunction"].Properties
	variables := map[string]string{}
	visit(&node, func(key string, value *yaml.Node) {
		switch {
		case value.Tag == "!Ref":
			variables[key] = value.Value
		case value.Tag == "!Join":
			variables[key] = value.Content[1].Value
		}
	})
	return variables
}

// Rules refuse no more and no less than the functions do, as far as rules can.
func TestRulesAgreeWithTheSettings(t *testing.T) {
	variables := variablesOf(t)
	parsed, err := cloudformation.Parse("fleet.yaml", fleet.Fleet)
	require.NoError(t, err)
	choices := map[string][]string{
		"Target": {"lambda", "lambda", "codebuild", "batch", "ecs"}, "Lane": {"auto", "stream", "steps"},
		"Mode": {"sync", "async", "callback"}, "TransformMode": {"sync", "sync", "async", "callback"}, "TransformHandler": {"", transform},
		"BodiesInState": {"small", "never"}, "BatchSize": {"1", "10", "11"}, "BatchingWindowSeconds": {"0", "5"},
		"Fifo": {"false", "true"}, "Unmatched": {"handler", "drop", "dead-letter"}, "MaxReceiveCount": {"1", "5"},
		"DuplicateWindowSeconds": {"0", "60"}, "DuplicateKey": {"messageId", "deduplicationId"},
		"JobQueueArn": {"", "arn"}, "JobContainer": {"", "main"}, "JobSubnets": {"", "subnet-1"},
		"Routes": {"", fmt.Sprintf(`[{"Handler":%q,"FilterCriteria":{"Filters":[{"Pattern":"{\"body\":{\"a\":[1]}}"}]}}]`, process)},
	}
	choices["QueueArn"], choices["DeadLetterQueueArn"] = []string{"", existing, existingFifo}, []string{"", dead}
	rapid.Check(t, func(r *rapid.T) {
		given := map[string]string{"ProcessHandler": process}
		for _, q := range parsed.Parameters {
			if values := choices[q.Name]; values != nil {
				given[q.Name] = rapid.SampledFrom(values).Draw(r, q.Name)
			} else if q.Name != "ProcessHandler" {
				given[q.Name] = q.Default
			}
		}
		if given["Target"] != "lambda" {
			given["JobArn"] = "arn"
		}
		if given["QueueArn"] == "" {
			given["DeadLetterQueueArn"] = ""
		}
		rules := slices.DeleteFunc(rulesSay(r, given), func(rule string) bool { return slices.Contains(alone, rule) })
		if settings := settingsSay(r, given, variables); (len(rules) == 0) != (len(settings) == 0) {
			r.Errorf("the rules %v refuse, and the settings %v", rules, settings)
		}
	})
}
