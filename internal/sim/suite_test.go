package sim_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/sim"
)

// docs/scaling.md shows what the suite tells, for the traces that take no time.
func TestTheScalingDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/scaling.md")
	require.NoError(t, err)
	for _, name := range []string{"burst-cron", "burst-double", "burst-huge", "burst-small", "ramp"} {
		f, err := os.Open("testdata/traces/" + name + ".csv")
		require.NoError(t, err)
		defer f.Close()
		trace, err := sim.ReadTrace(f)
		require.NoError(t, err)
		p, err := sim.SuitePromise(trace, 5*time.Minute)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, p.Share(), 0.98, name)
		assert.Contains(t, string(text), fmt.Sprintf("\n| %s | %d | %d | %d |", name, p.Intervals, p.Allowed, p.Kept), "make scaling writes it anew")
	}
}
