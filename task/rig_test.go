package task_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/task"
)

// heartbeat is the heartbeat time-out of the tasks.
const heartbeat = 5 * time.Minute

// rig is an account with a queue, a bucket and a state machine that waits for a
// task.
type rig struct {
	*testing.T
	runtime    *local.Runtime
	queue      *sqs.Client
	executions *sfn.Client
	url        string
	execution  string
	token      string
	handle     string
}

// inBubble runs a test with a task of one message, which is hidden for ten
// minutes.
func inBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		r := &rig{T: t, runtime: runtime, queue: sqs.NewFromConfig(runtime.Config()), executions: sfn.NewFromConfig(runtime.Config())}
		q, err := r.queue.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs")})
		require.NoError(t, err)
		r.url = *q.QueueUrl
		_, err = r.queue.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: aws.String("encode the film")})
		require.NoError(t, err)
		out, err := r.queue.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &r.url, VisibilityTimeout: 600})
		require.NoError(t, err)
		r.handle = *out.Messages[0].ReceiptHandle
		r.token = r.waits()
		test(r)
	})
}

// waits starts the execution and returns its task's token.
func (r *rig) waits() string {
	r.Helper()
	tokens := make(chan string, 1)
	require.NoError(r, r.runtime.Lambda.Put(lambda.Function{Name: "take", Timeout: 60, Code: lambda.Func(func(_ context.Context, payload []byte) ([]byte, error) {
		var token string
		err := json.Unmarshal(payload, &token)
		tokens <- token
		return nil, err
	})}))
	m, err := r.executions.CreateStateMachine(r.Context(), &sfn.CreateStateMachineInput{
		Name: aws.String("waits"), RoleArn: aws.String(r.runtime.IAM.Put("worker", []string{"states.amazonaws.com"}, "lambda:InvokeFunction")),
		Definition: aws.String(`{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","HeartbeatSeconds":300,
			"Parameters":{"FunctionName":"take","Payload.$":"$$.Task.Token"},"End":true}}}`),
	})
	require.NoError(r, err)
	e, err := r.executions.StartExecution(r.Context(), &sfn.StartExecutionInput{StateMachineArn: m.StateMachineArn})
	require.NoError(r, err)
	r.execution = *e.ExecutionArn
	return <-tokens
}

// event is what the handler gets.
func (r *rig) event() []byte {
	return fmt.Appendf(nil, `{"Records":[{"messageId":"m","receiptHandle":%q,"body":"encode the film","attributes":{"ApproximateReceiveCount":"2"},
		"messageAttributes":{"kind":{"stringValue":"film","stringListValues":[],"binaryListValues":[],"dataType":"String"}}}],
		"taskToken":%q,"heartbeatSeconds":300,"queueUrl":%q}`, r.handle, r.token, r.url)
}

// task is the task.
func (r *rig) task() *task.Task {
	r.Helper()
	t, err := task.FromEvent(r.Context(), r.event(), task.WithConfig(r.runtime.Config()))
	require.NoError(r, err)
	return t
}

// ends is how the execution is: its status, output, error and cause.
func (r *rig) ends() []string {
	r.Helper()
	time.Sleep(time.Second)
	out, err := r.executions.DescribeExecution(r.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &r.execution})
	require.NoError(r, err)
	return []string{string(out.Status), aws.ToString(out.Output), aws.ToString(out.Error), aws.ToString(out.Cause)}
}

// hidden says whether the message is invisible.
func (r *rig) hidden() bool {
	r.Helper()
	out, err := r.queue.GetQueueAttributes(r.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &r.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	require.NoError(r, err)
	return out.Attributes["ApproximateNumberOfMessagesNotVisible"] == "1"
}

// fault makes an operation fail.
func (r *rig) fault(operation string, times int, kind api.FaultKind) (mend func()) {
	_, mend = r.runtime.Router.Faults.Add(api.Fault{Operation: operation, Kind: kind, Times: times, Error: &api.Error{Code: "AccessDenied", Message: "not yours", Status: 403}})
	return mend
}

// store puts an object into the bucket bodies.
func (r *rig) store(key string, body []byte) {
	r.Helper()
	objects := s3.NewFromConfig(r.runtime.Config(), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := objects.CreateBucket(r.Context(), &s3.CreateBucketInput{Bucket: aws.String("bodies")})
	require.NoError(r, err)
	_, err = objects.PutObject(r.Context(), &s3.PutObjectInput{Bucket: aws.String("bodies"), Key: &key, Body: bytes.NewReader(body)})
	require.NoError(r, err)
}

// stop aborts the execution.
func (r *rig) stop() {
	r.Helper()
	_, err := r.executions.StopExecution(r.Context(), &sfn.StopExecutionInput{ExecutionArn: &r.execution})
	require.NoError(r, err)
}

func (r *rig) sleeps(d time.Duration) { time.Sleep(d) }
