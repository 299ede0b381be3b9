package autoscaler_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local/api"
	localsqs "github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scale"
)

func paced(rate, took float64) func(*registry.Worker) {
	return func(w *registry.Worker) { w.Rate, w.Took = rate, took }
}

func handled(n int64) func(*registry.Worker) {
	return func(w *registry.Worker) { w.Handled = n }
}

// ghosts are visible messages that nobody ever receives.
func ghosts(n int) localsqs.Options { return localsqs.Options{GhostDepth: map[string]int{"jobs": n}} }

// memory is what the last tick left, but for the bill.
func (r *rig) memory() string {
	r.Helper()
	tally, err := r.registry.Tally(r.Context())
	require.NoError(r, err)
	var m scale.Memory
	require.NoError(r, json.Unmarshal([]byte(tally.Memory), &m))
	m.Bill = scale.Bill{}
	text, err := json.Marshal(m)
	require.NoError(r, err)
	return string(text)
}

// Workers handled 90 messages within the minute and went home, and 40 wait: 130
// have come.
func TestATickRemembers(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.Policy.MessagesPerWorker, r.config.Policy.DrainWithin = 0, 5*time.Minute
		r.hold(registry.Control{}, slot("a", handled(10), paced(10, 2)), slot("b", handled(20)))
		require.NoError(r, r.registry.CountHome(r.Context(), registry.Worker{ReservedAt: minute0, Counts: registry.Counts{Handled: 100}}, false))
		out := r.ticks(scheduled)
		assert.Contains(r, out.Reason, "0 wanted to drain within 5m0s; a worker handles 10 a second (measured), 0 a second arrive")
		assert.JSONEq(r, `{"at":"2000-01-01T00:10:00Z","done":130,"took":2,"event":10,"sampled":"2000-01-01T00:10:00Z"}`, r.memory())

		time.Sleep(time.Minute)
		require.NoError(r, r.registry.CountHome(r.Context(), registry.Worker{ReservedAt: minute0, Counts: registry.Counts{Handled: 50, Failed: 40}}, true))
		r.send(40)
		r.ticks(scheduled)
		assert.JSONEq(r, `{"at":"2000-01-01T00:11:00Z","depth":40,"visible":40,"done":220,"vain":1,"took":2,"event":10,
			"waiting":[{"since":"2000-01-01T00:10:00Z","messages":40}],"recent":[0,0,2.1666666666666665],"sampled":"2000-01-01T00:11:00Z"}`, r.memory())
	})
}

func TestAMemoryThatCannotBeReadIsDropped(t *testing.T) {
	inBubble(t, func(r *rig) {
		require.NoError(r, r.registry.Remember(r.Context(), "", `{"depth":"deep"}`))
		r.send(10)
		out := r.ticks(scheduled)
		assert.Len(r, out.Starts, 1)
		assert.Contains(r, out.Reason, "; starting 1; the last tick's memory cannot be read and is dropped: json: ")
		assert.Contains(r, r.memory(), `"depth":10`)
	})
}

func TestATickThatCannotRememberStarts(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(10)
		r.fail("UpdateItem", 0, api.Errorf("AccessDeniedException", "not yours"))
		out := r.ticks(scheduled)
		assert.Len(r, out.Starts, 1)
		assert.Contains(r, out.Reason, "; starting 1; keep the tick's memory: ")
	})
}

func TestGhostsAreRemembered(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.runtime.SQS.SetOptions(ghosts(30))
		assert.Len(r, r.ticks(scheduled).Starts, 3)
		for _, w := range r.snapshot().Workers {
			require.NoError(r, r.registry.CountHome(r.Context(), registry.Worker{}, true))
			require.NoError(r, r.registry.Commit(r.Context(), r.snapshot().Control, registry.Change{Free: []registry.Worker{w}}))
		}
		time.Sleep(time.Minute)
		out := r.ticks(scheduled)
		assert.Empty(r, out.Starts)
		assert.Contains(r, out.Reason, "30 of the visible not counted, looked for 1 times in vain, the next one looks in 1m0s")
		time.Sleep(time.Minute)
		assert.Len(r, r.ticks(scheduled).Starts, 1)
	})
}

func TestPolicyFor(t *testing.T) {
	settings := func(change func(*fleet.Settings)) fleet.Settings {
		s := fleet.Settings{
			Lane: fleet.Stream, Target: fleet.Lambda, Mode: fleet.Sync, TransformMode: fleet.Sync, BatchSize: 7,
			Process: handler.Target{ARN: "arn:process", Timeout: 40 * time.Second}, Transform: handler.Target{ARN: "arn:transform", Timeout: 5 * time.Second},
		}
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		change func(*fleet.Settings)
		want   scale.Policy
	}{
		"stream": {func(*fleet.Settings) {}, scale.Policy{Parallelism: 5, BatchSize: 7, Timeout: 45 * time.Second}},
		"steps":  {func(s *fleet.Settings) { s.Lane = fleet.Steps }, scale.Policy{Parallelism: 1, BatchSize: 7, Timeout: 45 * time.Second}},
		"async":  {func(s *fleet.Settings) { s.Mode = fleet.Async }, scale.Policy{Parallelism: 5, BatchSize: 7, Timeout: 35 * time.Second}},
		"a job": {func(s *fleet.Settings) { s.Lane, s.Target = fleet.Steps, fleet.ECS },
			scale.Policy{Parallelism: 1, BatchSize: 1, Timeout: 45 * time.Second, Jobs: true}},
		"a batching window": {func(s *fleet.Settings) { s.BatchSize = 10000 }, scale.Policy{Parallelism: 5, BatchSize: 10, Timeout: 45 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, autoscaler.PolicyFor(settings(c.change), scale.Policy{Parallelism: 5}))
		})
	}
}
