package registry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

// held is the hold of message m for batch 5 of worker a, with changes.
func held(changes ...func(*registry.Hold)) registry.Hold {
	h := registry.Hold{
		Fleet: "jobs#held", Item: "m", Worker: "a", Execution: "worker-a-3", Seq: 5, Request: "request-5",
		ReceiptHandle: "handle", Received: milliseconds(minute1), Receives: 2, Object: "held/jobs/m",
	}
	for _, change := range changes {
		change(&h)
	}
	return h
}

func kept(h *registry.Hold) { h.Kept = true }
func another(h *registry.Hold) {
	h.Worker, h.Execution, h.Seq, h.Request = "b", "worker-b-1", 1, "request-1"
}
func small(h *registry.Hold)   { h.Object = "" }
func renewed(h *registry.Hold) { h.ReceiptHandle, h.Received = "newer", milliseconds(minute9) }

func due(h *registry.Hold) { h.Due = milliseconds(minute9) }

func claimed(by string) func(*registry.Hold) {
	return func(h *registry.Hold) { h.Claim, h.ClaimedAt = by, milliseconds(minute9) }
}

// holds are all holds.
func (r *rig) holds() []registry.Hold {
	r.Helper()
	all, err := r.Holds(r.Context())
	require.NoError(r, err)
	return all
}

// place puts a hold into the registry, whatever is there.
func (r *rig) place(h registry.Hold) {
	r.Helper()
	_, err := r.TakeHold(r.Context(), h, registry.Hold{})
	require.NoError(r, err)
}

// What is kept is counted: it is nowhere else.
func TestKept(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		count := func(want int) {
			r.Helper()
			n, err := r.Kept(r.Context())
			require.NoError(r, err)
			assert.Equal(r, want, n)
		}
		count(0)
		r.place(held())
		count(0)
		h, err := r.KeepHold(r.Context(), held())
		require.NoError(r, err)
		count(1)
		require.NoError(r, r.EndHold(r.Context(), h))
		count(0)
	})
}

// TestHoldWrites runs each conditional write of a hold, and those that happen
// once more with their reply lost.
func TestHoldWrites(t *testing.T) {
	take := func(over registry.Hold) func(r *rig) error {
		return func(r *rig) error {
			got, err := r.TakeHold(r.Context(), held(), over)
			if err == nil {
				assert.Equal(r, held(), got)
			}
			return err
		}
	}
	renew := func(r *rig) error {
		_, err := r.RenewHold(r.Context(), held(), "newer", minute9.Time())
		return err
	}
	keep := func(r *rig) error {
		_, err := r.KeepHold(r.Context(), held())
		return err
	}
	claim := func(read registry.Hold) func(r *rig) error {
		return func(r *rig) error {
			_, err := r.ClaimHold(r.Context(), read, "tick", minute9.Time())
			return err
		}
	}
	postpone := func(r *rig) error {
		_, err := r.PostponeHold(r.Context(), held(kept), minute9.Time())
		return err
	}
	end := func(read registry.Hold) func(r *rig) error {
		return func(r *rig) error { return r.EndHold(r.Context(), read) }
	}
	none := registry.Hold{}
	for name, c := range map[string]struct {
		// before and after are the hold. Zero is none.
		before, after registry.Hold
		do            func(r *rig) error
		operation     string
		moved         bool
	}{
		"take a free one":                   {do: take(none), after: held(), operation: "PutItem"},
		"take it once more":                 {before: held(), do: take(none), after: held(), operation: "PutItem"},
		"take another's":                    {before: held(another), do: take(none), after: held(another), moved: true},
		"take over":                         {before: held(another), do: take(held(another)), after: held(), operation: "PutItem"},
		"take over what moved":              {before: held(another, renewed), do: take(held(another)), after: held(another, renewed), moved: true},
		"take over what went":               {do: take(held(another)), moved: true},
		"take over what is kept":            {before: held(another, kept), do: take(held(another, kept)), after: held(another, kept), moved: true},
		"renew":                             {before: held(), do: renew, after: held(renewed), operation: "UpdateItem"},
		"renew what is kept by now":         {before: held(kept), do: renew, after: held(kept), moved: true},
		"renew another's":                   {before: held(another), do: renew, after: held(another), moved: true},
		"renew what went":                   {do: renew, moved: true},
		"keep":                              {before: held(), do: keep, after: held(kept), operation: "UpdateItem"},
		"keep what was received again":      {before: held(renewed), do: keep, after: held(renewed), moved: true},
		"keep what has no object":           {before: held(small), do: keep, after: held(small), moved: true},
		"keep another's":                    {before: held(another), do: keep, after: held(another), moved: true},
		"keep what went":                    {do: keep, moved: true},
		"keep what is being sent again":     {before: held(kept, claimed("other")), do: keep, after: held(kept, claimed("other")), moved: true},
		"claim":                             {before: held(kept), do: claim(held(kept)), after: held(kept, claimed("tick")), operation: "UpdateItem"},
		"claim what is in the queue":        {before: held(), do: claim(held()), after: held(), moved: true},
		"claim what another claimed":        {before: held(kept, claimed("other")), do: claim(held(kept)), after: held(kept, claimed("other")), moved: true},
		"claim from one that is long about": {before: held(kept, claimed("other")), do: claim(held(kept, claimed("other"))), after: held(kept, claimed("tick")), operation: "UpdateItem"},
		"claim what went":                   {do: claim(held(kept)), moved: true},
		"postpone":                          {before: held(kept), do: postpone, after: held(kept, due), operation: "UpdateItem"},
		"postpone once more":                {before: held(kept, func(h *registry.Hold) { h.Due = 1 }), do: postpone, after: held(kept, due), operation: "UpdateItem"},
		"postpone what is being sent again": {before: held(kept, claimed("tick")), do: postpone, after: held(kept, claimed("tick")), moved: true},
		"postpone what went":                {do: postpone, moved: true},
		"end":                               {before: held(), do: end(held()), operation: "DeleteItem"},
		"end what went":                     {do: end(held())},
		"end another's":                     {before: held(another), do: end(held()), after: held(another)},
		"end what is kept by now":           {before: held(kept), do: end(held()), after: held(kept), moved: true},
		"end what was sent again":           {before: held(kept, claimed("tick")), do: end(held(kept, claimed("tick"))), operation: "DeleteItem"},
	} {
		run := func(name string, faults ...api.Fault) {
			t.Run(name, func(t *testing.T) {
				inBubble(t, local.Options{}, func(r *rig) {
					var want []registry.Hold
					if c.before.Item != "" {
						r.place(c.before)
					}
					if c.after.Item != "" {
						want = []registry.Hold{c.after}
					}
					for _, f := range faults {
						hits, _ := r.runtime.Router.Faults.Add(f)
						defer func() { assert.Equal(r, 1, hits()) }()
					}
					if err := c.do(r); c.moved {
						assert.Equal(r, registry.ErrMoved, err)
					} else {
						assert.NoError(r, err)
					}
					assert.Equal(r, want, r.holds())
				})
			})
		}
		run(name)
		if c.operation != "" {
			run(name+", its reply lost", api.Fault{Service: "dynamodb", Operation: c.operation, Kind: api.LoseReply, Times: 1})
		}
	}
}

