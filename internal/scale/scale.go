// Package scale decides how many workers a fleet should have. It is pure: no
// clock, no AWS, no logging. An [Observation] and a [Policy] go in, a
// [Decision] with its reason in plain words comes out.
package scale

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Policy is what the fleet's owner wants.
type Policy struct {
	// MaxConcurrency is the cap: handler invocations of the fleet at any time.
	MaxConcurrency int
	// Parallelism is how many handler invocations a new worker runs at a time.
	Parallelism int
	// MinWorkers stay when there is nothing to do. Defaults to 0.
	MinWorkers int
	// MessagesPerWorker is the target: depth that one worker is wanted for.
	MessagesPerWorker int
	// StepLimit is the most workers that one tick starts.
	StepLimit int
	// ScaleInHold is how long there must have been too many workers before some
	// are told to drain. Defaults to 0, which is at once.
	ScaleInHold time.Duration
	// Steering comes before all of it. Defaults to none.
	Steering Steering
}

// Validate says what is wrong with the policy, everything at once.
func (p Policy) Validate() error {
	var errs []error
	atLeast := func(name string, value, least int) {
		if value < least {
			errs = append(errs, fmt.Errorf("%s is %d, it must be at least %d", name, value, least))
		}
	}
	atLeast("MaxConcurrency", p.MaxConcurrency, 1)
	atLeast("Parallelism", p.Parallelism, 1)
	atLeast("MinWorkers", p.MinWorkers, 0)
	atLeast("MessagesPerWorker", p.MessagesPerWorker, 1)
	atLeast("StepLimit", p.StepLimit, 1)
	if p.ScaleInHold < 0 {
		errs = append(errs, fmt.Errorf("ScaleInHold is %s, it must not be negative", p.ScaleInHold))
	}
	if p.MinWorkers > 0 && p.MinWorkers*p.parallelism() > p.MaxConcurrency {
		errs = append(errs, fmt.Errorf("MinWorkers %d x Parallelism %d is over MaxConcurrency %d: lower one of the first two", p.MinWorkers, p.parallelism(), p.MaxConcurrency))
	}
	return errors.Join(errs...)
}

// parallelism of a new worker: never more than the whole cap.
func (p Policy) parallelism() int { return min(p.Parallelism, p.MaxConcurrency) }

// Worker is one slot of the registry, as the tick sees it.
type Worker struct {
	ID string
	// Parallelism that this worker was reserved with.
	Parallelism int
	// Live is false for a worker that fell silent or whose execution has ended:
	// it holds its slot but does no work that can be counted on.
	Live bool
	// Draining is true for a worker that was told to go home.
	Draining bool
	// Since is when the worker was reserved: the newest goes home first.
	Since time.Time
}

// Observation is what a tick sees. Depths are approximate, as SQS gives them.
type Observation struct {
	Visible  int
	InFlight int
	Delayed  int
	// BackingOff counts the messages in flight that nobody handles: they wait
	// for their backoff to end.
	BackingOff int
	// Workers are all that hold a slot.
	Workers []Worker
	// Surplus is how long there have been too many workers.
	Surplus time.Duration
	// Deaths is how many worker executions ended badly in a row.
	Deaths int
	// SinceDeath is how long ago the last of them was seen.
	SinceDeath time.Duration
}

// Decision is what a tick should do.
type Decision struct {
	// Wanted is how many workers the target asks for, within minimum and cap.
	Wanted int
	// Start is how many new workers to start.
	Start int
	// Parallelism of each worker to start.
	Parallelism int
	// Drain names the workers to send home, newest first.
	Drain []string
	// Stay names the workers that do not go home when idle: the minimum.
	Stay []string
	// Surplus is true while there are more workers than wanted.
	Surplus bool
	// Reason says all this in plain words.
	Reason string
}

// RestartPause is how long starts pause after a number of deaths in a row: none
// after the first, then 15 seconds doubled with each, up to 15 minutes.
func RestartPause(deaths int) time.Duration {
	if deaths <= 1 {
		return 0
	}
	return min(15*time.Second<<min(deaths-2, 10), 15*time.Minute)
}

