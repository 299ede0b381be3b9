package conformance

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// invoke hands its input to the fixture FUNCTION.
const invoke = `{"StartAt":"Invoke","States":{"Invoke":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",` +
	`"Parameters":{"FunctionName":"FUNCTION","Payload.$":"$"},"ResultSelector":{"payload.$":"$.Payload"},"OutputPath":"$.payload","End":true}}}`

// guarded invokes the fixture under the fields GUARD, and says that it caught
// what, in the state First or in one of MORE.
const guarded = `{"StartAt":"Invoke","States":{"Invoke":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",` +
	`"Parameters":{"FunctionName":"FUNCTION","Payload.$":"$"},GUARD,"Next":"Done"},` +
	`"First":{"Type":"Pass","Parameters":{"first.$":"$.Error"},"End":true},` +
	`MORE"Done":{"Type":"Pass","Result":"done","End":true}}}`

func statesErrorCases() []Case {
	page := statesGuide("concepts-error-handling")
	return []Case{
		{Name: "a function's error type is the task's error, its answer the cause", Page: statesGuide("connect-lambda"), Run: statesFunctionError},
		{Name: "a caught error is {Error, Cause}, put where ResultPath says", Page: page, Run: statesCatch},
		{Name: "the first Catch that names the error counts", Page: page, Run: statesCatchOrder},
		{Name: "States.TaskFailed covers a function's error", Page: page, Run: statesTaskFailed},
		{Name: "States.TaskFailed does not cover States.Timeout", Page: page, Run: statesTaskFailedNotTimeout},
		{Name: "States.ALL covers States.Timeout", Page: page, Run: statesAllTimeout},
		{Name: "States.ALL does not cover States.Runtime", Page: page, Run: statesAllRuntime},
		{Name: "a time-out is recorded as TaskTimedOut, without a cause", Page: page, Run: statesTimeoutHistory},
		{Name: "a task's time-out comes from its input", Page: statesGuide("state-task"), Run: statesTimeoutPath},
		{Name: "a retrier tries again, then the error is caught", Page: page, Run: statesRetry},
		{Name: "a retrier's attempts are spaced by its interval and backoff", Page: page, Run: statesBackoff},
		{Name: "MaxAttempts 0 never retries", Page: page, Run: statesNoRetry},
		{Name: "each retrier counts its own attempts, and the context the retries", Page: page, Run: statesRetryCount},
		{Name: "a state machine's time-out ends the execution as TIMED_OUT", Page: statesGuide("statemachine-structure"), Run: statesMachineTimeout},
		{Name: "a result above 256 KiB is States.DataLimitExceeded", Page: statesGuide("service-quotas"), Run: statesDataLimit},
		{Name: "sizes are counted in UTF-8 bytes", Page: statesGuide("service-quotas"), Run: statesDataLimitBytes},
	}
}

// second is a further state that says what it caught.
const second = `"Second":{"Type":"Pass","Parameters":{"second.$":"$.Error"},"End":true},`

// guardedMachine makes a machine of guarded, with the state Second if its fields
// name it.
func (c *Clients) guardedMachine(t *testing.T, fields string) string {
	t.Helper()
	more := ""
	if strings.Contains(fields, `"Second"`) {
		more = second
	}
	return c.machine(t, asl(guarded, "FUNCTION", c.function(t, 30), "GUARD", fields, "MORE", more))
}

// guard runs guarded under the given fields.
func (c *Clients) guard(t *testing.T, fields, input string) string {
	t.Helper()
	out := c.ended(t, c.start(t, c.guardedMachine(t, fields), input), time.Minute)
	require.Equal(t, sfntypes.ExecutionStatusSucceeded, out.Status, "%s: %s", aws.ToString(out.Error), aws.ToString(out.Cause))
	return aws.ToString(out.Output)
}

func statesFunctionError(t *testing.T, c *Clients) {
	out := c.execute(t, asl(invoke, "FUNCTION", c.function(t, 30)), `{"error":"boom"}`)
	assert.Equal(t, sfntypes.ExecutionStatusFailed, out.Status)
	assert.Equal(t, "CustomError", aws.ToString(out.Error))
	var cause struct{ ErrorType, ErrorMessage string }
	require.NoError(t, json.Unmarshal([]byte(aws.ToString(out.Cause)), &cause))
	assert.Equal(t, "CustomError", cause.ErrorType)
	assert.Equal(t, "boom", cause.ErrorMessage)
}

