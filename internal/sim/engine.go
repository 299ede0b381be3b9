package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// quantum is how much of short batches one place takes together.
const quantum = 500 * time.Millisecond

// environmentsLast is how often handlers' environments are looked through for
// such that nobody needed since.
const environmentsLast = 5 * time.Minute

// engine runs one simulation.
type engine struct {
	Config
	pool
	way    Way
	scales scaler

	now    time.Duration
	agenda agenda
	random *rand.Rand
	draws  *sampler
	// mean that a full event takes in its place.
	mean time.Duration

	queue    line
	step     time.Duration
	carried  float64
	failures float64
	// retries is a heap by time.
	retries  []retry
	backing  int
	inHand   int
	arrived  int
	workers  []worker
	live     []int32
	waiting  turns
	running  int
	places   int
	period   time.Duration
	warm     int
	leastYet int
	trimmed  time.Duration

	statistics
}

// worker of a pool.
type worker struct {
	// since is when it was decided on, began when its shift began, and worked when
	// it last handled something.
	since, began, worked time.Duration
	// free and busy places.
	free, busy int32
	// polls while it takes messages. It does not before it is ready, at the end of
	// a shift and once it has been told to drain.
	polls bool
	// drained by orders, which it has been told of, and gone.
	drained, told, gone bool
	// stays when idle.
	stays   bool
	waiting bool
	// counts are what it counts, and reported what it last reported of them.
	counts, reported counts
	// reportAt is when it reports next.
	reportAt time.Duration
}

// counts of a worker.
type counts struct {
	// rate is its service rate in messages a second, and took how long an event
	// keeps its place in seconds, both smoothed.
	rate, took float64
	handled    int
}

func newEngine(c Config, w Way) *engine {
	e := &engine{Config: c, way: w, pool: w.pool(c), scales: w.scaler(), random: rand.New(rand.NewPCG(c.Seed, 3)), draws: newSampler(c.Handler, c.Seed)}
	e.step = 100 * time.Millisecond
	if c.Trace.Length() > 72*time.Hour {
		e.step = time.Second
	}
	e.mean = c.Handler.Mean()
	if !c.PerEvent {
		e.mean *= time.Duration(c.BatchSize)
	}
	e.mean += e.poll + e.settle
	e.begin(c)
	return e
}

// run until the trace is over and everything handled, or patience is.
func (e *engine) run() {
	end := e.Trace.Length()
	phase, period := e.scales.every()
	e.period = period
	e.agenda.push(event{at: 0, kind: arrive})
	e.agenda.push(event{at: phase, kind: tick})
	e.agenda.push(event{at: e.Trace.Interval, kind: sample})
	for {
		next := e.agenda.pop()
		if e.now = next.at; e.now >= end && (e.backlog() == 0 || e.now > end+patience) {
			break
		}
		e.happen(next)
	}
	e.now = max(end, min(e.now, end+patience))
	e.finish()
}

// backlog is all that has arrived and is neither handled nor dead-lettered.
func (e *engine) backlog() int { return e.queue.messages + e.inHand + e.backing }

func (e *engine) happen(ev event) {
	switch ev.kind {
	case arrive:
		e.arrive()
	case comeBack:
		e.comeBack()
	case done:
		e.done(ev)
	case ready:
		w := &e.workers[ev.worker]
		w.began, w.worked, w.polls, w.reportAt = e.now, e.now, !w.told, e.now+e.orders
		if e.shift > 0 {
			e.agenda.push(event{at: e.now + e.shift, kind: shiftOver, worker: ev.worker})
		}
		if e.idle > 0 {
			e.agenda.push(event{at: e.now + e.idle, kind: idle, worker: ev.worker})
		}
		e.offer(ev.worker)
	case idle:
		e.goHome(ev.worker)
	case told:
		e.tell(ev.worker)
	case leave:
		if w := &e.workers[ev.worker]; w.busy == 0 {
			e.gone(ev.worker)
		}
	case shiftOver:
		w := &e.workers[ev.worker]
		w.polls = false
		if w.busy == 0 && !w.gone {
			e.next(ev.worker)
		}
	case tick:
		e.trim()
		e.scales.tick(e)
		e.agenda.push(event{at: e.now + e.period, kind: tick})
	case sample:
		e.note()
		e.agenda.push(event{at: e.now + e.Trace.Interval, kind: sample})
	}
}

// arrive adds the messages of a step, and skips to the next that has any.
func (e *engine) arrive() {
	i := int(e.now / e.Trace.Interval)
	if i >= len(e.Trace.Arrivals) {
		return
	}
	next := e.now + e.step
	if e.now%e.Trace.Interval == 0 {
		e.carried = 0
	}
	if ends := time.Duration(i+1) * e.Trace.Interval; e.Trace.Arrivals[i] == 0 {
		next = ends
	} else if next >= ends {
		next = ends
	}
	if all := e.Trace.Arrivals[i]; all > 0 {
		before := e.carried
		e.carried = float64(all) * float64(next-time.Duration(i)*e.Trace.Interval) / float64(e.Trace.Interval)
		if n := int(e.carried+1e-9) - int(before+1e-9); n > 0 {
			e.arrived += n
			e.queue.push(cohort{arrived: e.now, count: int32(n)})
			e.feed()
		}
	}
	e.agenda.push(event{at: next, kind: arrive})
}

// feed gives what is visible to those that wait, in turn.
func (e *engine) feed() {
	for e.queue.messages > 0 && e.waiting.size > 0 {
		id := e.waiting.pop()
		w := &e.workers[id]
		w.waiting = false
		if w.polls && w.free > 0 {
			e.take(id)
			e.wait(id)
		}
	}
}

