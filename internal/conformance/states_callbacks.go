package conformance

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// callback sends its token to QUEUE and waits for it, under the fields GUARD.
const callback = `{"StartAt":"Ask","States":{"Ask":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken",` +
	`"Parameters":{"QueueUrl":"QUEUE","MessageBody.$":"$$.Task.Token"},GUARD,"Next":"Then"},"Then":{"Type":"Pass","End":true}}}`

func statesCallbackCases() []Case {
	page := statesGuide("connect-to-resource")
	return []Case{
		{Name: "a task waits for its token, and what is sent is its result", Page: page, Run: statesTaskSuccess},
		{Name: "a token's failure is the task's error and cause", Page: statesAPI("SendTaskFailure"), Run: statesTaskFailure},
		{Name: "heartbeats keep a task alive", Page: statesAPI("SendTaskHeartbeat"), Run: statesHeartbeat},
		{Name: "a missing heartbeat is States.HeartbeatTimeout", Page: statesGuide("concepts-error-handling"), Run: statesNoHeartbeat},
		{Name: "a token is used once", Page: statesAPI("SendTaskSuccess"), Run: statesTokenTwice},
		{Name: "a token ends with its task's time-out", Page: statesAPI("SendTaskSuccess"), Run: statesTokenTimeout},
		{Name: "a token that is none is refused", Page: statesAPI("SendTaskSuccess"), Run: statesNoToken},
		{Name: "a token's output is JSON", Page: statesAPI("SendTaskSuccess"), Run: statesTokenOutput},
	}
}

// ask starts a callback task and returns its execution and token.
func (c *Clients) ask(t *testing.T, guard string) (execution string, token *string) {
	t.Helper()
	queue := c.queue(t, nil)
	execution = c.start(t, c.machine(t, asl(callback, "QUEUE", queue, "GUARD", guard)), `{}`)
	token = c.receiveOne(t, queue, waiting(20)).Body
	assert.LessOrEqual(t, len(*token), 1024)
	return execution, token
}

func (c *Clients) answerTask(t *testing.T, token *string, output string) error {
	_, err := c.States.SendTaskSuccess(t.Context(), &sfn.SendTaskSuccessInput{TaskToken: token, Output: &output})
	return err
}

func statesTaskSuccess(t *testing.T, c *Clients) {
	execution, token := c.ask(t, `"TimeoutSeconds":60`)
	assert.Equal(t, sfntypes.ExecutionStatusRunning, c.describe(t, execution).Status)
	require.NoError(t, c.answerTask(t, token, `{"answer":42}`))
	assert.JSONEq(t, `{"answer":42}`, aws.ToString(c.ended(t, execution, time.Minute).Output))
	assertHistory(t, []link{
		{0, sfntypes.HistoryEventTypeExecutionStarted},
		{0, sfntypes.HistoryEventTypeTaskStateEntered},
		{2, sfntypes.HistoryEventTypeTaskScheduled},
		{3, sfntypes.HistoryEventTypeTaskStarted},
		{4, sfntypes.HistoryEventTypeTaskSubmitted},
		{5, sfntypes.HistoryEventTypeTaskSucceeded},
		{6, sfntypes.HistoryEventTypeTaskStateExited},
		{7, sfntypes.HistoryEventTypePassStateEntered},
		{8, sfntypes.HistoryEventTypePassStateExited},
		{9, sfntypes.HistoryEventTypeExecutionSucceeded},
	}, c.history(t, execution))
}

func statesTaskFailure(t *testing.T, c *Clients) {
	execution, token := c.ask(t, `"TimeoutSeconds":60`)
	_, err := c.States.SendTaskFailure(t.Context(), &sfn.SendTaskFailureInput{
		TaskToken: token, Error: aws.String("Failure error"), Cause: aws.String("Failure cause"),
	})
	require.NoError(t, err)
	out := c.ended(t, execution, time.Minute)
	assert.Equal(t, sfntypes.ExecutionStatusFailed, out.Status)
	assert.Equal(t, "Failure error", aws.ToString(out.Error))
	assert.Equal(t, "Failure cause", aws.ToString(out.Cause))
}

func statesHeartbeat(t *testing.T, c *Clients) {
	execution, token := c.ask(t, `"HeartbeatSeconds":3`)
	for range 3 {
		wait(t, 1500*time.Millisecond)
		_, err := c.States.SendTaskHeartbeat(t.Context(), &sfn.SendTaskHeartbeatInput{TaskToken: token})
		require.NoError(t, err)
	}
	require.NoError(t, c.answerTask(t, token, `1`))
	assert.Equal(t, sfntypes.ExecutionStatusSucceeded, c.ended(t, execution, time.Minute).Status)
}

func statesNoHeartbeat(t *testing.T, c *Clients) {
	execution, _ := c.ask(t, `"HeartbeatSeconds":1,"TimeoutSeconds":60,"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"Then"}]`)
	assert.Equal(t, sfntypes.ExecutionStatusSucceeded, c.ended(t, execution, 30*time.Second).Status)
}

func statesTokenTwice(t *testing.T, c *Clients) {
	execution, token := c.ask(t, `"TimeoutSeconds":60`)
	require.NoError(t, c.answerTask(t, token, `1`))
	c.ended(t, execution, time.Minute)
	fails[*sfntypes.TaskTimedOut](t, c.answerTask(t, token, `2`), "Task Timed Out: 'Provided task does not exist anymore'")
	_, err := c.States.SendTaskHeartbeat(t.Context(), &sfn.SendTaskHeartbeatInput{TaskToken: token})
	fails[*sfntypes.TaskTimedOut](t, err, "")
}

func statesTokenTimeout(t *testing.T, c *Clients) {
	execution, token := c.ask(t, `"TimeoutSeconds":3,"Catch":[{"ErrorEquals":["States.Timeout"],"Next":"Then"}]`)
	assert.JSONEq(t, `{"Error":"States.Timeout","Cause":""}`, aws.ToString(c.ended(t, execution, time.Minute).Output))
	fails[*sfntypes.TaskTimedOut](t, c.answerTask(t, token, `1`), "")
}

func statesNoToken(t *testing.T, c *Clients) {
	fails[*sfntypes.InvalidToken](t, c.answerTask(t, aws.String("no token"), `1`), "Invalid Token: 'Invalid token'")
}

func statesTokenOutput(t *testing.T, c *Clients) {
	_, token := c.ask(t, `"TimeoutSeconds":60`)
	fails[*sfntypes.InvalidOutput](t, c.answerTask(t, token, `not json`), "")
}
