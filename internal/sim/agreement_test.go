package sim_test

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/scale"
	"github.com/musterq/muster/internal/scenario"
	"github.com/musterq/muster/internal/sim"
)

// every is the time between ticks.
func every(p scale.Policy) time.Duration {
	if p.DrainWithin > 0 {
		return 2 * time.Minute
	}
	return time.Minute
}

// outcome of a burst: until when it was drained, and how long there were workers.
type outcome struct{ drained, workers time.Duration }

// machines lets the state machines and functions that ship handle a burst, in
// virtual time.
func machines(t *testing.T, lane string, p scale.Policy, messages int, takes time.Duration) (o outcome) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{
			Parameters: map[string]string{
				"Lane": lane, "MaxConcurrency": strconv.Itoa(p.MaxConcurrency), "Parallelism": strconv.Itoa(p.Parallelism),
				"MessagesPerWorker": strconv.Itoa(p.MessagesPerWorker), "StepLimit": strconv.Itoa(p.StepLimit),
				"ScheduleExpression": map[time.Duration]string{time.Minute: "rate(1 minute)", 2 * time.Minute: "rate(2 minutes)"}[every(p)],
				"DrainWithinSeconds": strconv.Itoa(int(p.DrainWithin / time.Second)),
				"ScaleInHoldSeconds": "300", "IdleSeconds": "60", "ProcessTimeoutSeconds": "30",
			},
			Process: scenario.Takes(takes),
		})
		defer f.Close()
		f.SendMany(messages)
		began := time.Now()
		f.Wake()
		f.Until("every message handled, every worker home", 2*time.Hour, func() bool {
			workers := len(f.Workers())
			o.workers += time.Duration(workers) * time.Second
			if o.drained == 0 && f.Handled() == messages {
				o.drained = time.Since(began)
			}
			return o.drained > 0 && workers == 0
		})
	})
	return o
}

// simulated is the same burst in the simulator, where calls take no time either.
// It arrives within the first second, at whose end the first tick is.
func simulated(t *testing.T, lane string, p scale.Policy, messages int, takes time.Duration) outcome {
	t.Helper()
	handler, err := sim.ParseDistribution(takes.String())
	require.NoError(t, err)
	trace := sim.Trace{Interval: time.Second, Arrivals: make([]int, 7200)}
	trace.Arrivals[0] = messages
	p.ScaleInHold, p.BatchSize, p.Timeout = 5*time.Minute, 10, 30*time.Second
	r, err := sim.Run(sim.Config{Trace: trace, Handler: handler, PerEvent: true}, sim.Muster{
		Policy: p, Steps: lane == "steps", Idle: time.Minute, Timeout: 30 * time.Second, Phase: time.Second, Every: every(p),
	})
	require.NoError(t, err)
	require.Equal(t, messages, r.Handled)
	return outcome{time.Duration(r.DrainedSeconds*float64(time.Second)) - time.Second, time.Duration(r.WorkerMinutes * float64(time.Minute))}
}

// The simulator agrees with the machines: at most a tenth apart, for both lanes
// and handlers that are short, middling and long.
func TestTheSimulatorAgreesWithTheMachines(t *testing.T) {
	for _, c := range []struct {
		lane     string
		takes    time.Duration
		messages int
		policy   scale.Policy
	}{
		{"stream", 50 * time.Millisecond, 30_000, scale.Policy{MaxConcurrency: 20, Parallelism: 5, MessagesPerWorker: 1000, StepLimit: 2}},
		{"stream", 2 * time.Second, 6_000, scale.Policy{MaxConcurrency: 20, Parallelism: 5, MessagesPerWorker: 500, StepLimit: 1}},
		{"stream", 25 * time.Second, 2_000, scale.Policy{MaxConcurrency: 20, Parallelism: 5, MessagesPerWorker: 100, StepLimit: 3}},
		{"steps", 50 * time.Millisecond, 10_000, scale.Policy{MaxConcurrency: 10, Parallelism: 1, MessagesPerWorker: 1000, StepLimit: 5}},
		{"steps", 2 * time.Second, 5_000, scale.Policy{MaxConcurrency: 20, Parallelism: 1, MessagesPerWorker: 100, StepLimit: 5}},
		{"steps", 25 * time.Second, 2_000, scale.Policy{MaxConcurrency: 20, Parallelism: 1, MessagesPerWorker: 100, StepLimit: 10}},
		// Ticks are two minutes apart here: workers that started at one tick report
		// within them, not at the moment of the next.
		{"stream", 4 * time.Second, 13_000, scale.Policy{MaxConcurrency: 40, Parallelism: 2, DrainWithin: 10 * time.Minute, StepLimit: 4}},
		{"steps", 4 * time.Second, 13_000, scale.Policy{MaxConcurrency: 40, Parallelism: 1, DrainWithin: 10 * time.Minute, StepLimit: 8}},
	} {
		t.Run(fmt.Sprintf("%s, %s, promised %s", c.lane, c.takes, c.policy.DrainWithin), func(t *testing.T) {
			shipped, model := machines(t, c.lane, c.policy, c.messages, c.takes), simulated(t, c.lane, c.policy, c.messages, c.takes)
			t.Logf("drained: machines %s, simulator %s; workers: machines %s, simulator %s", shipped.drained, model.drained, shipped.workers, model.workers)
			assert.InEpsilon(t, shipped.drained.Seconds(), model.drained.Seconds(), 0.1, "drain time")
			assert.InEpsilon(t, shipped.workers.Seconds(), model.workers.Seconds(), 0.1, "worker-minutes")
		})
	}
}
