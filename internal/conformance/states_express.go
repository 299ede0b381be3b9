package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func statesExpressCases() []Case {
	return []Case{
		{Name: "StartSyncExecution answers the output and the bill", Page: statesAPI("StartSyncExecution"), Run: statesExpress},
		{Name: "StartSyncExecution answers 200 when the execution fails", Page: statesAPI("StartSyncExecution"), Run: statesExpressFails},
		{Name: "an Express execution that takes too long is TIMED_OUT", Page: statesAPI("StartSyncExecution"), Run: statesExpressTimeout},
		{Name: "an Express execution has five minutes at most", Page: statesGuide("choosing-workflow-type"), Long: true, Run: statesExpressFiveMinutes},
		{Name: "a Standard machine is not started synchronously", Page: statesAPI("StartSyncExecution"), Run: statesExpressStandard},
		{Name: "Express names are not unique", Page: statesAPI("StartExecution"), Run: statesExpressNames},
		{Name: "Express executions cannot be described or stopped", Page: statesAPI("DescribeExecution"), Run: statesExpressDescribe},
		{Name: "an Express machine neither waits for tokens nor for jobs", Page: statesGuide("choosing-workflow-type"), Run: statesExpressPatterns},
	}
}

// sync runs an Express machine once. The host prefix "sync-" of the real
// endpoint is left out where the endpoint is given.
func (c *Clients) sync(t *testing.T, definition, input string) *sfn.StartSyncExecutionOutput {
	t.Helper()
	out, err := c.startSync(t, c.machineOf(t, sfntypes.StateMachineTypeExpress, definition), input)
	require.NoError(t, err)
	return out
}

func (c *Clients) startSync(t *testing.T, machine, input string) (*sfn.StartSyncExecutionOutput, error) {
	t.Helper()
	return c.States.StartSyncExecution(t.Context(), &sfn.StartSyncExecutionInput{StateMachineArn: &machine, Input: &input}, func(o *sfn.Options) {
		if o.BaseEndpoint != nil {
			o.APIOptions = append(o.APIOptions, withoutHostPrefix)
		}
	})
}

func withoutHostPrefix(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("WithoutHostPrefix",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(smithyhttp.DisableEndpointHostPrefix(ctx, true), in)
		}), middleware.Before)
}

func statesExpress(t *testing.T, c *Clients) {
	out := c.sync(t, one(`"Type":"Pass","Result":{"Arg1":"argument1"}`), `{}`)
	assert.Equal(t, sfntypes.SyncExecutionStatusSucceeded, out.Status)
	assert.JSONEq(t, `{"Arg1":"argument1"}`, aws.ToString(out.Output))
	assert.Equal(t, `{}`, aws.ToString(out.Input))
	assert.Regexp(t, `^arn:aws[a-z-]*:states:[a-z0-9-]+:\d{12}:express:[^:]+:[^:]+:[^:]+$`, *out.ExecutionArn)
	if assert.NotNil(t, out.BillingDetails) {
		assert.Equal(t, int64(64), out.BillingDetails.BilledMemoryUsedInMB)
		assert.Zero(t, out.BillingDetails.BilledDurationInMilliseconds%100, "rounded up to 100 ms")
	}
}

func statesExpressFails(t *testing.T, c *Clients) {
	out := c.sync(t, `{"StartAt":"Bad","States":{"Bad":{"Type":"Fail","Error":"SomeFailure","Cause":"some cause"}}}`, `{}`)
	assert.Equal(t, sfntypes.SyncExecutionStatusFailed, out.Status)
	assert.Equal(t, "SomeFailure", aws.ToString(out.Error))
	assert.Equal(t, "some cause", aws.ToString(out.Cause))
	assert.Nil(t, out.Output)
}

func statesExpressTimeout(t *testing.T, c *Clients) {
	out := c.sync(t, `{"StartAt":"Wait","TimeoutSeconds":1,"States":{"Wait":{"Type":"Wait","Seconds":20,"End":true}}}`, `{}`)
	assert.Equal(t, sfntypes.SyncExecutionStatusTimedOut, out.Status)
	assert.Less(t, out.StopDate.Sub(*out.StartDate), 5*time.Second)
}

func statesExpressFiveMinutes(t *testing.T, c *Clients) {
	out := c.sync(t, `{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":400,"End":true}}}`, `{}`)
	assert.Equal(t, sfntypes.SyncExecutionStatusTimedOut, out.Status)
	assert.InDelta(t, 300, out.StopDate.Sub(*out.StartDate).Seconds(), 5)
}

func statesExpressStandard(t *testing.T, c *Clients) {
	_, err := c.startSync(t, c.machine(t, passThrough), `{}`)
	fails[*sfntypes.StateMachineTypeNotSupported](t, err, "This operation is not supported by this type of state machine")
}

func statesExpressNames(t *testing.T, c *Clients) {
	machine, name := c.machineOf(t, sfntypes.StateMachineTypeExpress, passThrough), fresh()
	arns := map[string]bool{}
	for _, input := range []string{`{"a":1}`, `{"a":1}`, `{"a":2}`} {
		out, err := c.States.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input})
		require.NoError(t, err)
		arns[*out.ExecutionArn] = true
	}
	assert.Len(t, arns, 3)
}

func statesExpressDescribe(t *testing.T, c *Clients) {
	machine := c.machineOf(t, sfntypes.StateMachineTypeExpress, passThrough)
	out, err := c.States.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine})
	require.NoError(t, err)
	_, err = c.States.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: out.ExecutionArn})
	fails[*sfntypes.InvalidArn](t, err, "Invalid Arn: 'Resource type not valid in this context: express'")
	_, err = c.States.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: out.ExecutionArn})
	fails[*sfntypes.InvalidArn](t, err, "Invalid Arn: 'Resource type not valid in this context: express'")
	_, err = c.States.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &machine})
	fails[*sfntypes.StateMachineTypeNotSupported](t, err, "This operation is not supported by this type of state machine")
}

func statesExpressPatterns(t *testing.T, c *Clients) {
	for _, test := range []struct{ definition, message string }{
		{task("arn:aws:states:::states:startExecution.sync", `{"StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:m"}`),
			"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Express state machine does not support '.sync' service integration at /States/State/Resource'"},
		{task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", `{"QueueUrl":"q","MessageBody.$":"$$.Task.Token"}`), ""},
	} {
		_, err := c.createMachine(t, fresh(), sfntypes.StateMachineTypeExpress, test.definition)
		fails[*sfntypes.InvalidDefinition](t, err, test.message)
	}
}