// Decide applies the policy to what was observed.
func Decide(o Observation, p Policy) Decision {
	depth := max(0, o.Visible+o.InFlight-o.BackingOff)
	target := (depth + p.MessagesPerWorker - 1) / p.MessagesPerWorker
	parallelism := p.parallelism()
	most := p.MaxConcurrency / parallelism

	d := Decision{Parallelism: parallelism, Wanted: min(max(target, p.MinWorkers), most)}
	var why []string
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	for _, reason := range p.Steering.Why {
		say("%s", reason)
	}
	say("depth %d (%d visible, %d in flight%s)", depth, o.Visible, o.InFlight, fewer(o))
	say("at %d a worker %d wanted", p.MessagesPerWorker, target)
	switch {
	case target > most:
		say("the cap of %d invocations allows %d", p.MaxConcurrency, most)
	case target < p.MinWorkers:
		say("the minimum keeps %d", d.Wanted)
	}

	taken, silent := 0, 0
	var serving []Worker
	for _, w := range o.Workers {
		taken += w.Parallelism
		switch {
		case w.Draining:
		case w.Live:
			serving = append(serving, w)
		default:
			silent++
		}
	}
	say("%d working, %d going home, %d silent", len(serving), len(o.Workers)-len(serving)-silent, silent)

	d.start(o, p, len(serving), (p.MaxConcurrency-taken)/parallelism, say)
	d.goHome(o, p, serving, taken, say)
	slices.SortFunc(serving, func(a, b Worker) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
	if p.Steering.SendHome {
		serving = nil
	}
	for _, w := range serving[:min(p.MinWorkers, len(serving))] {
		d.Stay = append(d.Stay, w.ID)
	}
	d.Reason = strings.Join(why, "; ")
	return d
}

// start decides how many workers are new, and what binds.
func (d *Decision) start(o Observation, p Policy, serving, free int, say func(string, ...any)) {
	missing := d.Wanted - serving
	if missing <= 0 {
		return
	}
	if p.Steering.stopsStarts() {
		say("starting none of %d", missing)
		return
	}
	if pause := RestartPause(o.Deaths); o.SinceDeath < pause {
		say("starting none: the last %d worker executions failed, next try in %s", o.Deaths, (pause - o.SinceDeath).Round(time.Second))
		return
	}
	// What is in flight is held by a worker or backs off: a new worker would find
	// nothing, go home, and be started again by the next tick.
	useful := max((o.Visible+p.MessagesPerWorker-1)/p.MessagesPerWorker, min(p.MinWorkers, d.Wanted)-serving)
	d.Start = max(0, min(missing, free, p.StepLimit, useful))
	switch {
	case d.Start == missing:
		say("starting %d", d.Start)
	case d.Start == useful:
		say("starting %d of %d: the rest of the depth is not visible yet", d.Start, missing)
	case d.Start == p.StepLimit:
		say("starting %d of %d: the step limit binds", d.Start, missing)
	default:
		say("starting %d of %d: the other slots of the cap are taken", d.Start, missing)
	}
}

// goHome decides who drains: the newest of those that are too many, once the
// hold has passed, and at once those that a lowered cap leaves no room for.
func (d *Decision) goHome(o Observation, p Policy, serving []Worker, taken int, say func(string, ...any)) {
	newest := slices.SortedFunc(slices.Values(serving), func(a, b Worker) int {
		return cmp.Or(b.Since.Compare(a.Since), strings.Compare(b.ID, a.ID))
	})
	for _, w := range o.Workers {
		if w.Draining {
			taken -= w.Parallelism
		}
	}
	excess := 0
	for ; excess < len(newest) && taken > p.MaxConcurrency; excess++ {
		taken -= newest[excess].Parallelism
	}
	surplus := max(0, len(serving)-d.Wanted)
	d.Surplus = surplus > 0
	switch {
	case p.Steering.SendHome:
		if excess = len(newest); excess > 0 {
			say("sending %d home", excess)
		}
	case surplus > excess && o.Surplus >= p.ScaleInHold:
		say("sending %d home", surplus)
		excess = surplus
	case excess > 0:
		say("the cap of %d invocations was lowered: sending %d home", p.MaxConcurrency, excess)
	case surplus > 0:
		say("%d too many, held for %s yet", surplus, (p.ScaleInHold - o.Surplus).Round(time.Second))
	}
	for _, w := range newest[:excess] {
		d.Drain = append(d.Drain, w.ID)
	}
}

func fewer(o Observation) string {
	s := ""
	if o.BackingOff > 0 {
		s += fmt.Sprintf(", %d of them backing off", o.BackingOff)
	}
	if o.Delayed > 0 {
		s += fmt.Sprintf("; %d delayed", o.Delayed)
	}
	return s
}
