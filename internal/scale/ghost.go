package scale

import (
	"fmt"
	"time"
)

// SQS's depths are approximate: a queue may count messages that nobody ever
// receives, or that are long gone. Workers that went home without having found
// anything are the proof. What was visible all the while is not counted any
// more; one worker looks again after a pause that doubles. What comes on top is
// counted at once, and when anything was handled all is counted again.

// ScoutPause is how long after so many looks in vain the next worker looks: a
// minute, doubled with each, up to 15 minutes.
func ScoutPause(looks int) time.Duration {
	return min(time.Minute<<min(max(looks-1, 0), 10), 15*time.Minute)
}

// lookForGhosts learns what workers looked for in vain since the last tick.
func (m *Memory) lookForGhosts(o Observation) {
	switch {
	case o.Visible == 0, o.Done > m.Done && !m.At.IsZero():
		m.Ghosts, m.Looks, m.Looked = 0, 0, time.Time{}
	case o.Vain > m.Vain && min(m.Visible, o.Visible) > 0:
		m.Ghosts = max(m.Ghosts, min(m.Visible, o.Visible))
		if m.Looks == 0 {
			m.Looks, m.Looked = 1, o.Now
		}
	}
	// Those that SQS counts no more do not come back as ghosts.
	m.Ghosts = min(m.Ghosts, o.Visible)
}

// scoutIn is how long it is until a worker should look again. 0 for now.
func (m Memory) scoutIn(now time.Time) time.Duration {
	return max(0, m.Looked.Add(ScoutPause(m.Looks)).Sub(now))
}

// ghosts says in plain words what is not counted.
func (m Memory) ghosts(o Observation, scout bool) string {
	next := fmt.Sprintf("the next one looks in %s", m.scoutIn(o.Now).Round(time.Second))
	if scout {
		next = "one looks again"
	}
	return fmt.Sprintf("%d of the visible not counted, looked for %d times in vain, %s", m.Ghosts, m.Looks, next)
}
