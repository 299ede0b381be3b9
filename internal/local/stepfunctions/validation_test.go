package stepfunctions_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// What AWS refuses when a state machine is created, in its words where they are
// known.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
func TestDefinitionsAreValidated(t *testing.T) {
	state := func(fields string) string { return `{"StartAt":"S","States":{"S":{` + fields + `}}}` }
	task := func(fields string) string {
		return state(`"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:f","End":true,` + fields)
	}
	tests := []struct {
		name, definition string
		want             []string // "CODE: message at location"
	}{
		{"no JSON", `not a definition`, []string{"INVALID_JSON_DESCRIPTION: invalid character 'o' in literal null (expecting 'u')"}},
		{"no object", `[]`, []string{"SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"}},
		{"nothing", `{}`, []string{"SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /"}},
		{"no states", `{"StartAt":"A"}`, []string{"SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /"}},
		{"a state twice", `{"StartAt":"A","States":{"A":{"Type":"Succeed"},"A":{"Type":"Fail"}}}`, []string{"INVALID_JSON_DESCRIPTION: Duplicate field 'A'"}},
		{"a name twice in nested states", `{"StartAt":"A","States":{"A":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}]}}}`,
			[]string{"DUPLICATE_STATE_NAME: Duplicate State name: A at /States/A/Branches[0]/States/A"}},
		{"long name", `{"StartAt":"` + strings.Repeat("n", 81) + `","States":{"` + strings.Repeat("n", 81) + `":{"Type":"Succeed"}}}`,
			[]string{"INVALID_STATE_NAME: State name must have 1 to 80 characters at /States/" + strings.Repeat("n", 81)}},
		{"unknown field at the top", `{"StartAt":"S","Timeout":1,"States":{"S":{"Type":"Succeed"}}}`, []string{"SCHEMA_VALIDATION_FAILED: Field 'Timeout' is not supported at /"}},
		{"unknown field", state(`"Type":"Pass","End":true,"Foo":1`), []string{"SCHEMA_VALIDATION_FAILED: Field 'Foo' is not supported at /States/S"}},
		{"field of another type of state", state(`"Type":"Pass","End":true,"TimeoutSeconds":1`), []string{"SCHEMA_VALIDATION_FAILED: Field 'TimeoutSeconds' is not supported at /States/S"}},
		{"next of a choice", state(`"Type":"Choice","Next":"S","Choices":[{"Variable":"$","IsNull":true,"Next":"S"}]`), []string{"SCHEMA_VALIDATION_FAILED: Field 'Next' is not supported at /States/S"}},
		{"unknown type", state(`"Type":"Tusk","End":true`), []string{"SCHEMA_VALIDATION_FAILED: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/S/Type"}},
		{"missing targets", `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"C"},"B":{"Type":"Succeed"}}}`, []string{
			"MISSING_TRANSITION_TARGET: Missing 'Next' target: C at /States/A/Next",
			`MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B`}},
		{"missing start", `{"StartAt":"X","States":{"A":{"Type":"Pass","Next":"A"}}}`, []string{"MISSING_TRANSITION_TARGET: Missing 'StartAt' target: X at /StartAt"}},
		{"no way on", state(`"Type":"Pass"`), []string{"SCHEMA_VALIDATION_FAILED: One of these fields is required: [Next, End] at /States/S"}},
		{"catch to nowhere", task(`"Catch":[{"ErrorEquals":["A"],"Next":"X"}]`), []string{"MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/S/Catch[0]/Next"}},
		{"JSONata", `{"QueryLanguage":"JSONata","StartAt":"S","States":{"S":{"Type":"Succeed"}}}`,
			[]string{"SCHEMA_VALIDATION_FAILED: The embedded runtime supports the query language 'JSONPath' only, not 'JSONata' at /QueryLanguage"}},
		{"JSONata's fields", state(`"Type":"Pass","End":true,"Output":1`), []string{"SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/S"}},
		{"variables", state(`"Type":"Pass","End":true,"Assign":{}`), []string{"SCHEMA_VALIDATION_FAILED: The embedded runtime does not support variables: field 'Assign' at /States/S"}},
		{"distributed map", state(`"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"I","States":{"I":{"Type":"Succeed"}}}`),
			[]string{"SCHEMA_VALIDATION_FAILED: The embedded runtime supports Map states in INLINE mode only, not 'DISTRIBUTED' at /States/S/ItemProcessor/ProcessorConfig/Mode"}},
		{"no branches", state(`"Type":"Parallel","End":true,"Branches":[]`), []string{"SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/S/Branches"}},
		{"a number in quotes", task(`"TimeoutSeconds":"60"`), []string{"SCHEMA_VALIDATION_FAILED: Expected value of type Integer at /States/S/TimeoutSeconds"}},
		{"too many seconds", state(`"Type":"Wait","End":true,"Seconds":100000000`), []string{"SCHEMA_VALIDATION_FAILED: Maximum value is 99999999 at /States/S/Seconds"}},
		{"seconds twice", state(`"Type":"Wait","End":true,"Seconds":1,"SecondsPath":"$.s"`), []string{"SCHEMA_VALIDATION_FAILED: Exactly one of these fields is required: [Seconds, SecondsPath, Timestamp, TimestampPath] at /States/S"}},
		{"timestamp", state(`"Type":"Wait","End":true,"Timestamp":"2016-12-05 21:29:29Z"`), []string{"SCHEMA_VALIDATION_FAILED: String does not match RFC3339 timestamp at /States/S/Timestamp"}},
		{"path", state(`"Type":"Pass","End":true,"InputPath":"a"`), []string{"SCHEMA_VALIDATION_FAILED: Value is not a valid JSONPath: invalid path 'a' at character 1: a path starts with $ at /States/S/InputPath"}},
		{"reference path", state(`"Type":"Pass","End":true,"ResultPath":"$.a[*]"`), []string{"SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: invalid reference path '$.a[*]': the operators @ .. , : ? * are not supported at /States/S/ResultPath"}},
		{"template", state(`"Type":"Pass","End":true,"Parameters":{"a":{"parsed.$":"States.Nothing()"}}`),
			[]string{"SCHEMA_VALIDATION_FAILED: The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters/a"}},
		{"States.ALL with others", task(`"Retry":[{"ErrorEquals":["States.ALL","A"]}]`), []string{"SCHEMA_VALIDATION_FAILED: States.ALL must appear alone in ErrorEquals, and in the last element of the list only at /States/S/Retry[0]"}},
		{"States.ALL before others", task(`"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["A"]}]`), []string{"SCHEMA_VALIDATION_FAILED: States.ALL must appear alone in ErrorEquals, and in the last element of the list only at /States/S/Retry[0]"}},
		{"backoff", task(`"Retry":[{"ErrorEquals":["A"],"BackoffRate":0.5}]`), []string{"SCHEMA_VALIDATION_FAILED: Minimum value is 1.0 at /States/S/Retry[0]/BackoffRate"}},
		{"heartbeat", task(`"TimeoutSeconds":5,"HeartbeatSeconds":5`), []string{"SCHEMA_VALIDATION_FAILED: HeartbeatSeconds must be smaller than TimeoutSeconds at /States/S/HeartbeatSeconds"}},
		{"no comparison", state(`"Type":"Choice","Choices":[{"Variable":"$.a","Next":"S"}]`), []string{"SCHEMA_VALIDATION_FAILED: A choice rule requires a comparison operator at /States/S/Choices[0]"}},
		{"unknown comparison", state(`"Type":"Choice","Choices":[{"Variable":"$.a","NumericIs":1,"Next":"S"}]`), []string{
			"SCHEMA_VALIDATION_FAILED: A choice rule requires a comparison operator at /States/S/Choices[0]",
			"SCHEMA_VALIDATION_FAILED: Field 'NumericIs' is not supported at /States/S/Choices[0]"}},
		{"next inside of a rule", state(`"Type":"Choice","Choices":[{"Not":{"Variable":"$.a","IsNull":true,"Next":"S"},"Next":"S"}]`), []string{"SCHEMA_VALIDATION_FAILED: Field 'Next' is not supported at /States/S/Choices[0]/Not"}},
		{"operand", state(`"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":"1","Next":"S"}]`), []string{"SCHEMA_VALIDATION_FAILED: Expected value of type Numeric at /States/S/Choices[0]/NumericEquals"}},
		{"resource", state(`"Type":"Task","End":true,"Resource":"arn:aws:states:::dynamodb:query"`),
			[]string{"SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::dynamodb:query is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/S/Resource"}},
		{"action of an SDK integration", state(`"Type":"Task","End":true,"Resource":"arn:aws:states:::aws-sdk:sfn:startNothing"`),
			[]string{"SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::aws-sdk:sfn:startNothing is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/S/Resource"}},
		{"job of an integration without jobs", state(`"Type":"Task","End":true,"Resource":"arn:aws:states:::lambda:invoke.sync"`),
			[]string{"SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::lambda:invoke.sync is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/S/Resource"}},
		{"activity", state(`"Type":"Task","End":true,"Resource":"arn:aws:states:eu-west-1:123456789012:activity:a"`), []string{"SCHEMA_VALIDATION_FAILED: The embedded runtime does not support activities at /States/S/Resource"}},
		{"parameters of an integration", state(`"Type":"Task","End":true,"Resource":"arn:aws:states:::lambda:invoke","Parameters":{"Function.$":"$.f"}`), []string{
			"SCHEMA_VALIDATION_FAILED: The field 'Function' is not supported by Step Functions at /States/S/Parameters",
			"SCHEMA_VALIDATION_FAILED: The field 'FunctionName' is required but was missing at /States/S/Parameters"}},
		{"credentials", task(`"Credentials":{"RoleArn":"x"}`), []string{"SCHEMA_VALIDATION_FAILED: Field 'Credentials' is not supported at /States/S"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, stepfunctions.Options{})
			out := f.must("ValidateStateMachineDefinition", map[string]any{"definition": test.definition})
			assert.Equal(t, "FAIL", out["result"])
			var got []string
			for _, d := range out["diagnostics"].([]any) {
				one := d.(map[string]any)
				line := one["code"].(string) + ": " + one["message"].(string)
				if location, ok := one["location"]; ok {
					line += " at " + location.(string)
				}
				got = append(got, line)
			}
			assert.Equal(t, test.want, got)

			_, err := f.call("CreateStateMachine", map[string]any{"name": "machine", "roleArn": role, "definition": test.definition})
			assert.EqualError(t, err, "InvalidDefinition: Invalid State Machine Definition: '"+strings.Join(test.want, ", ")+"'")
		})
	}
}

