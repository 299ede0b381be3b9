package duplicate_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/duplicate"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/registry/registrytest"
)

// inBubble runs a test with a guard whose window is an hour and whose key is the
// body's id.
func inBubble(t *testing.T, test func(t *testing.T, g *duplicate.Guard, faults *api.Faults)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		registrytest.CreateTable(t, runtime.Config(), "muster")
		g, err := duplicate.Open(registry.New(runtime.Config(), "muster", "jobs"), "$.id", time.Hour)
		require.NoError(t, err)
		test(t, g, runtime.Router.Faults)
	})
}

// order is a message of that ID about an order.
func order(messageID string, id int) message.Record {
	return message.Record{MessageID: messageID, Body: fmt.Sprintf(`{"id":%d}`, id)}
}

func TestBatch(t *testing.T) {
	inBubble(t, func(t *testing.T, g *duplicate.Guard, _ *api.Faults) {
		ctx, until := t.Context(), time.Now().Add(time.Minute)
		batch := []message.Record{order("a", 1), order("b", 2), order("c", 1), order("d", 3)}
		first, err := g.Begin(ctx, batch, registry.Task{}, until)
		require.NoError(t, err)
		assert.Equal(t, []message.Record{batch[0], batch[1], batch[3]}, first.Start)
		assert.Equal(t, []message.Record{batch[2]}, first.Same)
		assert.Equal(t, map[string]string{"c": "a"}, first.Leaders)
		assert.Len(t, first.Attempts, 3)

		elsewhere, err := g.Begin(ctx, batch, registry.Task{}, until)
		require.NoError(t, err)
		assert.Equal(t, batch, elsewhere.Doing)
		assert.Equal(t, map[string]time.Time{"a": until, "b": until, "c": until, "d": until}, elsewhere.Until)
		assert.Empty(t, elsewhere.Attempts)

		require.NoError(t, g.Done(ctx, []registry.Attempt{first.Attempts["a"], first.Attempts["b"]}))
		require.NoError(t, g.Release(ctx, []registry.Attempt{first.Attempts["d"]}, time.Time{}))
		second, err := g.Begin(ctx, batch, registry.Task{}, until)
		require.NoError(t, err)
		assert.Equal(t, batch[:3], second.Done)
		assert.Equal(t, batch[3:], second.Start)
		assert.Empty(t, second.Doing)
		assert.Empty(t, second.Same)
	})
}

func TestNothingIsBegunOnAnError(t *testing.T) {
	inBubble(t, func(t *testing.T, g *duplicate.Guard, faults *api.Faults) {
		ctx, until := t.Context(), time.Now().Add(time.Minute)
		batch := []message.Record{order("a", 1), order("b", 2), order("c", 3)}
		faults.Add(api.Fault{Service: "dynamodb", Operation: "PutItem", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no"), Times: 1})
		_, err := g.Begin(ctx, batch, registry.Task{}, until)
		require.ErrorContains(t, err, "begin a message: ")
		again, err := g.Begin(ctx, batch, registry.Task{}, until)
		require.NoError(t, err)
		assert.Equal(t, batch, again.Start)
	})
}

func TestWithoutAWindowAllBegin(t *testing.T) {
	_, err := duplicate.Open(nil, "id", time.Hour)
	require.ErrorContains(t, err, "DuplicateKey")
	g, err := duplicate.Open(nil, "id", 0)
	require.NoError(t, err)
	batch := []message.Record{order("a", 1), order("b", 1)}
	begun, err := g.Begin(t.Context(), batch, registry.Task{}, time.Now())
	require.NoError(t, err)
	assert.Equal(t, batch, begun.Start)
	assert.Empty(t, begun.Attempts)
}
