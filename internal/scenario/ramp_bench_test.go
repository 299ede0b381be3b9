package scenario_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/sim"
)

// BenchmarkZeroToAThousandHandlers shows in virtual time how long it is from the
// tick to the 1,000th handler's start, and how many calls a quota refused, beside
// what the simulator's models of an event source mapping and of provisioned mode,
// from two pollers, take from the first message.
func BenchmarkZeroToAThousandHandlers(b *testing.B) {
	for _, lane := range []struct{ name, parallelism string }{{"stream", "10"}, {"steps", "1"}} {
		b.Run("lane="+lane.name, func(b *testing.B) {
			var r ramp
			for b.Loop() {
				r = inVirtualTime(b, map[string]string{"Lane": lane.name, "Parallelism": lane.parallelism})
			}
			b.ReportMetric(r.took.Seconds(), "virtual-s")
			b.ReportMetric(float64(r.throttled), "throttled")
		})
	}
	for _, rival := range []sim.Way{sim.EventSourceMapping{}, sim.Provisioned{MinimumPollers: 2, MaximumPollers: 200}} {
		b.Run(rival.Name(), func(b *testing.B) {
			var at float64
			for b.Loop() {
				at = rivalsRamp(b, rival)
			}
			b.ReportMetric(at, "virtual-s")
		})
	}
}

// inVirtualTime runs the ramp in a bubble, which takes a test.
func inVirtualTime(b *testing.B, parameters map[string]string) (r ramp) {
	tests := []testing.InternalTest{{Name: b.Name(), F: func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { r = zeroToAThousand(t, parameters) })
	}}}
	require.True(b, testing.RunTests(func(string, string) (bool, error) { return true, nil }, tests))
	return r
}

// rivalsRamp is after how many seconds a rival runs 1,000 handlers.
func rivalsRamp(b *testing.B, rival sim.Way) float64 {
	handler, err := sim.ParseDistribution("8m")
	require.NoError(b, err)
	trace := sim.Trace{Interval: time.Second, Arrivals: make([]int, 600)}
	trace.Arrivals[0] = 3000
	r, err := sim.Run(sim.Config{Trace: trace, Handler: handler, BatchSize: 1}, rival)
	require.NoError(b, err)
	for _, i := range r.Intervals {
		if i.Handlers >= 1000 {
			return i.AtSeconds
		}
	}
	b.Fatal(rival.Name(), "never runs 1,000 handlers")
	return 0
}
