package stepfunctions_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

const role = "arn:aws:iam::123456789012:role/states"

// handler is a Lambda function of a test.
type handler func(ctx context.Context, event any) (any, error)

// functionError is what a handler returns to fail as a function does.
type functionError struct{ Type, Message string }

func (e functionError) Error() string { return e.Type + ": " + e.Message }

// fixture is an account with Step Functions and some functions in it.
type fixture struct {
	t         testing.TB
	router    *api.Router
	service   *stepfunctions.Service
	functions map[string]handler
}

func newFixture(t testing.TB, options stepfunctions.Options) *fixture {
	return newFixtureIn(t, "eu-west-1", options)
}

func newFixtureIn(t testing.TB, region string, options stepfunctions.Options) *fixture {
	f := &fixture{t: t, router: api.NewRouter(1), functions: map[string]handler{}}
	account := &api.Account{ID: "123456789012", Region: region, Partition: "aws"}
	options.Invoke = f.invoke
	f.service = stepfunctions.New(account, f.router, options)
	f.router.Add(f.service.API())
	t.Cleanup(f.service.Close)
	return f
}

// bubble runs a test on virtual time.
func bubble(t *testing.T, options stepfunctions.Options, test func(t *testing.T, f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newFixture(t, options)) })
}

// invoke is Lambda: through the router, with the errors and the reports that
// Lambda gives.
func (f *fixture) invoke(ctx context.Context, caller api.Caller, in stepfunctions.InvokeInput) (stepfunctions.InvokeOutput, error) {
	out, err := f.router.Do(ctx, api.Call{Service: "lambda", Operation: "Invoke", Caller: caller, Input: &in}, func(ctx context.Context) (any, error) {
		name := in.FunctionName[strings.LastIndexByte(in.FunctionName, ':')+1:]
		handle, ok := f.functions[name]
		if !ok {
			return nil, &api.Error{Code: "ResourceNotFoundException", Message: "Function not found: " + in.FunctionName, Status: 404}
		}
		var event any
		if err := json.Unmarshal(in.Payload, &event); err != nil {
			return nil, api.Errorf("InvalidRequestContentException", "%s", err)
		}
		if in.InvocationType == "Event" {
			return stepfunctions.InvokeOutput{StatusCode: 202}, nil
		}
		result, err := handle(ctx, event)
		var broken functionError
		if errors.As(err, &broken) {
			report, _ := json.Marshal(map[string]string{"errorMessage": broken.Message, "errorType": broken.Type})
			return stepfunctions.InvokeOutput{StatusCode: 200, FunctionError: "Unhandled", ExecutedVersion: "$LATEST", Payload: report}, nil
		}
		if err != nil {
			return nil, err
		}
		payload, err := json.Marshal(result)
		return stepfunctions.InvokeOutput{StatusCode: 200, ExecutedVersion: "$LATEST", Payload: payload}, err
	})
	if err != nil {
		return stepfunctions.InvokeOutput{}, err
	}
	return out.(stepfunctions.InvokeOutput), nil
}

// call makes an API call and decodes its JSON answer.
func (f *fixture) call(operation string, input map[string]any) (map[string]any, error) {
	body, err := json.Marshal(input)
	require.NoError(f.t, err)
	out, err := f.router.Call(context.Background(), "states", operation, api.Caller{}, body)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(out)
	require.NoError(f.t, err)
	answer := map[string]any{}
	require.NoError(f.t, json.Unmarshal(text, &answer))
	return answer, nil
}

func (f *fixture) must(operation string, input map[string]any) map[string]any {
	f.t.Helper()
	answer, err := f.call(operation, input)
	require.NoError(f.t, err)
	return answer
}

// create makes a state machine, Standard unless the name starts with "express".
func (f *fixture) create(name, definition string) string {
	f.t.Helper()
	kind := "STANDARD"
	if strings.HasPrefix(name, "express") {
		kind = "EXPRESS"
	}
	return f.must("CreateStateMachine", map[string]any{
		"name": name, "definition": definition, "roleArn": role, "type": kind,
	})["stateMachineArn"].(string)
}

func (f *fixture) start(machine, name, input string) string {
	f.t.Helper()
	return f.must("StartExecution", map[string]any{
		"stateMachineArn": machine, "name": name, "input": input,
	})["executionArn"].(string)
}

func (f *fixture) describe(execution string) map[string]any {
	f.t.Helper()
	return f.must("DescribeExecution", map[string]any{"executionArn": execution})
}

// run runs a definition to its end, or until it waits for more than a year, and
// describes the execution.
func (f *fixture) run(definition, input string) map[string]any {
	f.t.Helper()
	execution := f.start(f.create("machine", definition), "run", input)
	f.settle()
	return f.describe(execution)
}

// settle lets time pass until every execution must have ended.
func (f *fixture) settle() {
	time.Sleep(366 * 24 * time.Hour)
	synctest.Wait()
}

// history is the execution's history, an event a line: id, previous id, type,
// and what of its details tells events apart.
func (f *fixture) history(execution string) []string {
	f.t.Helper()
	out := f.must("GetExecutionHistory", map[string]any{"executionArn": execution, "maxResults": 1000})
	var lines []string
	for _, e := range out["events"].([]any) {
		event := e.(map[string]any)
		line := fmt.Sprintf("%v<%v %s", event["id"], event["previousEventId"], event["type"])
		for key, v := range event {
			details, ok := v.(map[string]any)
			if !ok {
				continue
			}
			require.True(f.t, strings.HasSuffix(key, "EventDetails"), key)
			for _, name := range []string{"name", "index", "length", "resourceType", "resource", "timeoutInSeconds", "heartbeatInSeconds", "error", "cause", "input", "parameters", "output"} {
				if v, ok := details[name]; ok {
					line += fmt.Sprintf(" %v", v)
				}
			}
		}
		lines = append(lines, line)
	}
	return lines
}

const runArn = "arn:aws:states:eu-west-1:123456789012:execution:machine:run"

func code(t testing.TB, err error) string {
	t.Helper()
	var e *api.Error
	require.ErrorAs(t, err, &e)
	return e.Code
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}
