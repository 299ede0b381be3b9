package stepfunctions_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// recorded is a service that answers every operation alike and keeps its inputs.
type recorded struct {
	inputs []string
	caller api.Caller
	answer any
	err    error
}

// serve adds a service with these operations to the router.
func (f *fixture) serve(name string, operations ...string) *recorded {
	r := &recorded{}
	service := api.Service{Name: name, Operations: map[string]api.Operation{}}
	for _, operation := range operations {
		service.Operations[operation] = func(ctx context.Context, router *api.Router, caller api.Caller, input []byte) (any, error) {
			return router.Do(ctx, api.Call{Service: name, Operation: operation, Caller: caller}, func(context.Context) (any, error) {
				r.inputs, r.caller = append(r.inputs, string(input)), caller
				return r.answer, r.err
			})
		}
	}
	f.router.Add(service)
	return r
}

// task runs one Task and returns how the execution ended, without what the SDK
// adds to results.
func (f *fixture) task(resource, parameters string) (output, failure, cause any) {
	f.t.Helper()
	out := f.run(`{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::`+resource+`","Parameters":`+parameters+`,"End":true}}}`, `{}`)
	if text, ok := out["output"].(string); ok {
		var fields map[string]any
		require.NoError(f.t, json.Unmarshal([]byte(text), &fields))
		delete(fields, "SdkHttpMetadata")
		delete(fields, "SdkResponseMetadata")
		output = fields
	}
	return output, out["error"], out["cause"]
}

func TestIntegrationsCallTheirService(t *testing.T) {
	tests := []struct {
		name, service, operation, resource, parameters string
		answer                                         any
		wantInput                                      string
		wantOutput                                     any
	}{
		{"dynamodb", "dynamodb", "GetItem", "dynamodb:getItem", `{"TableName":"t","Key":{"id":{"S":"1"}}}`,
			map[string]any{"Item": map[string]any{"id": map[string]any{"S": "1"}}},
			`{"Key":{"id":{"S":"1"}},"TableName":"t"}`, map[string]any{"Item": map[string]any{"id": map[string]any{"S": "1"}}}},
		{"dynamodb by SDK", "dynamodb", "Query", "aws-sdk:dynamodb:query", `{"TableName":"t"}`,
			map[string]any{"Count": 0}, `{"TableName":"t"}`, map[string]any{"Count": 0.0}},
		{"sqs", "sqs", "SendMessage", "sqs:sendMessage", `{"QueueUrl":"q","MessageBody":{"a":[1]}}`,
			map[string]any{"MessageId": "m"}, `{"MessageBody":"{\"a\":[1]}","QueueUrl":"q"}`, map[string]any{"MessageId": "m"}},
		{"sqs with text", "sqs", "SendMessage", "sqs:sendMessage", `{"QueueUrl":"q","MessageBody":"a"}`,
			map[string]any{"MessageId": "m"}, `{"MessageBody":"a","QueueUrl":"q"}`, map[string]any{"MessageId": "m"}},
		{"sqs by SDK", "sqs", "ReceiveMessage", "aws-sdk:sqs:receiveMessage", `{"QueueUrl":"q","WaitTimeSeconds":20}`,
			struct{}{}, `{"QueueUrl":"q","WaitTimeSeconds":20}`, map[string]any{}},
		{"events", "events", "PutEvents", "events:putEvents", `{"Entries":[{"Detail":{"a":1},"Resources":["r"]}]}`,
			map[string]any{"FailedEntryCount": 0},
			`{"Entries":[{"Detail":"{\"a\":1}","Resources":["r","` + runArn + `","arn:aws:states:eu-west-1:123456789012:stateMachine:machine"]}]}`,
			map[string]any{"FailedEntryCount": 0.0}},
		{"cloudwatch by SDK", "cloudwatch", "PutMetricData", "aws-sdk:cloudwatch:putMetricData", `{"Namespace":"n"}`, nil, `{"Namespace":"n"}`, map[string]any(nil)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				service := f.serve(test.service, test.operation)
				service.answer = test.answer
				output, failure, cause := f.task(test.resource, test.parameters)
				require.Nil(t, failure, cause)
				assert.Equal(t, test.wantOutput, output)
				assert.Equal(t, []string{test.wantInput}, service.inputs)
				assert.Equal(t, api.Caller{RoleARN: role, Execution: runArn}, service.caller)
			})
		})
	}
}

