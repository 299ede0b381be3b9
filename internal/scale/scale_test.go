package scale_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/musterq/muster/internal/scale"
)

var policy = scale.Policy{MaxConcurrency: 20, Parallelism: 5, MessagesPerWorker: 100, StepLimit: 100, ScaleInHold: 5 * time.Minute}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func workers(ids ...string) []scale.Worker {
	var ws []scale.Worker
	for i, id := range ids {
		ws = append(ws, scale.Worker{ID: id, Parallelism: 5, Live: true, Since: epoch.Add(time.Duration(i) * time.Minute)})
	}
	return ws
}

func TestDecide(t *testing.T) {
	silent := workers("a", "b")
	silent[0].Live = false
	draining := workers("a", "b")
	draining[1].Draining = true
	for name, c := range map[string]struct {
		observation scale.Observation
		policy      func(*scale.Policy)
		want        scale.Decision
	}{
		"an empty queue wants nobody": {
			want: scale.Decision{Parallelism: 5, Reason: "depth 0 (0 visible, 0 in flight); at 100 a worker 0 wanted; 0 working, 0 going home, 0 silent"},
		},
		"one message wakes one worker": {
			observation: scale.Observation{Visible: 1},
			want:        scale.Decision{Wanted: 1, Start: 1, Parallelism: 5, Reason: "depth 1 (1 visible, 0 in flight); at 100 a worker 1 wanted; 0 working, 0 going home, 0 silent; starting 1"},
		},
		"the cap binds": {
			observation: scale.Observation{Visible: 10000},
			want:        scale.Decision{Wanted: 4, Start: 4, Parallelism: 5, Reason: "depth 10000 (10000 visible, 0 in flight); at 100 a worker 100 wanted; the cap of 20 invocations allows 4; 0 working, 0 going home, 0 silent; starting 4"},
		},
		"the step limit binds": {
			observation: scale.Observation{Visible: 10000},
			policy:      func(p *scale.Policy) { p.StepLimit = 3 },
			want:        scale.Decision{Wanted: 4, Start: 3, Parallelism: 5, Reason: "depth 10000 (10000 visible, 0 in flight); at 100 a worker 100 wanted; the cap of 20 invocations allows 4; 0 working, 0 going home, 0 silent; starting 3 of 4: the step limit binds"},
		},
		"a cap of one": {
			observation: scale.Observation{Visible: 10000},
			policy:      func(p *scale.Policy) { p.MaxConcurrency = 1 },
			want:        scale.Decision{Wanted: 1, Start: 1, Parallelism: 1, Reason: "depth 10000 (10000 visible, 0 in flight); at 100 a worker 100 wanted; the cap of 1 invocations allows 1; 0 working, 0 going home, 0 silent; starting 1"},
		},
		"a silent worker keeps its slot and is not counted as working": {
			observation: scale.Observation{Visible: 300, Workers: silent},
			policy:      func(p *scale.Policy) { p.MaxConcurrency = 15 },
			want:        scale.Decision{Wanted: 3, Start: 1, Parallelism: 5, Reason: "depth 300 (300 visible, 0 in flight); at 100 a worker 3 wanted; 1 working, 0 going home, 1 silent; starting 1 of 2: the other slots of the cap are taken"},
		},
		"a draining worker keeps its slot": {
			observation: scale.Observation{Visible: 400, Workers: draining},
			want:        scale.Decision{Wanted: 4, Start: 2, Parallelism: 5, Reason: "depth 400 (400 visible, 0 in flight); at 100 a worker 4 wanted; 1 working, 1 going home, 0 silent; starting 2 of 3: the other slots of the cap are taken"},
		},
		"too many are held first": {
			observation: scale.Observation{Visible: 50, Workers: workers("a", "b", "c"), Surplus: 2 * time.Minute},
			want:        scale.Decision{Wanted: 1, Parallelism: 5, Surplus: true, Reason: "depth 50 (50 visible, 0 in flight); at 100 a worker 1 wanted; 3 working, 0 going home, 0 silent; 2 too many, held for 3m0s yet"},
		},
		"the newest go home": {
			observation: scale.Observation{Visible: 50, Workers: workers("a", "b", "c"), Surplus: 5 * time.Minute},
			want:        scale.Decision{Wanted: 1, Parallelism: 5, Surplus: true, Drain: []string{"c", "b"}, Reason: "depth 50 (50 visible, 0 in flight); at 100 a worker 1 wanted; 3 working, 0 going home, 0 silent; sending 2 home"},
		},
		"a lowered cap sends the newest home at once": {
			observation: scale.Observation{Visible: 1000, Workers: workers("a", "b", "c")},
			policy:      func(p *scale.Policy) { p.MaxConcurrency = 12; p.Parallelism = 4 },
			want:        scale.Decision{Wanted: 3, Parallelism: 4, Drain: []string{"c"}, Reason: "depth 1000 (1000 visible, 0 in flight); at 100 a worker 10 wanted; the cap of 12 invocations allows 3; 3 working, 0 going home, 0 silent; the cap of 12 invocations was lowered: sending 1 home"},
		},
		"one that drains already makes room": {
			observation: scale.Observation{Visible: 1000, Workers: draining},
			policy:      func(p *scale.Policy) { p.MaxConcurrency = 5 },
			want:        scale.Decision{Wanted: 1, Parallelism: 5, Reason: "depth 1000 (1000 visible, 0 in flight); at 100 a worker 10 wanted; the cap of 5 invocations allows 1; 1 working, 1 going home, 0 silent"},
		},
		"the minimum stays": {
			observation: scale.Observation{Workers: workers("b", "a")},
			policy:      func(p *scale.Policy) { p.MinWorkers = 1 },
			want:        scale.Decision{Wanted: 1, Parallelism: 5, Surplus: true, Stay: []string{"b"}, Reason: "depth 0 (0 visible, 0 in flight); at 100 a worker 0 wanted; the minimum keeps 1; 2 working, 0 going home, 0 silent; 1 too many, held for 5m0s yet"},
		},
		"what backs off is no depth": {
			observation: scale.Observation{Visible: 10, InFlight: 200, BackingOff: 200, Delayed: 7},
			want:        scale.Decision{Wanted: 1, Start: 1, Parallelism: 5, Reason: "depth 10 (10 visible, 200 in flight, 200 of them backing off; 7 delayed); at 100 a worker 1 wanted; 0 working, 0 going home, 0 silent; starting 1"},
		},
		"what is in flight calls nobody": {
			observation: scale.Observation{InFlight: 250},
			want:        scale.Decision{Wanted: 3, Parallelism: 5, Reason: "depth 250 (0 visible, 250 in flight); at 100 a worker 3 wanted; 0 working, 0 going home, 0 silent; starting 0 of 3: the rest of the depth is not visible yet"},
		},
		"what is visible calls its share": {
			observation: scale.Observation{Visible: 101, InFlight: 250, Workers: workers("a")},
			want:        scale.Decision{Wanted: 4, Start: 2, Parallelism: 5, Reason: "depth 351 (101 visible, 250 in flight); at 100 a worker 4 wanted; 1 working, 0 going home, 0 silent; starting 2 of 3: the rest of the depth is not visible yet"},
		},
		"the minimum needs no message": {
			observation: scale.Observation{InFlight: 250, Workers: workers("a")},
			policy:      func(p *scale.Policy) { p.MinWorkers = 2 },
			want:        scale.Decision{Wanted: 3, Start: 1, Parallelism: 5, Stay: []string{"a"}, Reason: "depth 250 (0 visible, 250 in flight); at 100 a worker 3 wanted; 1 working, 0 going home, 0 silent; starting 1 of 2: the rest of the depth is not visible yet"},
		},
		"workers that die as they start are not started again at once": {
			observation: scale.Observation{Visible: 10, Deaths: 3, SinceDeath: 20 * time.Second},
			want:        scale.Decision{Wanted: 1, Parallelism: 5, Reason: "depth 10 (10 visible, 0 in flight); at 100 a worker 1 wanted; 0 working, 0 going home, 0 silent; starting none: the last 3 worker executions failed, next try in 10s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy
			if c.policy != nil {
				c.policy(&p)
			}
			require.NoError(t, p.Validate())
			got := scale.Decide(c.observation, p)
			got.Memory, got.Signals = scale.Memory{}, scale.Signals{}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestValidateNamesEverything(t *testing.T) {
	err := scale.Policy{Parallelism: 1, MinWorkers: -1, MessagesPerWorker: 1, StepLimit: 1, ScaleInHold: -time.Second}.Validate()
	assert.EqualError(t, err, "MaxConcurrency is 0, it must be at least 1\nMinWorkers is -1, it must be at least 0\nScaleInHold is -1s, it must not be negative")
	err = scale.Policy{MaxConcurrency: 10, Parallelism: 5, MinWorkers: 3, MessagesPerWorker: 1, StepLimit: 1}.Validate()
	assert.EqualError(t, err, "MinWorkers 3 x Parallelism 5 is over MaxConcurrency 10: lower one of the first two")
}

func TestTheCapIsNeverPassed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := scale.Policy{
			MaxConcurrency:    rapid.IntRange(1, 200).Draw(t, "cap"),
			Parallelism:       rapid.IntRange(1, 20).Draw(t, "parallelism"),
			MessagesPerWorker: rapid.IntRange(1, 50).Draw(t, "target"),
			StepLimit:         rapid.IntRange(1, 50).Draw(t, "step"),
		}
		o := scale.Observation{Visible: rapid.IntRange(0, 100000).Draw(t, "visible"), InFlight: rapid.IntRange(0, 1000).Draw(t, "in flight")}
		taken := 0
		for i := range rapid.IntRange(0, 40).Draw(t, "workers") {
			w := scale.Worker{ID: string(rune('a' + i)), Parallelism: rapid.IntRange(1, 20).Draw(t, "had"), Live: rapid.Bool().Draw(t, "live"), Draining: rapid.Bool().Draw(t, "draining")}
			taken += w.Parallelism
			o.Workers = append(o.Workers, w)
		}
		d := scale.Decide(o, p)
		if d.Start < 0 || d.Start > p.StepLimit {
			t.Fatalf("starts %d with a step limit of %d", d.Start, p.StepLimit)
		}
		if d.Start > 0 && taken+d.Start*d.Parallelism > p.MaxConcurrency {
			t.Fatalf("%d taken, %d x %d started, cap %d", taken, d.Start, d.Parallelism, p.MaxConcurrency)
		}
		if d.Start > 0 && len(d.Drain) > 0 {
			t.Fatal("starts and drains at once")
		}
		// Once those told to drain have gone, the cap holds, unless the silent alone pass it.
		gone := map[string]bool{}
		for _, id := range d.Drain {
			gone[id] = true
		}
		left, silent := 0, 0
		for _, w := range o.Workers {
			switch {
			case w.Draining || gone[w.ID]:
			case w.Live:
				left += w.Parallelism
			default:
				silent += w.Parallelism
			}
		}
		if left > 0 && left+silent > p.MaxConcurrency {
			t.Fatalf("%d working and %d silent are left, cap %d", left, silent, p.MaxConcurrency)
		}
	})
}
