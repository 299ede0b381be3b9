package scale

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Startup is how long after a tick a worker that it starts begins to handle: its
// execution's start and the cold starts of two functions.
const Startup = 10 * time.Second

// usualDepth is what one worker is wanted for where nothing else is said.
const usualDepth = 100

// messagesPerWorker is 0 for no such target.
func (p Policy) messagesPerWorker() int {
	if p.MessagesPerWorker == 0 && p.DrainWithin == 0 && p.MaxAge == 0 {
		return usualDepth
	}
	return p.MessagesPerWorker
}

// pace is how fast a worker handles messages.
type pace struct {
	// took is how long an event keeps its place, in seconds, and round how many
	// messages a worker handles at once.
	took, round float64
	measured    bool
}

// paceOf is what workers have measured. Until they have, each event is taken to
// be full and to take as long as its handlers may.
func (p Policy) paceOf(m Memory) pace {
	at := pace{took: p.Timeout.Seconds(), round: float64(max(p.BatchSize, 1))}
	if m.Took > 0 && m.Event > 0 {
		at = pace{took: m.Took, round: m.Event, measured: true}
	}
	at.took = max(at.took, 0.001)
	at.round *= float64(p.parallelism())
	return at
}

// rate is messages a second.
func (c pace) rate() float64 { return c.round / c.took }

// within is how many messages a worker handles in so many seconds: whole events
// only, and one round in any case, since no other worker would be quicker.
func (c pace) within(seconds float64) float64 {
	return c.round * max(1, math.Floor(seconds/c.took))
}

// workers is how many it takes to handle so many messages in so many seconds,
// when some are at work already and others are yet to start.
func (c pace) workers(messages, seconds float64, serving int) float64 {
	atWork := c.within(seconds)
	rest := messages - float64(serving)*atWork
	if rest <= 0 {
		return whole(messages / atWork)
	}
	return float64(serving) + whole(rest/c.within(seconds-Startup.Seconds()))
}

// whole rounds up, but for what is there by the error of computing alone.
func whole(x float64) float64 { return math.Ceil(x - 1e-9) }

// target is how many workers one aim asks for, and what says so.
type target struct {
	wanted int
	// useful is how many new ones what is visible would keep busy.
	useful int
	why    string
}

// targets are those that are set, the largest first: it counts.
func (p Policy) targets(o Observation, m Memory, serving int) []target {
	var all []target
	visible := m.visible(o)
	if per := p.messagesPerWorker(); per > 0 {
		t := target{wanted: m.Depth/per + min(m.Depth%per, 1), useful: visible/per + min(visible%per, 1)}
		t.why = fmt.Sprintf("at %d a worker %d wanted", per, t.wanted)
		all = append(all, t)
	}
	at := p.paceOf(m)
	promise := func(wanted float64, why string) {
		t := target{wanted: clamp(wanted), useful: clamp(whole(float64(visible) / at.round))}
		t.why = fmt.Sprintf(why, t.wanted)
		all = append(all, t)
	}
	if p.DrainWithin > 0 {
		promise(at.keep(m, p.DrainWithin, serving, m.Arrivals), "%d wanted to drain within "+p.DrainWithin.String())
	}
	if p.MaxAge > 0 {
		promise(at.keep(m, p.MaxAge, serving, 0), "%d wanted to keep every message under "+p.MaxAge.String())
	}
	slices.SortStableFunc(all, func(a, b target) int { return cmp.Compare(b.wanted, a.wanted) })
	return all
}

// keep is how many workers keep a promise: each cohort, and what came before it,
// is handled before its time is over, and what arrives is kept up with. more is
// how many messages a second take their share of the time as well, as SQS keeps
// no order.
func (c pace) keep(m Memory, within time.Duration, serving int, more float64) float64 {
	wanted := 0.0
	if m.Arrivals >= fewArrivals {
		wanted = whole(m.Arrivals / c.rate())
	}
	messages := 0.0
	for _, cohort := range m.Waiting {
		messages += float64(cohort.Messages)
		left := (within - m.At.Sub(cohort.Since)).Seconds()
		wanted = max(wanted, c.workers(messages+more*max(left, 0), left, serving))
	}
	return wanted
}

// say tells what the targets want, and what a promise rests on.
func (p Policy) say(targets []target, m Memory) string {
	var why []string
	for _, t := range targets {
		why = append(why, t.why)
	}
	s := strings.Join(why, ", ")
	if p.DrainWithin > 0 || p.MaxAge > 0 {
		at := p.paceOf(m)
		from := "by its handlers' time-outs"
		if at.measured {
			from = "measured"
		}
		s += fmt.Sprintf("; a worker handles %s a second (%s), %s a second arrive", brief(at.rate()), from, brief(m.Arrivals))
	}
	return s
}

// brief is a number with as many digits as tell something.
func brief(x float64) string {
	if x >= 100 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.2g", x)
}
