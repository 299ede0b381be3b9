package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/musterq/muster/internal/scale"
)

// NamedTrace is a trace of a suite.
type NamedTrace struct {
	Name string
	Trace
}

// The suite's setting: handlers that take a quarter of a second a message, with a
// long tail, and a cap of 100 in workers of five.
const (
	suiteHandler = "lognormal:250ms,250ms"
	suiteCap     = 100
	suitePlaces  = 5
	suiteTimeout = 30 * time.Second
)

// suitePromises are what the suite promises, the first in detail.
var suitePromises = []time.Duration{5 * time.Minute, 2 * time.Minute}

// suitePhases are how long after a trace's start the first tick comes: a burst may
// come right after a tick, or right before.
var suitePhases = []time.Duration{0, 10 * time.Second, 20 * time.Second, 30 * time.Second, 40 * time.Second, 50 * time.Second}

// SuiteFleet is the fleet that the suite tries: the template's defaults, but for
// the cap and the promise.
func SuiteFleet(promise, phase time.Duration) Muster {
	return Muster{
		Policy: scale.Policy{
			MaxConcurrency: suiteCap, Parallelism: suitePlaces, DrainWithin: promise, BatchSize: 10, Timeout: suiteTimeout,
			LambdaConcurrency: 1000, LambdaReserve: 100, StepLimit: 100, ScaleInHold: 5 * time.Minute,
		},
		Idle: time.Minute, Timeout: suiteTimeout, Phase: phase, Start: 3 * time.Second, Poll: 15 * time.Millisecond, Settle: 15 * time.Millisecond,
	}
}

// SuiteConfig is a trace in the suite's setting.
func SuiteConfig(t Trace, promise time.Duration) (Config, Cap, error) {
	handler, err := ParseDistribution(suiteHandler)
	return Config{Trace: t, Handler: handler, Promise: promise, ColdStart: 500 * time.Millisecond, Seed: 1},
		Cap{Handlers: suiteCap, Places: suitePlaces, Poll: 15 * time.Millisecond, Settle: 15 * time.Millisecond, PodStart: 15 * time.Second, TaskStart: 40 * time.Second},
		err
}

// SuitePromise is how well Muster keeps a promise on a trace, over all phases.
func SuitePromise(t Trace, promise time.Duration) (Promise, error) {
	c, limit, err := SuiteConfig(t, promise)
	if err != nil {
		return Promise{}, err
	}
	best, err := Run(c, limit.full())
	if err != nil {
		return Promise{}, err
	}
	var sum Promise
	for _, phase := range suitePhases {
		r, err := Run(c, SuiteFleet(promise, phase))
		if err != nil {
			return Promise{}, err
		}
		r.judge(best)
		sum.add(r.Promise)
	}
	return sum, nil
}

func (p *Promise) add(q Promise) {
	p.Seconds = q.Seconds
	p.Intervals += q.Intervals
	p.Allowed += q.Allowed
	p.Kept += q.Kept
}

// Suite tries the traces and tells in Markdown what came out.
func Suite(traces []NamedTrace) (string, error) {
	var b strings.Builder
	for _, promise := range suitePromises {
		if err := suitePromised(&b, traces, promise); err != nil {
			return "", err
		}
	}
	promise := suitePromises[0]
	fmt.Fprintf(&b, "### Each trace, %s promised\n\n", spoken(promise))
	for _, t := range traces {
		all, err := suiteCompare(t.Trace, promise)
		if err != nil {
			return "", fmt.Errorf("%s: %w", t.Name, err)
		}
		fmt.Fprintf(&b, "**%s**, %d messages in %s\n\n", t.Name, t.Messages(), t.Length())
		b.WriteString("| way | settings | kept | half waited | 99% | all | worker-minutes | dollars |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
		for _, r := range all {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %.0f | %.3f |\n", r.Way, r.Settings, percent(r.Promise),
				seconds(r.Waiting.P50), seconds(r.Waiting.P99), seconds(r.Waiting.Max), r.PlaceMinutes/suitePlaces, r.Dollars)
		}
		b.WriteString("\n")
	}
	return strings.TrimSpace(b.String()) + "\n", nil
}

