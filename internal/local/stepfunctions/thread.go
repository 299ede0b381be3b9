package stepfunctions

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// thread runs one flow from its start to its end: the execution's own, a
// branch's, an iteration's. It belongs to one goroutine.
type thread struct {
	x *execution
	// ctx ends when the execution is over, or the branch has lost its siblings.
	ctx context.Context
	// previous is the id of the event that the thread's next one follows.
	previous int64
	// item is $$.Map.Item of the innermost iteration, nil outside of any.
	item map[string]any

	state   *state
	entered int64 // id of the event that entered state
	since   time.Time
	retries int64
	token   *taskToken
	courier *courier
	// inside is false for a branch or iteration that has not entered a state of
	// its own yet, and still is in its parent's.
	inside bool

	// steps are the thread's transitions, and mark is the time of the last that
	// was looked at to see whether time passes.
	steps int
	mark  time.Time

	scope expression.Scope
}

// child makes the thread of a branch or an iteration.
func (t *thread) child(ctx context.Context, previous int64) *thread {
	return &thread{
		x: t.x, ctx: ctx, previous: previous, item: t.item,
		state: t.state, entered: t.entered, since: t.since, retries: t.retries,
	}
}

// run follows the flow from state to state.
func (t *thread) run(f *flow, input any) (any, *failure) {
	defer t.dismiss()
	s := f.start
	for {
		if t.ctx.Err() != nil {
			return nil, halted
		}
		now, ok := t.transition()
		if !ok {
			return nil, halted
		}
		t.enter(s, input, now)
		output, next, f := s.action.run(t, s, input)
		if f != nil {
			return nil, f
		}
		if next == nil {
			return output, nil
		}
		s, input = next, output
	}
}

func (t *thread) enter(s *state, input any, now time.Time) {
	t.state, t.since, t.retries, t.token = s, now, 0, nil
	t.inside = true
	t.record(event{kind: s.entered, name: s.name, value: input})
	t.entered = t.previous
}

func (t *thread) exit(s *state, output any) {
	t.record(event{kind: s.exited, name: s.name, value: output})
}

// record appends an event that follows the thread's last one.
func (t *thread) record(e event) {
	e.previous = t.previous
	t.previous = t.x.record(e)
}

// beside appends an event without making it the one that the next one follows.
func (t *thread) beside(e event) {
	e.previous = t.previous
	t.x.record(e)
}

// scoped is what an expression sees: valid until the next call.
func (t *thread) scoped(input any, usesContext bool) *expression.Scope {
	t.scope.Input, t.scope.Context, t.scope.Random = input, nil, t.x.service.random
	if usesContext {
		t.scope.Context = t.contextObject()
	}
	return &t.scope
}
