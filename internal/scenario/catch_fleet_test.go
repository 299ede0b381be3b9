package scenario_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/asl"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/stepfunctions"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

// turn is one way through a state machine, and what makes an execution take it.
type turn struct {
	name string
	// options of the fleet. It has one slot, so that there is one first worker.
	options scenario.Options
	// send are the bodies of the messages. Defaults to one.
	send []string
	// faults are armed first and mended when the execution has ended.
	faults []api.Fault
	// before runs before the execution starts.
	before func(*trial)
	// during runs once the execution runs.
	during func(*trial)

	// path is the names of the states that the execution enters.
	path string
	// status that it ends with.
	status string
	// failure is the Error of a failed execution, cause its Cause where it is
	// the definition's own to word.
	failure, cause string
	// forgets says that the fleet is destroyed and nothing recovers.
	forgets bool
}

// trial is a fleet that takes a turn.
type trial struct {
	*scenario.Fleet
	t        *testing.T
	statuses chan stepfunctions.StatusEvent
}

// takes runs a turn of a state machine and returns what it took of the
// definition. What failed must have hurt nobody: once the faults are mended, the
// fleet drains, no message is lost and the cap was held.
func (c turn) takes(t *testing.T, machine string) (taken []place) {
	synctest.Test(t, func(t *testing.T) {
		// More than a turn has: whoever sends never waits.
		statuses := make(chan stepfunctions.StatusEvent, 1<<14)
		c.options.Seed = 11
		c.options.Local.StepFunctions.OnStatus = func(e stepfunctions.StatusEvent) { statuses <- e }
		c.options.Parameters = merged(map[string]string{"MaxConcurrency": "1", "Parallelism": "1", "MaxReceiveCount": "10"}, c.options.Parameters)
		f := &trial{Fleet: scenario.Start(t, c.options), t: t, statuses: statuses}
		defer f.Close()
		definition := asl.Worker
		if machine == "tick" {
			definition = asl.Autoscaler
			f.standardTick()
			// The fleet's own ticks keep quiet meanwhile.
			c.faults = append(c.faults, api.Fault{Service: "events", Operation: "Deliver", Kind: api.Drop})
		}
		if c.send == nil {
			c.send = []string{"job"}
		}
		var hits []func() int
		var mend []func()
		for _, fault := range c.faults {
			count, remove := f.Router.Faults.Add(fault)
			hits, mend = append(hits, count), append(mend, remove)
		}
		f.Send(c.send...)
		if c.before != nil {
			c.before(f)
		}
		if machine == "tick" {
			f.start(f.Account.ARN("states", "stateMachine:jobs-tick"), "tick", `{"detail-type":"muster wake"}`)
		} else {
			f.Wake()
		}
		first := f.await(func(e stepfunctions.StatusEvent) bool { return strings.HasSuffix(e.StateMachineARN, ":jobs-"+machine) })
		if c.during != nil {
			c.during(f)
		}
		end := f.await(func(e stepfunctions.StatusEvent) bool {
			return e.ExecutionARN == first.ExecutionARN && e.Status != "RUNNING"
		})
		for i, remove := range mend {
			remove()
			if c.faults[i].Service != "events" {
				assert.NotZero(t, hits[i](), "fault %d never struck", i)
			}
		}
		h := historyOf(t, f.Fleet, first.ExecutionARN)
		assert.Equal(t, c.path, h.path())
		assert.Equal(t, c.status, end.Status)
		assert.Equal(t, c.failure, aws.ToString(end.Error))
		if c.cause != "" {
			assert.Equal(t, c.cause, aws.ToString(end.Cause))
		}
		taken = h.taken(t, flowOf(t, definition))
		if !c.forgets {
			f.UntilDone(3 * time.Hour)
			f.NothingLost()
		}
		assert.LessOrEqual(t, f.Peak(), 1, "the cap was passed")
	})
	return taken
}

func merged(all ...map[string]string) map[string]string {
	sum := map[string]string{}
	for _, m := range all {
		for k, v := range m {
			sum[k] = v
		}
	}
	return sum
}

// await waits for a status, at most a day.
func (f *trial) await(is func(stepfunctions.StatusEvent) bool) stepfunctions.StatusEvent {
	f.t.Helper()
	late := time.After(24 * time.Hour)
	for {
		select {
		case e := <-f.statuses:
			if is(e) {
				return e
			}
		case <-late:
			require.FailNow(f.t, "the execution did not come to that status within a day")
		}
	}
}

// standardTick makes a second autoscaler of the deployed definition, Standard,
// since Express executions keep no history.
func (f *trial) standardTick() {
	f.t.Helper()
	deployed, err := f.Executions.DescribeStateMachine(context.Background(), &sfn.DescribeStateMachineInput{
		StateMachineArn: aws.String(f.Output("AutoscalerStateMachineArn")),
	})
	require.NoError(f.t, err)
	_, err = f.Executions.CreateStateMachine(context.Background(), &sfn.CreateStateMachineInput{
		Name: aws.String("jobs-tick"), Definition: deployed.Definition, RoleArn: deployed.RoleArn,
	})
	require.NoError(f.t, err)
}

