package pump_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// TestAPumpOfAFleetThatLeftTheLane takes no message: it would acknowledge those
// of a job, which has no handler, and hand those of a task over without a token.
func TestAPumpOfAFleetThatLeftTheLane(t *testing.T) {
	for name, change := range map[string]func(*fleet.Settings){
		"for steps": func(s *fleet.Settings) { s.Lane = fleet.Steps },
		"for tasks": func(s *fleet.Settings) { s.Lane, s.Mode, s.Process.Timeout = fleet.Steps, fleet.Callback, 24*time.Hour },
		"for jobs": func(s *fleet.Settings) {
			s.Lane, s.Target, s.Process = fleet.Steps, fleet.ECS, handler.Target{Timeout: 24 * time.Hour}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, takes(time.Second), slot(func(w *registry.Worker) { w.Stay = true }), func(r *rig) {
				r.send(3)
				change(&r.config)
				out, err := r.shift("t1")
				require.NoError(r, err)
				assert.Equal(r, pump.Output{Next: "go home", Shift: 5}, out)
				assert.Equal(r, queue.Depth{Visible: 3}, r.depth())
				assert.Empty(r, r.started())
				r.idle("t1")
			})
		})
	}
}

// TestAPumpThatIsStillAtWork is waited for, also where its worker is to go home:
// its handlers count until they have ended.
func TestAPumpThatIsStillAtWork(t *testing.T) {
	inBubble(t, takes(5*time.Second), slot(), func(r *rig) {
		r.send(1)
		go func() { _, _ = r.shift("t1") }()
		synctest.Wait()
		r.config.Lane = fleet.Steps
		out, err := r.shift("t2")
		require.NoError(r, err)
		assert.Equal(r, "wait", out.Next)
		time.Sleep(time.Hour)
	})
}
