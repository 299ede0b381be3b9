package upgrade

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/musterq/muster/internal/bundle"
	"github.com/musterq/muster/internal/registry"
)

// patience is how long a step may take on a busy machine.
const patience = 6 * time.Minute

// TestThereAndBack takes one fleet of each lane from the previous release to this
// one and back, all of it: template, roles, state machines, functions and what is in
// the registry, while messages come and workers are busy.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	before, now := previous(t), current(t)
	a := newAccount(t)
	t.Run("fleets", func(t *testing.T) {
		for name, c := range map[string]struct {
			takes, every time.Duration
			parameters   map[string]string
		}{
			"stream": {500 * time.Millisecond, 150 * time.Millisecond, map[string]string{"Lane": "stream"}},
			"steps":  {500 * time.Millisecond, 2 * time.Second, map[string]string{"Lane": "steps", "Parallelism": "1", "MaxConcurrency": "2", "BatchSize": "5"}},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := a.newFleet(t, name, before, c.takes, c.parameters)
				sending, stop := context.WithCancel(t.Context())
				var producer errgroup.Group
				producer.Go(func() error { return f.send(sending, c.every) })
				defer func() { require.NoError(t, producer.Wait()) }()
				defer stop()

				f.until("workers of the previous release are busy", func() bool { return f.done() > 50 && len(f.workers()) == 2 })
				f.change("this release", now, map[string]string{"Architecture": string(architecture), "CodeVersion": now.CodeVersion})
				// The previous release knows no versions of functions, and its roles may
				// call none: nobody must run them when it comes.
				f.change("this release without versions", now, map[string]string{"Architecture": string(architecture)})
				f.change("the previous release", before, nil)

				stop()
				f.until("all are handled", func() bool { return f.left() == 0 })
				f.finish()
			})
		}
		t.Run("tasks", func(t *testing.T) {
			t.Parallel()
			f := a.newFleet(t, "tasks", before, 0, map[string]string{
				"Lane": "steps", "Mode": "callback", "Parallelism": "1", "MaxConcurrency": "2", "ProcessTimeoutSeconds": "3600", "HeartbeatSeconds": "120",
			})
			once, enough := context.WithCancel(t.Context())
			enough()
			require.NoError(t, f.send(once, time.Hour))
			working, end := context.WithCancel(t.Context())
			var worker errgroup.Group
			worker.Go(func() error { return f.work(working) })
			f.until("two tasks run", func() bool { return f.begun() == 2 })
			// Nobody hands over who has a task.
			f.deploy(now, map[string]string{"Architecture": string(architecture), "CodeVersion": now.CodeVersion})
			require.NoError(t, f.wake(t.Context()))
			f.deploy(before, nil)
			require.NoError(t, f.wake(t.Context()))
			end()
			f.until("all are handled", func() bool { return f.left() == 0 })
			require.NoError(t, worker.Wait())
			f.finish()
		})
	})
	assert.Empty(t, a.blamed())
}

// change makes a fleet another release and waits until all its workers are the
// other release's and have handled something.
func (f *fleet) change(what string, release *bundle.Bundle, parameters map[string]string) {
	f.Helper()
	f.deploy(release, parameters)
	revision := f.revision()
	f.until("every worker runs "+what, func() bool { return f.runAll(revision) })
	done := f.done()
	f.until("messages are handled by "+what, func() bool { return f.done() > done+50 })
}

// finish sends the workers home and says what must hold of a fleet in the end.
func (f *fleet) finish() {
	f.Helper()
	by := registry.Directive{Who: "the test", At: registry.At(time.Now())}
	require.NoError(f, f.registry.Pause(f.Context(), by))
	require.NoError(f, f.registry.DrainAll(f.Context(), by))
	require.NoError(f, f.wake(f.Context()))
	f.until("all are home", func() bool { return len(f.workers()) == 0 })
	f.mu.Lock()
	f.Logf("fleet %s: %d messages, %d of them handled more than once, %d handlers at once", f.name, len(f.sent), repeated(f.handled), f.peak)
	assert.LessOrEqual(f, f.peak, f.maximum, "fleet %s: the cap", f.name)
	f.mu.Unlock()
	for queue, name := range map[string]string{"QueueUrl": "queue", "DeadLetterQueueUrl": "dead-letter queue"} {
		visible, invisible := f.depth(queue)
		assert.Zero(f, visible+invisible, "fleet %s: %s", f.name, name)
	}
	ticks, err := f.registry.Ticks(f.Context(), 1000)
	require.NoError(f, err)
	for _, tick := range ticks {
		assert.False(f, tick.Failed, "fleet %s: the tick of %s failed: %s", f.name, tick.At, tick.Reason)
	}
}

func repeated(handled map[string]int) int {
	n := 0
	for _, times := range handled {
		if times > 1 {
			n++
		}
	}
	return n
}
