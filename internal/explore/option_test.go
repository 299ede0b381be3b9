package explore_test

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// option is one thing that the scheduler may do next.
type option struct {
	kind
	// p is the call that it is done to. Nil for what is done to the fleet.
	p *parked
	// what is aborted, or the instant that is waited for.
	execution string
	instant
}

// instant is one of those at which the slot rules turn.
type instant struct {
	at time.Time
	// turns says what it is the end of.
	turns turn
}

// turn is what ends at an instant.
type turn string

const (
	// lease is up to when a pump starts handlers after its report.
	lease turn = "lease"
	// busyFast is when what a worker said of its handlers has passed by a clock
	// that is 10 seconds ahead, busyFastest by one that is as fast as may be.
	busyFast    turn = "busy, by a fast clock"
	busyFastest turn = "busy, by the fastest clock"
	busy        turn = "busy"
)

// kind of an option.
type kind string

const (
	run        kind = "runs"
	late       kind = "is late"
	fail       kind = "fails"
	lose       kind = "runs, its reply lost"
	abandon    kind = "runs on, its caller gone"
	twice      kind = "runs twice"
	drop       kind = "is lost"
	killBefore kind = "is lost, its caller dead"
	killAfter  kind = "runs, its caller dead"
	abort      kind = "abort"
	tick       kind = "tick"
	tickAt     kind = "tick at"
)

func (o option) String() string {
	if o.p == nil {
		return string(o.kind) + " " + o.execution
	}
	return fmt.Sprintf("%s: %s %s", o.p.who, o.p.what, o.kind)
}

// arrival is how late a request to a handler arrives at most.
const arrival = 15 * time.Second

// instants is how many of the instants at which the slot rules turn are tried.
const instants = 8

// options are what may be done next, the first of which is to let the calls go
// as they come.
func (l *life) options(ready []*parked) []option {
	var all []option
	at := l.instants()
	for _, p := range ready {
		all = append(all, option{kind: run, p: p})
	}
	for _, p := range ready {
		for _, k := range l.faults(p) {
			all = append(all, option{kind: k, p: p})
		}
		switch {
		case p.until.After(p.since):
		case p.startsHandler():
			all = append(all, option{kind: late, p: p, instant: instant{at: p.since.Add(arrival)}})
		default:
			for _, i := range at {
				all = append(all, option{kind: late, p: p, instant: i})
			}
		}
	}
	for _, name := range l.executions {
		all = append(all, option{kind: abort, execution: name})
	}
	all = append(all, option{kind: tick})
	for _, i := range at {
		all = append(all, option{kind: tickAt, instant: i})
	}
	return all
}

// faults that may strike a call.
func (l *life) faults(p *parked) []kind {
	if p.call.Service == "events" {
		return []kind{drop, twice}
	}
	kinds := []kind{fail, lose}
	if p.call.Operation == "Invoke" {
		kinds = append(kinds, abandon)
	} else if p.call.Service == "dynamodb" {
		kinds = append(kinds, twice)
	}
	if l.w.caller(p.call) != nil {
		kinds = append(kinds, killBefore, killAfter)
	}
	return kinds
}

// do does it.
func (l *life) do(o option) {
	w := l.w
	if o.p != nil && o.p.writes() {
		l.known = false
	}
	switch o.kind {
	case run:
		w.gate.release(o.p)
	case fail:
		w.gate.release(o.p, api.Fault{Kind: api.Fail})
	case lose:
		w.gate.release(o.p, api.Fault{Kind: api.LoseReply})
	case abandon:
		w.gate.release(o.p, api.Fault{Kind: api.Abandon})
	case twice:
		w.gate.release(o.p, api.Fault{Kind: api.Twice})
	case drop:
		w.gate.release(o.p, api.Fault{Kind: api.Drop})
	case killBefore:
		w.caller(o.p.call).kill()
		w.gate.release(o.p, api.Fault{Kind: api.Drop})
	case killAfter:
		w.caller(o.p.call).kill()
		w.gate.release(o.p, api.Fault{Kind: api.Delay})
	case late:
		o.p.until = o.at
		l.note("  until %s", since(l.began, o.p.until))
	case abort:
		l.executions = slices.DeleteFunc(l.executions, func(x string) bool { return x == o.execution })
		w.Stop(l.arns[o.execution])
	case tick:
		w.Wake()
	case tickAt:
		l.note("  %s", since(l.began, o.at))
		time.AfterFunc(time.Until(o.at), w.Wake)
	}
}

// instants are those at which the slot rules turn, in order: around the ends of
// leases and of what workers said about their handlers, by any clock.
func (l *life) instants() []instant {
	now := time.Now()
	all := []instant{{at: now.Add(time.Second)}, {at: now.Add(31 * time.Second)}, {at: now.Add(61 * time.Second)}}
	if !l.known {
		l.slots, l.known = l.w.Workers(), true
	}
	for _, slot := range l.slots {
		all = append(all, instant{slot.ReportedAt.Time().Add(100*time.Second - time.Millisecond), lease})
		if slot.BusyUntil > 0 {
			until := time.UnixMilli(slot.BusyUntil).Add(time.Millisecond)
			all = append(all, instant{until.Add(-15 * time.Second), busyFastest}, instant{until.Add(-10 * time.Second), busyFast}, instant{until, busy})
		}
	}
	all = slices.DeleteFunc(all, func(i instant) bool { return !i.at.After(now) })
	slices.SortFunc(all, func(a, b instant) int { return a.at.Compare(b.at) })
	all = slices.CompactFunc(all, func(a, b instant) bool { return a.at.Equal(b.at) })
	return all[:min(len(all), instants)]
}

func since(began, t time.Time) string {
	return fmt.Sprintf("%.3fs", t.Sub(began).Seconds())
}

// byKind sorts options for drawing among the kinds first.
func byKind(options []option) map[kind][]int {
	m := map[kind][]int{}
	for i, o := range options {
		m[o.kind] = append(m[o.kind], i)
	}
	return m
}

// kindsOf are the keys, sorted.
func kindsOf(m map[kind][]int) []kind {
	kinds := make([]kind, 0, len(m))
	for k := range m {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, func(a, b kind) int { return cmp.Compare(a, b) })
	return kinds
}
