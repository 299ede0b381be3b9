package autoscaler_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

// by is a decision of a minute ago, for half an hour.
var by = registry.Directive{Who: "alice", Why: "deploy", At: minute9, Until: "2000-01-01T00:40:00.000Z"}

// orders are the workers' orders, by ID.
func (r *rig) orders() map[string]registry.Orders {
	orders := map[string]registry.Orders{}
	for _, w := range r.snapshot().Workers {
		orders[w.ID()] = w.Orders
	}
	return orders
}

func TestAPause(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(100)
		r.hold(registry.Control{}, slot("a", stay), slot("b", reserved(now)))
		require.NoError(r, r.registry.Pause(r.Context(), by))
		out := r.ticks(scheduled)
		assert.Empty(r, out.Starts)
		assert.Equal(r, "paused by alice until 00:40 UTC: deploy; depth 100 (100 visible, 0 in flight); at 10 a worker 10 wanted; "+
			"2 working, 0 going home, 0 silent; starting none of 8; sending 2 home", out.Reason)
		assert.Equal(r, map[string]registry.Orders{"a": registry.Drain, "b": registry.Drain}, r.orders())

		time.Sleep(30 * time.Minute)
		assert.Len(r, r.ticks(scheduled).Starts, 9, "it has ended by itself; eight more and the doubtful one")
		require.NoError(r, r.registry.Pause(r.Context(), registry.Directive{Who: "bob", At: by.Until}))
		assert.Contains(r, r.ticks(scheduled).Reason, "paused by bob; ")
		require.NoError(r, r.registry.Resume(r.Context(), registry.Directive{Who: "bob", At: by.Until}))
		assert.NotContains(r, r.ticks(scheduled).Reason, "paused")
	})
}

// A tick that read what holds before a pause was decided starts nobody after it.
func TestAPauseOvertakesATick(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(100)
		hits, _ := r.runtime.Router.Faults.Add(api.Fault{Operation: "TransactWriteItems", Kind: api.Delay, For: 10 * time.Second, Times: 1})
		ticked := make(chan autoscaler.Output)
		go func() { ticked <- r.ticks(scheduled) }()
		synctest.Wait()
		require.Equal(r, 1, hits(), "it is about to take slots")
		require.NoError(r, r.registry.Pause(r.Context(), by))
		out := <-ticked
		assert.Empty(r, out.Starts)
		assert.Contains(r, out.Reason, "paused by alice")
		assert.Empty(r, r.snapshot().Workers)
	})
}

func TestBounds(t *testing.T) {
	for name, c := range map[string]struct {
		least, most *int
		messages    int
		starts      int
		reason      string
	}{
		"a lower cap":             {nil, aws.Int(4), 100, 1, "scaled to cap 4 by alice until 00:40 UTC: deploy; depth 100 (100 visible, 0 in flight); at 10 a worker 10 wanted; the cap of 4 invocations allows 2; "},
		"below one worker's part": {nil, aws.Int(1), 100, 0, "the cap of 1 invocations allows 1"},
		"the cap is never raised": {nil, aws.Int(50), 150, 9, "the cap of 20 invocations allows 10"},
		"a minimum":               {aws.Int(3), nil, 0, 2, "scaled to minimum 3 by alice until 00:40 UTC: deploy; depth 0 (0 visible, 0 in flight); at 10 a worker 0 wanted; the minimum keeps 3"},
		"a minimum over the cap":  {aws.Int(300), aws.Int(5), 0, 1, "the minimum keeps 2"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.send(c.messages)
				r.hold(registry.Control{}, slot("a"))
				require.NoError(r, r.registry.SetBounds(r.Context(), registry.Bounds{Directive: by, Min: c.least, Max: c.most}))
				out := r.ticks(scheduled)
				assert.Len(r, out.Starts, c.starts)
				assert.Contains(r, out.Reason, c.reason)
				stay := 0
				for _, w := range r.snapshot().Workers {
					if w.Stay {
						stay++
					}
				}
				if c.least != nil {
					assert.Equal(r, c.starts+1, stay)
				}
			})
		})
	}
}

func TestALoweredCapSendsHome(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(100)
		r.hold(registry.Control{}, slot("a"), slot("b", since(minute5)), slot("c", since(minute9)))
		require.NoError(r, r.registry.SetBounds(r.Context(), registry.Bounds{Directive: by, Max: aws.Int(3)}))
		assert.Contains(r, r.ticks(scheduled).Reason, "the cap of 3 invocations was lowered: sending 2 home")
		assert.Equal(r, map[string]registry.Orders{"a": registry.CarryOn, "b": registry.Drain, "c": registry.Drain}, r.orders())
	})
}

func TestADrain(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(30)
		r.hold(registry.Control{}, slot("a"), slot("b", since(minute9), stay), slot("c", since(now)))
		require.NoError(r, r.registry.DrainAll(r.Context(), registry.Directive{Who: "alice", Why: "new database", At: minute9}))
		out := r.ticks(scheduled)
		assert.Len(r, out.Starts, 2, "in the place of those that go")
		assert.Contains(r, out.Reason, "drained by alice: new database; depth 30")
		assert.Contains(r, out.Reason, "1 working, 2 going home, 0 silent; starting 2")
		orders := r.orders()
		assert.Equal(r, []registry.Orders{registry.Drain, registry.Drain, registry.CarryOn}, []registry.Orders{orders["a"], orders["b"], orders["c"]})
		assert.Len(r, orders, 5)
		assert.Empty(r, r.ticks(scheduled).Starts, "once")
	})
}

func TestWhatIsStoppedByHandIsNoDeath(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.hold(registry.Control{}, slot("a"), slot("b"))
		r.ticks(event("worker-a-1", "ABORTED", "Muster.Stopped"))
		assert.Zero(r, r.snapshot().Control.Deaths)
		r.ticks(event("worker-b-1", "ABORTED", ""))
		assert.Equal(r, 1, r.snapshot().Control.Deaths)
	})
}
