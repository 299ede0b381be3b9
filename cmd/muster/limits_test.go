package main_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
)

// What docs/conformance.md says is missing is refused, and by words of its own:
// what has been built since has to leave the list.
func TestLimits(t *testing.T) {
	_, list, found := strings.Cut(documents(t)["../../docs/conformance.md"], "## What the runtime does not imitate")
	require.True(t, found)
	runtime, err := local.Start(local.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, runtime.Close()) })

	role := runtime.IAM.Put("r", []string{"lambda.amazonaws.com", "states.amazonaws.com"})
	machine := func(definition string) map[string]any {
		return map[string]any{"name": "m", "roleArn": role, "definition": definition}
	}
	pass := func(fields string) map[string]any {
		return machine(`{"StartAt":"P","States":{"P":{"Type":"Pass",` + fields + `"End":true}}}`)
	}
	published := pass("")
	published["publish"] = true
	function := func(name string, value any) map[string]any {
		f := map[string]any{
			"FunctionName": "f", "Role": role, "Runtime": "provided.al2023", "Handler": "bootstrap",
			"Code": map[string]any{"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
		}
		f[name] = value
		return f
	}
	key := []map[string]any{{"AttributeName": "k", "KeyType": "HASH"}}
	for _, c := range []struct {
		// words of the list.
		words, service, operation string
		input                     any
		refusal                   string
	}{
		{"permissions", "sqs", "AddPermission", map[string]any{}, "does not support AddPermission"},
		{"message move tasks", "sqs", "StartMessageMoveTask", map[string]any{}, "does not support StartMessageMoveTask"},
		{"secondary indexes", "dynamodb", "CreateTable", map[string]any{
			"TableName": "table", "KeySchema": key, "AttributeDefinitions": []map[string]any{{"AttributeName": "k", "AttributeType": "S"}}, "BillingMode": "PAY_PER_REQUEST",
			"GlobalSecondaryIndexes": []map[string]any{{"IndexName": "index", "KeySchema": key, "Projection": map[string]any{"ProjectionType": "ALL"}}},
		}, "no secondary indexes"},
		{"streams", "dynamodb", "DescribeStream", map[string]any{}, "does not know dynamodb:DescribeStream"},
		{"backups", "dynamodb", "CreateBackup", map[string]any{}, "does not know dynamodb:CreateBackup"},
		{"PartiQL", "dynamodb", "ExecuteStatement", map[string]any{}, "does not know dynamodb:ExecuteStatement"},
		{"JSONata", "states", "CreateStateMachine", machine(`{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Succeed"}}}`), "'JSONPath' only"},
		{"variables (`Assign`)", "states", "CreateStateMachine", pass(`"Assign":{"a":1},`), "does not support variables"},
		{"Distributed Map", "states", "CreateStateMachine", machine(`{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Succeed"}}}}}}`), "INLINE mode only"},
		{"activities", "states", "CreateActivity", map[string]any{}, "does not know states:CreateActivity"},
		{"versions and aliases", "states", "CreateStateMachine", published, "does not support versions"},
		{"TestState", "states", "TestState", map[string]any{}, "does not know states:TestState"},
		{"function URLs", "lambda", "CreateFunctionUrlConfig", map[string]any{}, "does not know lambda:CreateFunctionUrlConfig"},
		{"layers", "lambda", "CreateFunction", function("Layers", []string{"arn:aws:lambda:us-east-1:123456789012:layer:l:1"}), `"Layers"`},
		{"images", "lambda", "CreateFunction", function("PackageType", "Image"), "packages of type Zip"},
		{"event source mappings of other sources than SQS queues", "lambda", "CreateEventSourceMapping", map[string]any{"EventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/x"}, "polls SQS queues only"},
		{"archives", "events", "CreateArchive", map[string]any{}, "does not know events:CreateArchive"},
		{"Scheduler", "scheduler", "CreateSchedule", map[string]any{}, `no service "scheduler"`},
		{"multipart uploads", "s3", "CreateMultipartUpload", map[string]any{}, "does not know s3:CreateMultipartUpload"},
		{"composite alarms", "cloudwatch", "PutCompositeAlarm", map[string]any{}, "does not know cloudwatch:PutCompositeAlarm"},
		{"transforms", "cloudformation", "CreateStack", map[string]any{"StackName": "s", "TemplateBody": "{Transform: x}"}, "Transform is not supported"},
		{"stack policies", "cloudformation", "SetStackPolicy", map[string]any{}, "does not know cloudformation:SetStackPolicy"},
		{"always rolled back", "cloudformation", "UpdateStack", map[string]any{"StackName": "s", "DisableRollback": true}, "DisableRollback must be false"},
	} {
		t.Run(c.words, func(t *testing.T) {
			assert.Contains(t, list, c.words)
			input, err := json.Marshal(c.input)
			require.NoError(t, err)
			_, err = runtime.Router.Call(t.Context(), c.service, c.operation, api.Caller{}, input)
			assert.ErrorContains(t, err, c.refusal)
		})
	}
}
