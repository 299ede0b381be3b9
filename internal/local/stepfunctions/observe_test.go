package stepfunctions_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// observed is what a service told of its executions.
type observed struct {
	mu      sync.Mutex
	metrics map[string]float64
	lines   []map[string]any
}

func (o *observed) options(t *testing.T) stepfunctions.Options {
	return stepfunctions.Options{
		Metric: func(name, machine string, value float64) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.metrics[machine[len("arn:aws:states:eu-west-1:123456789012:stateMachine:"):]+" "+name] += value
		},
		Log: func(group, stream string, message []byte) {
			o.mu.Lock()
			defer o.mu.Unlock()
			assert.Equal(t, "/aws/vendedlogs/states/m", group)
			assert.Contains(t, stream, "states/m/2000-01-01-00-00/")
			var line map[string]any
			require.NoError(t, json.Unmarshal(message, &line))
			o.lines = append(o.lines, line)
		},
	}
}

// types are the kinds of the events that were logged.
func (o *observed) types() (types []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, line := range o.lines {
		types = append(types, line["type"].(string))
	}
	return types
}

const failing = `{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:work","End":true}}}`

// observe runs a failing Express execution whose machine logs at a level.
func observe(t *testing.T, level, data string) *observed {
	o := &observed{metrics: map[string]float64{}}
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, o.options(t))
		f.functions["work"] = func(context.Context, any) (any, error) { return nil, functionError{"Broken", "no"} }
		definition, err := json.Marshal(failing)
		require.NoError(t, err)
		call := func(operation, input string) {
			_, err := f.router.Call(t.Context(), "states", operation, api.Caller{}, []byte(input))
			require.NoError(t, err)
		}
		call("CreateStateMachine", `{"name":"m","type":"EXPRESS","roleArn":"`+role+`","definition":`+string(definition)+`,
			"loggingConfiguration":{"level":"`+level+`","includeExecutionData":`+data+`,"destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:eu-west-1:123456789012:log-group:/aws/vendedlogs/states/m:*"}}]}}`)
		call("StartExecution", `{"stateMachineArn":"arn:aws:states:eu-west-1:123456789012:stateMachine:m","input":"{\"body\":\"secret\"}"}`)
		time.Sleep(time.Minute)
		synctest.Wait()
	})
	return o
}

// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
func TestExecutionsAreLogged(t *testing.T) {
	o := observe(t, "ERROR", "false")
	assert.Equal(t, []string{"LambdaFunctionFailed", "ExecutionFailed"}, o.types())
	last := o.lines[1]
	assert.Equal(t, map[string]any{"error": "Broken", "cause": `{"errorMessage":"no","errorType":"Broken"}`}, last["details"])
	assert.Equal(t, "946684800000", last["event_timestamp"])
	assert.Equal(t, "0", last["redrive_count"])
	assert.Contains(t, last["execution_arn"], ":express:m:")
	assert.InDelta(t, 1, o.metrics["m ExecutionsStarted"], 0)
	assert.InDelta(t, 1, o.metrics["m ExecutionsFailed"], 0)
	assert.NotContains(t, o.metrics, "m ExecutionsSucceeded")

	assert.Equal(t, []string{"ExecutionFailed"}, observe(t, "FATAL", "true").types())
	assert.Empty(t, observe(t, "OFF", "true").types())
	all := observe(t, "ALL", "false")
	assert.Equal(t, []string{"ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionFailed", "ExecutionFailed"}, all.types())
	text, err := json.Marshal(all.lines)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "secret", "input is execution data")
	text, err = json.Marshal(observe(t, "ALL", "true").lines)
	require.NoError(t, err)
	assert.Contains(t, string(text), "secret")
}

func TestMetricsOfStandardExecutions(t *testing.T) {
	o := &observed{metrics: map[string]float64{}}
	bubble(t, o.options(t), func(t *testing.T, f *fixture) {
		definition, err := json.Marshal(`{"StartAt":"Wait","TimeoutSeconds":10,"States":{"Wait":{"Type":"Wait","SecondsPath":"$.seconds","End":true}}}`)
		require.NoError(t, err)
		call := func(operation, input string) {
			_, err := f.router.Call(t.Context(), "states", operation, api.Caller{}, []byte(input))
			require.NoError(t, err)
		}
		const machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:m"
		call("CreateStateMachine", `{"name":"m","roleArn":"`+role+`","definition":`+string(definition)+`}`)
		call("StartExecution", `{"stateMachineArn":"`+machine+`","name":"a","input":"{\"seconds\":1}"}`)
		call("StartExecution", `{"stateMachineArn":"`+machine+`","name":"b","input":"{\"seconds\":60}"}`)
		call("StartExecution", `{"stateMachineArn":"`+machine+`","name":"c","input":"{\"seconds\":5}"}`)
		call("StopExecution", `{"executionArn":"arn:aws:states:eu-west-1:123456789012:execution:m:c"}`)
		time.Sleep(time.Minute)
		synctest.Wait()
	})
	assert.Equal(t, map[string]float64{"m ExecutionsStarted": 3, "m ExecutionsSucceeded": 1, "m ExecutionsTimedOut": 1, "m ExecutionsAborted": 1, "m ExecutionTime": 11000}, o.metrics)
}

func TestRefusedLogging(t *testing.T) {
	f := newFixture(t, stepfunctions.Options{})
	definition, err := json.Marshal(failing)
	require.NoError(t, err)
	for logging, want := range map[string]string{
		`{"level":"DEBUG"}`: "at 'loggingConfiguration.level' failed to satisfy constraint",
		`{"level":"ERROR"}`: "InvalidLoggingConfiguration: Invalid Logging Configuration: Must specify exactly one Log Destination.",
		`{"level":"ERROR","destinations":[{"cloudWatchLogsLogGroup":{"logGroupArn":"arn:aws:logs:eu-west-1:123456789012:log-group:g"}}]}`: "ends with :*",
	} {
		_, err := f.router.Call(t.Context(), "states", "CreateStateMachine", api.Caller{}, []byte(`{"name":"m","roleArn":"`+role+`","definition":`+string(definition)+`,"loggingConfiguration":`+logging+`}`))
		assert.ErrorContains(t, err, want)
	}
}
