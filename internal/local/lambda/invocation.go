package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

const (
	// initTimeout bounds an environment's start. Past it Lambda starts again
	// within the function's own time-out.
	// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
	initTimeout = 10 * time.Second
	// maxResponse is the limit that Lambda enforces, 100 bytes above 6 MiB.
	maxResponse = 6291556
)

// invocation is one run of a handler.
type invocation struct {
	id            string
	arn           string
	traceID       string
	clientContext string
	payload       []byte
	deadline      time.Time
	// tail asks for the end of the log.
	tail bool
	// event is true for an asynchronous invocation; caller is who asked for any.
	event  bool
	caller api.Caller
	// began is when the environment was asked for, and billed until when its time
	// has been billed. The service's lock guards it.
	began, billed time.Time

	// done is closed when the invocation has ended; result, failed and err hold
	// from then on.
	done   chan struct{}
	result []byte
	failed bool
	err    error
	logs   []byte
}

// begin starts an invocation on a goroutine of its own, or is throttled. An
// empty id draws one; the retries of an event keep theirs.
func (s *Service) begin(f *function, i *invocation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return closedError()
	}
	instance, err := s.acquire(f)
	if err != nil {
		s.measure("Throttles", f.config.Name, 1)
		return err
	}
	if instance == nil {
		instance = s.newInstance(f)
	}
	if i.id == "" {
		i.id = s.uuid()
	}
	i.traceID = s.traceID()
	i.payload = bytes.Clone(i.payload)
	i.done = make(chan struct{})
	instance.current = i.id
	i.began = time.Now()
	i.billed = i.began
	s.unbilled[i] = f.config
	s.work.Go(func() { s.run(f, instance, i) })
	return nil
}

// run carries an invocation through. It heeds the service's end, not the caller's.
func (s *Service) run(f *function, in *instance, i *invocation) {
	in.setting.logs.begin(i.id, i.tail)
	started := time.Now()
	ctx, cancel, fail := s.prepare(in)
	defer cancel()
	out := outcome{failure: fail}
	if fail == nil {
		i.deadline, _ = ctx.Deadline()
		started = time.Now()
		s.handlerStarted(f)
		out = in.environment.invoke(ctx, i)
		s.handlerEnded(f)
	}
	s.settle(ctx, in, i, out)
	s.bill(in.setting.function, i)
	s.measured(f.config.Name, i.failed, time.Since(started))
	in.setting.logs.end(i.id, time.Since(started), in.setting.function.MemorySize, out.memory)
	s.logged(in)
	i.logs = in.setting.logs.tail()

	s.mu.Lock()
	in.current = ""
	keep := out.reusable && !s.closed && in.generation == f.generation
	if keep {
		s.push(f, in)
	}
	s.release(f)
	s.mu.Unlock()
	close(i.done)
	if !keep {
		in.stop()
	}
}

// prepare makes an instance's environment, if it has none yet, and opens the
// time that the invocation has. An init phase that runs out of time is tried
// once more within that time.
func (s *Service) prepare(in *instance) (ctx context.Context, cancel context.CancelFunc, fail *failure) {
	code := in.setting.function.Code
	timeout := time.Duration(in.setting.function.Timeout) * time.Second
	if in.environment == nil {
		initial, stop := context.WithTimeout(s.ctx, initTimeout)
		in.environment, fail = code.start(initial, in.setting)
		expired := errors.Is(initial.Err(), context.DeadlineExceeded)
		stop()
		if fail != nil && expired {
			ctx, cancel = context.WithTimeout(s.ctx, timeout)
			in.environment, fail = code.start(ctx, in.setting)
			return ctx, cancel, fail
		}
	}
	ctx, cancel = context.WithTimeout(s.ctx, timeout)
	return ctx, cancel, fail
}

// settle words the result of an invocation.
func (s *Service) settle(ctx context.Context, in *instance, i *invocation, out outcome) {
	switch fail := out.failure; {
	case errors.Is(ctx.Err(), context.Canceled):
		i.err = closedError()
	case fail != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		i.failed = true
		i.result = platformError(i.id, failure{kind: "Sandbox.Timedout", message: fmt.Sprintf("Task timed out after %d.00 seconds", in.setting.function.Timeout)})
	case fail != nil && fail.payload != nil:
		i.failed, i.result = true, fail.payload
	case fail != nil:
		i.failed, i.result = true, platformError(i.id, *fail)
	case len(out.payload) > maxResponse:
		i.failed = true
		i.result = errorPayload("Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", maxResponse))
	default:
		i.failed, i.result = out.failed, out.payload
	}
	if i.failed {
		in.setting.logs.platform(i.result)
	}
}

func (s *Service) handlerStarted(f *function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f = f.root
	f.invocations++
	f.running++
	f.peak = max(f.peak, f.running)
}

func (s *Service) handlerEnded(f *function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.root.running--
}

// platformError is the payload of an error that Lambda itself reports.
func platformError(requestID string, f failure) []byte {
	return errorPayload(f.kind, "RequestId: "+requestID+" Error: "+f.message)
}

func errorPayload(kind, message string) []byte {
	// A struct of two strings always encodes.
	payload, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{kind, message})
	return payload
}

func closedError() *api.Error {
	return &api.Error{Code: "ServiceException", Message: "The embedded runtime has been closed.", Status: 500, Fields: map[string]any{"Type": "Service"}}
}
