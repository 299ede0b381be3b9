package api

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// ErrReplyLost is what a caller gets when the service did its work and the
// answer never came back: over HTTP, a connection that breaks.
var ErrReplyLost = errors.New("the reply was lost")

// FaultKind is what goes wrong with a call.
type FaultKind int

const (
	// Fail answers Error and does not run the call.
	Fail FaultKind = iota
	// LoseReply runs the call and loses its answer.
	LoseReply
	// Delay waits before the call runs.
	Delay
	// DelayReply waits after the call has run.
	DelayReply
	// Twice runs the call twice, as a network that repeats a request does; the
	// second answer is the one that comes back.
	Twice
	// Abandon breaks the caller's connection after For, while the call runs on.
	Abandon
	// Drop loses the call on its way: it never runs and nobody answers. For an
	// event's delivery this is an event lost.
	Drop
)

// Fault is one switch: which calls it hits, and how.
type Fault struct {
	// Service and Operation that it hits. Empty hits any.
	Service, Operation string
	// Match narrows it further. Nil matches all.
	Match func(Call) bool
	Kind  FaultKind
	// Error answered by Fail. Defaults to a 503 ServiceUnavailable.
	Error *Error
	// For is how long Delay, DelayReply and Abandon wait.
	For time.Duration
	// Skip lets that many matching calls pass first. Defaults to 0.
	Skip int
	// Times is how many calls it hits. Defaults to 0, which is no limit.
	Times int
	// Probability that a matching call is hit. Defaults to 0, which is always.
	Probability float64
}

// Gate is asked about each call as it arrives. It may keep the call waiting for
// as long as it likes, and says which faults strike it.
type Gate func(ctx context.Context, call Call) []Fault

// Faults are the fault switches of one runtime.
type Faults struct {
	mu     sync.Mutex
	random *rand.Rand
	armed  []*armed
	gate   Gate
}

type armed struct {
	Fault
	skipped, hits int
}

func newFaults(seed uint64) *Faults {
	return &Faults{random: rand.New(rand.NewPCG(seed, 0x6d7573746572))}
}

// Add arms a fault. Hits counts how often it struck; remove disarms it.
func (f *Faults) Add(fault Fault) (hits func() int, remove func()) {
	a := &armed{Fault: fault}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = append(f.armed, a)
	hits = func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return a.hits
	}
	remove = func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.armed = slices.DeleteFunc(f.armed, func(x *armed) bool { return x == a })
	}
	return hits, remove
}

// SetGate puts a gate before every call, so that a test decides which goes next.
// Nil takes it away; calls that wait at it are its own to let go.
func (f *Faults) SetGate(g Gate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate = g
}

// strike returns the faults that hit this call.
func (f *Faults) strike(call Call) []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var struck []Fault
	for _, a := range f.armed {
		if a.Service != "" && a.Service != call.Service || a.Operation != "" && a.Operation != call.Operation {
			continue
		}
		if a.Match != nil && !a.Match(call) {
			continue
		}
		if a.Times > 0 && a.hits >= a.Times {
			continue
		}
		if a.skipped < a.Skip {
			a.skipped++
			continue
		}
		if a.Probability > 0 && f.random.Float64() >= a.Probability {
			continue
		}
		a.hits++
		struck = append(struck, a.Fault)
	}
	return struck
}

func (f *Faults) apply(ctx context.Context, call Call, effect func(context.Context) (any, error)) (any, error) {
	f.mu.Lock()
	gate := f.gate
	f.mu.Unlock()
	faults := f.strike(call)
	if gate != nil {
		faults = append(faults, gate(ctx, call)...)
	}
	if len(faults) == 0 {
		return effect(ctx)
	}
	run := effect
	for _, fault := range faults {
		run = fault.wrap(run)
	}
	return run(ctx)
}

func (f Fault) wrap(effect func(context.Context) (any, error)) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		switch f.Kind {
		case Fail:
			if f.Error != nil {
				return nil, f.Error
			}
			return nil, &Error{Code: "ServiceUnavailable", Message: "The service is unavailable.", Status: http.StatusServiceUnavailable}
		case LoseReply:
			if _, err := effect(ctx); err != nil {
				return nil, err
			}
			return nil, ErrReplyLost
		case Delay:
			// A delayed request arrives even when its sender has given up.
			if err := sleep(context.WithoutCancel(ctx), f.For); err != nil {
				return nil, err
			}
			return effect(context.WithoutCancel(ctx))
		case DelayReply:
			out, err := effect(ctx)
			if e := sleep(ctx, f.For); e != nil {
				return nil, ErrReplyLost
			}
			return out, err
		case Twice:
			if out, err := effect(ctx); err != nil {
				return out, err
			}
			return effect(ctx)
		case Abandon:
			go func() { _, _ = effect(context.WithoutCancel(ctx)) }()
			if err := sleep(ctx, f.For); err != nil {
				return nil, err
			}
			return nil, ErrReplyLost
		case Drop:
			return nil, ErrReplyLost
		}
		return nil, Errorf("InternalFailure", "unknown fault kind %d", f.Kind)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
