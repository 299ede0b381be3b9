package autoscaler_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/autoscaler"
)

// What an answer does not hold the same tick starts when it looks again, never
// more than StepLimit in all.
func TestATickLooksAgain(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.config.Policy.MaxConcurrency, r.config.Policy.StepLimit, r.config.Policy.MessagesPerWorker = 4000, 700, 1
		r.send(1000)
		look := func(begun int) autoscaler.Output {
			a, err := autoscaler.New(r.runtime.Config(), r.config)
			require.NoError(r, err)
			out, err := a.Tick(r.Context(), autoscaler.Input{Tick: "arn:tick", Since: now, Begun: begun, Trigger: []byte(scheduled)})
			require.NoError(r, err)
			return out
		}
		out := look(0)
		assert.Len(r, out.Starts, 300)
		assert.Equal(r, 300, out.Begun)
		assert.True(r, out.More)
		assert.Contains(r, out.Reason, "starting 300 of 700, then more")
		time.Sleep(3 * time.Second)
		out = look(out.Begun)
		assert.Equal(r, 600, out.Begun)
		assert.True(r, out.More)
		time.Sleep(3 * time.Second)
		out = look(out.Begun)
		assert.Len(r, out.Starts, 100)
		assert.Equal(r, 700, out.Begun)
		assert.False(r, out.More)
		assert.Contains(r, out.Reason, "starting 100 of 400: the step limit binds")
		out = look(out.Begun)
		assert.Empty(r, out.Starts)

		time.Sleep(20 * time.Second)
		out = look(0)
		assert.Len(r, out.Starts, 300, "another tick")
		time.Sleep(time.Minute)
		r.config.Policy.MaxConcurrency, r.config.Policy.MessagesPerWorker = 40000, 1
		r.send(1000)
		out = look(0)
		assert.NotEmpty(r, out.Starts)
		assert.False(r, out.More, "an Express execution has five minutes")
	})
}
