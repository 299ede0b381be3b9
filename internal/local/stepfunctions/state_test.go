package stepfunctions_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/stepfunctions"
)

// The state types, each field of the JSONPath language.
// https://docs.aws.amazon.com/step-functions/latest/dg/workflow-states.html
func TestStates(t *testing.T) {
	tests := []struct {
		name, state, input string
		output             string
	}{
		{"pass gives its input", `"Type":"Pass"`, `{"a":1}`, `{"a":1}`},
		{"result", `"Type":"Pass","Result":{"b":[1,"x",null]}`, `{"a":1}`, `{"b":[1,"x",null]}`},
		{"result is no template", `"Type":"Pass","Result":{"b.$":"$.a"}`, `{"a":1}`, `{"b.$":"$.a"}`},
		{"result null", `"Type":"Pass","Result":null`, `{"a":1}`, `null`},
		{"result path", `"Type":"Pass","Result":2,"ResultPath":"$.b.c"`, `{"a":1}`, `{"a":1,"b":{"c":2}}`},
		{"result path null", `"Type":"Pass","Result":2,"ResultPath":null`, `{"a":1}`, `{"a":1}`},
		{"result path is relative to the raw input", `"Type":"Pass","InputPath":"$.a","ResultPath":"$.b"`, `{"a":{"x":1}}`, `{"a":{"x":1},"b":{"x":1}}`},
		{"input path", `"Type":"Pass","InputPath":"$.a.b"`, `{"a":{"b":[1]}}`, `[1]`},
		{"input path null", `"Type":"Pass","InputPath":null`, `{"a":1}`, `{}`},
		{"input path into the context", `"Type":"Pass","InputPath":"$$.Execution.Name"`, `{}`, `"run"`},
		{"output path", `"Type":"Pass","OutputPath":"$.a"`, `{"a":"x"}`, `"x"`},
		{"output path null", `"Type":"Pass","OutputPath":null`, `{"a":"x"}`, `{}`},
		{"parameters", `"Type":"Pass","Parameters":{"x.$":"$.a","y":{"z.$":"States.Format('{}-{}', $.a, $.b)"}}`, `{"a":1,"b":"q"}`, `{"x":1,"y":{"z":"1-q"}}`},
		{"all paths", `"Type":"Pass","InputPath":"$.in","Parameters":{"p.$":"$.q"},"ResultPath":"$.out","OutputPath":"$.out.p"`, `{"in":{"q":7}}`, `7`},
		{"numbers stay exact", `"Type":"Pass"`, `{"n":9007199254740993,"f":1.5}`, `{"f":1.5,"n":9007199254740993}`},

		{"succeed", `"Type":"Succeed"`, `{"a":1}`, `{"a":1}`},
		{"succeed with paths", `"Type":"Succeed","InputPath":"$.a","OutputPath":"$.b"`, `{"a":{"b":3}}`, `3`},

		{"wait", `"Type":"Wait","Seconds":60,"InputPath":"$.a"`, `{"a":1}`, `1`},
		{"wait for no time", `"Type":"Wait","Seconds":0`, `{"a":1}`, `{"a":1}`},

		{"map", `"Type":"Map","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","Parameters":{"v.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index","in.$":"$"},"End":true}}}`,
			`["a","b"]`, `[{"i":0,"in":"a","v":"a"},{"i":1,"in":"b","v":"b"}]`},
		{"map of nothing", `"Type":"Map","ItemsPath":"$.l","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}`, `{"l":[]}`, `[]`},
		{"map with item selector", `"Type":"Map","ItemsPath":"$.l","ItemSelector":{"all.$":"$.x","one.$":"$$.Map.Item.Value"},"ItemProcessor":{"ProcessorConfig":{"Mode":"INLINE"},"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}`,
			`{"x":9,"l":[1,2]}`, `[{"all":9,"one":1},{"all":9,"one":2}]`},
		{"map as it was first", `"Type":"Map","ItemsPath":"$.l","Parameters":{"one.$":"$$.Map.Item.Value"},"MaxConcurrency":1,"Iterator":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}`,
			`{"l":[1,2]}`, `[{"one":1},{"one":2}]`},
		{"map in map", `"Type":"Map","ItemProcessor":{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","InputPath":"$$.Map.Item","End":true}}},"End":true}}}`,
			`[["a"],["b"]]`, `[[{"Index":0,"Value":"a"}],[{"Index":0,"Value":"b"}]]`},
		{"map's result", `"Type":"Map","ItemsPath":"$.l","ResultSelector":{"first.$":"$[0]"},"ResultPath":"$.r","OutputPath":"$.r","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}`,
			`{"l":[5,6]}`, `{"first":5}`},

		{"parallel", `"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":9,"End":true}}},{"StartAt":"B","States":{"B":{"Type":"Pass","Result":2,"End":true}}}]`,
			`1`, `[1,2]`},
		{"parallel with parameters", `"Type":"Parallel","Parameters":{"x.$":"$.a"},"ResultPath":"$.r","Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}]`,
			`{"a":1}`, `{"a":1,"r":[{"x":1}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				end := `,"End":true`
				if strings.Contains(test.state, `"Type":"Succeed"`) {
					end = ""
				}
				out := f.run(`{"StartAt":"S","States":{"S":{`+test.state+end+`}}}`, test.input)
				require.Equal(t, "SUCCEEDED", out["status"], out)
				assert.Equal(t, test.output, out["output"])
			})
		})
	}
}

func TestWaitTakesItsTime(t *testing.T) {
	tests := []struct {
		name, fields, input string
		want                time.Duration
	}{
		{"seconds", `"Seconds":90`, `{}`, 90 * time.Second},
		{"seconds path", `"SecondsPath":"$.s"`, `{"s":31449600}`, 364 * 24 * time.Hour},
		{"timestamp", `"Timestamp":"2000-01-02T00:00:00Z"`, `{}`, 24 * time.Hour},
		{"timestamp with an offset", `"Timestamp":"2000-01-01T02:00:00+01:00"`, `{}`, time.Hour},
		{"timestamp in the past", `"Timestamp":"1999-01-01T00:00:00Z"`, `{}`, 0},
		{"timestamp path", `"TimestampPath":"$.t"`, `{"t":"2000-01-01T00:00:01.500Z"}`, 1500 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				begin := time.Now()
				out := f.must("StartSyncExecution", map[string]any{
					"stateMachineArn": f.create("express", `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`),
				})
				require.Equal(t, "SUCCEEDED", out["status"])
				assert.Zero(t, time.Since(begin))

				ended := make(chan time.Time, 1)
				f.functions["mark"] = func(context.Context, any) (any, error) { ended <- time.Now(); return nil, nil }
				f.start(f.create("machine", `{"StartAt":"W","States":{
					"W":{"Type":"Wait",`+test.fields+`,"Next":"T"},
					"T":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:mark","End":true}}}`), "run", test.input)
				assert.Equal(t, test.want, (<-ended).Sub(begin))
			})
		})
	}
}