// https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
func TestExpressRefusesToWaitForJobsAndTokens(t *testing.T) {
	tests := []struct{ resource, parameters, want string }{
		{"states:startExecution.sync", `{"StateMachineArn":"a"}`, "Express state machine does not support '.sync' service integration"},
		{"states:startExecution.sync:2", `{"StateMachineArn":"a"}`, "Express state machine does not support '.sync' service integration"},
		{"lambda:invoke.waitForTaskToken", `{"FunctionName":"a"}`, "Express state machine does not support '.waitForTaskToken' service integration "},
	}
	for _, test := range tests {
		t.Run(test.resource, func(t *testing.T) {
			f := newFixture(t, stepfunctions.Options{})
			definition := `{"StartAt":"S","States":{"S":{"Type":"Task","End":true,"Resource":"arn:aws:states:::` + test.resource + `","Parameters":` + test.parameters + `}}}`
			_, err := f.call("CreateStateMachine", map[string]any{"name": "m", "type": "EXPRESS", "roleArn": role, "definition": definition})
			assert.EqualError(t, err, "InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: "+test.want+" at /States/S/Resource'")
			f.create("standard", definition)
		})
	}
}

func TestDefinitionIsLimited(t *testing.T) {
	f := newFixture(t, stepfunctions.Options{})
	_, err := f.call("CreateStateMachine", map[string]any{"name": "m", "roleArn": role, "definition": passes + strings.Repeat(" ", 1<<20)})
	assert.Equal(t, "ValidationException", code(t, err))
}

// No text makes the compiler panic.
func FuzzDefinition(f *testing.F) {
	for _, seed := range []string{
		passes, waits, waitsForToken, `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"And":[{"Not":{"Variable":"$.a","StringMatches":"a*"}}],"Next":"C"}]}}}`,
		`{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.l","ItemSelector":{"a.$":"States.Array($$.Map.Item.Value)"},"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Succeed"}}},"End":true,"Retry":[{"ErrorEquals":["States.ALL"],"BackoffRate":1.5}]}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, definition string) {
		x := newFixture(t, stepfunctions.Options{})
		out, err := x.router.Call(context.Background(), "states", "ValidateStateMachineDefinition", api.Caller{}, mustJSON(t, map[string]any{"definition": definition}))
		require.NoError(t, err)
		require.NotNil(t, out)
	})
}
