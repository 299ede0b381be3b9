package sim_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/sim"
)

func settings(t *testing.T, p sim.Plan) map[string]int {
	values := map[string]int{}
	for _, s := range p.Settings[1:] {
		n, err := strconv.Atoi(s.Value)
		require.NoError(t, err, s.Name)
		values[s.Name] = n
	}
	return values
}

func TestPlan(t *testing.T) {
	fleet := muster(50, 5)
	fleet.Poll, fleet.Settle, fleet.Start = 15*time.Millisecond, 15*time.Millisecond, 3*time.Second
	p, err := sim.NewPlan(sim.Config{Handler: handler(t, "500ms")}, fleet, sim.Wish{Rate: 4000, Begin: 10 * time.Second, Reserve: 100})
	require.NoError(t, err)
	s := settings(t, p)
	// 4,000 a second of half a second, and 400 receives and deletes of 30 ms.
	assert.InDelta(t, 2000, p.Busy, 10)
	assert.GreaterOrEqual(t, s["MaxConcurrency"], 2012)
	assert.LessOrEqual(t, s["MaxConcurrency"], 2400)
	assert.Equal(t, s["MaxConcurrency"], s["MinWorkers"]*s["Parallelism"])
	assert.Equal(t, s["MaxConcurrency"]+s["MinWorkers"]+100, s["LambdaConcurrency"])
	assert.LessOrEqual(t, p.P99Seconds, 10.0)
	assert.True(t, p.Quotas[0].Raise())
	assert.False(t, p.Quotas[3].Raise())
	raised, err := sim.NewPlan(sim.Config{Handler: handler(t, "500ms")}, fleet, sim.Wish{Rate: 4000, Begin: 10 * time.Second, Reserve: 100, Concurrency: 5000})
	require.NoError(t, err)
	assert.False(t, raised.Quotas[0].Raise())
	assert.Equal(t, 5000, settings(t, raised)["LambdaConcurrency"])
	// 400 invocations a second for 730 hours, and 2,000 handlers of an eighth GB.
	prices := map[string]float64{}
	sum := 0.0
	for _, l := range p.Lines {
		prices[l.Name] = l.Dollars
		sum += l.Dollars
	}
	assert.InEpsilon(t, 400*730*3600*0.20e-6, prices["Lambda: handlers, invocations"], 0.02)
	assert.InEpsilon(t, 2000*0.125*730*3600*0.0000133334, prices["Lambda: handlers, time"], 0.01)
	assert.InEpsilon(t, sum, p.Dollars, 1e-9)
	assert.Greater(t, p.Dollars, p.Mapping)
	assert.Greater(t, p.Mapping, prices["Lambda: handlers, time"])

	// Where there is time to come from home, nobody waits there for few messages.
	rare, err := sim.NewPlan(sim.Config{Handler: handler(t, "2s")}, fleet, sim.Wish{Rate: 1.0 / 600, Begin: 2 * time.Minute})
	require.NoError(t, err)
	assert.Equal(t, 120, settings(t, rare)["MaxAgeSeconds"])
	hurried, err := sim.NewPlan(sim.Config{Handler: handler(t, "2s")}, fleet, sim.Wish{Rate: 1.0 / 600, Begin: 10 * time.Second})
	require.NoError(t, err)
	assert.Equal(t, 1, settings(t, hurried)["MinWorkers"])
	assert.Less(t, rare.Dollars, hurried.Dollars)

	steps := fleet
	steps.Steps = true
	p, err = sim.NewPlan(sim.Config{Handler: handler(t, "20s"), BatchSize: 1}, steps, sim.Wish{Rate: 2, Begin: 10 * time.Second})
	require.NoError(t, err)
	assert.Equal(t, "steps", p.Settings[0].Value)
	assert.InDelta(t, 40, p.Busy, 3)

	for want, wish := range map[string]sim.Wish{
		"cannot be planned for":                              {},
		"the template's defaults will do":                    {Rate: 1e-9, Begin: time.Second},
		"one fleet has 10000 at most":                        {Rate: 1e6, Begin: time.Second},
		"bring 99 of 100 messages to their handler within 0": {Rate: 10},
	} {
		_, err := sim.NewPlan(sim.Config{Handler: handler(t, "50ms")}, fleet, wish)
		assert.ErrorContains(t, err, want)
	}
}
