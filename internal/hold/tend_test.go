package hold_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// TestATickHidesWhatIsHeld until its worker ends, and no longer.
func TestATickHidesWhatIsHeld(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		task := r.worker("a")
		r.takes(task)
		r.ticks(3 * time.Hour)
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth(r.config.QueueURL))
		r.stop(task)
		r.ended(task)
		r.ticks(heartbeat + time.Minute)
		assert.Equal(r, queue.Depth{Visible: 1}, r.depth(r.config.QueueURL), "back within the heartbeat and a minute")
		assert.Equal(r, task.Worker, r.held().Worker)
		r.takes(r.worker("b"))
	})
}

// TestATickThatIsOvertaken hides a message that is returned meanwhile, and makes
// it visible again.
func TestATickThatIsOvertaken(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		task := r.worker("a")
		m := r.takes(task)
		time.Sleep(time.Minute)
		r.runtime.Router.Faults.Add(api.Fault{Service: "sqs", Operation: "ChangeMessageVisibilityBatch", Kind: api.Delay, For: 5 * time.Second, Times: 1})
		done := make(chan error)
		go func() { done <- r.tick() }()
		synctest.Wait()
		r.release(task, m, hold.End{Delay: 2 * time.Second})
		require.NoError(r, <-done)
		assert.Equal(r, queue.Depth{Visible: 1}, r.depth(r.config.QueueURL))
	})
}

func TestAFreshHoldNeedsNoTick(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		r.takes(r.worker("a"))
		h := r.held()
		assert.False(r, hold.Due(h, h.ReceivedAt().Add(14*time.Second)))
		assert.True(r, hold.Due(h, h.ReceivedAt().Add(15*time.Second)))
		h.Kept = true
		assert.False(r, hold.Due(h, h.ReceivedAt().Add(time.Hour)))
	})
}

// TestVoidHoldsAreClearedAway with their objects. Their messages are returned
// already, or become visible by themselves.
func TestVoidHoldsAreClearedAway(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		task := r.worker("a")
		r.takes(task)
		r.settled(task)
		require.NoError(r, r.tick())
		r.nothing()
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth(r.config.QueueURL))
	})
}

// kept is a message that a tick took out of the queue, and its task.
func (r *rig) kept() (hold.Task, string) {
	r.Helper()
	id := r.send("job")
	task := r.worker("a")
	r.takes(task)
	r.ticks(6 * time.Hour)
	require.Equal(r, queue.Depth{InFlight: 1}, r.depth(r.config.QueueURL))
	require.False(r, r.held().Kept)
	r.ticks(time.Minute)
	require.Equal(r, queue.Depth{}, r.depth(r.config.QueueURL))
	require.True(r, r.held().Kept)
	return task, id
}

// TestWhatIsKeptIsSentAgain after its worker's end: not before what it started
// must have ended, and not a minute later.
func TestWhatIsKeptIsSentAgain(t *testing.T) {
	for name, c := range map[string]struct {
		heartbeat time.Duration
		// known is how long after its end a tick knows of it.
		known time.Duration
	}{
		"known at once":                        {heartbeat, 0},
		"known a minute later":                 {heartbeat, 59 * time.Second},
		"a heartbeat beyond SQS's delay":       {2 * time.Hour, 0},
		"a heartbeat beyond it, known a while": {2 * time.Hour, 59 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.Heartbeat = c.heartbeat
				task, id := r.kept()
				time.Sleep(10 * day)
				r.stop(task)
				end := time.Now()
				time.Sleep(c.known)
				r.ended(task)
				r.ticks(c.heartbeat - c.known - 10*time.Second)
				for ; r.depth(r.config.QueueURL).Visible == 0; time.Sleep(time.Second) {
					require.Less(r, time.Since(end), c.heartbeat+time.Minute)
				}
				assert.GreaterOrEqual(r, time.Since(end), c.heartbeat)
				r.nothing()
				m := r.takes(r.worker("b"))
				assert.Equal(r, id, m.MessageID)
				assert.Equal(r, "job", m.Body)
				assert.Equal(r, 2, m.Receives())
				assert.Equal(r, 2, r.held().Receives)
			})
		})
	}
}

// TestWhatIsKeptAndReceivedTooOften goes to the dead-letter queue, and its reason
// is kept.
func TestWhatIsKeptAndReceivedTooOften(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.MaxReceives = 1
		task, id := r.kept()
		r.stop(task)
		r.ended(task)
		require.NoError(r, r.tick())
		assert.Equal(r, queue.Depth{}, r.depth(r.config.DeadLetterURL), "its task may run")
		time.Sleep(heartbeat + 30*time.Second)
		require.NoError(r, r.tick())
		dead, err := queue.New(r.runtime.Config(), r.config.DeadLetterURL, "").Receive(r.Context(), 10, 0, time.Minute)
		require.NoError(r, err)
		require.Len(r, dead, 1)
		assert.Equal(r, id, dead[0].MessageID)
		r.nothing()
		for f, err := range r.registry.Failures(r.Context(), registry.FailureQuery{MessageID: id}) {
			require.NoError(r, err)
			assert.Equal(r, []any{"its worker ended while its task ran", "worker-a-1", 1}, []any{f.Reason, f.Worker, f.Receives})
		}
	})
}

