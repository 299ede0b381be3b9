package autoscaler_test

import (
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scale"
)

// bill is what the last tick left.
func (r *rig) bill() scale.Bill {
	r.Helper()
	tally, err := r.registry.Tally(r.Context())
	require.NoError(r, err)
	var m scale.Memory
	require.NoError(r, json.Unmarshal([]byte(tally.Memory), &m))
	return m.Bill
}

// Two workers of half a GB for an hour, an hour of handlers of 1 GB, and a thousand
// events of ten.
func TestATickReckonsWhatWasSpent(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.HandlerMemory, r.config.PumpMemory = 1024, 512
		r.ticks(scheduled)
		begun := r.bill().Dollars
		assert.Less(r, begun, 0.0001)

		since := registry.At(time.Now())
		time.Sleep(time.Hour)
		worked := slot("a", handled(5000))
		worked.ReservedAt, worked.ReportedAt, worked.Events, worked.BusySeconds = since, registry.At(time.Now()), 500, 1800
		gone := worked
		r.hold(registry.Control{}, worked)
		require.NoError(r, r.registry.CountHome(r.Context(), gone, false))
		r.ticks(scheduled)
		pumps, handlers, invocations, requests, ticks := 2*3600*0.5*0.0000133334, 3600*0.0000133334, 2*1000*0.20e-6, 2*1000*0.40e-6, 2*0.0000085
		assert.InEpsilon(r, pumps+handlers+invocations+requests+ticks, r.bill().Dollars, 0.02)

		// The worker that is counted as gone is there no more.
		spent := r.bill().Dollars
		_, err := r.registry.MarkEnded(r.Context(), worked, 0)
		require.NoError(r, err)
		r.ticks(scheduled)
		assert.InDelta(r, spent, r.bill().Dollars, 0.0001, "its slot was freed")
		r.ticks(scheduled)
		assert.InDelta(r, spent, r.bill().Dollars, 0.0001)
		assert.Empty(r, r.snapshot().Workers)
	})
}

// What a worker used whose slot is freed stays on the bill: when another tick writes
// its own first, which saw the slot taken or freed, and when a reply is lost.
func TestWhatADeadWorkerUsedStaysOnTheBill(t *testing.T) {
	for name, c := range map[string]struct {
		fault api.Fault
		// other is when another tick runs. 0 for none.
		other time.Duration
	}{
		"another tick is quicker to write":  {api.Fault{Kind: api.Delay, For: 10 * time.Second}, time.Second},
		"another tick writes when it wrote": {api.Fault{Kind: api.DelayReply, For: 10 * time.Second}, time.Second},
		"a reply is lost":                   {api.Fault{Kind: api.LoseReply}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.PumpMemory = 512
				r.ticks(scheduled)
				died := slot("a")
				died.ReservedAt, died.ReportedAt = registry.At(time.Now()), registry.At(time.Now())
				r.hold(registry.Control{}, died)
				time.Sleep(time.Hour)
				_, err := r.registry.MarkEnded(r.Context(), died, time.Now().Add(time.Second).UnixMilli())
				require.NoError(r, err)
				r.ticks(scheduled)
				spent := r.bill().Dollars
				require.Greater(r, spent, 0.02)
				time.Sleep(time.Minute)

				c.fault.Operation, c.fault.Times = "UpdateItem", 1
				r.runtime.Router.Faults.Add(c.fault)
				var all sync.WaitGroup
				all.Go(func() {
					_, err := r.tick(scheduled)
					assert.NoError(r, err)
				})
				if c.other > 0 {
					time.Sleep(c.other)
					r.ticks(scheduled)
				}
				all.Wait()
				require.Empty(r, r.snapshot().Workers)
				r.ticks(scheduled)
				assert.InDelta(r, spent, r.bill().Dollars, 0.001)
			})
		})
	}
}

func TestABudgetThatIsSpent(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.Policy.MonthlyBudget, r.config.PumpMemory = 0.01, 512
		r.hold(registry.Control{}, slot("a"), slot("b"))
		r.send(30)
		out := r.ticks(scheduled)
		assert.Len(r, out.Starts, 1)
		assert.False(r, out.OverBudget)
		for range 3 {
			require.NoError(r, r.registry.CountHome(r.Context(), slot("gone"), false))
		}
		r.send(30)
		out = r.ticks(scheduled)
		assert.True(r, out.OverBudget)
		assert.Empty(r, out.Starts)
		assert.Contains(r, out.Reason, "the budget of $0.01 for January is spent: $0.01; until 1 February UTC, or raise MonthlyBudget; depth 60")
		for _, w := range r.snapshot().Workers {
			assert.Equal(r, registry.Drain, w.Orders, w.Item)
		}
		ticks, err := r.registry.Ticks(r.Context(), 1)
		require.NoError(r, err)
		assert.True(r, ticks[0].OverBudget)
		assert.InDelta(r, r.bill().Dollars, ticks[0].Spent, 1e-12)
	})
}

// A task that waits for a month costs no more than its worker's transitions.
func TestAWorkerThatWaitsForATaskCostsLittle(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.Lane, r.config.Mode, r.config.Heartbeat = fleet.Steps, fleet.Callback, 10*time.Hour
		r.config.Process.Timeout = 100 * 24 * time.Hour
		r.ticks(scheduled)
		waits := slot("a", inSteps)
		waits.Seq, waits.ReservedAt, waits.ReportedAt, waits.BusyUntil = 1, now, now, time.Now().Add(90*24*time.Hour).UnixMilli()
		r.hold(registry.Control{Version: 1}, waits)
		time.Sleep(20 * 24 * time.Hour)
		r.ticks(scheduled)
		assert.Less(r, r.bill().Dollars, 0.001)
	})
}

func TestRatesFor(t *testing.T) {
	settings := fleet.Settings{Lane: fleet.Stream, Target: fleet.Lambda, Mode: fleet.Sync, Process: handler.Target{ARN: "p"}, BatchSize: 10}
	policy := scale.Policy{Parallelism: 5, MaxConcurrency: 50}
	stream := autoscaler.RatesFor(settings, policy, 128)
	for name, c := range map[string]struct {
		change func(*fleet.Settings)
		more   func(r scale.Rates) (than, rate float64)
	}{
		"FIFO requests":     {func(s *fleet.Settings) { s.Fifo = true }, func(r scale.Rates) (float64, float64) { return stream.Event, r.Event }},
		"a transform stage": {func(s *fleet.Settings) { s.Transform.ARN = "t" }, func(r scale.Rates) (float64, float64) { return stream.Event, r.Event }},
		"duplicates":        {func(s *fleet.Settings) { s.DuplicateWindow = time.Hour }, func(r scale.Rates) (float64, float64) { return stream.Message, r.Message }},
		"large batches":     {func(s *fleet.Settings) { s.BatchSize = 100 }, func(r scale.Rates) (float64, float64) { return stream.Message, r.Message }},
		"the steps lane":    {func(s *fleet.Settings) { s.Lane = fleet.Steps }, func(r scale.Rates) (float64, float64) { return 100 * stream.Event, r.Event }},
		"async handlers":    {func(s *fleet.Settings) { s.Mode = fleet.Async }, func(r scale.Rates) (float64, float64) { return r.Busy, stream.Busy }},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings
			c.change(&s)
			than, rate := c.more(autoscaler.RatesFor(s, policy, 128))
			assert.Greater(t, rate, than)
		})
	}
}
