package scenario_test

import (
	"context"
	"errors"
	"path"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/local/stepfunctions"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

// untilEmpty waits until the queue is empty, and says how long that took.
func untilEmpty(f *scenario.Fleet, within time.Duration) time.Duration {
	began := time.Now()
	f.Until("queue drained", within, func() bool {
		queue, _ := f.Depth()
		return queue == 0
	})
	return time.Since(began)
}

// started is how many workers were started so far.
func started(t *testing.T, f *scenario.Fleet) int {
	t.Helper()
	machine := f.Output("WorkerStateMachineArn")
	n := 0
	pages := sfn.NewListExecutionsPaginator(f.Executions, &sfn.ListExecutionsInput{StateMachineArn: &machine})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		require.NoError(t, err)
		n += len(page.Executions)
	}
	return n
}

// refused counts calls of an operation that a quota refuses from now on.
func refused(f *scenario.Fleet, operation string) func() int64 {
	var n atomic.Int64
	f.Router.Observe(func(e api.Event) {
		var refusal *api.Error
		if e.Operation == operation && errors.As(e.Err, &refusal) && (refusal.Code == "TooManyRequestsException" || refusal.Code == "ThrottlingException") {
			n.Add(1)
		}
	})
	return n.Load
}

// reasons of the fleet's ticks, newest first.
func reasons(t *testing.T, f *scenario.Fleet) []string {
	t.Helper()
	ticks, err := f.Registry.Ticks(context.Background(), 1000)
	require.NoError(t, err)
	var all []string
	for _, tick := range ticks {
		all = append(all, tick.Reason)
	}
	return all
}

// Two bursts, each sent right after a tick: for the first nothing is known but
// the time-outs, for the second what workers have measured.
func TestABurstIsDrainedAsPromised(t *testing.T) {
	for lane, c := range map[string]struct {
		parameters map[string]string
		messages   int
		takes      time.Duration
		// needed at least, by what handlers really take.
		needed int
	}{
		// A worker of two handles ten a second.
		"stream": {map[string]string{"Lane": "stream", "DrainWithinSeconds": "300"}, 6000, 2 * time.Second, 2},
		// A worker handles one a second.
		"steps": {map[string]string{"Lane": "steps", "DrainWithinSeconds": "300", "MaxAgeSeconds": "300"}, 3000, 10 * time.Second, 10},
	} {
		t.Run(lane, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.parameters["MessagesPerWorker"], c.parameters["MaxConcurrency"], c.parameters["ProcessTimeoutSeconds"] = "0", "200", "30"
				f := scenario.Start(t, scenario.Options{Parameters: c.parameters, Process: scenario.Takes(c.takes)})
				defer f.Close()
				var workers []int
				for range 2 {
					time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(61 * time.Second)))
					before := started(t, f)
					f.SendMany(c.messages)
					assert.LessOrEqual(t, untilEmpty(f, 10*time.Minute), 300*time.Second)
					workers = append(workers, started(t, f)-before)
					f.UntilDone(10 * time.Minute)
					time.Sleep(10 * time.Minute)
				}
				f.NothingLost()
				assert.Less(t, workers[1], workers[0], "what is known needs fewer workers than what is feared: %v", workers)
				assert.GreaterOrEqual(t, workers[1], c.needed)
				assert.LessOrEqual(t, workers[1], 2*c.needed, "%v", reasons(t, f))
			})
		})
	}
}

// Depths that nobody finds anything behind, and those that are minutes old.
func TestGhostsCallFewWorkers(t *testing.T) {
	for _, lane := range []string{"stream", "steps"} {
		t.Run(lane, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, scenario.Options{Parameters: map[string]string{"Lane": lane}})
				defer f.Close()
				f.Runtime.SQS.SetOptions(sqs.Options{GhostDepth: map[string]int{path.Base(f.Output("QueueUrl")): 15}})
				time.Sleep(2 * time.Hour)
				assert.LessOrEqual(t, started(t, f), 2+14, "two, and then one after 1, 2, 4, 8, 15 and 15 minutes")
				assert.Contains(t, reasons(t, f)[0], "15 of the visible not counted, looked for ")

				f.SendMany(1)
				f.Until("a real message is handled at once", 65*time.Second+20*time.Second, func() bool { return f.Handled() == 1 })
			})
		})
	}
}

func TestStaleDepthsCallFewWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{})
		defer f.Close()
		f.Runtime.SQS.SetOptions(sqs.Options{StaleDepths: 10 * time.Minute})
		f.SendMany(40)
		time.Sleep(time.Hour)
		assert.Equal(t, 40, f.Handled())
		assert.LessOrEqual(t, started(t, f), 7, "two for the messages, two for what they seem to have left, and three that look again: %v", reasons(t, f))
	})
}

// No more workers start than leave the handlers room in the account's quota.
func TestHandlersHaveRoomInTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{
			Parameters: map[string]string{"MaxConcurrency": "1000", "LambdaConcurrency": "50", "LambdaReserve": "5", "Parallelism": "2"},
			Process:    scenario.Takes(2 * time.Second),
			Local:      local.Options{Lambda: lambda.Options{Concurrency: 50}},
		})
		defer f.Close()
		throttled := refused(f, "Invoke")
		f.SendMany(3000)
		f.Wake()
		f.Until("all slots are taken", time.Minute, func() bool { return len(f.Workers()) == 15 })
		assert.Contains(t, reasons(t, f)[0], "Lambda's quota of 50, less a reserve of 5, allows 15; 0 working, 0 going home, 0 silent; starting 15")
		f.UntilDone(20 * time.Minute)
		assert.Equal(t, 30, f.Peak())
		assert.Equal(t, 3000, f.Handled())
		assert.Zero(t, throttled())
	})
}

// StartExecution's bucket holds three, and gets one more each two seconds: what
// is throttled is tried again, by the state and by the next tick.
func TestThrottledStartsAreNeitherLostNorDoubled(t *testing.T) {
	for name, fault := range map[string]*api.Fault{
		"throttled":                       nil,
		"throttled, and replies are lost": {Service: "states", Operation: "StartExecution", Match: starts("jobs-worker"), Kind: api.LoseReply, Probability: 0.3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, scenario.Options{
					Seed:       1,
					Parameters: map[string]string{"MaxConcurrency": "40", "Parallelism": "1", "ProcessTimeoutSeconds": "30"},
					Process:    scenario.Takes(20 * time.Second),
					Local:      local.Options{StepFunctions: stepfunctions.Options{Quotas: stepfunctions.Quotas{StartExecution: stepfunctions.Rate{Burst: 3, PerSecond: 0.5}}}},
				})
				defer f.Close()
				if fault != nil {
					f.Router.Faults.Add(*fault)
				}
				throttled := refused(f, "StartExecution")
				f.SendMany(8000)
				f.Until("all forty work", 10*time.Minute, func() bool {
					working := 0
					for _, w := range f.Workers() {
						if w.State == registry.Working {
							working++
						}
					}
					return working == 40
				})
				assert.GreaterOrEqual(t, throttled(), int64(100), "each tick has too many")
				assert.Equal(t, 40, started(t, f), "none twice")
				f.UntilDone(2 * time.Hour)
				f.NothingLost()
				assert.Equal(t, 8000, f.Handled())
				assert.Equal(t, 40, f.Peak())
			})
		})
	}
}
