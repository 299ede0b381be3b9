package autoscaler_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// waiting is a worker of the steps lane that waits for a task, for a year by its
// own word, since it polled at an instant.
func waiting(at registry.Instant) func(*registry.Worker) {
	return func(w *registry.Worker) {
		w.Lane, w.Parallelism, w.ReportedAt, w.Seq, w.Poll = string(fleet.Steps), 1, at, 1, "request-1"
		w.BusyUntil = at.Time().Add(365 * 24 * time.Hour).UnixMilli()
	}
}

// holds lets the worker a hold a message in callback mode, received at minute 9,
// hidden for 90 seconds from now on.
func (r *rig) holds(worker func(*registry.Worker)) registry.Worker {
	r.Helper()
	r.config.Lane, r.config.Mode, r.config.Heartbeat = fleet.Steps, fleet.Callback, 2*time.Minute
	r.config.Process.Timeout, r.config.Transform.ARN, r.config.Transform.Timeout = 6*time.Hour, "", 0
	r.send(1)
	records, err := queue.New(r.runtime.Config(), r.url, r.config.QueueARN).Receive(r.Context(), 1, 0, 90*time.Second)
	require.NoError(r, err)
	require.Len(r, records, 1)
	w := slot("a", worker)
	r.hold(registry.Control{}, w)
	_, err = r.registry.TakeHold(r.Context(), registry.Hold{
		Item: records[0].MessageID, Worker: "a", Execution: "worker-a-1", Seq: 1, Request: "request-1",
		ReceiptHandle: records[0].ReceiptHandle, Received: minute9.Time().UnixMilli(), Receives: 1,
	}, registry.Hold{})
	require.NoError(r, err)
	return w
}

// hidden says for how long the message stays invisible.
func (r *rig) hidden() time.Duration {
	r.Helper()
	from := time.Now()
	for {
		d, err := queue.New(r.runtime.Config(), r.url, "").Depth(r.Context())
		require.NoError(r, err)
		if d.Visible == 1 {
			return time.Since(from)
		}
		time.Sleep(time.Second)
	}
}

// TestHeldMessages are hidden on while the worker runs. It is looked up though it
// is busy by its own word, and its slot stays taken for a heartbeat and 15 seconds
// after its end was seen.
func TestHeldMessages(t *testing.T) {
	for name, c := range map[string]struct {
		worker func(*registry.Worker)
		// execution is how the worker's execution is.
		execution string
		trigger   string
		hidden    time.Duration
		ended     bool
		lookups   int
	}{
		"its worker runs":                  {waiting(minute9), "RUNNING", scheduled, 165 * time.Second, false, 1},
		"its worker ended, nobody said so": {waiting(minute9), "FAILED", scheduled, 90 * time.Second, true, 1},
		"its worker ended, as an event":    {waiting(minute9), "RUNNING", event("worker-a-1", "ABORTED", ""), 90 * time.Second, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				w := r.holds(c.worker)
				r.run(w, c.execution)
				lookups := r.count("DescribeExecution")
				r.ticks(c.trigger)
				assert.Equal(r, c.lookups, lookups())
				got := r.snapshot().Workers[0]
				assert.Equal(r, c.ended, got.Ended)
				if c.ended {
					assert.Equal(r, now.Time().Add(160*time.Second).UnixMilli(), got.BusyUntil)
				}
				assert.Equal(r, c.hidden, r.hidden())
			})
		})
	}
}

// TestASilentWorkerThatWaits is looked up though it is busy by its own word: it
// may have died as it polled.
func TestASilentWorkerThatWaits(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.Lane, r.config.Mode, r.config.Heartbeat = fleet.Steps, fleet.Callback, 2*time.Minute
		r.config.Transform.ARN = ""
		w := slot("a", waiting("2000-01-01T00:04:59.999Z"))
		r.hold(registry.Control{}, w)
		r.run(w, "FAILED")
		r.ticks(scheduled)
		assert.True(r, r.snapshot().Workers[0].Ended)
		time.Sleep(2*time.Minute + 40*time.Second)
		r.ticks(scheduled)
		assert.Empty(r, r.snapshot().Workers)
	})
}

// TestHeldMessagesThatCannotBeHidden keep no tick from its work.
func TestHeldMessagesThatCannotBeHidden(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run(r.holds(waiting(minute9)), "RUNNING")
		r.send(20)
		r.fail("ChangeMessageVisibilityBatch", 0, &api.Error{Code: "AccessDenied", Message: "not yours", Status: 403})
		out := r.ticks(scheduled)
		assert.NotEmpty(r, out.Starts)
		assert.Contains(r, out.Reason, "; held messages: hide 1 messages in ")
	})
}
