package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func statesExecutionCases() []Case {
	return []Case{
		{Name: "starting again by the same name with the same input is the same execution while it runs", Page: statesAPI("StartExecution"), Run: statesStartAgain},
		{Name: "starting again by the same name with other input is refused", Page: statesAPI("StartExecution"), Run: statesStartOtherInput},
		{Name: "a name of an execution that has ended is taken, whatever the input", Page: statesAPI("StartExecution"), Run: statesStartEnded},
		{Name: "an execution without a name gets a UUID, without an input {}", Page: statesAPI("StartExecution"), Run: statesStartDefaults},
		{Name: "an input is JSON", Page: statesAPI("StartExecution"), Run: statesStartNoJSON},
		{Name: "an execution is described", Page: statesAPI("DescribeExecution"), Run: statesDescribeExecution},
		{Name: "an execution that does not exist", Page: statesAPI("DescribeExecution"), Run: statesNoExecution},
		{Name: "an execution is stopped with an error and a cause", Page: statesAPI("StopExecution"), Run: statesStop},
		{Name: "stopping an execution leaves its task running", Page: statesAPI("StopExecution"), Run: statesStopLeavesTask},
		{Name: "executions are listed by status, newest first, in pages", Page: statesAPI("ListExecutions"), Run: statesList},
		{Name: "a history names each event and the one before", Page: statesAPI("GetExecutionHistory"), Run: statesHistory},
		{Name: "a history is read in reverse, and without data", Page: statesAPI("GetExecutionHistory"), Run: statesHistoryOptions},
		{Name: "a history holds 25,000 events, then the execution fails", Page: statesGuide("service-quotas"), Long: true, Run: statesHistoryLimit},
		{Name: "an execution's machine is described", Page: statesAPI("DescribeStateMachineForExecution"), Run: statesMachineForExecution},
	}
}

func statesStartAgain(t *testing.T, c *Clients) {
	machine, name := c.machine(t, waitFor), fresh()
	start := func() *sfn.StartExecutionOutput {
		out, err := c.States.StartExecution(t.Context(), &sfn.StartExecutionInput{
			StateMachineArn: &machine, Name: &name, Input: aws.String(`{"seconds":3}`),
		})
		require.NoError(t, err)
		return out
	}
	first := start()
	wait(t, 1200*time.Millisecond)
	second := start()
	assert.Equal(t, *first.ExecutionArn, *second.ExecutionArn)
	assert.Equal(t, *first.StartDate, *second.StartDate)
	assert.Equal(t, strings.Replace(machine, ":stateMachine:", ":execution:", 1)+":"+name, *first.ExecutionArn)
	out, err := c.States.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &machine})
	require.NoError(t, err)
	assert.Len(t, out.Executions, 1)
	c.ended(t, *first.ExecutionArn, time.Minute)
}

func statesStartOtherInput(t *testing.T, c *Clients) {
	machine := c.machine(t, waitFor)
	execution := c.start(t, machine, `{"seconds":3}`)
	name := execution[strings.LastIndex(execution, ":")+1:]
	_, err := c.States.StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: &machine, Name: &name, Input: aws.String(`{"seconds":4}`),
	})
	fails[*sfntypes.ExecutionAlreadyExists](t, err, "Execution Already Exists: '"+execution+"'")
}

func statesStartEnded(t *testing.T, c *Clients) {
	machine := c.machine(t, passThrough)
	execution := c.start(t, machine, `{"a":1}`)
	c.ended(t, execution, time.Minute)
	name := execution[strings.LastIndex(execution, ":")+1:]
	for _, input := range []string{`{"a":1}`, `{"a":2}`} {
		_, err := c.States.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input})
		fails[*sfntypes.ExecutionAlreadyExists](t, err, "Execution Already Exists: '"+execution+"'")
	}
}

func statesStartDefaults(t *testing.T, c *Clients) {
	machine := c.machine(t, passThrough)
	out, err := c.States.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine})
	require.NoError(t, err)
	assert.Regexp(t, `:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`, *out.ExecutionArn)
	ended := c.ended(t, *out.ExecutionArn, time.Minute)
	assert.Equal(t, `{}`, aws.ToString(ended.Input))
	assert.Equal(t, `{}`, aws.ToString(ended.Output))
}

func statesStartNoJSON(t *testing.T, c *Clients) {
	machine := c.machine(t, passThrough)
	for _, input := range []string{`not some json`, `{'a': 1}`, `{`} {
		_, err := c.States.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Input: &input})
		fails[*sfntypes.InvalidExecutionInput](t, err, "")
		assert.ErrorContains(t, err, "Invalid State Machine Execution Input: '")
	}
}

