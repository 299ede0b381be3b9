package autoscaler_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

// inputOf is the input of a worker's execution.
func inputOf(worker, lane string) string {
	// Each task has its handler's time-out and what comes on top: a minute of
	// throttling for those that invoke the handler themselves, half a minute.
	return `{"fleet":"jobs","worker":"` + worker + `","lane":"` + lane + `",` +
		`"timeouts":{"transform":110,"process":60,"processLarge":120,"heartbeat":1,"transformHeartbeat":1,"silence":1},"pump":{"shift":0},"batch":{"seq":0,"empty":0}}`
}

func TestAFreshStart(t *testing.T) {
	for lane, want := range map[string]struct {
		workers, parallelism int
		reason               string
	}{
		string(fleet.Stream): {3, 2, "depth 25 (25 visible, 0 in flight); at 10 a worker 3 wanted; 0 working, 0 going home, 0 silent; starting 3"},
		string(fleet.Steps):  {3, 1, "depth 25 (25 visible, 0 in flight); at 10 a worker 3 wanted; 0 working, 0 going home, 0 silent; starting 3"},
	} {
		t.Run(lane, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.Lane = fleet.Lane(lane)
				r.send(25)
				out := r.ticks(scheduled)
				assert.Equal(r, want.reason, out.Reason)
				require.Len(r, out.Starts, want.workers)
				s := r.snapshot()
				assert.Equal(r, registry.Control{Fleet: "jobs", Item: "control", Version: 1}, s.Control)
				require.Len(r, s.Workers, want.workers)
				started := map[string]autoscaler.Start{}
				for _, start := range out.Starts {
					started[start.Worker] = start
				}
				for _, w := range s.Workers {
					id := w.ID()
					assert.Equal(r, registry.Worker{
						Fleet: "jobs", Item: "worker#" + id, State: registry.Reserved, Holder: "worker-" + id + "-1", Generation: 1,
						Orders: registry.CarryOn, Lane: lane, Parallelism: want.parallelism, Revision: "r1",
						Input: inputOf(id, lane), ReservedAt: now, ReportedAt: now,
					}, w)
					assert.Equal(r, autoscaler.Start{Fleet: "jobs", Worker: id, Name: "worker-" + id + "-1", Input: []byte(inputOf(id, lane))}, started[id])
				}
				ticks, err := r.registry.Ticks(r.Context(), 10)
				require.NoError(r, err)
				assert.InDelta(r, 0.00001, ticks[0].Spent, 0.00001, "a tick's own cost")
				ticks[0].Spent = 0
				assert.Equal(r, []registry.Tick{{
					Fleet: "jobs#ticks", Item: "2000-01-01T00:10:00.000Z#arn:tick", At: now,
					Visible: 25, Workers: 0, Wanted: 3, Started: 3, Reason: want.reason, ExpiresAt: now.Time().Add(14 * 24 * time.Hour),
				}}, ticks)
			})
		})
	}
}

func TestNothingToDo(t *testing.T) {
	inBubble(t, func(r *rig) {
		writes := r.count("TransactWriteItems")
		out := r.ticks(scheduled)
		assert.Equal(r, autoscaler.Output{Starts: []autoscaler.Start{}, Reason: "depth 0 (0 visible, 0 in flight); at 10 a worker 0 wanted; 0 working, 0 going home, 0 silent"}, out)
		assert.Zero(r, writes())
	})
}

