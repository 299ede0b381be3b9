package scale_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/musterq/muster/internal/scale"
)

// promising is a policy of five places a worker, ten messages an event, which
// takes 30 seconds at most.
func promising(change func(*scale.Policy)) scale.Policy {
	p := scale.Policy{MaxConcurrency: 5000, Parallelism: 5, StepLimit: 300, BatchSize: 10, Timeout: 30 * time.Second, ScaleInHold: 5 * time.Minute}
	change(&p)
	return p
}

func drain(d time.Duration) func(*scale.Policy) {
	return func(p *scale.Policy) { p.DrainWithin = d }
}

func age(d time.Duration) func(*scale.Policy) {
	return func(p *scale.Policy) { p.MaxAge = d }
}

// measured is a memory of a minute ago of a fleet whose events take two seconds
// and have ten messages: a worker handles 25 a second.
func measured() scale.Memory {
	return scale.Memory{At: epoch, Sampled: epoch, Took: 2, Event: 10}
}

func TestPromises(t *testing.T) {
	arriving := measured()
	arriving.Recent, arriving.Arrivals = [3]float64{60, 60, 60}, 60
	for name, c := range map[string]struct {
		memory      scale.Memory
		observation scale.Observation
		policy      scale.Policy
		wanted      int
		says        string
	}{
		"nothing wants nobody": {
			policy: promising(drain(5 * time.Minute)),
			says:   "depth 0 (0 visible, 0 in flight); 0 wanted to drain within 5m0s; a worker handles 1.7 a second (by its handlers' time-outs), 0 a second arrive; 0 working, 0 going home, 0 silent",
		},
		"one message wants one worker, however slow its handler may be": {
			observation: scale.Observation{Visible: 1},
			policy:      promising(func(p *scale.Policy) { p.DrainWithin, p.Timeout = time.Minute, 365*24*time.Hour }),
			wanted:      1,
			says:        "depth 1 (1 visible, 0 in flight); 1 wanted to drain within 1m0s; a worker handles 1.6e-06 a second (by its handlers' time-outs), 0 a second arrive; 0 working, 0 going home, 0 silent; starting 1",
		},
		// 290 seconds are nine rounds of 30: 450 messages a worker.
		"before anything is known the time-outs count": {
			observation: scale.Observation{Visible: 10000},
			policy:      promising(drain(5 * time.Minute)),
			wanted:      23,
			says:        "depth 10000 (10000 visible, 0 in flight); 23 wanted to drain within 5m0s; a worker handles 1.7 a second (by its handlers' time-outs), 0 a second arrive; 0 working, 0 going home, 0 silent; starting 23",
		},
		// They came at most a minute ago. 230 seconds are 115 rounds: 5750 a worker.
		"what workers have measured counts": {
			memory:      measured(),
			observation: scale.Observation{Visible: 10000},
			policy:      promising(drain(5 * time.Minute)),
			wanted:      2,
			says:        "depth 10000 (10000 visible, 0 in flight); 2 wanted to drain within 5m0s; a worker handles 25 a second (measured), 0 a second arrive; 0 working, 0 going home, 0 silent; starting 2",
		},
		// 60 a second arrive: in the 240 seconds that are left another 14400 share
		// the time of the workers.
		"what arrives is drained too": {
			memory:      arriving,
			observation: scale.Observation{Visible: 10000},
			policy:      promising(drain(5 * time.Minute)),
			wanted:      5,
		},
		// As long as the oldest come first those that come later can wait.
		"an age leaves those that arrive for later": {
			memory:      arriving,
			observation: scale.Observation{Visible: 10000},
			policy:      promising(age(5 * time.Minute)),
			wanted:      3,
		},
		"what arrives is kept up with": {
			memory:      arriving,
			observation: scale.Observation{Visible: 1, Workers: workers("a", "b", "c", "d")},
			policy:      promising(age(5 * time.Minute)),
			wanted:      3,
		},
		"the largest target counts and stands first": {
			memory:      measured(),
			observation: scale.Observation{Visible: 10000},
			policy: promising(func(p *scale.Policy) {
				p.DrainWithin, p.MaxAge, p.MessagesPerWorker = 5*time.Minute, 2*time.Minute, 2500
			}),
			// 50 seconds are 25 rounds: 1250 a worker.
			wanted: 8,
			says:   "depth 10000 (10000 visible, 0 in flight); 8 wanted to keep every message under 2m0s, at 2500 a worker 4 wanted, 2 wanted to drain within 5m0s; a worker handles 25 a second (measured), 0 a second arrive; 0 working, 0 going home, 0 silent; starting 8",
		},
		// 5 seconds late already. Each worker has 50 at a time: more would find none.
		"too late is no reason to start more than find work": {
			memory:      measured(),
			observation: scale.Observation{Now: epoch.Add(65 * time.Second), Visible: 200},
			policy:      promising(age(time.Minute)),
			wanted:      4,
		},
		// 240 seconds for those that work, 120 rounds, and 5750 for each that is new.
		"who works is no longer to start": {
			memory:      measured(),
			observation: scale.Observation{Visible: 12000, Workers: workers("a", "b")},
			policy:      promising(drain(5 * time.Minute)),
			wanted:      2,
			says:        "depth 12000 (12000 visible, 0 in flight); 2 wanted to drain within 5m0s; a worker handles 25 a second (measured), 0 a second arrive; 2 working, 0 going home, 0 silent",
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, c.policy.Validate())
			c.observation.Memory = c.memory
			if c.observation.Now.IsZero() {
				c.observation.Now = epoch.Add(time.Minute)
			}
			d := scale.Decide(c.observation, c.policy)
			assert.Equal(t, c.wanted, d.Wanted, d.Reason)
			if c.says != "" {
				assert.Equal(t, c.says, d.Reason)
			}
		})
	}
}

