package steps_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/steps"
)

// TestPollOfAFleetThatLeftTheLane takes no messages: one receive of the stream
// lane brings messages of several routes, and a batch here has one handler.
func TestPollOfAFleetThatLeftTheLane(t *testing.T) {
	inBubble(t, slot(stay), func(r *rig) {
		r.config.Lane, r.config.Routes, r.config.Unmatched = fleet.Stream, r.ordersRoute(), fleet.ToHandler
		r.send("order", "other")
		b, err := r.poll(0, 0)
		require.NoError(r, err)
		assert.Equal(r, "go home", b.Next)
		assert.Equal(r, 2, r.depth().Visible)
	})
}

// TestABatchOfAFleetThatWaitsSince goes back: nobody holds its message, and a job
// would lack what starts it.
func TestABatchOfAFleetThatWaitsSince(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fleet.Settings)
		kept   bool
	}{
		"for tasks":             {func(s *fleet.Settings) { s.Mode = fleet.Callback }, false},
		"for jobs":              {func(s *fleet.Settings) { s.Target, s.Process.ARN = fleet.ECS, "" }, false},
		"for jobs, after tasks": {func(s *fleet.Settings) { s.Target, s.Process.ARN = fleet.ECS, "" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				r.config.Transform = r.put("transform", 20*time.Second, unchanged)
				records := []message.Record{record("m1", "a")}
				b := batchOf(records...)
				b.Messages[0].Kept = c.kept
				c.change(&r.config)
				b, err := r.deliver(handler.Transform, b)
				require.NoError(r, err)
				assert.Equal(r, "settle", b.Next)
				assert.Equal(r, steps.Unstarted, b.Messages[0].Outcome)
			})
		})
	}
}

// TestABodyThatLacksItsMessage fails it: what no handler had is not handled.
func TestABodyThatLacksItsMessage(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 30*time.Second, func(context.Context, message.Event) (any, error) { return nil, nil })
		b := batchOf(record("m1", "a"))
		b.Event, b.Object, b.Next = noRecords, "bodies/jobs/one.json", "process large"
		r.store(b.Object, `{}`)
		b, err := r.deliver(handler.Process, b)
		require.NoError(r, err)
		assert.Equal(r, "settle", b.Next)
		assert.NotEqual(r, steps.Handled, b.Messages[0].Outcome)
	})
}