func TestTheCapHolds(t *testing.T) {
	for name, c := range map[string]struct {
		workers []registry.Worker
		starts  int
	}{
		"nobody works":           {nil, 3},
		"one works":              {[]registry.Worker{slot("a")}, 2},
		"one is silent":          {[]registry.Worker{slot("a", silent)}, 2},
		"one goes home":          {[]registry.Worker{slot("a", draining)}, 2},
		"one ended, but is busy": {[]registry.Worker{slot("a", ended, draining, busyUntil(minute11))}, 2},
		"one is reserved":        {[]registry.Worker{slot("a", reserved(now))}, 2},
		"one has a larger part":  {[]registry.Worker{slot("a", func(w *registry.Worker) { w.Parallelism = 4 })}, 1},
		"the cap was lowered":    {[]registry.Worker{slot("a"), slot("b"), slot("c"), slot("d")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				// Three workers of two: the odd one is no slot.
				r.config.Policy.MaxConcurrency = 7
				r.send(100)
				r.hold(registry.Control{}, c.workers...)
				out := r.ticks(scheduled)
				assert.Len(r, out.Starts, c.starts)
				assert.Len(r, r.snapshot().Workers, len(c.workers)+c.starts)
			})
		})
	}
}

func TestADoubtfulStartIsStartedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		worker registry.Worker
		again  bool
	}{
		"after half a minute":     {slot("a", reserved("2000-01-01T00:09:29.999Z")), true},
		"not sooner":              {slot("a", reserved("2000-01-01T00:09:30.000Z")), false},
		"though it shall drain":   {slot("a", reserved(minute5), draining), true},
		"not if it has ended":     {slot("a", reserved(minute5), ended, busyUntil(minute11)), false},
		"not one that has begun":  {slot("a", silent), false},
		"by its successor's name": {slot("a", reserved(minute9), func(w *registry.Worker) { w.Holder, w.Generation = "worker-a-2", 2 }), true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.hold(registry.Control{}, c.worker)
				out := r.ticks(scheduled)
				want := []autoscaler.Start{}
				if c.again {
					want = append(want, autoscaler.Start{Fleet: "jobs", Worker: "a", Name: c.worker.Holder, Input: []byte(`{"end":"RUNNING"}`)})
				}
				assert.Equal(r, want, out.Starts)
				assert.Equal(r, []registry.Worker{c.worker}, r.snapshot().Workers, "the slot stays as it is")
			})
		})
	}
}

func TestDoubtfulAndNewStartsGoTogether(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(10)
		r.hold(registry.Control{}, slot("a", reserved(minute9)))
		r.config.Policy.MinWorkers = 2
		out := r.ticks(scheduled)
		require.Len(r, out.Starts, 2)
		assert.Equal(r, "worker-a-1", out.Starts[0].Name)
		assert.NotEqual(r, "worker-a-1", out.Starts[1].Name)
		ticks, err := r.registry.Ticks(r.Context(), 1)
		require.NoError(r, err)
		assert.Equal(r, 1, ticks[0].Started, "only what is new")
	})
}

// What a tick asks the state machine to start must fit into state, or no start
// would ever get through.
func TestStartsFitIntoState(t *testing.T) {
	for name, reservations := range map[string]int{"all new": 0, "new and doubtful": 120, "too many in doubt": 700} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.Fleet = strings.Repeat("f", 128)
				r.registry = registry.New(r.runtime.Config(), "muster", r.config.Fleet)
				r.config.Policy.MaxConcurrency, r.config.Policy.StepLimit, r.config.Policy.MessagesPerWorker = 4000, 1000, 1
				r.send(1000)
				var held []registry.Worker
				for i := range reservations {
					held = append(held, slot(fmt.Sprintf("%036d", i), reserved(minute9), func(w *registry.Worker) { w.Input = inputOf(w.ID(), string(fleet.Stream)) }))
				}
				r.hold(registry.Control{}, held...)
				started := map[string]bool{}
				for range 40 {
					out := r.ticks(scheduled)
					assert.Len(r, out.Starts, 300)
					answer, err := json.Marshal(out)
					require.NoError(r, err)
					assert.Less(r, len(answer), 200*1024)
					for _, s := range out.Starts {
						started[s.Name] = true
					}
					time.Sleep(time.Minute)
				}
				for _, w := range held {
					assert.Contains(r, started, w.Holder, "each doubtful start has its turn")
				}
			})
		})
	}
}

