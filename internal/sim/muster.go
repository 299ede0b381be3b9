package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/price"
	"github.com/musterq/muster/internal/scale"
)

// shiftLength is how long a shift of the stream lane lasts: 14 of the 15 minutes
// that Lambda gives.
const shiftLength = 14 * time.Minute

// Muster is a fleet as the template makes it.
type Muster struct {
	Policy scale.Policy
	// Steps is true for the steps lane, whose workers have one place.
	Steps bool
	// PumpMemory of a worker of the stream lane, in MB. Defaults to the template's.
	PumpMemory int
	// Idle is after what time a worker that finds nothing goes home, Timeout the
	// handlers' time-outs together, and Every the time between ticks. Every defaults
	// to a minute, and the first tick is Phase after the start.
	Idle, Timeout, Every, Phase time.Duration
	// Start is how long a worker takes from its tick to its first poll. Poll and
	// Settle are what an event takes beside its handler.
	Start, Poll, Settle time.Duration
}

// Name is Muster's.
func (m Muster) Name() string { return "Muster" }

// Settings in the template's words.
func (m Muster) Settings() string {
	lane := "stream"
	if m.Steps {
		lane = "steps"
	}
	s := []string{"Lane " + lane, fmt.Sprintf("MaxConcurrency %d", m.Policy.MaxConcurrency)}
	if !m.Steps {
		s = append(s, fmt.Sprintf("Parallelism %d", m.places()))
	}
	if m.Policy.MinWorkers > 0 {
		s = append(s, fmt.Sprintf("MinWorkers %d", m.Policy.MinWorkers))
	}
	for _, target := range []struct {
		name  string
		value int
	}{
		{"MessagesPerWorker", m.Policy.MessagesPerWorker}, {"DrainWithinSeconds", int(m.Policy.DrainWithin / time.Second)}, {"MaxAgeSeconds", int(m.Policy.MaxAge / time.Second)},
	} {
		if target.value > 0 {
			s = append(s, fmt.Sprintf("%s %d", target.name, target.value))
		}
	}
	return strings.Join(s, ", ")
}

// pumpGB is the memory of a worker of the stream lane.
func (m Muster) pumpGB() float64 {
	if m.PumpMemory == 0 {
		return autoscaler.PumpMemory
	}
	return float64(m.PumpMemory) / 1024
}

func (m Muster) places() int {
	if m.Steps {
		return 1
	}
	return max(1, min(m.Policy.Parallelism, m.Policy.MaxConcurrency))
}

func (m Muster) validate(c Config) error {
	errs := []error{m.Policy.Validate()}
	full := c.Handler.Mean()
	if !c.PerEvent {
		full *= time.Duration(c.BatchSize)
	}
	if full > m.Timeout {
		errs = append(errs, fmt.Errorf("an event of %d messages takes %s on average, and the handler's time-out is %s: lower BatchSize or raise ProcessTimeoutSeconds", c.BatchSize, full.Round(time.Millisecond), m.Timeout))
	}
	if !m.Steps && m.Timeout >= shiftLength {
		errs = append(errs, fmt.Errorf("time-outs of %s leave nothing of a shift of %s: use Lane steps", m.Timeout, shiftLength))
	}
	if m.Idle < time.Second {
		errs = append(errs, fmt.Errorf("IdleSeconds is %s, it must be at least a second", m.Idle))
	}
	return errors.Join(errs...)
}

func (m Muster) pool(Config) pool {
	p := pool{places: m.places(), start: m.Start, poll: m.Poll, settle: m.Settle, functions: true, idle: m.Idle}
	if m.Steps {
		// A poll that found nothing counts whole.
		wait := min(longPoll, m.Idle)
		p.idle = (m.Idle + wait - 1) / wait * wait
		return p
	}
	p.shift, p.orders = shiftLength-m.Timeout, time.Minute
	return p
}

func (m Muster) scaler() scaler {
	if m.Steps {
		m.Policy.Parallelism = 1
	}
	if m.Every == 0 {
		m.Every = time.Minute
	}
	return &ticker{Muster: m}
}

// ticker runs Muster's own rule.
type ticker struct {
	Muster
	memory       scale.Memory
	surplusSince time.Duration
	surplus      bool
	reason       string
}

func (a *ticker) every() (phase, period time.Duration) { return a.Phase, a.Every }

