package scenario_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

// never holds: waiting for it lets time pass.
func never() bool { return false }

// Each alarm of the template rings when what it tells of happens, and no other
// does.
func TestAlarms(t *testing.T) {
	fails := func(context.Context, message.Event) (any, error) { return nil, errors.New("no") }
	for name, c := range map[string]struct {
		options scenario.Options
		happens func(f *scenario.Fleet)
		want    []string
	}{
		"all is well": {happens: func(f *scenario.Fleet) {
			for range 15 {
				f.Send("now and then")
				f.Within(2*time.Minute, never)
			}
		}},
		"paused": {
			happens: func(f *scenario.Fleet) {
				_ = f.Registry.Pause(context.Background(), registry.Directive{Who: "somebody", At: registry.At(time.Now())}) // the alarms tell
				f.SendMany(10)
				f.Within(30*time.Minute, never)
			},
			want: []string{"jobs: messages wait and no worker lives", "jobs: messages wait too long"},
		},
		"dead letters": {
			options: scenario.Options{Process: fails, Parameters: map[string]string{"MaxReceiveCount": "1"}},
			happens: func(f *scenario.Fleet) { f.SendMany(3); f.Within(10*time.Minute, never) },
			want:    []string{"jobs: there are dead letters"},
		},
		"the cap binds": {
			options: scenario.Options{
				Process:    scenario.Takes(8 * time.Second),
				Parameters: map[string]string{"MaxConcurrency": "1", "Parallelism": "1", "BatchSize": "1", "MessagesPerWorker": "1", "OldestMessageAlarmSeconds": "86400"},
			},
			happens: func(f *scenario.Fleet) { f.SendMany(400); f.Within(45*time.Minute, never) },
			want:    []string{"jobs: the cap has bound for half an hour"},
		},
		"ticks fail": {
			options: scenario.Options{Code: func(function string, f lambda.Func) lambda.Func {
				if function != "autoscaler" {
					return f
				}
				return func(context.Context, []byte) ([]byte, error) { return nil, errors.New("broken") }
			}},
			happens: func(f *scenario.Fleet) { f.Within(30*time.Minute, never) },
			want:    []string{"jobs: the autoscaler does not tick"},
		},
		"the budget is spent": {
			options: scenario.Options{Parameters: map[string]string{"MonthlyBudget": "0.001", "MaxConcurrency": "1000"}},
			happens: func(f *scenario.Fleet) {
				for range 12 {
					f.SendMany(100)
					f.Within(5*time.Minute, never)
				}
			},
			want: []string{"jobs: messages wait and no worker lives", "jobs: messages wait too long", "jobs: the budget of the month is spent"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.options.Parameters = merged(map[string]string{"AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms", "Dashboard": "true"}, c.options.Parameters)
				f := scenario.Start(t, c.options)
				defer f.Close()
				c.happens(f)
				client := cloudwatch.NewFromConfig(f.Config())
				out, err := client.DescribeAlarms(t.Context(), &cloudwatch.DescribeAlarmsInput{StateValue: types.StateValueAlarm})
				require.NoError(t, err)
				var ringing []string
				for _, a := range out.MetricAlarms {
					ringing = append(ringing, aws.ToString(a.AlarmName))
					assert.Contains(t, aws.ToString(a.AlarmDescription), "docs/operations.md#")
				}
				assert.ElementsMatch(t, c.want, ringing)
			})
		})
	}
}
