package stepfunctions

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// task is a Task state.
// See https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html.
type task struct {
	handlers
	target             *target
	input              selection
	parameters         *expression.Template
	outcome            outcome
	timeout, heartbeat limit
}

// limit is TimeoutSeconds or HeartbeatSeconds, or the path to it.
type limit struct {
	seconds time.Duration
	path    *expression.Reference
}

func (o *object) limit(name string) limit {
	var l limit
	l.seconds, _ = o.seconds(name, 1)
	l.path = o.reference(name + "Path")
	o.exclude(name, name+"Path")
	return l
}

func compileTask(c *compiler, o *object, l *links) action {
	a := &task{
		target:     c.target(o),
		input:      o.selection("InputPath"),
		parameters: o.template("Parameters"),
		outcome:    o.outcome(),
		timeout:    o.limit("TimeoutSeconds"),
		heartbeat:  o.limit("HeartbeatSeconds"),
		handlers:   c.handlers(o, l),
	}
	if t, h := a.timeout.seconds, a.heartbeat.seconds; t > 0 && h > 0 && h >= t {
		c.schema(o.child("HeartbeatSeconds"), "HeartbeatSeconds must be smaller than TimeoutSeconds")
	}
	return a
}

func (a *task) run(t *thread, s *state, input any) (any, *state, *failure) {
	return t.handling(s, &a.handlers, input, func() (any, *failure) {
		selected, f := a.input.apply(t, input)
		if f != nil {
			return nil, f
		}
		result, f := a.attempt(t, selected)
		if f != nil {
			return nil, f
		}
		return a.outcome.apply(t, input, result)
	}, nil)
}

// attempt calls the target once and waits for the task's end.
func (a *task) attempt(t *thread, input any) (answer, *failure) {
	timeout, f := a.timeout.duration(t, "TimeoutSecondsPath", input)
	if f != nil {
		return answer{}, f
	}
	heartbeat, f := a.heartbeat.duration(t, "HeartbeatSecondsPath", input)
	if f != nil {
		return answer{}, f
	}
	if a.target.pattern == callback {
		t.token = t.x.service.issue()
		defer t.x.service.withdraw(t.token)
	}
	parameters, f := t.fill(a.parameters, input)
	if f != nil {
		return answer{}, f
	}
	if a.parameters != nil && expression.Size(parameters) > maxPayload {
		return answer{}, tooLarge(t.state.name)
	}
	if parameters, f = a.target.prepare(t, parameters); f != nil {
		return answer{}, f
	}
	t.recordScheduled(a.target, parameters, timeout, heartbeat)
	result, f := a.await(t, parameters, timeout, heartbeat)
	if f == halted {
		return answer{}, f
	}
	if f == nil && result.tooLarge() {
		f = tooLarge(a.target.what())
	}
	if f != nil && f.errorName() == errorRuntime {
		return answer{}, t.evaluation(&expression.Error{Name: errorRuntime, Cause: f.causeText()})
	}
	t.recordEnd(a.target, result, f)
	return result, f
}

func (l limit) duration(t *thread, field string, input any) (time.Duration, *failure) {
	if l.path == nil {
		return l.seconds, nil
	}
	path := l.path.Path()
	v, err := path.Select(t.scoped(input, path.UsesContext()))
	if err != nil {
		return 0, t.evaluation(err)
	}
	seconds, ok := v.(int64)
	if !ok || seconds <= 0 || seconds > maxSeconds {
		return 0, t.runtime("The %s parameter does not reference a valid number of seconds: %s == %s", field, path, encoded(v))
	}
	return time.Duration(seconds) * time.Second, nil
}

// ending is what a call came to.
type ending struct {
	result answer
	f      *failure
}

// await makes the call and waits for its end, for the task's token, for the
// time-outs, or for the end of the thread. A call that is still running then
// goes on: Step Functions does not stop what a task has started.
func (a *task) await(t *thread, parameters any, timeout, heartbeat time.Duration) (answer, *failure) {
	j := &job{caller: api.Caller{RoleARN: t.x.revision.roleARN, Execution: t.x.arn}, parameters: parameters}
	var submitted chan answer
	if a.target.pattern == runJob || a.target.pattern == runJobJSON {
		abandoned, abandon := context.WithCancel(t.ctx)
		defer abandon()
		submitted = make(chan answer, 1)
		j.abandoned, j.submitted = abandoned.Done(), submitted
	}
	ended := t.send(order{a.target.call, j})
	defer func() {
		if ended != nil {
			t.dismiss()
		}
	}()
	late := newAlarm(timeout)
	defer late.stop()
	var (
		silent   alarm
		reported <-chan ending
		beats    <-chan struct{}
	)
	if t.token != nil {
		reported, beats, silent = t.token.reported, t.token.beats, newAlarm(heartbeat)
		defer silent.stop()
	}
	for {
		select {
		case started := <-submitted:
			t.recordSubmitted(a.target, started)
			submitted = nil
		case e := <-ended:
			ended = nil
			if e.f == halted {
				return answer{}, halted
			}
			if t.token == nil || e.f != nil {
				select {
				case started := <-submitted:
					t.recordSubmitted(a.target, started)
				default:
				}
				return e.result, e.f
			}
			// The token ends the task, not the answer of the call.
			t.recordSubmitted(a.target, e.result)
		case e := <-reported:
			// An answer that is here too came first.
			select {
			case answered := <-ended:
				ended = nil
				if answered.f == nil {
					t.recordSubmitted(a.target, answered.result)
				}
			default:
			}
			return e.result, e.f
		case <-beats:
			silent.reset(heartbeat)
		case <-late.C:
			return answer{}, timedOut(false)
		case <-silent.C:
			return answer{}, timedOut(true)
		case <-t.ctx.Done():
			return answer{}, halted
		}
	}
}

// recordSubmitted records the answer of a call that does not end its task.
func (t *thread) recordSubmitted(g *target, a answer) {
	t.record(event{kind: taskSubmitted, task: g, value: a.value, http: a.http})
}

// alarm is a timer that may be off.
type alarm struct {
	timer *time.Timer
	C     <-chan time.Time
}

// newAlarm rings after d. With 0 it never does.
func newAlarm(d time.Duration) alarm {
	if d == 0 {
		return alarm{}
	}
	timer := time.NewTimer(d)
	return alarm{timer, timer.C}
}

func (a alarm) reset(d time.Duration) {
	if a.timer != nil {
		a.timer.Reset(d)
	}
}

func (a alarm) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
}

func (t *thread) recordScheduled(g *target, parameters any, timeout, heartbeat time.Duration) {
	e := event{
		kind: taskScheduled, task: g, value: parameters,
		number: int64(timeout / time.Second), heartbeat: int64(heartbeat / time.Second),
	}
	started := event{kind: taskStarted, task: g}
	if g.function {
		e.kind, started.kind = functionScheduled, functionStarted
	}
	t.record(e)
	t.record(started)
}

func (t *thread) recordEnd(g *target, result answer, f *failure) {
	e := event{kind: taskSucceeded, task: g, value: result.value, http: result.http}
	switch {
	case f == nil && g.function:
		e.kind = functionSucceeded
	case f == nil:
	case f.errorName() == errorTimeout && f.causeText() == "":
		e.kind, e.value = taskTimedOut, f
		if g.function {
			e.kind = functionTimedOut
		}
	case f.submitting:
		e.kind, e.value = taskSubmitFailed, f
	default:
		e.kind, e.value = taskFailed, f
		if g.function {
			e.kind = functionFailed
		}
	}
	t.record(e)
}
