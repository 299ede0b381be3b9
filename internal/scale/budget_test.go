package scale_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/scale"
)

// budgeted is ten dollars a month, at a dollar for ten seconds of a worker and a
// cent a tick.
func budgeted() scale.Policy {
	p := policy
	p.MonthlyBudget, p.Rates = 10, scale.Rates{Tick: 0.01, Second: 0.1}
	return p
}

func TestSignals(t *testing.T) {
	silent := workers("a")
	silent[0].Live = false
	for name, c := range map[string]struct {
		observation scale.Observation
		want        scale.Signals
	}{
		"at rest":                         {},
		"nobody is there":                 {scale.Observation{Visible: 1}, scale.Signals{Starved: true}},
		"the one that is there is silent": {scale.Observation{Visible: 1, Workers: silent}, scale.Signals{Starved: true}},
		"one works":                       {scale.Observation{Visible: 1, Workers: workers("a")}, scale.Signals{}},
		"in flight only":                  {scale.Observation{InFlight: 1}, scale.Signals{}},
		"all work and more are wanted":    {scale.Observation{Visible: 10000, Workers: workers("a", "b", "c", "d")}, scale.Signals{AtCap: true}},
		"the cap is enough":               {scale.Observation{Visible: 400, Workers: workers("a", "b", "c", "d")}, scale.Signals{}},
		"slots are taken by the silent":   {scale.Observation{Visible: 400, Workers: append(workers("b", "c", "d"), silent...)}, scale.Signals{AtCap: true}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, scale.Decide(c.observation, policy).Signals) })
	}
}

// A budget of ten dollars is told of from eight on, and binds once it is spent,
// until the month is over.
func TestTheBudgetBinds(t *testing.T) {
	now := time.Date(2026, time.November, 29, 12, 0, 0, 0, time.UTC)
	p, m, used := budgeted(), scale.Memory{}, scale.Usage{Seconds: 1000}
	tick := func(after time.Duration, seconds float64) scale.Decision {
		now, used.Seconds = now.Add(after), used.Seconds+seconds
		d := scale.Decide(scale.Observation{Now: now, Visible: 500, Workers: workers("a"), Usage: used, Memory: m}, p)
		m = d.Memory
		return d
	}
	assert.Contains(t, tick(0, 0).Reason, "depth 500")
	assert.InDelta(t, 0.01, m.Bill.Dollars, 1e-9, "what was used before anybody counted is not known")

	d := tick(time.Minute, 79)
	assert.Contains(t, d.Reason, "depth 500")
	assert.Equal(t, 3, d.Start)
	d = tick(time.Minute, 2)
	assert.Contains(t, d.Reason, "$8.13 of the budget of $10 for November is spent; depth 500")
	assert.Equal(t, 3, d.Start)
	assert.False(t, d.OverBudget)

	d = tick(time.Minute, 20)
	assert.Contains(t, d.Reason, "the budget of $10 for November is spent: $10.14; until 1 December UTC, or raise MonthlyBudget; depth 500")
	assert.Contains(t, d.Reason, "starting none of 3; sending 1 home")
	assert.Equal(t, []string{"a"}, d.Drain)
	assert.Empty(t, d.Stay)
	assert.True(t, d.OverBudget)

	p.MonthlyBudget = 20
	assert.Equal(t, 3, tick(time.Minute, 0).Start)
	p.MonthlyBudget = 10
	// A day and a half of November, half a day of December.
	d = tick(48*time.Hour-4*time.Minute, 40)
	assert.InDelta(t, 1.01, d.Memory.Bill.Dollars, 0.01, "December has its share")
	assert.Equal(t, 3, d.Start)
}

// Whichever ticks are lost, run twice or write late, and though workers are
// counted twice for a moment: what is spent is what was used.
func TestWhatIsSpentIsWhatWasUsed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	p := budgeted()
	p.Rates = scale.Rates{Worker: 1, Second: 0.1, Event: 0.01, Busy: 0.5, Message: 0.001}
	now := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	used := scale.Usage{Workers: 3, Seconds: 100}
	kept := scale.Decide(scale.Observation{Now: now, Usage: used}, p).Memory
	begun := used
	gone := scale.Usage{}
	for range 2000 {
		now = now.Add(time.Minute)
		used = used.Add(scale.Usage{Workers: 1, Seconds: 60, Events: 10, Busy: 3, Messages: 100})
		o := scale.Observation{Now: now, Memory: kept, Usage: used.Sub(gone)}
		switch random.IntN(4) {
		case 0: // a worker is counted as one that went home and as one that is there
			o.Usage.Seconds += 50
		case 1: // a worker died, and is not counted from now on
			o.Leaving = scale.Usage{Workers: 1, Seconds: 7}
		case 2: // lost
			continue
		}
		d := scale.Decide(o, p)
		again := scale.Decide(o, p)
		assert.Equal(t, d.Memory, again.Memory)
		kept, gone = d.Memory, gone.Add(o.Leaving)
	}
	last := scale.Decide(scale.Observation{Now: now, Memory: kept, Usage: used.Sub(gone)}, p).Memory
	all := used.Sub(begun)
	assert.InDelta(t, all.Workers+0.1*all.Seconds+0.01*all.Events+0.5*all.Busy+0.001*all.Messages, last.Bill.Dollars, 1e-6)
}