// Optimised integrations name errors as the AWS SDK for Java 1 does, SDK
// integrations as version 2.
func TestIntegrationErrors(t *testing.T) {
	tests := []struct {
		name, service, operation, resource, parameters string
		err                                            error
		wantError, wantCause                           string
	}{
		{"dynamodb", "dynamodb", "PutItem", "dynamodb:putItem", `{"TableName":"t","Item":{}}`, api.Errorf("ConditionalCheckFailedException", "The conditional request failed"),
			"DynamoDB.ConditionalCheckFailedException", "The conditional request failed (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ConditionalCheckFailedException; Request ID: "},
		{"dynamodb by SDK", "dynamodb", "PutItem", "aws-sdk:dynamodb:putItem", `{}`, api.Errorf("ConditionalCheckFailedException", "The conditional request failed"),
			"DynamoDb.ConditionalCheckFailedException", "The conditional request failed (Service: DynamoDb, Status Code: 400, Request ID: "},
		{"dynamodb, not in its model", "dynamodb", "PutItem", "dynamodb:putItem", `{"TableName":"t","Item":{}}`, api.Errorf("ValidationException", "No"),
			"DynamoDB.AmazonDynamoDBException", "No (Service"},
		{"dynamodb by SDK, not in its model", "dynamodb", "PutItem", "aws-sdk:dynamodb:putItem", `{}`, api.Errorf("ValidationException", "No"),
			"DynamoDb.DynamoDbException", "No (Service"},
		{"dynamodb, internal", "dynamodb", "UpdateItem", "dynamodb:updateItem", `{"TableName":"t","Key":{}}`, &api.Error{Code: "InternalServerError", Status: 500},
			"DynamoDB.InternalServerErrorException", " (Service: AmazonDynamoDBv2; Status Code: 500"},
		{"sqs", "sqs", "SendMessage", "sqs:sendMessage", `{"QueueUrl":"q","MessageBody":"b"}`, api.Errorf("QueueDoesNotExist", "No such queue"),
			"SQS.QueueDoesNotExistException", "No such queue (Service: AmazonSQS"},
		{"sqs by SDK", "sqs", "DeleteMessage", "aws-sdk:sqs:deleteMessage", `{}`, api.Errorf("QueueDoesNotExist", "No such queue"),
			"Sqs.QueueDoesNotExistException", "No such queue (Service: Sqs"},
		{"lost reply", "sqs", "DeleteMessage", "aws-sdk:sqs:deleteMessage", `{}`, api.ErrReplyLost,
			"Sqs.SdkClientException", "Unable to execute HTTP request: the reply was lost"},
		{"event that failed", "events", "PutEvents", "events:putEvents", `{"Entries":[]}`, nil, "EventBridge.FailedEntry", `{"FailedEntryCount":1`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				service := f.serve(test.service, test.operation)
				service.err, service.answer = test.err, map[string]any{"FailedEntryCount": 1}
				_, failure, cause := f.task(test.resource, test.parameters)
				assert.Equal(t, test.wantError, failure)
				assert.True(t, strings.HasPrefix(cause.(string), test.wantCause), cause)
			})
		})
	}
}

// https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
func TestStartExecutionIntegration(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		child := f.create("child", waits)
		output, failure, cause := f.taskIn("starter", "states:startExecution", `{"StateMachineArn":"`+child+`","Name":"c","Input":{"a":1}}`)
		require.Nil(t, failure, cause)
		assert.Contains(t, output, `{"ExecutionArn":"arn:aws:states:eu-west-1:123456789012:execution:child:c","SdkHttpMetadata":{`)
		assert.Contains(t, output, `"StartDate":946684800}`)
		assert.Equal(t, `{"a":1}`, f.describe("arn:aws:states:eu-west-1:123456789012:execution:child:c")["input"])

		_, failure, _ = f.taskIn("again", "states:startExecution", `{"StateMachineArn":"`+child+`","Name":"c"}`)
		assert.Equal(t, "StepFunctions.ExecutionAlreadyExistsException", failure)
		_, failure, cause = f.taskIn("nowhere", "states:startExecution", `{"StateMachineArn":"`+child+`s"}`)
		assert.Equal(t, "StepFunctions.StateMachineDoesNotExistException", failure)
		assert.Contains(t, cause, "State Machine Does Not Exist: '"+child+"s' (Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: ")
	})
}

// taskIn runs one Task in a machine of its own, for two hours.
func (f *fixture) taskIn(name, resource, parameters string) (output string, failure, cause any) {
	f.t.Helper()
	execution := f.start(f.create(name, `{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::`+resource+`","Parameters":`+parameters+`,"End":true}}}`), "run", `{}`)
	time.Sleep(2 * time.Hour)
	out := f.describe(execution)
	output, _ = out["output"].(string)
	return output, out["error"], out["cause"]
}