// wait lets a worker with a free place wait for messages.
func (e *engine) wait(id int32) {
	if w := &e.workers[id]; w.polls && w.free > 0 && !w.waiting {
		w.waiting = true
		e.waiting.push(id)
	}
}

// offer gives a worker that begins to poll messages for all its places.
func (e *engine) offer(id int32) {
	for w := &e.workers[id]; w.polls && w.free > 0 && e.queue.messages > 0; {
		e.take(id)
	}
	e.wait(id)
}

// take gives one place an event, or several that are short.
func (e *engine) take(id int32) {
	w := &e.workers[id]
	rounds := 1
	if e.mean*2 <= quantum {
		rounds = max(1, min(int(quantum/e.mean), e.queue.messages/(max(1, e.places)*e.BatchSize)))
	}
	want := min(rounds*e.BatchSize, e.queue.messages)
	rounds = (want + e.BatchSize - 1) / e.BatchSize
	draws := want
	if e.PerEvent {
		draws = rounds
	}
	takes := e.draws.draw(draws)
	start := e.poll
	if e.functions {
		if e.warm > 0 {
			e.warm--
			e.leastYet = min(e.leastYet, e.warm)
		} else {
			start += e.ColdStart
			e.coldStarts++
		}
	}
	one := takes / time.Duration(rounds)
	busy := takes + time.Duration(rounds-1)*(e.poll+e.settle)
	for left := want; left > 0; {
		c := e.queue.take(left)
		left -= int(c.count)
		// Of several rounds the middle one stands for all.
		e.started(c, e.now+start-c.arrived+(busy-one)/2)
		handled := e.now + start + busy
		if failed := e.fail(c, handled); failed < int(c.count) {
			e.handledBy(c, int(c.count)-failed, handled)
		}
	}
	whole := start + busy + e.settle
	w.free--
	w.busy++
	e.inHand += want
	e.running++
	e.invocations += rounds
	e.busyTime += takes + start - e.poll
	e.agenda.push(event{at: e.now + whole, kind: done, worker: id, messages: int32(want), took: float32((whole - e.poll).Seconds()), events: uint16(rounds)})
}

// measure smooths as a worker does.
func (c *counts) measure(ev event, places float64) {
	seconds := max(float64(ev.took), 0.001)
	rate, each := float64(ev.messages)/seconds*places, seconds/float64(ev.events)
	c.handled += int(ev.messages)
	if c.took == 0 {
		c.rate, c.took = rate, each
		return
	}
	c.rate += 0.1 * (rate - c.rate)
	c.took += 0.1 * (each - c.took)
}

// report what was counted by the last time at which it was due.
func (w *worker) report(now, every time.Duration) {
	if every == 0 || now >= w.reportAt {
		w.reported = w.counts
	}
	for every > 0 && now >= w.reportAt {
		w.reportAt += every
	}
}

// fail lets some messages of a cohort fail, and says how many.
func (e *engine) fail(c cohort, at time.Duration) int {
	if e.FailureRate == 0 {
		return 0
	}
	e.failures += e.FailureRate * float64(c.count)
	failed := int(e.failures)
	e.failures -= float64(failed)
	if failed == 0 {
		return 0
	}
	if int(c.receives)+1 >= e.MaxReceives {
		e.dead(c, failed)
		return failed
	}
	for range failed {
		delay := time.Duration(e.random.Int64N(int64(e.Backoff.Ceiling(int(c.receives)+1)) + 1))
		e.retry(retry{at + e.settle + delay, cohort{arrived: c.arrived, count: 1, receives: c.receives + 1}})
	}
	e.backing += failed
	return failed
}

func (e *engine) retry(r retry) {
	at, _ := slices.BinarySearchFunc(e.retries, r, func(a, b retry) int { return int(b.at - a.at) })
	e.retries = slices.Insert(e.retries, at, r)
	e.agenda.push(event{at: r.at, kind: comeBack})
}

// comeBack makes visible whose backoff is over.
func (e *engine) comeBack() {
	for n := len(e.retries); n > 0 && e.retries[n-1].at <= e.now; n = len(e.retries) {
		e.queue.push(e.retries[n-1].cohort)
		e.backing--
		e.retries = e.retries[:n-1]
	}
	e.feed()
}

// done frees a place.
func (e *engine) done(ev event) {
	id := ev.worker
	w := &e.workers[id]
	w.free++
	w.busy--
	w.worked = e.now
	w.report(e.now, e.orders)
	w.counts.measure(ev, float64(e.pool.places))
	e.inHand -= int(ev.messages)
	e.running--
	e.warm++
	if w.drained && e.orders == 0 {
		w.told, w.polls = true, false
	}
	switch {
	case w.polls && e.queue.messages > 0:
		e.take(id)
		e.wait(id)
	case w.polls:
		e.wait(id)
	case w.busy > 0:
	case w.told:
		e.gone(id)
	default:
		e.next(id)
	}
}

// next begins a worker's next shift.
func (e *engine) next(id int32) {
	w := &e.workers[id]
	w.reported = w.counts
	e.agenda.push(event{at: e.now, kind: ready, worker: id})
	e.shifts++
}

// goHome lets a worker go that has found nothing for long enough.
func (e *engine) goHome(id int32) {
	w := &e.workers[id]
	switch since := e.now - w.worked; {
	case w.gone || w.told || !w.polls:
	case w.busy > 0 || w.stays:
		e.agenda.push(event{at: e.now + e.idle, kind: idle, worker: id})
	case since < e.idle:
		e.agenda.push(event{at: w.worked + e.idle, kind: idle, worker: id})
	default:
		e.gone(id)
	}
}
