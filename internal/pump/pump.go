// Package pump is the stream lane: one shift of a worker inside one Lambda
// invocation. It receives, transforms, processes and settles many batches at
// once, reports home, and starts no handler that it could not see to its end.
//
// # What is in hand stays invisible
//
// Every message that was received and is not settled is in the worker's hand,
// which knows until when SQS keeps it invisible at least, counted from when the
// request was sent. It is received for the time-outs of its handlers and 45
// seconds. What waits (for its batching window, for the event before it, while
// Lambda throttles) is extended to a minute as soon as less than 45 seconds are
// left. Before each try to start a handler its messages are extended to the
// time-outs of the handlers to come and 45 seconds, if less than 20 seconds less
// is left. So once a pump dies its messages are back within the time-outs of
// their handlers and a minute, and not while one that it started still runs. A
// message that could not be extended is not handed over: it may be somebody
// else's. Requests about one message never overtake one another.
//
// # FIFO queues
//
// No message starts before its predecessor in its group is settled. A receive
// brings one message, and SQS releases nothing of its group while it is
// invisible. It is visible or gone only
//   - once it was deleted: after its handler returned;
//   - once it was returned, at once or after a backoff: after its handler
//     returned, or never started. Then it comes first again. In the end SQS
//     moves it to the dead-letter queue as it would be received once more, and
//     the group goes on;
//   - where the handler's answer did not come: after the time by which it must
//     have ended. The message is hidden until then, and kept in hand while SQS
//     cannot be told so;
//   - when its time is over, because the pump has died or no extension got
//     through: a handler was started only if that lies behind its end.
//
// What is lost on the way changes nothing of this. A receive whose reply is lost
// is repeated under the same attempt ID; at worst the group waits until the
// message is visible again, which no handler has had. A delete is repeated while
// its message is kept in hand; if it never gets through, or comes too late, when
// SQS no longer takes it, the message comes again, before its followers: at least
// once, in order. A place that goes on, or another worker, finds the group as SQS
// holds it, so there is nothing that places would have to tell one another.
package pump

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/semaphore"

	"github.com/musterq/muster/internal/duplicate"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/route"
)

const (
	// ShiftLength is how long a shift lasts at most: 14 minutes of the 15 that
	// Lambda gives.
	ShiftLength = 14 * time.Minute
	// ReportEvery is how often a pump reports home.
	ReportEvery = time.Minute
	// reportAgain is how soon a report that failed is repeated.
	reportAgain = 10 * time.Second
	// lease is how long after a report was sent handlers may still be started.
	lease = 100 * time.Second
	// settleMargin is kept free at the end for settling.
	settleMargin = 30 * time.Second
	// longPoll is SQS's longest wait.
	longPoll = 20 * time.Second
	// lastShift is when a successor takes over, long before an execution's
	// 25,000 events: a shift takes 14 of them.
	lastShift = 1000
	// giveUp is how many receives may fail in a row.
	giveUp = 5
)

// Validate refuses what cannot work in the stream lane.
func Validate(c fleet.Settings) error {
	if c.PumpMemory != 0 && c.PumpMemory < leastMemory {
		return fmt.Errorf("PumpMemory is %d: one receive may bring 10 MiB, of which there are %d copies; use at least %d", c.PumpMemory, copies, leastMemory)
	}
	if most, takes := ShiftLength-settleMargin-lease, invocations(c); takes > most {
		return fmt.Errorf("handlers with time-outs of %s together are too slow for the stream lane, whose shifts leave %s: lower ProcessTimeoutSeconds and TransformTimeoutSeconds to the handlers' own, or use Lane steps", takes, most)
	}
	return nil
}

// leastMemory lets a receive of ten of SQS's largest messages fit.
const leastMemory = 128

// invocations is how long both handlers of an event are waited for at most.
func invocations(c fleet.Settings) time.Duration {
	c.Process.Async = c.Mode == fleet.Async
	return c.Transform.Timeout + c.Process.Lasts()
}

// Input of a shift, from the worker state machine.
type Input struct {
	Fleet     string `json:"fleet"`
	Worker    string `json:"worker"`
	Execution string `json:"execution"`
	// Shift is the number of shifts that this execution has worked.
	Shift int `json:"shift"`
}

// Output of a shift. Every field is always there.
type Output struct {
	// Next is what the worker does now: report home, go home, hand over, wait or
	// relieved.
	Next  string `json:"next"`
	Shift int    `json:"shift"`
	// WaitUntil is when an earlier pump can no longer run, where Next is wait.
	WaitUntil string `json:"waitUntil"`
	Handled   int64  `json:"handled"`
	Failed    int64  `json:"failed"`
	Filtered  int64  `json:"filtered"`
	// Trouble is the last failure that cost no message: reasons that could not be
	// recorded.
	Trouble string `json:"trouble"`
}

// Pump runs shifts.
type Pump struct {
	config   fleet.Settings
	queue    *queue.Queue
	registry *registry.Registry
	invoker  *handler.Invoker
	routes   *route.Routes
	guard    *duplicate.Guard
}

