package scenario_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/scenario"
)

// A pump that dies in a shift leaves handlers that nobody waits for. Step
// Functions starts the next pump within seconds; it waits until they must have
// ended before it starts any of its own.
func TestAPumpIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := scenario.NewKiller()
		f := scenario.Start(t, scenario.Options{Code: k.Wrap, Process: scenario.Takes(9 * time.Second)})
		defer f.Close()
		f.SendMany(300)
		f.Wake()
		f.Until("both workers work", time.Minute, func() bool { return f.Handled() > 20 })
		time.Sleep(500 * time.Millisecond) // into the next handlers

		assert.Equal(t, 2, k.Kill("pump"))
		var busyUntil []int64
		for _, w := range f.Workers() {
			busyUntil = append(busyUntil, w.BusyUntil)
		}

		invoked := func() int { return f.Lambda.Stats()["process"].Invocations }
		before := invoked()
		f.Until("the next pumps work", 5*time.Minute, func() bool { return invoked() > before })
		// They start a second after the earlier ones may be busy no more.
		assert.WithinDuration(t, time.UnixMilli(slices.Min(busyUntil)).Add(time.Second), time.Now(), 2*time.Second)
		endsWell(t, f, time.Hour)
		assert.Equal(t, 300, f.Handled())
		executions := f.WorkerExecutions()
		assert.Len(t, executions, 2, "no worker came in their place")
		for _, e := range executions {
			path, status := f.Path(*e.ExecutionArn)
			assert.Equal(t, sfntypes.ExecutionStatusSucceeded, status)
			assert.Contains(t, strings.Join(path, " > "), "Pump > Idle? > Wait out the earlier pump > Pump > Idle? > ")
		}
	})
}

// However often one of Muster's functions dies, wherever it is: the cap is held
// and nothing is lost.
func TestFunctionsThatAreKilledAgainAndAgain(t *testing.T) {
	for _, c := range []struct{ lane, function string }{
		{"stream", "autoscaler"}, {"stream", "pump"},
		{"steps", "autoscaler"}, {"steps", "poll"}, {"steps", "courier"}, {"steps", "settle"},
	} {
		t.Run(fmt.Sprintf("%s in lane %s", c.function, c.lane), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := scenario.NewKiller()
				f := scenario.Start(t, scenario.Options{
					Seed: 3, Code: k.Wrap, Memory: 512,
					Parameters: map[string]string{"Lane": c.lane, "MaxReceiveCount": "1000", "BackoffMaxSeconds": "30", "BatchSize": "3"},
					Process:    scenario.TakesUpTo(9*time.Second, 3),
				})
				defer f.Close()
				f.SendMany(60)
				// Slow calls: death comes before, during and after them.
				called := func(call api.Call) bool { return call.Caller.Function == "jobs-"+c.function }
				_, hasten := f.Router.Faults.Add(api.Fault{Kind: api.Delay, For: 700 * time.Millisecond, Match: called})
				_, answer := f.Router.Faults.Add(api.Fault{Kind: api.DelayReply, For: 700 * time.Millisecond, Match: called})
				random := rand.New(rand.NewPCG(3, 4))
				killed := 0
				for end := time.Now().Add(8 * time.Minute); time.Now().Before(end); {
					f.SendMany(1)
					if c.function == "courier" && random.IntN(3) == 0 {
						f.Send(strings.Repeat("x", 300<<10)) // too large for a state
					}
					f.Wake()
					time.Sleep(time.Duration(random.Int64N(int64(15 * time.Second))))
					killed += k.Kill(c.function)
				}
				assert.Greater(t, killed, 5)
				hasten()
				answer()
				endsWell(t, f, 2*time.Hour)
				_, dead := f.Depth()
				assert.Zero(t, dead)
			})
		})
	}
}