func TestAHoldStandsWhileItsWorkerSaysSo(t *testing.T) {
	w := slot(batch(5, 4), polled)
	assert.True(t, held().Stands(w))
	for name, other := range map[string]registry.Worker{
		"settled":            slot(batch(5, 5), polled),
		"polled again":       slot(batch(6, 5), polled),
		"tried to poll anew": slot(batch(5, 4), func(w *registry.Worker) { w.Poll = "request-6" }),
		"handed over":        slot(batch(5, 4), polled, heldBy("worker-a-4")),
		"gone":               {},
		"another":            slot(batch(5, 4), polled, func(w *registry.Worker) { w.Item = "worker#b" }),
	} {
		t.Run(name, func(t *testing.T) { assert.False(t, held().Stands(other)) })
	}
}

func TestHoldsAreRead(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		assert.Empty(r, r.holds())
		_, found, err := r.ReadHold(r.Context(), "m")
		require.NoError(r, err)
		assert.False(r, found)
		r.place(held(kept, claimed("tick")))
		h, found, err := r.ReadHold(r.Context(), "m")
		require.NoError(r, err)
		assert.True(r, found)
		assert.Equal(r, held(kept, claimed("tick")), h)
		assert.Equal(r, "m", h.MessageID())
		assert.Equal(r, minute9.Time().Local(), h.Claimed())
		assert.Equal(r, minute1.Time().Local(), h.ReceivedAt())
		assert.Equal(r, time.Time{}, held().Claimed())
		assert.Equal(r, minute9.Time().Local(), held(due).DueAt())
		assert.Empty(r, r.items("jobs"), "holds are kept apart from slots")

		r.hold(slot())
		w, found, err := r.Worker(r.Context(), "a")
		require.NoError(r, err)
		assert.True(r, found)
		assert.Equal(r, slot(), w)
		_, found, err = r.Worker(r.Context(), "b")
		require.NoError(r, err)
		assert.False(r, found)
	})
}

func TestHoldsSayWhatFailed(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "not yours")})
		_, err := r.TakeHold(r.Context(), held(), registry.Hold{})
		assert.ErrorContains(r, err, "take message m: ")
		_, _, err = r.ReadHold(r.Context(), "m")
		assert.ErrorContains(r, err, "read who holds message m: ")
		_, err = r.Holds(r.Context())
		assert.ErrorContains(r, err, "read the messages that are held: ")
		_, err = r.KeepHold(r.Context(), held())
		assert.ErrorContains(r, err, "change the hold of message m: ")
		assert.ErrorContains(r, r.EndHold(r.Context(), held()), "end the hold of message m: ")
		_, _, err = r.Worker(r.Context(), "a")
		assert.ErrorContains(r, err, "read worker a: ")
	})
}
