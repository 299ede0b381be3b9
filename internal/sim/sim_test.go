package sim_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scale"
	"github.com/musterq/muster/internal/sim"
)

// handler of a distribution that is right.
func handler(t require.TestingT, text string) sim.Distribution {
	d, err := sim.ParseDistribution(text)
	require.NoError(t, err)
	return d
}

// burst of n messages in the first second of an hour, a second an interval.
func burst(n int) sim.Trace {
	t := sim.Trace{Interval: time.Second, Arrivals: make([]int, 3600)}
	t.Arrivals[0] = n
	return t
}

// muster as the template has it, where calls take no time.
func muster(limit, places int) sim.Muster {
	return sim.Muster{
		Policy: scale.Policy{MaxConcurrency: limit, Parallelism: places, MessagesPerWorker: 100, StepLimit: 100, ScaleInHold: 5 * time.Minute},
		Idle:   time.Minute, Timeout: 30 * time.Second,
	}
}

// What can be reckoned by hand comes out so.
func TestFixedFleets(t *testing.T) {
	for name, c := range map[string]struct {
		config sim.Config
		fleet  sim.Fixed
		// drained and the longest wait in seconds, and what it costs.
		drained, waited, invocations float64
	}{
		"one place, one message at a time": {sim.Config{Trace: burst(10), Handler: handler(t, "1s"), BatchSize: 1}, sim.Fixed{Workers: 1, Places: 1}, 10, 9, 10},
		"two workers of five":              {sim.Config{Trace: burst(1000), Handler: handler(t, "1s"), BatchSize: 1}, sim.Fixed{Workers: 2, Places: 5}, 100, 99, 1000},
		"events of ten, a second each":     {sim.Config{Trace: burst(1000), Handler: handler(t, "1s"), PerEvent: true}, sim.Fixed{Workers: 2, Places: 5}, 10, 9, 100},
		"a second to receive and delete":   {sim.Config{Trace: burst(10), Handler: handler(t, "1s"), BatchSize: 1}, sim.Fixed{Workers: 1, Places: 1, Poll: time.Second, Settle: time.Second}, 29, 28, 10},
		"short ones, together":             {sim.Config{Trace: burst(100_000), Handler: handler(t, "10ms"), BatchSize: 10}, sim.Fixed{Workers: 2, Places: 5}, 100, 100, 10_000},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := sim.Run(c.config, c.fleet)
			require.NoError(t, err)
			assert.InDelta(t, c.drained, r.DrainedSeconds, 1)
			assert.InDelta(t, c.waited, r.Waiting.Max, 1)
			assert.InDelta(t, c.waited/2, r.Waiting.P50, 1+c.waited*0.04)
			// A receive and a delete each, and empty receives since.
			assert.InDelta(t, 2*c.invocations, r.Lines[0].Quantity, 1900)
			// A quarter of a processor and half a gigabyte for an hour each, twice that
			// for five handlers of 128 MB.
			size := 1.0
			if c.fleet.Places == 5 {
				size = 2
			}
			assert.InDelta(t, float64(c.fleet.Workers)*size*(0.25*0.03238+0.5*0.00356), r.Lines[1].Dollars+r.Lines[2].Dollars, 1e-9)
		})
	}
}

// The share of messages that fail again and again ends in the dead-letter queue.
func TestFailures(t *testing.T) {
	c := sim.Config{
		Trace: burst(100_000), Handler: handler(t, "10ms"), FailureRate: 0.1, MaxReceives: 3,
		Backoff: message.Backoff{Base: 2 * time.Second, Factor: 2, Max: time.Minute},
	}
	r, err := sim.Run(c, sim.Fixed{Workers: 10, Places: 5})
	require.NoError(t, err)
	assert.InDelta(t, 100, r.DeadLettered, 3) // 0.1 cubed
	assert.Equal(t, 100_000, r.Handled+r.DeadLettered)
}

// at is the state that many seconds after the start.
func at(r sim.Result, seconds int) sim.Interval { return r.Intervals[seconds-1] }

// How the rivals grow and shrink, as their documentation says.
func TestRivals(t *testing.T) {
	endless := sim.Config{Trace: burst(1_000_000), Handler: handler(t, "10s"), PerEvent: true}
	run := func(c sim.Config, w sim.Way) sim.Result {
		r, err := sim.Run(c, w)
		require.NoError(t, err)
		return r
	}
	r := run(endless, sim.EventSourceMapping{})
	assert.InDelta(t, 5, at(r, 1).Handlers, 5)
	assert.InDelta(t, 305, at(r, 60).Handlers, 10)
	assert.Equal(t, 1250, at(r, 300).Handlers)
	assert.Equal(t, 100, run(endless, sim.EventSourceMapping{MaximumConcurrency: 100}).PeakHandlers)

	r = run(endless, sim.Provisioned{MinimumPollers: 5, MaximumPollers: 500})
	assert.InDelta(t, 50, at(r, 1).Handlers, 20)
	assert.InDelta(t, 1050, at(r, 60).Handlers, 20)
	assert.Equal(t, 5000, r.PeakHandlers)

	// The first pod at KEDA's poll, then four more, then double every 15 seconds.
	r = run(endless, sim.KEDA{QueueLength: 5, Most: 1000, Places: 1})
	var pods []int
	for i := 30; i < 150; i += 15 {
		pods = append(pods, at(r, i).Workers)
	}
	assert.Equal(t, []int{1, 5, 10, 20, 40, 80, 160, 320}, pods)
	// 300 seconds after the last message the last pod is gone.
	r = run(sim.Config{Trace: burst(100), Handler: handler(t, "100ms"), PerEvent: true}, sim.KEDA{QueueLength: 5, Most: 10, Places: 1})
	assert.Positive(t, at(r, 300).Workers)
	assert.Zero(t, at(r, 400).Workers)

	// Three minutes above the target, then in proportion; fifteen below to shrink.
	r = run(sim.Config{Trace: burst(10_000), Handler: handler(t, "1s"), PerEvent: true}, sim.TargetTracking{Target: 100, Most: 50, Places: 1})
	assert.Equal(t, []int{1, 1, 50, 50, 1}, []int{at(r, 10).Workers, at(r, 170).Workers, at(r, 250).Workers, at(r, 900).Workers, at(r, 1500).Workers})
}

