package cli

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
)

// A queue that was empty when destroy looked may be no more when it is deleted.
func TestAQueueThatGotMessagesIsKept(t *testing.T) {
	t.Parallel()
	runtime, err := local.Start(local.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, runtime.Close()) }()
	queues := sqs.NewFromConfig(runtime.Config())
	q, err := queues.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead")})
	require.NoError(t, err)
	_, err = queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: q.QueueUrl, MessageBody: aws.String("late")})
	require.NoError(t, err)

	b := &belonging{Type: "AWS::SQS::Queue", PhysicalID: *q.QueueUrl, delete: true}
	require.EqualError(t, b.remove(t.Context(), runtime.Config(), false), "the queue "+*q.QueueUrl+" is kept: 1 messages have come to it meanwhile")
	assert.False(t, b.delete)
	assert.Equal(t, 1, b.Messages)
	require.NoError(t, b.remove(t.Context(), runtime.Config(), true))
	all, err := queues.ListQueues(t.Context(), &sqs.ListQueuesInput{})
	require.NoError(t, err)
	assert.Empty(t, all.QueueUrls)
}
