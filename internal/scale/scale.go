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
	// MessagesPerWorker is a target: depth that one worker is wanted for. Defaults
	// to 100 where no promise is made, else to no such target.
	MessagesPerWorker int
	// DrainWithin is a promise: what came to the queue is gone from it within this
	// time, whatever comes after it. Defaults to 0, no promise.
	DrainWithin time.Duration
	// MaxAge is a promise: no message gets older than this before it is handled,
	// as long as SQS gives out the oldest first. Defaults to 0, no promise.
	MaxAge time.Duration
	// BatchSize is the most messages of one event, and Timeout how long its
	// handlers may take: what promises rest on until workers have measured more.
	BatchSize int
	Timeout   time.Duration
	// LambdaConcurrency is the account's quota of concurrent invocations, and
	// LambdaReserve what is kept free of it. Defaults to 0, no limit.
	LambdaConcurrency int
	LambdaReserve     int
	// Jobs is true where what processes is no Lambda function.
	Jobs bool
	// StepLimit is the most workers that one tick starts.
	StepLimit int
	// Answer is the most that it starts before it looks again, in the same tick.
	// Defaults to 0, which is StepLimit.
	Answer int
	// ScaleInHold is how long there must have been too many workers before some
	// are told to drain. Defaults to 0, which is at once.
	ScaleInHold time.Duration
	// MonthlyBudget is what the fleet may spend in a calendar month, in dollars:
	// then all workers go home until the next. Defaults to 0, no budget.
	MonthlyBudget float64
	// Rates are what it pays. Defaults to none, which counts nothing.
	Rates Rates
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
	atLeast("MessagesPerWorker", p.MessagesPerWorker, 0)
	atLeast("LambdaReserve", p.LambdaReserve, 0)
	atLeast("StepLimit", p.StepLimit, 1)
	if !(p.MonthlyBudget >= 0) {
		errs = append(errs, fmt.Errorf("MonthlyBudget is %v, it must be dollars, or 0 for no budget", p.MonthlyBudget))
	}
	promise := func(name string, d time.Duration) {
		if d != 0 && d <= Startup {
			errs = append(errs, fmt.Errorf("%s is %d, and a worker takes %d seconds to start: promise more, or 0 for nothing", name, int(d/time.Second), int(Startup/time.Second)))
		}
	}
	promise("DrainWithinSeconds", p.DrainWithin)
	promise("MaxAgeSeconds", p.MaxAge)
	if p.ScaleInHold < 0 {
		errs = append(errs, fmt.Errorf("ScaleInHold is %s, it must not be negative", p.ScaleInHold))
	}
	if p.MinWorkers > 0 && p.MinWorkers*p.parallelism() > p.MaxConcurrency {
		errs = append(errs, fmt.Errorf("MinWorkers %d x Parallelism %d is over MaxConcurrency %d: lower one of the first two", p.MinWorkers, p.parallelism(), p.MaxConcurrency))
	}
	if len(errs) == 0 {
		errs = append(errs, p.validateQuota())
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
	// Rate is how many messages a second it handles when it has enough of them,
	// Took how many seconds an event keeps one of its places. 0 until it has
	// measured them.
	Rate float64
	Took float64
}

// Observation is what a tick sees. Depths are approximate, as SQS gives them.
type Observation struct {
	// Now is when it was made.
	Now      time.Time
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
	// Done is how many messages the fleet's workers have settled, ever, well or
	// badly, those included that went home.
	Done int64
	// Vain is how many workers went home, ever, without having found a message.
	Vain int64
	// Took and Event are how many seconds an event kept its place, and how many
	// messages it had, as the last worker had measured that went home. 0 if none
	// has.
	Took  float64
	Event float64
	// Usage is what the fleet has used, ever, and Leaving what of it will not be
	// counted any more: that of the workers that died, whose slots are freed now.
	Usage   Usage
	Leaving Usage
	// Memory is what the tick before left.
	Memory Memory
}

// depth is how many messages wait or are being handled.
func (o Observation) depth() int { return max(0, o.Visible+o.InFlight-o.BackingOff) }

