package conformance

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func statesTaskCases() []Case {
	return []Case{
		{Name: "lambda:invoke answers the payload as JSON beside the call's metadata", Page: statesGuide("connect-lambda"), Run: statesInvoke},
		{Name: "lambda:invoke of an Event is accepted with 202", Page: statesGuide("connect-lambda"), Run: statesInvokeEvent},
		{Name: "a function's own ARN as resource answers the payload alone", Page: statesGuide("connect-lambda"), Run: statesInvokeDirectly},
		{Name: "a function that does not exist fails the task", Page: statesGuide("concepts-error-handling"), Run: statesNoFunction},
		{Name: "dynamodb:putItem names a failed condition DynamoDB.ConditionalCheckFailedException", Page: statesGuide("connect-ddb"), Run: statesPutItem},
		{Name: "aws-sdk:dynamodb names a failed condition DynamoDb.ConditionalCheckFailedException", Page: statesGuide("supported-services-awssdk"), Run: statesSDKPutItem},
		{Name: "dynamodb:getItem and updateItem answer as DynamoDB does", Page: statesGuide("connect-ddb"), Run: statesGetItem},
		{Name: "aws-sdk:dynamodb:query answers items and count", Page: statesGuide("supported-services-awssdk"), Run: statesQuery},
		{Name: "sqs:sendMessage sends a message whose body may be an object", Page: statesGuide("connect-sqs"), Run: statesSendMessage},
		{Name: "states:startExecution answers the new execution", Page: statesGuide("connect-stepfunctions"), Run: statesStartChild},
		{Name: "states:startExecution of a name that is taken fails the task", Page: statesGuide("connect-stepfunctions"), Run: statesStartTaken},
		{Name: "states:startExecution of a machine that does not exist fails the task", Page: statesGuide("connect-stepfunctions"), Run: statesStartNothing},
		{Name: "startExecution.sync:2 answers the child's output as JSON, .sync as a string", Page: statesGuide("connect-stepfunctions"), Run: statesSync},
		{Name: "a child that fails fails startExecution.sync with States.TaskFailed", Page: statesGuide("connect-stepfunctions"), Run: statesSyncFails},
	}
}

// outputOf runs a definition that must succeed and decodes its output.
func outputOf[T any](t *testing.T, c *Clients, definition, input string) (output T) {
	t.Helper()
	out := c.execute(t, definition, input)
	require.Equal(t, sfntypes.ExecutionStatusSucceeded, out.Status, "%s: %s", aws.ToString(out.Error), aws.ToString(out.Cause))
	require.NoError(t, json.Unmarshal([]byte(aws.ToString(out.Output)), &output))
	return output
}

// task is a machine of one task.
func task(resource, parameters string) string {
	return one(`"Type":"Task","Resource":"` + resource + `","Parameters":` + parameters)
}

func statesInvoke(t *testing.T, c *Clients) {
	got := outputOf[struct {
		ExecutedVersion string
		Payload         map[string]any
		StatusCode      int
		SdkHttpMetadata struct{ HttpStatusCode int }
	}](t, c, task("arn:aws:states:::lambda:invoke", `{"FunctionName":`+quoted(t, c.function(t, 30))+`,"Payload.$":"$"}`), `{"value":{"a":[1,"two"]}}`)
	assert.Equal(t, "$LATEST", got.ExecutedVersion)
	assert.Equal(t, map[string]any{"a": []any{1.0, "two"}}, got.Payload)
	assert.Equal(t, 200, got.StatusCode)
	assert.Equal(t, 200, got.SdkHttpMetadata.HttpStatusCode)
}

func statesInvokeEvent(t *testing.T, c *Clients) {
	got := outputOf[struct{ StatusCode int }](t, c,
		task("arn:aws:states:::lambda:invoke", `{"FunctionName":`+quoted(t, c.function(t, 30))+`,"InvocationType":"Event","Payload":{"value":1}}`), `{}`)
	assert.Equal(t, 202, got.StatusCode)
}

