package stepfunctions_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/stepfunctions"
)

const (
	passes = `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`
	waits  = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}`
)

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
func TestStartExecutionIsIdempotentWhileItRuns(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		machine := f.create("machine", waits)
		start := func(input string) (map[string]any, error) {
			return f.call("StartExecution", map[string]any{"stateMachineArn": machine, "name": "one", "input": input})
		}
		first, err := start(`{"a":1}`)
		require.NoError(t, err)
		time.Sleep(time.Minute)

		again, err := start(`{"a":1}`)
		require.NoError(t, err)
		assert.Equal(t, first, again)
		_, err = start(`{"a":2}`)
		assert.EqualError(t, err, "ExecutionAlreadyExists: Execution Already Exists: 'arn:aws:states:eu-west-1:123456789012:execution:machine:one'")

		time.Sleep(2 * time.Hour)
		_, err = start(`{"a":1}`)
		assert.Equal(t, "ExecutionAlreadyExists", code(t, err), "closed, the name stays taken whatever the input")
		time.Sleep(89 * 24 * time.Hour)
		_, err = start(`{"a":1}`)
		assert.Equal(t, "ExecutionAlreadyExists", code(t, err))

		time.Sleep(24 * time.Hour)
		later, err := start(`{"a":2}`)
		require.NoError(t, err, "after 90 days the name is free")
		assert.NotEqual(t, first["startDate"], later["startDate"])
		assert.Equal(t, int64(2), f.service.Stats().Executions)
	})
}

func TestStartExecutionRefuses(t *testing.T) {
	tests := []struct {
		name  string
		input map[string]any
		want  string
	}{
		{"no such machine", map[string]any{"stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:none"},
			"StateMachineDoesNotExist: State Machine Does Not Exist: 'arn:aws:states:eu-west-1:123456789012:stateMachine:none'"},
		{"no ARN", map[string]any{"stateMachineArn": "machine"}, "InvalidArn: Invalid Arn: 'Invalid ARN prefix: machine'"},
		{"an ARN of another kind", map[string]any{"stateMachineArn": "arn:aws:states:eu-west-1:123456789012:execution:machine:x"},
			"InvalidArn: Invalid Arn: 'Resource type not valid in this context: execution'"},
		{"a name with a blank", map[string]any{"name": "a b"}, "InvalidName: Invalid Name: 'a b'"},
		{"a name with a colon", map[string]any{"name": "a:b"}, "InvalidName: Invalid Name: 'a:b'"},
		{"a control character", map[string]any{"name": "a\x7f"}, "InvalidName: Invalid Name: 'a\x7f'"},
		{"a long name", map[string]any{"name": strings.Repeat("n", 81)},
			"ValidationException: 1 validation error detected: Value '" + strings.Repeat("n", 81) + "' at 'name' failed to satisfy constraint: Member must have length less than or equal to 80"},
		{"no JSON", map[string]any{"input": "{"}, "InvalidExecutionInput: Invalid State Machine Execution Input: 'unexpected end of JSON input'"},
		{"too much", map[string]any{"input": `"` + strings.Repeat("x", 262143) + `"`},
			"ValidationException: 1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144"},
		{"an unknown member", map[string]any{"inputs": "{}"}, `ValidationException: The embedded runtime does not know the member "inputs" of startExecutionInput.`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				input := map[string]any{"stateMachineArn": f.create("machine", passes)}
				for k, v := range test.input {
					input[k] = v
				}
				_, err := f.call("StartExecution", input)
				assert.EqualError(t, err, test.want)
			})
		})
	}
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html
func TestStopExecutionLeavesTheFunctionRunning(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		begin := time.Now()
		var ended time.Duration
		f.functions["slow"] = func(ctx context.Context, _ any) (any, error) {
			select {
			case <-time.After(10 * time.Minute):
			case <-ctx.Done():
			}
			ended = time.Since(begin)
			return nil, nil
		}
		execution := f.start(f.create("machine", `{"StartAt":"S","States":{"S":{`+lambda("slow")+`}}}`), "run", `{}`)
		time.Sleep(time.Minute)
		out := f.must("StopExecution", map[string]any{"executionArn": execution, "error": "Enough", "cause": "of it"})
		assert.Equal(t, float64(begin.Add(time.Minute).Unix()), out["stopDate"])
		described := f.describe(execution)
		assert.Equal(t, []any{"ABORTED", "Enough", "of it", "NOT_REDRIVABLE"}, []any{described["status"], described["error"], described["cause"], described["redriveStatus"]})
		assert.Equal(t, "5<0 ExecutionAborted Enough of it", f.history(execution)[4])

		time.Sleep(20 * time.Minute)
		synctest.Wait()
		assert.Equal(t, 10*time.Minute, ended)
		assert.Len(t, f.history(execution), 5, "nothing is recorded after the end")
		again := f.must("StopExecution", map[string]any{"executionArn": execution})
		assert.Equal(t, out, again)
	})
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
func TestNothingIsRedriven(t *testing.T) {
	for name, test := range map[string]struct{ definition, status, reason string }{
		"running":   {waits, "RUNNING", "Execution is RUNNING and cannot be redriven"},
		"succeeded": {passes, "SUCCEEDED", "Execution is SUCCEEDED and cannot be redriven"},
		"failed":    {`{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}`, "FAILED", "The embedded runtime does not redrive executions"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				execution := f.start(f.create("machine", test.definition), "run", "{}")
				time.Sleep(time.Minute)
				_, err := f.call("RedriveExecution", map[string]any{"executionArn": execution, "clientToken": "t"})
				assert.EqualError(t, err, "ExecutionNotRedrivable: "+test.reason)
				out := f.describe(execution)
				assert.Equal(t, []any{test.status, "NOT_REDRIVABLE", test.reason}, []any{out["status"], out["redriveStatus"], out["redriveStatusReason"]},
					"which is what a description says")
			})
		})
	}
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		_, err := f.call("RedriveExecution", map[string]any{"executionArn": runArn})
		assert.EqualError(t, err, "ExecutionDoesNotExist: Execution Does Not Exist: '"+runArn+"'")
	})
}

func TestQuotas(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		machine := f.create("machine", passes)
		start := func() error {
			_, err := f.call("StartExecution", map[string]any{"stateMachineArn": machine})
			return err
		}
		burst := func(call func() error) (n int) {
			for ; call() == nil; n++ {
			}
			return n
		}
		assert.Equal(t, 1300, burst(start))
		err := start()
		assert.EqualError(t, err, "ThrottlingException: Rate exceeded")
		time.Sleep(time.Second)
		assert.Equal(t, 300, burst(start))

		execution := f.must("ListExecutions", map[string]any{"stateMachineArn": machine, "maxResults": 1})["executions"].([]any)[0].(map[string]any)["executionArn"]
		describe := func() error {
			_, err := f.call("DescribeExecution", map[string]any{"executionArn": execution})
			return err
		}
		assert.Equal(t, 300, burst(describe))
		time.Sleep(time.Second)
		assert.Equal(t, 15, burst(describe))
	})
	bubble(t, stepfunctions.Options{Quotas: stepfunctions.Quotas{OpenExecutions: 2}}, func(t *testing.T, f *fixture) {
		machine := f.create("machine", waits)
		f.start(machine, "a", "")
		f.start(machine, "b", "")
		_, err := f.call("StartExecution", map[string]any{"stateMachineArn": machine})
		assert.Equal(t, "ExecutionLimitExceeded", code(t, err))
		time.Sleep(2 * time.Hour)
		f.start(machine, "c", "")
	})
}

func TestListExecutions(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		machine := f.create("machine", waits)
		for i := range 5 {
			f.start(machine, fmt.Sprint("e", i), "")
			time.Sleep(time.Second)
		}
		f.must("StopExecution", map[string]any{"executionArn": "arn:aws:states:eu-west-1:123456789012:execution:machine:e1"})
		names := func(input map[string]any) (names []string, token any) {
			input["stateMachineArn"] = machine
			out := f.must("ListExecutions", input)
			for _, e := range out["executions"].([]any) {
				names = append(names, e.(map[string]any)["name"].(string))
			}
			return names, out["nextToken"]
		}
		page, token := names(map[string]any{"maxResults": 2})
		assert.Equal(t, []string{"e4", "e3"}, page)
		f.start(machine, "later", "")
		page, token = names(map[string]any{"maxResults": 2, "nextToken": token})
		assert.Equal(t, []string{"e2", "e1"}, page)
		page, token = names(map[string]any{"maxResults": 2, "nextToken": token})
		assert.Equal(t, []string{"e0"}, page)
		assert.Nil(t, token)
		page, _ = names(map[string]any{"statusFilter": "ABORTED"})
		assert.Equal(t, []string{"e1"}, page)
		_, err := f.call("ListExecutions", map[string]any{"stateMachineArn": machine, "statusFilter": "succeeded"})
		assert.EqualError(t, err, "ValidationException: 1 validation error detected: Value 'succeeded' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]")
	})
}

// Running executions keep the definition that they started with.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html
func TestUpdateStateMachine(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		machine := f.create("machine", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"Next":"P"},"P":{"Type":"Pass","Result":"old","End":true}}}`)
		old := f.start(machine, "old", "")
		assert.NotContains(t, f.must("DescribeStateMachine", map[string]any{"stateMachineArn": machine}), "revisionId")
		updated := f.must("UpdateStateMachine", map[string]any{"stateMachineArn": machine, "definition": `{"StartAt":"P","States":{"P":{"Type":"Pass","Result":"new","End":true}}}`})
		described := f.must("DescribeStateMachine", map[string]any{"stateMachineArn": machine})
		assert.Equal(t, updated["revisionId"], described["revisionId"])
		assert.Equal(t, "ACTIVE", described["status"])
		young := f.start(machine, "young", "")
		time.Sleep(2 * time.Minute)
		assert.Equal(t, `"old"`, f.describe(old)["output"])
		assert.Equal(t, `"new"`, f.describe(young)["output"])
		assert.Contains(t, f.must("DescribeStateMachineForExecution", map[string]any{"executionArn": old})["definition"], "old")

		_, err := f.call("UpdateStateMachine", map[string]any{"stateMachineArn": machine})
		assert.Equal(t, "MissingRequiredParameter", code(t, err))
		_, err = f.call("UpdateStateMachine", map[string]any{"stateMachineArn": machine, "definition": "{}"})
		assert.Equal(t, "InvalidDefinition", code(t, err))
	})
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
func TestCreateStateMachineIsIdempotent(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		input := map[string]any{"name": "machine", "definition": passes, "roleArn": role, "tags": []map[string]string{{"key": "a", "value": "1"}}}
		one := f.must("CreateStateMachine", input)
		time.Sleep(time.Second)
		input["roleArn"] = role + "2"
		assert.Equal(t, one, f.must("CreateStateMachine", input))
		input["definition"] = waits
		_, err := f.call("CreateStateMachine", input)
		assert.EqualError(t, err, "StateMachineAlreadyExists: State Machine Already Exists: 'arn:aws:states:eu-west-1:123456789012:stateMachine:machine'")
		input["name"] = "a/b"
		_, err = f.call("CreateStateMachine", input)
		assert.Equal(t, "InvalidName", code(t, err))
	})
}

