package hold_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

func TestWhatIsWaitedForIsHeld(t *testing.T) {
	transform := handler.Target{ARN: "arn:transform", Timeout: time.Minute}
	for name, c := range map[string]struct {
		config fleet.Settings
		wanted bool
		linger time.Duration
	}{
		"sync":     {fleet.Settings{Target: fleet.Lambda, Mode: fleet.Sync, Process: handler.Target{Timeout: time.Hour}, Heartbeat: 5 * time.Minute}, false, time.Hour},
		"callback": {fleet.Settings{Target: fleet.Lambda, Mode: fleet.Callback, Process: handler.Target{Timeout: time.Hour}, Heartbeat: 5 * time.Minute}, true, 5 * time.Minute},
		"job":      {fleet.Settings{Target: fleet.ECS, Mode: fleet.Sync, Process: handler.Target{Timeout: time.Hour}, Heartbeat: 5 * time.Minute}, true, 5 * time.Minute},
		"callback, transform sync": {
			fleet.Settings{Target: fleet.Lambda, Mode: fleet.Callback, Process: handler.Target{Timeout: time.Hour}, Heartbeat: 10 * time.Second, Transform: transform}, true, time.Minute,
		},
		"transform callback": {
			fleet.Settings{Target: fleet.Lambda, Mode: fleet.Sync, Process: handler.Target{Timeout: 20 * time.Second}, Heartbeat: 30 * time.Second, Transform: transform, TransformMode: fleet.Callback}, true, 30 * time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.wanted, hold.Wanted(c.config))
			assert.Equal(t, c.linger, hold.Linger(c.config))
			assert.Equal(t, time.Unix(30, 0).Add(c.linger), hold.Over(c.config, time.Unix(0, 0)))
		})
	}
}

func TestAMessageIsTaken(t *testing.T) {
	inBubble(t, func(r *rig) {
		id := r.send("job")
		task := r.worker("a")
		m := r.takes(task)
		assert.Equal(r, registry.Hold{
			Fleet: "jobs#held", Item: id, Worker: "a", Execution: "worker-a-1", Seq: 1, Request: "request-1",
			ReceiptHandle: m.ReceiptHandle, Received: m.Received.UnixMilli(), Receives: 1, Object: "held/jobs/" + id + "/worker-a-1-1.json",
		}, r.held())
		// Once more: the reply may have been lost.
		mine, err := r.keeper().Take(r.Context(), task, m)
		require.NoError(r, err)
		assert.True(r, mine)
	})
}

func TestOnlyWhatMayOutlastSQSIsStored(t *testing.T) {
	for name, c := range map[string]struct {
		process time.Duration
		fifo    bool
		stored  bool
	}{
		"6 hours":           {6 * time.Hour, false, false},
		"more than 6 hours": {6*time.Hour + time.Second, false, true},
		"a FIFO queue":      {11 * time.Hour, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.Process.Timeout, r.config.Fifo = c.process, c.fifo
				r.send("job")
				task := r.worker("a")
				m := r.takes(task)
				assert.Equal(r, c.stored, r.held().Object != "")
				r.release(task, m, hold.End{Done: true})
				r.nothing()
			})
		})
	}
}

// TestAMessageWithoutRoom cannot have a task that may take over 12 hours.
func TestAMessageWithoutRoom(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(strings.Repeat("x", 1024*1024))
		task := r.worker("a")
		m := r.must()
		mine, err := r.keeper().Take(r.Context(), task, m)
		assert.False(r, mine)
		var large *hold.TooLargeError
		require.ErrorAs(r, err, &large)
		assert.ErrorContains(r, err, "the message is too large for a task that may take over 12 hours: it takes ")
		r.nothing()

		r.config.Process.Timeout = 12 * time.Hour
		mine, err = r.keeper().Take(r.Context(), task, m)
		require.NoError(r, err)
		assert.True(r, mine)
		assert.Empty(r, r.held().Object)
	})
}

// TestAMessageThatIsHeld is received once more, by another worker.
func TestAMessageThatIsHeld(t *testing.T) {
	for name, c := range map[string]struct {
		// before the message is received again, which it is after the lease.
		before func(r *rig, first hold.Task)
		// free says that it is taken over; hidden for how long it is put away if not.
		free   bool
		hidden time.Duration
	}{
		"its worker runs":      {before: func(*rig, hold.Task) {}, hidden: leased},
		"its worker settled":   {before: func(r *rig, first hold.Task) { r.settled(first) }, free: true},
		"its worker polled":    {before: func(r *rig, first hold.Task) { r.settled(first); r.poll("a", 2, "request-2") }, free: true},
		"its poll was retried": {before: func(r *rig, _ hold.Task) { r.poll("a", 1, "request-2") }, free: true},
		"its worker is gone":   {before: func(r *rig, first hold.Task) { r.freed(first) }, free: true},
		"its worker died just now": {
			before: func(r *rig, first hold.Task) { r.stop(first) },
			// The heartbeat, and 15 seconds each for what arrives late and for clocks.
			hidden: heartbeat + 30*time.Second,
		},
		"its worker died earlier":  {before: func(r *rig, first hold.Task) { r.stop(first); r.sleeps(heartbeat + 10*time.Second) }, hidden: 20 * time.Second},
		"its worker died long ago": {before: func(r *rig, first hold.Task) { r.stop(first); r.sleeps(heartbeat + 30*time.Second) }, free: true},
		"its worker died, as a tick knows": {
			before: func(r *rig, first hold.Task) { r.stop(first); r.ended(first) }, hidden: heartbeat + 30*time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.send("job")
				first := r.worker("a")
				r.takes(first)
				before := r.held()
				time.Sleep(leased)
				c.before(r, first)
				second := r.worker("b")
				m := r.must()
				mine, err := r.keeper().Take(r.Context(), second, m)
				require.NoError(r, err)
				assert.Equal(r, c.free, mine)
				if c.free {
					assert.Equal(r, "b", r.held().Worker)
					return
				}
				assert.Equal(r, before.Worker, r.held().Worker)
				time.Sleep(c.hidden - time.Second)
				assert.Equal(r, queue.Depth{InFlight: 1}, r.depth(r.config.QueueURL))
				time.Sleep(time.Second)
				assert.Equal(r, queue.Depth{Visible: 1}, r.depth(r.config.QueueURL))
			})
		})
	}
}

