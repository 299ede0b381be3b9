package scenario_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

// lastReason of the newest tick.
func lastReason(t *testing.T, f *scenario.Fleet) string {
	t.Helper()
	ticks, err := f.Registry.Ticks(t.Context(), 1)
	require.NoError(t, err)
	require.NotEmpty(t, ticks)
	return ticks[0].Reason
}

// The bounds that muster pause prints hold in both lanes: after them no handler
// starts, nothing is lost, and a resumed fleet goes on.
func TestAPauseTakesEffectInTime(t *testing.T) {
	// A report within a minute, or a task that ends; a poll under way, and what it
	// brings.
	const bound = time.Minute + 20*time.Second + 10*time.Second
	for _, lane := range []string{"stream", "steps"} {
		t.Run(lane, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var started atomic.Int64
				f := scenario.Start(t, scenario.Options{
					Parameters: map[string]string{"Lane": lane},
					Process: func(ctx context.Context, e message.Event) (any, error) {
						started.Store(time.Now().UnixMilli())
						return scenario.Takes(2*time.Second)(ctx, e)
					},
				})
				defer f.Close()
				f.SendMany(2000)
				f.Wake()
				f.Until("it works", time.Minute, func() bool { return f.Handled() > 0 })
				time.Sleep(17 * time.Second)
				paused := time.Now()
				require.NoError(t, f.Registry.Pause(t.Context(), registry.Directive{Who: "alice", Why: "deploy", At: registry.At(paused)}))
				f.Wake()
				f.Until("all are home", 10*time.Minute, func() bool { return len(f.Workers()) == 0 })
				time.Sleep(10 * time.Minute)
				assert.Empty(t, f.Workers())
				assert.Contains(t, lastReason(t, f), "paused by alice: deploy; ")
				assert.Less(t, started.Load(), paused.Add(bound).UnixMilli())

				require.NoError(t, f.Registry.Resume(t.Context(), registry.Directive{Who: "alice", At: registry.At(time.Now())}))
				f.Wake()
				f.UntilDone(3 * time.Hour)
				f.NothingLost()
			})
		})
	}
}

// While its gate's alarm rings a fleet is at home, and then goes on as scheduled.
func TestTheGateDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{
			Parameters: map[string]string{"GateAlarm": "db-load", "GateAction": "drain", "ScaleSchedule": `[{"cron":"0 0 * * ? *","max":2}]`},
			Process:    scenario.Takes(2 * time.Second),
		})
		defer f.Close()
		alarms := cloudwatch.NewFromConfig(f.Config())
		_, err := alarms.PutMetricAlarm(t.Context(), &cloudwatch.PutMetricAlarmInput{
			AlarmName: aws.String("db-load"), Namespace: aws.String("AWS/RDS"), MetricName: aws.String("CPUUtilization"), Statistic: types.StatisticMaximum,
			Period: aws.Int32(86400), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(80), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
			TreatMissingData: aws.String("ignore"),
		})
		require.NoError(t, err)
		f.SendMany(3000)
		f.Wake()
		f.Until("it works", time.Minute, func() bool { return f.Handled() > 0 })
		ring := func(state types.StateValue) {
			t.Helper()
			_, err := alarms.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("db-load"), StateValue: state, StateReason: aws.String("97 percent")})
			require.NoError(t, err)
		}
		ring(types.StateValueAlarm)
		f.Until("all are home", 5*time.Minute, func() bool { return len(f.Workers()) == 0 })
		time.Sleep(2 * time.Minute)
		assert.Regexp(t, `^the gate's alarm db-load rings since 2000-01-01 00:\d\d UTC: 97 percent; scheduled since Sat 00:00 UTC: cap 2; .*; starting none of`, lastReason(t, f))
		ring(types.StateValueOk)
		f.UntilDone(time.Hour)
		f.NothingLost()
		assert.Equal(t, 2, f.Peak(), "the scheduled cap")
	})
}