// What was not asked for is described as off, as recordings made on AWS show.
func TestDescribeStateMachineHasDefaults(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		machine := f.create("machine", passes)
		execution := f.start(machine, "run", "{}")
		for operation, input := range map[string]map[string]any{
			"DescribeStateMachine":             {"stateMachineArn": machine},
			"DescribeStateMachineForExecution": {"executionArn": execution},
		} {
			out := f.must(operation, input)
			assert.Equal(t, map[string]any{"enabled": false}, out["tracingConfiguration"], operation)
			assert.Equal(t, map[string]any{"level": "OFF", "includeExecutionData": false}, out["loggingConfiguration"], operation)
		}
		again := f.must("CreateStateMachine", map[string]any{
			"name": "machine", "definition": passes, "roleArn": role, "tracingConfiguration": map[string]any{"enabled": false},
		})
		assert.Equal(t, machine, again["stateMachineArn"], "to say so is the same machine")
	})
}

func TestDeleteStateMachine(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		machine := f.create("machine", waits)
		execution := f.start(machine, "run", "")
		time.Sleep(time.Second)
		f.must("DeleteStateMachine", map[string]any{"stateMachineArn": machine})
		assert.Equal(t, "DELETING", f.must("DescribeStateMachine", map[string]any{"stateMachineArn": machine})["status"])
		_, err := f.call("StartExecution", map[string]any{"stateMachineArn": machine})
		assert.Equal(t, "StateMachineDeleting", code(t, err))
		assert.Equal(t, "RUNNING", f.describe(execution)["status"])
		time.Sleep(2 * time.Hour)
		_, err = f.call("DescribeStateMachine", map[string]any{"stateMachineArn": machine})
		assert.Equal(t, "StateMachineDoesNotExist", code(t, err))
		_, err = f.call("DescribeExecution", map[string]any{"executionArn": execution})
		assert.Equal(t, "ExecutionDoesNotExist", code(t, err))
		f.must("DeleteStateMachine", map[string]any{"stateMachineArn": machine})
		f.create("machine", passes)
	})
}

