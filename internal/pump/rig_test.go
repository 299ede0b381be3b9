package pump_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/registry/registrytest"
)

// Handler of a test: an event in, a reply out.
type Handler func(ctx context.Context, e message.Event) (any, error)

// rig is an account with a queue, a registry and two handlers, and one worker of
// two batches.
type rig struct {
	*testing.T
	runtime  *local.Runtime
	registry *registry.Registry
	client   *sqs.Client
	url      string
	// config of the pump: handlers of 10 seconds, 20 seconds of idleness.
	config fleet.Settings
	// began is when the test did.
	began time.Time

	mu sync.Mutex
	// starts are when the process handler was invoked, since the test began.
	starts []time.Duration
	// running is how many handlers run.
	running int
}

// slot is the worker as it was reserved, with changes.
func slot(changes ...func(*registry.Worker)) registry.Worker {
	w := registry.Worker{
		Item: "worker#a", State: registry.Reserved, Holder: "worker-a-1", Generation: 1, Orders: registry.CarryOn,
		Lane: "stream", Parallelism: 2, ReservedAt: "2000-01-01T00:00:00.000Z", ReportedAt: "2000-01-01T00:00:00.000Z",
	}
	for _, change := range changes {
		change(&w)
	}
	return w
}

// inBubble runs a test whose worker's slot is as given.
func inBubble(t *testing.T, process Handler, worker registry.Worker, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		cfg := runtime.Config()
		registrytest.CreateTable(t, cfg, "muster")
		r := &rig{T: t, runtime: runtime, registry: registry.New(cfg, "muster", "jobs"), client: sqs.NewFromConfig(cfg), began: time.Now()}
		out, err := r.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs")})
		require.NoError(t, err)
		r.url = *out.QueueUrl
		r.config = fleet.Settings{
			Lane: fleet.Stream, Target: fleet.Lambda, Mode: fleet.Sync, TransformMode: fleet.Sync, Unmatched: fleet.ToHandler, BodiesInState: fleet.SmallBodies,
			Fleet: "jobs", Table: "muster", QueueURL: r.url, QueueARN: "arn:aws:sqs:us-east-1:123456789012:jobs",
			Process: r.put("process", 10*time.Second, process), BatchSize: 10, Idle: 20 * time.Second,
			Backoff: message.Backoff{Base: 4 * time.Second, Max: 4 * time.Second}, PumpMemory: 430,
		}
		require.NoError(t, r.registry.Commit(t.Context(), registry.Control{}, registry.Change{Reserve: []registry.Worker{worker}}))
		test(r)
	})
}

// put makes a handler.
func (r *rig) put(name string, timeout time.Duration, h Handler) handler.Target {
	r.Helper()
	require.NoError(r, r.runtime.Lambda.Put(lambda.Function{Name: name, Timeout: int(timeout / time.Second), Code: lambda.Func(func(ctx context.Context, payload []byte) ([]byte, error) {
		if name == "process" {
			r.mu.Lock()
			r.starts = append(r.starts, time.Since(r.began))
			r.mu.Unlock()
		}
		r.runs(1)
		defer r.runs(-1)
		var e message.Event
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		reply, err := h(ctx, e)
		if err != nil {
			return nil, err
		}
		return json.Marshal(reply)
	})}))
	return handler.Target{ARN: r.runtime.Account.ARN("lambda", "function:"+name), Timeout: timeout}
}

// runs counts the handlers that run.
func (r *rig) runs(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running += n
	return r.running
}

// takes is a handler that takes a while and succeeds.
func takes(d time.Duration) Handler {
	return func(ctx context.Context, _ message.Event) (any, error) {
		select {
		case <-time.After(d):
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// shift works a shift as Lambda invokes it, with 15 minutes to go.
func (r *rig) shift(token string) (pump.Output, error) {
	r.Helper()
	return r.shiftOf(token, 15*time.Minute, pump.Input{Fleet: "jobs", Worker: "a", Execution: "worker-a-1", Shift: 4})
}

func (r *rig) shiftOf(token string, timeout time.Duration, in pump.Input) (pump.Output, error) {
	r.Helper()
	p, err := pump.New(r.runtime.Config(), r.config)
	require.NoError(r, err)
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	return p.Shift(ctx, token, in)
}

// dies works a shift that is cut off from everything after a while, as when its
// function dies: what it asked for until then goes on.
func (r *rig) dies(after time.Duration) {
	r.Helper()
	p, err := pump.New(r.runtime.Config(), r.config)
	require.NoError(r, err)
	ctx, die := context.WithTimeout(r.Context(), 15*time.Minute)
	defer die()
	go func() {
		<-time.After(after)
		die()
	}()
	_, err = p.Shift(ctx, "t1", pump.Input{Worker: "a", Execution: "worker-a-1"})
	assert.Error(r, err)
}

// started are when the process handler was invoked, since the test began.
func (r *rig) started() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.starts)
}

// send puts n messages on the queue.
func (r *rig) send(n int) {
	r.Helper()
	for n > 0 {
		var entries []sqstypes.SendMessageBatchRequestEntry
		for i := range min(n, 10) {
			entries = append(entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(fmt.Sprintf("job %d", n-i))})
		}
		_, err := r.client.SendMessageBatch(r.Context(), &sqs.SendMessageBatchInput{QueueUrl: &r.url, Entries: entries})
		require.NoError(r, err)
		n -= len(entries)
	}
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

// tally is what is left of workers that went home.
func (r *rig) tally() registry.Tally {
	r.Helper()
	tally, err := r.registry.Tally(r.Context())
	require.NoError(r, err)
	return tally
}

// order leaves orders for the worker.
func (r *rig) order(o registry.Orders) {
	r.Helper()
	_, err := r.registry.Order(r.Context(), r.worker(), o)
	require.NoError(r, err)
}

// idle checks that the slot says nothing of a shift any more.
func (r *rig) idle(token string) {
	r.Helper()
	w := r.worker()
	assert.Empty(r, w.Token)
	assert.Equal(r, token, w.LastToken)
	assert.Zero(r, w.BusyUntil)
	assert.Zero(r, w.InHand)
	assert.Zero(r, w.InHandMessages)
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

// fail makes an operation fail, in a way that is not tried again, for so many
// times. 0 is for ever.
func (r *rig) fail(operation string, times int) (hits func() int, mend func()) {
	return r.runtime.Router.Faults.Add(api.Fault{Operation: operation, Kind: api.Fail, Times: times, Error: api.Errorf("AccessDeniedException", "not yours")})
}
