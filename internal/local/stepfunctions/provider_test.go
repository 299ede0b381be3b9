package stepfunctions_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
func TestProvider(t *testing.T) {
	f := newFixture(t, stepfunctions.Options{})
	provide := f.service.Providers()["AWS::StepFunctions::StateMachine"].Create
	request := api.ResourceRequest{Stack: "s", LogicalID: "Worker", Type: "AWS::StepFunctions::StateMachine", Name: "s-Worker-1", Properties: []byte(`{
		"StateMachineType": "EXPRESS", "RoleArn": "` + role + `",
		"DefinitionString": "{\"StartAt\":\"S\",\"States\":{\"S\":{\"Type\":\"Task\",\"End\":true,\"Resource\":\"arn:aws:states:::lambda:invoke\",\"Parameters\":{\"FunctionName\":\"${F}\",\"Payload\":\"${N}\"}}}}",
		"DefinitionSubstitutions": {"F": "work", "N": 3},
		"LoggingConfiguration": {"Level": "ERROR", "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": "arn:log"}}]},
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
		map[string]any{"cloudWatchLogsLogGroup": map[string]any{"logGroupArn": "arn:log"}}}}, described["loggingConfiguration"])

	request.Properties = []byte(`{"RoleArn":"` + role + `","Definition":` + passes + `}`)
	made, err = provide(context.Background(), request)
	require.NoError(t, err)
	assert.Equal(t, arn, made.Ref)
	assert.NotEqual(t, "INITIAL", made.Attributes["StateMachineRevisionId"])

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