func TestDraining(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.Policy.ScaleInHold = 2 * time.Minute
		r.send(5)
		older := slot("b", since("2000-01-01T00:01:00.000Z"))
		newer := slot("a", since("2000-01-01T00:02:00.000Z"))
		newest := slot("c", since("2000-01-01T00:03:00.000Z"))
		gone := slot("d", draining, since("2000-01-01T00:04:00.000Z"))
		r.hold(registry.Control{}, older, newer, newest, gone)

		out := r.ticks(scheduled)
		assert.Contains(r, out.Reason, "3 working, 1 going home, 0 silent; 2 too many, held for 2m0s yet")
		assert.Equal(r, now, r.snapshot().Control.SurplusSince)
		assert.Equal(r, []registry.Worker{newer, older, newest, gone}, r.snapshot().Workers)

		time.Sleep(2*time.Minute - time.Second)
		out = r.ticks(scheduled)
		assert.Contains(r, out.Reason, "2 too many, held for 1s yet")
		assert.Equal(r, now, r.snapshot().Control.SurplusSince, "since then")

		time.Sleep(time.Second)
		out = r.ticks(scheduled)
		assert.Contains(r, out.Reason, "sending 2 home")
		newer.Orders, newest.Orders = registry.Drain, registry.Drain
		assert.Equal(r, []registry.Worker{newer, older, newest, gone}, r.snapshot().Workers, "the newest go")

		time.Sleep(time.Second)
		out = r.ticks(scheduled)
		assert.Contains(r, out.Reason, "1 working, 3 going home, 0 silent")
		assert.Empty(r, r.snapshot().Control.SurplusSince, "no surplus any more")
		ticks, err := r.registry.Ticks(r.Context(), 10)
		require.NoError(r, err)
		var drained []int
		for _, tick := range ticks {
			drained = append(drained, tick.Drained)
		}
		assert.Equal(r, []int{0, 2, 0, 0}, drained, "the newest tick first")
	})
}

func TestWhoStays(t *testing.T) {
	for name, c := range map[string]struct {
		before []registry.Worker
		// stays says who does in the end. New workers are "new".
		stays map[string]bool
	}{
		"new workers":         {nil, map[string]bool{"new": true}},
		"the oldest":          {[]registry.Worker{slot("a", since(minute5)), slot("b", since(minute0)), slot("c", since(minute9))}, map[string]bool{"a": true, "b": true, "c": false}},
		"no longer":           {[]registry.Worker{slot("a", since(minute0)), slot("b", since(minute5)), slot("c", since(minute9), stay)}, map[string]bool{"a": true, "b": true, "c": false}},
		"one, and a new one":  {[]registry.Worker{slot("a")}, map[string]bool{"a": true, "new": true}},
		"not who goes home":   {[]registry.Worker{slot("a", draining, stay)}, map[string]bool{"a": false, "new": true}},
		"not who is silent":   {[]registry.Worker{slot("a", silent)}, map[string]bool{"a": false, "new": true}},
		"who fell silent may": {[]registry.Worker{slot("a", silent, stay)}, map[string]bool{"a": true, "new": true}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.Policy.MinWorkers = 2
				r.hold(registry.Control{}, c.before...)
				r.ticks(scheduled)
				got := map[string]bool{}
				for _, w := range r.snapshot().Workers {
					id := w.ID()
					if len(id) > 1 {
						id = "new"
					}
					got[id] = w.Stay
				}
				assert.Equal(r, c.stays, got)
			})
		})
	}
}

func TestNoMoreStayThanTheMinimum(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.Policy.MinWorkers = 2
		r.send(40)
		r.hold(registry.Control{}, slot("a", stay))
		assert.Len(r, r.ticks(scheduled).Starts, 3)
		stays := 0
		for _, w := range r.snapshot().Workers {
			if w.Stay {
				stays++
			}
		}
		assert.Equal(r, 2, stays)
	})
}

