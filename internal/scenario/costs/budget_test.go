package costs_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/meter"
	"github.com/musterq/muster/internal/price"
	"github.com/musterq/muster/internal/scale"
	"github.com/musterq/muster/internal/scenario"
)

// What ticks reckon to have been spent, which MonthlyBudget is held against, is
// what the machines and the handlers are billed: at most a tenth apart.
func TestTheBudgetAgreesWithTheMeter(t *testing.T) {
	for _, l := range []load{
		{lane: "stream"},
		{lane: "stream", rate: 1, takes: short, workers: 1, places: 5, batch: 10},
		{lane: "stream", rate: 5, takes: short, workers: 1, places: 5, batch: 10},
		{lane: "stream", rate: 0.2, takes: long, workers: 2, places: 10, batch: 1},
		{lane: "steps", rate: 1, takes: short, workers: 1, places: 1, batch: 10},
		{lane: "steps", rate: 0.1, takes: long, workers: 5, places: 1, batch: 1},
	} {
		t.Run(l.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := l.start(t)
				defer f.Close()
				ended, over := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(over)
					if l.rate > 0 {
						l.produce(f, ended)
					}
				}()
				// A tick has just been, and what it has not seen yet is as much each time.
				time.Sleep(5*time.Minute + time.Second)
				before, spent := f.Bill(), dollars(t, f)
				time.Sleep(2 * oneShift)
				bill, reckoned := f.Bill().Since(before), dollars(t, f)-spent
				close(ended)
				<-over
				// The budget takes handlers to run on arm64.
				all := bill.Of(meter.Fleet, meter.Handlers)
				metered := all.Dollars() - all.Sum(price.LambdaX86Time)*(price.LambdaX86Time.Dollars-price.LambdaArmTime.Dollars)
				t.Logf("meter %v, budget %v", metered, reckoned)
				assert.InEpsilon(t, metered, reckoned, 0.1)
			})
		})
	}
}

// dollars that ticks have counted this month.
func dollars(t *testing.T, f *scenario.Fleet) float64 {
	tally, err := f.Registry.Tally(t.Context())
	require.NoError(t, err)
	var m scale.Memory
	require.NoError(t, json.Unmarshal([]byte(tally.Memory), &m))
	return m.Bill.Dollars
}
