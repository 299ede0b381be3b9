package pump_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/registry"
)

func stay(w *registry.Worker) { w.Stay = true }

func ordered(o registry.Orders) func(*registry.Worker) {
	return func(w *registry.Worker) { w.Orders = o }
}

func TestAnIdleShiftGoesHome(t *testing.T) {
	inBubble(t, takes(0), slot(), func(r *rig) {
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5}, out)
		assert.Equal(r, 20*time.Second, time.Since(r.began))
		r.idle("t1")
		assert.Equal(r, registry.Working, r.worker().State)
		assert.Equal(r, registry.Instant("2000-01-01T00:00:20.000Z"), r.worker().ReportedAt)
	})
}

func TestAShiftHandlesWhatThereIs(t *testing.T) {
	inBubble(t, takes(2*time.Second), slot(), func(r *rig) {
		r.send(45)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 45}, out)
		assert.Zero(r, r.depth())
		// Two batches at a time, five of them: 2 s each.
		assert.Equal(r, []time.Duration{0, 0, 2 * time.Second, 2 * time.Second, 4 * time.Second}, r.started())
		assert.Equal(r, 26*time.Second, time.Since(r.began), "idle since the last batch")
		assert.Equal(r, int64(45), r.worker().Handled)
		r.idle("t1")
	})
}

func TestAnIdleWorkerThatStaysPollsOnceAtATime(t *testing.T) {
	inBubble(t, takes(0), slot(stay, func(w *registry.Worker) { w.Parallelism = 8 }), func(r *rig) {
		receives := r.count("ReceiveMessage")
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "report home", Shift: 5}, out)
		// Six at once before the worker knows, as many as it has the memory for, then
		// one at a time up to the end, less one handler.
		assert.Equal(r, 830*time.Second, time.Since(r.began))
		assert.Equal(r, 6+(830-20+19)/20, receives())
	})
}

func TestAScoutCallsTheOthers(t *testing.T) {
	inBubble(t, takes(5*time.Second), slot(stay, func(w *registry.Worker) { w.Parallelism = 4 }), func(r *rig) {
		go func() {
			<-time.After(90 * time.Second)
			r.send(40)
		}()
		_, err := r.shift("t1")
		require.NoError(r, err)
		at := 90 * time.Second
		assert.Equal(r, []time.Duration{at, at, at, at}, r.started())
	})
}

func TestAShiftObeysOrdersThatWaitForIt(t *testing.T) {
	for orders, next := range map[registry.Orders]string{registry.Drain: "go home", registry.HandOver: "hand over"} {
		t.Run(string(orders), func(t *testing.T) {
			inBubble(t, takes(0), slot(stay, ordered(orders)), func(r *rig) {
				r.send(3)
				receives := r.count("ReceiveMessage")
				out, err := r.shift("t1")
				require.NoError(r, err)
				assert.Equal(r, pump.Output{Next: next, Shift: 5}, out)
				assert.Zero(r, receives())
				r.idle("t1")
			})
		})
	}
}

func TestAShiftObeysOrdersThatAReportBringsBack(t *testing.T) {
	for orders, next := range map[registry.Orders]string{registry.Drain: "go home", registry.HandOver: "hand over"} {
		t.Run(string(orders), func(t *testing.T) {
			inBubble(t, takes(7*time.Second), slot(stay), func(r *rig) {
				r.send(2000)
				go func() {
					<-time.After(30 * time.Second)
					r.order(orders)
				}()
				out, err := r.shift("t1")
				require.NoError(r, err)
				assert.Equal(r, next, out.Next)
				// The report after a minute brings the order; what began is finished.
				assert.Equal(r, 63*time.Second, time.Since(r.began))
				assert.Equal(r, int64(180), out.Handled)
				assert.Equal(r, 1820, r.depth().Visible)
				r.idle("t1")
			})
		})
	}
}