func TestANewRevisionIsHandedOverTo(t *testing.T) {
	handOver := func(w *registry.Worker) { w.Orders = registry.HandOver }
	successor := func(w *registry.Worker) { w.Revision, w.Input = "r2", inputOf("a", string(fleet.Stream)) }
	for name, c := range map[string]struct{ before, after registry.Worker }{
		"who works":        {slot("a"), slot("a", handOver, successor)},
		"not twice":        {slot("a", handOver, successor), slot("a", handOver, successor)},
		"not who begins":   {slot("a", reserved(now)), slot("a", reserved(now))},
		"not who leaves":   {slot("a", draining), slot("a", draining)},
		"not who has died": {slot("a", ended, draining, busyUntil(minute11)), slot("a", ended, draining, busyUntil(minute11))},
		"not its own":      {slot("a", successor), slot("a", successor)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.WorkerRevision = "r2"
				r.hold(registry.Control{}, c.before)
				r.ticks(scheduled)
				assert.Equal(r, []registry.Worker{c.after}, r.snapshot().Workers)
			})
		})
	}
}

// A task whose time-out is shorter than its handler's would give up on handlers
// that are well, until its worker goes home.
func TestNewTimeoutsAreHandedOverTo(t *testing.T) {
	current := func(w *registry.Worker) { w.Input = inputOf("a", w.Lane) }
	older := func(w *registry.Worker) {
		w.Input = strings.Replace(inputOf("a", w.Lane), `"process":60`, `"process":40`, 1)
	}
	handOver := func(w *registry.Worker) { w.Orders = registry.HandOver }
	for name, c := range map[string]struct{ before, after registry.Worker }{
		"in the steps lane":               {slot("a", inSteps, older), slot("a", inSteps, current, handOver)},
		"not if they are the same":        {slot("a", inSteps, current), slot("a", inSteps, current)},
		"not twice":                       {slot("a", inSteps, current, handOver), slot("a", inSteps, current, handOver)},
		"not who leaves":                  {slot("a", inSteps, older, draining), slot("a", inSteps, older, draining)},
		"not where no task waits by them": {slot("a", older), slot("a", older)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.Lane = fleet.Lane(c.before.Lane)
				r.hold(registry.Control{}, c.before)
				r.ticks(scheduled)
				assert.Equal(r, []registry.Worker{c.after}, r.snapshot().Workers)
			})
		})
	}
}

func TestWorkersOfTheOtherLaneGoHome(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.WorkerRevision = "r2"
		r.hold(registry.Control{}, slot("a", inSteps), slot("b", inSteps, reserved(now)), slot("c", inSteps, draining))
		r.ticks(scheduled)
		assert.Equal(r, []registry.Worker{slot("a", inSteps, draining), slot("b", inSteps, reserved(now), draining), slot("c", inSteps, draining)}, r.snapshot().Workers)
	})
}

func TestAWorkerThatMovesGetsItsOrdersNextTime(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.WorkerRevision = "r2"
		r.hold(registry.Control{}, slot("a"), slot("b"))
		hits := r.fail("UpdateItem", 1, api.Errorf("ConditionalCheckFailedException", "The conditional request failed"))
		r.ticks(scheduled)
		assert.Equal(r, 1, hits())
		workers := r.snapshot().Workers
		assert.Equal(r, []registry.Orders{registry.CarryOn, registry.HandOver}, []registry.Orders{workers[0].Orders, workers[1].Orders})
		r.ticks(scheduled)
		assert.Equal(r, registry.HandOver, r.snapshot().Workers[0].Orders)
	})
}

func TestTicksAtOnce(t *testing.T) {
	for name, fault := range map[string]api.Fault{
		"in time":                  {Operation: "none"},
		"their writes are late":    {Operation: "TransactWriteItems", Kind: api.Delay, For: time.Second, Times: 3},
		"their writes come twice":  {Operation: "TransactWriteItems", Kind: api.Twice},
		"their replies are lost":   {Operation: "TransactWriteItems", Kind: api.LoseReply, Times: 2},
		"their replies are late":   {Operation: "TransactWriteItems", Kind: api.DelayReply, For: time.Minute},
		"their reads are long ago": {Operation: "Query", Kind: api.DelayReply, For: time.Second, Times: 3},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.send(1000)
				r.runtime.Router.Faults.Add(fault)
				outs := make(chan autoscaler.Output, 6)
				for range 6 {
					go func() {
						out, err := r.tick(scheduled)
						assert.NoError(r, err)
						outs <- out
					}()
				}
				started := map[string]bool{}
				for range 6 {
					for _, s := range (<-outs).Starts {
						started[s.Name] = true
					}
				}
				assert.Len(r, started, 10, "a cap of 20 by twos")
				assert.Len(r, r.snapshot().Workers, 10)
			})
		})
	}
}

