package stepfunctions_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// What ends an execution, and under which error name.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
func TestErrors(t *testing.T) {
	const during = "An error occurred while executing the state 'S' (entered at the event id #2). "
	tests := []struct {
		name, state, input string
		wantError          any
		wantCause          any
	}{
		{"fail", `"Type":"Fail","Error":"Own","Cause":"because"`, `{}`, "Own", "because"},
		{"fail without words", `"Type":"Fail"`, `{}`, nil, nil},
		{"fail by path", `"Type":"Fail","ErrorPath":"$.e","CausePath":"States.Format('{}!', $.c)"`, `{"e":"E","c":"C"}`, "E", "C!"},
		{"fail by a missing path", `"Type":"Fail","ErrorPath":"$.x"`, `{}`, "States.Runtime",
			during + `The JSONPath '$.x' specified for the field 'ErrorPath' could not be found in the input '{}'`},
		{"missing input path", `"Type":"Pass","InputPath":"$.x","End":true`, `{}`, "States.Runtime",
			during + "Invalid path '$.x' : No results for path: $['x']"},
		{"missing parameter", `"Type":"Pass","Parameters":{"v.$":"$.x"},"End":true`, `{"a":1}`, "States.Runtime",
			during + `The JSONPath '$.x' specified for the field 'v.$' could not be found in the input '{"a":1}'`},
		{"result path through a number", `"Type":"Pass","Result":1,"ResultPath":"$.a.b","End":true`, `{"a":1}`, "States.ResultPathMatchFailure",
			during + `Unable to apply ReferencePath $.a.b to input {"a":1}`},
		{"no choice matched", `"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":2,"Next":"S"}]`, `{"a":1}`, "States.NoChoiceMatched",
			during + "Failed to transition out of the state. The state does not point to a next state."},
		{"choice of a missing variable", `"Type":"Choice","Choices":[{"Variable":"$.a","NumericEquals":2,"Next":"S"}]`, `{}`, "States.Runtime",
			during + "Invalid path '$.a': The choice state's condition path references an invalid value."},
		{"choice against a missing path", `"Type":"Choice","Choices":[{"Variable":"$.a","NumericEqualsPath":"$.b","Next":"S"}]`, `{"a":1}`, "States.Runtime",
			during + "Invalid path '$.b': The choice state's condition path references an invalid value."},
		{"wait for missing seconds", `"Type":"Wait","SecondsPath":"$.s","End":true`, `{}`, "States.Runtime",
			during + "The SecondsPath parameter does not reference an input value: $.s"},
		{"wait for a fraction", `"Type":"Wait","SecondsPath":"$.s","End":true`, `{"s":1.5}`, "States.Runtime",
			during + "The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5"},
		{"wait for less than nothing", `"Type":"Wait","SecondsPath":"$.s","End":true`, `{"s":-1}`, "States.Runtime",
			during + "The SecondsPath parameter references a negative value: $.s == -1"},
		{"wait until no timestamp", `"Type":"Wait","TimestampPath":"$.t","End":true`, `{"t":"2016-12-05 21:29:29Z"}`, "States.Runtime",
			during + "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.t == 2016-12-05 21:29:29Z"},
		{"wait too long", `"Type":"Wait","TimestampPath":"$.t","End":true`, `{"t":"2099-12-05T21:29:29Z"}`, "States.Runtime",
			during + "Wait state delay is too long."},
		{"map of no list", `"Type":"Map","ItemsPath":"$.l","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true`, `{"l":1}`, "States.Runtime",
			during + `Reference path "$.l" must point to array.`},
		{"map with no limit", `"Type":"Map","MaxConcurrencyPath":"$[0]","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true`, `["x"]`, "States.Runtime",
			during + `The MaxConcurrencyPath field refers to value "x" which is not a valid integer: $[0]`},
		{"map whose iteration fails", `"Type":"Map","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Fail","Error":"Inner","Cause":"c"}}},"End":true`, `[1]`, "Inner", "c"},
		{"parallel whose branch fails", `"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Fail","Error":"Inner","Cause":"c"}}},{"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":99,"End":true}}}],"End":true`, `1`, "Inner", "c"},
		{"intrinsic function", `"Type":"Pass","Parameters":{"v.$":"States.StringToJson('{')"},"End":true`, `{}`, "States.IntrinsicFailure", nil},
		{"function's error", lambda("broken"), `{}`, "Own.Error", `{"errorMessage":"it broke","errorType":"Own.Error"}`},
		{"function without an error type", lambda("odd"), `{}`, "Lambda.Unknown",
			`The cause could not be determined because Lambda did not return an error type. Returned payload: {"errorMessage":"?","errorType":""}`},
		{"function that is not there", lambda("none"), `{}`, "Lambda.ResourceNotFoundException", nil},
		{"throttled", lambda("throttled"), `{}`, "Lambda.TooManyRequestsException", nil},
		{"error that Lambda's model does not have", lambda("internal"), `{}`, "Lambda.AWSLambdaException", nil},
		{"lost reply", lambda("lost"), `{}`, "Lambda.SdkClientException", "Unable to execute HTTP request: the reply was lost"},
		{"result too large", lambda("large"), `{}`, "States.DataLimitExceeded",
			"The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit."},
		{"output too large", `"Type":"Pass","ResultPath":"$.again","End":true`, `{"a":"` + strings.Repeat("x", 200000) + `"}`, "States.DataLimitExceeded",
			"The state/task 'S' returned a result with a size exceeding the maximum number of bytes service limit."},
		{"time-out", `"TimeoutSeconds":5,` + lambda("slow"), `{}`, "States.Timeout", nil},
		{"time-out by path", `"TimeoutSecondsPath":"$.t",` + lambda("slow"), `{"t":5}`, "States.Timeout", nil},
		{"time-out by a missing path", `"TimeoutSecondsPath":"$.t",` + lambda("slow"), `{}`, "States.Runtime",
			during + "Invalid path '$.t' : No results for path: $['t']"},
		{"missing task output", `"OutputPath":"$.no.such.path",` + lambda("fine"), `{}`, "States.Runtime",
			during + "Invalid path '$.no.such.path' : Missing property in path $['no']"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				f.addFunctions()
				out := f.run(`{"StartAt":"S","States":{"S":{`+test.state+`}}}`, test.input)
				assert.Equal(t, "FAILED", out["status"])
				assert.Equal(t, test.wantError, out["error"])
				if test.wantCause != nil {
					assert.Equal(t, test.wantCause, out["cause"])
				}
			})
		})
	}
}

