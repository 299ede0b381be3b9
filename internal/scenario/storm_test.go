package scenario_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/scenario"
)

// storm runs a fleet through half an hour of faults that a seed draws: lost and
// late replies, failures, repeated and lost events, aborted workers, pumps cut
// off from the registry. Then all heals. It returns what went wrong: nothing,
// unless a deliberate bug is on.
func storm(t *testing.T, seed uint64, bug scenario.Bug) (wrong []string) {
	random := rand.New(rand.NewPCG(seed, 1))
	lane, long := []string{"stream", "steps"}[random.IntN(2)], random.IntN(3) == 0
	if bug.Stream {
		lane, long = "stream", false
	}
	messages, timeout, longest := 50, "10", 8*time.Second
	if long {
		messages, timeout, longest = 1, "600", 9*time.Minute
	}
	f := scenario.Start(t, scenario.Options{
		Seed: seed,
		Parameters: map[string]string{
			"Lane": lane, "MaxReceiveCount": "1000", "BackoffMaxSeconds": "30", "LivenessSeconds": "120",
			"ProcessTimeoutSeconds": timeout, "BatchSize": fmt.Sprint(1 + random.IntN(5)),
		},
		Process:    scenario.TakesUpTo(longest, seed),
		Wire:       bug.Wire,
		Definition: bug.Definition,
	})
	defer f.Close()
	f.SendMany(10 * messages)
	f.Wake()

	var mend []func()
	arm := func(faults ...api.Fault) {
		for _, fault := range faults {
			_, remove := f.Router.Faults.Add(fault)
			mend = append(mend, remove)
		}
	}
	unavailable := &api.Error{Code: "ServiceUnavailable", Message: "Please try again.", Status: 503}
	seconds := func(most int) time.Duration { return time.Duration(1+random.IntN(most)) * time.Second }
	arm(
		api.Fault{Match: fromMuster, Kind: api.Fail, Error: unavailable, Probability: 0.02},
		api.Fault{Match: fromMuster, Kind: api.LoseReply, Probability: 0.02},
		api.Fault{Match: fromMuster, Kind: api.Delay, For: seconds(4), Probability: 0.03},
		api.Fault{Service: "dynamodb", Operation: "TransactWriteItems", Kind: api.Delay, For: seconds(20), Probability: 0.3},
		api.Fault{Service: "lambda", Operation: "Invoke", Match: invokes("jobs-"), Kind: api.Abandon, For: seconds(10), Probability: 0.04},
		api.Fault{Service: "lambda", Operation: "Invoke", Match: invokes("process"), Kind: api.Abandon, For: seconds(5), Probability: 0.03},
		api.Fault{Service: "states", Operation: "StartExecution", Match: starts("jobs-worker"), Kind: api.Delay, For: seconds(240), Probability: 0.1},
		api.Fault{Service: "events", Operation: "Deliver", Kind: api.Twice, Probability: 0.3},
		api.Fault{Service: "events", Operation: "Deliver", Match: notScheduled, Kind: api.Drop, Probability: 0.2},
	)
	abort := func() {
		for _, e := range f.WorkerExecutions() {
			if e.Status == sfntypes.ExecutionStatusRunning && random.IntN(2) == 0 {
				f.Stop(*e.ExecutionArn)
			}
		}
	}
	// cutOff keeps reports from the registry for a while.
	cutOff := func(who func(api.Call) bool) {
		_, remove := f.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "UpdateItem", Kind: api.Fail, Error: unavailable, Match: who})
		time.Sleep(seconds(300))
		remove()
	}
	arm(bug.Faults...)
	for end := time.Now().Add(30 * time.Minute); time.Now().Before(end); time.Sleep(seconds(40)) {
		f.SendMany(random.IntN(messages + 1))
		switch random.IntN(10) {
		case 0, 1, 2:
			f.Wake()
			f.Wake()
		case 3, 4:
			abort()
		case 5:
			cutOff(fromMuster)
		case 6:
			abort()
			cutOff(func(c api.Call) bool { return c.Caller.Function == "jobs-pump" })
		}
	}
	for _, remove := range mend {
		remove()
	}
	done := f.Within(6*time.Hour, func() bool {
		queue, _ := f.Depth()
		return queue == 0 && len(f.Workers()) == 0
	})
	if !done {
		wrong = append(wrong, "it never comes to an end")
	}
	if f.Peak() > limit {
		wrong = append(wrong, fmt.Sprintf("the cap was passed: %d handlers at once", f.Peak()))
	}
	if lost := f.Lost(); done && len(lost) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d messages are lost", len(lost)))
	}
	if len(wrong) > 0 {
		wrong = append(wrong, f.String())
	}
	return wrong
}

// inBubble runs one storm in a bubble of its own.
func inBubble(t *testing.T, seed uint64, bug scenario.Bug) (wrong []string) {
	synctest.Test(t, func(t *testing.T) { wrong = storm(t, seed, bug) })
	return wrong
}

// storms is how many seeds a test run tries; more find more.
var storms = flag.Uint64("storms", 16, "seeds that TestStorms tries")

func TestStorms(t *testing.T) {
	for seed := range *storms {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			assert.Empty(t, inBubble(t, seed, scenario.Bug{}), "replay with: go test ./internal/scenario -run 'TestStorms/seed=%d$'", seed)
		})
	}
}

// TestDeliberateBugs takes each slot rule out, at the wire of Muster's own
// functions, and expects the storms to notice.
func TestDeliberateBugs(t *testing.T) {
	for _, bug := range scenario.Bugs {
		t.Run(bug.Name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(100) {
				if wrong := strings.Join(inBubble(t, seed, bug), ", "); strings.Contains(wrong, "the cap was passed") {
					t.Logf("found by seed %d: %s", seed, wrong)
					return
				}
			}
			t.Error("no storm noticed: the invariants prove nothing")
		})
	}
}
