// Package sim is the planning simulator: arrivals, a handler and a way to scale
// go in, and out come backlog, age, workers, waiting times and cost. It is a model,
// not the machines themselves: messages are counted, not carried, and only what
// decides about time and money happens. Muster's own fleet is scaled by
// [scale.Decide] itself, with what its autoscaler would see; the other ways are
// models of what their documentation says (see [Rivals]).
//
// # What is modelled
//
// Arrivals of an interval are spread evenly over it, in steps of 100 ms, or of a
// second where the trace is longer than three days. The queue is first in, first
// out, and a receive brings what there is, up to a batch. A place of a worker polls,
// handles and settles; it waits in a long poll while there is nothing. While there
// is a backlog, short batches of one place are taken together for up to half a
// second. A handler's environment starts cold unless one is idle; idle ones last
// for five to ten minutes. A worker of the stream lane works in shifts of 14
// minutes, in the last of which that a time-out fills nothing starts; it learns of
// its orders once a minute, one of the steps lane with each batch.
//
// # What is not
//
// Message groups, batching windows, routes, duplicates, async mode, Lambda's and
// Step Functions' throttling, the order in which SQS really hands out messages,
// and faults.
package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/musterq/muster/internal/message"
)

// Config is what all ways to scale have in common.
type Config struct {
	Trace Trace
	// Handler is how long one message takes, or with PerEvent one event whatever
	// it holds.
	Handler  Distribution
	PerEvent bool
	// HandlerMemory of the handler's function in MB. Defaults to 128.
	HandlerMemory int
	// FailureRate is the share of handled messages that fail, from 0 to below 1.
	FailureRate float64
	// Backoff of messages that failed, and how often they are received before they
	// are dead-lettered. MaxReceives defaults to 5.
	Backoff     message.Backoff
	MaxReceives int
	// BatchSize is the most messages of an event, at most 10. Defaults to 10.
	BatchSize int
	// Promise is by when a message shall have been handled after it arrived.
	// Defaults to five minutes.
	Promise time.Duration
	// ColdStart is how much longer a handler's first event in a new environment
	// takes.
	ColdStart time.Duration
	// Seed of what happens by chance.
	Seed uint64
}

// Validate says what is wrong, everything at once.
func (c Config) Validate() error {
	var errs []error
	if err := c.Trace.validate(); err != nil {
		errs = append(errs, fmt.Errorf("the trace: %w", err))
	}
	if len(c.Handler.sorted) == 0 {
		errs = append(errs, errors.New("how long the handler takes is missing"))
	}
	if !(c.FailureRate >= 0 && c.FailureRate < 1) {
		errs = append(errs, fmt.Errorf("the failure rate is %v, it must be from 0 to below 1", c.FailureRate))
	}
	if c.BatchSize < 0 || c.BatchSize > 10 {
		errs = append(errs, fmt.Errorf("BatchSize is %d: the simulator knows events of 1 to 10 messages", c.BatchSize))
	}
	if c.Promise < 0 || c.ColdStart < 0 || c.HandlerMemory < 0 || c.MaxReceives < 0 {
		errs = append(errs, errors.New("the promise, the cold start, the handler's memory and the receives must not be negative"))
	}
	return errors.Join(errs...)
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.HandlerMemory == 0 {
		c.HandlerMemory = 128
	}
	if c.MaxReceives == 0 {
		c.MaxReceives = 5
	}
	if c.BatchSize == 0 {
		c.BatchSize = 10
	}
	if c.Promise == 0 {
		c.Promise = 5 * time.Minute
	}
	return c
}

// Way is a way to scale: Muster's own or a rival's.
type Way interface {
	// Name of the way, and its settings.
	Name() string
	Settings() string
	// pool is what its workers are like.
	pool(Config) pool
	// scaler decides how many there are. A new one for each run.
	scaler() scaler
	// bill is what a run costs beside the queue and the handlers.
	bill(*engine) []Line
}

// scaler changes the number of workers at its ticks.
type scaler interface {
	// every is the time between ticks. The first is at 0, but for a phase.
	every() (phase, period time.Duration)
	tick(*engine)
}

// pool is what all workers of a way are like.
type pool struct {
	// places of a worker, each of which handles one event at a time.
	places int
	// start is how long a worker takes from being decided on to its first poll.
	start time.Duration
	// poll and settle are what an event takes beside its handler.
	poll, settle time.Duration
	// functions says that handlers are Lambda functions, with environments that
	// start cold.
	functions bool
	// idle is how long a worker that finds nothing stays. 0 is for ever.
	idle time.Duration
	// shift is how long a worker may start handlers until it must pause for those
	// that run. 0 is for ever.
	shift time.Duration
	// orders is how often a worker learns of its orders. 0 is with each poll.
	orders time.Duration
}

// longPoll is SQS's longest wait.
const longPoll = 20 * time.Second

// patience is how long after its end a trace may take to be drained.
const patience = 24 * time.Hour

// Run simulates a trace with a way to scale. [Judge] says how well it kept its
// promise.
func Run(c Config, w Way) (Result, error) {
	c = c.withDefaults()
	if err := c.Validate(); err != nil {
		return Result{}, err
	}
	if v, ok := w.(interface{ validate(Config) error }); ok {
		if err := v.validate(c); err != nil {
			return Result{}, fmt.Errorf("%s: %w", w.Name(), err)
		}
	}
	e := newEngine(c, w)
	e.run()
	return e.result(), nil
}
