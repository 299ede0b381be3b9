package esm_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// The embedded AWS's own event source mappings do what AWS's pages say: what a fleet
// is compared with, and what it takes over from in other tests, is the same thing.
func TestMappings(t *testing.T) {
	for _, cases := range [][]conformanceCase{replies, failures} {
		for _, c := range cases {
			if c.says == "" {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, c.runMapping)
			})
		}
	}
}

func (c conformanceCase) runMapping(t *testing.T) {
	r, err := local.Start(local.Options{})
	require.NoError(t, err)
	defer func() { assert.NoError(t, r.Close()) }()
	h := &handler{c: c, calls: map[string][]call{}}
	role := r.IAM.Put("process", []string{"lambda.amazonaws.com"}, "sqs:*")
	require.NoError(t, r.Lambda.Put(lambda.Function{Name: "process", Timeout: 10, Role: role, Code: lambda.Func(h.invoke)}))
	queues := sqs.NewFromConfig(r.Config())
	queue, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs"), Attributes: map[string]string{"VisibilityTimeout": "60"}})
	require.NoError(t, err)
	for _, body := range []string{"a", "b", "c"} {
		_, err := queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: &body})
		require.NoError(t, err)
	}
	if c.fault != nil {
		fault := c.fault()
		fault.Service, fault.Operation, fault.Kind = "lambda", "Invoke", api.Fail
		if fault.Match == nil {
			fault.Match = invokesHandler
		}
		r.Router.Faults.Add(fault)
	}
	_, err = awslambda.NewFromConfig(r.Config()).CreateEventSourceMapping(t.Context(), &awslambda.CreateEventSourceMappingInput{
		EventSourceArn: aws.String(r.Account.ARN("sqs", "jobs")), FunctionName: aws.String("process"),
		FunctionResponseTypes: []types.FunctionResponseType{types.FunctionResponseTypeReportBatchItemFailures},
	})
	require.NoError(t, err)
	time.Sleep(15 * time.Minute)
	synctest.Wait()

	var returned string
	for _, body := range []string{"a", "b", "c"} {
		calls := h.calls[body]
		require.NotEmpty(t, calls, "message %s reached no handler", body)
		if calls[len(calls)-1].receives > 1 {
			returned += body
		}
	}
	assert.Equal(t, c.returned, returned, "the messages that were returned")
	depth, _ := r.SQS.Depth("jobs")
	assert.Zero(t, depth.Visible+depth.NotVisible, "what was not returned was deleted")
}