func TestStartExecutionIsThrottled(t *testing.T) {
	quotas := stepfunctions.Quotas{StartExecution: stepfunctions.Rate{Burst: 1, PerSecond: 1e-6}}
	bubble(t, stepfunctions.Options{Quotas: quotas}, func(t *testing.T, f *fixture) {
		_, failure, cause := f.taskIn("starter", "states:startExecution", `{"StateMachineArn":"`+f.create("child", passes)+`"}`)
		assert.Equal(t, "StepFunctions.ThrottlingException", failure)
		assert.Contains(t, cause, "Rate exceeded (Service: AWSStepFunctions")
	})
}

func TestRunExecution(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		child := f.create("child", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"Next":"P"},"P":{"Type":"Pass","Result":{"b":2},"End":true}}}`)
		output, failure, cause := f.taskIn("sync", "states:startExecution.sync", `{"StateMachineArn":"`+child+`","Name":"c","Input":{"a":1}}`)
		require.Nil(t, failure, cause)
		assert.JSONEq(t, `{"ExecutionArn":"arn:aws:states:eu-west-1:123456789012:execution:child:c","Name":"c","StateMachineArn":"`+child+`",
			"Input":"{\"a\":1}","InputDetails":{"Included":true},"Output":"{\"b\":2}","OutputDetails":{"Included":true},
			"Status":"SUCCEEDED","StartDate":946684800000,"StopDate":946684860000}`, output)

		output, _, _ = f.taskIn("sync2", "states:startExecution.sync:2", `{"StateMachineArn":"`+child+`","Input":{"a":1}}`)
		assert.Contains(t, output, `"Output":{"b":2}`)

		bad := f.create("bad", `{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"c"}}}`)
		_, failure, cause = f.taskIn("syncbad", "states:startExecution.sync", `{"StateMachineArn":"`+bad+`"}`)
		assert.Equal(t, "States.TaskFailed", failure)
		assert.Contains(t, cause, `"Cause":"c","Error":"E"`)
		assert.Contains(t, cause, `"Status":"FAILED"`)
	})
}

func TestRunExecutionIsStoppedWithItsParent(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		child := f.create("child", waits)
		parent := f.start(f.create("parent", `{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync","Parameters":{"StateMachineArn":"`+child+`","Name":"c"},"End":true}}}`), "p", `{}`)
		time.Sleep(time.Second)
		assert.Equal(t, "RUNNING", f.describe("arn:aws:states:eu-west-1:123456789012:execution:child:c")["status"])
		assert.Len(t, f.history(parent), 5)
		f.must("StopExecution", map[string]any{"executionArn": parent})
		time.Sleep(time.Second)
		assert.Equal(t, "ABORTED", f.describe("arn:aws:states:eu-west-1:123456789012:execution:child:c")["status"])
	})
}

// Step Functions by SDK: PascalCase in the state machine, times as text.
func TestSfnBySDK(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		express := f.create("express", `{"StartAt":"P","States":{"P":{"Type":"Pass","Result":{"b":2},"ResultPath":"$.r","End":true}}}`)
		output, failure, cause := f.taskIn("sync", "aws-sdk:sfn:startSyncExecution", `{"StateMachineArn":"`+express+`","Name":"n","Input":{"a":1}}`)
		require.Nil(t, failure, cause)
		assert.Contains(t, output, `"BillingDetails":{"BilledDurationInMilliseconds":100,"BilledMemoryUsedInMB":64}`)
		assert.Contains(t, output, `"Output":"{\"a\":1,\"r\":{\"b\":2}}"`)
		assert.Contains(t, output, `"StartDate":"2000-01-01T00:00:00.000Z"`)
		assert.Contains(t, output, `"Status":"SUCCEEDED"`)
		_, failure, cause = f.taskIn("token", "aws-sdk:sfn:sendTaskSuccess", `{"TaskToken":"x","Output":{"a":1}}`)
		assert.Equal(t, "Sfn.InvalidTokenException", failure)
		assert.Contains(t, cause, "Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: ")
	})
}

// Faults strike the calls of state machines like any other.
func TestFaultsStrikeTasks(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		child := f.create("child", passes)
		f.router.Faults.Add(api.Fault{Service: "states", Operation: "StartExecution", Kind: api.LoseReply, Times: 1,
			Match: func(c api.Call) bool { return c.Caller.Execution != "" }})
		out := f.run(`{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution",
			"Parameters":{"StateMachineArn":"`+child+`","Name":"c"},"Retry":[{"ErrorEquals":["StepFunctions.SdkClientException"]}],"End":true}}}`, `{}`)
		// The child has ended when the start is tried again, so its name is taken.
		assert.Equal(t, "StepFunctions.ExecutionAlreadyExistsException", out["error"])
		assert.Equal(t, int64(2), f.service.Stats().Executions)
	})
}
