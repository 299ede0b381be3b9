package steps_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/registry/registrytest"
	"github.com/musterq/muster/internal/steps"
)

// Handler of a test: an event in, a reply out.
type Handler func(ctx context.Context, e message.Event) (any, error)

// rig is an account with a queue, a registry, a bucket, two handlers and the
// worker "a" of the execution "worker-a-1".
type rig struct {
	*testing.T
	runtime  *local.Runtime
	registry *registry.Registry
	client   *sqs.Client
	objects  *s3.Client
	url      string
	// config of the lane: a process handler of 30 seconds and no transform handler.
	config fleet.Settings
	job    fleet.Job

	mu sync.Mutex
	// invoked are the messages of each event that a handler got.
	invoked []string
}

// slot is the worker as it was reserved, with changes.
func slot(changes ...func(*registry.Worker)) registry.Worker {
	w := registry.Worker{
		Fleet: "jobs", Item: "worker#a", State: registry.Reserved, Holder: "worker-a-1", Generation: 1, Orders: registry.CarryOn,
		Lane: "steps", Parallelism: 1, ReservedAt: "2000-01-01T00:00:00.000Z", ReportedAt: "2000-01-01T00:00:00.000Z",
	}
	for _, change := range changes {
		change(&w)
	}
	return w
}

func stay(w *registry.Worker) { w.Stay = true }

func ordered(o registry.Orders) func(*registry.Worker) {
	return func(w *registry.Worker) { w.Orders = o }
}

// inHand is a worker that has polled the batch.
func inHand(seq int64) func(*registry.Worker) {
	return func(w *registry.Worker) { w.State, w.Seq = registry.Working, seq }
}

// inBubble runs a test whose worker's slot is as given.
func inBubble(t *testing.T, worker registry.Worker, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		cfg := runtime.Config()
		registrytest.CreateTable(t, cfg, "muster")
		r := &rig{
			T: t, runtime: runtime, registry: registry.New(cfg, "muster", "jobs"), client: sqs.NewFromConfig(cfg),
			objects: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		}
		q, err := r.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{
			QueueName: aws.String("jobs"), Attributes: map[string]string{"ReceiveMessageWaitTimeSeconds": "20"},
		})
		require.NoError(t, err)
		r.url = *q.QueueUrl
		_, err = r.objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bodies")})
		require.NoError(t, err)
		r.config = fleet.Settings{
			Lane: fleet.Steps, Target: fleet.Lambda, Mode: fleet.Sync, TransformMode: fleet.Sync, Unmatched: fleet.ToHandler, BodiesInState: fleet.SmallBodies,
			Fleet: "jobs", Table: "muster", QueueURL: r.url, QueueARN: "arn:aws:sqs:us-east-1:123456789012:jobs", Bucket: "bodies",
			Process: handler.Target{ARN: r.arn("process"), Timeout: 30 * time.Second}, Heartbeat: 30 * time.Second, BatchSize: 10, Idle: 50 * time.Second,
			Backoff: message.Backoff{Base: 4 * time.Second, Max: 4 * time.Second},
		}
		require.NoError(t, r.registry.Commit(t.Context(), registry.Control{}, registry.Change{Reserve: []registry.Worker{worker}}))
		test(r)
	})
}

func (r *rig) arn(function string) string {
	return r.runtime.Account.ARN("lambda", "function:"+function)
}

// put makes a handler.
func (r *rig) put(name string, timeout time.Duration, h Handler) handler.Target {
	r.Helper()
	require.NoError(r, r.runtime.Lambda.Put(lambda.Function{Name: name, Timeout: int(timeout / time.Second), Code: lambda.Func(func(ctx context.Context, payload []byte) ([]byte, error) {
		var e message.Event
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		var ids []string
		for _, record := range e.Records {
			ids = append(ids, record.MessageID)
		}
		r.mu.Lock()
		r.invoked = append(r.invoked, name+" "+strings.Join(ids, ","))
		r.mu.Unlock()
		reply, err := h(ctx, e)
		if err != nil {
			return nil, err
		}
		return json.Marshal(reply)
	})}))
	return handler.Target{ARN: r.arn(name), Timeout: timeout}
}

// invocations of handlers so far.
func (r *rig) invocations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.invoked
}

func (r *rig) lane() *steps.Lane {
	lane, err := steps.New(r.runtime.Config(), r.config, r.job, "arn:aws:states:us-east-1:123456789012:stateMachine:jobs-worker")
	require.NoError(r, err)
	return lane
}

// counts of the worker, but for how fast its last batch was.
func (r *rig) counts() registry.Counts {
	r.Helper()
	c := r.worker().Counts
	c.Rate, c.Took, c.Events, c.BusySeconds = 0, 0, 0, 0
	return c
}

