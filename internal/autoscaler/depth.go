package autoscaler

import (
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/registry"
)

// backingOff is how many of the messages in flight nobody handles: they wait for
// their backoff to end, or for the visibility timeout of a worker that died. SQS
// does not tell them from those that workers hold, but the workers do.
func (t *tick) backingOff(inFlight int) int {
	held := 0
	for _, w := range t.workers {
		if !w.Ended {
			held += t.held(w)
		}
	}
	return max(0, inFlight-held)
}

// held is how many messages a worker holds: by its last report, or as many as it
// may where that report is yet to come.
func (t *tick) held(w registry.Worker) int {
	switch {
	case w.State == registry.Reserved:
		return 0
	case w.Lane == string(fleet.Steps):
		if w.Seq > w.Settled {
			return t.config.Batch()
		}
		return 0
	case t.now.Sub(w.ReservedAt.Time()) <= 2*pump.ReportEvery:
		return w.Parallelism * t.config.Batch()
	}
	return w.InHandMessages
}