// lambda is a Task that invokes a function.
func lambda(function string) string {
	return `"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"` + function + `","Payload.$":"$"},"End":true`
}

func (f *fixture) addFunctions() {
	f.functions["fine"] = func(context.Context, any) (any, error) { return "fine", nil }
	f.functions["broken"] = func(context.Context, any) (any, error) { return nil, functionError{"Own.Error", "it broke"} }
	f.functions["odd"] = func(context.Context, any) (any, error) { return nil, functionError{"", "?"} }
	f.functions["throttled"] = func(context.Context, any) (any, error) {
		return nil, &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}
	}
	f.functions["internal"] = func(context.Context, any) (any, error) {
		return nil, &api.Error{Code: "ServiceUnavailable", Message: "Later.", Status: 503}
	}
	f.functions["lost"] = func(context.Context, any) (any, error) { return nil, api.ErrReplyLost }
	f.functions["large"] = func(context.Context, any) (any, error) { return strings.Repeat("x", 262144), nil }
	f.functions["slow"] = func(context.Context, any) (any, error) { time.Sleep(time.Hour); return nil, nil }
}

// Which names in ErrorEquals stand for which error.
func TestCatch(t *testing.T) {
	tests := []struct {
		name, function, errors string
		dataLimitCatchable     bool
		caught                 bool
	}{
		{"its name", "broken", `"Own.Error"`, false, true},
		{"one of several", "broken", `"A","Own.Error"`, false, true},
		{"another name", "broken", `"A"`, false, false},
		{"all", "broken", `"States.ALL"`, false, true},
		{"task failed", "broken", `"States.TaskFailed"`, false, true},
		{"throttling is a failed task", "throttled", `"States.TaskFailed"`, false, true},
		{"a time-out", "slow", `"States.Timeout"`, false, true},
		{"a time-out is no failed task", "slow", `"States.TaskFailed"`, false, false},
		{"a time-out is no missed heartbeat", "slow", `"States.HeartbeatTimeout"`, false, false},
		{"all is a time-out", "slow", `"States.ALL"`, false, true},
		{"too much data", "large", `"States.DataLimitExceeded"`, false, true},
		{"all is not too much data by the guide", "large", `"States.ALL"`, false, false},
		{"all is too much data by the recordings", "large", `"States.ALL"`, true, true},
		{"too much data is no failed task", "large", `"States.TaskFailed"`, true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{DataLimitCatchable: test.dataLimitCatchable}, func(t *testing.T, f *fixture) {
				f.addFunctions()
				out := f.run(`{"StartAt":"S","States":{
					"S":{"TimeoutSeconds":60,`+lambda(test.function)+`,"Catch":[{"ErrorEquals":[`+test.errors+`],"ResultPath":"$.failure","Next":"Caught"}]},
					"Caught":{"Type":"Pass","End":true}}}`, `{"a":1}`)
				want := "FAILED"
				if test.caught {
					want = "SUCCEEDED"
					assert.Contains(t, out["output"], `{"a":1,"failure":{"Cause":`)
				}
				assert.Equal(t, want, out["status"])
			})
		})
	}
}

