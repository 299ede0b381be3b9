package autoscaler_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

// TestEnds holds when a tick gives a slot free: never by time alone.
func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		before registry.Worker
		// execution is how the worker's execution is. Empty: it does not exist.
		execution string
		trigger   string
		// after is the slot. Zero if it is free.
		after registry.Worker
		// deaths that are counted, and look-ups.
		deaths, lookups int
	}{
		"a worker that reported in time": {
			before: slot("a", func(w *registry.Worker) { w.ReportedAt = minute5 }), execution: "FAILED", after: slot("a", func(w *registry.Worker) { w.ReportedAt = minute5 }),
		},
		"silent, it runs":               {before: slot("a", silent), execution: "RUNNING", after: slot("a", silent), lookups: 1},
		"silent, it does not exist":     {before: slot("a", silent), after: slot("a", silent), lookups: 1},
		"silent, it failed":             {before: slot("a", silent), execution: "FAILED", deaths: 1, lookups: 1},
		"silent, it succeeded":          {before: slot("a", silent), execution: "SUCCEEDED", lookups: 1},
		"silent, it was relieved":       {before: slot("a", silent), execution: "relieved", lookups: 1},
		"silent, it failed, not busy":   {before: slot("a", silent, busyUntil(now)), execution: "FAILED", deaths: 1, lookups: 1},
		"silent, busy by its own word":  {before: slot("a", silent, busyUntil(minute11)), execution: "FAILED", after: slot("a", silent, busyUntil(minute11))},
		"ended before, not busy":        {before: slot("a", ended, draining)},
		"ended before, busy until now":  {before: slot("a", ended, draining, busyUntil(now))},
		"ended before, its pump runs":   {before: slot("a", ended, draining, busyUntil(minute11)), after: slot("a", ended, draining, busyUntil(minute11))},
		"reserved a minute, it runs":    {before: slot("a", reserved(minute9)), execution: "RUNNING", after: slot("a", reserved(minute9))},
		"reserved longer, it runs":      {before: slot("a", reserved(minute5)), execution: "RUNNING", after: slot("a", reserved(minute5)), lookups: 1},
		"reserved longer, not started":  {before: slot("a", reserved(minute5)), after: slot("a", reserved(minute5)), lookups: 1},
		"reserved longer, it failed":    {before: slot("a", reserved(minute5)), execution: "FAILED", deaths: 1, lookups: 1},
		"an event says it failed":       {before: slot("a"), trigger: event("worker-a-1", "FAILED", "Oops"), deaths: 1},
		"an event says it timed out":    {before: slot("a"), trigger: event("worker-a-1", "TIMED_OUT", ""), deaths: 1},
		"an event says it was aborted":  {before: slot("a"), trigger: event("worker-a-1", "ABORTED", ""), deaths: 1},
		"an event says it succeeded":    {before: slot("a"), trigger: event("worker-a-1", "SUCCEEDED", "")},
		"an event says it was relieved": {before: slot("a"), trigger: event("worker-a-1", "FAILED", "Muster.Relieved")},
		"an event says it runs":         {before: slot("a"), trigger: event("worker-a-1", "RUNNING", ""), after: slot("a")},
		"an event says it is redriven":  {before: slot("a"), trigger: event("worker-a-1", "PENDING_REDRIVE", ""), after: slot("a")},
		"an event says nothing":         {before: slot("a"), trigger: event("worker-a-1", "", ""), after: slot("a")},
		"another kind of event":         {before: slot("a"), trigger: `{"detail-type":"muster wake","detail":{"name":"worker-a-1","status":"FAILED"}}`, after: slot("a")},
		"an event that is no object":    {before: slot("a"), trigger: `"FAILED"`, after: slot("a")},
		"an event of its predecessor":   {before: slot("a"), trigger: event("worker-a-0", "FAILED", ""), after: slot("a"), deaths: 1},
		"an event, its pump runs": {
			before: slot("a", busyUntil(minute11)), trigger: event("worker-a-1", "ABORTED", ""), deaths: 1,
			after: slot("a", ended, draining, busyUntil(minute11)),
		},
		"an event, steps, a handler runs": {
			// The longer time-out from now on, and 15 seconds for clocks that differ.
			before: slot("a", inSteps, busyUntil("2000-01-01T00:20:00.000Z")), trigger: event("worker-a-1", "ABORTED", ""), deaths: 1,
			after: slot("a", inSteps, ended, draining, busyUntil("2000-01-01T00:11:10.000Z")),
		},
		"an event, steps, a late handler runs": {
			before: slot("a", inSteps, busyUntil(minute9)), trigger: event("worker-a-1", "ABORTED", ""), deaths: 1,
			after: slot("a", inSteps, ended, draining, busyUntil("2000-01-01T00:11:10.000Z")),
		},
		"an event, it is known": {
			before: slot("a", inSteps, ended, draining, busyUntil("2000-01-01T00:10:30.000Z")), trigger: event("worker-a-1", "FAILED", ""), deaths: 1,
			after: slot("a", inSteps, ended, draining, busyUntil("2000-01-01T00:10:30.000Z")),
		},
		"an event, steps, between batches": {before: slot("a", inSteps), trigger: event("worker-a-1", "ABORTED", ""), deaths: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.Lane = fleet.Lane(c.before.Lane)
				r.hold(registry.Control{}, c.before)
				if c.execution != "" {
					r.run(c.before, c.execution)
				}
				lookups := r.count("DescribeExecution")
				if c.trigger == "" {
					c.trigger = scheduled
				}
				r.ticks(c.trigger)
				s := r.snapshot()
				var want []registry.Worker
				if c.after.Item != "" {
					want = []registry.Worker{c.after}
				}
				assert.Equal(r, want, s.Workers)
				assert.Equal(r, c.deaths, s.Control.Deaths)
				assert.Equal(r, c.lookups, lookups())
			})
		})
	}
}