func statesDescribeExecution(t *testing.T, c *Clients) {
	machine := c.machine(t, passThrough)
	execution := c.start(t, machine, `{"a":1}`)
	out := c.ended(t, execution, time.Minute)
	assert.Equal(t, execution, *out.ExecutionArn)
	assert.Equal(t, machine, *out.StateMachineArn)
	assert.Equal(t, execution[strings.LastIndex(execution, ":")+1:], *out.Name)
	assert.Equal(t, sfntypes.ExecutionStatusSucceeded, out.Status)
	assert.Equal(t, `{"a":1}`, *out.Input)
	assert.JSONEq(t, `{"a":1}`, *out.Output)
	assert.False(t, out.StopDate.Before(*out.StartDate))
	assert.Nil(t, out.Error)
	assert.Nil(t, out.Cause)
	if assert.NotNil(t, out.RedriveCount) {
		assert.Zero(t, *out.RedriveCount)
	}
}

func statesNoExecution(t *testing.T, c *Clients) {
	missing := strings.Replace(c.machine(t, passThrough), ":stateMachine:", ":execution:", 1) + ":absent"
	message := "Execution Does Not Exist: '" + missing + "'"
	_, err := c.States.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &missing})
	fails[*sfntypes.ExecutionDoesNotExist](t, err, message)
	_, err = c.States.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &missing})
	fails[*sfntypes.ExecutionDoesNotExist](t, err, message)
	_, err = c.States.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &missing})
	fails[*sfntypes.ExecutionDoesNotExist](t, err, message)
}

func statesStop(t *testing.T, c *Clients) {
	execution := c.start(t, c.machine(t, waitFor), `{"seconds":600}`)
	wait(t, time.Second)
	stopped, err := c.States.StopExecution(t.Context(), &sfn.StopExecutionInput{
		ExecutionArn: &execution, Error: aws.String("Enough"), Cause: aws.String("said the test"),
	})
	require.NoError(t, err)
	out := c.ended(t, execution, time.Minute)
	assert.Equal(t, sfntypes.ExecutionStatusAborted, out.Status)
	assert.Equal(t, "Enough", aws.ToString(out.Error))
	assert.Equal(t, "said the test", aws.ToString(out.Cause))
	assert.Equal(t, *stopped.StopDate, *out.StopDate)
	assert.Nil(t, out.Output)
	events := c.history(t, execution)
	assertHistory(t, []link{
		{0, sfntypes.HistoryEventTypeExecutionStarted},
		{0, sfntypes.HistoryEventTypeWaitStateEntered},
		{0, sfntypes.HistoryEventTypeExecutionAborted},
	}, events)
	assert.Equal(t, "Enough", aws.ToString(events[2].ExecutionAbortedEventDetails.Error))
}

func statesStopLeavesTask(t *testing.T, c *Clients) {
	queue := c.queue(t, nil)
	function := c.function(t, 30)
	execution := c.start(t, c.machine(t, asl(invoke, "FUNCTION", function)), `{"sleepMs":4000,"report":`+quoted(t, queue)+`}`)
	eventually(t, 30*time.Second, func() bool { return len(c.history(t, execution)) >= 4 })
	wait(t, 2*time.Second) // the call reaches Lambda after TaskStarted
	_, err := c.States.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &execution})
	require.NoError(t, err)
	c.receiveOne(t, queue, waiting(20))
	assert.Equal(t, sfntypes.ExecutionStatusAborted, c.describe(t, execution).Status)
}

func statesList(t *testing.T, c *Clients) {
	machine := c.machine(t, `{"StartAt":"Which","States":{
		"Which":{"Type":"Choice","Choices":[{"Variable":"$.fail","BooleanEquals":true,"Next":"Fail"}],"Default":"Well"},
		"Well":{"Type":"Succeed"},"Fail":{"Type":"Fail"}}}`)
	var names []string
	for _, input := range []string{`{"fail":false}`, `{"fail":true}`, `{"fail":false}`} {
		execution := c.start(t, machine, input)
		c.ended(t, execution, time.Minute)
		names = append(names, execution[strings.LastIndex(execution, ":")+1:])
		wait(t, 20*time.Millisecond)
	}
	list := func(status sfntypes.ExecutionStatus, pageSize int32) (found []string) {
		pages := sfn.NewListExecutionsPaginator(c.States, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: status, MaxResults: pageSize})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			if pageSize > 0 {
				assert.LessOrEqual(t, len(page.Executions), int(pageSize))
			}
			for _, e := range page.Executions {
				found = append(found, *e.Name)
			}
		}
		return found
	}
	// The list is eventually consistent.
	eventually(t, time.Minute, func() bool { return len(list("", 0)) == 3 })
	assert.Equal(t, []string{names[2], names[1], names[0]}, list("", 0))
	assert.Equal(t, []string{names[2], names[1], names[0]}, list("", 1))
	assert.Equal(t, []string{names[2], names[0]}, list(sfntypes.ExecutionStatusSucceeded, 0))
	assert.Equal(t, []string{names[1]}, list(sfntypes.ExecutionStatusFailed, 0))
	assert.Empty(t, list(sfntypes.ExecutionStatusRunning, 0))
}

