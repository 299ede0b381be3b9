package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
)

func TestTicks(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		none, err := r.Ticks(r.Context(), 10)
		require.NoError(r, err)
		assert.Empty(r, none)

		for i, reason := range []string{"first", "second", "third"} {
			require.NoError(r, r.RecordTick(r.Context(), fmt.Sprintf("tick-%d", i), minute1.Time().Add(time.Duration(i)*time.Minute), registry.Tick{
				Visible: 1, InFlight: 2, Workers: 3, Wanted: 4, Started: 5, Drained: 6, Freed: 7, Reason: reason,
			}))
		}
		ticks, err := r.Ticks(r.Context(), 2)
		require.NoError(r, err)
		tick := func(at registry.Instant, id, reason string) registry.Tick {
			return registry.Tick{
				Fleet: "jobs#ticks", Item: string(at) + "#" + id, At: at,
				Visible: 1, InFlight: 2, Workers: 3, Wanted: 4, Started: 5, Drained: 6, Freed: 7, Reason: reason,
				ExpiresAt: at.Time().Add(14 * 24 * time.Hour),
			}
		}
		assert.Equal(r, []registry.Tick{
			tick("2000-01-01T00:03:00.000Z", "tick-2", "third"),
			tick(minute2, "tick-1", "second"),
		}, ticks, "the newest first")
	})
}

func TestATickIsRecordedForTTL(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "PutItem", Kind: api.LoseReply, Times: 1})
		require.NoError(r, r.RecordTick(r.Context(), "arn:tick", minute1.Time(), registry.Tick{Reason: "why"}))
		assert.Equal(r, []map[string]types.AttributeValue{{
			"Fleet": text("jobs#ticks"), "Item": text("2000-01-01T00:01:00.000Z#arn:tick"), "At": text("2000-01-01T00:01:00.000Z"),
			"Visible": number("0"), "InFlight": number("0"), "Workers": number("0"), "Wanted": number("0"),
			"Started": number("0"), "Drained": number("0"), "Freed": number("0"), "Reason": text("why"),
			"ExpiresAt": number("947894460"),
		}}, r.items("jobs#ticks"))
		assert.Empty(r, r.items("jobs"), "records are kept apart from slots")
	})
}

func TestRecordFailures(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		require.NoError(r, r.RecordFailures(r.Context(), minute1.Time(), []registry.Failure{
			{MessageID: "m-1", Receives: 3, Worker: "worker-a-3", Stage: "process", Reason: "the database is down"},
		}))
		assert.Equal(r, []map[string]types.AttributeValue{{
			"Fleet": text("jobs#failures#2"), "Item": text("2000-01-01T00:01:00.000Z#m-1"), "At": text("2000-01-01T00:01:00.000Z"),
			"MessageID": text("m-1"), "Receives": number("3"), "Worker": text("worker-a-3"), "Stage": text("process"),
			"Reason": text("the database is down"), "ExpiresAt": number("947894460"),
		}}, r.failures())
	})
}

// failures are the items of all shards, by message.
func (r *rig) failures() []map[string]types.AttributeValue {
	r.Helper()
	var all []map[string]types.AttributeValue
	for shard := range 8 {
		all = append(all, r.items(fmt.Sprintf("jobs#failures#%d", shard))...)
	}
	return all
}

func TestAFailureStormSpreads(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		var failures []registry.Failure
		for i := range 60 {
			failures = append(failures, registry.Failure{MessageID: fmt.Sprintf("m-%d", i)})
		}
		// Three requests of at most 25 items, one of them repeated.
		hits, _ := r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "BatchWriteItem", Kind: api.LoseReply, Times: 1})
		var requests int
		stop := r.runtime.Router.Observe(func(e api.Event) {
			if e.Operation == "BatchWriteItem" {
				requests++
			}
		})
		require.NoError(r, r.RecordFailures(r.Context(), minute1.Time(), failures))
		stop()
		assert.Equal(r, 1, hits())
		assert.Equal(r, 4, requests)
		assert.Len(r, r.failures(), 60)
		for shard := range 8 {
			assert.NotEmpty(r, r.items(fmt.Sprintf("jobs#failures#%d", shard)), shard)
		}
	})
}

func TestNoFailuresAreNoCall(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Kind: api.Fail})
		require.NoError(r, r.RecordFailures(r.Context(), minute1.Time(), nil))
	})
}

func TestALongReasonIsCut(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		// Over the 400 KB that an item may have.
		require.NoError(r, r.RecordFailures(r.Context(), minute1.Time(), []registry.Failure{{MessageID: "m-1", Reason: strings.Repeat("é", 300_000)}}))
		assert.Equal(r, text(strings.Repeat("é", 500)+"..."), r.failures()[0]["Reason"])
	})
}

func TestShorten(t *testing.T) {
	for name, c := range map[string]struct{ reason, want string }{
		"short":                 {"x", "x"},
		"as long as may be":     {strings.Repeat("x", 1000), strings.Repeat("x", 1000)},
		"too long":              {strings.Repeat("x", 1001), strings.Repeat("x", 1000) + "..."},
		"no rune is cut in two": {strings.Repeat("x", 999) + "é", strings.Repeat("x", 999) + "..."},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, c.want, registry.Shorten(c.reason)) })
	}
}

func TestRecordsThatCannotBeKeptSayWhy(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no")})
		var said []string
		_, err := r.Ticks(r.Context(), 1)
		for _, err := range []error{
			err,
			r.RecordTick(r.Context(), "t", minute1.Time(), registry.Tick{}),
			r.RecordFailures(r.Context(), minute1.Time(), make([]registry.Failure, 2)),
		} {
			require.Error(r, err)
			said = append(said, strings.SplitN(err.Error(), ":", 2)[0])
			assert.Error(r, errors.Unwrap(err))
		}
		assert.True(r, slices.Equal(said, []string{"read the ticks", "record the tick", "record 2 failures"}), said)
	})
}
