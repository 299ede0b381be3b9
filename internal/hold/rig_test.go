package hold_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/registry/registrytest"
)

const (
	heartbeat = 5 * time.Minute
	// leased is for how long a message is hidden on: the heartbeat and 45 seconds.
	leased = heartbeat + 45*time.Second
	day    = 24 * time.Hour
)

// rig is an account with a fleet's queues, registry, bucket and worker state
// machine.
type rig struct {
	*testing.T
	runtime    *local.Runtime
	config     fleet.Settings
	machine    string
	registry   *registry.Registry
	client     *sqs.Client
	objects    *s3.Client
	executions *sfn.Client
}

// inBubble runs a test with a fleet whose tasks may take 30 days.
func inBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		cfg := runtime.Config()
		registrytest.CreateTable(t, cfg, "muster")
		r := &rig{
			T: t, runtime: runtime, registry: registry.New(cfg, "muster", "jobs"), client: sqs.NewFromConfig(cfg),
			objects: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), executions: sfn.NewFromConfig(cfg),
		}
		urls := map[string]string{}
		for _, name := range []string{"jobs", "dead"} {
			q, err := r.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"MessageRetentionPeriod": "1209600"}})
			require.NoError(t, err)
			urls[name] = *q.QueueUrl
		}
		_, err = r.objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bodies")})
		require.NoError(t, err)
		m, err := r.executions.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
			Name: aws.String("jobs-worker"), RoleArn: aws.String(runtime.IAM.Put("worker", []string{"states.amazonaws.com"})),
			Definition: aws.String(`{"StartAt":"Run","States":{"Run":{"Type":"Wait","Seconds":10000000,"End":true}}}`),
		})
		require.NoError(t, err)
		r.machine = *m.StateMachineArn
		r.config = fleet.Settings{
			Fleet: "jobs", Table: "muster", Bucket: "bodies", QueueURL: urls["jobs"], QueueARN: "arn:aws:sqs:us-east-1:123456789012:jobs", DeadLetterURL: urls["dead"],
			Lane: fleet.Steps, Target: fleet.Lambda, Mode: fleet.Callback, TransformMode: fleet.Sync, Heartbeat: heartbeat,
			Process: handler.Target{ARN: "arn:process", Timeout: 30 * day}, MaxReceives: 3,
		}
		test(r)
	})
}

func (r *rig) keeper() *hold.Keeper { return hold.New(r.runtime.Config(), r.config, r.machine) }

// worker is a worker whose execution runs, and the task of its first batch.
func (r *rig) worker(id string) hold.Task {
	r.Helper()
	w := registry.Worker{
		Item: "worker#" + id, State: registry.Reserved, Holder: registry.HolderName(id, 1), Generation: 1, Orders: registry.CarryOn,
		Lane: string(fleet.Steps), Parallelism: 1, ReservedAt: registry.At(time.Now()), ReportedAt: registry.At(time.Now()),
	}
	s, err := r.registry.Snapshot(r.Context())
	require.NoError(r, err)
	require.NoError(r, r.registry.Commit(r.Context(), s.Control, registry.Change{Control: s.Control, Reserve: []registry.Worker{w}}))
	_, err = r.executions.StartExecution(r.Context(), &sfn.StartExecutionInput{StateMachineArn: &r.machine, Name: &w.Holder})
	require.NoError(r, err)
	return r.poll(id, 1, "request-1")
}

// poll begins a worker's batch.
func (r *rig) poll(id string, seq int64, request string) hold.Task {
	r.Helper()
	post := registry.Post{Worker: id, Execution: registry.HolderName(id, 1)}
	_, err := r.registry.BeginBatch(r.Context(), post, seq, registry.Try{Request: request}, time.Now(), time.Now().Add(31*day))
	require.NoError(r, err)
	return hold.Task{Post: post, Seq: seq, Request: request}
}

// stop aborts a worker's execution.
func (r *rig) stop(t hold.Task) {
	r.Helper()
	arn := fmt.Sprintf("arn:aws:states:us-east-1:123456789012:execution:jobs-worker:%s", t.Execution)
	_, err := r.executions.StopExecution(r.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn})
	require.NoError(r, err)
}

