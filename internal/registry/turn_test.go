package registry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
)

func TestTakeTurn(t *testing.T) {
	inBubble(t, local.Options{}, func(r *rig) {
		const gap = 5 * time.Second
		ticks := 0
		takes := func(tick int) (time.Duration, bool) {
			r.Helper()
			at, mine, err := r.TakeTurn(r.Context(), fmt.Sprint("tick ", tick), time.Now(), gap)
			require.NoError(r, err)
			return time.Until(at), mine
		}
		take := func() (time.Duration, bool) {
			r.Helper()
			ticks++
			return takes(ticks)
		}
		turn := func(wait time.Duration, mine bool) {
			r.Helper()
			in, own := take()
			assert.Equal(r, wait, in)
			assert.Equal(r, mine, own)
		}
		turn(0, true)
		time.Sleep(time.Second)
		turn(4*time.Second, true)
		turn(4*time.Second, false)
		time.Sleep(2 * time.Second)
		turn(2*time.Second, false)
		time.Sleep(3 * time.Second)
		turn(4*time.Second, true)
		time.Sleep(10 * time.Second)
		turn(0, true)

		// A tick that died with its turn is tried again, and still has it: no other
		// would come.
		time.Sleep(10 * time.Second)
		_, mine := take()
		require.True(r, mine)
		time.Sleep(time.Second)
		_, mine = takes(ticks)
		assert.True(r, mine, "the first of a storm")
		turn(4*time.Second, true)
		var in time.Duration
		in, mine = takes(ticks)
		assert.True(r, mine, "the one that waits")
		assert.Equal(r, 4*time.Second, in)
		turn(4*time.Second, false)

		// One's own write is known though its reply was lost.
		time.Sleep(10 * time.Second)
		r.runtime.Router.Faults.Add(api.Fault{Operation: "UpdateItem", Kind: api.LoseReply, Times: 1})
		_, mine = take()
		assert.True(r, mine)
		_, mine = take()
		assert.True(r, mine, "the one that waits")
		_, mine = take()
		assert.False(r, mine)
	})
}
