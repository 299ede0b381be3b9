package function

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	golambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/registry/registrytest"
)

// rig is an account with what a fleet's functions use, and the worker "a".
type rig struct {
	*testing.T
	runtime *local.Runtime
	// variables of the functions.
	variables map[string]string
}

func inBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		cfg := runtime.Config()
		registrytest.CreateTable(t, cfg, "muster")
		_, err = sqs.NewFromConfig(cfg).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs")})
		require.NoError(t, err)
		objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
		_, err = objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bodies")})
		require.NoError(t, err)
		r := &rig{t, runtime, maps.Clone(values)}
		for _, name := range []string{"PROCESS_HANDLER", "TRANSFORM_HANDLER"} {
			r.variables[name] = runtime.Account.ARN("lambda", "function:"+name)
			require.NoError(t, runtime.Lambda.Put(lambda.Function{Name: name, Code: lambda.Func(func(_ context.Context, event []byte) ([]byte, error) { return event, nil })}))
		}
		require.NoError(t, r.registry().Commit(t.Context(), registry.Control{}, registry.Change{Reserve: []registry.Worker{{
			Item: "worker#a", State: registry.Reserved, Holder: "worker-a-1", Generation: 1, Orders: registry.CarryOn, Parallelism: 1,
			ReservedAt: "2000-01-01T00:00:00.000Z", ReportedAt: "2000-01-01T00:00:00.000Z",
		}}}))
		test(r)
	})
}

func (r *rig) registry() *registry.Registry {
	return registry.New(r.runtime.Config(), "muster", "jobs")
}

func (r *rig) send(body string) {
	r.Helper()
	url := values["QUEUE_URL"]
	_, err := sqs.NewFromConfig(r.runtime.Config()).SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
	require.NoError(r, err)
}

// invoke runs a function as Lambda does.
func invoke[I, O any](r *rig, wire Wire[I, O], payload string) map[string]any {
	r.Helper()
	handler, err := wire(r.runtime.Config(), in(r.variables))
	require.NoError(r, err)
	ctx := lambdacontext.NewContext(r.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-7"})
	out, err := golambda.NewHandler(handler).Invoke(ctx, []byte(payload))
	require.NoError(r, err)
	var reply map[string]any
	require.NoError(r, json.Unmarshal(out, &reply))
	return reply
}

func TestTheAutoscalerIsWired(t *testing.T) {
	inBubble(t, func(r *rig) {
		reply := invoke(r, Autoscaler, `{"tick":"arn:tick","trigger":{"source":"muster"}}`)
		starts, ok := reply["starts"].([]any)
		require.True(r, ok)
		require.Len(r, starts, 2, "the minimum is three, one has a slot")
		start := starts[0].(map[string]any)
		assert.Equal(r, map[string]any{
			"fleet": "jobs", "worker": start["worker"], "lane": "stream",
			"timeouts": map[string]any{
				"process": 61.0, "processLarge": 121.0, "transform": 111.0, "heartbeat": 29.0, "transformHeartbeat": 21.0, "silence": 29.0,
			},
			"pump": map[string]any{"shift": 0.0}, "batch": map[string]any{"seq": 0.0, "empty": 0.0},
		}, start["input"])
		assert.Contains(r, reply["reason"], "the minimum keeps 3")
	})
}

func TestThePumpIsWired(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		assert.Equal(r, map[string]any{
			"next": "go home", "shift": 5.0, "waitUntil": "", "handled": 1.0, "failed": 0.0, "filtered": 0.0, "trouble": "",
		}, invoke(r, Pump, `{"fleet":"jobs","worker":"a","execution":"worker-a-1","shift":4}`))
		s, err := r.registry().Snapshot(r.Context())
		require.NoError(r, err)
		assert.Equal(r, "request-7", s.Workers[0].LastToken, "Lambda's request is the token")
	})
}

func TestTheStepsLaneIsWired(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.variables["LANE"], r.variables["BATCHING_WINDOW_SECONDS"] = "steps", "0"
		r.send(strings.Repeat("x", 200_000))
		batch := invoke(r, Poll, `{"fleet":"jobs","worker":"a","execution":"worker-a-1","seq":0,"empty":0,"timeouts":{"heartbeat":9}}`)
		assert.Equal(r, "transform", batch["next"])
		assert.Equal(r, "bodies/jobs/worker-a-1/request-7.json", batch["object"])

		state, err := json.Marshal(batch)
		require.NoError(r, err)
		batch = invoke(r, Courier, fmt.Sprintf(`{"stage":"transform","fleet":"jobs","worker":"a","execution":"worker-a-1","batch":%s}`, state))
		assert.Equal(r, "process large", batch["next"])

		state, err = json.Marshal(batch)
		require.NoError(r, err)
		batch = invoke(r, Courier, fmt.Sprintf(`{"stage":"process","fleet":"jobs","worker":"a","execution":"worker-a-1","batch":%s}`, state))
		assert.Equal(r, "settle", batch["next"])

		state, err = json.Marshal(map[string]any{
			"fleet": "jobs", "worker": "a", "execution": "worker-a-1", "seq": batch["seq"], "object": batch["object"], "messages": batch["messages"], "reply": nil, "error": nil,
		})
		require.NoError(r, err)
		assert.Equal(r, map[string]any{"seq": 1.0, "empty": 0.0}, invoke(r, Settle, string(state)))
		s, err := r.registry().Snapshot(r.Context())
		require.NoError(r, err)
		c := s.Workers[0].Counts
		assert.NotZero(r, c.Took)
		c.Rate, c.Took = 0, 0
		c.BusySeconds = 0
		assert.Equal(r, registry.Counts{Handled: 1, Unmatched: 1, Events: 1}, c)
	})
}

func TestARequestWithoutANameGetsOne(t *testing.T) {
	one, other := requestID(t.Context()), requestID(lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{}))
	assert.Len(t, one, 36)
	assert.Len(t, other, 36)
	assert.NotEqual(t, one, other)
}

func TestErrorsAreNamed(t *testing.T) {
	refused := fmt.Errorf("receive from jobs: %w", &smithy.GenericAPIError{Code: "AccessDenied", Message: "not yours"})
	for name, c := range map[string]struct{ err, want error }{
		"none":               {nil, nil},
		"our own":            {fmt.Errorf("the batch is no event: %w", errors.New("eof")), messages.InvokeResponse_Error{Type: "Muster.Failed", Message: "the batch is no event: eof"}},
		"AWS's":              {refused, messages.InvokeResponse_Error{Type: "AccessDenied", Message: "receive from jobs: api error AccessDenied: not yours"}},
		"a handler's":        {fmt.Errorf("hand over: %w", &handler.FunctionError{Type: "errorString", Message: "no"}), messages.InvokeResponse_Error{Type: "errorString", Message: "no"}},
		"AWS's among others": {errors.Join(errors.New("first"), refused), messages.InvokeResponse_Error{Type: "AccessDenied", Message: "first\nreceive from jobs: api error AccessDenied: not yours"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := named(func(_ context.Context, in int) (string, error) { return fmt.Sprint(in), c.err })(t.Context(), 7)
			assert.Equal(t, "7", out)
			assert.Equal(t, c.want, err)
		})
	}
}