func statesCatch(t *testing.T, c *Clients) {
	out := c.execute(t, asl(`{"StartAt":"Invoke","States":{"Invoke":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",`+
		`"Parameters":{"FunctionName":"FUNCTION","Payload.$":"$"},"Catch":[{"ErrorEquals":["CustomError"],"ResultPath":"$.caught","Next":"Caught"}],"End":true},`+
		`"Caught":{"Type":"Pass","End":true}}}`, "FUNCTION", c.function(t, 30)), `{"error":"boom"}`)
	var got struct {
		Error  string
		Caught map[string]string
	}
	require.NoError(t, json.Unmarshal([]byte(aws.ToString(out.Output)), &got))
	assert.Equal(t, "boom", got.Error, "the input is kept")
	assert.Equal(t, "CustomError", got.Caught["Error"])
	assert.Regexp(t, `"errorMessage":\s*"boom"`, got.Caught["Cause"])
	assert.Len(t, got.Caught, 2)
}

func statesCatchOrder(t *testing.T, c *Clients) {
	assert.JSONEq(t, `{"second":"CustomError"}`, c.guard(t, `"Catch":[{"ErrorEquals":["OtherError","States.Timeout"],"Next":"First"},`+
		`{"ErrorEquals":["CustomError"],"Next":"Second"},{"ErrorEquals":["States.ALL"],"Next":"First"}]`, `{"error":"boom"}`))
}

func statesTaskFailed(t *testing.T, c *Clients) {
	assert.JSONEq(t, `{"first":"CustomError"}`, c.guard(t, `"Catch":[{"ErrorEquals":["States.TaskFailed"],"Next":"First"}]`, `{"error":"boom"}`))
}

func statesTaskFailedNotTimeout(t *testing.T, c *Clients) {
	assert.JSONEq(t, `{"second":"States.Timeout"}`, c.guard(t, `"TimeoutSeconds":2,"Catch":[{"ErrorEquals":["States.TaskFailed"],"Next":"First"},`+
		`{"ErrorEquals":["States.Timeout"],"Next":"Second"}]`, `{"sleepMs":5000}`))
}

func statesAllTimeout(t *testing.T, c *Clients) {
	assert.JSONEq(t, `{"first":"States.Timeout"}`, c.guard(t, `"TimeoutSeconds":2,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"First"}]`, `{"sleepMs":5000}`))
}

func statesAllRuntime(t *testing.T, c *Clients) {
	c.failsWith(t, asl(`{"StartAt":"Invoke","States":{"Invoke":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","InputPath":"$.absent",`+
		`"Parameters":{"FunctionName":"FUNCTION"},"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"Caught"}],"End":true},`+
		`"Caught":{"Type":"Pass","End":true}}}`, "FUNCTION", c.function(t, 30)), `{}`, "States.Runtime", "")
}

func statesTimeoutHistory(t *testing.T, c *Clients) {
	execution := c.start(t, c.guardedMachine(t,
		`"TimeoutSeconds":2,"Catch":[{"ErrorEquals":["States.Timeout"],"Next":"First"}]`), `{"sleepMs":5000}`)
	c.ended(t, execution, time.Minute)
	events := c.history(t, execution)
	require.Len(t, events, 9)
	assertHistory(t, []link{
		{0, sfntypes.HistoryEventTypeExecutionStarted},
		{0, sfntypes.HistoryEventTypeTaskStateEntered},
		{2, sfntypes.HistoryEventTypeTaskScheduled},
		{3, sfntypes.HistoryEventTypeTaskStarted},
		{4, sfntypes.HistoryEventTypeTaskTimedOut},
		{5, sfntypes.HistoryEventTypeTaskStateExited},
		{6, sfntypes.HistoryEventTypePassStateEntered},
		{7, sfntypes.HistoryEventTypePassStateExited},
		{8, sfntypes.HistoryEventTypeExecutionSucceeded},
	}, events)
	assert.Equal(t, int64(2), *events[2].TaskScheduledEventDetails.TimeoutInSeconds)
	assert.Equal(t, "States.Timeout", aws.ToString(events[4].TaskTimedOutEventDetails.Error))
	assert.Equal(t, "invoke", aws.ToString(events[4].TaskTimedOutEventDetails.Resource))
	assert.Equal(t, "lambda", aws.ToString(events[4].TaskTimedOutEventDetails.ResourceType))
	assert.JSONEq(t, `{"Error":"States.Timeout","Cause":""}`, aws.ToString(events[5].StateExitedEventDetails.Output))
}

func statesTimeoutPath(t *testing.T, c *Clients) {
	assert.JSONEq(t, `{"first":"States.Timeout"}`,
		c.guard(t, `"TimeoutSecondsPath":"$.limit","Catch":[{"ErrorEquals":["States.Timeout"],"Next":"First"}]`, `{"sleepMs":5000,"limit":2}`))
}

// scheduled is when each attempt of a task was scheduled.
func scheduled(events []sfntypes.HistoryEvent) (times []time.Time) {
	for _, e := range events {
		if e.Type == sfntypes.HistoryEventTypeTaskScheduled {
			times = append(times, *e.Timestamp)
		}
	}
	return times
}

