package autoscaler_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/registry/registrytest"
	"github.com/musterq/muster/internal/scale"
)

// A bubble begins at midnight; ticks run from ten minutes later on.
const (
	minute0  = registry.Instant("2000-01-01T00:00:00.000Z")
	minute5  = registry.Instant("2000-01-01T00:05:00.000Z")
	minute9  = registry.Instant("2000-01-01T00:09:00.000Z")
	now      = registry.Instant("2000-01-01T00:10:00.000Z")
	minute11 = registry.Instant("2000-01-01T00:11:00.000Z")
)

// definition of a worker state machine whose executions end as their input says.
const definition = `{"StartAt": "How?", "States": {
	"How?": {"Type": "Choice", "Default": "Run", "Choices": [
		{"Variable": "$.end", "StringEquals": "SUCCEEDED", "Next": "Succeed"},
		{"Variable": "$.end", "StringEquals": "FAILED", "Next": "Fail"},
		{"Variable": "$.end", "StringEquals": "relieved", "Next": "Relieved"}
	]},
	"Run": {"Type": "Wait", "Seconds": 1000000, "End": true},
	"Succeed": {"Type": "Succeed"},
	"Fail": {"Type": "Fail", "Error": "Oops"},
	"Relieved": {"Type": "Fail", "Error": "Muster.Relieved"}
}}`

// rig is an account with a queue, a registry and a worker state machine.
type rig struct {
	*testing.T
	runtime    *local.Runtime
	registry   *registry.Registry
	queue      *sqs.Client
	executions *sfn.Client
	url        string
	// config of the autoscaler: ten workers of two, ten messages a worker.
	config autoscaler.Config
}

// inBubble runs a test at ten past midnight.
func inBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		cfg := runtime.Config()
		registrytest.CreateTable(t, cfg, "muster")
		r := &rig{T: t, runtime: runtime, registry: registry.New(cfg, "muster", "jobs"), queue: sqs.NewFromConfig(cfg), executions: sfn.NewFromConfig(cfg)}
		q, err := r.queue.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs")})
		require.NoError(t, err)
		r.url = *q.QueueUrl
		m, err := r.executions.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
			Name: aws.String("jobs-worker"), RoleArn: aws.String(runtime.IAM.Put("worker", []string{"states.amazonaws.com"})), Definition: aws.String(definition),
		})
		require.NoError(t, err)
		r.config = autoscaler.Config{
			Settings: fleet.Settings{
				Fleet: "jobs", Table: "muster", QueueURL: r.url, QueueARN: "arn:aws:sqs:us-east-1:123456789012:jobs", DeadLetterURL: r.url + "-dead",
				Lane: fleet.Stream, Target: fleet.Lambda, Mode: fleet.Sync, TransformMode: fleet.Sync,
				Process:   handler.Target{ARN: "arn:process", Timeout: 30 * time.Second},
				Transform: handler.Target{ARN: "arn:transform", Timeout: 20 * time.Second},
				BatchSize: 10, Unmatched: fleet.ToHandler, BodiesInState: fleet.SmallBodies,
			},
			Policy:   scale.Policy{MaxConcurrency: 20, Parallelism: 2, MessagesPerWorker: 10, StepLimit: 100, ScaleInHold: time.Hour},
			Liveness: 5 * time.Minute, WorkerStateMachine: *m.StateMachineArn, WorkerRevision: "r1",
		}
		time.Sleep(10 * time.Minute)
		test(r)
	})
}

// slot is a worker of revision r1 that just reported home, with changes.
func slot(id string, changes ...func(*registry.Worker)) registry.Worker {
	w := registry.Worker{
		Fleet: "jobs", Item: "worker#" + id, State: registry.Working, Holder: "worker-" + id + "-1", Generation: 1, Orders: registry.CarryOn,
		Lane: string(fleet.Stream), Parallelism: 2, Revision: "r1", Input: `{"end":"RUNNING"}`, ReservedAt: minute0, ReportedAt: now,
	}
	for _, change := range changes {
		change(&w)
	}
	return w
}

