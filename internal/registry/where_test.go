package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

func TestFind(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		find := func(id string) registry.Trace {
			r.Helper()
			t, err := r.Find(r.Context(), id, "messageId="+id)
			require.NoError(r, err)
			return t
		}
		assert.Equal(r, registry.Trace{}, find("m-1"))

		holding := slot(counts(registry.Counts{InHand: 1, Holding: []string{"m-0", "m-1"}}))
		steps := slot(batch(7, 6), func(w *registry.Worker) {
			w.Item, w.Holder, w.Lane, w.Poll = "worker#b", "worker-b-1", "steps", "poll-1"
		})
		r.hold(holding, steps)
		r.fail(registry.Failure{MessageID: "m-1", Receives: 1}, registry.Failure{MessageID: "m-2"}, registry.Failure{MessageID: "m-1", Receives: 2})
		found := find("m-1")
		assert.Equal(r, []registry.Worker{holding}, found.Holders("m-1"))
		require.Len(r, found.Failures, 2)
		assert.Equal(r, 2, found.Failures[0].Receives)
		assert.Nil(r, found.Hold)
		assert.Nil(r, found.Seen)
		assert.Len(r, found.Workers, 2)

		_, err := r.TakeHold(r.Context(), registry.Hold{Item: "m-3", Worker: "b", Execution: "worker-b-1", Seq: 7, Request: "poll-1"}, registry.Hold{})
		require.NoError(r, err)
		_, _, err = r.Begin(r.Context(), registry.Attempt{Key: registry.HashKey("messageId=m-3"), By: "a"}, registry.Task{}, time.Now(), time.Now().Add(time.Minute))
		require.NoError(r, err)
		found = find("m-3")
		require.NotNil(r, found.Hold)
		assert.True(r, found.Stands)
		require.NotNil(r, found.Seen)
		assert.False(r, found.Seen.Done)
		assert.Empty(r, found.Holders("m-3"))

		// Its worker went on, and what was begun is forgotten.
		_, err = r.EndBatch(r.Context(), registry.Post{Worker: "b", Execution: "worker-b-1"}, 7, time.Now(), registry.Counts{})
		require.NoError(r, err)
		time.Sleep(2 * time.Hour)
		found = find("m-3")
		assert.NotNil(r, found.Hold)
		assert.False(r, found.Stands)
		assert.Nil(r, found.Seen)
	})
}

func TestFindThatFails(t *testing.T) {
	for skip, says := range []string{"read who holds message m-1", "read who is at a message", "read the registry's control item", "read the registry's workers", "read the failures"} {
		inBubble(t, local.Options{}, func(r *rig) {
			r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Kind: api.Fail, Skip: skip, Error: api.Errorf("AccessDeniedException", "no")})
			_, err := r.Find(r.Context(), "m-1", "messageId=m-1")
			assert.ErrorContains(r, err, says)
		})
	}
}
