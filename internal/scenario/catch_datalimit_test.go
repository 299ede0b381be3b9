package scenario_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/stepfunctions"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// dataLimits are what Step Functions may do with a reply that is over 256 KiB:
// AWS's guide and recordings of AWS differ.
var dataLimits = map[string]struct {
	catchable  bool
	definition func(name, definition string) string
	// status that a worker ends with whose handler replied too much.
	status sfntypes.ExecutionStatus
}{
	"States.ALL catches it":   {catchable: true, status: sfntypes.ExecutionStatusSucceeded},
	"its own name catches it": {status: sfntypes.ExecutionStatusSucceeded},
	"nothing catches it": {
		// Without its own name in Catch only States.ALL is left.
		definition: func(_, definition string) string {
			return strings.ReplaceAll(definition, `"States.DataLimitExceeded"`, `"Muster.Nothing"`)
		},
		status: sfntypes.ExecutionStatusFailed,
	},
}

func tooTalkative(limit string, parameters map[string]string, process scenario.Handler) scenario.Options {
	l := dataLimits[limit]
	return scenario.Options{
		Seed:       3,
		Parameters: merged(map[string]string{"Lane": "steps", "BatchSize": "1"}, parameters),
		Process:    process,
		Definition: l.definition,
		Local:      local.Options{StepFunctions: stepfunctions.Options{DataLimitCatchable: l.catchable}},
	}
}

func TestAHandlerThatAlwaysRepliesTooMuch(t *testing.T) {
	for name, l := range dataLimits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, tooTalkative(name, map[string]string{"MaxReceiveCount": "2"}, func(ctx context.Context, e message.Event) (any, error) {
					time.Sleep(time.Second)
					return talkative(ctx, e)
				}))
				defer f.Close()
				f.SendMany(8)
				f.Wake()
				f.UntilDone(24 * time.Hour)
				_, dead := f.Depth()
				assert.Equal(t, 8, dead)
				assert.LessOrEqual(t, f.Peak(), limit, "the cap was passed")
				for _, e := range f.WorkerExecutions() {
					if states, status := f.Path(*e.ExecutionArn); slices.Contains(states, "Process") {
						assert.Equal(t, l.status, status)
					}
				}
			})
		})
	}
}

func TestAHandlerThatRepliesTooMuchOnce(t *testing.T) {
	for name, l := range dataLimits {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, tooTalkative(name, map[string]string{"MaxConcurrency": "1"}, once(talkative)))
				defer f.Close()
				f.SendMany(3)
				f.Wake()
				f.UntilDone(3 * time.Hour)
				f.NothingLost()
				assert.Equal(t, 3, f.Handled())
				assert.Empty(t, f.DeadLettered())
				assert.Equal(t, 1, f.Peak())
				all := f.WorkerExecutions()
				_, status := f.Path(*all[len(all)-1].ExecutionArn)
				assert.Equal(t, l.status, status)
			})
		})
	}
}
