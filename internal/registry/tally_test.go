package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/registry"
)

func TestTally(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		tally, err := r.Tally(r.Context())
		require.NoError(r, err)
		assert.Zero(r, tally)

		since := registry.At(time.Now())
		time.Sleep(time.Minute)
		require.NoError(r, r.CountHome(r.Context(), registry.Worker{
			ReservedAt: since, Parallelism: 5,
			Counts: registry.Counts{Handled: 1, Failed: 10, Filtered: 100, Duplicates: 1000, Unmatched: 10000, Rate: 10, Took: 4, Events: 30, BusySeconds: 12.5},
		}, false))
		require.NoError(r, r.Remember(r.Context(), "", `{"depth":1}`))
		require.NoError(r, r.CountHome(r.Context(), registry.Worker{ReservedAt: since, Parallelism: 2}, true))
		require.NoError(r, r.Remember(r.Context(), `{"depth":1}`, `{"depth":2}`))
		assert.ErrorIs(r, r.Remember(r.Context(), `{"depth":1}`, `{"depth":3}`), registry.ErrMoved)
		assert.ErrorIs(r, r.Remember(r.Context(), "", `{"depth":3}`), registry.ErrMoved)
		tally, err = r.Tally(r.Context())
		require.NoError(r, err)
		assert.Equal(r, registry.Tally{
			Fleet: "jobs", Item: "tally", Done: 1111, Vain: 1, Took: 4, Event: 8, Workers: 2, Seconds: 120, Events: 30, Busy: 12.5, Memory: `{"depth":2}`,
		}, tally)
		assert.Empty(r, r.workers(), "it is no slot")
	})
}
