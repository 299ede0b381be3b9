package scale_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/scale"
)

// ticks decides once a minute, each time with what the time before remembered.
type ticks struct {
	policy scale.Policy
	now    time.Time
	memory scale.Memory
}

func (s *ticks) tick(o scale.Observation) scale.Decision {
	if s.now.IsZero() {
		s.now = epoch.Add(-time.Minute)
	}
	s.now = s.now.Add(time.Minute)
	o.Now, o.Memory = s.now, s.memory
	d := scale.Decide(o, s.policy)
	s.memory = d.Memory
	return d
}

func at(minute int) time.Time { return epoch.Add(time.Duration(minute) * time.Minute) }

func TestWhatWaitsIsKnownByItsAge(t *testing.T) {
	s := ticks{policy: policy}
	s.tick(scale.Observation{Visible: 100})
	assert.Equal(t, []scale.Cohort{{at(0), 100}}, s.memory.Waiting)
	s.tick(scale.Observation{Visible: 150, Done: 30})
	assert.Equal(t, []scale.Cohort{{at(0), 70}, {at(0), 80}}, s.memory.Waiting, "80 came, and the oldest went")
	s.tick(scale.Observation{Visible: 90, InFlight: 50, BackingOff: 20, Done: 100})
	assert.Equal(t, []scale.Cohort{{at(0), 80}, {at(1), 40}}, s.memory.Waiting, "those that back off do not wait")
	s.tick(scale.Observation{Visible: 30, Done: 100})
	assert.Equal(t, []scale.Cohort{{at(1), 30}}, s.memory.Waiting, "some were deleted by hand")
	s.tick(scale.Observation{Visible: 40, Done: 50})
	assert.Equal(t, []scale.Cohort{{at(1), 30}, {at(3), 10}}, s.memory.Waiting, "what a dead worker did is no longer counted")
	s.tick(scale.Observation{})
	assert.Empty(t, s.memory.Waiting)
}

func TestFewCohortsAreKept(t *testing.T) {
	s := ticks{policy: policy}
	depth := 0
	for i := range 30 {
		depth += 100 + i
		s.tick(scale.Observation{Visible: depth})
	}
	require.Len(t, s.memory.Waiting, 16)
	sum := 0
	for _, c := range s.memory.Waiting {
		sum += c.Messages
	}
	assert.Equal(t, depth, sum)
	assert.Equal(t, at(0), s.memory.Waiting[0].Since)
	assert.Equal(t, scale.Cohort{Since: at(28), Messages: 129}, s.memory.Waiting[15])
}

func TestArrivalsAreSmoothed(t *testing.T) {
	s := ticks{policy: policy}
	var rates []string
	see := func(minutes, each int) {
		for range minutes {
			s.tick(scale.Observation{Done: s.memory.Done + int64(each)})
			rates = append(rates, fmt.Sprintf("%.1f", s.memory.Arrivals))
		}
	}
	see(1, 600)
	see(5, 600)
	see(1, 60000)
	see(5, 600)
	see(8, 0)
	assert.Equal(t, []string{
		"0.0",
		"0.0", "3.9", "6.3", "7.8", "8.6",
		"9.2",
		"9.5", "9.7", "9.8", "9.9", "9.9",
		"10.0", "6.0", "3.7", "2.2", "1.3", "0.8", "0.5", "0.3",
	}, rates, "a burst is no rate, and one quiet minute no end")
}

func TestTicksInQuickSuccession(t *testing.T) {
	s := ticks{policy: policy}
	s.tick(scale.Observation{})
	for range 10 {
		s.tick(scale.Observation{Done: s.memory.Done + 600})
	}
	assert.InDelta(t, 9.9, s.memory.Arrivals, 0.1)
	for _, later := range []time.Duration{time.Second, 0, -10 * time.Second} {
		d := scale.Decide(scale.Observation{Now: s.now.Add(later), Visible: 50, Done: s.memory.Done + 10, Memory: s.memory}, policy)
		assert.Equal(t, s.memory.Arrivals, d.Memory.Arrivals)
		assert.Equal(t, 60, d.Memory.Arrived)
	}
	// A tick that was missed halves nothing: what came is divided by the time.
	s.now = s.now.Add(time.Minute)
	s.tick(scale.Observation{Done: s.memory.Done + 1200})
	assert.InDelta(t, 9.9, s.memory.Arrivals, 0.1)
}

func TestPaceIsSmoothed(t *testing.T) {
	s := ticks{policy: policy}
	worker := func(id string, rate, took float64) scale.Worker {
		return scale.Worker{ID: id, Parallelism: 5, Live: true, Since: epoch, Rate: rate, Took: took}
	}
	s.tick(scale.Observation{Workers: []scale.Worker{worker("a", 0, 0)}})
	assert.Zero(t, s.memory.Took)
	s.tick(scale.Observation{Workers: []scale.Worker{worker("a", 25, 2), worker("b", 5, 4), worker("new", 0, 0)}})
	assert.InDelta(t, 3, s.memory.Took, 1e-9)
	assert.InDelta(t, 7, s.memory.Event, 1e-9, "ten and four messages an event")
	s.tick(scale.Observation{Workers: []scale.Worker{worker("a", 50, 1)}})
	assert.InDelta(t, 2.4, s.memory.Took, 1e-9)
	assert.InDelta(t, 7.9, s.memory.Event, 1e-9)
	s.tick(scale.Observation{})
	s.tick(scale.Observation{Took: 9, Event: 9})
	assert.InDelta(t, 2.4, s.memory.Took, 1e-9, "what is known stays known while nobody works")
	s.tick(scale.Observation{Done: 10, Took: 12.4, Event: 17.9})
	assert.InDelta(t, 5.4, s.memory.Took, 1e-9, "one worked between two ticks")
	assert.InDelta(t, 10.9, s.memory.Event, 1e-9)
}

func TestMemoryTravels(t *testing.T) {
	s := ticks{policy: policy}
	s.tick(scale.Observation{Visible: 10})
	s.tick(scale.Observation{Visible: 12, Done: 5, Vain: 1})
	text, err := json.Marshal(s.memory)
	require.NoError(t, err)
	var back scale.Memory
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, s.memory, back)
}
