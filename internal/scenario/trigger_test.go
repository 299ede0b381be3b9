package scenario_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/scenario"
)

func TestTheScheduleAloneDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{})
		defer f.Close()
		f.SendMany(20)
		f.UntilDone(5 * time.Minute)
		assert.Equal(t, 20, f.Handled())
	})
}

func TestTheAlarmWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{Parameters: map[string]string{"WakeAlarm": "true", "ScheduleExpression": "rate(1 day)"}})
		defer f.Close()
		time.Sleep(5 * time.Minute)
		f.SendMany(20)
		f.UntilDone(10 * time.Minute)
		assert.Equal(t, 20, f.Handled())
	})
}

func TestAFailedWorkerIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{
			Parameters: map[string]string{"Lane": "steps", "MaxConcurrency": "1"},
			Process:    scenario.Takes(time.Second),
		})
		defer f.Close()
		f.SendMany(100)
		f.Wake()
		f.Until("it works", time.Minute, func() bool { return f.Handled() > 0 })
		first := f.WorkerExecutions()[0]
		f.Stop(*first.ExecutionArn)
		f.Until("it is replaced", 90*time.Second, func() bool { return len(f.WorkerExecutions()) == 2 })
		f.UntilDone(time.Hour)
		f.NothingLost()
		assert.Equal(t, 1, f.Peak())
	})
}
