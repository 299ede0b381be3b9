package steps_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/steps"
)

// forDays lets the fleet's tasks take a week.
func (r *rig) forDays() {
	r.config.Mode, r.config.Process.Timeout, r.config.Heartbeat, r.config.MaxReceives = fleet.Callback, 7*24*time.Hour, 5*time.Minute, 3
}

// holds are the messages that are held.
func (r *rig) holds() []registry.Hold {
	r.Helper()
	holds, err := r.registry.Holds(r.Context())
	require.NoError(r, err)
	return holds
}

// TestATaskHoldsItsMessage until it is settled.
func TestATaskHoldsItsMessage(t *testing.T) {
	for name, c := range map[string]struct {
		in    func(*steps.SettleInput)
		depth queue.Depth
	}{
		"well": {func(in *steps.SettleInput) { in.Reply = &steps.Reply{Failures: []json.RawMessage{}} }, queue.Depth{}},
		"badly": {func(in *steps.SettleInput) {
			in.Error = &steps.StateError{Error: "Task.Failed", Cause: `{"errorMessage":"x","retryAfterSeconds":0}`}
		}, queue.Depth{Visible: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(), func(r *rig) {
				r.forDays()
				ids := r.send("job")
				b, err := r.poll(0, 0)
				require.NoError(r, err)
				whole(r, b)
				assert.Equal(r, "process callback", b.Next)
				require.Len(r, r.holds(), 1)
				h := r.holds()[0]
				assert.Equal(r, []any{ids[0], "a", "worker-a-1", int64(1), "request-1"}, []any{h.MessageID(), h.Worker, h.Execution, h.Seq, h.Request})
				assert.True(r, h.Stands(r.worker()))
				assert.True(r, b.Messages[0].Kept)

				in := steps.SettleInput{Fleet: "jobs", Worker: "a", Execution: "worker-a-1", Seq: 1, Stage: b.Next, Object: b.Object, Messages: b.Messages}
				c.in(&in)
				for range 2 {
					_, err = r.lane().Settle(r.Context(), in)
					require.NoError(r, err)
				}
				assert.Empty(r, r.holds())
				assert.Empty(r, r.bodies())
				assert.Equal(r, c.depth, r.depth())
			})
		})
	}
}

// TestAMessageOnWhichSomebodyWorks is put away, and the poll goes on.
func TestAMessageOnWhichSomebodyWorks(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		r.forDays()
		ids := r.send("job")
		other := registry.NewWorker(time.Now())
		s, err := r.registry.Snapshot(r.Context())
		require.NoError(r, err)
		require.NoError(r, r.registry.Commit(r.Context(), s.Control, registry.Change{Control: s.Control, Reserve: []registry.Worker{other}}))
		_, err = r.registry.BeginBatch(r.Context(), registry.Post{Worker: other.ID(), Execution: other.Holder}, 1, registry.Try{Request: "request-9"}, time.Now(), time.Now())
		require.NoError(r, err)
		_, err = r.registry.TakeHold(r.Context(), registry.Hold{Item: ids[0], Worker: other.ID(), Execution: other.Holder, Seq: 1, Request: "request-9"}, registry.Hold{})
		require.NoError(r, err)

		b, err := r.poll(0, 7)
		require.NoError(r, err)
		whole(r, b)
		assert.Equal(r, []any{"poll", 0}, []any{b.Next, len(b.Messages)})
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth())
		assert.Equal(r, other.ID(), r.holds()[0].Worker)
	})
}

// TestAMessageTooLargeToBeKept fails: SQS would let go of it while its task runs.
func TestAMessageTooLargeToBeKept(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		r.forDays()
		r.send(strings.Repeat("x", 1024*1024))
		b, err := r.poll(0, 0)
		require.NoError(r, err)
		whole(r, b)
		assert.Equal(r, []any{"settle", steps.Failed}, []any{b.Next, b.Messages[0].Outcome})
		assert.Contains(r, b.Messages[0].Reason, "the message is too large for a task that may take over 12 hours: ")
		assert.Empty(r, r.holds())
		assert.Empty(r, r.bodies())
	})
}
