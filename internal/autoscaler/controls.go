package autoscaler

import (
	"github.com/musterq/muster/internal/registry"
)

// steer applies schedule, gate, and what people have decided, to the template's
// policy. People overrule the schedule.
func (t *tick) steer() {
	t.policy = t.config.Policy
	say := func(why string) { t.policy.Steering.Why = append(t.policy.Steering.Why, why) }
	t.steerByAlarm(say)
	c := t.controls
	if turn, since := t.timetable.at(t.now); turn != nil && !c.Bounds.Holds(t.now) {
		t.bind(turn.Min, turn.Max)
		say("scheduled since " + since.Format("Mon 15:04 MST") + ": " + turn.String())
	}
	if c.Pause.Holds(t.now) {
		t.policy.Steering.SendHome = true
		say("paused " + c.Pause.String())
	}
	if c.Bounds.Holds(t.now) {
		t.bind(c.Bounds.Min, c.Bounds.Max)
		say("scaled to " + c.Bounds.String())
	}
}

// steerByAlarm applies the gate.
func (t *tick) steerByAlarm(say func(string)) {
	alarm := t.config.Gate.Alarm
	switch {
	case t.gate.trouble != nil:
		say("the gate's alarm " + alarm + " cannot be asked, carrying on without: " + registry.Shorten(t.gate.trouble.Error()))
	case !t.gate.Shut:
	case t.config.Gate.Action == DrainAll:
		t.policy.Steering.SendHome = true
		say("the gate's alarm " + alarm + " rings " + t.gate.String())
	default:
		t.policy.Steering.NoStarts = true
		say("the gate's alarm " + alarm + " rings " + t.gate.String())
	}
}

// bind overrides minimum and cap: the cap is never raised, and the minimum gives
// way to it.
func (t *tick) bind(least, most *int) {
	p := &t.policy
	if most != nil {
		p.MaxConcurrency = max(1, min(p.MaxConcurrency, *most))
	}
	if least != nil {
		p.MinWorkers = *least
	}
	p.MinWorkers = max(0, min(p.MinWorkers, p.MaxConcurrency/min(p.Parallelism, p.MaxConcurrency)))
}

// sentHome says whether a worker was there when all were sent home by hand.
func (t *tick) sentHome(w registry.Worker) bool {
	d := t.controls.Drained
	return d != nil && !w.ReservedAt.Time().After(d.At.Time())
}

// sayDrained adds who sent home the workers that are on their way.
func (t *tick) sayDrained() {
	for _, w := range t.workers {
		if t.sentHome(w) {
			t.policy.Steering.Why = append(t.policy.Steering.Why, "drained "+t.controls.Drained.String())
			return
		}
	}
}