// clock is when simulations begin, for the rule's sake, which compares times.
var clock = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (a *ticker) tick(e *engine) {
	o := scale.Observation{
		Now: clock.Add(e.now), Visible: e.queue.messages, InFlight: e.inHand + e.backing, BackingOff: e.backing,
		Done: e.doneGone, Vain: int64(e.vain), Memory: a.memory,
	}
	o.Usage = scale.Usage{
		Workers: float64(e.begun), Seconds: e.workerTime.Seconds(), Events: float64(e.invocations), Busy: e.busyTime.Seconds(), Messages: float64(e.handledMessages),
	}
	for _, id := range e.live {
		w := &e.workers[id]
		w.report(e.now, e.orders)
		o.Usage.Seconds += (e.now - w.since).Seconds()
		o.Done += int64(w.reported.handled)
		o.Workers = append(o.Workers, scale.Worker{
			ID: strconv.Itoa(int(id)), Parallelism: e.pool.places, Live: true, Draining: w.drained, Since: clock.Add(w.since),
			Rate: w.reported.rate, Took: w.reported.took,
		})
	}
	if a.surplus {
		o.Surplus = e.now - a.surplusSince
	}
	d := scale.Decide(o, a.Policy)
	a.memory = d.Memory
	if d.Surplus && !a.surplus {
		a.surplusSince = e.now
	}
	a.surplus = d.Surplus
	for _, id := range e.live {
		e.workers[id].stays = false
	}
	for _, id := range d.Stay {
		e.workers[index(id)].stays = true
	}
	e.start(d.Start)
	for _, id := range e.live[len(e.live)-d.Start:] {
		e.workers[id].stays = len(e.live) <= a.Policy.MinWorkers
	}
	for _, id := range d.Drain {
		e.drain(index(id))
	}
	e.ticked++
	if d.Reason != a.reason && len(e.ticks) < maxTicks {
		e.ticks = append(e.ticks, Tick{AtSeconds: e.now.Seconds(), Reason: d.Reason})
	}
	a.reason = d.Reason
}

// maxTicks whose reasons a result has.
const maxTicks = 1000

// index of the worker that was given to the rule under this ID.
func index(id string) int32 {
	n, err := strconv.Atoi(id)
	if err != nil {
		return -1
	}
	return int32(n)
}

// logged is how many bytes an invocation of Muster's own functions leaves in its
// log: what Lambda itself says of it.
const logged = 330.0

// bill counts what the state machines of asl/ do, as they were metered
// (internal/scenario/costs). A tick is taken to last 200 ms, half of it in its
// function.
func (m Muster) bill(e *engine) []Line {
	ticks, workers, live := float64(e.ticked), float64(e.begun), e.workerTime.Seconds()
	events, empty := float64(e.invocations), e.emptyReceives
	var transitions, own, ownTime, writes float64
	if m.Steps {
		// Poll, Messages?, Process, Settle; of an empty poll the first two; Report
		// home, Orders?, Go home, Home.
		transitions = 4*events + 2*empty + 4*workers
		own = 2*events + empty
		ownTime = events*(m.Poll.Seconds()*autoscaler.PollMemory+m.Settle.Seconds()*autoscaler.SettleMemory) + empty*longPoll.Seconds()*autoscaler.PollMemory
		writes = 2*events + empty + 4*workers
	} else {
		shifts := workers + float64(e.shifts)
		// Report home, Orders?, Pump, Idle? of a shift; Go home, Home.
		transitions = 4*shifts + 2*workers
		own = shifts
		ownTime = live * m.pumpGB()
		writes = live/60 + 3*shifts + 3*workers
	}
	return []Line{
		priced("Lambda: workers, invocations", own, "invocations", priceInvocation),
		priced("Lambda: workers, time", ownTime, "GB-s", priceGBSecond),
		priced("Step Functions: workers", transitions, "transitions", priceTransition),
		// The record of a tick is a write, what it remembers another.
		priced("DynamoDB: registry", writes+2*ticks, "writes", priceWrite),
		priced("DynamoDB: registry", ticks*5+live/60/4, "reads", priceRead),
		priced("Step Functions: ticks", ticks, "Express requests", priceExpress),
		priced("Step Functions: ticks", ticks*0.2*64/1024, "Express GB-s", priceExpressGBSecond),
		priced("Lambda: ticks, invocations", ticks, "invocations", priceInvocation),
		priced("Lambda: ticks, time", ticks*0.1*autoscaler.AssessMemory, "GB-s", priceGBSecond),
		priced("SQS: ticks", ticks, "requests", priceSQS),
		priced("CloudWatch Logs: ingestion", (own+ticks)*logged/price.GB, "GB", priceLogs),
	}
}

// Phase is when the first tick is: some time within the first period, by the seed,
// for arrivals know nothing of ticks.
func Phase(every time.Duration, seed uint64) time.Duration {
	return time.Duration(rand.New(rand.NewPCG(seed, 4)).Int64N(int64(every/time.Second))) * time.Second
}