// settled says that a task's batch was settled, its hold left behind.
func (r *rig) settled(t hold.Task) {
	r.Helper()
	_, err := r.registry.EndBatch(r.Context(), t.Post, t.Seq, time.Now(), registry.Counts{})
	require.NoError(r, err)
}

// freed frees the slot of a task's worker.
func (r *rig) freed(t hold.Task) {
	r.Helper()
	s, err := r.registry.Snapshot(r.Context())
	require.NoError(r, err)
	for _, w := range s.Workers {
		if w.ID() == t.Worker {
			require.NoError(r, r.registry.Commit(r.Context(), s.Control, registry.Change{Control: s.Control, Free: []registry.Worker{w}}))
		}
	}
}

// TestTheNewestReceiptCounts: the older one may be no use to SQS.
func TestTheNewestReceiptCounts(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		first := r.worker("a")
		m := r.takes(first)
		time.Sleep(leased)
		second := r.worker("b")
		r.refused(second)
		assert.NotEqual(r, m.ReceiptHandle, r.held().ReceiptHandle)
		assert.Equal(r, time.Now().UnixMilli(), r.held().Received)
		r.release(first, m, hold.End{Done: true})
		assert.Equal(r, queue.Depth{}, r.depth(r.config.QueueURL), "deleted by the newest")
		r.nothing()
	})
}

// TestWhatIsKeptAndStillInTheQueue is surplus, unless it is just being sent.
func TestWhatIsKeptAndStillInTheQueue(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		first := r.worker("a")
		r.takes(first)
		h, err := r.registry.KeepHold(r.Context(), r.held())
		require.NoError(r, err)
		time.Sleep(leased)
		r.refused(r.worker("b"))
		assert.Equal(r, queue.Depth{}, r.depth(r.config.QueueURL))
		assert.Equal(r, h, r.held())

		_, err = r.registry.ClaimHold(r.Context(), h, "tick", time.Now())
		require.NoError(r, err)
		r.send("job")
		m := r.must()
		m.MessageID = h.Item
		mine, err := r.keeper().Take(r.Context(), r.worker("c"), m)
		require.NoError(r, err)
		assert.False(r, mine)
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth(r.config.QueueURL))
		time.Sleep(5 * time.Minute)
		assert.Equal(r, queue.Depth{Visible: 1}, r.depth(r.config.QueueURL))
	})
}

func TestThatAMessageWasNotTakenIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		operation string
		// held says that another's hold is there.
		held bool
		want string
	}{
		"the write":     {"PutItem", false, "take message "},
		"the object":    {"PutObject", false, " into bucket bodies: "},
		"the hold":      {"GetItem", true, "read who holds message "},
		"the execution": {"DescribeExecution", true, "look up worker execution worker-a-1: "},
		"the hiding":    {"ChangeMessageVisibilityBatch", true, "hide 1 messages in "},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.send("job")
				task := r.worker("a")
				if c.held {
					r.takes(task)
					time.Sleep(leased)
					task = r.worker("b")
				}
				m := r.must()
				r.fault("", c.operation, api.Fail, 0)
				_, err := r.keeper().Take(r.Context(), task, m)
				require.ErrorContains(r, err, c.want)
				assert.ErrorContains(r, err, "not yours")
			})
		})
	}
}

// TestAnExecutionThatNobodyKnows is not known to have ended.
func TestAnExecutionThatNobodyKnows(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		r.takes(r.worker("a"))
		time.Sleep(leased)
		second := r.worker("b")
		r.machine = strings.Replace(r.machine, "jobs-worker", "other", 1)
		r.refused(second)
	})
}

// TestAHoldThatIsTakenOver leaves no object behind.
func TestAHoldThatIsTakenOver(t *testing.T) {
	for name, seq := range map[string]int64{"by the next try of its poll": 1, "by the next poll": 2} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.send("job")
				r.takes(r.worker("a"))
				time.Sleep(leased)
				task := r.poll("a", seq, "request-2")
				m := r.takes(task)
				list, err := r.objects.ListObjectsV2(r.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("bodies")})
				require.NoError(r, err)
				require.Len(r, list.Contents, 1)
				assert.Equal(r, r.held().Object, *list.Contents[0].Key)
				r.release(task, m, hold.End{Done: true})
				r.nothing()
			})
		})
	}
}
