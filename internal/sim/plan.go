package sim

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Wish is what a plan is made for: a rate that does not stop.
type Wish struct {
	// Rate of messages a second.
	Rate float64
	// Begin is by when 99 of 100 messages shall be with their handler.
	Begin time.Duration
	// Reserve of the account's Lambda concurrency that the fleet leaves free.
	Reserve int
	// Extras are lines of a month for what costs by being there.
	Extras []Line
	// Concurrency is the account's Lambda concurrency. Defaults to 1,000, what an
	// account has unless it was raised.
	Concurrency int
}

// Plan is settings that fulfil a wish, tried in the simulator.
type Plan struct {
	// Settings of the template, and why they are so.
	Settings []Setting `json:"settings"`
	// Busy is how many handlers run at a time on average.
	Busy float64 `json:"busy"`
	// P99Seconds is by when 99 of 100 messages were with their handler.
	P99Seconds float64 `json:"p99Seconds"`
	Quotas     []Quota `json:"quotas"`
	// Lines of a month of 730 hours, in dollars, and what an event source mapping
	// would cost with the same handlers; 0 where it cannot hold the cap.
	Lines   []Line  `json:"lines"`
	Dollars float64 `json:"dollars"`
	Mapping float64 `json:"eventSourceMappingDollars"`
}

// Setting of the template.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Quota is one of AWS's that the plan comes near to.
type Quota struct {
	Name string `json:"name"`
	// Needed by the plan, and what an account has unless it was raised, or what is
	// known of it.
	Needed  float64 `json:"needed"`
	Default float64 `json:"default"`
	Why     string  `json:"why"`
}

// Raise says whether the quota must be raised.
func (q Quota) Raise() bool { return q.Needed > q.Default }

// Quotas of an account unless they were raised, in the three large regions.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const (
	quotaConcurrency = 1000
	quotaInFlight    = 120_000
	quotaTransitions = 5000
	// invocationsPerPlace is how many synchronous invocations a second each unit of
	// concurrency may have.
	invocationsPerPlace = 10
)

// Limits of the template.
const (
	mostConcurrency = 10_000
	mostWorkers     = 1000
)

const (
	// planFor is how long a plan is tried, after planWarm in which workers start.
	planFor  = 30 * time.Minute
	planWarm = 2 * time.Minute
	month    = 730 * time.Hour
)

// NewPlan finds the cheapest settings, among workers of 5, 10 and 20 places and
// caps from 50 to 90 percent busy, that fulfil a wish. Of m counts all but the
// cap, the places and the number of workers.
func NewPlan(c Config, m Muster, w Wish) (Plan, error) {
	c = c.withDefaults()
	if !(w.Rate > 0) || math.IsInf(w.Rate, 1) {
		return Plan{}, fmt.Errorf("a rate of %v messages a second cannot be planned for", w.Rate)
	}
	c.Trace = steadily(w.Rate, c.Seed)
	if c.Trace.Messages() == 0 {
		return Plan{}, fmt.Errorf("%v messages a second are none in %s: the template's defaults will do", w.Rate, planFor)
	}
	event := float64(c.BatchSize)
	takes := c.Handler.Mean().Seconds()
	if !c.PerEvent {
		takes *= event
	}
	invocations := w.Rate / event
	busy := invocations * (takes + m.Poll.Seconds() + m.Settle.Seconds())
	// Lambda takes no more invocations a second than its concurrency allows.
	least := max(busy, invocations/invocationsPerPlace)
	if least > mostConcurrency {
		return Plan{}, fmt.Errorf("it takes %.0f handlers at a time, and one fleet has %d at most: use several fleets, or make the handler quicker", least, mostConcurrency)
	}
	places := []int{5, 10, 20}
	if m.Steps {
		places = []int{1}
	}
	var best Result
	var chosen Muster
	found := false
	for _, n := range places {
		// The busier the cheaper: the first that does is the best with these places.
		for _, busyShare := range []float64{0.9, 0.8, 0.65, 0.5} {
			workers := int(math.Ceil(least / busyShare / float64(n)))
			if workers > mostWorkers || workers*n > mostConcurrency {
				continue
			}
			enough := false
			for _, try := range m.stands(w.Rate, workers, n, w.Begin) {
				r, err := Run(c, try)
				if err != nil {
					return Plan{}, err
				}
				if r.Waiting.P99 > w.Begin.Seconds() || r.Unfinished > 0 {
					continue
				}
				if enough = true; !found || r.Dollars < best.Dollars {
					best, chosen, found = r, try, true
				}
			}
			if enough {
				break
			}
		}
	}
	if !found {
		return Plan{}, errors.New("no settings that were tried bring 99 of 100 messages to their handler within " + w.Begin.String() + ": allow more, or use several fleets")
	}
	return plan(c, chosen, w, best)
}

// steadily is a rate that does not stop, second by second as chance has it, after a
// while in which workers start.
func steadily(rate float64, seed uint64) Trace {
	t := Trace{Interval: time.Second, Arrivals: make([]int, int((planWarm+planFor)/time.Second))}
	random := rand.New(rand.NewPCG(seed, 5))
	for i := int(planWarm / time.Second); i < len(t.Arrivals); i++ {
		if rate > 50 {
			t.Arrivals[i] = max(0, int(math.Round(rate+math.Sqrt(rate)*random.NormFloat64())))
			continue
		}
		for left := random.ExpFloat64(); left < rate; left += random.ExpFloat64() {
			t.Arrivals[i]++
		}
	}
	return t
}

// standby is the shortest time to begin in which workers may come from home: a
// tick, a start and some more.
const standby = 90 * time.Second