func TestCatcherOutput(t *testing.T) {
	tests := []struct {
		name, state, catch, output string
	}{
		{"replaces the input", lambda("broken"), ``, `{"Cause":"{\"errorMessage\":\"it broke\",\"errorType\":\"Own.Error\"}","Error":"Own.Error"}`},
		{"time-out has an empty cause", `"TimeoutSeconds":1,` + lambda("slow"), ``, `{"Cause":"","Error":"States.Timeout"}`},
		{"null keeps the input", lambda("broken"), `"ResultPath":null,`, `{"a":1}`},
		{"result path and output path of the state do not count", `"ResultPath":"$.x","OutputPath":"$.y",` + lambda("broken"), `"ResultPath":"$.e.f",`,
			`{"a":1,"e":{"f":{"Cause":"{\"errorMessage\":\"it broke\",\"errorType\":\"Own.Error\"}","Error":"Own.Error"}}}`},
		{"of a branch", `"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Fail","Error":"E"}}}],"End":true`, ``, `{"Cause":null,"Error":"E"}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				f.addFunctions()
				out := f.run(`{"StartAt":"S","States":{
					"S":{`+test.state+`,"Catch":[{`+test.catch+`"ErrorEquals":["States.ALL"],"Next":"Caught"}]},
					"Caught":{"Type":"Pass","End":true}}}`, `{"a":1}`)
				assert.Equal(t, test.output, out["output"])
			})
		})
	}
}

// When a task is tried again.
func TestRetry(t *testing.T) {
	const s = time.Second
	tests := []struct {
		name, retry string
		want        []time.Duration
	}{
		{"none", `[]`, []time.Duration{0}},
		{"defaults", `[{"ErrorEquals":["States.ALL"]}]`, []time.Duration{0, 1 * s, 3 * s, 7 * s}},
		{"another error", `[{"ErrorEquals":["Other"]}]`, []time.Duration{0}},
		{"no attempts", `[{"ErrorEquals":["States.ALL"],"MaxAttempts":0}]`, []time.Duration{0}},
		{"interval and rate", `[{"ErrorEquals":["States.ALL"],"IntervalSeconds":3,"BackoffRate":1.5,"MaxAttempts":2}]`, []time.Duration{0, 3 * s, 7500 * time.Millisecond}},
		{"most", `[{"ErrorEquals":["States.ALL"],"IntervalSeconds":4,"MaxDelaySeconds":5}]`, []time.Duration{0, 4 * s, 9 * s, 14 * s}},
		{"no jitter", `[{"ErrorEquals":["States.ALL"],"JitterStrategy":"NONE","MaxAttempts":1}]`, []time.Duration{0, 1 * s}},
		{"the first that matches alone counts", `[{"ErrorEquals":["Own.Error"],"MaxAttempts":1},{"ErrorEquals":["States.ALL"]}]`, []time.Duration{0, 1 * s}},
		{"each counts for itself", `[{"ErrorEquals":["Third"],"MaxAttempts":9},{"ErrorEquals":["Own.Error"],"MaxAttempts":3,"BackoffRate":1}]`, []time.Duration{0, 1 * s, 2 * s, 3 * s, 4 * s}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				begin := time.Now()
				var tries []time.Duration
				f.functions["broken"] = func(context.Context, any) (any, error) {
					tries = append(tries, time.Since(begin))
					if test.name == "each counts for itself" && len(tries) == 3 {
						return nil, functionError{"Third", ""}
					}
					return nil, functionError{"Own.Error", ""}
				}
				out := f.run(`{"StartAt":"S","States":{"S":{`+lambda("broken")+`,"Retry":`+test.retry+`}}}`, `{}`)
				assert.Equal(t, "FAILED", out["status"])
				assert.Equal(t, test.want, tries)
				assert.Equal(t, int64(len(tries)), f.service.Stats().Transitions)
			})
		})
	}
}

func TestRetryJitterIsSeeded(t *testing.T) {
	times := func(seed uint64) (tries []time.Duration) {
		bubble(t, stepfunctions.Options{Seed: seed}, func(t *testing.T, f *fixture) {
			begin := time.Now()
			f.functions["broken"] = func(context.Context, any) (any, error) {
				tries = append(tries, time.Since(begin))
				return nil, functionError{"E", ""}
			}
			f.run(`{"StartAt":"S","States":{"S":{`+lambda("broken")+`,"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":60,"JitterStrategy":"FULL"}]}}}`, `{}`)
		})
		return tries
	}
	one := times(1)
	require.Len(t, one, 4)
	assert.Less(t, one[1], 60*time.Second)
	assert.Less(t, one[2]-one[1], 120*time.Second)
	assert.Equal(t, one, times(1))
	assert.NotEqual(t, one, times(2))
}

func TestRetryCountIsInTheContext(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		var counts []any
		f.functions["f"] = func(_ context.Context, event any) (any, error) {
			counts = append(counts, event)
			return nil, functionError{"E", ""}
		}
		f.run(`{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload.$":"$$.State.RetryCount"},
			"Retry":[{"ErrorEquals":["E"],"MaxAttempts":2}],"End":true}}}`, `{}`)
		assert.Equal(t, []any{0.0, 1.0, 2.0}, counts)
	})
}
