package scenario_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/scenario"
)

func TestAQueueIsDrainedAndWorkersGoHome(t *testing.T) {
	for _, lane := range []string{"stream", "steps"} {
		t.Run(lane, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, scenario.Options{Parameters: map[string]string{"Lane": lane}})
				defer f.Close()
				f.SendMany(200)
				f.Wake()
				f.UntilDone(10 * time.Minute)
				f.NothingLost()
				assert.Equal(t, 200, f.Handled())
				assert.LessOrEqual(t, f.Peak(), 4)
			})
		})
	}
}
