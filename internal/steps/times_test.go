package steps_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/steps"
)

func TestTimeouts(t *testing.T) {
	process := func(d time.Duration) handler.Target { return handler.Target{ARN: "arn:process", Timeout: d} }
	transform := func(d time.Duration) handler.Target { return handler.Target{ARN: "arn:transform", Timeout: d} }
	for name, c := range map[string]struct {
		settings fleet.Settings
		want     steps.Timeouts
	}{
		"both stages": {
			fleet.Settings{Target: fleet.Lambda, Process: process(30 * time.Second), Transform: transform(20 * time.Second), Heartbeat: 30 * time.Second},
			steps.Timeouts{Transform: 110, Process: 60, ProcessLarge: 120, Heartbeat: 30, TransformHeartbeat: 20, Silence: 30},
		},
		"no transform": {
			fleet.Settings{Target: fleet.Lambda, Process: process(900 * time.Second), Heartbeat: 5 * time.Minute},
			steps.Timeouts{Transform: 90, Process: 930, ProcessLarge: 990, Heartbeat: 300, TransformHeartbeat: 1, Silence: 300},
		},
		"a task of a day": {
			fleet.Settings{Target: fleet.Lambda, Mode: fleet.Callback, Process: process(24 * time.Hour), Heartbeat: time.Hour},
			steps.Timeouts{Transform: 90, Process: 86430, ProcessLarge: 86490, Heartbeat: 3600, TransformHeartbeat: 1, Silence: 3600},
		},
		"a transform task": {
			fleet.Settings{Target: fleet.Lambda, TransformMode: fleet.Callback, Process: process(30 * time.Second), Transform: transform(time.Hour), Heartbeat: 5 * time.Minute},
			steps.Timeouts{Transform: 3630, Process: 60, ProcessLarge: 120, Heartbeat: 30, TransformHeartbeat: 300, Silence: 300},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := steps.TimeoutsOf(c.settings)
			assert.Equal(t, c.want, got)
			// Step Functions refuses a heartbeat that is not shorter than the time-out.
			assert.Less(t, got.Heartbeat, got.Process)
			assert.Less(t, got.TransformHeartbeat, got.Transform)
		})
	}
}