func statesHistory(t *testing.T, c *Clients) {
	execution := c.start(t, c.machine(t, `{"StartAt":"First","States":{
		"First":{"Type":"Pass","Result":{"x":1},"Next":"Second"},
		"Second":{"Type":"Choice","Choices":[{"Variable":"$.x","NumericEquals":1,"Next":"Third"}]},
		"Third":{"Type":"Wait","Seconds":1,"Next":"Last"},
		"Last":{"Type":"Succeed"}}}`), `{"in":"put"}`)
	c.ended(t, execution, time.Minute)
	events := c.history(t, execution)
	assertHistory(t, []link{
		{0, sfntypes.HistoryEventTypeExecutionStarted},
		{0, sfntypes.HistoryEventTypePassStateEntered},
		{2, sfntypes.HistoryEventTypePassStateExited},
		{3, sfntypes.HistoryEventTypeChoiceStateEntered},
		{4, sfntypes.HistoryEventTypeChoiceStateExited},
		{5, sfntypes.HistoryEventTypeWaitStateEntered},
		{6, sfntypes.HistoryEventTypeWaitStateExited},
		{7, sfntypes.HistoryEventTypeSucceedStateEntered},
		{8, sfntypes.HistoryEventTypeSucceedStateExited},
		{9, sfntypes.HistoryEventTypeExecutionSucceeded},
	}, events)
	assert.JSONEq(t, `{"in":"put"}`, *events[0].ExecutionStartedEventDetails.Input)
	assert.Equal(t, c.RoleARN, *events[0].ExecutionStartedEventDetails.RoleArn)
	assert.Equal(t, "First", *events[1].StateEnteredEventDetails.Name)
	assert.JSONEq(t, `{"in":"put"}`, *events[1].StateEnteredEventDetails.Input)
	assert.Equal(t, "First", *events[2].StateExitedEventDetails.Name)
	assert.JSONEq(t, `{"x":1}`, *events[2].StateExitedEventDetails.Output)
	assert.JSONEq(t, `{"x":1}`, *events[9].ExecutionSucceededEventDetails.Output)
	assert.GreaterOrEqual(t, events[6].Timestamp.Sub(*events[5].Timestamp), 900*time.Millisecond)
}

func statesHistoryOptions(t *testing.T, c *Clients) {
	execution := c.start(t, c.machine(t, passThrough), `{"a":1}`)
	c.ended(t, execution, time.Minute)
	out, err := c.States.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{
		ExecutionArn: &execution, ReverseOrder: true, IncludeExecutionData: aws.Bool(false), MaxResults: 3,
	})
	require.NoError(t, err)
	require.Len(t, out.Events, 3)
	assert.Equal(t, int64(4), out.Events[0].Id)
	assert.Equal(t, sfntypes.HistoryEventTypeExecutionSucceeded, out.Events[0].Type)
	assert.Nil(t, out.Events[0].ExecutionSucceededEventDetails.Output)
	assert.NotEmpty(t, aws.ToString(out.NextToken))
	out, err = c.States.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{
		ExecutionArn: &execution, ReverseOrder: true, IncludeExecutionData: aws.Bool(false), MaxResults: 3, NextToken: out.NextToken,
	})
	require.NoError(t, err)
	require.Len(t, out.Events, 1)
	assert.Equal(t, int64(1), out.Events[0].Id)
	assert.Nil(t, out.Events[0].ExecutionStartedEventDetails.Input)
}

func statesHistoryLimit(t *testing.T, c *Clients) {
	execution := c.start(t, c.machine(t, `{"StartAt":"Round","States":{"Round":{"Type":"Pass","Next":"Again"},"Again":{"Type":"Pass","Next":"Round"}}}`), `{}`)
	out := c.ended(t, execution, time.Hour)
	assert.Equal(t, sfntypes.ExecutionStatusFailed, out.Status)
	reversed, err := c.States.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &execution, ReverseOrder: true, MaxResults: 1})
	require.NoError(t, err)
	assert.Equal(t, int64(25_000), reversed.Events[0].Id)
	assert.Equal(t, sfntypes.HistoryEventTypeExecutionFailed, reversed.Events[0].Type)
}

func statesMachineForExecution(t *testing.T, c *Clients) {
	machine := c.machine(t, passThrough)
	execution := c.start(t, machine, `{}`)
	c.ended(t, execution, time.Minute)
	out, err := c.States.DescribeStateMachineForExecution(t.Context(), &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: &execution})
	require.NoError(t, err)
	assert.Equal(t, machine, *out.StateMachineArn)
	assert.Equal(t, passThrough, *out.Definition)
}
