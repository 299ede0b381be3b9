package stepfunctions_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/stepfunctions"
)

// Histories as GetExecutionHistory has them, in the order and with the previous
// events of recordings made on AWS.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
func TestHistory(t *testing.T) {
	tests := []struct {
		name, definition, input string
		want                    []string
	}{
		{"pass and succeed", `{"StartAt":"P","States":{"P":{"Type":"Pass","Result":1,"Next":"S"},"S":{"Type":"Succeed"}}}`, `{}`, []string{
			"1<0 ExecutionStarted {}",
			"2<0 PassStateEntered P {}",
			"3<2 PassStateExited P 1",
			"4<3 SucceedStateEntered S 1",
			"5<4 SucceedStateExited S 1",
			"6<5 ExecutionSucceeded 1",
		}},
		{"fail", `{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"c"}}}`, `{}`, []string{
			"1<0 ExecutionStarted {}",
			"2<0 FailStateEntered F {}",
			"3<2 ExecutionFailed E c",
		}},
		{"task", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":9,
				"Parameters":{"FunctionName":"fine"},"ResultSelector":{"p.$":"$.Payload"},"OutputPath":"$.p","End":true}}}`, `{}`, []string{
			"1<0 ExecutionStarted {}",
			"2<0 TaskStateEntered T {}",
			`3<2 TaskScheduled lambda invoke 9 {"FunctionName":"fine"}`,
			"4<3 TaskStarted lambda invoke",
			"5<4 TaskSucceeded lambda invoke {}",
			`6<5 TaskStateExited T "fine"`,
			`7<6 ExecutionSucceeded "fine"`,
		}},
		{"function", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:fine","End":true}}}`, `{"a":1}`, []string{
			`1<0 ExecutionStarted {"a":1}`,
			`2<0 TaskStateEntered T {"a":1}`,
			`3<2 LambdaFunctionScheduled arn:aws:lambda:eu-west-1:123456789012:function:fine {"a":1}`,
			"4<3 LambdaFunctionStarted",
			`5<4 LambdaFunctionSucceeded "fine"`,
			`6<5 TaskStateExited T "fine"`,
			`7<6 ExecutionSucceeded "fine"`,
		}},
		{"task that fails, again and for good", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:broken",
				"Retry":[{"ErrorEquals":["Own.Error"],"MaxAttempts":1}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"End":true},"C":{"Type":"Pass","Result":0,"End":true}}}`, `{}`, []string{
			"1<0 ExecutionStarted {}",
			"2<0 TaskStateEntered T {}",
			"3<2 LambdaFunctionScheduled arn:aws:lambda:eu-west-1:123456789012:function:broken {}",
			"4<3 LambdaFunctionStarted",
			`5<4 LambdaFunctionFailed Own.Error {"errorMessage":"it broke","errorType":"Own.Error"}`,
			"6<5 LambdaFunctionScheduled arn:aws:lambda:eu-west-1:123456789012:function:broken {}",
			"7<6 LambdaFunctionStarted",
			`8<7 LambdaFunctionFailed Own.Error {"errorMessage":"it broke","errorType":"Own.Error"}`,
			`9<8 TaskStateExited T {"Cause":"{\"errorMessage\":\"it broke\",\"errorType\":\"Own.Error\"}","Error":"Own.Error"}`,
			`10<9 PassStateEntered C {"Cause":"{\"errorMessage\":\"it broke\",\"errorType\":\"Own.Error\"}","Error":"Own.Error"}`,
			"11<10 PassStateExited C 0",
			"12<11 ExecutionSucceeded 0",
		}},
		{"task that times out", `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:slow","TimeoutSeconds":5,"End":true}}}`, `{}`, []string{
			"1<0 ExecutionStarted {}",
			"2<0 TaskStateEntered T {}",
			"3<2 LambdaFunctionScheduled arn:aws:lambda:eu-west-1:123456789012:function:slow 5 {}",
			"4<3 LambdaFunctionStarted",
			"5<4 LambdaFunctionTimedOut States.Timeout",
			"6<5 ExecutionFailed States.Timeout",
		}},
		{"map", `{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":1,"ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},"End":true}}}`, `[7,8]`, []string{
			"1<0 ExecutionStarted [7,8]",
			"2<0 MapStateEntered M [7,8]",
			"3<2 MapStateStarted 2",
			"4<3 MapIterationStarted M 0",
			"5<4 PassStateEntered P 7",
			"6<5 PassStateExited P 7",
			"7<6 MapIterationSucceeded M 0",
			"8<6 MapIterationStarted M 1",
			"9<8 PassStateEntered P 8",
			"10<9 PassStateExited P 8",
			"11<10 MapIterationSucceeded M 1",
			"12<10 MapStateSucceeded",
			"13<10 MapStateExited M [7,8]",
			"14<13 ExecutionSucceeded [7,8]",
		}},
		{"map that fails and is caught", `{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"c"}}},
				"Catch":[{"ErrorEquals":["E"],"ResultPath":null,"Next":"C"}],"End":true},"C":{"Type":"Pass","End":true}}}`, `[1]`, []string{
			"1<0 ExecutionStarted [1]",
			"2<0 MapStateEntered M [1]",
			"3<2 MapStateStarted 1",
			"4<3 MapIterationStarted M 0",
			"5<4 FailStateEntered F 1",
			"6<5 MapIterationFailed M 0",
			"7<5 MapStateFailed",
			"8<7 MapStateExited M [1]",
			"9<8 PassStateEntered C [1]",
			"10<9 PassStateExited C [1]",
			"11<10 ExecutionSucceeded [1]",
		}},
		{"map that is tried again", `{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"c"}}},
				"Retry":[{"ErrorEquals":["E"],"MaxAttempts":1}],"End":true}}}`, `[1]`, []string{
			"1<0 ExecutionStarted [1]",
			"2<0 MapStateEntered M [1]",
			"3<2 MapStateStarted 1",
			"4<3 MapIterationStarted M 0",
			"5<4 FailStateEntered F 1",
			"6<5 MapIterationFailed M 0",
			"7<5 MapStateStarted 1",
			"8<7 MapIterationStarted M 0",
			"9<8 FailStateEntered F 1",
			"10<9 MapIterationFailed M 0",
			"11<9 MapStateFailed",
			"12<11 ExecutionFailed E c",
		}},
		{"parallel that fails", `{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E"}}}],
				"Catch":[{"ErrorEquals":["E"],"ResultPath":null,"Next":"C"}],"End":true},"C":{"Type":"Pass","End":true}}}`, `1`, []string{
			"1<0 ExecutionStarted 1",
			"2<0 ParallelStateEntered P 1",
			"3<2 ParallelStateStarted",
			"4<3 FailStateEntered F 1",
			"5<4 ParallelStateFailed",
			"6<5 ParallelStateExited P 1",
			"7<6 PassStateEntered C 1",
			"8<7 PassStateExited C 1",
			"9<8 ExecutionSucceeded 1",
		}},
		{"parallel", `{"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":1,"End":true}}}],"End":true}}}`, `1`, []string{
			"1<0 ExecutionStarted 1",
			"2<0 ParallelStateEntered P 1",
			"3<2 ParallelStateStarted",
			"4<3 WaitStateEntered A 1",
			"5<4 WaitStateExited A 1",
			"6<5 ParallelStateSucceeded",
			"7<5 ParallelStateExited P [1]",
			"8<7 ExecutionSucceeded [1]",
		}},
		{"time-out of the execution", `{"StartAt":"W","TimeoutSeconds":5,"States":{"W":{"Type":"Wait","Seconds":9,"End":true}}}`, `{}`, []string{
			"1<0 ExecutionStarted {}",
			"2<0 WaitStateEntered W {}",
			"3<0 ExecutionTimedOut States.Timeout",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				f.addFunctions()
				f.run(test.definition, test.input)
				lines := f.history(runArn)
				for i, line := range lines {
					// What the SDK adds to a result is not what this test is about.
					if strings.Contains(line, "TaskSucceeded lambda") {
						lines[i] = line[:strings.Index(line, "invoke")] + "invoke {}"
					}
				}
				assert.Equal(t, test.want, lines)
			})
		})
	}
}

