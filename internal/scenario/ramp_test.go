package scenario_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// ramp is how a fleet with a cap of 1,000 came to run a thousand handlers.
type ramp struct {
	// took is how long it was from the tick to the 1,000th handler's start.
	took time.Duration
	// throttled are the calls that a quota refused.
	throttled int64
}

// zeroToAThousand wakes a fleet that is at rest for a burst, under AWS's own
// quotas but for Lambda's concurrency, which is raised to 2,500. Each call takes
// 20 ms, each invocation a cold start of half a second.
func zeroToAThousand(t testing.TB, parameters map[string]string) ramp {
	var mu sync.Mutex
	var starts []time.Time
	f := scenario.Start(t, scenario.Options{
		Parameters: merged(map[string]string{
			"MaxConcurrency": "1000", "LambdaConcurrency": "2500", "MessagesPerWorker": "1", "StepLimit": "1000",
			"BatchSize": "1", "ProcessTimeoutSeconds": "600",
		}, parameters),
		Process: func(ctx context.Context, e message.Event) (any, error) {
			mu.Lock()
			starts = append(starts, time.Now())
			mu.Unlock()
			return scenario.Takes(8*time.Minute)(ctx, e)
		},
		Local: local.Options{Lambda: lambda.Options{Concurrency: 2500}},
	})
	defer f.Close()
	f.Router.Faults.Add(api.Fault{Kind: api.Delay, For: 20 * time.Millisecond})
	f.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.Delay, For: 500 * time.Millisecond})
	starved, refusedStarts := refused(f, "Invoke"), refused(f, "StartExecution")
	f.SendMany(1000)
	woken := time.Now()
	f.Wake()
	f.Until("a thousand handlers run", 7*time.Minute, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(starts) >= 1000
	})
	return ramp{starts[999].Sub(woken), starved() + refusedStarts()}
}

// The figures in docs/promises.md, in virtual time.
func TestZeroToAThousandHandlers(t *testing.T) {
	for lane, parallelism := range map[string]string{"stream": "10", "steps": "1"} {
		t.Run(lane, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := zeroToAThousand(t, map[string]string{"Lane": lane, "Parallelism": parallelism})
				t.Logf("%s from the tick to the 1,000th handler, %d calls throttled", r.took.Round(100*time.Millisecond), r.throttled)
				assert.Less(t, r.took, 15*time.Second)
				assert.Zero(t, r.throttled)
			})
		})
	}
}
