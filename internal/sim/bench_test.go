package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/scale"
	"github.com/musterq/muster/internal/sim"
)

// BenchmarkSimulate measures simulated messages a second on one core, and how that
// grows with messages, workers and the handler's duration.
func BenchmarkSimulate(b *testing.B) {
	for _, c := range []struct {
		messages, workers int
		handler           string
		rate              int // arrive as they come, not all at once
	}{
		{100_000, 20, "20ms", 0}, {1_000_000, 20, "20ms", 0}, {10_000_000, 20, "20ms", 0}, {100_000_000, 20, "20ms", 0},
		{10_000_000, 200, "20ms", 0}, {10_000_000, 2000, "20ms", 0},
		{10_000_000, 200, "lognormal:100ms,100ms", 0}, {10_000_000, 200, "1s", 0},
		{3_600_000, 20, "20ms", 1000}, {36_000, 20, "20ms", 10},
	} {
		b.Run(fmt.Sprintf("messages=%d/workers=%d/%s/rate=%d", c.messages, c.workers, c.handler, c.rate), func(b *testing.B) {
			handler, err := sim.ParseDistribution(c.handler)
			require.NoError(b, err)
			shape := fmt.Sprintf("burst:messages=%d", c.messages)
			if c.rate > 0 {
				shape = fmt.Sprintf("steady:rate=%d,for=1h", c.rate)
			}
			trace, err := sim.ParseShape(shape, 1)
			require.NoError(b, err)
			m := sim.Muster{
				Policy: scale.Policy{MaxConcurrency: 5 * c.workers, Parallelism: 5, MessagesPerWorker: 100, StepLimit: 300},
				Idle:   time.Minute, Timeout: 30 * time.Second, Start: 3 * time.Second, Poll: 15 * time.Millisecond, Settle: 15 * time.Millisecond,
			}
			for b.Loop() {
				r, err := sim.Run(sim.Config{Trace: trace, Handler: handler}, m)
				require.NoError(b, err)
				require.Equal(b, c.messages, r.Handled+r.Unfinished)
			}
			b.ReportMetric(float64(c.messages)*float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
