package hold_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
)

// TestATaskEnds with its message in the queue or kept, and once more after a
// reply that was lost.
func TestATaskEnds(t *testing.T) {
	for name, c := range map[string]struct {
		// age of the hold.
		age time.Duration
		end hold.End
		// back is when the message is visible again. 0 for never.
		back time.Duration
	}{
		"well":                                   {time.Hour, hold.End{Done: true}, 0},
		"badly":                                  {time.Hour, hold.End{Delay: 90 * time.Second}, 90 * time.Second},
		"badly, after hours, for hours":          {time.Hour, hold.End{Delay: 3 * time.Hour}, 3 * time.Hour},
		"well, kept":                             {7 * time.Hour, hold.End{Done: true}, 0},
		"badly, kept":                            {7 * time.Hour, hold.End{Delay: 90 * time.Second}, 90 * time.Second},
		"badly, kept, at once":                   {7 * time.Hour, hold.End{}, 5 * time.Second},
		"badly, kept, for longer than SQS waits": {7 * time.Hour, hold.End{Delay: 3 * time.Hour}, 3 * time.Hour},
	} {
		for times := 1; times <= 2; times++ {
			t.Run(name, func(t *testing.T) {
				inBubble(t, func(r *rig) {
					id := r.send("job")
					task := r.worker("a")
					m := r.takes(task)
					r.ticks(c.age)
					for range times {
						r.release(task, m, c.end)
					}
					r.settled(task)
					if c.back == 0 {
						r.nothing()
						assert.Equal(r, queue.Depth{}, r.depth(r.config.QueueURL))
						return
					}
					ended := time.Now()
					r.ticks(c.back - 20*time.Second)
					for ; r.depth(r.config.QueueURL).Visible == 0; time.Sleep(time.Second) {
						require.Less(r, time.Since(ended), c.back+time.Minute)
					}
					assert.InDelta(r, c.back, time.Since(ended), float64(time.Second))
					r.nothing()
					next := r.takes(r.worker("b"))
					assert.Equal(r, id, next.MessageID)
					assert.Equal(r, 2, next.Receives())
				})
			})
		}
	}
}

// TestAMessageReachesTheDeadLetterQueue after as many receives as it may have,
// of which SQS knows only the last.
func TestAMessageReachesTheDeadLetterQueue(t *testing.T) {
	for name, last := range map[string]time.Duration{"in the queue": time.Hour, "kept": 7 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				id := r.send("job")
				for i, age := range []time.Duration{7 * time.Hour, 7 * time.Hour, last} {
					task := r.worker(string(rune('a' + i)))
					m := r.takes(task)
					require.Equal(r, []any{id, i + 1, i}, []any{m.MessageID, m.Receives(), m.Carried})
					r.ticks(age)
					r.release(task, m, hold.End{Delay: time.Second})
					r.settled(task)
				}
				assert.Equal(r, queue.Depth{}, r.depth(r.config.QueueURL))
				dead, err := queue.New(r.runtime.Config(), r.config.DeadLetterURL, "").Receive(r.Context(), 10, 0, time.Minute)
				require.NoError(r, err)
				require.Len(r, dead, 1)
				assert.Equal(r, id, dead[0].MessageID)
				assert.Equal(r, "job", dead[0].Body)
				assert.Equal(r, 1, dead[0].Receives(), "what is redriven begins anew")
				r.nothing()
			})
		})
	}
}

// TestAMessageThatIsSomebodyElses is left alone by a task that failed: it was
// returned before, its reply lost.
func TestAMessageThatIsSomebodyElses(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		first := r.worker("a")
		m := r.takes(first)
		r.release(first, m, hold.End{})
		second := r.worker("b")
		r.takes(second)
		r.release(first, m, hold.End{})
		assert.Equal(r, "b", r.held().Worker)
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth(r.config.QueueURL))
		r.release(first, m, hold.End{Done: true})
		assert.Equal(r, "b", r.held().Worker, "a success deletes the message, if SQS lets it")
	})
}

// TestSettlingDiesAtAnyPoint: tried again, it comes to its end.
func TestSettlingDiesAtAnyPoint(t *testing.T) {
	for name, c := range map[string]struct {
		operation string
		age       time.Duration
		end       hold.End
		back      int
	}{
		"well, the delete":              {"DeleteMessageBatch", time.Hour, hold.End{Done: true}, 0},
		"well, the hold":                {"DeleteItem", time.Hour, hold.End{Done: true}, 0},
		"well, the object":              {"DeleteObject", time.Hour, hold.End{Done: true}, 0},
		"badly, the hold":               {"DeleteItem", time.Hour, hold.End{}, 1},
		"badly, the return":             {"ChangeMessageVisibilityBatch", time.Hour, hold.End{}, 1},
		"badly, the object":             {"DeleteObject", time.Hour, hold.End{}, 1},
		"badly, kept, the claim":        {"UpdateItem", 7 * time.Hour, hold.End{}, 1},
		"badly, kept, the send":         {"SendMessage", 7 * time.Hour, hold.End{}, 1},
		"badly, kept, the object":       {"GetObject", 7 * time.Hour, hold.End{}, 1},
		"badly, kept, the hold":         {"DeleteItem", 7 * time.Hour, hold.End{}, 1},
		"badly, kept, sent and no more": {"DeleteObject", 7 * time.Hour, hold.End{}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.send("job")
				task := r.worker("a")
				m := r.takes(task)
				r.ticks(c.age)
				r.fault("", c.operation, api.Fail, 1)
				held := queue.Hold([]message.Record{m})[0]
				require.ErrorContains(r, r.keeper().Release(r.Context(), task, held, c.end), "not yours")
				require.NoError(r, r.keeper().Release(r.Context(), task, held, c.end))
				r.nothing()
				time.Sleep(5 * time.Second)
				assert.Equal(r, queue.Depth{Visible: c.back}, r.depth(r.config.QueueURL))
			})
		})
	}
}

// TestATickKeepsWhatIsBeingSettled: what was read is not what is there.
func TestATickKeepsWhatIsBeingSettled(t *testing.T) {
	for name, end := range map[string]hold.End{"well": {Done: true}, "badly": {}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.send("job")
				task := r.worker("a")
				m := r.takes(task)
				h := r.held()
				r.runtime.Router.Faults.Add(api.Fault{Operation: "DeleteItem", Kind: api.Delay, For: 2 * time.Second, Times: 1})
				time.AfterFunc(time.Second, func() {
					_, err := r.registry.KeepHold(r.Context(), h)
					assert.NoError(r, err)
					assert.NoError(r, queue.New(r.runtime.Config(), r.config.QueueURL, "").Delete(r.Context(), queue.Hold([]message.Record{m})))
				})
				r.release(task, m, end)
				r.nothing()
				_, back := r.receive()
				assert.Equal(r, !end.Done, back)
			})
		})
	}
}