// suiteCompare runs all ways on a trace. Muster's first tick is half a minute after
// the start.
func suiteCompare(t Trace, promise time.Duration) ([]Compared, error) {
	c, limit, err := SuiteConfig(t, promise)
	if err != nil {
		return nil, err
	}
	return Compare(c, SuiteFleet(promise, 30*time.Second), limit)
}

// suiteSum is what a way comes to over all traces.
type suiteSum struct {
	way              string
	promise          Promise
	minutes, dollars float64
	// cheaper, and sooner for the slowest hundredth, than Muster on so many traces.
	cheaper, sooner int
}

// suitePromised tells how one promise was kept on all traces.
func suitePromised(b *strings.Builder, traces []NamedTrace, promise time.Duration) error {
	var own Promise
	worst, worstIn := 1.0, ""
	var rows, lost []string
	var sums []suiteSum
	for _, t := range traces {
		p, err := SuitePromise(t.Trace, promise)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		own.add(p)
		rows = append(rows, fmt.Sprintf("| %s | %d | %d | %d | %s |", t.Name, p.Intervals, p.Allowed, p.Kept, percent(p)))
		if p.Share() < worst {
			worst, worstIn = p.Share(), fmt.Sprintf(" The worst trace is %s with %s.", t.Name, percent(p))
		}
		if p.Kept < p.Allowed {
			lost = append(lost, fmt.Sprintf("%d in %s", p.Allowed-p.Kept, t.Name))
		}
		all, err := suiteCompare(t.Trace, promise)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		for i, r := range all {
			if len(sums) == i {
				sums = append(sums, suiteSum{way: r.Way})
			}
			s := &sums[i]
			s.promise.add(r.Promise)
			s.minutes += r.PlaceMinutes / suitePlaces
			s.dollars += r.Dollars
			if r.Dollars < all[0].Dollars {
				s.cheaper++
			}
			if r.Waiting.P99 < all[0].Waiting.P99 {
				s.sooner++
			}
		}
	}
	fmt.Fprintf(b, "### %s promised\n\n", spoken(promise))
	fmt.Fprintf(b, "Muster with `DrainWithinSeconds` %d, each trace with %d phases of its ticks: kept in %d of %d intervals that the cap allows, **%s**.", int(promise.Seconds()), len(suitePhases), own.Kept, own.Allowed, percent(own))
	if len(lost) > 0 {
		fmt.Fprintf(b, " Lost: %s.", strings.Join(lost, ", "))
	}
	b.WriteString(worstIn)
	b.WriteString("\n\n| trace | intervals with arrivals | of them the cap allows | kept | share |\n|---|---:|---:|---:|---:|\n")
	fmt.Fprintf(b, "%s\n\n", strings.Join(rows, "\n"))
	b.WriteString("All ten traces together, each rival with its best settings on each:\n\n| way | kept | worker-minutes | dollars | cheaper than Muster | its 99% waited less |\n|---|---:|---:|---:|---:|---:|\n")
	for i, s := range sums {
		cheaper, sooner := "", ""
		if i > 0 {
			cheaper, sooner = fmt.Sprintf("on %d", s.cheaper), fmt.Sprintf("on %d", s.sooner)
		}
		fmt.Fprintf(b, "| %s | %s | %.0f | %.2f | %s | %s |\n", s.way, percent(s.promise), s.minutes, s.dollars, cheaper, sooner)
	}
	b.WriteString("\n")
	return nil
}

// spoken is a time of whole minutes in words.
func spoken(d time.Duration) string {
	if d == 2*time.Minute {
		return "Two minutes"
	}
	return fmt.Sprintf("%.0f minutes", d.Minutes())
}

// percent is a share, rounded down: 100% is all.
func percent(p Promise) string {
	return fmt.Sprintf("%.1f%%", float64(int(1000*p.Share()))/10)
}

func seconds(s float64) string {
	if s < 10 {
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.0f s", s)
}