func TestAnOrderThatComesAfterTheLastReport(t *testing.T) {
	for _, orders := range []registry.Orders{registry.Drain, registry.HandOver} {
		t.Run(string(orders), func(t *testing.T) {
			inBubble(t, takes(0), slot(), func(r *rig) {
				go func() {
					<-time.After(10 * time.Second)
					r.order(orders)
				}()
				out, err := r.shift("t1")
				require.NoError(r, err)
				assert.Equal(r, "go home", out.Next, "it has nothing to do anyhow")
			})
			inBubble(t, takes(0), slot(stay), func(r *rig) {
				go func() {
					<-time.After(25 * time.Second)
					r.order(orders)
				}()
				// The shift is too short for a report.
				out, err := r.shiftOf("t1", 80*time.Second, pump.Input{Worker: "a", Execution: "worker-a-1"})
				require.NoError(r, err)
				assert.Equal(r, "report home", out.Next, "it finds the order there")
			})
		})
	}
}

func TestAnIdleWorkerThatWasToldToStayMeanwhile(t *testing.T) {
	inBubble(t, takes(0), slot(), func(r *rig) {
		go func() {
			<-time.After(10 * time.Second)
			_, err := r.registry.SetStay(r.Context(), r.worker(), true)
			assert.NoError(r, err)
		}()
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "report home", Shift: 5}, out)
	})
}

func TestAWorkerHandsOverLongBeforeItsHistoryIsFull(t *testing.T) {
	for shift, next := range map[int]string{998: "report home", 999: "hand over"} {
		inBubble(t, takes(0), slot(stay), func(r *rig) {
			out, err := r.shiftOf("t1", 60*time.Second, pump.Input{Worker: "a", Execution: "worker-a-1", Shift: shift})
			require.NoError(r, err)
			assert.Equal(r, pump.Output{Next: next, Shift: shift + 1}, out)
		})
	}
}

func TestAShiftThatIsRelievedAtOnce(t *testing.T) {
	for name, in := range map[string]pump.Input{
		"another execution holds the worker": {Worker: "a", Execution: "worker-a-2", Shift: 4},
		"the slot was freed":                 {Worker: "b", Execution: "worker-b-1", Shift: 4},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, takes(0), slot(), func(r *rig) {
				receives := r.count("ReceiveMessage")
				out, err := r.shiftOf("t1", time.Minute, in)
				require.NoError(r, err)
				assert.Equal(r, pump.Output{Next: "relieved", Shift: 4}, out)
				assert.Zero(r, receives())
			})
		})
	}
}

func TestAShiftThatIsRelievedWhileItWorks(t *testing.T) {
	inBubble(t, takes(7*time.Second), slot(), func(r *rig) {
		r.send(2000)
		go func() {
			<-time.After(30 * time.Second)
			r.free()
		}()
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, "relieved", out.Next)
		assert.Equal(r, 63*time.Second, time.Since(r.began))
		for _, at := range r.started() {
			assert.Less(r, at, time.Minute)
		}
		s, err := r.registry.Snapshot(r.Context())
		require.NoError(r, err)
		assert.Empty(r, s.Workers, "nothing is upserted")
	})
}

// free frees the slot, against all rules: the pump must find out.
func (r *rig) free() {
	s, err := r.registry.Snapshot(r.Context())
	assert.NoError(r, err)
	assert.NoError(r, r.registry.Commit(r.Context(), s.Control, registry.Change{Control: s.Control, Free: s.Workers}))
}

func TestAShiftThatIsRelievedBetweenItsHandlers(t *testing.T) {
	inBubble(t, takes(0), slot(stay), func(r *rig) {
		r.config.Transform = r.put("transform", 10*time.Second, func(ctx context.Context, e message.Event) (any, error) {
			_, err := takes(9*time.Second)(ctx, e)
			return e, err
		})
		go func() {
			<-time.After(55 * time.Second)
			r.send(1)
			r.free()
		}()
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, "relieved", out.Next)
		assert.Empty(r, r.started(), "the message was transformed when the report at 00:01:00 told")
		assert.Equal(r, 1, r.depth().Visible)
	})
}

func TestBeingRelievedOverrulesOrders(t *testing.T) {
	inBubble(t, takes(0), slot(stay), func(r *rig) {
		r.config.Transform = r.put("transform", 200*time.Second, func(ctx context.Context, e message.Event) (any, error) {
			_, err := takes(130*time.Second)(ctx, e)
			return e, err
		})
		r.send(1)
		go func() {
			<-time.After(30 * time.Second)
			r.order(registry.HandOver)
			<-time.After(60 * time.Second)
			r.free()
		}()
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, "relieved", out.Next)
		assert.Equal(r, 130*time.Second, time.Since(r.began))
		assert.Empty(r, r.started(), "the lease of the report that brought the order runs to 00:02:40")
	})
}