// A fleet of Muster grows at its ticks, works in shifts and goes home.
func TestMuster(t *testing.T) {
	r, err := sim.Run(sim.Config{Trace: burst(10_000), Handler: handler(t, "10s"), PerEvent: true}, muster(50, 5))
	require.NoError(t, err)
	assert.Equal(t, []int{0, 10}, []int{at(r, 1).Workers - 10, r.WorkersStarted})
	assert.Equal(t, 50, r.PeakHandlers)
	// 1,000 events of ten seconds in 50 places.
	assert.InDelta(t, 200, r.DrainedSeconds, 15)
	assert.InDelta(t, 10*(r.DrainedSeconds+60)/60, r.WorkerMinutes, 2)
	assert.Contains(t, r.Ticks[0].Reason, "starting 10")

	// Shifts of 13 minutes and a half, and what still runs at their end.
	long := muster(5, 5)
	r, err = sim.Run(sim.Config{Trace: burst(1_000_000), Handler: handler(t, "25s"), PerEvent: true}, long)
	require.NoError(t, err)
	for _, l := range r.Lines {
		if l.Name == "Step Functions: workers" {
			assert.InDelta(t, 86_400*1.04/825*4, l.Quantity, 10)
		}
	}

	_, err = sim.Run(sim.Config{Trace: burst(1), Handler: handler(t, "1s")}, muster(0, 5))
	assert.ErrorContains(t, err, "Muster: MaxConcurrency is 0")
	slow := muster(1, 1)
	slow.Timeout = 14 * time.Minute
	_, err = sim.Run(sim.Config{Trace: burst(1), Handler: handler(t, "1s")}, slow)
	assert.ErrorContains(t, err, "use Lane steps")
}

// Nothing is lost or made, and the cap holds, whatever the settings.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "intervals")
		trace := sim.Trace{Interval: time.Duration(rapid.IntRange(1, 90).Draw(t, "interval")) * time.Second}
		for range n {
			trace.Arrivals = append(trace.Arrivals, rapid.SampledFrom([]int{0, 0, 1, 7, 300, 5000}).Draw(t, "arrivals"))
		}
		limit := rapid.IntRange(1, 60).Draw(t, "cap")
		m := muster(limit, rapid.IntRange(1, 8).Draw(t, "parallelism"))
		m.Steps = rapid.Bool().Draw(t, "steps")
		m.Policy.DrainWithin = rapid.SampledFrom([]time.Duration{0, time.Minute, 10 * time.Minute}).Draw(t, "promise")
		m.Policy.BatchSize, m.Policy.Timeout = 10, m.Timeout
		m.Start = rapid.SampledFrom([]time.Duration{0, 7 * time.Second}).Draw(t, "start")
		c := sim.Config{
			Trace: trace, Handler: handler(t, rapid.SampledFrom([]string{"1ms", "30ms", "exponential:200ms", "2s"}).Draw(t, "handler")),
			FailureRate: rapid.SampledFrom([]float64{0, 0.01, 0.3}).Draw(t, "failures"), BatchSize: rapid.IntRange(1, 10).Draw(t, "batch"),
			Backoff: message.Backoff{Base: time.Second, Max: time.Minute}, Seed: rapid.Uint64().Draw(t, "seed"), ColdStart: 300 * time.Millisecond,
		}
		ways := []sim.Way{
			m, sim.EventSourceMapping{MaximumConcurrency: max(2, limit)}, sim.KEDA{QueueLength: 5, Most: limit, Places: 2, Start: time.Second},
			sim.TargetTracking{Target: 10, Most: limit, Places: 1}, sim.Fixed{Workers: 1, Places: limit},
		}
		way := rapid.SampledFrom(ways).Draw(t, "way")
		r, err := sim.Run(c, way)
		require.NoError(t, err)
		assert.Equal(t, trace.Messages(), r.Messages)
		assert.Equal(t, r.Messages, r.Handled+r.DeadLettered+r.Unfinished)
		assert.GreaterOrEqual(t, r.Unfinished, 0)
		assert.False(t, math.IsNaN(r.Dollars) || r.Dollars < 0 || r.WorkerMinutes < 0)
		if way.Name() == "Muster" {
			assert.LessOrEqual(t, r.PeakHandlers, limit)
		}
		again, err := sim.Run(c, way)
		require.NoError(t, err)
		assert.Equal(t, r, again, "a seed makes a run")
	})
}
