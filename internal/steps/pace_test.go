package steps_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/steps"
)

func TestABatchSaysHowFastItWas(t *testing.T) {
	handled := func(m *steps.Item) { m.Outcome = steps.Handled }
	for name, c := range map[string]struct {
		last       func(*steps.Item)
		rate, took float64
	}{
		"handled":     {handled, 0.25, 20},
		"failed":      {func(m *steps.Item) { m.Outcome = steps.Failed }, 0.25, 20},
		"throttled":   {func(m *steps.Item) { m.Outcome = steps.Throttled }, 0.5, 1},
		"not started": {func(m *steps.Item) { m.Outcome = steps.Unstarted }, 0.5, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5), func(w *registry.Worker) { w.Rate, w.Took = 0.5, 1 }), func(r *rig) {
				held := r.holding()
				for i := range held {
					handled(&held[i])
				}
				c.last(&held[4])
				time.Sleep(20 * time.Second)
				_, err := r.settle(steps.SettleInput{Messages: held})
				require.NoError(r, err)
				w := r.worker()
				assert.InDelta(r, c.took, w.Took, 0.01)
				assert.InDelta(r, c.rate, w.Rate, 0.01)
			})
		})
	}
	t.Run("of an older definition", func(t *testing.T) {
		inBubble(t, slot(inHand(5)), func(r *rig) {
			held := r.holding()
			for i := range held {
				handled(&held[i])
				held[i].Received = time.Time{}
			}
			_, err := r.settle(steps.SettleInput{Messages: held})
			require.NoError(r, err)
			assert.Zero(r, r.worker().Took)
		})
	})
}

func TestWhoGoesHomeIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		worker registry.Worker
		empty  int
		tally  registry.Tally
	}{
		"in vain":                     {slot(), 40, registry.Tally{Vain: 1, Seconds: 20}},
		"with what it did":            {slot(func(w *registry.Worker) { w.Handled, w.Failed, w.Settled = 6, 1, 3 }), 40, registry.Tally{Done: 7, Seconds: 20}},
		"after it was throttled only": {slot(func(w *registry.Worker) { w.Settled = 3 }), 40, registry.Tally{Seconds: 20}},
		"told to":                     {slot(ordered(registry.Drain)), 0, registry.Tally{}},
		"told to, with what it did":   {slot(ordered(registry.Drain), func(w *registry.Worker) { w.Handled = 6 }), 0, registry.Tally{Done: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.worker, func(r *rig) {
				b, err := r.poll(5, c.empty)
				require.NoError(r, err)
				assert.Equal(r, "go home", b.Next)
				c.tally.Fleet, c.tally.Item, c.tally.Workers = "jobs", "tally", 1
				tally, err := r.registry.Tally(r.Context())
				require.NoError(r, err)
				assert.Equal(r, c.tally, tally)
			})
		})
	}
}

func TestWhoCannotBeCountedPollsAgain(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		_, stop := r.runtime.Router.Faults.Add(api.Fault{Operation: "UpdateItem", Skip: 1, Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "not yours")})
		_, err := r.poll(5, 40)
		assert.ErrorContains(r, err, "count a worker that goes home: ")
		stop()
		b, err := r.poll(5, 40)
		require.NoError(r, err)
		assert.Equal(r, "go home", b.Next)
	})
}