// New makes a pump. One of a fleet that is no longer in the stream lane sends its
// worker home.
func New(cfg aws.Config, c fleet.Settings) (*Pump, error) {
	if c.Lane == fleet.Stream {
		if err := errors.Join(c.Validate(), Validate(c)); err != nil {
			return nil, err
		}
	}
	routes, err := route.Parse(c.Routes)
	if err != nil {
		return nil, err
	}
	r := registry.New(cfg, c.Table, c.Fleet)
	guard, err := duplicate.Open(r, c.DuplicateKey, c.DuplicateWindow)
	if err != nil {
		return nil, err
	}
	c.Process.Async = c.Mode == fleet.Async
	return &Pump{
		config:   c,
		queue:    queue.New(cfg, c.QueueURL, c.QueueARN),
		registry: r,
		invoker:  handler.New(cfg, c.RedactErrors),
		routes:   routes,
		guard:    guard,
	}, nil
}

// handlers is how long both handlers of an event are waited for at most.
func (p *Pump) handlers() time.Duration { return invocations(p.config) }

// shift is the state of one shift.
type shift struct {
	*Pump
	post   registry.Post
	token  string
	worker registry.Worker
	// end is when the last poll must have ended and the last handler begun such
	// that it can end in time.
	end time.Time
	// hand is what the worker holds, room the memory that is left for more.
	hand *hand
	room *semaphore.Weighted

	mu       sync.Mutex
	leasedTo time.Time
	next     string
	err      error
	trouble  string
	counts   registry.Counts
	lastWork time.Time
	inHand   int
	// found is true once a receive brought messages, receives is how long one
	// takes, smoothed.
	found    bool
	receives time.Duration

	stop context.CancelFunc
	// quiet is true while there are few messages, and scouting full while one
	// place looks for some.
	quiet    atomic.Bool
	scouting chan struct{}
}

// Shift works until the time is up, the queue has been empty for a while, or
// orders say otherwise. token names this invocation; a repeated invocation has
// another.
func (p *Pump) Shift(ctx context.Context, token string, in Input) (Output, error) {
	now := time.Now()
	s := &shift{
		Pump:     p,
		post:     registry.Post{Worker: in.Worker, Execution: in.Execution},
		token:    token,
		end:      now.Add(ShiftLength),
		lastWork: now,
		hand:     newHand(p.queue),
		room:     semaphore.NewWeighted(room(p.config)),
		scouting: make(chan struct{}, 1),
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(s.end.Add(settleMargin)) {
		s.end = deadline.Add(-settleMargin)
	}
	busyUntil, left := s.busyUntil(now), p.config.Lane != fleet.Stream
	if left {
		// The fleet was changed since the worker started, and no tick has told it yet.
		// It must take no message: a job's has no handler here, and would be
		// acknowledged as if it had been handled.
		busyUntil = now
		s.finish("go home", nil)
	}
	worker, err := p.registry.TakeShift(ctx, s.post, token, now, busyUntil)
	var held *registry.HeldError
	switch {
	case errors.As(err, &held):
		return Output{Next: "wait", Shift: in.Shift, WaitUntil: string(registry.At(held.Until.Add(time.Second)))}, nil
	case errors.Is(err, registry.ErrRelieved):
		return Output{Next: "relieved", Shift: in.Shift}, nil
	case err != nil:
		return Output{}, err
	}
	s.worker, s.counts, s.leasedTo = worker, worker.Counts, now.Add(lease)
	before := worker.Counts
	s.obey(worker)
	s.work(ctx)

	out := Output{Next: s.next, Shift: in.Shift + 1,
		Handled: s.counts.Handled - before.Handled, Failed: s.counts.Failed - before.Failed, Filtered: s.counts.Filtered - before.Filtered, Trouble: s.trouble}
	if out.Next == "relieved" {
		return out, nil
	}
	worker, err = p.registry.EndShift(ctx, s.post, token, time.Now(), s.counts)
	if errors.Is(err, registry.ErrRelieved) {
		out.Next = "relieved"
		return out, nil
	}
	if err = errors.Join(s.err, err); err != nil {
		return Output{}, err
	}
	s.obey(worker)
	out.Next = s.next
	switch {
	case out.Next == "go home" && worker.Stay && worker.Orders != registry.Drain && !left:
		out.Next = "report home"
	case out.Next == "":
		out.Next = "report home"
	}
	if out.Next == "report home" && out.Shift >= lastShift {
		out.Next = "hand over"
	}
	if out.Next == "go home" {
		// Where it cannot be counted the shift failed, and the next one tries again.
		vain := worker.Orders != registry.Drain && worker.Counts.Settled() == 0 && !s.found
		return out, p.registry.CountHome(ctx, worker, vain)
	}
	return out, nil
}

// work runs the worker's places side by side, keeps what they hold, and reports
// home, until the shift ends and every handler has returned.
func (s *shift) work(ctx context.Context) {
	polling, stop := context.WithCancel(ctx)
	defer stop()
	s.stop = stop
	if s.next != "" {
		return
	}
	beside, done := context.WithCancel(ctx)
	var others, places sync.WaitGroup
	others.Go(func() { s.reportHome(beside) })
	others.Go(func() { s.hand.keep(beside) })
	for range s.worker.Parallelism {
		places.Go(func() { (&place{shift: s}).work(ctx, polling) })
	}
	places.Wait()
	done()
	others.Wait()
}

// finish ends the shift: no more polls begin. The first reason stands, but for
// being relieved, which overrules.
func (s *shift) finish(next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == "" || next == "relieved" {
		s.next = next
	}
	if s.err == nil {
		s.err = err
	}
	if s.stop != nil {
		s.stop()
	}
}

// obey follows the orders that a report brought back.
func (s *shift) obey(w registry.Worker) {
	switch w.Orders {
	case registry.Drain:
		s.finish("go home", nil)
	case registry.HandOver:
		s.finish("hand over", nil)
	}
}
