package cli

import (
	"os/user"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

// reason waits for a tick whose reason has a part, and returns it.
func (f *standing) reason(part string) string {
	f.Helper()
	reason := ""
	require.Eventually(f, func() bool {
		ticks, err := f.registry.Ticks(f.Context(), 1)
		require.NoError(f, err)
		if len(ticks) > 0 {
			reason = ticks[0].Reason
		}
		return strings.Contains(reason, part)
	}, 20*time.Second, 20*time.Millisecond, "no reason has %q", part)
	return reason
}

func (f *standing) controls() registry.Controls {
	f.Helper()
	c, err := f.registry.Controls(f.Context())
	require.NoError(f, err)
	return c
}

// slots are how many workers hold one.
func (f *standing) slots() int {
	f.Helper()
	s, err := f.registry.Snapshot(f.Context())
	require.NoError(f, err)
	return len(s.Workers)
}

func TestSteering(t *testing.T) {
	t.Parallel()
	f := stand(t, folder(t, map[string]string{"h.sh": "#!/bin/sh\nsleep 0.1\n"}), "--handler", "./h.sh", "--max-concurrency", "10")

	p := f.muster(0, "pause", "orders", "--who", "alice", "--why", "deploy", "--for", "30m")
	assert.Equal(t, "account 123456789012, region us-east-1, fleet orders: pause\n", p.stderr.String())
	assert.Regexp(t, `^fleet orders is paused by alice until \d\d:\d\d UTC: deploy\nWorkers are told within seconds`, p.stdout.String())
	assert.Regexp(t, `^paused by alice until \d\d:\d\d UTC: deploy; depth 0`, f.reason("paused by alice"))
	f.muster(0, "send", "orders", "--body", "one")
	f.muster(0, "wake", "orders")
	f.reason("at 100 a worker 1 wanted; 0 working, 0 going home, 0 silent; starting none of 1")
	assert.Zero(t, f.slots())

	got := jsonLines[decision](t, f.muster(0, "resume", "orders", "--json"))[0]
	me, err := user.Current()
	require.NoError(t, err)
	assert.Equal(t, []string{"orders", "resume", me.Username}, []string{got.Fleet, got.Control, got.Who})
	assert.Nil(t, got.Until)
	assert.WithinDuration(t, time.Now(), got.At, 10*time.Second)
	f.reason("starting 1")
	assert.Nil(t, f.controls().Pause)

	f.muster(0, "scale", "orders", "--min", "1", "--max", "6", "--why", "sale", "--who", "bob", "--until", "2100-01-31T15:04:05Z")
	f.reason("scaled to minimum 1, cap 6 by bob until 2100-01-31 15:04 UTC: sale; ")
	p = f.muster(2, "scale", "orders", "--max", "11")
	assert.Contains(t, p.stderr.String(), "muster: --max 11 is over the fleet's MaxConcurrency 10\nRaise MaxConcurrency by a deployment.\n")
	f.muster(2, "scale", "orders", "--min", "11")
	f.muster(0, "drain", "orders", "--who", "bob", "--why", "new code")
	assert.Equal(t, "new code", f.controls().Drained.Why)
	f.reason("drained by bob: new code; ")
	f.muster(0, "scale", "orders", "--reset")
	assert.Nil(t, f.controls().Bounds)
}

func TestStop(t *testing.T) {
	t.Parallel()
	f := stand(t, t.TempDir(), "--min-workers", "2", "--lane", "steps")
	f.muster(0, "wake", "orders")
	var s registry.Snapshot
	require.Eventually(t, func() bool {
		var err error
		s, err = f.registry.Snapshot(t.Context())
		require.NoError(t, err)
		return len(s.Workers) == 2 && s.Workers[0].State == registry.Working && s.Workers[1].State == registry.Working
	}, 20*time.Second, 20*time.Millisecond)
	p := f.muster(0, "stop", "orders", "--now", "--who", "alice", "--why", "wrong prices")
	assert.Contains(t, p.stdout.String(), "fleet orders is stopped by alice: wrong prices; 2 executions were aborted\n")
	executions := sfn.NewFromConfig(f.stack.cfg)
	for _, w := range s.Workers {
		arn := strings.Replace(f.stack.outputs["WorkerStateMachineArn"], ":stateMachine:", ":execution:", 1) + ":" + w.Holder
		out, err := executions.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		require.NoError(t, err)
		assert.Equal(t, types.ExecutionStatusAborted, out.Status)
		assert.Equal(t, "Muster.Stopped", aws.ToString(out.Error))
	}
	f.reason("paused by alice: wrong prices; ")
	s, err := f.registry.Snapshot(t.Context())
	require.NoError(t, err)
	assert.Zero(t, s.Control.Deaths)
}

func TestParseEnd(t *testing.T) {
	now := time.Date(2026, 1, 31, 15, 4, 5, 0, time.FixedZone("CET", 3600))
	for text, want := range map[string]string{
		"18:00":                "2026-01-31T18:00:00+01:00",
		"15:04":                "2026-02-01T15:04:00+01:00",
		"2026-01-31T14:05:00Z": "2026-01-31T14:05:00Z",
	} {
		at, err := parseEnd(text, now)
		require.NoError(t, err, text)
		assert.Equal(t, want, at.Format(time.RFC3339))
	}
	for text, want := range map[string]string{
		"6pm":                  `"6pm" is no time: write 18:00, or 2026-01-31T18:00:00Z`,
		"2026-01-31T14:04:00Z": "2026-01-31T14:04:00Z has passed",
	} {
		_, err := parseEnd(text, now)
		assert.EqualError(t, err, want)
	}
}

// What stop aborts is handled later, by no more at once than the cap allows, and
// no slot stays taken.
func TestStopLosesNothing(t *testing.T) {
	for _, lane := range []string{"stream", "steps"} {
		t.Run(lane, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, scenario.Options{Parameters: map[string]string{"Lane": lane}, Process: scenario.Takes(3 * time.Second)})
				defer f.Close()
				f.SendMany(3000)
				f.Wake()
				f.Until("it works", time.Minute, func() bool { return f.Handled() > 0 })
				d := registry.Directive{Who: "alice", At: registry.At(time.Now())}
				require.NoError(t, f.Registry.Pause(t.Context(), d))
				aborted, err := abortWorkers(t.Context(), f.Executions, f.Registry, f.Output("WorkerStateMachineArn"), d)
				require.NoError(t, err)
				assert.Positive(t, aborted)
				// The tick that an abort causes may have freed slots of idle workers already.
				assert.LessOrEqual(t, len(f.Workers()), aborted)
				running, err := f.Executions.ListExecutions(t.Context(), &sfn.ListExecutionsInput{
					StateMachineArn: aws.String(f.Output("WorkerStateMachineArn")), StatusFilter: types.ExecutionStatusRunning,
				})
				require.NoError(t, err)
				assert.Empty(t, running.Executions)
				f.Until("every slot is free", 5*time.Minute, func() bool { return len(f.Workers()) == 0 })
				time.Sleep(time.Minute)
				assert.Empty(t, f.Workers())
				assert.Less(t, f.Handled(), 3000)
				require.NoError(t, f.Registry.Resume(t.Context(), d))
				f.UntilDone(time.Hour)
				f.NothingLost()
				assert.LessOrEqual(t, f.Peak(), 4)
			})
		})
	}
}