// TestATickDiesAtAnyPoint: the next ones carry on, and nothing is lost.
func TestATickDiesAtAnyPoint(t *testing.T) {
	for name, c := range map[string]struct {
		service, operation string
		kind               api.FaultKind
		// copies of the message that there are in the end.
		copies int
	}{
		"before it claims":               {"dynamodb", "UpdateItem", api.Fail, 1},
		"before it reads":                {"s3", "GetObject", api.Fail, 1},
		"before it sends":                {"sqs", "SendMessage", api.Fail, 1},
		"before it deletes the object":   {"s3", "DeleteObject", api.Fail, 2},
		"before it ends the hold":        {"dynamodb", "DeleteItem", api.Fail, 1},
		"its send's reply is lost":       {"sqs", "SendMessage", api.LoseReply, 2},
		"its claim's reply is lost":      {"dynamodb", "UpdateItem", api.LoseReply, 1},
		"its hold's end's reply is lost": {"dynamodb", "DeleteItem", api.LoseReply, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				task, id := r.kept()
				r.freed(task)
				r.fault(c.service, c.operation, c.kind, 1)
				// Failed for good, it may have been done or not.
				err := r.tick()
				if c.kind == api.Fail {
					require.ErrorContains(r, err, "not yours")
				}
				r.ticks(7 * time.Minute)
				r.nothing()
				var got []string
				for range 3 {
					if m, ok := r.receive(); ok {
						got = append(got, m.MessageID)
					}
				}
				want := []string{id, id}
				assert.Equal(r, want[:c.copies], got)
			})
		})
	}
}

// TestATickDiesAsItKeeps: the message is in the queue and kept.
func TestATickDiesAsItKeeps(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		task := r.worker("a")
		m := r.takes(task)
		r.ticks(6 * time.Hour)
		r.fault("sqs", "DeleteMessageBatch", api.Fail, 1)
		require.ErrorContains(r, r.tick(), "not yours")
		assert.True(r, r.held().Kept)
		time.Sleep(leased)
		r.refused(r.worker("b"))
		assert.Equal(r, queue.Depth{}, r.depth(r.config.QueueURL))
		r.release(task, m, hold.End{Done: true})
		r.nothing()
	})
}

// TestWhatIsNotStoredIsNotKept: it would be lost.
func TestWhatIsNotStoredIsNotKept(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		task := r.worker("a")
		m := r.must()
		r.fault("s3", "PutObject", api.Fail, 1)
		_, err := r.keeper().Take(r.Context(), task, m)
		require.ErrorContains(r, err, "not yours")
		r.ticks(8 * time.Hour)
		assert.False(r, r.held().Kept)
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth(r.config.QueueURL), "hidden on instead")
	})
}

// TestTwoTicksAtOnce send a message once.
func TestTwoTicksAtOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		task, _ := r.kept()
		holds, err := r.registry.Holds(r.Context())
		require.NoError(r, err)
		r.freed(task)
		for _, by := range []string{"one", "other"} {
			require.NoError(r, r.keeper().Tend(r.Context(), by, time.Now(), holds, nil))
		}
		time.Sleep(5 * time.Second)
		assert.Equal(r, queue.Depth{Visible: 1}, r.depth(r.config.QueueURL))
	})
}

// TestWhatCannotBeKeptStaysHidden whatever becomes of the attempt to keep it.
func TestWhatCannotBeKeptStaysHidden(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		r.takes(r.worker("a"))
		r.ticks(6 * time.Hour)
		r.fault("dynamodb", "UpdateItem", api.Fail, 1)
		assert.Error(r, r.tick())
		time.Sleep(heartbeat)
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth(r.config.QueueURL))
		assert.False(r, r.held().Kept)
		require.NoError(r, r.tick())
		assert.True(r, r.held().Kept)
	})
}

// TestATickHidesFirst what runs, though it takes long to keep other messages.
func TestATickHidesFirst(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("old")
		r.takes(r.worker("a"))
		r.ticks(6 * time.Hour)
		r.send("new")
		r.takes(r.worker("b"))
		time.Sleep(heartbeat)
		r.runtime.Router.Faults.Add(api.Fault{Service: "s3", Operation: "HeadObject", Kind: api.Delay, For: 2 * time.Minute})
		began := time.Now()
		assert.ErrorIs(r, r.tick(), context.DeadlineExceeded)
		assert.Less(r, time.Since(began), 30*time.Second)
		time.Sleep(time.Until(began.Add(heartbeat)))
		assert.Equal(r, queue.Depth{InFlight: 2}, r.depth(r.config.QueueURL))
		time.Sleep(time.Hour)
	})
}
