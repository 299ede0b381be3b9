package autoscaler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scale"
)

// oneReceive is the most messages of a receive: what an event has before anybody
// has measured how many a batching window brings.
const oneReceive = 10

// PolicyFor is a policy with what follows from a fleet's settings: a worker of
// the steps lane runs one batch at a time, and what promises rest on before
// anything is measured.
func PolicyFor(s fleet.Settings, p scale.Policy) scale.Policy {
	if s.Lane == fleet.Steps {
		p.Parallelism = 1
	}
	s.Process.Async = s.Mode == fleet.Async
	p.BatchSize, p.Timeout = min(s.Batch(), oneReceive), s.Transform.Timeout+s.Process.Lasts()
	p.Jobs = s.Target != fleet.Lambda
	return p
}

// recall adds to an observation what ticks and workers have left. A memory that
// cannot be read is none.
func (t *tick) recall(ctx context.Context, o *scale.Observation) error {
	tally, err := t.registry.Tally(ctx)
	if err != nil {
		return err
	}
	o.Done, o.Vain, o.Took, o.Event = tally.Done, tally.Vain, tally.Took, tally.Event
	for _, w := range t.workers {
		o.Done += w.Counts.Settled()
	}
	t.use(o, tally)
	if t.recalled = tally.Memory; tally.Memory == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(tally.Memory), &o.Memory); err != nil {
		o.Memory = scale.Memory{}
		t.notes += fmt.Sprintf("; the last tick's memory cannot be read and is dropped: %s", err)
	}
	return nil
}

// remember keeps what the next tick should know. Where another tick was quicker it
// has: what both saw is counted once. But what the workers had used whose slots this
// tick freed is counted nowhere else: that goes on the bill that is there.
func (t *tick) remember(ctx context.Context, o scale.Observation, m scale.Memory) error {
	read := t.recalled
	for range tries {
		text, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("write the tick's memory: %w", err)
		}
		err = t.registry.Remember(ctx, read, string(text))
		if !errors.Is(err, registry.ErrMoved) {
			return err
		}
		tally, err := t.registry.Tally(ctx)
		if err != nil {
			return err
		}
		if len(t.free) == 0 || tally.Memory == string(text) {
			return nil
		}
		var now scale.Memory
		if err := json.Unmarshal([]byte(tally.Memory), &now); err != nil {
			return fmt.Errorf("read another tick's memory: %w", err)
		}
		read, m = tally.Memory, now.Charged(o, t.policy.Rates)
	}
	return registry.ErrMoved
}