// A backlog that shrinks as it should wants no more workers on its way, and no
// fewer for so long that one would be sent home.
func TestAPromiseDoesNotOscillate(t *testing.T) {
	p := promising(drain(10 * time.Minute))
	p.MaxAge = 11 * time.Minute
	d := scale.Decide(scale.Observation{Now: epoch, Memory: scale.Memory{Took: 2, Event: 10}, Visible: 50000}, p)
	require.Equal(t, 4, d.Start)
	wanted := []int{d.Wanted}
	surplus := time.Duration(0)
	for i := 1; d.Memory.Depth > 0; i++ {
		now := epoch.Add(time.Duration(i) * time.Minute)
		done := i * 4 * 25 * 60
		o := scale.Observation{Now: now, Workers: workers("a", "b", "c", "d"), Memory: d.Memory, Done: int64(done), Visible: max(0, 50000-done), Surplus: surplus}
		d = scale.Decide(o, p)
		assert.Zero(t, d.Start, d.Reason)
		if d.Memory.Depth > 0 {
			assert.Empty(t, d.Drain, d.Reason)
		}
		assert.Zero(t, d.Memory.Arrivals)
		if surplus += time.Minute; !d.Surplus {
			surplus = 0
		}
		wanted = append(wanted, d.Wanted)
	}
	assert.Equal(t, []int{4, 4, 4, 4, 3, 3, 3, 2, 1, 0}, wanted)
}

func drawPolicy(t *rapid.T) scale.Policy {
	p := scale.Policy{
		MaxConcurrency: rapid.IntRange(1, 10000).Draw(t, "cap"),
		Parallelism:    rapid.IntRange(1, 100).Draw(t, "parallelism"),
		StepLimit:      rapid.IntRange(1, 300).Draw(t, "step"),
		BatchSize:      rapid.IntRange(1, 10000).Draw(t, "batch"),
		Timeout:        time.Duration(rapid.IntRange(1, 31536000).Draw(t, "time-out")) * time.Second,
	}
	p.MinWorkers = rapid.IntRange(0, p.MaxConcurrency/min(p.Parallelism, p.MaxConcurrency)).Draw(t, "minimum")
	promise := rapid.OneOf(rapid.Just(0), rapid.IntRange(11, 86400))
	p.DrainWithin = time.Duration(promise.Draw(t, "drain")) * time.Second
	p.MaxAge = time.Duration(promise.Draw(t, "age")) * time.Second
	p.MessagesPerWorker = rapid.OneOf(rapid.Just(0), rapid.IntRange(1, 1000000)).Draw(t, "per worker")
	return p
}

