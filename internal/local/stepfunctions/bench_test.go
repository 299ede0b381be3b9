package stepfunctions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// loop goes round Choice, Task and Pass until the count is reached.
const loop = `{
	"StartAt": "More?",
	"States": {
		"More?": {
			"Type": "Choice",
			"Choices": [{"Variable": "$.n", "NumericLessThan": %d, "Next": "Work"}],
			"Default": "Done"
		},
		"Work": {
			"Type": "Task",
			"Resource": "arn:aws:states:::lambda:invoke",%s
			"Parameters": {"FunctionName": "count", "Payload": {"n.$": "$.n"}},
			"ResultSelector": {"n.$": "$.Payload.n"},
			"Next": "Note"
		},
		"Note": {"Type": "Pass", "Result": "worked", "ResultPath": "$.note", "Next": "More?"},
		"Done": {"Type": "Succeed"}
	}
}`

// BenchmarkTransitions measures how many states an Express execution goes
// through in a second: a loop of Choice, Task and Pass, the function in this
// process and behind the router. Standard keeps a history on top of that. A
// task with a time-out is one that can end before its call.
func BenchmarkTransitions(b *testing.B) {
	const rounds = 2000
	for _, test := range []struct{ name, timeout string }{
		{"express", ""}, {"standard", ""},
		{"express-timeout", `"TimeoutSeconds": 60,`}, {"standard-timeout", `"TimeoutSeconds": 60,`},
	} {
		name := test.name
		b.Run(name, func(b *testing.B) {
			router := api.NewRouter(1)
			count := func(_ context.Context, in stepfunctions.InvokeInput) (any, error) {
				var event struct{ N int }
				if err := json.Unmarshal(in.Payload, &event); err != nil {
					return nil, err
				}
				return stepfunctions.InvokeOutput{
					StatusCode: 200, ExecutedVersion: "$LATEST", Payload: fmt.Appendf(nil, `{"n":%d}`, event.N+1),
				}, nil
			}
			unlimited := stepfunctions.Rate{Burst: -1}
			done := make(chan struct{}, 1)
			service := stepfunctions.New(&api.Account{ID: "123456789012", Region: "eu-west-1", Partition: "aws"}, router, stepfunctions.Options{
				Quotas: stepfunctions.Quotas{StartExecution: unlimited, StartExpress: unlimited, StateTransitions: unlimited},
				Invoke: func(ctx context.Context, caller api.Caller, in stepfunctions.InvokeInput) (stepfunctions.InvokeOutput, error) {
					out, err := router.Do(ctx, api.Call{Service: "lambda", Operation: "Invoke", Caller: caller, Input: &in}, func(ctx context.Context) (any, error) { return count(ctx, in) })
					if err != nil {
						return stepfunctions.InvokeOutput{}, err
					}
					return out.(stepfunctions.InvokeOutput), nil
				},
				OnStatus: func(e stepfunctions.StatusEvent) {
					if e.Status != "RUNNING" {
						done <- struct{}{}
					}
				},
			})
			defer service.Close()
			router.Add(service.API())
			f := &fixture{t: b, router: router, service: service}
			machine := f.create(name, fmt.Sprintf(loop, rounds, test.timeout))
			b.ReportAllocs()
			for b.Loop() {
				if strings.HasPrefix(name, "standard") {
					f.must("StartExecution", map[string]any{"stateMachineArn": machine, "input": `{"n":0}`})
					<-done
					continue
				}
				out := f.must("StartSyncExecution", map[string]any{"stateMachineArn": machine, "input": `{"n":0}`})
				require.Equal(b, "SUCCEEDED", out["status"])
			}
			b.ReportMetric(float64(service.Stats().Transitions)/b.Elapsed().Seconds(), "transitions/s")
		})
	}
}
