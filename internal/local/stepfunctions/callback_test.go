package stepfunctions_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/stepfunctions"
)

const waitsForToken = `{"StartAt":"T","States":{
	"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","TimeoutSeconds":600,"HeartbeatSeconds":60,
		"Parameters":{"FunctionName":"take","Payload":{"token.$":"$$.Task.Token"}},
		"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"Silent"},{"ErrorEquals":["States.Timeout"],"Next":"Late"}],"End":true},
	"Silent":{"Type":"Pass","Result":"silent","End":true},
	"Late":{"Type":"Pass","Result":"late","End":true}}}`

// holder starts an execution that waits for its token and returns that.
func (f *fixture) holder() (execution, token string) {
	tokens := make(chan string, 1)
	f.functions["take"] = func(_ context.Context, event any) (any, error) {
		tokens <- event.(map[string]any)["token"].(string)
		return "taken", nil
	}
	execution = f.start(f.create("machine", waitsForToken), "run", `{}`)
	return execution, <-tokens
}

// https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
func TestCallback(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		execution, token := f.holder()
		assert.LessOrEqual(t, len(token), 1024)
		for range 5 {
			time.Sleep(50 * time.Second)
			f.must("SendTaskHeartbeat", map[string]any{"taskToken": token})
		}
		_, err := f.call("SendTaskSuccess", map[string]any{"taskToken": token, "output": "{"})
		assert.Equal(t, "InvalidOutput", code(t, err))
		f.must("SendTaskSuccess", map[string]any{"taskToken": token, "output": `{"done":true}`})
		time.Sleep(time.Second)
		out := f.describe(execution)
		assert.Equal(t, []any{"SUCCEEDED", `{"done":true}`}, []any{out["status"], out["output"]})

		lines := f.history(execution)
		require.Len(t, lines, 8)
		assert.Equal(t, `4<3 TaskStarted lambda invoke.waitForTaskToken`, lines[3])
		assert.Contains(t, lines[4], `5<4 TaskSubmitted lambda invoke.waitForTaskToken {"ExecutedVersion":"$LATEST","Payload":"taken"`)
		assert.Equal(t, `6<5 TaskSucceeded lambda invoke.waitForTaskToken {"done":true}`, lines[5])

		for _, operation := range []string{"SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"} {
			input := map[string]any{"taskToken": token}
			if operation == "SendTaskSuccess" {
				input["output"] = "1"
			}
			_, err = f.call(operation, input)
			assert.EqualError(t, err, "TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'", operation)
			input["taskToken"] = "made up"
			_, err = f.call(operation, input)
			assert.EqualError(t, err, "InvalidToken: Invalid Token: 'Invalid token'", operation)
		}
	})
}

func TestCallbackFails(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		execution, token := f.holder()
		f.must("SendTaskFailure", map[string]any{"taskToken": token, "error": "Mine", "cause": "c"})
		time.Sleep(time.Second)
		out := f.describe(execution)
		assert.Equal(t, []any{"FAILED", "Mine", "c"}, []any{out["status"], out["error"], out["cause"]})
	})
}

func TestCallbackTimesOut(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		execution, token := f.holder()
		time.Sleep(59 * time.Second)
		f.must("SendTaskHeartbeat", map[string]any{"taskToken": token})
		time.Sleep(59 * time.Second)
		assert.Equal(t, "RUNNING", f.describe(execution)["status"])
		time.Sleep(2 * time.Second)
		assert.Equal(t, `"silent"`, f.describe(execution)["output"])
		assert.Equal(t, "6<5 TaskTimedOut lambda invoke.waitForTaskToken States.Timeout", f.history(execution)[5])
		_, err := f.call("SendTaskHeartbeat", map[string]any{"taskToken": token})
		assert.Equal(t, "TaskTimedOut", code(t, err))
	})
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		execution, token := f.holder()
		for range 20 {
			time.Sleep(31 * time.Second)
			if _, err := f.call("SendTaskHeartbeat", map[string]any{"taskToken": token}); err != nil {
				assert.Equal(t, "TaskTimedOut", code(t, err))
			}
		}
		assert.Equal(t, `"late"`, f.describe(execution)["output"])
	})
}

func TestEachAttemptHasItsOwnToken(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		tokens := make(chan string, 3)
		f.functions["take"] = func(_ context.Context, event any) (any, error) { tokens <- event.(string); return nil, nil }
		execution := f.start(f.create("machine", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","TimeoutSeconds":60,
			"Parameters":{"FunctionName":"take","Payload.$":"$$.Task.Token"},"Retry":[{"ErrorEquals":["States.Timeout"]}],"End":true}}}`), "run", `{}`)
		first := <-tokens
		second := <-tokens
		assert.NotEqual(t, first, second)
		_, err := f.call("SendTaskSuccess", map[string]any{"taskToken": first, "output": "1"})
		assert.Equal(t, "TaskTimedOut", code(t, err))
		f.must("SendTaskSuccess", map[string]any{"taskToken": second, "output": "2"})
		time.Sleep(time.Second)
		assert.Equal(t, "2", f.describe(execution)["output"])
	})
}

// A function that reports before it returns need not be waited for.
func TestCallbackBeforeTheAnswer(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		f.functions["take"] = func(_ context.Context, event any) (any, error) {
			f.must("SendTaskSuccess", map[string]any{"taskToken": event.(map[string]any)["token"], "output": `"early"`})
			time.Sleep(time.Hour)
			return nil, nil
		}
		execution := f.start(f.create("machine", waitsForToken), "run", `{}`)
		time.Sleep(time.Second)
		assert.Equal(t, `"early"`, f.describe(execution)["output"])
	})
}

func TestCallbackWhoseCallFails(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		f.functions["take"] = func(context.Context, any) (any, error) { return nil, functionError{"No", "n"} }
		out := f.run(waitsForToken, `{}`)
		assert.Equal(t, []any{"FAILED", "No"}, []any{out["status"], out["error"]})
	})
}
