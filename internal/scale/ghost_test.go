package scale_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/scale"
)

// A depth that yields nothing: three workers look, and after them one at a time,
// a minute later, then after two, four, eight and 15 minutes each.
func TestGhostsStartNoWorkerAfterWorker(t *testing.T) {
	s := ticks{policy: policy}
	var vain int64
	var starts []int
	started := 0
	for range 60 {
		d := s.tick(scale.Observation{Visible: 250, Vain: vain})
		// Who is started goes home before the next tick.
		vain += int64(d.Start)
		starts = append(starts, d.Start)
		started += d.Start
	}
	assert.Equal(t, []int{3, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, starts[:20])
	assert.Equal(t, 9, started, "in an hour")
}

func TestGhostsAreNamed(t *testing.T) {
	s := ticks{policy: policy}
	s.tick(scale.Observation{Visible: 250})
	d := s.tick(scale.Observation{Visible: 250, Vain: 3})
	assert.Equal(t, "depth 250 (250 visible, 0 in flight); 250 of the visible not counted, looked for 1 times in vain, the next one looks in 1m0s; at 100 a worker 0 wanted; 0 working, 0 going home, 0 silent", d.Reason)
	d = s.tick(scale.Observation{Visible: 250, Vain: 3})
	assert.Equal(t, "depth 250 (250 visible, 0 in flight); 250 of the visible not counted, looked for 1 times in vain, one looks again; at 100 a worker 0 wanted; 0 working, 0 going home, 0 silent; starting 1", d.Reason)
	assert.Equal(t, 1, d.Start)
}

func TestWhatEndsGhosts(t *testing.T) {
	for name, c := range map[string]struct {
		observation scale.Observation
		start       int
	}{
		"nothing":                          {scale.Observation{Visible: 250, Vain: 3}, 0},
		"fewer of them":                    {scale.Observation{Visible: 200, Vain: 3}, 0},
		"one message more":                 {scale.Observation{Visible: 251, Vain: 3}, 1},
		"many more":                        {scale.Observation{Visible: 650, Vain: 3}, 4},
		"one that was handled":             {scale.Observation{Visible: 250, Vain: 3, Done: 1}, 3},
		"one that failed, as of a memory":  {scale.Observation{Visible: 250, Vain: 4, Done: 1}, 3},
		"a worker that looks, not yet":     {scale.Observation{Visible: 250, Vain: 3, Workers: workers("a")}, 0},
		"more in flight is no new message": {scale.Observation{Visible: 250, InFlight: 99, Vain: 3}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := ticks{policy: policy}
			s.tick(scale.Observation{Visible: 250})
			s.tick(scale.Observation{Visible: 250, Vain: 3})
			s.now = s.now.Add(-time.Second)
			d := s.tick(c.observation)
			assert.Equal(t, c.start, d.Start, d.Reason)
		})
	}
	t.Run("an empty queue", func(t *testing.T) {
		s := ticks{policy: policy}
		s.tick(scale.Observation{Visible: 250})
		s.tick(scale.Observation{Visible: 250, Vain: 3})
		s.tick(scale.Observation{Vain: 3})
		assert.Equal(t, 3, s.tick(scale.Observation{Visible: 250, Vain: 3}).Start)
	})
}

// Workers that came too late to find anything are no ghosts: the queue was empty
// in between, or is deeper now.
func TestAQueueThatWasQuickerIsNoGhost(t *testing.T) {
	s := ticks{policy: policy}
	assert.Equal(t, 4, s.tick(scale.Observation{Visible: 350}).Start)
	s.tick(scale.Observation{Done: 350})
	s.tick(scale.Observation{Done: 350, Vain: 2})
	assert.Equal(t, 4, s.tick(scale.Observation{Visible: 350, Done: 350, Vain: 3}).Start, "who left since had looked before they came")
	assert.Equal(t, 4, s.tick(scale.Observation{Visible: 900, Done: 350, Vain: 4, Workers: workers("a")[:0]}).Start, "350 may be ghosts, the others are none")
}

// Where the count fell what comes then is counted at once.
func TestFewerGhostsStayFewer(t *testing.T) {
	s := ticks{policy: policy}
	s.tick(scale.Observation{Visible: 250})
	s.tick(scale.Observation{Visible: 250, Vain: 3})
	assert.Equal(t, 1, s.tick(scale.Observation{Visible: 3, Vain: 3}).Start, "it looks again")
	assert.Equal(t, 1, s.tick(scale.Observation{Visible: 13, Vain: 3}).Start)
}

// A worker that is at a task for hours does not look.
func TestWhoIsBusyIsNoScout(t *testing.T) {
	s := ticks{policy: policy}
	busy := workers("a")
	s.tick(scale.Observation{Visible: 250, InFlight: 1, Workers: busy})
	assert.Zero(t, s.tick(scale.Observation{Visible: 250, InFlight: 1, Vain: 2, Workers: busy}).Start)
	d := s.tick(scale.Observation{Visible: 250, InFlight: 1, Vain: 2, Workers: busy})
	assert.Equal(t, 1, d.Start, d.Reason)
	assert.Contains(t, d.Reason, "one looks again; at 100 a worker 1 wanted; 1 working, 0 going home, 0 silent; starting 1")
	assert.Zero(t, s.tick(scale.Observation{Visible: 250, InFlight: 1, Vain: 2, Workers: workers("a", "b")}).Start)
}

// Two workers of ten went home, and the others are still looking: the target
// does not replace them.
func TestSomeThatFoundNothingAreNotReplaced(t *testing.T) {
	s := ticks{policy: policy}
	assert.Equal(t, 4, s.tick(scale.Observation{Visible: 400}).Start)
	assert.Zero(t, s.tick(scale.Observation{Visible: 400, Vain: 2, Workers: workers("a", "b")}).Start)
}

func TestScoutPause(t *testing.T) {
	for looks, want := range map[int]time.Duration{
		0: time.Minute, 1: time.Minute, 2: 2 * time.Minute, 3: 4 * time.Minute, 4: 8 * time.Minute, 5: 15 * time.Minute, 1000: 15 * time.Minute,
	} {
		assert.Equal(t, want, scale.ScoutPause(looks))
	}
}
