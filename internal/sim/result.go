package sim

import (
	"math/bits"
	"time"
)

// Result of a run.
type Result struct {
	Way      string `json:"way"`
	Settings string `json:"settings"`

	Messages     int `json:"messages"`
	Handled      int `json:"handled"`
	DeadLettered int `json:"deadLettered"`
	// Unfinished were still in the queue a day after the trace.
	Unfinished int `json:"unfinished"`

	// DrainedSeconds is when the last message was handled, from the start.
	DrainedSeconds float64 `json:"drainedSeconds"`
	// MaxBacklog counts what is visible or in flight.
	MaxBacklog    int     `json:"maxBacklog"`
	MaxAgeSeconds float64 `json:"maxAgeSeconds"`
	// WorkersStarted, and the most at once of workers and of handlers.
	WorkersStarted int     `json:"workersStarted"`
	PeakWorkers    int     `json:"peakWorkers"`
	PeakHandlers   int     `json:"peakHandlers"`
	WorkerMinutes  float64 `json:"workerMinutes"`
	// PlaceMinutes are worker-minutes times the handlers that a worker can run.
	PlaceMinutes float64 `json:"placeMinutes"`
	ColdStarts   int     `json:"coldStarts"`

	// Waiting is from a message's arrival to the start of its handler.
	Waiting Percentiles `json:"waiting"`
	Promise Promise     `json:"promise"`

	Dollars float64 `json:"dollars"`
	Lines   []Line  `json:"lines"`

	Intervals []Interval `json:"intervals,omitempty"`
	// Ticks of Muster's autoscaler whose reason differs from the one before, up to
	// 1,000.
	Ticks []Tick `json:"ticks,omitempty"`
}

// Percentiles of a time, in seconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Promise says how well one was kept: the messages of an interval are all handled
// within that time of their arrival.
type Promise struct {
	Seconds float64 `json:"seconds"`
	// Intervals in which messages arrived, those in which the cap allowed to keep it
	// and those of them in which it was kept. The cap allows what a fleet keeps that
	// runs at the cap from the start.
	Intervals int `json:"intervals"`
	Allowed   int `json:"allowed"`
	Kept      int `json:"kept"`
}

// Share of the intervals that were allowed in which the promise was kept. With
// none all of it was.
func (p Promise) Share() float64 {
	if p.Allowed == 0 {
		return 1
	}
	return float64(p.Kept) / float64(p.Allowed)
}

// keeps says whether an interval's promise was kept.
func (i Interval) keeps(seconds float64) bool { return i.LateSeconds >= 0 && i.LateSeconds <= seconds }

// judge counts in how many intervals a promise was kept that best, a fleet that
// runs at the cap from the start, keeps.
func (r *Result) judge(best Result) {
	p := Promise{Seconds: r.Promise.Seconds}
	for i, allowed := range best.Intervals {
		if allowed.Arrived == 0 {
			continue
		}
		p.Intervals++
		if allowed.keeps(p.Seconds) {
			p.Allowed++
			if r.Intervals[i].keeps(p.Seconds) {
				p.Kept++
			}
		}
	}
	r.Promise = p
}

// Interval is the state at the end of an interval of the trace.
type Interval struct {
	AtSeconds float64 `json:"at"`
	Arrived   int     `json:"arrived"`
	Visible   int     `json:"visible"`
	InFlight  int     `json:"inFlight"`
	// AgeSeconds of the oldest message that is visible.
	AgeSeconds float64 `json:"age"`
	Workers    int     `json:"workers"`
	Handlers   int     `json:"handlers"`
	// Late is how long the slowest message that arrived in the interval took until
	// it was handled, in seconds; -1 if one was not.
	LateSeconds float64 `json:"late"`
}

// Tick is a decision of Muster's autoscaler.
type Tick struct {
	AtSeconds float64 `json:"at"`
	Reason    string  `json:"reason"`
}

// statistics of a run while it lasts.
type statistics struct {
	intervals []Interval
	ticks     []Tick
	ticked    int
	// late is the slowest message of each interval, unfinished -1.
	late     []time.Duration
	waits    histogram
	lastDone time.Duration

	deadLettered, invocations, coldStarts, shifts, begun, handledMessages int
	peakWorkers, peakHandlers, maxBacklog                                 int
	maxAge, busyTime, workerTime                                          time.Duration
	// emptyReceives are long polls that found nothing.
	emptyReceives float64
	// doneGone is what workers have handled that went home, and vain how many did
	// that had handled nothing.
	doneGone int64
	vain     int
	noted    time.Duration
}

