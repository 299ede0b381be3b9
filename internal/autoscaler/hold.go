package autoscaler

import (
	"context"

	"github.com/google/uuid"

	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/registry"
)

// tend sees to the messages that are held for tasks. What fails is for the next
// tick, and a message that becomes visible before it is hidden again by whoever
// receives it.
func (t *tick) tend(ctx context.Context) error {
	if len(t.holds) == 0 {
		return nil
	}
	workers := make(map[string]registry.Worker, len(t.workers)+len(t.free))
	for _, w := range t.workers {
		workers[w.ID()] = w
	}
	for _, w := range t.free {
		workers[w.ID()] = w
	}
	return t.keeper.Tend(ctx, uuid.NewString(), t.now, t.holds, workers)
}

// holding are the workers whose held messages this tick hides on, by item: so it
// must know whether their executions run.
func (t *tick) holding() map[string]bool {
	items := map[string]bool{}
	for _, h := range t.holds {
		if hold.Due(h, t.now) {
			items[h.WorkerItem()] = true
		}
	}
	return items
}
