package registry_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

// attempt names one at the key "k".
func attempt(by string) registry.Attempt { return registry.Attempt{Key: "k", By: by} }

// begin begins an attempt that takes a minute.
func (r *rig) begin(by string) registry.Verdict {
	r.Helper()
	now := time.Now()
	v, until, err := r.Begin(r.Context(), attempt(by), registry.Task{}, now, now.Add(time.Minute))
	require.NoError(r, err)
	if v == registry.Doing {
		assert.True(r, until.After(now), "the other one ends later")
	}
	return v
}

func TestOneOfTwoBegins(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		var mu sync.Mutex
		verdicts := map[registry.Verdict]int{}
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				v := r.begin(fmt.Sprint(i))
				mu.Lock()
				defer mu.Unlock()
				verdicts[v]++
			})
		}
		all.Wait()
		assert.Equal(r, map[registry.Verdict]int{registry.Begun: 1, registry.Doing: 19}, verdicts)
	})
}

func TestWhatIsDoneIsDoneForTheWindow(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		assert.Equal(r, registry.Begun, r.begin("a"))
		assert.Equal(r, registry.Doing, r.begin("b"))
		for range 2 {
			require.NoError(r, r.MarkDone(r.Context(), []registry.Attempt{attempt("a")}, time.Now().Add(time.Hour)))
			assert.Equal(r, registry.Done, r.begin("b"))
		}
		require.NoError(r, r.Release(r.Context(), attempt("a"), time.Time{}))
		require.NoError(r, r.Release(r.Context(), attempt("a"), time.Now()))
		time.Sleep(time.Hour - time.Second)
		assert.Equal(r, registry.Done, r.begin("b"), "a repeated release takes nothing back")
		// DynamoDB has not deleted it yet.
		time.Sleep(time.Second)
		assert.Len(r, r.seenItems(), 1)
		assert.Equal(r, registry.Begun, r.begin("b"))
	})
}

func TestWhatFailedMayBeginAgain(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		assert.Equal(r, registry.Begun, r.begin("a"))
		require.NoError(r, r.Release(r.Context(), attempt("b"), time.Time{}), "somebody else's stays")
		assert.Equal(r, registry.Doing, r.begin("b"))
		for range 2 {
			require.NoError(r, r.Release(r.Context(), attempt("a"), time.Time{}))
		}
		assert.Equal(r, registry.Begun, r.begin("b"))

		require.NoError(r, r.Release(r.Context(), attempt("b"), time.Now().Add(5*time.Second)))
		assert.Equal(r, registry.Doing, r.begin("c"), "its handler may run for another five seconds")
		time.Sleep(5 * time.Second)
		assert.Equal(r, registry.Begun, r.begin("c"))
	})
}

func TestWhoDiedBlocksUntilItsTimeIsOver(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		assert.Equal(r, registry.Begun, r.begin("a"))
		time.Sleep(time.Minute - time.Millisecond)
		assert.Equal(r, registry.Doing, r.begin("b"))
		time.Sleep(time.Millisecond)
		assert.Equal(r, registry.Begun, r.begin("b"))
		// The first was only slow. It has handled the message, so it is handled;
		// that the second failed does not change it.
		require.NoError(r, r.MarkDone(r.Context(), []registry.Attempt{attempt("a")}, time.Now().Add(time.Hour)))
		require.NoError(r, r.Release(r.Context(), attempt("b"), time.Time{}))
		assert.Equal(r, registry.Done, r.begin("c"))
	})
}

func TestAnAttemptIsExtendedByItselfAlone(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		var until time.Time
		extend := func(by string) bool {
			until = time.Now().Add(5 * time.Minute)
			ours, err := r.Extend(r.Context(), attempt(by), until)
			require.NoError(r, err)
			return ours
		}
		assert.False(r, extend("a"), "it has not begun")
		assert.Equal(r, registry.Begun, r.begin("a"))
		r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "UpdateItem", Kind: api.LoseReply, Times: 1})
		assert.False(r, extend("b"))
		assert.True(r, extend("a"))
		time.Sleep(time.Until(until) - time.Millisecond)
		assert.Equal(r, registry.Doing, r.begin("b"))
		time.Sleep(time.Millisecond)
		assert.True(r, extend("a"), "nobody else has begun")
		time.Sleep(5 * time.Minute)
		assert.Equal(r, registry.Begun, r.begin("b"))
		assert.False(r, extend("a"))
	})
}

func TestATaskBlocksWhileItsWorkerWaits(t *testing.T) {
	task := registry.Task{Worker: "a", Execution: "worker-a-3", Seq: 5, Request: "r1"}
	waits := func(w *registry.Worker) { w.Seq, w.Poll = 5, "r1" }
	for name, c := range map[string]struct {
		worker registry.Worker
		want   registry.Verdict
	}{
		"it waits":                 {slot(waits), registry.Doing},
		"it polled again":          {slot(waits, func(w *registry.Worker) { w.Seq = 6 }), registry.Begun},
		"its poll was tried again": {slot(waits, func(w *registry.Worker) { w.Poll = "r2" }), registry.Begun},
		"it settled":               {slot(waits, func(w *registry.Worker) { w.Settled = 5 }), registry.Begun},
		"it handed over":           {slot(waits, heldBy("worker-a-4")), registry.Begun},
		"it is gone":               {registry.Worker{}, registry.Begun},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, local.Options{}, func(r *rig) {
				if c.worker.Item != "" {
					r.put(c.worker)
				}
				now := time.Now()
				v, _, err := r.Begin(r.Context(), attempt("task"), task, now, now.Add(30*24*time.Hour))
				require.NoError(r, err)
				require.Equal(r, registry.Begun, v)
				assert.Equal(r, c.want, r.begin("b"))
				if c.want == registry.Begun {
					assert.Equal(r, registry.Doing, r.begin("c"), "b has taken its place")
				}
			})
		})
	}
}

func TestBeginSurvivesALostReply(t *testing.T) {
	for _, operation := range []string{"PutItem", "GetItem", "DeleteItem", "BatchWriteItem"} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, local.Options{}, func(r *rig) {
				r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: operation, Kind: api.LoseReply, Times: 1})
				assert.Equal(r, registry.Begun, r.begin("a"), "its own write")
				assert.Equal(r, registry.Doing, r.begin("b"))
				require.NoError(r, r.Release(r.Context(), attempt("a"), time.Time{}))
				assert.Equal(r, registry.Begun, r.begin("b"))
				require.NoError(r, r.MarkDone(r.Context(), []registry.Attempt{attempt("b"), attempt("b")}, time.Now().Add(time.Hour)))
				assert.Equal(r, registry.Done, r.begin("a"))
			})
		})
	}
}

func TestSeenErrorsSayWhat(t *testing.T) {
	for operation, message := range map[string]string{"PutItem": "begin a message: ", "GetItem": "read who is at a message: "} {
		inBubble(t, local.Options{}, func(r *rig) {
			require.Equal(r, registry.Begun, r.begin("a"))
			r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: operation, Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no")})
			_, _, err := r.Begin(r.Context(), attempt("b"), registry.Task{}, time.Now(), time.Now())
			assert.ErrorContains(r, err, message)
		})
	}
}

// seenItems are the items of all partitions of keys.
func (r *rig) seenItems() []any {
	r.Helper()
	var all []any
	for n := range 32 {
		for _, item := range r.items(fmt.Sprintf("jobs#seen#%d", n)) {
			all = append(all, item)
		}
	}
	return all
}