// Decision is what a tick should do.
type Decision struct {
	// Wanted is how many workers the target asks for, within minimum and cap.
	Wanted int
	// Start is how many new workers to start.
	Start int
	// More is true where the tick has more to start than its answer holds: it looks
	// again once these are started.
	More bool
	// Parallelism of each worker to start.
	Parallelism int
	// Drain names the workers to send home, newest first.
	Drain []string
	// Stay names the workers that do not go home when idle: the minimum.
	Stay []string
	// Surplus is true while there are more workers than wanted.
	Surplus bool
	Signals
	// Reason says all this in plain words.
	Reason string
	// Memory is for the next tick.
	Memory Memory
}

// Signals are what alarms watch.
type Signals struct {
	// Starved is true while messages are visible and no worker is live.
	Starved bool
	// AtCap is true while the cap or Lambda's quota leaves fewer workers than are
	// wanted.
	AtCap bool
	// OverBudget is true while the month's budget is spent.
	OverBudget bool
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
	var why []string
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	m := o.Memory.see(o, p.Rates)
	over := m.Bill.bind(&p)
	taken := limits{p: p}
	silent, live := 0, 0
	var serving []Worker
	for _, w := range o.Workers {
		taken.take(w)
		if w.Live {
			live++
		}
		switch {
		case w.Draining:
		case w.Live:
			serving = append(serving, w)
		default:
			silent++
		}
	}
	targets := p.targets(o, m, len(serving))
	target := targets[0].wanted
	// Who works may have no eye for it: a task can take a year.
	scout := m.Ghosts > 0 && m.visible(o) == 0 && m.scoutIn(o.Now) == 0
	if scout {
		target = max(target, len(serving)+1)
	}
	most, quota := limits{p: p}.left()
	d := Decision{
		Parallelism: p.parallelism(), Wanted: min(max(target, p.MinWorkers), most),
		Signals: Signals{Starved: m.visible(o) > 0 && live == 0, AtCap: max(target, p.MinWorkers) > most, OverBudget: over},
	}

	for _, reason := range p.Steering.Why {
		say("%s", reason)
	}
	say("depth %d (%d visible, %d in flight%s)", o.depth(), o.Visible, o.InFlight, fewer(o))
	if m.Ghosts > 0 {
		say("%s", m.ghosts(o, scout))
	}
	say("%s", p.say(targets, m))
	switch {
	case max(target, p.MinWorkers) > most && quota:
		say("%s allows %d", p.quota(), most)
	case max(target, p.MinWorkers) > most:
		say("the cap of %d invocations allows %d", p.MaxConcurrency, most)
	case target < p.MinWorkers:
		say("the minimum keeps %d", d.Wanted)
	}
	say("%d working, %d going home, %d silent", len(serving), len(o.Workers)-len(serving)-silent, silent)

	// What is in flight is held by a worker or backs off: a new worker would find
	// nothing, go home, and be started again by the next tick.
	useful := min(p.MinWorkers, d.Wanted) - len(serving)
	for _, t := range targets {
		useful = max(useful, t.useful)
	}
	if scout {
		useful = max(useful, 1)
	}
	d.start(o, p, len(serving), useful, taken, say)
	if scout && d.Start > 0 {
		m.Looks, m.Looked = m.Looks+1, o.Now
	}
	d.goHome(o, p, serving, taken.handlers, say)
	slices.SortFunc(serving, func(a, b Worker) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
	if p.Steering.SendHome {
		serving = nil
	}
	for _, w := range serving[:min(p.MinWorkers, len(serving))] {
		d.Stay = append(d.Stay, w.ID)
	}
	d.Reason, d.Memory = strings.Join(why, "; "), m
	return d
}

// start decides how many workers are new, and what binds.
func (d *Decision) start(o Observation, p Policy, serving, useful int, taken limits, say func(string, ...any)) {
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
	free, quota := taken.left()
	d.AtCap = d.AtCap || min(missing, useful) > free
	d.Start = max(0, min(missing, free, p.StepLimit, useful))
	if p.Answer > 0 && d.Start > p.Answer {
		say("starting %d of %d, then more", p.Answer, d.Start)
		d.Start, d.More = p.Answer, true
		return
	}
	switch {
	case d.Start == missing:
		say("starting %d", d.Start)
	case d.Start == useful:
		say("starting %d of %d: the rest of the depth is not visible yet", d.Start, missing)
	case d.Start == p.StepLimit:
		say("starting %d of %d: the step limit binds", d.Start, missing)
	case quota:
		say("starting %d of %d: %s has no room for more", d.Start, missing, p.quota())
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
