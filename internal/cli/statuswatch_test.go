package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

// stackOf is the stack of a scenario's fleet.
func stackOf(f *scenario.Fleet) *stack {
	outputs := map[string]string{}
	for _, o := range f.Stack.Outputs() {
		outputs[o.Key] = o.Value
	}
	return &stack{f.Config(), "jobs", outputs}
}

func TestWatchStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{Parameters: map[string]string{"Lane": "steps"}, Process: scenario.Takes(5 * time.Second)})
		defer f.Close()
		f.SendMany(20)
		f.Wake()
		var out, errs bytes.Buffer
		s := &streams{out: &out, err: &errs}
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
		defer stop()
		f.Runtime.Router.Faults.Add(api.Fault{Operation: "GetQueueAttributes", Match: notOurs, Kind: api.Fail, Skip: 3, Times: 1, Error: api.Errorf("AccessDenied", "not now")})
		assert.ErrorIs(t, watchStatus(ctx, s, &statusOptions{ticks: 5}, stackOf(f)), context.DeadlineExceeded)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		assert.Regexp(t, `^2000-01-01T00:00:0\dZ  `, lines[0])
		assert.Contains(t, out.String(), "tick: depth 20 (20 visible, 0 in flight); at 10 a worker 2 wanted")
		assert.Regexp(t, `0 visible, \d+ in flight, 0 delayed \| workers 2, 0 going home \| in hand 2 \| handled 0, failed 0`, out.String())
		assert.Contains(t, out.String()[strings.LastIndex(out.String(), " | workers"):], " | workers 0, 0 going home | in hand 0 | handled 0, failed 0, 0.0/s\n", "they are home")
		for i := range lines[1:] {
			assert.NotEqual(t, lines[i], lines[i+1])
		}
		assert.Less(t, len(lines), 30)
		assert.Contains(t, errs.String(), "not now")

		out.Reset()
		ctx, stop = context.WithTimeout(t.Context(), 3*time.Second)
		defer stop()
		assert.ErrorIs(t, watchStatus(ctx, s, &statusOptions{ticks: 5, json: true}, stackOf(f)), context.DeadlineExceeded)
		assert.Equal(t, 2, strings.Count(out.String(), "\n"))
		var state fleetStatus
		require.NoError(t, json.NewDecoder(&out).Decode(&state))
		assert.Len(t, state.Ticks, 5)
	})
}

// notOurs is a call that no function of the fleet makes.
func notOurs(c api.Call) bool { return c.Caller.Function == "" }

func TestStatusTellsWhatWasDecidedAndWhatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{})
		defer f.Close()
		_, err := f.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: aws.String(f.Output("QueueUrl")), Attributes: map[string]string{"RedrivePolicy": ""}})
		require.NoError(t, err)
		by := registry.Directive{Who: "alice", Why: "deploy", At: registry.At(time.Now()), Until: registry.At(time.Now().Add(time.Hour))}
		require.NoError(t, f.Registry.Pause(t.Context(), by))
		require.NoError(t, f.Registry.SetBounds(t.Context(), registry.Bounds{Directive: by, Max: aws.Int(3)}))
		show := func() string {
			state, err := readStatus(t.Context(), stackOf(f), 0)
			require.NoError(t, err)
			var out bytes.Buffer
			require.NoError(t, state.print(&out, time.Now()))
			return out.String()
		}
		assert.Equal(t, "fleet jobs: 0 workers; queue: 0 visible, 0 in flight, 0 delayed\n"+
			"paused by alice until 01:00 UTC: deploy\nscaled to cap 3 by alice until 01:00 UTC: deploy\n"+
			"Warning: the queue has no redrive policy: a message that fails every time is tried until it is too old, and then it is gone\n", show())
		time.Sleep(time.Hour)
		assert.NotContains(t, show(), "alice", "it has ended")
	})
}
