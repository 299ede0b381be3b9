package stepfunctions_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/stepfunctions"
)

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
func TestStartSyncExecution(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		machine := f.create("express", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":2,"Next":"C"},
			"C":{"Type":"Choice","Choices":[{"Variable":"$.ok","BooleanEquals":true,"Next":"P"}],"Default":"F"},
			"P":{"Type":"Pass","End":true},"F":{"Type":"Fail","Error":"E","Cause":"c"}}}`)
		out := f.must("StartSyncExecution", map[string]any{"stateMachineArn": machine, "name": "n", "input": `{"ok":true}`})
		assert.Regexp(t, `^arn:aws:states:eu-west-1:123456789012:express:express:n:[0-9a-f-]{36}$`, out["executionArn"])
		delete(out, "executionArn")
		assert.Equal(t, map[string]any{
			"stateMachineArn": machine, "name": "n", "status": "SUCCEEDED", "startDate": 946684800.0, "stopDate": 946684802.0,
			"input": `{"ok":true}`, "inputDetails": map[string]any{"included": true},
			"output": `{"ok":true}`, "outputDetails": map[string]any{"included": true},
			"billingDetails": map[string]any{"billedDurationInMilliseconds": 2000.0, "billedMemoryUsedInMB": 64.0},
		}, out)

		out = f.must("StartSyncExecution", map[string]any{"stateMachineArn": machine, "name": "n", "input": `{"ok":false}`})
		assert.Equal(t, []any{"FAILED", "E", "c"}, []any{out["status"], out["error"], out["cause"]})

		_, err := f.call("StartSyncExecution", map[string]any{"stateMachineArn": f.create("standard", passes)})
		assert.EqualError(t, err, "StateMachineTypeNotSupported: This operation is not supported by this type of state machine")
	})
}

func TestExpressEndsAfterFiveMinutes(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		out := f.must("StartSyncExecution", map[string]any{"stateMachineArn": f.create("express", waits)})
		assert.Equal(t, []any{"TIMED_OUT", "States.Timeout"}, []any{out["status"], out["error"]})
		assert.Equal(t, 300.0, out["stopDate"].(float64)-out["startDate"].(float64))
	})
}

// Express names are not unique, and nothing can be asked about an execution.
func TestExpressExecutionsAreNotKnown(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		machine := f.create("express", waits)
		one, two := f.start(machine, "n", ""), f.start(machine, "n", "")
		assert.NotEqual(t, one, two)
		for _, operation := range []string{"DescribeExecution", "GetExecutionHistory", "StopExecution"} {
			_, err := f.call(operation, map[string]any{"executionArn": one})
			assert.EqualError(t, err, "InvalidArn: Invalid Arn: 'Resource type not valid in this context: express'", operation)
		}
		_, err := f.call("ListExecutions", map[string]any{"stateMachineArn": machine})
		assert.Equal(t, "StateMachineTypeNotSupported", code(t, err))
	})
}

// A loop as long as one likes: Express has no limit of events.
func TestExpressLoops(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		f.functions["count"] = func(_ context.Context, event any) (any, error) { return event.(float64) + 1, nil }
		out := f.must("StartSyncExecution", map[string]any{"input": `{"n":0}`, "stateMachineArn": f.create("express", `{"StartAt":"T","States":{
			"T":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:count","InputPath":"$.n","ResultPath":"$.n","Next":"C"},
			"C":{"Type":"Choice","Choices":[{"Variable":"$.n","NumericLessThan":10000,"Next":"T"}],"Default":"S"},"S":{"Type":"Succeed"}}}`)})
		require.Equal(t, "SUCCEEDED", out["status"], out)
		assert.Equal(t, `{"n":10000}`, out["output"])
		assert.Equal(t, stepfunctions.Stats{Transitions: 20001, Executions: 1, Machines: map[string]int64{"express": 20001}}, f.service.Stats())
	})
}

// A loop that waits for nothing ends all the same, though no time passes in a
// bubble while it runs.
func TestExpressLoopsEndAfterFiveMinutes(t *testing.T) {
	for name, test := range map[string]struct{ definition, input string }{
		"pass":   {`{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}}}`, `{}`},
		"choice": {`{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[{"Variable":"$.n","IsPresent":true,"Next":"B"}],"Default":"A"},"B":{"Type":"Pass","Next":"A"}}}`, `{"n":1}`},
		"branch": {`{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"A"}}}]}}}`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				out := f.must("StartSyncExecution", map[string]any{"stateMachineArn": f.create("express", test.definition), "input": test.input})
				assert.Equal(t, []any{"TIMED_OUT", 300.0}, []any{out["status"], out["stopDate"].(float64) - out["startDate"].(float64)})
			})
		})
	}
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, stepfunctions.Options{})
		f.functions["slow"] = func(ctx context.Context, _ any) (any, error) { <-ctx.Done(); return nil, ctx.Err() }
		f.start(f.create("a", waits), "run", "")
		f.start(f.create("b", `{"StartAt":"S","States":{"S":{`+lambda("slow")+`}}}`), "run", "")
		f.start(f.create("c", `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"StartAt":"S","States":{"S":{`+lambda("slow")+`}}}}}}`), "run", "[1,2]")
		time.Sleep(time.Second)
		f.service.Close()
		_, err := f.call("StartExecution", map[string]any{"stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:a"})
		assert.Error(t, err)
	})
}