func statesInvokeDirectly(t *testing.T, c *Clients) {
	execution := c.start(t, c.machine(t, one(`"Type":"Task","Resource":`+quoted(t, c.function(t, 30)))), `{"value":{"a":1}}`)
	out := c.ended(t, execution, time.Minute)
	assert.JSONEq(t, `{"a":1}`, aws.ToString(out.Output))
	assertHistory(t, []link{
		{0, sfntypes.HistoryEventTypeExecutionStarted},
		{0, sfntypes.HistoryEventTypeTaskStateEntered},
		{2, sfntypes.HistoryEventTypeLambdaFunctionScheduled},
		{3, sfntypes.HistoryEventTypeLambdaFunctionStarted},
		{4, sfntypes.HistoryEventTypeLambdaFunctionSucceeded},
		{5, sfntypes.HistoryEventTypeTaskStateExited},
		{6, sfntypes.HistoryEventTypeExecutionSucceeded},
	}, c.history(t, execution))
}

func statesNoFunction(t *testing.T, c *Clients) {
	arn := c.function(t, 30) + "-absent"
	out := c.execute(t, task("arn:aws:states:::lambda:invoke", `{"FunctionName":`+quoted(t, arn)+`}`), `{}`)
	assert.Equal(t, "Lambda.ResourceNotFoundException", aws.ToString(out.Error))
	assert.True(t, strings.HasPrefix(aws.ToString(out.Cause), "Function not found: "+arn), aws.ToString(out.Cause))
}

func statesPutItem(t *testing.T, c *Clients) {
	table := quoted(t, c.table(t))
	put := `{"TableName":` + table + `,"Item":{"pk":{"S":"a"},"sk":{"S":"1"}},"ConditionExpression":"attribute_not_exists(pk)"}`
	definition := task("arn:aws:states:::dynamodb:putItem", put)
	c.execute(t, definition, `{}`)
	out := c.execute(t, definition, `{}`)
	assert.Equal(t, "DynamoDB.ConditionalCheckFailedException", aws.ToString(out.Error))
	assert.Contains(t, aws.ToString(out.Cause), "The conditional request failed")
}

func statesSDKPutItem(t *testing.T, c *Clients) {
	table := quoted(t, c.table(t))
	put := `{"TableName":` + table + `,"Item":{"pk":{"S":"a"},"sk":{"S":"1"}},"ConditionExpression":"attribute_not_exists(pk)"}`
	definition := task("arn:aws:states:::aws-sdk:dynamodb:putItem", put)
	c.succeeds(t, definition, `{}`, `{}`)
	out := c.execute(t, definition, `{}`)
	assert.Equal(t, "DynamoDb.ConditionalCheckFailedException", aws.ToString(out.Error))
	assert.Contains(t, aws.ToString(out.Cause), "The conditional request failed")
}

func statesGetItem(t *testing.T, c *Clients) {
	table := quoted(t, c.table(t))
	key := `"TableName":` + table + `,"Key":{"pk":{"S":"a"},"sk":{"S":"1"}}`
	out := outputOf[struct {
		Attributes map[string]map[string]string
	}](t, c, task("arn:aws:states:::dynamodb:updateItem", `{`+key+`,"UpdateExpression":"SET n = :n","ExpressionAttributeValues":{":n":{"N":"7"}},"ReturnValues":"UPDATED_NEW"}`), `{}`)
	assert.Equal(t, map[string]map[string]string{"n": {"N": "7"}}, out.Attributes)
	got := outputOf[struct {
		Item map[string]map[string]string
	}](t, c, task("arn:aws:states:::dynamodb:getItem", `{`+key+`,"ConsistentRead":true}`), `{}`)
	assert.Equal(t, map[string]map[string]string{"pk": {"S": "a"}, "sk": {"S": "1"}, "n": {"N": "7"}}, got.Item)
}

func statesQuery(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "1"))
	c.put(t, table, row("a", "2"))
	got := outputOf[struct {
		Count, ScannedCount int
		Items               []map[string]map[string]string
	}](t, c, task("arn:aws:states:::aws-sdk:dynamodb:query", `{"TableName":`+quoted(t, table)+
		`,"ConsistentRead":true,"KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"a"}}}`), `{}`)
	assert.Equal(t, 2, got.Count)
	assert.Equal(t, 2, got.ScannedCount)
	assert.Equal(t, []map[string]map[string]string{{"pk": {"S": "a"}, "sk": {"S": "1"}}, {"pk": {"S": "a"}, "sk": {"S": "2"}}}, got.Items)
}