func TestTagsAndLists(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		machine := f.create("b", passes)
		f.create("a", passes)
		f.must("TagResource", map[string]any{"resourceArn": machine, "tags": []map[string]string{{"key": "x", "value": "1"}, {"key": "y", "value": "2"}}})
		f.must("UntagResource", map[string]any{"resourceArn": machine, "tagKeys": []string{"x"}})
		assert.Equal(t, map[string]any{"tags": []any{map[string]any{"key": "y", "value": "2"}}}, f.must("ListTagsForResource", map[string]any{"resourceArn": machine}))
		_, err := f.call("ListTagsForResource", map[string]any{"resourceArn": "arn:x"})
		assert.EqualError(t, err, "ResourceNotFound: Resource not found: 'arn:x'")
		list := f.must("ListStateMachines", map[string]any{"maxResults": 1})
		assert.Equal(t, "a", list["stateMachines"].([]any)[0].(map[string]any)["name"])
		list = f.must("ListStateMachines", map[string]any{"nextToken": list["nextToken"]})
		assert.Equal(t, "b", list["stateMachines"].([]any)[0].(map[string]any)["name"])
	})
}

// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
func TestStatusEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []stepfunctions.StatusEvent
		f := newFixture(t, stepfunctions.Options{OnStatus: func(e stepfunctions.StatusEvent) { events = append(events, e) }})
		f.start(f.create("good", passes), "g", `{"a":1}`)
		synctest.Wait()
		f.start(f.create("bad", `{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"c"}}}`), "b", ``)
		synctest.Wait()
		aborted := f.start(f.create("waits", waits), "w", ``)
		f.must("StopExecution", map[string]any{"executionArn": aborted})
		f.start(f.create("times", `{"TimeoutSeconds":1,"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}`), "t", ``)
		f.must("StartSyncExecution", map[string]any{"stateMachineArn": f.create("express", passes)})
		time.Sleep(time.Minute)
		synctest.Wait()
		var got []string
		for _, e := range events {
			got = append(got, e.Name+" "+e.Status)
		}
		assert.Equal(t, []string{"g RUNNING", "g SUCCEEDED", "b RUNNING", "b FAILED", "w RUNNING", "w ABORTED", "t RUNNING", "t TIMED_OUT"}, got)
		good := events[1]
		assert.Equal(t, `{"a":1}`, *good.Input)
		assert.Equal(t, `{"a":1}`, *good.Output)
		assert.Equal(t, int64(946684800000), good.StartDate)
		assert.Equal(t, int64(946684800000), *good.StopDate)
		assert.Equal(t, "E", *events[3].Error)
	})
}
