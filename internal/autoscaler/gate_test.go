package autoscaler_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

// ring makes an alarm and sets its state.
func (r *rig) ring(name string, state types.StateValue) {
	r.Helper()
	client := cloudwatch.NewFromConfig(r.runtime.Config())
	_, err := client.PutMetricAlarm(r.Context(), &cloudwatch.PutMetricAlarmInput{
		AlarmName: &name, Namespace: aws.String("AWS/RDS"), MetricName: aws.String("CPUUtilization"), Statistic: types.StatisticMaximum,
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(80), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
	})
	require.NoError(r, err)
	_, err = client.SetAlarmState(r.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("the load is 97")})
	require.NoError(r, err)
}

func TestTheGate(t *testing.T) {
	const rings = "the gate's alarm db-load rings since 2000-01-01 00:10 UTC: the load is 97; depth 30"
	for name, c := range map[string]struct {
		gate   autoscaler.Gate
		state  types.StateValue
		starts int
		orders registry.Orders
		reason string
	}{
		"open":           {autoscaler.Gate{Alarm: "db-load", Action: autoscaler.HoldStarts}, types.StateValueOk, 2, registry.CarryOn, "depth 30 (30 visible"},
		"not known yet":  {autoscaler.Gate{Alarm: "db-load", Action: autoscaler.HoldStarts}, types.StateValueInsufficientData, 2, registry.CarryOn, "depth 30 (30 visible"},
		"shut":           {autoscaler.Gate{Alarm: "db-load", Action: autoscaler.HoldStarts}, types.StateValueAlarm, 0, registry.CarryOn, rings},
		"shut, by ARN":   {autoscaler.Gate{Alarm: "arn:aws:cloudwatch:us-east-1:123456789012:alarm:db-load", Action: autoscaler.HoldStarts}, types.StateValueAlarm, 0, registry.CarryOn, "starting none of 2"},
		"shut, to drain": {autoscaler.Gate{Alarm: "db-load", Action: autoscaler.DrainAll}, types.StateValueAlarm, 0, registry.Drain, rings},
		"no such alarm":  {autoscaler.Gate{Alarm: "db", Action: autoscaler.DrainAll}, types.StateValueAlarm, 2, registry.CarryOn, "the gate's alarm db cannot be asked, carrying on without: CloudWatch knows no such alarm; depth 30"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.Gate = c.gate
				r.send(30)
				r.hold(registry.Control{}, slot("a"))
				r.ring("db-load", c.state)
				out := r.ticks(scheduled)
				assert.Len(r, out.Starts, c.starts)
				assert.Contains(r, out.Reason, c.reason)
				assert.Equal(r, c.orders, r.orders()["a"])
			})
		})
	}
}

func TestAGateThatCannotBeAskedIsOpen(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.Gate = autoscaler.Gate{Alarm: "db-load", Action: autoscaler.DrainAll}
		r.send(10)
		r.fail("DescribeAlarms", 0, api.Errorf("AccessDenied", "not yours"))
		out := r.ticks(scheduled)
		assert.Len(r, out.Starts, 1)
		assert.Contains(r, out.Reason, "the gate's alarm db-load cannot be asked, carrying on without: ")
		assert.Contains(r, out.Reason, "not yours; depth 10")
	})
	inBubble(t, func(r *rig) {
		r.config.Gate = autoscaler.Gate{Alarm: "db-load", Action: autoscaler.DrainAll}
		r.send(10)
		r.runtime.Router.Faults.Add(api.Fault{Operation: "DescribeAlarms", Kind: api.Delay, For: 10 * time.Second})
		began := time.Now()
		assert.Len(r, r.ticks(scheduled).Starts, 1)
		assert.Equal(r, 5*time.Second, time.Since(began).Round(time.Second), "a tick does not wait for long")
		time.Sleep(10 * time.Second) // until the call has ended too
	})
}

func TestTheSchedule(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.Schedule = `[{"cron":"0 0 ? * SAT *","timezone":"UTC","min":3,"max":8}]`
		out := r.ticks(scheduled)
		assert.Len(r, out.Starts, 3)
		assert.Contains(r, out.Reason, "scheduled since Sat 00:00 UTC: minimum 3, cap 8; depth 0 (0 visible, 0 in flight); at 10 a worker 0 wanted; the minimum keeps 3")
		require.NoError(r, r.registry.SetBounds(r.Context(), registry.Bounds{Directive: by, Min: aws.Int(0)}))
		reason := r.ticks(scheduled).Reason
		assert.Contains(r, reason, "scaled to minimum 0 by alice")
		assert.NotContains(r, reason, "scheduled", "people overrule the schedule")
	})
	inBubble(t, func(r *rig) {
		r.config.Schedule, r.config.Gate.Action = "8 to 18", "shoot"
		_, err := autoscaler.New(r.runtime.Config(), r.config)
		assert.ErrorContains(r, err, "ScaleSchedule is no JSON array")
		assert.ErrorContains(r, err, `GateAction is "shoot", it must be hold or drain`)
	})
}
