package registry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
	"github.com/musterq/muster/internal/registry"
)

func TestMarkEnded(t *testing.T) {
	// read is the slot as the tick read it.
	read := slot(busyUntil(minute2))
	mark := func(r *rig) (registry.Worker, error) {
		return r.MarkEnded(r.Context(), read, milliseconds(minute9))
	}
	markAsItIs := func(r *rig) (registry.Worker, error) {
		return r.MarkEnded(r.Context(), read, read.BusyUntil)
	}
	cases(t, map[string]write{
		"busy for longer":        {before: read, do: mark, after: slot(ended, drained, busyUntil(minute9)), lost: registry.ErrMoved},
		"busy as it said":        {before: read, do: markAsItIs, after: slot(ended, drained, busyUntil(minute2))},
		"it reported meanwhile":  {before: slot(busyUntil(minute2), reportedAt(minute1)), do: mark, err: registry.ErrMoved},
		"it started a handler":   {before: slot(busyUntil(minute9)), do: mark, err: registry.ErrMoved},
		"it passed its slot on":  {before: slot(busyUntil(minute2), heldBy("worker-a-4")), do: mark, err: registry.ErrMoved},
		"its successor reserved": {before: slot(busyUntil(minute2), reserved), do: mark, err: registry.ErrMoved},
		"it went home":           {do: mark, err: registry.ErrMoved},
	})
}

func TestOrder(t *testing.T) {
	order := func(orders registry.Orders, changes ...func(*registry.Worker)) func(r *rig) (registry.Worker, error) {
		return func(r *rig) (registry.Worker, error) { return r.Order(r.Context(), slot(changes...), orders) }
	}
	successor := func(w *registry.Worker) { w.Input, w.Revision = `{"n":2}`, "r2" }
	handOver := func(w *registry.Worker) { w.Orders = registry.HandOver }
	// A worker that reports meanwhile gets its orders all the same.
	busy := slot(reportedAt(minute1), busyUntil(minute9))
	cases(t, map[string]write{
		"to drain":                  {before: busy, do: order(registry.Drain), after: slot(drained, reportedAt(minute1), busyUntil(minute9))},
		"to hand over":              {before: busy, do: order(registry.HandOver, successor), after: slot(handOver, successor, reportedAt(minute1), busyUntil(minute9))},
		"to what is yet to start":   {before: slot(reserved), do: order(registry.Drain, reserved), after: slot(reserved, drained)},
		"to one who passed it on":   {before: slot(heldBy("worker-a-4")), do: order(registry.Drain), err: registry.ErrMoved},
		"to one who began meantime": {before: slot(), do: order(registry.Drain, reserved), err: registry.ErrMoved},
		"to one who went home":      {do: order(registry.Drain), err: registry.ErrMoved},
	})
}

func TestSetStay(t *testing.T) {
	stays := func(w *registry.Worker) { w.Stay = true }
	set := func(stay bool) func(r *rig) (registry.Worker, error) {
		return func(r *rig) (registry.Worker, error) { return r.SetStay(r.Context(), slot(), stay) }
	}
	cases(t, map[string]write{
		"stay":             {before: slot(heldBy("worker-a-4")), do: set(true), after: slot(heldBy("worker-a-4"), stays)},
		"do not":           {before: slot(stays), do: set(false), after: slot()},
		"after it is gone": {do: set(true), err: registry.ErrMoved},
	})
}

func TestUpdatesThatCannotBeMadeSayWhy(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.hold(slot())
		r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "UpdateItem", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no writing")})
		_, err := r.MarkEnded(r.Context(), slot(), 0)
		assert.ErrorContains(r, err, "mark worker a as ended: ")
		_, err = r.Order(r.Context(), slot(), registry.Drain)
		assert.ErrorContains(r, err, "leave orders for worker a: ")
		_, err = r.SetStay(r.Context(), slot(), true)
		assert.ErrorContains(r, err, "tell worker a whether to stay: ")
		assert.ErrorContains(r, err, "no writing")
	})
}

