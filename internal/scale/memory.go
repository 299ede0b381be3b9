package scale

import (
	"math"
	"slices"
	"time"
)

// Memory is what one tick leaves to the next: [Observation] takes it in,
// [Decision] gives it back. The zero value knows nothing. It holds estimates
// only: one that is lost costs some speed, or a worker too many, never a slot.
type Memory struct {
	// At is when the tick ran.
	At time.Time `json:"at,omitzero"`
	// Depth, Visible, Done and Vain as it saw them.
	Depth   int   `json:"depth,omitempty"`
	Visible int   `json:"visible,omitempty"`
	Done    int64 `json:"done,omitempty"`
	Vain    int64 `json:"vain,omitempty"`
	// Took is how long an event keeps its place, in seconds, and Event how many
	// messages it has, as workers measured them, smoothed. 0 until one has.
	Took  float64 `json:"took,omitempty"`
	Event float64 `json:"event,omitempty"`
	// Waiting is what waits, oldest first.
	Waiting []Cohort `json:"waiting,omitempty"`
	// Arrived is how many messages came since Sampled, Recent how many a second
	// in each of the three intervals before, Arrivals their median, smoothed.
	Arrived  int        `json:"arrived,omitempty"`
	Sampled  time.Time  `json:"sampled,omitzero"`
	Recent   [3]float64 `json:"recent,omitzero"`
	Arrivals float64    `json:"arrivals,omitempty"`
	// Ghosts is how many messages seem visible that workers looked for in vain,
	// Looks how often that was, or one was sent to look, Looked when last.
	Ghosts int       `json:"ghosts,omitempty"`
	Looks  int       `json:"looks,omitempty"`
	Looked time.Time `json:"looked,omitzero"`
	// Bill of this month.
	Bill Bill `json:"bill,omitzero"`
}

// Cohort is messages that came after one tick and before the next.
type Cohort struct {
	// Since is when the first of them may have come.
	Since    time.Time `json:"since"`
	Messages int       `json:"messages"`
}

const (
	// sampleEvery is the least interval that arrivals are measured over: a tick
	// that an event woke may come right after another, and depths lag.
	sampleEvery = 30 * time.Second
	// smoothing is the time constant of the arrival rate.
	smoothing = 2 * time.Minute
	// paceWeight is the weight of what workers report now against what they did.
	paceWeight = 0.3
	// maxCohorts bounds what is kept.
	maxCohorts = 16
	// fewArrivals a second are none: less than one in ten minutes.
	fewArrivals = 1.0 / 600
)

// see is the memory with what a tick observes, but for what it decides.
func (m Memory) see(o Observation, r Rates) Memory {
	m.charge(o, r)
	m.lookForGhosts(o)
	m.measure(o)
	depth := m.depth(o)
	done := max(0, o.Done-m.Done)
	arrived := max(0, depth-m.Depth+clamp(float64(done)))
	since := m.At
	if m.At.IsZero() {
		since, m.Sampled, arrived = o.Now, o.Now, depth
	}
	m.wait(Cohort{Since: since, Messages: arrived}, depth)
	if !m.At.IsZero() {
		m.sample(o.Now, arrived)
	}
	m.At, m.Depth, m.Visible, m.Done, m.Vain = o.Now, depth, o.Visible, o.Done, o.Vain
	return m
}

// depth is how many messages wait or are being handled.
func (m Memory) depth(o Observation) int { return max(0, o.depth()-m.Ghosts) }

// visible is how many messages a new worker could receive.
func (m Memory) visible(o Observation) int { return o.Visible - m.Ghosts }

// measure learns from the workers how long events take and how many messages
// they have: from those that work, or else from one that did since the last tick.
func (m *Memory) measure(o Observation) {
	var n, took, event float64
	for _, w := range o.Workers {
		if w.Live && w.Took > 0 && w.Rate > 0 && w.Parallelism > 0 {
			n++
			took += w.Took
			event += w.Rate * w.Took / float64(w.Parallelism)
		}
	}
	if n == 0 && o.Took > 0 && o.Event > 0 && o.Done > m.Done {
		n, took, event = 1, o.Took, o.Event
	}
	if n == 0 {
		return
	}
	if took, event = took/n, event/n; m.Took > 0 {
		took, event = m.Took+paceWeight*(took-m.Took), m.Event+paceWeight*(event-m.Event)
	}
	m.Took, m.Event = took, event
}

// wait adds those that came to what waits. The rest of the depth was there
// before: what is no more went in the order in which it came.
func (m *Memory) wait(came Cohort, depth int) {
	waiting := append(slices.Clone(m.Waiting), came)
	left := depth
	for i := len(waiting) - 1; i >= 0; i-- {
		waiting[i].Messages = min(waiting[i].Messages, left)
		left -= waiting[i].Messages
	}
	waiting[0].Messages += left
	waiting = slices.DeleteFunc(waiting, func(c Cohort) bool { return c.Messages == 0 })
	for len(waiting) > maxCohorts {
		// Of the two the older one's time counts: rather too soon than too late.
		least := 0
		for i := range len(waiting) - 1 {
			if waiting[i].Messages+waiting[i+1].Messages < waiting[least].Messages+waiting[least+1].Messages {
				least = i
			}
		}
		waiting[least].Messages += waiting[least+1].Messages
		waiting = slices.Delete(waiting, least+1, least+2)
	}
	m.Waiting = slices.Clip(waiting)
	if len(waiting) == 0 {
		m.Waiting = nil
	}
}

// sample measures the arrival rate. A single burst is in the depth: it promises
// no other, so the median of three intervals counts.
func (m *Memory) sample(now time.Time, arrived int) {
	m.Arrived += arrived
	took := now.Sub(m.Sampled)
	if took < sampleEvery {
		return
	}
	m.Recent = [3]float64{m.Recent[1], m.Recent[2], float64(m.Arrived) / took.Seconds()}
	sorted := m.Recent
	slices.Sort(sorted[:])
	m.Arrivals += (sorted[1] - m.Arrivals) * -math.Expm1(-took.Seconds()/smoothing.Seconds())
	if sorted[1] == 0 && m.Arrivals < fewArrivals {
		m.Arrivals = 0
	}
	m.Arrived, m.Sampled = 0, now
}

// clamp makes a count of a number, however large.
func clamp(x float64) int { return int(min(max(x, 0), 1e9)) }
