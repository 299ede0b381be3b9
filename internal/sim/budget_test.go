package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/sim"
)

// What ticks reckon is what the bill says: a fleet that may spend half of what a
// day takes stops there, and leaves the rest in the queue.
func TestABudgetStopsAFleetWhereTheBillSaysSo(t *testing.T) {
	for _, lane := range []fleet.Lane{fleet.Stream, fleet.Steps} {
		t.Run(string(lane), func(t *testing.T) {
			trace := sim.Trace{Interval: time.Minute, Arrivals: make([]int, 24*60)}
			for i := range trace.Arrivals {
				trace.Arrivals[i] = 600
			}
			c := sim.Config{Trace: trace, Handler: handler(t, "200ms"), HandlerMemory: 256, BatchSize: 10}
			m := muster(50, 5)
			m.Poll, m.Settle, m.Start = 15*time.Millisecond, 15*time.Millisecond, 3*time.Second
			if lane == fleet.Steps {
				m.Steps, m.Policy.Parallelism, m.Poll, m.Settle = true, 1, 100*time.Millisecond, 100*time.Millisecond
			}
			s := fleet.Settings{Lane: lane, Target: fleet.Lambda, Mode: fleet.Sync, BatchSize: 10}
			m.Policy.Rates = autoscaler.RatesFor(s, m.Policy, c.HandlerMemory)
			whole, err := sim.Run(c, m)
			require.NoError(t, err)
			require.Zero(t, whole.Unfinished)

			m.Policy.MonthlyBudget = whole.Dollars / 2
			half, err := sim.Run(c, m)
			require.NoError(t, err)
			assert.InEpsilon(t, m.Policy.MonthlyBudget, half.Dollars, 0.05)
			assert.InEpsilon(t, float64(half.Messages)/2, float64(half.Handled), 0.05)
			assert.Equal(t, half.Messages-half.Handled, half.Unfinished)
			assert.Contains(t, half.Ticks[len(half.Ticks)-1].Reason, "for January is spent")
		})
	}
}