func TestATickThatNeverGetsThrough(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(10)
		hits := r.fail("TransactWriteItems", 0, moved)
		_, err := r.tick(scheduled)
		assert.Equal(r, registry.ErrMoved, err)
		assert.Equal(r, 4, hits())
		assert.Empty(r, r.snapshot().Workers)
	})
}

func TestATickThatCannotBeRecordedStarts(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(10)
		r.fail("PutItem", 0, api.Errorf("AccessDeniedException", "not yours"))
		out := r.ticks(scheduled)
		assert.Len(r, out.Starts, 1)
		assert.Contains(r, out.Reason, "; starting 1; not recorded: record the tick: ")
	})
}

func TestATickWhoseOrdersFailStarts(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(20)
		r.config.WorkerRevision = "r2"
		r.hold(registry.Control{}, slot("a"))
		r.fail("UpdateItem", 0, api.Errorf("AccessDeniedException", "not yours"))
		out := r.ticks(scheduled)
		assert.Len(r, out.Starts, 1, "what was reserved")
		assert.Contains(r, out.Reason, "; orders failed: leave orders for worker a: ")
	})
}

func TestATickThatCannotSeeFails(t *testing.T) {
	for operation, says := range map[string]string{
		"GetQueueAttributes": "ask for the depth of ",
		"GetItem":            "read the registry's control",
		"Query":              "read the messages that are held: ",
		"TransactWriteItems": "change 1 slots of the registry: ",
	} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.send(10)
				r.fail(operation, 0, api.Errorf("AccessDeniedException", "not yours"))
				out, err := r.tick(scheduled)
				assert.ErrorContains(r, err, says)
				assert.Equal(r, autoscaler.Output{}, out)
				ticks, broken := r.registry.Ticks(r.Context(), 1)
				if operation == "Query" {
					assert.ErrorContains(r, broken, "not yours")
					return
				}
				require.NoError(r, broken)
				require.Len(r, ticks, 1)
				assert.True(r, ticks[0].Failed)
				assert.Contains(r, ticks[0].Reason, "the tick failed: "+says)
			})
		})
	}
}

func TestValidate(t *testing.T) {
	slow := handler.Target{ARN: "arn:slow", Timeout: 900 * time.Second}
	for name, c := range map[string]struct {
		change func(c *autoscaler.Config)
		want   []string
	}{
		"good":           {func(*autoscaler.Config) {}, nil},
		"slow in steps":  {func(c *autoscaler.Config) { c.Lane, c.Process = fleet.Steps, slow }, nil},
		"slow in stream": {func(c *autoscaler.Config) { c.Process = slow }, []string{"handlers with time-outs of 15m20s together are too slow for the stream lane"}},
		"no such lane":   {func(c *autoscaler.Config) { c.Lane = "fast" }, []string{`Lane is "fast", it must be one of [stream steps]`}},
		"everything": {
			func(c *autoscaler.Config) { c.Lane, c.Policy.StepLimit, c.Policy.MaxConcurrency = "fast", 0, 0 },
			[]string{`Lane is "fast"`, "StepLimit is 0, it must be at least 1", "MaxConcurrency is 0, it must be at least 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				c.change(&r.config)
				_, err := autoscaler.New(r.runtime.Config(), r.config)
				if c.want == nil {
					assert.NoError(r, err)
				}
				for _, want := range c.want {
					assert.ErrorContains(r, err, want)
				}
			})
		})
	}
}