// poll polls as the state machine does.
func (r *rig) poll(seq int64, empty int) (steps.Batch, error) {
	return r.lane().Poll(r.Context(), "request-1", steps.PollInput{
		Fleet: "jobs", Worker: "a", Execution: "worker-a-1", Seq: seq, Empty: empty, Timeouts: ptr(steps.TimeoutsOf(r.config)),
	})
}

func ptr[T any](v T) *T { return &v }

// send sends messages and returns their IDs.
func (r *rig) send(bodies ...string) []string {
	r.Helper()
	var ids []string
	for _, body := range bodies {
		out, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: aws.String(body)})
		require.NoError(r, err)
		ids = append(ids, *out.MessageId)
	}
	return ids
}

// take receives the messages with these bodies, hidden for an hour.
func (r *rig) take(bodies ...string) []message.Record {
	r.Helper()
	r.send(bodies...)
	records, err := queue.New(r.runtime.Config(), r.url, r.config.QueueARN).Receive(r.Context(), 10, 20*time.Second, time.Hour)
	require.NoError(r, err)
	require.Len(r, records, len(bodies))
	return records
}

// depth is what the queue holds.
func (r *rig) depth() queue.Depth {
	r.Helper()
	d, err := queue.New(r.runtime.Config(), r.url, "").Depth(r.Context())
	require.NoError(r, err)
	return d
}

// worker is the slot as it is now.
func (r *rig) worker() registry.Worker {
	r.Helper()
	s, err := r.registry.Snapshot(r.Context())
	require.NoError(r, err)
	require.Len(r, s.Workers, 1)
	return s.Workers[0]
}

// bodies are the objects in the bucket.
func (r *rig) bodies() map[string]string {
	r.Helper()
	list, err := r.objects.ListObjectsV2(r.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("bodies")})
	require.NoError(r, err)
	all := map[string]string{}
	for _, o := range list.Contents {
		out, err := r.objects.GetObject(r.Context(), &s3.GetObjectInput{Bucket: aws.String("bodies"), Key: o.Key})
		require.NoError(r, err)
		body, err := io.ReadAll(out.Body)
		require.NoError(r, err)
		all[*o.Key] = string(body)
	}
	return all
}

// keep puts a batch's records into the bucket, as a poll does.
func (r *rig) keep(key string, records []message.Record) {
	r.Helper()
	payload, err := message.Event{Records: records}.Encode()
	require.NoError(r, err)
	r.store(key, string(payload))
}

// store puts an object into the bucket.
func (r *rig) store(key, body string) {
	r.Helper()
	_, err := r.objects.PutObject(r.Context(), &s3.PutObjectInput{Bucket: aws.String("bodies"), Key: &key, Body: strings.NewReader(body)})
	require.NoError(r, err)
}

// kept are the records of an event in the bucket.
func (r *rig) kept(key string) []message.Record {
	r.Helper()
	var e message.Event
	require.NoError(r, json.Unmarshal([]byte(r.bodies()[key]), &e))
	return e.Records
}

// fail makes an operation fail, in a way that is not tried again.
func (r *rig) fail(operation string) {
	r.runtime.Router.Faults.Add(api.Fault{Operation: operation, Kind: api.Fail, Error: &api.Error{Code: "AccessDenied", Message: "not yours", Status: 403}})
}

// throttle makes Lambda throttle the handlers.
func (r *rig) throttle() {
	r.runtime.Router.Faults.Add(api.Fault{
		Service: "lambda", Operation: "Invoke", Kind: api.Fail,
		Error: &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429},
	})
}

// items are a batch's messages, without their handles.
func items(b steps.Batch) []steps.Item {
	var all []steps.Item
	for _, m := range b.Messages {
		m.ReceiptHandle, m.Received = "", time.Time{}
		all = append(all, m)
	}
	return all
}

// noRecords is an event as the state machine keeps it.
var noRecords = message.Event{Records: []message.Record{}}

// whole checks that the state machine finds every path of a batch.
func whole(r *rig, b steps.Batch) {
	r.Helper()
	state, err := json.Marshal(b)
	require.NoError(r, err)
	var fields map[string]json.RawMessage
	require.NoError(r, json.Unmarshal(state, &fields))
	var names []string
	for _, name := range []string{"next", "seq", "empty", "busyUntil", "event", "object", "messages", "handler", "transformHandler", "job", "reply", "error", "silence"} {
		if _, ok := fields[name]; ok {
			names = append(names, name)
		}
	}
	assert.Equal(r, []string{"next", "seq", "empty", "busyUntil", "event", "object", "messages", "handler", "transformHandler", "job", "reply", "error", "silence"}, names)
	assert.NotEqual(r, "null", string(fields["messages"]))
	assert.NotContains(r, string(fields["event"]), "null")
	assert.Less(r, len(state), 200*1024)
}