func statesSendMessage(t *testing.T, c *Clients) {
	queue := c.queue(t, nil)
	got := outputOf[struct{ MessageId string }](t, c,
		task("arn:aws:states:::sqs:sendMessage", `{"QueueUrl":`+quoted(t, queue)+`,"MessageBody":{"a.$":"$.a"}}`), `{"a":1}`)
	m := c.receiveOne(t, queue)
	assert.JSONEq(t, `{"a":1}`, *m.Body)
	assert.Equal(t, *m.MessageId, got.MessageId)
}

func statesStartChild(t *testing.T, c *Clients) {
	child, name := c.machine(t, passThrough), fresh()
	got := outputOf[struct{ ExecutionArn string }](t, c, task("arn:aws:states:::states:startExecution",
		`{"StateMachineArn":`+quoted(t, child)+`,"Name":`+quoted(t, name)+`,"Input":{"a.$":"$.a"}}`), `{"a":1}`)
	assert.Equal(t, strings.Replace(child, ":stateMachine:", ":execution:", 1)+":"+name, got.ExecutionArn)
	assert.JSONEq(t, `{"a":1}`, aws.ToString(c.ended(t, got.ExecutionArn, time.Minute).Output))
}

func statesStartTaken(t *testing.T, c *Clients) {
	child := c.machine(t, passThrough)
	execution := c.start(t, child, `{}`)
	c.ended(t, execution, time.Minute)
	name := execution[strings.LastIndex(execution, ":")+1:]
	out := c.execute(t, task("arn:aws:states:::states:startExecution", `{"StateMachineArn":`+quoted(t, child)+`,"Name":`+quoted(t, name)+`,"Input":{}}`), `{}`)
	assert.Equal(t, "StepFunctions.ExecutionAlreadyExistsException", aws.ToString(out.Error))
	assert.Contains(t, aws.ToString(out.Cause), "Execution Already Exists: '"+execution+"'")
}

func statesStartNothing(t *testing.T, c *Clients) {
	missing := c.machine(t, passThrough) + "-absent"
	out := c.execute(t, task("arn:aws:states:::states:startExecution", `{"StateMachineArn":`+quoted(t, missing)+`,"Input":{}}`), `{}`)
	assert.Equal(t, "StepFunctions.StateMachineDoesNotExistException", aws.ToString(out.Error))
}

func statesSync(t *testing.T, c *Clients) {
	child := c.machine(t, passThrough)
	parameters := `{"StateMachineArn":` + quoted(t, child) + `,"Input":{"a":1}}`
	second := outputOf[struct {
		Status string
		Output map[string]int
	}](t, c, task("arn:aws:states:::states:startExecution.sync:2", parameters), `{}`)
	assert.Equal(t, "SUCCEEDED", second.Status)
	assert.Equal(t, map[string]int{"a": 1}, second.Output)
	first := outputOf[struct{ Status, Output string }](t, c, task("arn:aws:states:::states:startExecution.sync", parameters), `{}`)
	assert.Equal(t, "SUCCEEDED", first.Status)
	assert.JSONEq(t, `{"a":1}`, first.Output)
}

func statesSyncFails(t *testing.T, c *Clients) {
	child := c.machine(t, `{"StartAt":"Bad","States":{"Bad":{"Type":"Fail","Error":"SomeFailure","Cause":"some cause"}}}`)
	out := c.execute(t, task("arn:aws:states:::states:startExecution.sync", `{"StateMachineArn":`+quoted(t, child)+`,"Input":{}}`), `{}`)
	assert.Equal(t, "States.TaskFailed", aws.ToString(out.Error))
	var cause struct{ Error, Cause, Status, Input string }
	require.NoError(t, json.Unmarshal([]byte(aws.ToString(out.Cause)), &cause))
	assert.Equal(t, "SomeFailure", cause.Error)
	assert.Equal(t, "some cause", cause.Cause)
	assert.Equal(t, "FAILED", cause.Status)
	assert.Equal(t, "{}", cause.Input)
}