func (f *trial) start(machineARN, name, input string) {
	f.t.Helper()
	_, err := f.Executions.StartExecution(context.Background(), &sfn.StartExecutionInput{StateMachineArn: &machineARN, Name: &name, Input: &input})
	require.NoError(f.t, err)
}

// snapshot reads the registry, which holds one worker.
func (f *trial) snapshot() (registry.Control, registry.Worker) {
	f.t.Helper()
	s, err := f.Registry.Snapshot(context.Background())
	require.NoError(f.t, err)
	require.Len(f.t, s.Workers, 1)
	return s.Control, s.Workers[0]
}

// order leaves orders for the worker after a while.
func order(orders registry.Orders, after time.Duration) func(*trial) {
	return func(f *trial) {
		time.Sleep(after)
		_, w := f.snapshot()
		_, err := f.Registry.Order(context.Background(), w, orders)
		require.NoError(f.t, err)
	}
}

// freed frees the worker's slot after a while, as if its execution had ended.
func freed(after time.Duration) func(*trial) {
	return func(f *trial) {
		time.Sleep(after)
		control, w := f.snapshot()
		require.NoError(f.t, f.Registry.Commit(context.Background(), control, registry.Change{Control: control, Free: []registry.Worker{w}}))
	}
}

// replaced passes the worker's item on to a later generation after a while.
func replaced(after time.Duration, generations int) func(*trial) {
	return func(f *trial) {
		time.Sleep(after)
		_, w := f.snapshot()
		freed(0)(f)
		s, err := f.Registry.Snapshot(context.Background())
		require.NoError(f.t, err)
		next := registry.Worker{
			Item: w.Item, State: registry.Reserved, Generation: w.Generation + generations, Orders: registry.CarryOn,
			Lane: w.Lane, Parallelism: w.Parallelism, Revision: w.Revision, Input: w.Input,
			ReservedAt: w.ReservedAt, ReportedAt: registry.At(time.Now()),
		}
		next.Holder = registry.HolderName(next.ID(), next.Generation)
		require.NoError(f.t, f.Registry.Commit(context.Background(), s.Control, registry.Change{Control: s.Control, Reserve: []registry.Worker{next}}))
	}
}

// Faults of the calls that a worker's execution makes itself, by the state that
// makes them.

func reportHome(fault api.Fault) api.Fault { return update(fault, "#reportedAt = :now", "#generation") }

func handOver(fault api.Fault) api.Fault { return update(fault, "#generation", "none") }

func update(fault api.Fault, with, without string) api.Fault {
	fault.Service, fault.Operation = "dynamodb", "UpdateItem"
	fault.Match = func(c api.Call) bool {
		in, ok := c.Input.(*dynamodb.UpdateItemInput)
		return ok && ofWorker(c) && strings.Contains(aws.ToString(in.UpdateExpression), with) && !strings.Contains(aws.ToString(in.UpdateExpression), without)
	}
	return fault
}

// leave is the fault of Go home and of Leave after failure.
func leave(fault api.Fault) api.Fault {
	fault.Service, fault.Operation, fault.Match = "dynamodb", "DeleteItem", ofWorker
	return fault
}

func startSuccessor(fault api.Fault) api.Fault {
	fault.Service, fault.Operation, fault.Match = "states", "StartExecution", ofWorker
	return fault
}

// invoke is the fault of a state that invokes a function.
func invoke(function string, fault api.Fault) api.Fault {
	fault.Service, fault.Operation = "lambda", "Invoke"
	fault.Match = func(c api.Call) bool {
		in, ok := c.Input.(*lambda.InvokeInput)
		return ok && c.Caller.Execution != "" && strings.HasSuffix(in.FunctionName, ":function:"+function)
	}
	return fault
}

// within is the fault of a call that a function makes.
func within(function, service, operation string, fault api.Fault) api.Fault {
	fault.Service, fault.Operation = service, operation
	fault.Match = func(c api.Call) bool { return c.Caller.Function == function }
	return fault
}

func ofWorker(c api.Call) bool {
	return strings.Contains(c.Caller.Execution, ":execution:jobs-worker:")
}

// fails is a fault that answers as the service does.
func fails(status int, code, message string) api.Fault {
	return api.Fault{Kind: api.Fail, Error: &api.Error{Code: code, Message: message, Status: status}}
}

// times limits how often a fault strikes.
func times(n int, fault api.Fault) api.Fault {
	fault.Times = n
	return fault
}

func throttled() api.Fault { return fails(429, "TooManyRequestsException", "Rate Exceeded.") }

// sendUncounted sends a message that no process handler shall see.
func (f *trial) sendUncounted(body string) {
	f.t.Helper()
	_, err := f.SQS.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: aws.String(f.Output("QueueUrl")), MessageBody: &body})
	require.NoError(f.t, err)
}
