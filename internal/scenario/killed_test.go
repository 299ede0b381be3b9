package scenario_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/scenario"
)

// TestALongJobThatIsKilledOnce runs a job of 40 minutes for each message, and
// kills one in the middle: its message is back after its backoff, and a second
// job brings it to its end.
func TestALongJobThatIsKilledOnce(t *testing.T) {
	const work = 40 * time.Minute
	for _, target := range []string{"ecs", "batch", "codebuild"} {
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var starts []time.Duration
				f := scenario.Start(t, scenario.Options{
					ProcessTimeout: "60", // of the function, which has no part in this
					Parameters:     map[string]string{"Target": target, "ProcessTimeoutSeconds": "7200", "MaxConcurrency": "1", "BackoffBaseSeconds": "10"},
					Job: func(ctx context.Context, env map[string]string) (int, string) {
						starts = append(starts, time.Since(began))
						killed := make(chan struct{})
						if len(starts) == 1 {
							time.AfterFunc(work/2, func() { close(killed) })
						}
						select {
						case <-time.After(work):
							return 0, ""
						case <-killed:
							return 137, "out of memory"
						case <-ctx.Done():
							return 1, "stopped"
						}
					},
				})
				defer f.Close()
				f.Send("encode me")
				f.Wake()
				f.UntilDone(3 * time.Hour)
				f.NothingLost()
				assert.Equal(t, 1, f.Handled())
				assert.Len(t, starts, 2)
				assert.Less(t, starts[1]-starts[0]-work/2, 10*time.Second+time.Minute, "it came back late")
				assert.Equal(t, 1, f.Peak(), "two jobs worked at once")
			})
		})
	}
}
