package steps_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/steps"
)

// TestPollOfAFleetThatLeftTheLane takes no messages: one receive of the stream
// lane brings messages of several routes, and a batch here has one handler.
func TestPollOfAFleetThatLeftTheLane(t *testing.T) {
	inBubble(t, slot(stay), func(r *rig) {
		r.config.Lane, r.config.Routes, r.config.Unmatched = fleet.Stream, r.ordersRoute(), fleet.ToHandler
		r.send("order", "other")
		b, err := r.poll(0, 0)
		require.NoError(r, err)
		assert.Equal(r, "go home", b.Next)
		assert.Equal(r, 2, r.depth().Visible)
	})
}

// TestABatchOfAFleetThatWaitsSince goes back: nobody holds its message, and a job
// would lack what starts it.
func TestABatchOfAFleetThatWaitsSince(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fleet.Settings)
		kept   bool
	}{
		"for tasks":             {func(s *fleet.Settings) { s.Mode = fleet.Callback }, false},
		"for jobs":              {func(s *fleet.Settings) { s.Target, s.Process.ARN = fleet.ECS, "" }, false},
		"for jobs, after tasks": {func(s *fleet.Settings) { s.Target, s.Process.ARN = fleet.ECS, "" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				r.config.Transform = r.put("transform", 20*time.Second, unchanged)
				records := []message.Record{record("m1", "a")}
				b := batchOf(records...)
				b.Messages[0].Kept = c.kept
				c.change(&r.config)
				b, err := r.deliver(handler.Transform, b)
				require.NoError(r, err)
				assert.Equal(r, "settle", b.Next)
				assert.Equal(r, steps.Unstarted, b.Messages[0].Outcome)
			})
		})
	}
}

// TestABodyThatLacksItsMessage fails it: what no handler had is not handled.
func TestABodyThatLacksItsMessage(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 30*time.Second, func(context.Context, message.Event) (any, error) { return nil, nil })
		b := batchOf(record("m1", "a"))
		b.Event, b.Object, b.Next = noRecords, "bodies/jobs/one.json", "process large"
		r.store(b.Object, `{}`)
		b, err := r.deliver(handler.Process, b)
		require.NoError(r, err)
		assert.Equal(r, "settle", b.Next)
		assert.NotEqual(r, steps.Handled, b.Messages[0].Outcome)
	})
}

// TestPollOfAnExecutionThatGetsOld hands over before it begins what could outlast
// the year that an execution has.
func TestPollOfAnExecutionThatGetsOld(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		task, age time.Duration
		next      string
	}{
		"long ago":              {30 * day, 330 * day, "process callback"},
		"too long ago":          {30 * day, 336 * day, "hand over"},
		"a task of a year":      {365 * day, 23 * time.Hour, "process callback"},
		"the second of a year":  {365 * day, 25 * time.Hour, "hand over"},
		"an older definition's": {30 * day, 0, "process callback"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(), func(r *rig) {
				r.inCallback()
				r.config.Process.Timeout = c.task
				in := steps.PollInput{Fleet: "jobs", Worker: "a", Execution: "worker-a-1", Timeouts: ptr(steps.TimeoutsOf(r.config))}
				if c.age > 0 {
					in.Started = registry.At(time.Now().Add(-c.age))
				}
				r.send("job")
				b, err := r.lane().Poll(r.Context(), "request-1", in)
				require.NoError(r, err)
				assert.Equal(r, c.next, b.Next)
			})
		})
	}
}

// TestAPollThatIsOvertaken by its own next try, as when its function hangs on the
// way to the registry, leaves that one's hold as it is: its task runs.
func TestAPollThatIsOvertaken(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		r.inCallback()
		r.send("job", "job")
		in := steps.PollInput{Fleet: "jobs", Worker: "a", Execution: "worker-a-1", Timeouts: ptr(steps.TimeoutsOf(r.config))}
		r.runtime.Router.Faults.Add(api.Fault{Operation: "UpdateItem", Kind: api.Delay, For: time.Minute, Times: 1})
		late := make(chan steps.Batch)
		go func() {
			b, err := r.lane().Poll(r.Context(), "request-1", in)
			assert.NoError(r, err)
			late <- b
		}()
		synctest.Wait()
		in.Try = 1
		b, err := r.lane().Poll(r.Context(), "request-2", in)
		require.NoError(r, err)
		assert.Equal(r, "process callback", b.Next)
		assert.Equal(r, "relieved", (<-late).Next)
		h, found, err := r.registry.ReadHold(r.Context(), b.Messages[0].MessageID)
		require.NoError(r, err)
		assert.True(r, found && h.Stands(r.worker()))
	})
}
