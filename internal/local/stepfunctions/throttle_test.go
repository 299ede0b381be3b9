package stepfunctions_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/stepfunctions"
)

// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-api-state-throttling
func TestTransitionsWaitForTheirQuota(t *testing.T) {
	quotas := stepfunctions.Quotas{StateTransitions: stepfunctions.Rate{Burst: 2, PerSecond: 0.5}}
	const twice = `{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"Q"},"Q":{"Type":"Pass","End":true}}}`
	seconds := func(out map[string]any) any { return out["stopDate"].(float64) - out["startDate"].(float64) }

	bubble(t, stepfunctions.Options{Quotas: quotas}, func(t *testing.T, f *fixture) {
		machine := f.create("machine", twice)
		one := f.start(machine, "one", "")
		synctest.Wait()
		two := f.start(machine, "two", "")
		synctest.Wait()
		three := f.start(machine, "three", "")
		f.settle()
		assert.Equal(t, 0.0, seconds(f.describe(one)), "the bucket has tokens for one")
		assert.Equal(t, 6.0, seconds(f.describe(two)), "its first is the third in all, its second comes after the other's first")
		assert.Equal(t, 8.0, seconds(f.describe(three)))
		assert.Equal(t, "SUCCEEDED", f.describe(three)["status"])
		assert.Equal(t, int64(4), f.service.Stats().Throttled)

		execution := f.start(machine, "stopped", "")
		f.start(machine, "late", "")
		synctest.Wait()
		f.must("StopExecution", map[string]any{"executionArn": f.start(machine, "later", "")})
		time.Sleep(time.Minute)
		assert.Equal(t, "SUCCEEDED", f.describe(execution)["status"])
		assert.Equal(t, "SUCCEEDED", f.describe("arn:aws:states:eu-west-1:123456789012:execution:machine:late")["status"])
		assert.Equal(t, []any{"ABORTED", 0.0}, []any{
			f.describe("arn:aws:states:eu-west-1:123456789012:execution:machine:later")["status"],
			seconds(f.describe("arn:aws:states:eu-west-1:123456789012:execution:machine:later")),
		})
	})
	bubble(t, stepfunctions.Options{Quotas: quotas}, func(t *testing.T, f *fixture) {
		out := f.must("StartSyncExecution", map[string]any{"stateMachineArn": f.create("express", `{"StartAt":"A","States":{
			"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"C"},"C":{"Type":"Pass","End":true}}}`)})
		assert.Equal(t, []any{"SUCCEEDED", 0.0}, []any{out["status"], seconds(out)}, "Express is not throttled")
	})
	bubble(t, stepfunctions.Options{Quotas: quotas}, func(t *testing.T, f *fixture) {
		f.functions["fails"] = func(context.Context, any) (any, error) { return nil, functionError{"E", "m"} }
		out := f.run(`{"StartAt":"S","States":{"S":{`+lambda("fails")+`,"Retry":[{"ErrorEquals":["E"],"MaxAttempts":3,"BackoffRate":1}]}}}`, `{}`)
		assert.Equal(t, []any{"FAILED", 4.0}, []any{out["status"], seconds(out)}, "the third retry, after three seconds, waits for another one")
	})
}

func TestTransitionsHaveAWSQuota(t *testing.T) {
	loop := `{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"P"}}}`
	for burst, want := range map[float64]float64{0: 1.5, -1: 0} {
		bubble(t, stepfunctions.Options{Quotas: stepfunctions.Quotas{StateTransitions: stepfunctions.Rate{Burst: burst}}}, func(t *testing.T, f *fixture) {
			out := f.run(loop, `{}`)
			assert.Equal(t, "FAILED", out["status"])
			// 25,000 events are 12,499 transitions: 5,000 at once, the others in
			// their time.
			assert.InDelta(t, want, out["stopDate"].(float64)-out["startDate"].(float64), 0.001)
		})
	}
}

// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-api-action-throttling-general
func TestCallsHaveTheRegionsQuota(t *testing.T) {
	for region, want := range map[string][3]int{
		"eu-west-1":    {1300, 300, 300},
		"us-east-1":    {1300, 300, 300},
		"eu-central-1": {800, 150, 250},
		"us-east-2":    {800, 150, 250},
	} {
		t.Run(region, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixtureIn(t, region, stepfunctions.Options{})
				machine := f.create("machine", `{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}`)
				succeed := func(operation string, input map[string]any) (n int) {
					for {
						if _, err := f.call(operation, input); err != nil {
							assert.EqualError(t, err, "ThrottlingException: Rate exceeded")
							return n
						}
						n++
					}
				}
				start := map[string]any{"stateMachineArn": machine}
				got := [3]int{succeed("StartExecution", start)}
				time.Sleep(time.Second)
				got[1] = succeed("StartExecution", start)
				f.settle()
				got[2] = succeed("DescribeExecution", map[string]any{"executionArn": f.start(machine, "one", "")})
				assert.Equal(t, want, got)
			})
		})
	}
}
