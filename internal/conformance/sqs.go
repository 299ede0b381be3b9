package conformance

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"
)

func sqsAPI(operation string) string {
	return "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_" + operation + ".html"
}

func sqsGuide(page string) string {
	return "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/" + page + ".html"
}

// queue makes a queue with a name of its own and returns its URL.
func (c *Clients) queue(t *testing.T, attributes map[string]string) string {
	t.Helper()
	out, err := c.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(fresh()), Attributes: attributes})
	require.NoError(t, err)
	cleanUp(t, func(ctx context.Context) error {
		_, err := c.SQS.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
		return err
	})
	return *out.QueueUrl
}

// queueName is the last part of a queue's URL.
func queueName(url string) string { return url[strings.LastIndex(url, "/")+1:] }

// queueWithDeadLetters makes a queue and its dead-letter queue.
func (c *Clients) queueWithDeadLetters(t *testing.T, maxReceiveCount int, attributes map[string]string) (queue, deadLetters string) {
	t.Helper()
	deadLetters = c.queue(t, nil)
	all := map[string]string{"RedrivePolicy": redrivePolicy(t, c.queueARN(t, deadLetters), maxReceiveCount)}
	for name, value := range attributes {
		all[name] = value
	}
	return c.queue(t, all), deadLetters
}

func redrivePolicy(t *testing.T, arn string, maxReceiveCount int) string {
	policy, err := json.Marshal(map[string]any{"deadLetterTargetArn": arn, "maxReceiveCount": maxReceiveCount})
	require.NoError(t, err)
	return string(policy)
}

func (c *Clients) queueAttributes(t *testing.T, url string, names ...sqstypes.QueueAttributeName) map[string]string {
	t.Helper()
	out, err := c.SQS.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	require.NoError(t, err)
	return out.Attributes
}

func (c *Clients) queueARN(t *testing.T, url string) string {
	t.Helper()
	return c.queueAttributes(t, url, sqstypes.QueueAttributeNameQueueArn)["QueueArn"]
}

func (c *Clients) send(t *testing.T, url, body string) *sqs.SendMessageOutput {
	t.Helper()
	out, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
	require.NoError(t, err)
	return out
}

// receive is one long poll of up to two seconds, which asks every server of a
// queue: it finds what is there.
func (c *Clients) receive(t *testing.T, url string, options ...func(*sqs.ReceiveMessageInput)) []sqstypes.Message {
	t.Helper()
	in := &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: 2, MaxNumberOfMessages: 10}
	for _, option := range options {
		option(in)
	}
	out, err := c.SQS.ReceiveMessage(t.Context(), in)
	require.NoError(t, err)
	return out.Messages
}

// receiveOne receives the one message that is there.
func (c *Clients) receiveOne(t *testing.T, url string, options ...func(*sqs.ReceiveMessageInput)) sqstypes.Message {
	t.Helper()
	messages := c.receive(t, url, options...)
	require.Len(t, messages, 1)
	return messages[0]
}

func visibility(seconds int32) func(*sqs.ReceiveMessageInput) {
	return func(in *sqs.ReceiveMessageInput) { in.VisibilityTimeout = seconds }
}

func waiting(seconds int32) func(*sqs.ReceiveMessageInput) {
	return func(in *sqs.ReceiveMessageInput) { in.WaitTimeSeconds = seconds }
}

// withSystemAttributes asks for a message's system attributes.
func withSystemAttributes(in *sqs.ReceiveMessageInput) {
	in.MessageSystemAttributeNames = []sqstypes.MessageSystemAttributeName{sqstypes.MessageSystemAttributeNameAll}
}

func withAttributes(names ...string) func(*sqs.ReceiveMessageInput) {
	return func(in *sqs.ReceiveMessageInput) { in.MessageAttributeNames = names }
}

func (c *Clients) deleteMessage(t *testing.T, url string, handle *string) {
	t.Helper()
	_, err := c.SQS.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: handle})
	require.NoError(t, err)
}

func (c *Clients) changeVisibility(t *testing.T, url string, handle *string, seconds int32) error {
	t.Helper()
	_, err := c.SQS.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &url, ReceiptHandle: handle, VisibilityTimeout: seconds,
	})
	return err
}

func stringAttribute(value string) sqstypes.MessageAttributeValue {
	return sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
}

// took is how long f runs.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
