package autoscaler

import (
	"github.com/musterq/muster/internal/registry"
)

// steer applies what people have decided to the template's policy.
func (t *tick) steer() {
	t.policy = t.config.Policy
	say := func(why string) { t.policy.Steering.Why = append(t.policy.Steering.Why, why) }
	c := t.controls
	if c.Pause.Holds(t.now) {
		t.policy.Steering.SendHome = true
		say("paused " + c.Pause.String())
	}
	if c.Bounds.Holds(t.now) {
		t.bind(c.Bounds.Min, c.Bounds.Max)
		say("scaled to " + c.Bounds.String())
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
