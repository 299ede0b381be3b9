package explore_test

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// parked is a call that waits at the door.
type parked struct {
	call api.Call
	// who made it, and what it is, in words that are the same in each replay.
	who, what string
	since     time.Time
	// until when it is held.
	until time.Time
	order int
	let   chan []api.Fault
}

// startsHandler says that a handler of the user's is invoked: such a request
// arrives within [arrival].
func (p *parked) startsHandler() bool { return p.what == "lambda:Invoke process" }

// writes says that the call may change the registry.
func (p *parked) writes() bool {
	return p.call.Service == "dynamodb" && p.call.Operation != "GetItem" && p.call.Operation != "Query"
}

// gate keeps every call of the fleet's own parts at the door.
type gate struct {
	// name names a caller.
	name func(api.Caller) string

	mu     sync.Mutex
	opened bool
	order  int
	parked []*parked
	// news is told of each call that arrives.
	news chan struct{}
}

func newGate(name func(api.Caller) string) *gate {
	return &gate{name: name, news: make(chan struct{}, 1)}
}

// ask is the door's question: it returns once the scheduler has chosen.
func (g *gate) ask(ctx context.Context, call api.Call) []api.Fault {
	if !scheduled(call) {
		return nil
	}
	g.mu.Lock()
	if g.opened {
		g.mu.Unlock()
		return nil
	}
	now := time.Now()
	g.order++
	p := &parked{call: call, what: what(call), since: now, until: now, order: g.order, let: make(chan []api.Fault)}
	g.parked = append(g.parked, p)
	g.mu.Unlock()
	select {
	case g.news <- struct{}{}:
	default:
	}
	faults := <-p.let
	if len(faults) == 0 && ctx.Err() != nil {
		// The request was on its way: it arrives all the same.
		return []api.Fault{{Kind: api.Delay}}
	}
	return faults
}

// scheduled says whether it matters when a call comes: what is kept for people
// to read, and bodies in S3, change nothing of the slots.
func scheduled(c api.Call) bool {
	switch {
	case c.Operation == "Deliver":
		return true
	case c.Caller.Function == "" && c.Caller.Execution == "", c.Service == "s3":
		return false
	case c.Service == "dynamodb":
		input, err := json.Marshal(c.Input)
		return err != nil || !strings.Contains(string(input), `"jobs#`)
	}
	return true
}

// what names a call: its operation and, where that says more, its target.
func what(c api.Call) string {
	if in, ok := c.Input.(*lambda.InvokeInput); ok {
		target := in.FunctionName[strings.LastIndexByte(in.FunctionName, ':')+1:]
		return c.String() + " " + strings.TrimPrefix(target, "jobs-")
	}
	return c.String()
}

// ready are the calls that may go now, in an order that is the same in each
// replay, and next is when the first of the others may. Call it when all sleeps.
func (g *gate) ready() (ready []*parked, next time.Time) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.parked {
		if p.who == "" {
			p.who = g.name(p.call.Caller)
		}
		switch {
		case !p.until.After(now):
			ready = append(ready, p)
		case next.IsZero() || p.until.Before(next):
			next = p.until
		}
	}
	slices.SortStableFunc(ready, func(a, b *parked) int {
		return cmp.Or(a.until.Compare(b.until), cmp.Compare(a.who, b.who), cmp.Compare(a.what, b.what), cmp.Compare(a.order, b.order))
	})
	return ready, next
}

// release lets a call go.
func (g *gate) release(p *parked, faults ...api.Fault) {
	g.mu.Lock()
	g.parked = slices.DeleteFunc(g.parked, func(x *parked) bool { return x == p })
	g.mu.Unlock()
	p.let <- faults
}

// hurry lets what is late be ready.
func (g *gate) hurry() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.parked {
		p.until = p.since
	}
}

// open lets all go that wait, and all that come.
func (g *gate) open() {
	g.mu.Lock()
	g.opened = true
	waiting := g.parked
	g.parked = nil
	g.mu.Unlock()
	for _, p := range waiting {
		p.let <- nil
	}
}
