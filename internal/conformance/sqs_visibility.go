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

func sqsVisibilityCases() []Case {
	return []Case{
		{Name: "each receive has a handle of its own", Page: sqsGuide("sqs-queue-message-identifiers"), Run: sqsHandles},
		{Name: "a received message is hidden, then comes back", Page: sqsGuide("sqs-visibility-timeout"), Run: sqsHidden},
		{Name: "a receive's visibility timeout overrides its queue's", Page: sqsAPI("ReceiveMessage"), Run: sqsReceiveVisibility},
		{Name: "a visibility timeout of 0 gives a message back at once", Page: sqsAPI("ChangeMessageVisibility"), Run: sqsGiveBack},
		{Name: "a visibility timeout is extended from now", Page: sqsAPI("ChangeMessageVisibility"), Run: sqsExtend},
		{Name: "a visibility timeout is 12 hours at most", Page: sqsAPI("ChangeMessageVisibility"), Run: sqsVisibilityRange},
		{Name: "the 12 hours are counted from the receive", Page: sqsGuide("sqs-visibility-timeout"), Run: sqsTwelveHours},
		{Name: "the 12 hours start again with the next receive", Page: sqsGuide("sqs-visibility-timeout"), Long: true, Run: sqsTwelveHoursAgain},
		{Name: "a deleted message does not come back", Page: sqsAPI("DeleteMessage"), Run: sqsDeleted},
		{Name: "a message in flight can be deleted twice", Page: sqsAPI("DeleteMessage"), Run: sqsDeletedTwice},
		{Name: "a message is deleted with its expired handle when nobody received it since", Page: sqsAPI("DeleteMessage"), Run: sqsDeleteExpired},
		{Name: "a delete with an older handle succeeds and deletes nothing", Page: sqsAPI("DeleteMessage"), Run: sqsDeleteOldHandle},
		{Name: "a handle that is none is refused", Page: sqsAPI("DeleteMessage"), Run: sqsNoHandle},
	}
}

func sqsHandles(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	sent := c.send(t, url, "x")
	first := c.receiveOne(t, url, visibility(1))
	second := c.receiveOne(t, url, waiting(5))
	assert.NotEqual(t, *first.ReceiptHandle, *second.ReceiptHandle)
	assert.Equal(t, *sent.MessageId, *first.MessageId)
	assert.Equal(t, *sent.MessageId, *second.MessageId)
}

func sqsHidden(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"VisibilityTimeout": "2"})
	c.send(t, url, "x")
	first := c.receiveOne(t, url, withSystemAttributes)
	assert.Empty(t, c.receive(t, url, waiting(1)))
	wait(t, 1500*time.Millisecond)
	second := c.receiveOne(t, url, withSystemAttributes)
	assert.Equal(t, "1", first.Attributes["ApproximateReceiveCount"])
	assert.Equal(t, "2", second.Attributes["ApproximateReceiveCount"])
	for _, name := range []string{"SentTimestamp", "ApproximateFirstReceiveTimestamp"} {
		assert.Equal(t, first.Attributes[name], second.Attributes[name], name)
	}
}

func sqsReceiveVisibility(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"VisibilityTimeout": "600"})
	c.send(t, url, "x")
	c.receiveOne(t, url, visibility(1))
	wait(t, 1200*time.Millisecond)
	c.receiveOne(t, url)
	assert.Empty(t, c.receive(t, url))
}

func sqsGiveBack(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.send(t, url, "x")
	m := c.receiveOne(t, url)
	require.NoError(t, c.changeVisibility(t, url, m.ReceiptHandle, 0))
	assert.Equal(t, "2", c.receiveOne(t, url, withSystemAttributes).Attributes["ApproximateReceiveCount"])
}

func sqsExtend(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"VisibilityTimeout": "2"})
	c.send(t, url, "x")
	m := c.receiveOne(t, url)
	require.NoError(t, c.changeVisibility(t, url, m.ReceiptHandle, 5))
	wait(t, 2*time.Second)
	assert.Empty(t, c.receive(t, url))
	wait(t, 1500*time.Millisecond)
	c.receiveOne(t, url)
}

func sqsVisibilityRange(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.send(t, url, "x")
	m := c.receiveOne(t, url)
	for _, seconds := range []int32{-1, 43_201} {
		failsAs(t, c.changeVisibility(t, url, m.ReceiptHandle, seconds), "InvalidParameterValue", "")
		_, err := c.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, VisibilityTimeout: seconds})
		failsAs(t, err, "InvalidParameterValue", "")
	}
}

func sqsTwelveHours(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.send(t, url, "x")
	m := c.receiveOne(t, url)
	wait(t, 2*time.Second)
	failsAs(t, c.changeVisibility(t, url, m.ReceiptHandle, 43_200), "InvalidParameterValue",
		"Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
	require.NoError(t, c.changeVisibility(t, url, m.ReceiptHandle, 43_190))
}

func sqsTwelveHoursAgain(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.send(t, url, "x")
	c.receiveOne(t, url, visibility(10))
	wait(t, 10*time.Second)
	m := c.receiveOne(t, url)
	require.NoError(t, c.changeVisibility(t, url, m.ReceiptHandle, 43_195))
}

func sqsDeleted(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"VisibilityTimeout": "1"})
	c.send(t, url, "x")
	c.deleteMessage(t, url, c.receiveOne(t, url).ReceiptHandle)
	wait(t, time.Second)
	assert.Empty(t, c.receive(t, url))
}

func sqsDeletedTwice(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.send(t, url, "x")
	m := c.receiveOne(t, url)
	c.deleteMessage(t, url, m.ReceiptHandle)
	c.deleteMessage(t, url, m.ReceiptHandle)
}

func sqsDeleteExpired(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.send(t, url, "x")
	m := c.receiveOne(t, url, visibility(1))
	wait(t, 1500*time.Millisecond)
	c.deleteMessage(t, url, m.ReceiptHandle)
	assert.Empty(t, c.receive(t, url))
}

func sqsDeleteOldHandle(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.send(t, url, "x")
	first := c.receiveOne(t, url, visibility(1))
	second := c.receiveOne(t, url, visibility(1), waiting(5))
	c.deleteMessage(t, url, first.ReceiptHandle)
	third := c.receiveOne(t, url, waiting(5))
	assert.Equal(t, *second.MessageId, *third.MessageId)
}

func sqsNoHandle(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: aws.String("no-handle")})
	fails[*sqstypes.ReceiptHandleIsInvalid](t, err, `The input receipt handle "no-handle" is not a valid receipt handle.`)
	err = c.changeVisibility(t, url, aws.String("no-handle"), 0)
	fails[*sqstypes.ReceiptHandleIsInvalid](t, err, `The input receipt handle "no-handle" is not a valid receipt handle.`)
}
