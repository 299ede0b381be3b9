package explore_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/musterq/muster/internal/registry"
)

const (
	// steps that a life takes before all heals, and how long.
	mostSteps = 80
	longest   = 5 * time.Minute
	// patience is how long after its beginning all must be at rest.
	patience = 2 * time.Hour
)

// life is one schedule: what happened, from an empty fleet to an empty fleet.
type life struct {
	w *world
	setting
	chooser
	// clocks is by how much clocks differ at most, in half of the lives.
	clocks time.Duration
	seed   uint64

	began time.Time
	// executions of workers that can be aborted, arns theirs.
	executions []string
	arns       map[string]string
	// slots are the fleet's, if they are known since the registry was last written.
	slots []registry.Worker
	known bool
	// trace is what was chosen, and how long handlers took.
	trace []string
}

func (l *life) note(format string, args ...any) {
	l.trace = append(l.trace, fmt.Sprintf(format, args...))
}

// draw draws for something that is numbered in this life.
func (l *life) draw(what string, n int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", what, n)
	return rand.New(rand.NewPCG(l.seed, h.Sum64()))
}

// takes is how long the n-th handler takes: up to its time-out.
func (l *life) takes(n int) time.Duration {
	takes := []time.Duration{100 * time.Millisecond, 4 * time.Second, time.Hour}[l.draw("handler", n).IntN(3)]
	l.note("handler %d takes %s", n, min(takes, timeout))
	return takes
}

// skew is by how much the clock of an invocation is ahead.
func (l *life) skew(function string, n int) time.Duration {
	return []time.Duration{0, l.clocks}[l.draw(function, n).IntN(2)]
}

// live lives a life. It returns what went wrong.
func (l *life) live(messages int) (wrong string) {
	l.w.begin(l)
	l.began, l.arns = time.Now(), map[string]string{}
	l.w.SendMany(messages)
	l.w.Wake()
	for range mostSteps {
		ready := l.wait(longest)
		if len(ready) == 0 {
			break
		}
		l.learn(ready)
		options := l.options(ready)
		o := options[l.choose(options)]
		l.note("%s %s", since(l.began, time.Now()), o)
		l.do(o)
		apart()
	}
	l.w.heal()
	for ready := l.wait(patience); len(ready) > 0; ready = l.wait(patience) {
		l.w.gate.release(ready[0])
		apart()
	}
	switch {
	case l.w.Peak() > l.w.cap:
		return fmt.Sprintf("the cap of %d was passed: %d handlers at once", l.w.cap, l.w.Peak())
	case !l.w.rests():
		return "the fleet never comes to rest: " + l.w.String()
	case len(l.w.Lost()) > 0:
		return "messages are lost: " + l.w.String()
	}
	return ""
}

// apart lets no two calls go at the same instant: what they set in motion would
// go off at one, in any order.
func apart() { time.Sleep(time.Microsecond) }

// wait waits until calls are ready. There are none once the fleet is at rest, or
// the time is over since the life began.
func (l *life) wait(within time.Duration) []*parked {
	for {
		synctest.Wait()
		ready, next := l.w.gate.ready()
		left := within - time.Since(l.began)
		switch {
		case left <= 0:
			return nil
		case len(ready) > 0 || next.IsZero() && l.w.idle() && l.w.rests():
			return ready
		case !next.IsZero():
			left = min(left, time.Until(next))
		}
		timer := time.NewTimer(left)
		select {
		case <-l.w.gate.news:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// learn notes the executions of workers that speak for the first time.
func (l *life) learn(ready []*parked) {
	for _, p := range ready {
		if arn := p.call.Caller.Execution; strings.HasPrefix(p.who, "worker ") && l.arns[p.who] == "" {
			l.arns[p.who] = arn
			l.executions = append(l.executions, p.who)
		}
	}
	slices.Sort(l.executions)
}

// hash tells lives apart.
func (l *life) hash() uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, l.setting)
	for _, line := range l.trace {
		fmt.Fprintln(h, line)
	}
	return h.Sum64()
}

// rests says whether there is nothing to do and nobody there.
func (w *world) rests() bool {
	queue, _ := w.Depth()
	return queue == 0 && len(w.Workers()) == 0
}
