package autoscaler_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

// Sixty executions die at once: two ticks see to all of them, and within seconds
// every slot is free.
func TestAStormOfDeaths(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.Policy.MaxConcurrency = 200
		var workers []registry.Worker
		for i := range 60 {
			workers = append(workers, slot(fmt.Sprintf("%036d", i)))
		}
		r.hold(registry.Control{}, workers...)
		looked := r.count("GetQueueAttributes")
		began := time.Now()
		var all sync.WaitGroup
		for _, w := range workers {
			all.Go(func() {
				out, err := r.tickAs("arn:"+w.Holder, event(w.Holder, "FAILED", ""))
				assert.NoError(r, err)
				assert.NotNil(r, out.Starts)
			})
		}
		all.Wait()
		assert.LessOrEqual(r, time.Since(began), 6*time.Second)
		assert.Equal(r, 2, looked(), "ticks that looked at the queue")
		s := r.snapshot()
		assert.Empty(r, s.Workers)
		assert.LessOrEqual(r, s.Control.Deaths, 2)

		time.Sleep(time.Minute)
		require.NoError(r, r.registry.Commit(r.Context(), s.Control, registry.Change{Control: s.Control, Reserve: []registry.Worker{slot("late")}}))
		r.ticks(event("worker-late-1", "TIMED_OUT", ""))
		assert.Equal(r, 3, looked(), "the first of a storm runs at once")
	})
}

// A turn that cannot be taken keeps no tick from its work.
func TestATickThatCannotTakeItsTurnRuns(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.hold(registry.Control{}, slot("a"))
		r.fail("GetItem", 1, api.Errorf("AccessDeniedException", "no"))
		r.ticks(event("worker-a-1", "ABORTED", ""))
		require.Empty(r, r.snapshot().Workers)
	})
}
