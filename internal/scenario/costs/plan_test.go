package costs_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/meter"
	"github.com/musterq/muster/internal/scale"
	"github.com/musterq/muster/internal/sim"
)

// What muster plan reckons is what the machines are billed with the same
// settings: at most a tenth apart, in all and of each service that matters.
func TestThePlanAgreesWithTheMeter(t *testing.T) {
	const window = 13 * time.Minute
	for _, l := range []load{
		{lane: "stream", rate: 1, takes: short, workers: 1, places: 5, batch: 10},
		{lane: "stream", rate: 5, takes: short, workers: 1, places: 5, batch: 10},
		{lane: "steps", rate: 1, takes: short, workers: 1, places: 1, batch: 10},
		{lane: "steps", rate: 5, takes: short, workers: 1, places: 1, batch: 10},
	} {
		t.Run(l.String(), func(t *testing.T) {
			m := l.run(t, 0, 3*time.Minute, window)
			model := l.simulated(t, window)
			metered := map[string]float64{}
			for _, s := range m.bill.Of(meter.Fleet).Services() {
				metered[s.Name] = s.Dollars
			}
			t.Logf("meter %v, plan %v", metered, model)
			all, reckoned := m.bill.Of(meter.Fleet).Dollars(), 0.0
			for service, dollars := range model {
				reckoned += dollars
				if metered[service] > 0.05*all {
					assert.InEpsilon(t, metered[service], dollars, 0.1, service)
				}
			}
			assert.InEpsilon(t, all, reckoned, 0.1, "all")
		})
	}
}

// simulated is what the simulator makes of the same load, by service.
func (l load) simulated(t *testing.T, window time.Duration) map[string]float64 {
	t.Helper()
	handler, err := sim.ParseDistribution(l.takes.String())
	require.NoError(t, err)
	const warm = 3 * time.Minute
	bill := func(length time.Duration) []sim.Line {
		trace := sim.Trace{Interval: time.Second, Arrivals: make([]int, int((warm+length)/time.Second))}
		random := rand.New(rand.NewPCG(7, 5))
		for i := int(warm / time.Second); i < len(trace.Arrivals); i++ {
			for left := random.ExpFloat64(); left < l.rate; left += random.ExpFloat64() {
				trace.Arrivals[i]++
			}
		}
		c := sim.Config{Trace: trace, Handler: handler, PerEvent: true, BatchSize: l.batch}
		way := sim.Muster{
			Policy: scale.Policy{MaxConcurrency: l.workers * l.places, Parallelism: l.places, MinWorkers: l.workers, StepLimit: 300, BatchSize: l.batch, Timeout: time.Minute, ScaleInHold: 5 * time.Minute},
			Steps:  l.lane == "steps", Idle: time.Minute, Timeout: time.Minute, Phase: time.Second, Poll: 15 * time.Millisecond, Settle: 15 * time.Millisecond,
		}
		if way.Steps {
			way.Poll, way.Settle = 100*time.Millisecond, 100*time.Millisecond
		}
		r, err := sim.Run(c, way)
		require.NoError(t, err)
		return r.Lines
	}
	before, after := bill(0), bill(window)
	services := map[string]float64{}
	for i, line := range after {
		service, what, _ := strings.Cut(line.Name, ": ")
		if !strings.HasPrefix(what, "handlers") {
			services[service] += line.Dollars - before[i].Dollars
		}
	}
	return services
}