func TestMapRunsAtMostAsManyAsItMay(t *testing.T) {
	tests := []struct {
		name, fields string
		want         int
	}{
		{"no limit is 40", ``, 40},
		{"0 is 40", `"MaxConcurrency":0,`, 40},
		{"more is 40", `"MaxConcurrency":1000,`, 40},
		{"3", `"MaxConcurrency":3,`, 3},
		{"by path", `"MaxConcurrencyPath":"$.c",`, 7},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
				peak := 0
				now := make(chan int, 1)
				now <- 0
				f.functions["work"] = func(context.Context, any) (any, error) {
					n := <-now + 1
					peak = max(peak, n)
					now <- n
					time.Sleep(time.Second)
					now <- <-now - 1
					return nil, nil
				}
				items := `{"c":7,"l":[0`
				for range 99 {
					items += `,0`
				}
				out := f.run(`{"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.l",`+test.fields+`"End":true,"ResultPath":null,
					"ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:work","End":true}}}}}}`, items+`]}`)
				require.Equal(t, "SUCCEEDED", out["status"], out)
				assert.Equal(t, test.want, peak)
			})
		})
	}
}

// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
func TestContextObject(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		out := f.run(`{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"P"},"P":{"Type":"Pass","Parameters":{"c.$":"$$"},"End":true}}}`, `{"in":1}`)
		assert.JSONEq(t, `{"c":{
			"Execution":{"Id":"arn:aws:states:eu-west-1:123456789012:execution:machine:run","Input":{"in":1},"Name":"run",
				"RoleArn":"arn:aws:iam::123456789012:role/states","StartTime":"2000-01-01T00:00:00.000Z","RedriveCount":0},
			"State":{"EnteredTime":"2000-01-01T00:00:05.000Z","Name":"P"},
			"StateMachine":{"Id":"arn:aws:states:eu-west-1:123456789012:stateMachine:machine","Name":"machine"}}}`, out["output"].(string))
	})
}
