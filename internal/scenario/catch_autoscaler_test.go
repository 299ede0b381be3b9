package scenario_test

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/stepfunctions"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

const (
	toStart     = "Begin > Assess > Anything to do? > Start workers > Start worker > "
	startFailed = "All started? > Starts failed"
)

// tickTurns are the turns of the autoscaler.
func tickTurns() []turn {
	return []turn{
		{
			name:   "has nothing to do",
			send:   []string{},
			path:   "Begin > Assess > Anything to do? > Done",
			status: "SUCCEEDED",
		},
		{
			name:   "starts a worker",
			path:   toStart + "Started > All started? > Done",
			status: "SUCCEEDED",
		},
		{
			name:    "has more to start than its answer holds",
			options: scenario.Options{Code: saysMoreOnce("autoscaler")},
			path:    toStart + "Started > All started? > Assess > Anything to do? > Done",
			status:  "SUCCEEDED",
		},
		{
			name:   "cannot see the queue",
			faults: []api.Fault{within("jobs-autoscaler", "sqs", "GetQueueAttributes", fails(403, "AccessDenied", "Access to the resource is denied."))},
			path:   "Begin > Assess > Tick failed",
			status: "FAILED", failure: "AccessDenied",
		},
		{
			name:   "cannot run its function",
			faults: []api.Fault{invoke("jobs-autoscaler", throttled())},
			path:   "Begin > Assess > Tick failed",
			status: "FAILED", failure: "Lambda.TooManyRequestsException",
		},
		{
			name:   "its function does not answer in time",
			faults: []api.Fault{invoke("jobs-autoscaler", api.Fault{Kind: api.DelayReply, For: 100 * time.Second})},
			path:   "Begin > Assess > Tick failed",
			status: "FAILED", failure: "States.Timeout",
		},
		{
			name:   "is throttled when it starts a worker",
			faults: []api.Fault{startWorker(fails(400, "ThrottlingException", "Rate exceeded"))},
			path:   toStart + "Give back > Not started > " + startFailed,
			status: "FAILED", failure: "Muster.StartsFailed", cause: `["StepFunctions.ThrottlingException"]`,
		},
		{
			name: "the account runs as many executions as it may",
			// The tick is one.
			options: scenario.Options{Local: local.Options{StepFunctions: stepfunctions.Options{Quotas: stepfunctions.Quotas{OpenExecutions: 1}}}},
			path:    toStart + "Give back > Not started > " + startFailed,
			status:  "FAILED", failure: "Muster.StartsFailed", cause: `["StepFunctions.ExecutionLimitExceededException"]`,
		},
		{
			name: "the worker state machine is gone",
			before: func(f *trial) {
				_, err := f.Executions.DeleteStateMachine(context.Background(), &sfn.DeleteStateMachineInput{StateMachineArn: aws.String(f.Output("WorkerStateMachineArn"))})
				require.NoError(f.t, err)
			},
			path:   toStart + "Give back > Not started > " + startFailed,
			status: "FAILED", failure: "Muster.StartsFailed", cause: `["StepFunctions.StateMachineDoesNotExistException"]`,
			forgets: true,
		},
		{
			name:   "the replies to its starts are lost",
			faults: []api.Fault{startWorker(api.Fault{Kind: api.LoseReply})},
			path:   toStart + "In doubt > " + startFailed,
			status: "FAILED", failure: "Muster.StartsFailed", cause: `["StepFunctions.SdkClientException"]`,
		},
		{
			name:   "its starts are lost",
			faults: []api.Fault{startWorker(api.Fault{Kind: api.Drop})},
			path:   toStart + "In doubt > " + startFailed,
			status: "FAILED", failure: "Muster.StartsFailed", cause: `["StepFunctions.SdkClientException"]`,
		},
		{
			name:   "is not allowed to start workers",
			faults: []api.Fault{startWorker(fails(400, "AccessDeniedException", "not authorized to perform: states:StartExecution"))},
			path:   toStart + "In doubt > " + startFailed,
			status: "FAILED", failure: "Muster.StartsFailed", cause: `["StepFunctions.AWSStepFunctionsException"]`,
		},
		{
			name: "a start went well unheard, the worker has reported home",
			faults: []api.Fault{
				startWorker(api.Fault{Kind: api.LoseReply, Times: 1}),
				startWorker(api.Fault{Kind: api.Fail, Error: api.Errorf("ThrottlingException", "Rate exceeded"), Skip: 1}),
				// It has a shift to work, or it would have gone home.
				invoke("jobs-pump", api.Fault{Kind: api.Delay, For: time.Minute, Times: 1}),
			},
			path:   toStart + "Give back > In doubt > " + startFailed,
			status: "FAILED", failure: "Muster.StartsFailed", cause: `["StepFunctions.ThrottlingException"]`,
		},
		{
			name: "a start went well unheard, the worker is relieved when it reports home",
			faults: []api.Fault{
				startWorker(api.Fault{Kind: api.LoseReply, Times: 1}),
				startWorker(api.Fault{Kind: api.Fail, Error: api.Errorf("ThrottlingException", "Rate exceeded"), Skip: 1}),
				reportHome(api.Fault{Kind: api.Delay, For: time.Minute, Times: 1}),
			},
			path:   toStart + "Give back > Not started > " + startFailed,
			status: "FAILED", failure: "Muster.StartsFailed", cause: `["StepFunctions.ThrottlingException"]`,
		},
		{
			name: "cannot give a slot back",
			faults: []api.Fault{
				startWorker(fails(400, "ThrottlingException", "Rate exceeded")),
				giveBack(fails(500, "InternalServerError", "The request could not be processed")),
			},
			path:   toStart + "Give back > In doubt > " + startFailed,
			status: "FAILED", failure: "Muster.StartsFailed", cause: `["StepFunctions.ThrottlingException"]`,
		},
		{
			name: "starts again what has ended unheard",
			before: func(f *trial) {
				w := registry.NewWorker(time.Now().Add(-45 * time.Second))
				w.Lane, w.Parallelism = "stream", 1
				// It does not even know what to report.
				w.Input = "{}"
				require.NoError(f.t, f.Registry.Commit(context.Background(), registry.Control{}, registry.Change{Reserve: []registry.Worker{w}}))
				f.start(f.Output("WorkerStateMachineArn"), w.Holder, w.Input)
				f.await(func(e stepfunctions.StatusEvent) bool { return e.Name == w.Holder && e.Status == "FAILED" })
			},
			path:   toStart + "In doubt > " + startFailed,
			status: "FAILED", failure: "Muster.StartsFailed", cause: `["StepFunctions.ExecutionAlreadyExistsException"]`,
		},
	}
}

// saysMoreOnce lets a tick's first answer say that there is more to start.
func saysMoreOnce(function string) func(string, lambda.Func) lambda.Func {
	return func(name string, f lambda.Func) lambda.Func {
		if name != function {
			return f
		}
		var said atomic.Bool
		return func(ctx context.Context, event []byte) ([]byte, error) {
			answer, err := f(ctx, event)
			if err == nil && !said.Swap(true) {
				answer = bytes.Replace(answer, []byte(`"more":false`), []byte(`"more":true`), 1)
			}
			return answer, err
		}
	}
}

func ofTick(c api.Call) bool { return strings.Contains(c.Caller.Execution, ":execution:jobs-tick:") }

func startWorker(fault api.Fault) api.Fault {
	fault.Service, fault.Operation, fault.Match = "states", "StartExecution", ofTick
	return fault
}

func giveBack(fault api.Fault) api.Fault {
	fault.Service, fault.Operation, fault.Match = "dynamodb", "DeleteItem", ofTick
	return fault
}
