package steps_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
)

// TestMessagesThatWaitedForOthers of their batch stay invisible until the next
// handler has ended, which begins after the last event of the one before.
func TestMessagesThatWaitedForOthers(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Transform = r.put("transform", time.Minute, func(_ context.Context, e message.Event) (any, error) {
			time.Sleep(55 * time.Second)
			for i := range e.Records {
				e.Records[i].Body = "small"
			}
			return e, nil
		})
		var records []message.Record
		for i := range 10 {
			records = append(records, record(fmt.Sprintf("m%d", i), strings.Repeat("x", 700_000)))
		}
		b, err := r.deliver(handler.Transform, batchOf(records...))
		require.NoError(r, err)
		require.Equal(r, "process", b.Next)
		assert.Len(r, r.invocations(), 2)
		assert.Len(r, b.Event.Records, 10)
		// The state machine may start the handler for 20 seconds, which takes 30.
		time.Sleep(50 * time.Second)
		assert.Equal(r, 10, r.depth().InFlight)
	})
}