func drawMemory(t *rapid.T) scale.Memory {
	m := scale.Memory{
		At: epoch, Sampled: epoch.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "sampled")) * time.Second),
		Done: rapid.Int64Range(0, 1e12).Draw(t, "done"), Arrivals: rapid.Float64Range(0, 1e6).Draw(t, "arrivals"),
		Ghosts: rapid.IntRange(0, 10).Draw(t, "ghosts"), Looks: rapid.IntRange(0, 100).Draw(t, "looks"), Looked: epoch,
		Visible: rapid.IntRange(0, 1000).Draw(t, "were visible"),
	}
	for i := range m.Recent {
		m.Recent[i] = rapid.Float64Range(0, 1e6).Draw(t, "recent")
	}
	for i := range rapid.IntRange(0, 16).Draw(t, "cohorts") {
		m.Waiting = append(m.Waiting, scale.Cohort{
			Since:    epoch.Add(time.Duration(i-rapid.IntRange(20, 1000000).Draw(t, "since")) * time.Second),
			Messages: rapid.IntRange(1, 100000).Draw(t, "messages"),
		})
		m.Depth += m.Waiting[i].Messages
	}
	return m
}

// Deeper, and slower, never wants fewer workers, whatever is remembered. Nothing
// overflows, and minimum and cap hold.
func TestPromisesAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		o := scale.Observation{
			Now: epoch.Add(time.Duration(rapid.IntRange(-20, 100000).Draw(t, "later")) * time.Second), Memory: drawMemory(t),
			Visible: rapid.IntRange(0, 1e9).Draw(t, "visible"), InFlight: rapid.IntRange(0, 120000).Draw(t, "in flight"),
		}
		o.Done = o.Memory.Done + rapid.Int64Range(-1000, 1000000).Draw(t, "done since")
		o.Vain = int64(rapid.IntRange(0, 3).Draw(t, "in vain"))
		with := func(o scale.Observation, rate, took float64) scale.Observation {
			o.Workers = []scale.Worker{{ID: "a", Parallelism: 5, Live: true, Rate: rate, Took: took}, {ID: "b", Parallelism: 5, Live: true}}
			return o
		}
		rate, took := rapid.Float64Range(1e-7, 1e5).Draw(t, "rate"), rapid.Float64Range(0.001, 1e7).Draw(t, "took")
		d := scale.Decide(with(o, rate, took), p)
		most := p.MaxConcurrency / min(p.Parallelism, p.MaxConcurrency)
		if d.Wanted < p.MinWorkers || d.Wanted > most {
			t.Fatalf("%d wanted, minimum %d, most %d", d.Wanted, p.MinWorkers, most)
		}
		m := d.Memory
		for _, x := range append(m.Recent[:], m.Took, m.Event, m.Arrivals) {
			if math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
				t.Fatalf("%+v", m)
			}
		}
		sum := 0
		for _, c := range m.Waiting {
			sum += c.Messages
		}
		if sum != m.Depth || len(m.Waiting) > 16 {
			t.Fatalf("%d wait in %d cohorts, depth %d", sum, len(m.Waiting), m.Depth)
		}
		deeper := with(o, rate, took)
		deeper.Visible += rapid.IntRange(0, 1e6).Draw(t, "more")
		// Where all that is visible may be no message one worker more is wanted to look.
		looks := m.Ghosts > 0 && o.Visible == m.Ghosts
		if got := scale.Decide(deeper, p); got.Wanted < d.Wanted && !looks {
			t.Fatalf("%d wanted: %s\n%d wanted: %s", d.Wanted, d.Reason, got.Wanted, got.Reason)
		}
		// Quicker by the same number of messages an event, or by more of them.
		by := rapid.Float64Range(1, 1000).Draw(t, "quicker by")
		if got := scale.Decide(with(o, rate*by, took/by), p); got.Wanted > d.Wanted {
			t.Fatalf("quicker: %d wanted: %s\n%d wanted: %s", d.Wanted, d.Reason, got.Wanted, got.Reason)
		}
		if got := scale.Decide(with(o, rate*by, took), p); got.Wanted > d.Wanted {
			t.Fatalf("more at once: %d wanted: %s\n%d wanted: %s", d.Wanted, d.Reason, got.Wanted, got.Reason)
		}
	})
}