func (s *statistics) begin(c Config) {
	s.late = make([]time.Duration, len(c.Trace.Arrivals))
	s.intervals = make([]Interval, 0, len(c.Trace.Arrivals))
}

// histogram counts times in buckets that are 3% wide.
type histogram struct {
	counts [64 << 5]int
	all    int
	most   time.Duration
}

func bucket(d time.Duration) int {
	v := uint64(max(0, d)) | 1<<5
	n := bits.Len64(v)
	return n<<5 | int(v>>(n-6))&31
}

func (h *histogram) add(d time.Duration, n int) {
	h.counts[bucket(d)] += n
	h.all += n
	h.most = max(h.most, d)
}

// percentile is the upper end of the bucket that it lies in.
func (h *histogram) percentile(p float64) float64 {
	rank, seen := int(p*float64(h.all)+0.999999), 0
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= rank {
			return min(h.most, time.Duration((uint64(i&31)+33)<<(i>>5-6))).Seconds()
		}
	}
	return 0
}

// started notes how long messages waited for their handler.
func (s *statistics) started(c cohort, wait time.Duration) {
	if c.receives == 0 {
		s.waits.add(max(0, wait), int(c.count))
	}
}

// handledBy notes by when messages were handled.
func (e *engine) handledBy(c cohort, n int, at time.Duration) {
	e.handledMessages += n
	e.lastDone = max(e.lastDone, at)
	i := c.arrived / e.Trace.Interval
	if e.late[i] >= 0 {
		e.late[i] = max(e.late[i], at-c.arrived)
	}
}

// dead notes messages that go to the dead-letter queue: no promise was kept for
// them, nor broken.
func (e *engine) dead(_ cohort, n int) { e.deadLettered += n }

// note the state at the end of an interval.
func (e *engine) note() {
	i := Interval{
		AtSeconds: e.now.Seconds(), Visible: e.queue.messages, InFlight: e.inHand + e.backing, Workers: len(e.live), Handlers: e.running,
	}
	if e.queue.messages > 0 {
		age := e.now - e.queue.oldest()
		i.AgeSeconds = age.Seconds()
		e.maxAge = max(e.maxAge, age)
	}
	e.maxBacklog = max(e.maxBacklog, e.backlog())
	e.peakHandlers = max(e.peakHandlers, e.running)
	e.emptyReceives += float64(e.waiting.size) * float64(e.now-e.noted) / float64(longPoll)
	e.noted = e.now
	e.intervals = append(e.intervals, i)
}

// finish counts what is still there.
func (e *engine) finish() {
	e.note()
	for _, id := range e.live {
		e.workerTime += e.now - e.workers[id].since
	}
	for ; e.queue.size > 0; e.queue.take(int(e.queue.ring[e.queue.first].count)) {
		e.late[e.queue.oldest()/e.Trace.Interval] = -1
	}
	for _, r := range e.retries {
		e.late[r.arrived/e.Trace.Interval] = -1
	}
}

func (e *engine) result() Result {
	r := Result{
		Way: e.way.Name(), Settings: e.way.Settings(),
		Messages: e.Trace.Messages(), Handled: e.handledMessages, DeadLettered: e.deadLettered,
		DrainedSeconds: e.lastDone.Seconds(), MaxBacklog: e.maxBacklog, MaxAgeSeconds: e.maxAge.Seconds(),
		WorkersStarted: e.begun, PeakWorkers: e.peakWorkers, PeakHandlers: e.peakHandlers,
		WorkerMinutes: e.workerTime.Minutes(), PlaceMinutes: e.workerTime.Minutes() * float64(e.pool.places), ColdStarts: e.coldStarts,
		Waiting:   Percentiles{e.waits.percentile(.5), e.waits.percentile(.9), e.waits.percentile(.99), e.waits.most.Seconds()},
		Promise:   Promise{Seconds: e.Promise.Seconds()},
		Intervals: e.intervals, Ticks: e.ticks,
	}
	r.Unfinished = r.Messages - r.Handled - r.DeadLettered
	for i, late := range e.late {
		if i < len(r.Intervals) {
			r.Intervals[i].Arrived = e.Trace.Arrivals[i]
			r.Intervals[i].LateSeconds = late.Seconds()
			if late < 0 {
				r.Intervals[i].LateSeconds = -1
			}
		}
	}
	r.Lines = e.lines()
	for _, l := range r.Lines {
		r.Dollars += l.Dollars
	}
	return r
}
