package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// A fleet takes messages from a queue that was there before it.
func TestAQueueThatWasThereBefore(t *testing.T) {
	const dead = "arn:aws:sqs:us-east-1:123456789012:theirs-dead"
	for name, parameters := range map[string]map[string]string{
		"stream":               {"Lane": "stream", "DeadLetterQueueArn": dead},
		"steps":                {"Lane": "steps", "DeadLetterQueueArn": dead},
		"callback":             {"Mode": "callback", "DeadLetterQueueArn": dead},
		"no dead-letter queue": {"MaxReceiveCount": "1000"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fails := func(ctx context.Context, e message.Event) (any, error) {
					if task := scenario.TaskOf(ctx); task != nil {
						report(task, e.Records[0].Body != "poison")
						return nil, nil
					}
					if slices.ContainsFunc(e.Records, func(r message.Record) bool { return r.Body == "poison" }) {
						return nil, errors.New("poison")
					}
					return scenario.Takes(100*time.Millisecond)(ctx, e)
				}
				f := scenario.Start(t, scenario.Options{Seed: 3, Process: fails, Parameters: merged(map[string]string{
					"QueueArn": "arn:aws:sqs:us-east-1:123456789012:theirs", "BatchSize": "1", "MaxReceiveCount": "2", "BackoffMaxSeconds": "1",
				}, parameters)})
				defer f.Close()
				attributes := map[string]string{}
				if parameters["DeadLetterQueueArn"] != "" {
					redrive, err := json.Marshal(map[string]string{"deadLetterTargetArn": dead, "maxReceiveCount": "2"})
					require.NoError(t, err)
					attributes["RedrivePolicy"] = string(redrive)
					_, err = f.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("theirs-dead")})
					require.NoError(t, err)
				}
				_, err := f.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("theirs"), Attributes: attributes})
				require.NoError(t, err)
				assert.Equal(t, "https://sqs.us-east-1.amazonaws.com/123456789012/theirs", f.Output("QueueUrl"))

				f.SendMany(20)
				if parameters["DeadLetterQueueArn"] == "" {
					f.Until("all handled", 10*time.Minute, func() bool { return f.Handled() == 20 })
					return
				}
				f.Send("poison")
				f.UntilDone(30 * time.Minute)
				_, buried := f.Depth()
				assert.Equal(t, 1, buried)
				f.NothingLost()
			})
		})
	}
}

// A fleet that is not enabled starts nothing, though messages wait and a producer
// wakes it.
func TestAFleetThatIsNotEnabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{Parameters: map[string]string{"Enabled": "false"}})
		defer f.Close()
		f.SendMany(20)
		f.Wake()
		time.Sleep(time.Hour)
		assert.Empty(t, f.WorkerExecutions())
		ticks, err := f.Registry.Ticks(t.Context(), 1)
		require.NoError(t, err)
		assert.Empty(t, ticks)
	})
}

// All that a fleet keeps may be encrypted with a key of the team's own, which each
// of its roles may use.
func TestAFleetWithAKey(t *testing.T) {
	for name, parameters := range map[string]map[string]string{
		"stream":                {"Lane": "stream"},
		"steps, bodies in S3":   {"Lane": "steps", "BodiesInState": "never"},
		"steps, large messages": {"Lane": "steps", "Tracing": "true"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, scenario.Options{Seed: 4, Parameters: merged(map[string]string{
					"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/0b1c2d3e-0000-4000-8000-000000000000",
				}, parameters)})
				defer f.Close()
				f.SendMany(20)
				f.Send(strings.Repeat("large", 60_000))
				f.UntilDone(30 * time.Minute)
				assert.Equal(t, 21, f.Handled())
			})
		})
	}
}
