package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/adopt"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

// adoption is a queue that an event source mapping empties, beside a fleet that was
// planned from it and is off, and a producer that does not stop for any of it.
type adoption struct {
	*scenario.Fleet
	t *testing.T
	// stop ends the producer and waits for it.
	stop func()
	// byFleet counts the handler's invocations by the fleet.
	byFleet atomic.Int64
}

const adoptedCap = 4

func startAdoption(t *testing.T, seed uint64) *adoption {
	t.Helper()
	a := &adoption{t: t}
	a.Fleet = scenario.Start(t, scenario.Options{
		Seed:       seed,
		Parameters: map[string]string{"ProcessTimeoutSeconds": "30"},
		Process: func(ctx context.Context, e message.Event) (any, error) {
			return scenario.Takes(time.Second)(ctx, e)
		},
		Prepare: a.attach,
	})
	a.Router.Observe(func(e api.Event) {
		if e.String() == "lambda:Invoke" && e.Caller.Function == "jobs-pump" {
			a.byFleet.Add(1)
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-ticker.C:
				a.Send(fmt.Sprint("job ", n))
			case <-ctx.Done():
				return
			}
		}
	}()
	a.stop = func() { cancel(); <-ended }
	return a
}

// attach makes the queue and the mapping, and plans the fleet.
func (a *adoption) attach(f *scenario.Fleet) map[string]string {
	cfg := f.Config()
	queues := sqs.NewFromConfig(cfg)
	_, err := queues.CreateQueue(context.Background(), &sqs.CreateQueueInput{QueueName: aws.String("orders-dead")})
	require.NoError(a.t, err)
	_, err = queues.CreateQueue(context.Background(), &sqs.CreateQueueInput{QueueName: aws.String("orders"), Attributes: map[string]string{
		"VisibilityTimeout": "60", "RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:orders-dead","maxReceiveCount":5}`,
	}})
	require.NoError(a.t, err)
	made, err := lambda.NewFromConfig(cfg).CreateEventSourceMapping(context.Background(), &lambda.CreateEventSourceMappingInput{
		EventSourceArn: aws.String("arn:aws:sqs:us-east-1:123456789012:orders"), FunctionName: aws.String("process"), BatchSize: aws.Int32(1),
		FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
		ScalingConfig:         &types.ScalingConfig{MaximumConcurrency: aws.Int32(adoptedCap)},
	})
	require.NoError(a.t, err)
	plan, err := adopt.FromMapping(context.Background(), cfg, adopt.Source{UUID: *made.UUID}, "jobs")
	require.NoError(a.t, err)
	return plan.Parameters
}

// close ends the producer too.
func (a *adoption) close() {
	a.stop()
	a.Close()
}

func (a *adoption) switcher() *adopt.Switch {
	return &adopt.Switch{Config: a.Config(), Fleet: "jobs", Who: "alice"}
}

func (a *adoption) look() *adopt.Situation {
	a.t.Helper()
	at, err := a.switcher().Look(context.Background())
	require.NoError(a.t, err)
	return at
}

// end stops the producer and checks what became of its messages.
func (a *adoption) end() {
	a.t.Helper()
	a.stop()
	a.Until("everything is handled", 30*time.Minute, func() bool { queue, _ := a.Depth(); return queue == 0 })
	a.NothingLost()
	_, dead := a.Depth()
	assert.Zero(a.t, dead, "dead letters")
	a.t.Logf("%d handled, %d of them more than once, at most %d at once, %d calls by the fleet", a.Handled(), a.Repeated(), a.Peak(), a.byFleet.Load())
}

// An hour of steady load: the mapping, the fleet, the mapping again.
func TestAdoptUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startAdoption(t, 1)
		defer a.close()
		time.Sleep(20 * time.Minute)
		assert.Greater(t, a.Handled(), 1000)
		assert.Equal(t, "Enabled", a.look().Mapping.State)
		assert.Zero(t, a.byFleet.Load(), "the fleet is off")

		require.NoError(t, a.switcher().On(t.Context()))
		at := a.look()
		assert.Equal(t, "Disabled", at.Mapping.State)
		assert.True(t, at.Enabled)
		time.Sleep(20 * time.Minute)
		calls := a.byFleet.Load()
		assert.Greater(t, calls, int64(1000), "the fleet handles what comes")
		assert.LessOrEqual(t, a.Peak(), adoptedCap, "the mapping's batches had ended before the fleet began")

		require.NoError(t, a.switcher().Back(t.Context()))
		at = a.look()
		assert.Equal(t, "Enabled", at.Mapping.State)
		assert.False(t, at.Enabled)
		assert.Zero(t, at.Workers)
		assert.Empty(t, at.Paused)
		calls = a.byFleet.Load()
		time.Sleep(15 * time.Minute)
		assert.Equal(t, calls, a.byFleet.Load(), "the fleet is off")
		a.end()
		assert.LessOrEqual(t, a.Peak(), adoptedCap)
		assert.Zero(t, a.Repeated(), "messages that were handled twice, where nothing went wrong")
	})
}

// errDied is what ends a command that dies.
var errDied = errors.New("died")

// dying runs a command that dies once it has told of so many steps. It says whether
// it came so far.
func dying(run func(*adopt.Switch, context.Context) error, s *adopt.Switch, after int) (died bool, err error) {
	ctx, kill := context.WithCancelCause(context.Background())
	defer kill(nil)
	s.Tell = func(string) {
		if after--; after == 0 {
			kill(errDied)
		}
	}
	err = run(s, ctx)
	return ctx.Err() != nil, err
}

// The command dies after each of its steps, with replies lost on the way, and is
// run again: there, and back.
func TestAdoptSurvivesDeaths(t *testing.T) {
	for after := 1; ; after++ {
		more := false
		t.Run(fmt.Sprintf("after step %d", after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := startAdoption(t, uint64(after))
				defer a.close()
				for _, operation := range []string{
					"UpdateEventSourceMapping", "GetEventSourceMapping", "UpdateStack", "DescribeStacks", "PutEvents", "UpdateItem", "DeleteMessageBatch", "ReceiveMessage",
				} {
					a.Router.Faults.Add(api.Fault{Operation: operation, Kind: api.LoseReply, Probability: 0.05})
				}
				time.Sleep(2 * time.Minute)
				there, err := dying((*adopt.Switch).On, a.switcher(), after)
				if !there {
					require.NoError(t, err)
				}
				time.Sleep(time.Minute)
				require.NoError(t, a.switcher().On(t.Context()))
				assert.Equal(t, "Disabled", a.look().Mapping.State)
				time.Sleep(3 * time.Minute)
				assert.NotZero(t, a.byFleet.Load())
				back, err := dying((*adopt.Switch).Back, a.switcher(), after)
				if !back {
					require.NoError(t, err)
				}
				time.Sleep(time.Minute)
				require.NoError(t, a.switcher().Back(t.Context()))
				at := a.look()
				assert.Equal(t, "Enabled", at.Mapping.State)
				assert.False(t, at.Enabled)
				a.end()
				more = there || back
			})
		})
		if !more {
			assert.Greater(t, after, 5, "it dies after each of several steps")
			return
		}
	}
}

// Whoever changes their mind half-way goes back from wherever the command died.
func TestAdoptTurnsBackHalfWay(t *testing.T) {
	for _, after := range []int{1, 3, 5} {
		synctest.Test(t, func(t *testing.T) {
			a := startAdoption(t, 1)
			defer a.close()
			time.Sleep(time.Minute)
			died, err := dying((*adopt.Switch).On, a.switcher(), after)
			require.True(t, died)
			require.Error(t, err)
			require.NoError(t, a.switcher().Back(t.Context()))
			assert.Equal(t, "Enabled", a.look().Mapping.State)
			died, err = dying((*adopt.Switch).Back, a.switcher(), after)
			require.Equal(t, died, err != nil)
			require.NoError(t, a.switcher().On(t.Context()))
			assert.Empty(t, a.look().Paused)
			a.end()
			assert.NotZero(t, a.byFleet.Load())
		})
	}
}

// A message of a long task that waits for its next try is in no queue: only ticks
// bring it back, also those of a fleet that was off.
func TestAdoptLeavesNoMessageBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := startAdoption(t, 1)
		defer a.close()
		_, err := a.Registry.TakeHold(t.Context(), registry.Hold{
			Item: "m", Worker: "gone", Execution: "worker-gone-1", Seq: 1, Request: "request-1", ReceiptHandle: "handle", Object: "held/jobs/m", Kept: true,
			Due: time.Now().Add(30 * time.Minute).UnixMilli(), Received: time.Now().UnixMilli(), Receives: 1,
		}, registry.Hold{})
		require.NoError(t, err)
		assert.Equal(t, 1, a.look().Kept)
		began := time.Now()
		require.NoError(t, a.switcher().Back(t.Context()))
		assert.Greater(t, time.Since(began), 10*time.Minute)
		at := a.look()
		assert.Zero(t, at.Kept)
		assert.False(t, at.Enabled)
		assert.Empty(t, at.Paused)
		assert.Equal(t, "Enabled", at.Mapping.State)
		a.end()
	})
}