// A worker of the stream lane handles about pumpRate messages a second, small ones,
// for each pumpStep MB of its memory: its share of a processor grows with it.
const (
	pumpRate = 300
	pumpStep = 128
)

// stands are the fleets to try with so many workers: all of them always there, and
// where there is time for that, as many as the promise needs.
func (m Muster) stands(rate float64, workers, places int, begin time.Duration) []Muster {
	m.Policy.MaxConcurrency, m.Policy.Parallelism, m.Policy.MinWorkers = workers*places, places, workers
	m.Policy.LambdaConcurrency, m.Policy.LambdaReserve, m.Policy.DrainWithin, m.Policy.MaxAge = 0, 0, 0, 0
	m.Policy.StepLimit = min(1000, max(100, workers))
	m.PumpMemory = max(m.PumpMemory, pumpStep*int(math.Ceil(rate/float64(workers)/pumpRate)))
	all := []Muster{m}
	if begin >= standby {
		m.Policy.MinWorkers, m.Policy.MessagesPerWorker, m.Policy.MaxAge = 0, 0, begin
		all = append(all, m)
	}
	return all
}

// plan tells what the settings chosen need.
func plan(c Config, m Muster, w Wish, r Result) (Plan, error) {
	p := m.Policy
	out := Plan{P99Seconds: r.Waiting.P99}
	var err error
	if out.Lines, out.Dollars, err = monthly(c, m, r); err != nil {
		return Plan{}, err
	}
	for _, l := range w.Extras {
		out.Lines, out.Dollars = append(out.Lines, l), out.Dollars+l.Dollars
	}
	flight, transitions := 0, 0.0
	for _, i := range r.Intervals {
		flight = max(flight, i.InFlight)
	}
	for _, l := range r.Lines {
		switch l.Unit {
		case "transitions":
			transitions = l.Quantity / planFor.Seconds()
		case "GB-s":
			if out.Busy == 0 { // the handlers' line comes first
				out.Busy = l.Quantity * 1024 / float64(c.HandlerMemory) / planFor.Seconds()
			}
		}
	}
	if w.Concurrency == 0 {
		w.Concurrency = quotaConcurrency
	}
	pollers := p.MaxConcurrency / p.Parallelism
	lambda := pollers + p.MaxConcurrency + w.Reserve
	set := func(name string, value int, why string) {
		out.Settings = append(out.Settings, Setting{name, strconv.Itoa(value), why})
	}
	lane := "stream"
	if m.Steps {
		lane = "steps"
	}
	out.Settings = []Setting{{"Lane", lane, ""}}
	set("MaxConcurrency", p.MaxConcurrency, fmt.Sprintf("%.1f handlers run on average", out.Busy))
	if !m.Steps {
		set("Parallelism", p.Parallelism, fmt.Sprintf("%d workers at most", pollers))
		set("PumpMemory", m.PumpMemory, fmt.Sprintf("MB: %.0f messages a second a worker", w.Rate/float64(pollers)))
	}
	if p.MaxAge > 0 {
		set("MaxAgeSeconds", int(p.MaxAge/time.Second), "workers come and go as the promise needs them")
	} else {
		set("MinWorkers", p.MinWorkers, "the rate does not stop: none goes home")
	}
	set("BatchSize", c.BatchSize, "")
	set("ProcessTimeoutSeconds", int(m.Timeout/time.Second), "the handler's own, or longer")
	set("StepLimit", p.StepLimit, "workers that one tick starts")
	set("LambdaConcurrency", max(w.Concurrency, lambda), "the account's quota")
	set("LambdaReserve", w.Reserve, "left to the account's other functions")
	out.Quotas = []Quota{
		{"Lambda: concurrent executions", float64(lambda), float64(w.Concurrency), fmt.Sprintf("%d handlers, %d workers' own functions and %d in reserve", p.MaxConcurrency, pollers, w.Reserve)},
		{"Lambda: invocations a second", w.Rate / float64(c.BatchSize), float64(max(lambda, w.Concurrency) * invocationsPerPlace), "ten times the concurrent executions: it rises with them"},
		{"SQS: messages in flight", float64(flight), quotaInFlight, "what handlers hold at a time; SQS delivers no more beyond it"},
		{"Step Functions: transitions a second", transitions, quotaTransitions, "800 outside us-east-1, us-west-2 and eu-west-1"},
	}
	mapping := EventSourceMapping{MaximumConcurrency: p.MaxConcurrency, Poll: m.Poll, Settle: m.Settle}
	if p.MaxConcurrency > 1000 {
		mapping.MaximumConcurrency = 0
	}
	if p.MaxConcurrency >= 2 {
		r, err := Run(c, mapping)
		if err != nil {
			return Plan{}, err
		}
		if _, out.Mapping, err = monthly(c, mapping, r); err != nil {
			return Plan{}, err
		}
	}
	return out, nil
}

// monthly is the bill of a month: a run's, less that of the time before anything
// arrives.
func monthly(c Config, w Way, r Result) (lines []Line, dollars float64, err error) {
	c.Trace = Trace{Interval: c.Trace.Interval, Arrivals: make([]int, int(planWarm/c.Trace.Interval))}
	before, err := Run(c, w)
	if err != nil {
		return nil, 0, err
	}
	const factor = float64(month) / float64(planFor)
	for i, l := range r.Lines {
		l.Quantity = factor * (l.Quantity - before.Lines[i].Quantity)
		l.Dollars = factor * (l.Dollars - before.Lines[i].Dollars)
		lines = append(lines, l)
		dollars += l.Dollars
	}
	return lines, dollars, nil
}
