package conformance

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sqsDeadLetterCases() []Case {
	page := sqsGuide("sqs-dead-letter-queues")
	return []Case{
		{Name: "a message moves to the dead-letter queue at the receive after the last allowed", Page: page, Run: sqsMove},
		{Name: "a dead letter keeps its ID, body, attributes and time", Page: page, Run: sqsDeadLetter},
		{Name: "a dead letter names its source and goes on counting", Page: sqsAPI("ReceiveMessage"), Run: sqsDeadLetterSource},
		{Name: "giving back counts as a receive", Page: page, Run: sqsGiveBackCounts},
		{Name: "maxReceiveCount is 1 to 1,000", Page: sqsAPI("SetQueueAttributes"), Run: sqsMaxReceiveCount},
		{Name: "the dead-letter queue exists", Page: sqsAPI("SetQueueAttributes"), Run: sqsNoDeadLetterQueue},
		{Name: "the sources of a dead-letter queue are listed", Page: sqsAPI("ListDeadLetterSourceQueues"), Run: sqsSources},
	}
}

func sqsMove(t *testing.T, c *Clients) {
	url, deadLetters := c.queueWithDeadLetters(t, 2, nil)
	c.send(t, url, "x")
	c.receiveOne(t, url, visibility(1))
	c.receiveOne(t, url, visibility(1), waiting(5))
	wait(t, 1500*time.Millisecond)
	assert.Empty(t, c.receive(t, deadLetters, waiting(1)), "moved without a receive")
	assert.Empty(t, c.receive(t, url), "received a third time")
	assert.Equal(t, "x", *c.receiveOne(t, deadLetters, waiting(10)).Body)
}

func sqsDeadLetter(t *testing.T, c *Clients) {
	url, deadLetters := c.queueWithDeadLetters(t, 1, nil)
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("message-1"),
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{"MyAttribute": stringAttribute("foobar")},
	})
	require.NoError(t, err)
	before := c.receiveOne(t, url, visibility(1), withSystemAttributes, withAttributes("All"))
	wait(t, 1500*time.Millisecond)
	assert.Empty(t, c.receive(t, url))
	after := c.receiveOne(t, deadLetters, waiting(10), withSystemAttributes, withAttributes("All"))
	assert.Equal(t, *before.MessageId, *after.MessageId)
	assert.Equal(t, "message-1", *after.Body)
	assert.Equal(t, "adb59cd4678ea5a855436b949cd07ab6", *after.MD5OfMessageAttributes)
	assert.Equal(t, before.MessageAttributes, after.MessageAttributes)
	assert.Equal(t, before.Attributes["SentTimestamp"], after.Attributes["SentTimestamp"])
}

func sqsDeadLetterSource(t *testing.T, c *Clients) {
	url, deadLetters := c.queueWithDeadLetters(t, 1, nil)
	c.send(t, url, "x")
	c.receiveOne(t, url, visibility(1))
	wait(t, 1500*time.Millisecond)
	assert.Empty(t, c.receive(t, url))
	m := c.receiveOne(t, deadLetters, waiting(10), withSystemAttributes)
	assert.Equal(t, c.queueARN(t, url), m.Attributes["DeadLetterQueueSourceArn"])
	assert.Equal(t, "2", m.Attributes["ApproximateReceiveCount"])
}

func sqsGiveBackCounts(t *testing.T, c *Clients) {
	url, deadLetters := c.queueWithDeadLetters(t, 1, nil)
	c.send(t, url, "x")
	m := c.receiveOne(t, url)
	require.NoError(t, c.changeVisibility(t, url, m.ReceiptHandle, 0))
	assert.Empty(t, c.receive(t, url))
	c.receiveOne(t, deadLetters, waiting(10))
}

func sqsMaxReceiveCount(t *testing.T, c *Clients) {
	deadLetters := c.queue(t, nil)
	url := c.queue(t, nil)
	for _, count := range []int{0, 1001} {
		_, err := c.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
			QueueUrl: &url, Attributes: map[string]string{"RedrivePolicy": redrivePolicy(t, c.queueARN(t, deadLetters), count)},
		})
		failsAs(t, err, "InvalidParameterValue", "")
	}
}

func sqsNoDeadLetterQueue(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: &url, Attributes: map[string]string{"RedrivePolicy": redrivePolicy(t, c.queueARN(t, url)+"-absent", 3)},
	})
	failsAs(t, err, "InvalidParameterValue", "")
	assert.ErrorContains(t, err, "Dead letter target does not exist.")
}

func sqsSources(t *testing.T, c *Clients) {
	url, deadLetters := c.queueWithDeadLetters(t, 3, nil)
	eventually(t, time.Minute, func() bool {
		out, err := c.SQS.ListDeadLetterSourceQueues(t.Context(), &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &deadLetters})
		require.NoError(t, err)
		return assert.ObjectsAreEqual([]string{url}, out.QueueUrls)
	})
}
