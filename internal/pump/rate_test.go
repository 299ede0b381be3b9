package pump_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
)

func TestTheRateIsSmoothed(t *testing.T) {
	tries := 0
	inBubble(t, func(ctx context.Context, e message.Event) (any, error) {
		if tries++; tries == 1 {
			return takes(5*time.Second)(ctx, e)
		}
		return takes(2*time.Second)(ctx, e)
	}, slot(func(w *registry.Worker) { w.Parallelism = 1 }), func(r *rig) {
		r.send(20)
		_, err := r.shift("t1")
		require.NoError(r, err)
		// 0.9 x 5 s + 0.1 x 2 s for 10 messages.
		assert.InDelta(r, 4.7, r.worker().Took, 1e-9)
		assert.InDelta(r, 10/4.7, r.worker().Rate, 1e-9)
	})
}

// A receive that does not wait for messages keeps its place too.
func TestTheRateCountsReceives(t *testing.T) {
	inBubble(t, takes(5*time.Second), slot(func(w *registry.Worker) { w.Parallelism = 1 }), func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Operation: "ReceiveMessage", Kind: api.Delay, For: 500 * time.Millisecond})
		r.send(10)
		_, err := r.shift("t1")
		require.NoError(r, err)
		assert.InDelta(r, 5.05, r.worker().Took, 1e-9, "a tenth of half a second, smoothed")
		assert.InDelta(r, 10/5.05, r.worker().Rate, 1e-9)
	})
}

// Many a handler that is throttled is not slow: no more workers shall come.
func TestThrottlingIsNoRate(t *testing.T) {
	inBubble(t, takes(0), slot(), func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.Fail, Error: throttled})
		r.send(10)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, "go home", out.Next)
		assert.Zero(r, r.worker().Took)
		assert.Zero(r, r.worker().Rate)
		tally := r.tally()
		assert.Equal(r, registry.Tally{Fleet: "jobs", Item: "tally", Workers: 1, Seconds: tally.Seconds}, tally, "it found messages, and settled none")
		assert.Equal(r, int64(10), r.worker().Throttled)
	})
}

func TestWhoGoesHomeIsCounted(t *testing.T) {
	for name, c := range map[string]struct {
		worker   registry.Worker
		messages int
		done     int64
		vain     int64
	}{
		"with what it did":             {slot(), 30, 30, 0},
		"and in the shifts before":     {slot(func(w *registry.Worker) { w.Handled, w.Failed = 4, 2 }), 0, 6, 0},
		"in vain":                      {slot(), 0, 0, 1},
		"told to: that is not in vain": {slot(func(w *registry.Worker) { w.Orders = registry.Drain }), 0, 0, 0},
		"told to, with what it did":    {slot(func(w *registry.Worker) { w.Orders, w.Handled = registry.Drain, 4 }), 0, 4, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, takes(time.Second), c.worker, func(r *rig) {
				r.send(c.messages)
				out, err := r.shift("t1")
				require.NoError(r, err)
				assert.Equal(r, "go home", out.Next)
				tally := r.tally()
				assert.Equal(r, c.done, tally.Done)
				assert.Equal(r, c.vain, tally.Vain)
			})
		})
	}
}

func TestWhoCannotBeCountedStays(t *testing.T) {
	inBubble(t, takes(time.Second), slot(), func(r *rig) {
		// A shift is taken, ended, and its worker counted.
		_, stop := r.runtime.Router.Faults.Add(api.Fault{Operation: "UpdateItem", Skip: 2, Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "not yours")})
		_, err := r.shift("t1")
		assert.ErrorContains(r, err, "count a worker that goes home: ")
		stop()
		out, err := r.shift("t2")
		require.NoError(r, err)
		assert.Equal(r, "go home", out.Next)
		assert.EqualValues(r, 1, r.tally().Vain)
	})
}