func (r *rig) sleeps(d time.Duration) { time.Sleep(d) }

// ended marks a worker's execution as known to have ended.
func (r *rig) ended(t hold.Task) {
	r.Helper()
	w, found, err := r.registry.Worker(r.Context(), t.Worker)
	require.NoError(r, err)
	require.True(r, found)
	_, err = r.registry.MarkEnded(r.Context(), w, time.Now().Add(hold.Linger(r.config)+registry.ClockMargin).UnixMilli())
	require.NoError(r, err)
}

func (r *rig) send(body string) string {
	r.Helper()
	out, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.config.QueueURL, MessageBody: &body})
	require.NoError(r, err)
	return *out.MessageId
}

// receive waits up to 20 seconds for the next message, hidden for the lease.
func (r *rig) receive() (message.Record, bool) {
	r.Helper()
	records, err := queue.New(r.runtime.Config(), r.config.QueueURL, r.config.QueueARN).Receive(r.Context(), 1, 20*time.Second, leased)
	require.NoError(r, err)
	if len(records) == 0 {
		return message.Record{}, false
	}
	return records[0], true
}

// must is a message that is there.
func (r *rig) must() message.Record {
	r.Helper()
	m, ok := r.receive()
	require.True(r, ok, "no message")
	return m
}

// takes receives a message for a task, which must get it.
func (r *rig) takes(t hold.Task) message.Record {
	r.Helper()
	m := r.must()
	mine, err := r.keeper().Take(r.Context(), t, m)
	require.NoError(r, err)
	require.True(r, mine)
	return m
}

// refused receives a message for a task, which must not get it.
func (r *rig) refused(t hold.Task) {
	r.Helper()
	mine, err := r.keeper().Take(r.Context(), t, r.must())
	require.NoError(r, err)
	require.False(r, mine)
}

// tick tends all holds.
func (r *rig) tick() error {
	r.Helper()
	holds, err := r.registry.Holds(r.Context())
	require.NoError(r, err)
	s, err := r.registry.Snapshot(r.Context())
	require.NoError(r, err)
	workers := map[string]registry.Worker{}
	for _, w := range s.Workers {
		workers[w.ID()] = w
	}
	return r.keeper().Tend(r.Context(), "tick", time.Now(), holds, workers)
}

// ticks tends all holds for a time, as often as is needed.
func (r *rig) ticks(d time.Duration) {
	r.Helper()
	for ; d > 0; d -= heartbeat {
		require.NoError(r, r.tick())
		time.Sleep(min(d, heartbeat))
	}
}

// held is the one hold there is.
func (r *rig) held() registry.Hold {
	r.Helper()
	holds, err := r.registry.Holds(r.Context())
	require.NoError(r, err)
	require.Len(r, holds, 1)
	return holds[0]
}

// nothing checks that no hold and no object is left.
func (r *rig) nothing() {
	r.Helper()
	holds, err := r.registry.Holds(r.Context())
	require.NoError(r, err)
	require.Empty(r, holds)
	list, err := r.objects.ListObjectsV2(r.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("bodies")})
	require.NoError(r, err)
	require.Empty(r, list.Contents)
}

// depth is how many messages a queue holds, visible and not.
func (r *rig) depth(url string) queue.Depth {
	r.Helper()
	d, err := queue.New(r.runtime.Config(), url, "").Depth(r.Context())
	require.NoError(r, err)
	return d
}

// release settles a task's message.
func (r *rig) release(t hold.Task, m message.Record, end hold.End) {
	r.Helper()
	require.NoError(r, r.keeper().Release(r.Context(), t, queue.Hold([]message.Record{m})[0], end))
}

// fault makes an operation fail for so many times.
func (r *rig) fault(service, operation string, kind api.FaultKind, times int) {
	r.runtime.Router.Faults.Add(api.Fault{Service: service, Operation: operation, Kind: kind, Times: times, Error: &api.Error{Code: "AccessDenied", Message: "not yours", Status: 403}})
}