func stay(w *registry.Worker)     { w.Stay = true }
func ended(w *registry.Worker)    { w.Ended = true }
func inSteps(w *registry.Worker)  { w.Lane = string(fleet.Steps) }
func draining(w *registry.Worker) { w.Orders = registry.Drain }

// silent is a worker that reported last before the liveness window.
func silent(w *registry.Worker) { w.ReportedAt = "2000-01-01T00:04:59.999Z" }

// reserved at an instant, and not heard of since.
func reserved(at registry.Instant) func(*registry.Worker) {
	return func(w *registry.Worker) { w.State, w.ReservedAt, w.ReportedAt = registry.Reserved, at, at }
}

func since(at registry.Instant) func(*registry.Worker) {
	return func(w *registry.Worker) { w.ReservedAt = at }
}

func busyUntil(at registry.Instant) func(*registry.Worker) {
	return func(w *registry.Worker) { w.BusyUntil = at.Time().UnixMilli() }
}

// hold fills the registry with slots and sets the control item.
func (r *rig) hold(control registry.Control, workers ...registry.Worker) {
	r.Helper()
	require.NoError(r, r.registry.Commit(r.Context(), registry.Control{}, registry.Change{Control: control, Reserve: workers}))
}

// run starts a worker's execution, which goes on or ends as said.
func (r *rig) run(w registry.Worker, end string) {
	r.Helper()
	_, err := r.executions.StartExecution(r.Context(), &sfn.StartExecutionInput{
		StateMachineArn: &r.config.WorkerStateMachine, Name: &w.Holder, Input: aws.String(fmt.Sprintf(`{"end":%q}`, end)),
	})
	require.NoError(r, err)
	// It ends at once, not later than now.
	synctest.Wait()
}

// send puts n messages on the queue.
func (r *rig) send(n int) {
	r.Helper()
	for n > 0 {
		var entries []sqstypes.SendMessageBatchRequestEntry
		for i := range min(n, 10) {
			entries = append(entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String("job")})
		}
		_, err := r.queue.SendMessageBatch(r.Context(), &sqs.SendMessageBatchInput{QueueUrl: &r.url, Entries: entries})
		require.NoError(r, err)
		n -= len(entries)
	}
}

// tick runs a tick.
func (r *rig) tick(trigger string) (autoscaler.Output, error) {
	r.Helper()
	return r.tickAs("arn:tick", trigger)
}

// tickAs runs a tick of an execution.
func (r *rig) tickAs(execution, trigger string) (autoscaler.Output, error) {
	r.Helper()
	a, err := autoscaler.New(r.runtime.Config(), r.config)
	require.NoError(r, err)
	return a.Tick(r.Context(), autoscaler.Input{Tick: execution, Trigger: json.RawMessage(trigger)})
}

// ticks runs a tick that must succeed.
func (r *rig) ticks(trigger string) autoscaler.Output {
	r.Helper()
	out, err := r.tick(trigger)
	require.NoError(r, err)
	return out
}

// event is the status event of an execution.
func event(holder, status, cause string) string {
	return fmt.Sprintf(`{"source":"aws.states","detail-type":"Step Functions Execution Status Change","detail":{"name":%q,"status":%q,"error":%q,"stopDate":946685390000}}`, holder, status, cause)
}

const scheduled = `{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`

// snapshot is the registry as it is now.
func (r *rig) snapshot() registry.Snapshot {
	r.Helper()
	s, err := r.registry.Snapshot(r.Context())
	require.NoError(r, err)
	return s
}

// count counts calls of an operation from now on.
func (r *rig) count(operation string) func() int {
	var mu sync.Mutex
	n := 0
	r.Cleanup(r.runtime.Router.Observe(func(e api.Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Operation == operation {
			n++
		}
	}))
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// fail makes an operation fail for so many times. 0 is for ever.
func (r *rig) fail(operation string, times int, e *api.Error) (hits func() int) {
	hits, _ = r.runtime.Router.Faults.Add(api.Fault{Operation: operation, Kind: api.Fail, Times: times, Error: e})
	return hits
}
