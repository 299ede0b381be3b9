package stepfunctions

import (
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

// transition counts a transition, of which Standard executions have no more than
// their quota in a second: the others wait. It gives the time after that, and
// reports false when the thread is halted before. An execution whose state machine
// has been deleted ends here.
// See https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html.
// See https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-api-state-throttling.
func (t *thread) transition() (time.Time, bool) {
	x, s := t.x, t.x.service
	x.machine.transitions.Add(1)
	s.transitions.Add(1)
	now := time.Now()
	if x.machine.deleting.Load() {
		x.finish(statusAborted, nil, &failure{}, 0)
		return now, false
	}
	if x.machine.express {
		return now, t.advance(now)
	}
	s.router.Bill(api.Usage{Item: price.Transition, Quantity: 1, Resource: x.machine.arn})
	wait := s.limits.transitions.reserve(now)
	if wait == 0 {
		return now, true
	}
	s.throttled.Add(1)
	ok := t.sleep(wait)
	return time.Now(), ok
}

// AWS takes longer than a moment for so many transitions of an execution.
const (
	perMoment = 1000
	moment    = time.Second
)

// advance lets time pass where the clock stands still for as long as something
// runs, as in a bubble of testing/synctest: a loop of states that wait for
// nothing would never come to the time limit of an Express execution, which has
// no other. It reports false when the thread is halted.
func (t *thread) advance(now time.Time) bool {
	if t.steps++; t.steps%perMoment > 0 {
		return true
	}
	still := now.Equal(t.mark)
	t.mark = now
	if !still {
		return true
	}
	ok := t.sleep(moment)
	t.mark = time.Now()
	return ok
}
