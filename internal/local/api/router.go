package api

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/musterq/muster/internal/price"
)

// Router dispatches calls to services, through the fault switches.
type Router struct {
	Faults *Faults

	mu        sync.RWMutex
	services  map[string]Service
	byTarget  map[string]Service
	callers   map[string]func() Caller
	observers []*observer
	allow     Authorizer
	bill      func(Usage)
}

type observer struct{ see func(Event) }

// Authorizer says whether a call may be made: an error is the denial.
type Authorizer func(ctx context.Context, call Call) error

// Usage is something billable that happened.
type Usage struct {
	Item price.Item
	// Quantity in the item's unit.
	Quantity float64
	// Resource that was used, as its ARN.
	Resource string
	// Caller whose call it was. Empty for what the runtime did by itself.
	Caller Caller
}

// NewRouter returns an empty router without faults. The seed drives faults that
// happen with a probability, so that a run can be replayed.
func NewRouter(seed uint64) *Router {
	return &Router{
		Faults:   newFaults(seed),
		services: map[string]Service{},
		byTarget: map[string]Service{},
		callers:  map[string]func() Caller{},
	}
}

// Add registers a service.
func (r *Router) Add(s Service) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.services[s.Name] = s
	if s.Target != "" {
		r.byTarget[s.Target] = s
	}
}

// Service finds a service by its name.
func (r *Router) Service(name string) (Service, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s, ok := r.services[name]
	return s, ok
}

// ServiceByTarget finds a service by its X-Amz-Target prefix.
func (r *Router) ServiceByTarget(prefix string) (Service, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s, ok := r.byTarget[prefix]
	return s, ok
}

// Call runs an operation on its JSON input and returns its output, a value that
// encodes to the JSON output.
func (r *Router) Call(ctx context.Context, service, operation string, caller Caller, input []byte) (any, error) {
	s, ok := r.Service(service)
	if !ok {
		return nil, Errorf("UnknownService", "The embedded runtime has no service %q.", service)
	}
	op, ok := s.Operations[operation]
	if !ok {
		return nil, Errorf("UnknownOperationException", "The embedded runtime does not know %s:%s.", service, operation)
	}
	return op(ctx, r, caller, input)
}

// Authorize has a decide about every call from now on. Nil allows all.
func (r *Router) Authorize(a Authorizer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.allow = a
}

// asking marks the context of a call that is not to be made.
type asking struct{}

// Permitted says whether the caller may make a call, without making it: nil, or
// the denial. AWS asks so when one service is to call another later on.
func (r *Router) Permitted(ctx context.Context, service, operation string, caller Caller, input []byte) error {
	_, err := r.Call(context.WithValue(ctx, asking{}, true), service, operation, caller, input)
	return err
}

// Allowed says whether a call may be made that does not pass the door, such as
// those that AWS makes by itself in a role's name: an error is the denial.
func (r *Router) Allowed(ctx context.Context, call Call) error {
	r.mu.RLock()
	allow := r.allow
	r.mu.RUnlock()
	if allow == nil {
		return nil
	}
	return allow(ctx, call)
}

// Meter has bill told of everything billable from now on, on the goroutine that
// it happens on: it must be quick and must not call back into the runtime.
func (r *Router) Meter(bill func(Usage)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bill = bill
}

// Bill tells the meter of usage. Services call it where they know the quantity.
func (r *Router) Bill(u Usage) {
	r.mu.RLock()
	bill := r.bill
	r.mu.RUnlock()
	if bill != nil {
		bill(u)
	}
}

// Do runs effect as the given call: faults that match are applied, a call that
// is not allowed is denied, and observers see the outcome. Every call of the
// embedded AWS passes here.
func (r *Router) Do(ctx context.Context, call Call, effect func(context.Context) (any, error)) (any, error) {
	start := time.Now()
	r.mu.RLock()
	allow := r.allow
	r.mu.RUnlock()
	if ctx.Value(asking{}) != nil {
		if allow == nil {
			return nil, nil
		}
		return nil, allow(ctx, call)
	}
	allowed := effect
	if allow != nil {
		allowed = func(ctx context.Context) (any, error) {
			if err := allow(ctx, call); err != nil {
				return nil, err
			}
			return effect(ctx)
		}
	}
	out, err := r.Faults.apply(ctx, call, allowed)
	r.notify(Event{Call: call, Output: out, Err: err, Start: start, End: time.Now()})
	return out, err
}

// Emit tells observers of something that the runtime did by itself, such as
// moving a message to its dead-letter queue.
func (r *Router) Emit(call Call, output any) {
	now := time.Now()
	r.notify(Event{Call: call, Output: output, Start: now, End: now})
}

func (r *Router) notify(e Event) {
	r.mu.RLock()
	seers := r.observers
	r.mu.RUnlock()
	for _, o := range seers {
		o.see(e)
	}
}

// Observe calls see after every call, on the caller's goroutine: it must be
// quick and must not call back into the runtime. The returned function ends it.
func (r *Router) Observe(see func(Event)) (stop func()) {
	o := &observer{see}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observers = append(slices.Clone(r.observers), o)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.observers = slices.DeleteFunc(slices.Clone(r.observers), func(x *observer) bool { return x == o })
	}
}

// Register says who signs with an access key. A Lambda environment registers
// its own key, so that its calls are known as its function's and invocation's.
func (r *Router) Register(accessKeyID string, who func() Caller) (unregister func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.callers[accessKeyID] = who
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.callers, accessKeyID)
	}
}

// Caller is the caller that signs with the given access key.
func (r *Router) Caller(accessKeyID string) Caller {
	r.mu.RLock()
	who := r.callers[accessKeyID]
	r.mu.RUnlock()
	if who == nil {
		return Caller{AccessKeyID: accessKeyID}
	}
	c := who()
	c.AccessKeyID = accessKeyID
	return c
}