func TestAnEndedWorkerIsReplacedWithinTheCap(t *testing.T) {
	for name, c := range map[string]struct {
		worker registry.Worker
		starts int
		reason string
	}{
		"when its work is over": {slot("a"), 1, "depth 10 (10 visible, 0 in flight); at 10 a worker 1 wanted; 0 working, 0 going home, 0 silent; starting 1"},
		"when its work may run": {slot("a", busyUntil(minute11)), 0, "depth 10 (10 visible, 0 in flight); at 10 a worker 1 wanted; 0 working, 1 going home, 0 silent; starting 0 of 1: the other slots of the cap are taken"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.Policy.MaxConcurrency = 2
				r.send(10)
				r.hold(registry.Control{}, c.worker)
				out := r.ticks(event("worker-a-1", "ABORTED", ""))
				assert.Len(r, out.Starts, c.starts)
				assert.Equal(r, c.reason, out.Reason)
				assert.Len(r, r.snapshot().Workers, 1)
			})
		})
	}
}

func TestALookUpThatIsThrottled(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(10)
		r.hold(registry.Control{}, slot("a", silent), slot("b", silent))
		r.run(slot("a"), "FAILED")
		r.run(slot("b"), "FAILED")
		hits := r.fail("DescribeExecution", 0, api.Errorf("ThrottlingException", "Rate exceeded"))
		out := r.ticks(scheduled)
		assert.Equal(r, 3, hits(), "one look-up, tried three times")
		assert.Contains(r, out.Reason, "; Step Functions throttles the look-up of silent workers")
		assert.Len(r, out.Starts, 1, "the tick does what it can")
		assert.Len(r, r.snapshot().Workers, 3)
	})
}

func TestALookUpThatFails(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.hold(registry.Control{}, slot("a", silent))
		r.fail("DescribeExecution", 0, api.Errorf("AccessDeniedException", "not yours"))
		_, err := r.tick(scheduled)
		assert.ErrorContains(r, err, "look up worker execution worker-a-1: ")
		assert.ErrorContains(r, err, "not yours")
	})
}

func TestLookUpsAreLimited(t *testing.T) {
	inBubble(t, func(r *rig) {
		var workers []registry.Worker
		for i := range 250 {
			w := slot(fmt.Sprintf("%03d", i), silent)
			workers = append(workers, w)
			r.run(w, "SUCCEEDED")
		}
		r.hold(registry.Control{}, workers...)
		lookups := r.count("DescribeExecution")
		r.ticks(scheduled)
		assert.Equal(r, 200, lookups())
		assert.Len(r, r.snapshot().Workers, 50)
		r.ticks(scheduled)
		assert.Equal(r, 250, lookups())
		assert.Empty(r, r.snapshot().Workers)
	})
}

// Workers that are silent and run on are looked up again and again: those behind
// them have their turn all the same.
func TestEachSilentWorkerHasItsTurn(t *testing.T) {
	inBubble(t, func(r *rig) {
		var workers []registry.Worker
		for i := range 301 {
			end := "RUNNING"
			if i >= 297 {
				end = "SUCCEEDED"
			}
			w := slot(fmt.Sprintf("%03d", i), silent)
			workers = append(workers, w)
			r.run(w, end)
		}
		r.hold(registry.Control{}, workers...)
		for range 12 {
			r.ticks(scheduled)
			time.Sleep(time.Minute)
		}
		assert.Len(r, r.snapshot().Workers, 297)
	})
}

func TestADeathIsCountedOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.hold(registry.Control{}, slot("a", busyUntil(minute11)), slot("b", busyUntil(minute11)))
		deaths := func() int { return r.snapshot().Control.Deaths }
		r.ticks(event("worker-a-1", "FAILED", ""))
		assert.Equal(r, 1, deaths())
		_, err := r.tickAs("arn:again", event("worker-a-1", "FAILED", ""))
		require.NoError(r, err)
		assert.Equal(r, 1, deaths(), "the event came twice")
		r.ticks(scheduled)
		assert.Equal(r, 1, deaths())
		time.Sleep(20 * time.Second)
		r.ticks(event("worker-b-1", "FAILED", ""))
		assert.Equal(r, 2, deaths())
		c := r.snapshot().Control
		assert.Equal(r, registry.Instant("2000-01-01T00:10:25.000Z"), c.DiedAt, "the event that came twice waited for its turn")
		assert.Equal(r, "worker-b-1", c.Died)
	})
}

func TestADeathCountsThoughTheRegistryMoved(t *testing.T) {
	for name, fault := range map[string]api.Fault{
		"the reply of marking it is lost": {Operation: "UpdateItem", Kind: api.LoseReply, Times: 1},
		"another tick was quicker":        {Operation: "TransactWriteItems", Kind: api.Fail, Times: 1, Error: moved},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.hold(registry.Control{}, slot("a", silent))
				r.run(slot("a"), "FAILED")
				hits, _ := r.runtime.Router.Faults.Add(fault)
				r.ticks(scheduled)
				assert.Equal(r, 1, hits())
				s := r.snapshot()
				assert.Empty(r, s.Workers)
				assert.Equal(r, 1, s.Control.Deaths)
				assert.Equal(r, "worker-a-1", s.Control.Died)
			})
		})
	}
}

// moved is what DynamoDB answers when a condition of a transaction failed.
var moved = &api.Error{
	Code: "TransactionCanceledException", Message: "Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed]",
	Fields: map[string]any{"CancellationReasons": []map[string]string{{"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}}},
}

func TestStartsPauseAfterDeaths(t *testing.T) {
	died := func(deaths int, at registry.Instant) registry.Control {
		return registry.Control{Deaths: deaths, DiedAt: at, Died: "worker-q-1"}
	}
	for name, c := range map[string]struct {
		control registry.Control
		trigger string
		workers []registry.Worker
		starts  int
		says    string
		deaths  int
	}{
		"after the first at once":    {trigger: event("worker-x-1", "FAILED", ""), starts: 1, deaths: 1},
		"after the second not":       {control: died(1, minute9), trigger: event("worker-x-1", "FAILED", ""), says: "starting none: the last 2 worker executions failed, next try in 15s", deaths: 2},
		"after five for two minutes": {control: died(5, minute9), says: "starting none: the last 5 worker executions failed, next try in 1m0s", deaths: 5},
		"when the pause is over":     {control: died(4, minute9), starts: 1, deaths: 4},
		"when a worker gets on": {
			control: died(5, minute9), workers: []registry.Worker{slot("a", draining, func(w *registry.Worker) { w.Handled = 1 })},
			says: "starting none: the last 5 worker executions failed", deaths: 0,
		},
		"when one got on that has died itself": {
			control: died(5, minute9), workers: []registry.Worker{slot("a", ended, draining, busyUntil(minute11), func(w *registry.Worker) { w.Handled = 1 })},
			says: "starting none: the last 5 worker executions failed", deaths: 5,
		},
		"when it is long ago": {control: died(9, "1999-12-31T23:09:59.999Z"), starts: 1, deaths: 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.send(10)
				r.hold(c.control, c.workers...)
				if c.trigger == "" {
					c.trigger = scheduled
				}
				out := r.ticks(c.trigger)
				assert.Len(r, out.Starts, c.starts)
				assert.Contains(r, out.Reason, c.says)
				assert.Equal(r, c.deaths, r.snapshot().Control.Deaths)
			})
		})
	}
}

func TestAnotherTickMarksItMeanwhile(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.hold(registry.Control{}, slot("a", silent))
		r.run(slot("a"), "FAILED")
		outs := make(chan autoscaler.Output, 4)
		for range 4 {
			go func() {
				out, err := r.tick(scheduled)
				assert.NoError(r, err)
				outs <- out
			}()
		}
		for range 4 {
			assert.Empty(r, (<-outs).Starts)
		}
		s := r.snapshot()
		assert.Empty(r, s.Workers)
		require.Equal(r, 1, s.Control.Deaths)
	})
}