func TestNewWorker(t *testing.T) {
	w := registry.NewWorker(minute1.Time())
	require.Regexp(t, `^worker#[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, w.Item)
	assert.Equal(t, registry.Worker{
		Item: w.Item, State: registry.Reserved, Holder: "worker-" + w.ID() + "-1", Generation: 1,
		Orders: registry.CarryOn, ReservedAt: minute1, ReportedAt: minute1,
	}, w)
	assert.NotEqual(t, w.Item, registry.NewWorker(minute1.Time()).Item)
}

// other is a slot beside worker#a.
func other(id string) registry.Worker {
	return slot(func(w *registry.Worker) { w.Item, w.Holder = "worker#"+id, "worker-"+id+"-1" })
}

func TestCommit(t *testing.T) {
	read := slot(busyUntil(minute1))
	version1 := registry.Control{Fleet: "jobs", Item: "control", Version: 1}
	for name, c := range map[string]struct {
		// now is the slot as it is when the change arrives. Zero: it is gone.
		now registry.Worker
		// meanwhile happens between the tick's read and its write.
		meanwhile func(r *rig)
		moved     bool
	}{
		"as it was read":        {now: read},
		"its state moved":       {now: slot(busyUntil(minute1), reserved), moved: true},
		"it reported":           {now: slot(busyUntil(minute1), reportedAt(minute1)), moved: true},
		"its holder moved":      {now: slot(busyUntil(minute1), heldBy("worker-a-4")), moved: true},
		"it started a handler":  {now: slot(busyUntil(minute2)), moved: true},
		"it went home":          {moved: true},
		"orders do not matter":  {now: slot(busyUntil(minute1), drained)},
		"control moved":         {now: read, meanwhile: func(r *rig) { r.hold(other("x")) }, moved: true},
		"the new slot is taken": {now: read, meanwhile: func(r *rig) { r.put(other("b")) }, moved: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, local.Options{}, func(r *rig) {
				first := other("z")
				if c.now.Item != "" {
					first = c.now
				}
				r.hold(first)
				s, err := r.Snapshot(r.Context())
				require.NoError(r, err)
				require.Equal(r, version1, s.Control)
				if c.meanwhile != nil {
					c.meanwhile(r)
				}
				before, err := r.Snapshot(r.Context())
				require.NoError(r, err)

				control := s.Control
				control.Deaths, control.DiedAt, control.Died, control.SurplusSince = 2, minute1, "worker-q-1", minute2
				err = r.Commit(r.Context(), s.Control, registry.Change{Control: control, Free: []registry.Worker{read}, Reserve: []registry.Worker{other("b")}})
				after, readErr := r.Snapshot(r.Context())
				require.NoError(r, readErr)
				if c.moved {
					assert.Equal(r, registry.ErrMoved, err)
					assert.Equal(r, before, after, "nothing of it happened")
					return
				}
				require.NoError(r, err)
				assert.Equal(r, registry.Snapshot{
					Control: registry.Control{
						Fleet: "jobs", Item: "control", Version: 2,
						Deaths: 2, DiedAt: minute1, Died: "worker-q-1", SurplusSince: minute2,
					},
					Workers: []registry.Worker{other("b")},
				}, after)
			})
		})
	}
}

func TestTheFirstCommitsAtOnce(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		nothing, err := r.Snapshot(r.Context())
		require.NoError(r, err)
		assert.Equal(r, registry.Snapshot{}, nothing)
		require.NoError(r, r.Commit(r.Context(), nothing.Control, registry.Change{Reserve: []registry.Worker{other("b")}}))
		assert.Equal(r, registry.ErrMoved, r.Commit(r.Context(), nothing.Control, registry.Change{Reserve: []registry.Worker{other("c")}}))
		assert.Equal(r, []registry.Worker{other("b")}, r.workers())
	})
}

// many are slots worker#<prefix>000 and up.
func many(prefix string, n int) []registry.Worker {
	var all []registry.Worker
	for i := range n {
		all = append(all, other(fmt.Sprintf("%s%03d", prefix, i)))
	}
	return all
}

func TestALargeCommitGoesInChunks(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.hold(many("old", 150)...)
		s, err := r.Snapshot(r.Context())
		require.NoError(r, err)
		require.Equal(r, int64(2), s.Control.Version)
		taken := 150
		var sizes, after []int
		stop := r.runtime.Router.Observe(func(e api.Event) {
			in, ok := e.Input.(*dynamodb.TransactWriteItemsInput)
			if !ok {
				return
			}
			for _, action := range in.TransactItems {
				if action.Delete != nil {
					taken--
				} else {
					taken++
				}
			}
			taken-- // The control item is no slot.
			sizes, after = append(sizes, len(in.TransactItems)), append(after, taken)
		})
		defer stop()
		require.NoError(r, r.Commit(r.Context(), s.Control, registry.Change{Control: s.Control, Free: s.Workers, Reserve: many("new", 150)}))
		assert.Equal(r, []int{100, 100, 100, 4}, sizes)
		assert.Equal(r, []int{51, 48, 147, 150}, after, "slots are freed before others are taken")
		s, err = r.Snapshot(r.Context())
		require.NoError(r, err)
		assert.Equal(r, int64(6), s.Control.Version)
		assert.Equal(r, many("new", 150), s.Workers)
	})
}

func TestALargeCommitThatMovesHalfway(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		s, err := r.Snapshot(r.Context())
		require.NoError(r, err)
		r.put(many("new", 101)[100])
		err = r.Commit(r.Context(), s.Control, registry.Change{Reserve: many("new", 120)})
		assert.Equal(r, registry.ErrMoved, err)
		assert.Equal(r, append(many("new", 99), many("new", 101)[100]), r.workers(), "the first chunk stays")
	})
}

func TestCommitIsRepeatedUnderFaults(t *testing.T) {
	for name, fault := range map[string]api.Fault{
		"its reply is lost": {Kind: api.LoseReply, Times: 2},
		"it arrives twice":  {Kind: api.Twice, Times: 1},
		"it fails at first": {Kind: api.Fail, Times: 2},
		"another's is under way": {Kind: api.Fail, Times: 2, Error: &api.Error{
			Code: "TransactionCanceledException", Message: "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict, None]",
			Fields: map[string]any{"CancellationReasons": []map[string]string{{"Code": "TransactionConflict"}, {"Code": "None"}}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, local.Options{}, func(r *rig) {
				fault.Service, fault.Operation = "dynamodb", "TransactWriteItems"
				hits, _ := r.runtime.Router.Faults.Add(fault)
				r.hold(other("b"))
				assert.Equal(r, fault.Times, hits())
				s, err := r.Snapshot(r.Context())
				require.NoError(r, err)
				assert.Equal(r, registry.Snapshot{
					Control: registry.Control{Fleet: "jobs", Item: "control", Version: 1},
					Workers: []registry.Worker{other("b")},
				}, s)
			})
		})
	}
}

func TestACommitThatCannotBeMadeSaysWhy(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "TransactWriteItems", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no writing")})
		err := r.Commit(r.Context(), registry.Control{}, registry.Change{Reserve: many("new", 3)})
		assert.ErrorContains(r, err, "change 3 slots of the registry: ")
		assert.ErrorContains(r, err, "no writing")
		assert.NotErrorIs(r, err, registry.ErrMoved)
	})
}

func TestSnapshotIsConsistentAndWhole(t *testing.T) {
	inBubble(t, local.Options{DynamoDB: dynamodb.Options{StaleReads: time.Minute}}, func(r *rig) {
		// 1.5 MB: more than one page of a query.
		all := many("w", 150)
		for i := range all {
			all[i].Input = strings.Repeat("x", 10_000)
		}
		r.hold(all...)
		var reads []string
		stop := r.runtime.Router.Observe(func(e api.Event) { reads = append(reads, e.Operation) })
		defer stop()
		s, err := r.Snapshot(r.Context())
		require.NoError(r, err)
		assert.Equal(r, []string{"GetItem", "Query", "Query"}, reads, "control first")
		assert.Equal(r, int64(2), s.Control.Version)
		assert.Equal(r, all, s.Workers)
	})
}

func TestSnapshotThatCannotBeReadSaysWhy(t *testing.T) {
	for operation, want := range map[string]string{
		"GetItem": "read the registry's control item: ", "Query": "read the registry's workers: ",
	} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, local.Options{}, func(r *rig) {
				r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: operation, Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no reading")})
				_, err := r.Snapshot(r.Context())
				assert.ErrorContains(r, err, want)
				assert.ErrorContains(r, err, "no reading")
			})
		})
	}
}

func TestWorker(t *testing.T) {
	now := minute9.Time()
	for name, c := range map[string]struct {
		worker     registry.Worker
		live, busy bool
	}{
		"reported at the window's edge": {slot(reportedAt("2000-01-01T00:04:00.000Z")), true, false},
		"silent":                        {slot(reportedAt("2000-01-01T00:03:59.999Z")), false, false},
		"silent, busy by its own word":  {slot(busyUntil("2000-01-01T00:09:00.001Z")), true, true},
		"silent, busy until now":        {slot(busyUntil(minute9)), false, false},
		"ended":                         {slot(ended, reportedAt(minute9)), false, false},
		"ended, its handlers run":       {slot(ended, busyUntil("2000-01-01T00:10:00.000Z")), false, true},
		"never reported":                {slot(reportedAt("")), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.live, c.worker.Live(now, 5*time.Minute))
			assert.Equal(t, c.busy, c.worker.Busy(now))
			assert.Equal(t, "a", c.worker.ID())
		})
	}
}

func TestInstant(t *testing.T) {
	paris := time.FixedZone("Paris", 3600)
	at := registry.At(time.Date(2024, 2, 29, 0, 30, 0, 7_900_000, paris))
	assert.Equal(t, registry.Instant("2024-02-28T23:30:00.007Z"), at)
	assert.Equal(t, time.Date(2024, 2, 28, 23, 30, 0, 7_000_000, time.UTC), at.Time())
	assert.Equal(t, time.Date(2024, 2, 28, 23, 30, 0, 0, time.UTC), registry.Instant("2024-02-28T23:30:00Z").Time())
	assert.True(t, registry.Instant("yesterday").Time().IsZero())
	assert.True(t, registry.Instant("").Time().IsZero())
}