func statesRetry(t *testing.T, c *Clients) {
	execution := c.start(t, c.guardedMachine(t,
		`"Retry":[{"ErrorEquals":["CustomError"],"IntervalSeconds":1,"MaxAttempts":2,"BackoffRate":1}],`+
			`"Catch":[{"ErrorEquals":["States.ALL"],"Next":"First"}]`), `{"error":"boom"}`)
	out := c.ended(t, execution, time.Minute)
	assert.JSONEq(t, `{"first":"CustomError"}`, aws.ToString(out.Output))
	assert.Len(t, scheduled(c.history(t, execution)), 3)
}

func statesBackoff(t *testing.T, c *Clients) {
	execution := c.start(t, c.guardedMachine(t,
		`"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1,"MaxAttempts":3,"BackoffRate":3,"MaxDelaySeconds":2}],`+
			`"Catch":[{"ErrorEquals":["States.ALL"],"Next":"First"}]`), `{"error":"boom"}`)
	c.ended(t, execution, time.Minute)
	times := scheduled(c.history(t, execution))
	require.Len(t, times, 4)
	for i, want := range []time.Duration{1, 2, 2} {
		gap := times[i+1].Sub(times[i])
		assert.GreaterOrEqual(t, gap, want*time.Second-200*time.Millisecond)
		assert.Less(t, gap, want*time.Second+1500*time.Millisecond)
	}
}

func statesNoRetry(t *testing.T, c *Clients) {
	execution := c.start(t, c.guardedMachine(t,
		`"Retry":[{"ErrorEquals":["CustomError"],"MaxAttempts":0},{"ErrorEquals":["States.ALL"],"MaxAttempts":2,"IntervalSeconds":1}],`+
			`"Catch":[{"ErrorEquals":["States.ALL"],"Next":"First"}]`), `{"error":"boom"}`)
	c.ended(t, execution, time.Minute)
	assert.Len(t, scheduled(c.history(t, execution)), 1)
}

func statesRetryCount(t *testing.T, c *Clients) {
	execution := c.start(t, c.machine(t, asl(`{"StartAt":"Invoke","States":{"Invoke":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",`+
		`"Parameters":{"FunctionName":"FUNCTION","Payload":{"error":"boom","value.$":"$$.State.RetryCount"}},`+
		`"Retry":[{"ErrorEquals":["OtherError"],"IntervalSeconds":1,"MaxAttempts":5},{"ErrorEquals":["CustomError"],"IntervalSeconds":1,"MaxAttempts":1}],"End":true}}}`,
		"FUNCTION", c.function(t, 30))), `{}`)
	assert.Equal(t, sfntypes.ExecutionStatusFailed, c.ended(t, execution, time.Minute).Status)
	var counts []float64
	for _, e := range c.history(t, execution) {
		if e.Type == sfntypes.HistoryEventTypeTaskScheduled {
			var parameters struct{ Payload struct{ Value float64 } }
			require.NoError(t, json.Unmarshal([]byte(*e.TaskScheduledEventDetails.Parameters), &parameters))
			counts = append(counts, parameters.Payload.Value)
		}
	}
	assert.Equal(t, []float64{0, 1}, counts)
}

func statesMachineTimeout(t *testing.T, c *Clients) {
	execution := c.start(t, c.machine(t, `{"StartAt":"Wait","TimeoutSeconds":2,"States":{"Wait":{"Type":"Wait","Seconds":600,"End":true}}}`), `{}`)
	out := c.ended(t, execution, time.Minute)
	assert.Equal(t, sfntypes.ExecutionStatusTimedOut, out.Status)
	assert.Nil(t, out.Output)
	assert.InDelta(t, 2, out.StopDate.Sub(*out.StartDate).Seconds(), 1)
	reversed, err := c.States.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &execution, ReverseOrder: true, MaxResults: 1})
	require.NoError(t, err)
	assert.Equal(t, sfntypes.HistoryEventTypeExecutionTimedOut, reversed.Events[0].Type)
	assert.Equal(t, "States.Timeout", aws.ToString(reversed.Events[0].ExecutionTimedOutEventDetails.Error))
}

func statesDataLimit(t *testing.T, c *Clients) {
	c.failsWith(t, asl(invoke, "FUNCTION", c.function(t, 30)), `{"fill":262144}`, "States.DataLimitExceeded",
		"The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit.")
}

// 90,000 euro signs are 270,000 bytes.
func statesDataLimitBytes(t *testing.T, c *Clients) {
	c.failsWith(t, asl(invoke, "FUNCTION", c.function(t, 30)), `{"fill":90000,"filler":"€"}`, "States.DataLimitExceeded", "")
	out := c.execute(t, asl(invoke, "FUNCTION", c.function(t, 30)), `{"fill":80000,"filler":"€"}`)
	assert.Equal(t, sfntypes.ExecutionStatusSucceeded, out.Status)
}
