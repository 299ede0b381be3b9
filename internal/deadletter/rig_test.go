package deadletter_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/deadletter"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
)

// rig is a dead-letter queue and the queue that its messages came from.
type rig struct {
	*testing.T
	*deadletter.Queue
	runtime      *local.Runtime
	client       *sqs.Client
	dead, source string
	to           *deadletter.Target
}

func inBubble(t *testing.T, test func(r *rig)) { withQueues(t, "", nil, test) }

func withQueues(t *testing.T, suffix string, attributes map[string]string, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		r := &rig{T: t, runtime: runtime, client: sqs.NewFromConfig(runtime.Config())}
		r.dead, r.source = r.queue("dead"+suffix, attributes), r.queue("source"+suffix, attributes)
		r.Queue, r.to = deadletter.Open(runtime.Config(), r.dead), deadletter.OpenTarget(runtime.Config(), r.source)
		test(r)
	})
}

func (r *rig) queue(name string, attributes map[string]string) string {
	r.Helper()
	out, err := r.client.CreateQueue(r.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	require.NoError(r, err)
	return *out.QueueUrl
}

// fill puts n messages into the dead-letter queue, "job 0" to "job n-1", of which
// every third has the attribute kind=bad.
func (r *rig) fill(n int) {
	r.Helper()
	for i := range n {
		in := &sqs.SendMessageInput{QueueUrl: &r.dead, MessageBody: aws.String(fmt.Sprintf("job %d", i))}
		if bad(i) {
			in.MessageAttributes = map[string]types.MessageAttributeValue{"kind": text("bad")}
		}
		_, err := r.client.SendMessage(r.Context(), in)
		require.NoError(r, err)
	}
}

func bad(i int) bool { return i%3 == 0 }

// theBad filter lets through what fill made bad.
var theBad = deadletter.Filter{Attributes: map[string]string{"kind": "bad"}}

func text(value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
}

// all takes everything visible out of a queue.
func (r *rig) all(url string) []types.Message {
	r.Helper()
	var all []types.Message
	for {
		out, err := r.client.ReceiveMessage(r.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1,
			MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		})
		require.NoError(r, err)
		if len(out.Messages) == 0 {
			return all
		}
		all = append(all, out.Messages...)
		for _, m := range out.Messages {
			_, err := r.client.DeleteMessage(r.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
			require.NoError(r, err)
		}
	}
}

// jobs takes everything visible out of a queue and counts each job.
func (r *rig) jobs(url string) map[int]int {
	r.Helper()
	found := map[int]int{}
	for _, m := range r.all(url) {
		var n int
		_, err := fmt.Sscanf(*m.Body, "job %d", &n)
		require.NoError(r, err, *m.Body)
		found[n]++
	}
	return found
}

// depth of a queue: what is visible, and what is hidden.
func (r *rig) depth(url string) (visible, hidden int) {
	r.Helper()
	out, err := r.client.GetQueueAttributes(r.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"},
	})
	require.NoError(r, err)
	visible, err = strconv.Atoi(out.Attributes["ApproximateNumberOfMessages"])
	require.NoError(r, err)
	hidden, err = strconv.Atoi(out.Attributes["ApproximateNumberOfMessagesNotVisible"])
	require.NoError(r, err)
	return visible, hidden
}

// fault arms a fault of SQS.
func (r *rig) fault(operation string, kind api.FaultKind, skip, times int) {
	r.runtime.Router.Faults.Add(api.Fault{Service: "sqs", Operation: operation, Kind: kind, Skip: skip, Times: times})
}

// jobsThat are the numbers below n that pass.
func jobsThat(n int, pass func(int) bool) []int {
	var list []int
	for i := range n {
		if pass(i) {
			list = append(list, i)
		}
	}
	return list
}

func keys(m map[int]int) []int { return slices.Sorted(maps.Keys(m)) }

// seeRegion notes the region of each request.
func seeRegion(regions *[]string) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Initialize.Add(middleware.InitializeMiddlewareFunc("see region", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			*regions = append(*regions, awsmiddleware.GetRegion(ctx))
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	}
}