func TestABusyWorkerIsNotIdle(t *testing.T) {
	inBubble(t, takes(0), slot(), func(r *rig) {
		r.config.Process = r.put("process", 200*time.Second, takes(180*time.Second))
		r.send(1)
		go func() {
			<-time.After(100 * time.Second)
			r.send(1)
		}()
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 2}, out)
		assert.Equal(r, []time.Duration{0, 100 * time.Second}, r.started())
		assert.Equal(r, 300*time.Second, time.Since(r.began), "idle for 20 s after 280")
	})
}

func TestASecondPumpWaits(t *testing.T) {
	inBubble(t, takes(7*time.Second), slot(), func(r *rig) {
		r.send(400)
		first := make(chan pump.Output)
		go func() {
			out, err := r.shift("t1")
			assert.NoError(r, err)
			first <- out
		}()
		<-time.After(70 * time.Second)
		out, err := r.shift("t2")
		require.NoError(r, err)
		// The first reported at 00:01:00: 100 s of lease, 15 s for a late arrival, a
		// handler of 10 s, 15 s for clocks that differ, and one second.
		assert.Equal(r, pump.Output{Next: "wait", Shift: 4, WaitUntil: "2000-01-01T00:03:21.000Z"}, out)
		assert.Equal(r, "t1", r.worker().Token)
		assert.Equal(r, "go home", (<-first).Next)
		r.idle("t1")
		out, err = r.shift("t3")
		require.NoError(r, err)
		assert.Equal(r, "go home", out.Next)
	})
}

func TestReports(t *testing.T) {
	inBubble(t, takes(7*time.Second), slot(), func(r *rig) {
		r.send(2000)
		var seen []registry.Worker
		go func() {
			for _, at := range []time.Duration{time.Second, 59500 * time.Millisecond, 500 * time.Millisecond, 500 * time.Millisecond} {
				<-time.After(at)
				seen = append(seen, r.worker())
			}
			r.order(registry.Drain)
		}()
		_, err := r.shift("t1")
		require.NoError(r, err)
		require.Len(r, seen, 4)
		taken := slot(func(w *registry.Worker) {
			w.Fleet, w.State, w.Token, w.BusyUntil = "jobs", registry.Working, "t1", r.began.Add(140*time.Second).UnixMilli()
		})
		assert.Equal(r, taken, seen[0], "when the shift was taken")
		reported := taken
		reported.ReportedAt, reported.BusyUntil = "2000-01-01T00:01:00.000Z", r.began.Add(200*time.Second).UnixMilli()
		reported.Counts = registry.Counts{Handled: 160, InHand: 2, InHandMessages: 20, Rate: seen[1].Rate, Took: 7, Events: 16, BusySeconds: 112}
		assert.InDelta(r, 20.0/7, seen[1].Rate, 1e-9)
		assert.Len(r, seen[1].Holding, 20)
		reported.Holding = seen[1].Holding
		assert.Equal(r, reported, seen[1])
	})
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		process, transform time.Duration
		mode               fleet.Mode
		want               string
	}{
		"quick":             {process: 30 * time.Second},
		"as slow as may be": {process: 700 * time.Second, transform: 10 * time.Second},
		"not waited for":    {process: 900 * time.Second, transform: 680 * time.Second, mode: fleet.Async},
		"too slow": {process: 700 * time.Second, transform: 11 * time.Second,
			want: "handlers with time-outs of 11m51s together are too slow for the stream lane, whose shifts leave 11m50s: lower ProcessTimeoutSeconds and TransformTimeoutSeconds to the handlers' own, or use Lane steps"},
	} {
		t.Run(name, func(t *testing.T) {
			c2 := fleet.Settings{}
			c2.Mode, c2.Process.Timeout, c2.Transform.Timeout = c.mode, c.process, c.transform
			err := pump.Validate(c2)
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, c.want)
		})
	}
}
