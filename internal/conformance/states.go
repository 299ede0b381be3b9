package conformance

import (
	"context"
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

func statesAPI(operation string) string {
	return "https://docs.aws.amazon.com/step-functions/latest/apireference/API_" + operation + ".html"
}

func statesGuide(page string) string {
	return "https://docs.aws.amazon.com/step-functions/latest/dg/" + page + ".html"
}

// asl fills a definition in: alternating placeholders, such as "FUNCTION", and
// what to write in their place.
func asl(definition string, replacements ...string) string {
	return strings.NewReplacer(replacements...).Replace(definition)
}

// machine makes a Standard state machine and returns its ARN.
func (c *Clients) machine(t *testing.T, definition string) string {
	t.Helper()
	return c.machineOf(t, sfntypes.StateMachineTypeStandard, definition)
}

func (c *Clients) machineOf(t *testing.T, kind sfntypes.StateMachineType, definition string) string {
	t.Helper()
	out, err := c.createMachine(t, fresh(), kind, definition)
	require.NoError(t, err)
	c.cleanUpMachine(t, out.StateMachineArn)
	return *out.StateMachineArn
}

func (c *Clients) createMachine(t *testing.T, name string, kind sfntypes.StateMachineType, definition string) (*sfn.CreateStateMachineOutput, error) {
	t.Helper()
	return c.States.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
		Name: &name, Definition: &definition, RoleArn: aws.String(c.RoleARN), Type: kind,
	})
}

func (c *Clients) cleanUpMachine(t *testing.T, arn *string) {
	cleanUp(t, func(ctx context.Context) error {
		_, err := c.States.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: arn})
		return err
	})
}

// start starts an execution with a name of its own and returns its ARN.
func (c *Clients) start(t *testing.T, machine, input string) string {
	t.Helper()
	out, err := c.States.StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: &machine, Name: aws.String(fresh()), Input: &input,
	})
	require.NoError(t, err)
	execution := *out.ExecutionArn
	cleanUp(t, func(ctx context.Context) error {
		out, err := c.States.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &execution})
		if err != nil || out.Status != sfntypes.ExecutionStatusRunning {
			return err
		}
		_, err = c.States.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &execution})
		return err
	})
	return execution
}

func (c *Clients) describe(t *testing.T, execution string) *sfn.DescribeExecutionOutput {
	t.Helper()
	out, err := c.States.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &execution})
	require.NoError(t, err)
	return out
}

// ended waits until an execution has ended.
func (c *Clients) ended(t *testing.T, execution string, limit time.Duration) *sfn.DescribeExecutionOutput {
	t.Helper()
	var out *sfn.DescribeExecutionOutput
	eventually(t, limit, func() bool {
		out = c.describe(t, execution)
		return out.Status != sfntypes.ExecutionStatusRunning
	})
	return out
}

// execute runs a definition once, as a Standard execution.
func (c *Clients) execute(t *testing.T, definition, input string) *sfn.DescribeExecutionOutput {
	t.Helper()
	return c.ended(t, c.start(t, c.machine(t, definition), input), time.Minute)
}

// succeeds checks that a definition makes output of input.
func (c *Clients) succeeds(t *testing.T, definition, input, output string) {
	t.Helper()
	out := c.execute(t, definition, input)
	require.Equal(t, sfntypes.ExecutionStatusSucceeded, out.Status, "%s: %s", aws.ToString(out.Error), aws.ToString(out.Cause))
	assert.JSONEq(t, output, aws.ToString(out.Output))
}

// failsWith checks that a definition fails on input, with this error and, unless
// it is empty, this cause.
func (c *Clients) failsWith(t *testing.T, definition, input, name, cause string) {
	t.Helper()
	out := c.execute(t, definition, input)
	require.Equal(t, sfntypes.ExecutionStatusFailed, out.Status)
	assert.Equal(t, name, aws.ToString(out.Error))
	if cause != "" {
		assert.Equal(t, cause, aws.ToString(out.Cause))
	}
}

// history is an execution's whole history.
func (c *Clients) history(t *testing.T, execution string) []sfntypes.HistoryEvent {
	t.Helper()
	var events []sfntypes.HistoryEvent
	pages := sfn.NewGetExecutionHistoryPaginator(c.States, &sfn.GetExecutionHistoryInput{ExecutionArn: &execution, MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		events = append(events, page.Events...)
	}
	return events
}

// link is what places one event in a history.
type link struct {
	previous int64
	kind     sfntypes.HistoryEventType
}

// assertHistory checks a history's events and which event each follows.
func assertHistory(t *testing.T, want []link, events []sfntypes.HistoryEvent) {
	t.Helper()
	var got []link
	for i, e := range events {
		assert.Equal(t, int64(i+1), e.Id)
		got = append(got, link{e.PreviousEventId, e.Type})
	}
	assert.Equal(t, want, got)
}

// quoted is s as a JSON string.
func quoted(t *testing.T, s string) string {
	t.Helper()
	encoded, err := json.Marshal(s)
	require.NoError(t, err)
	return string(encoded)
}

// dataCase is a case in which a definition makes output of input, or fails with
// an error.
type dataCase struct {
	name, page        string
	definition, input string
	output            string
	failure, cause    string
}

func dataCases(tests []dataCase) []Case {
	cases := make([]Case, 0, len(tests))
	for _, test := range tests {
		cases = append(cases, Case{Name: test.name, Page: statesGuide(test.page), Run: func(t *testing.T, c *Clients) {
			if test.failure != "" {
				c.failsWith(t, test.definition, test.input, test.failure, test.cause)
				return
			}
			c.succeeds(t, test.definition, test.input, test.output)
		}})
	}
	return cases
}

// one is a machine of one state, written without its braces.
func one(state string) string {
	return `{"StartAt":"State","States":{"State":{` + state + `,"End":true}}}`
}
