package stepfunctions_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
func TestProvider(t *testing.T) {
	f := newFixture(t, stepfunctions.Options{})
	provider := f.service.Providers()["AWS::StepFunctions::StateMachine"]
	provide := provider.Create
	request := api.ResourceRequest{Stack: "s", LogicalID: "Worker", Type: "AWS::StepFunctions::StateMachine", Name: "s-Worker-1", Properties: []byte(`{
		"StateMachineType": "EXPRESS", "RoleArn": "` + role + `",
		"DefinitionString": "{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Task\",\"End\":true,\"Resource\":\"arn:aws:states:::lambda:invoke\",\"Parameters\":{\"FunctionName\":\"${F}\",\"Payload\":\"${N}\"}}}}",
		"DefinitionSubstitutions": {"F": "work", "N": 3},
		"LoggingConfiguration": {"Level": "ERROR", "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/m:*"}}]},
		"TracingConfiguration": {"Enabled": true},
		"Tags": [{"Key": "k", "Value": "v"}]}`)}
	made, err := provide(context.Background(), request)
	require.NoError(t, err)
	const arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:s-Worker-1"
	assert.Equal(t, api.Resource{Ref: arn, Attributes: map[string]string{"Arn": arn, "Name": "s-Worker-1", "StateMachineRevisionId": "INITIAL"}}, made)
	described := f.must("DescribeStateMachine", map[string]any{"stateMachineArn": arn})
	assert.Contains(t, described["definition"], `"FunctionName":"work","Payload":"3"`)
	assert.Equal(t, "EXPRESS", described["type"])
	assert.Equal(t, map[string]any{"level": "ERROR", "includeExecutionData": false, "destinations": []any{
		map[string]any{"cloudWatchLogsLogGroup": map[string]any{"logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/states/m:*"}}}}, described["loggingConfiguration"])

	_, err = provide(context.Background(), request)
	assert.EqualError(t, err, "StateMachineAlreadyExists: State Machine Already Exists: '"+arn+"'")

	old := api.Existing{ResourceRequest: request, Resource: made}
	request.Properties = []byte(`{"StateMachineType":"EXPRESS","RoleArn":"` + role + `2","Definition":` + passes + `}`)
	made, err = provider.Update(context.Background(), request, old)
	require.NoError(t, err)
	assert.Equal(t, arn, made.Ref)
	assert.NotEqual(t, "INITIAL", made.Attributes["StateMachineRevisionId"])
	described = f.must("DescribeStateMachine", map[string]any{"stateMachineArn": arn})
	assert.Equal(t, role+"2", described["roleArn"])
	assert.Equal(t, "OFF", described["loggingConfiguration"].(map[string]any)["level"])
	assert.Equal(t, map[string]any{"enabled": false}, described["tracingConfiguration"])
	assert.Empty(t, f.must("ListTagsForResource", map[string]any{"resourceArn": arn})["tags"])

	require.NoError(t, provider.Delete(context.Background(), old))
	require.NoError(t, provider.Delete(context.Background(), old), "it is gone already")

	for _, test := range []struct{ properties, want string }{
		{`{"RoleArn":"r"}`, "one of Definition and DefinitionString is required"},
		{`{"RoleArn":"r","DefinitionString":"{}","Definition":{}}`, "only one of Definition and DefinitionString can be specified"},
		{`{"RoleArn":"r","DefinitionString":"{}","Foo":1}`, `ValidationException: The embedded runtime does not know the member "Foo" of stateMachineProperties.`},
		{`{"RoleArn":"r","DefinitionString":"{}","DefinitionSubstitutions":{"a":[]}}`, "DefinitionSubstitutions: the value of a is not a string, a number or a boolean"},
	} {
		_, err := provide(context.Background(), api.ResourceRequest{Name: "x", Properties: []byte(test.properties)})
		assert.EqualError(t, err, test.want)
	}
}

// Executions that run keep the definition that they began with; those of a
// deleted state machine end with the state that they are in.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html
func TestRunningExecutionsOfAStateMachineThatIsChangedAndDeleted(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		provider := f.service.Providers()["AWS::StepFunctions::StateMachine"]
		definition := func(last string) []byte {
			return []byte(`{"RoleArn":"` + role + `","Definition":{"StartAt":"First","States":{
				"First":{"Type":"Wait","Seconds":60,"Next":"Last"},"Last":{"Type":"Pass","Result":"` + last + `","End":true}}}}`)
		}
		request := api.ResourceRequest{Name: "worker", Properties: definition("old")}
		made, err := provider.Create(t.Context(), request)
		require.NoError(t, err)
		old := api.Existing{ResourceRequest: request, Resource: made}
		start := func() string {
			return f.must("StartExecution", map[string]any{"stateMachineArn": made.Ref})["executionArn"].(string)
		}
		before := start()
		request.Properties = definition("new")
		_, err = provider.Update(t.Context(), request, old)
		require.NoError(t, err)
		after := start()
		time.Sleep(61 * time.Second)
		assert.Equal(t, `"old"`, f.must("DescribeExecution", map[string]any{"executionArn": before})["output"])
		assert.Equal(t, `"new"`, f.must("DescribeExecution", map[string]any{"executionArn": after})["output"])

		running := start()
		time.Sleep(time.Second)
		require.NoError(t, provider.Delete(t.Context(), old))
		assert.Equal(t, "DELETING", f.must("DescribeStateMachine", map[string]any{"stateMachineArn": made.Ref})["status"])
		assert.Equal(t, "RUNNING", f.must("DescribeExecution", map[string]any{"executionArn": running})["status"])
		time.Sleep(60 * time.Second)
		_, err = f.call("DescribeStateMachine", map[string]any{"stateMachineArn": made.Ref})
		assert.ErrorContains(t, err, "StateMachineDoesNotExist", "it went with the last execution")
	})
}
