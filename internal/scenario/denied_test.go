package scenario_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

// without takes an action from a role of the template.
func without(t *testing.T, role, action string) func(string) string {
	return func(template string) string {
		before, rest, found := strings.Cut(template, "\n  "+role+":\n")
		require.True(t, found, role)
		require.Contains(t, rest, action)
		return before + "\n  " + role + ":\n" + strings.Replace(rest, action, "sts:GetCallerIdentity", 1)
	}
}

// TestAPermissionIsMissing: nothing is lost, and what is missing is said where
// people look: in the statement that lacks, in failed executions and in why a
// message failed.
func TestAPermissionIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		role, action, lane string
		// says is what the fleet lacks.
		says string
		// failed and dead say what comes of it: workers that fail, dead letters.
		failed, dead bool
	}{
		"a worker cannot poll": {
			role: "PollRole", action: "sqs:ReceiveMessage", lane: "steps", failed: true,
			says: "PollRole of stack jobs, because no identity-based policy allows the sqs:ReceiveMessage action. Its policy lacks:\n- Effect: Allow\n  Action: sqs:ReceiveMessage\n  Resource: !GetAtt Queue.Arn\n",
		},
		"a worker cannot invoke the handler": {
			role: "PumpRole", action: "lambda:InvokeFunction", lane: "stream", dead: true,
			says: "PumpRole of stack jobs, because no identity-based policy allows the lambda:InvokeFunction action. Its policy lacks:\n- Effect: Allow\n  Action: lambda:InvokeFunction\n  Resource: arn:aws:lambda:us-east-1:123456789012:function:process\n",
		},
		"the autoscaler cannot start workers": {
			role: "AutoscalerMachineRole", action: "states:StartExecution", lane: "stream",
			says: "AutoscalerMachineRole of stack jobs, because no identity-based policy allows the states:StartExecution action. Its policy lacks:\n- Effect: Allow\n  Action: states:StartExecution\n  Resource: !Ref WorkerStateMachine\n",
		},
		"the autoscaler cannot look at the queue": {
			role: "AutoscalerRole", action: "sqs:GetQueueAttributes", lane: "stream",
			says: "AutoscalerRole of stack jobs, because no identity-based policy allows the sqs:GetQueueAttributes action. Its policy lacks:\n- Effect: Allow\n  Action: sqs:GetQueueAttributes\n  Resource: !GetAtt Queue.Arn\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := scenario.Start(t, scenario.Options{
					Parameters: map[string]string{"Lane": c.lane, "MaxReceiveCount": "2", "BackoffBaseSeconds": "1"}, Template: without(t, c.role, c.action),
				})
				defer f.Close()
				f.Send("one")
				f.Wake()
				time.Sleep(10 * time.Minute)
				assert.Contains(t, f.Denied(), c.says)
				assert.Zero(t, f.Handled())
				queue, dead := f.Depth()
				assert.Equal(t, 1, queue+dead, "nothing is lost")
				assert.Equal(t, c.dead, dead == 1)
				if c.dead {
					var reasons []string
					for failure, err := range f.Registry.Failures(t.Context(), registry.FailureQuery{}) {
						require.NoError(t, err)
						reasons = append(reasons, failure.Reason)
					}
					require.NotEmpty(t, reasons)
					assert.Contains(t, reasons[0], "is not authorized to perform: "+c.action)
				}
				failed := false
				for _, x := range f.WorkerExecutions() {
					failed = failed || x.Status == sfntypes.ExecutionStatusFailed
				}
				assert.Equal(t, c.failed, failed)
			})
		})
	}
}