// A failed iteration ends its siblings, by a recording of a Map whose tasks time
// out together.
func TestHistoryOfAbortedIterations(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		f.functions["work"] = func(_ context.Context, event any) (any, error) {
			time.Sleep(time.Duration(event.(float64)) * time.Second)
			return nil, functionError{"E", ""}
		}
		f.run(`{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"T","States":{
			"T":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:work","End":true}}},"End":true}}}`, `[1,2,3]`)
		lines := f.history(runArn)
		require.Len(t, lines, 24)
		last := strings.Fields(lines[15])[0]
		failed := last[:strings.Index(last, "<")]
		for i, want := range []string{
			"MapIterationFailed M 0", "TaskStateAborted", "MapIterationAborted M 1", "TaskStateAborted",
			"MapIterationAborted M 2", "TaskStateAborted", "MapStateFailed",
		} {
			assert.Equal(t, fmt.Sprintf("%d<%s %s", i+17, failed, want), lines[16+i])
		}
	})
}

func TestHistoryPages(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		f.run(`{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"S"},"S":{"Type":"Succeed"}}}`, `{"secret":1}`)
		ids := func(out map[string]any) (ids []int) {
			for _, e := range out["events"].([]any) {
				ids = append(ids, int(e.(map[string]any)["id"].(float64)))
			}
			return ids
		}
		page := func(input map[string]any) map[string]any {
			input["executionArn"] = runArn
			return f.must("GetExecutionHistory", input)
		}
		one := page(map[string]any{"maxResults": 4})
		assert.Equal(t, []int{1, 2, 3, 4}, ids(one))
		two := page(map[string]any{"maxResults": 4, "nextToken": one["nextToken"]})
		assert.Equal(t, []int{5, 6}, ids(two))
		assert.NotContains(t, two, "nextToken")

		one = page(map[string]any{"maxResults": 4, "reverseOrder": true})
		assert.Equal(t, []int{6, 5, 4, 3}, ids(one))
		two = page(map[string]any{"maxResults": 4, "reverseOrder": true, "nextToken": one["nextToken"]})
		assert.Equal(t, []int{2, 1}, ids(two))

		bare := page(map[string]any{"includeExecutionData": false})
		assert.NotContains(t, fmt.Sprint(bare), "secret")

		_, err := f.call("GetExecutionHistory", map[string]any{"executionArn": runArn, "nextToken": "x"})
		assert.Equal(t, "InvalidToken", code(t, err))
		_, err = f.call("GetExecutionHistory", map[string]any{"executionArn": runArn, "maxResults": 1001})
		assert.Equal(t, "ValidationException", code(t, err))
	})
}

// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
func TestHistoryIsLimited(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		out := f.run(`{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":1,"Next":"B"},"B":{"Type":"Pass","Next":"A"}}}`, `{}`)
		assert.Equal(t, "FAILED", out["status"])
		assert.Equal(t, "States.Runtime", out["error"])
		assert.Equal(t, "The execution reached the maximum number of history events (25000).", out["cause"])
		last := f.must("GetExecutionHistory", map[string]any{"executionArn": runArn, "reverseOrder": true, "maxResults": 1})
		event := last["events"].([]any)[0].(map[string]any)
		assert.Equal(t, 25000.0, event["id"])
		assert.Equal(t, "ExecutionFailed", event["type"])
	})
}
