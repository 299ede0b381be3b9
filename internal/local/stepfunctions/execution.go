package stepfunctions

import (
	"context"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

type status string

const (
	statusRunning   status = "RUNNING"
	statusSucceeded status = "SUCCEEDED"
	statusFailed    status = "FAILED"
	statusTimedOut  status = "TIMED_OUT"
	statusAborted   status = "ABORTED"
)

// How long an execution may run.
// See https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html.
const (
	maxStandard = 365 * 24 * time.Hour
	maxExpress  = 5 * time.Minute
)

// execution is one execution of a state machine.
type execution struct {
	service   *Service
	machine   *machine
	revision  *revision
	arn, name string
	number    int64 // in its machine, for paging
	inputText string
	input     any
	trace     string
	started   time.Time

	// ctx ends with the execution, or when it has run for too long.
	ctx    context.Context
	cancel context.CancelFunc
	// done is closed when the execution has ended; what follows does not change
	// after that.
	done chan struct{}

	contextExecution, contextMachine map[string]any

	mu      sync.Mutex
	status  status
	stopped time.Time
	output  any
	failure *failure
	history history
	count   int64
}

// prepare makes the execution ready to be found, and to be stopped.
func (x *execution) prepare() {
	limit := maxStandard
	if x.machine.express {
		limit = maxExpress
	}
	if d := x.revision.definition.timeout; d > 0 {
		limit = min(limit, d)
	}
	x.ctx, x.cancel = context.WithTimeout(x.service.ctx, limit)
	x.contextExecution, x.contextMachine = x.contextObjects()
	x.record(event{kind: executionStarted, value: x.input})
}

// launch runs an execution that is registered, and counted as running.
func (x *execution) launch() {
	x.measure("ExecutionsStarted", 1)
	x.notify()
	go func() {
		defer x.service.running.Done()
		x.run()
	}()
}

func (x *execution) run() {
	t := &thread{x: x, ctx: x.ctx}
	output, f := t.run(x.revision.definition.flow, x.input)
	switch {
	case f == nil:
		x.finish(statusSucceeded, output, nil, t.previous)
	case f != halted:
		x.finish(statusFailed, nil, f, t.previous)
	case x.ctx.Err() == context.DeadlineExceeded:
		x.finish(statusTimedOut, nil, timedOut(false), 0)
	}
	// Where it is still open, the service was closed.
	x.cancel()
}

var endEvents = map[status]eventKind{
	statusSucceeded: executionSucceeded, statusFailed: executionFailed,
	statusTimedOut: executionTimedOut, statusAborted: executionAborted,
}

// finish ends the execution, if nothing has before.
func (x *execution) finish(end status, output any, f *failure, previous int64) bool {
	x.mu.Lock()
	if x.status != statusRunning {
		x.mu.Unlock()
		return false
	}
	e := event{kind: endEvents[end], previous: previous, value: output}
	if f != nil {
		e.value = f
	}
	x.append(e)
	x.status, x.output, x.failure = end, output, f
	x.stopped = time.Now()
	x.mu.Unlock()
	x.cancel()
	x.bill()
	x.measureEnd()
	x.service.ended(x)
	close(x.done)
	x.notify()
	return true
}

// bill bills a traced execution's trace, of which X-Ray keeps the first of each
// second and some of the others: they are all billed here, for fleets start few.
// Of an Express execution that has ended it bills a request, and the time by
// 100 ms and 64 MB. AWS counts 50 MB, the definition, and the data of the
// branches and iterations that run at once: with the limits of a definition and
// of state that is 64 MB unless more than ten of them are full.
//
// https://aws.amazon.com/step-functions/pricing/
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html
func (x *execution) bill() {
	if x.revision.tracingOrOff().Enabled {
		x.service.router.Bill(api.Usage{Item: price.Trace, Quantity: 1, Resource: x.machine.arn})
	}
	if !x.machine.express {
		return
	}
	seconds := float64(billed(x.stopped.Sub(x.started))) / 1000
	x.service.router.Bill(api.Usage{Item: price.ExpressRequest, Quantity: 1, Resource: x.machine.arn})
	x.service.router.Bill(api.Usage{Item: price.ExpressTime, Quantity: seconds * expressMemory / 1024, Resource: x.machine.arn})
}

// ended settles the books of an execution that has ended.
func (s *Service) ended(x *execution) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.machine.running--
	if x.machine.express {
		delete(s.executions, x.arn)
	} else {
		s.open--
	}
	s.remove(x.machine)
}

// record appends an event and returns its id, 0 once the execution has ended.
// An execution whose history is full fails: the last event says so.
func (x *execution) record(e event) int64 {
	x.mu.Lock()
	if x.status != statusRunning {
		x.mu.Unlock()
		return 0
	}
	if limit := x.service.options.Quotas.HistoryEvents; !x.machine.express && x.count >= limit-1 {
		x.mu.Unlock()
		x.finish(statusFailed, nil, failed(errorRuntime, "The execution reached the maximum number of history events (%d).", limit), e.previous)
		return 0
	}
	x.append(e)
	id := x.count
	x.mu.Unlock()
	return id
}

// append counts an event, and keeps it unless the execution is Express: those
// have no history. Execution.mu must be held.
func (x *execution) append(e event) {
	x.count++
	e.at = time.Now().UnixMilli()
	if x.revision.logging != nil {
		x.log(e)
	}
	if !x.machine.express {
		x.history.append(e)
	}
}

// closed says when the execution ended.
func (x *execution) closed() (time.Time, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.stopped, x.status != statusRunning
}

// execution finds one by its ARN.
func (s *Service) execution(arn string) (*execution, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.executions[arn]
	return x, ok
}

// machineOf is the ARN of the state machine of an execution.
func (s *Service) machineOf(executionARN string) string {
	if x, ok := s.execution(executionARN); ok {
		return x.machine.arn
	}
	return ""
}

// standardExecution finds the execution that a call names.
func (s *Service) standardExecution(arn string) (*execution, error) {
	if err := s.checkARN(arn, "execution"); err != nil {
		return nil, err
	}
	x, ok := s.execution(arn)
	if !ok {
		return nil, api.Errorf("ExecutionDoesNotExist", "Execution Does Not Exist: '%s'", arn)
	}
	return x, nil
}
