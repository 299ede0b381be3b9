package conformance

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sqsFIFOCases() []Case {
	return []Case{
		{Name: "a FIFO queue's name ends in .fifo", Page: sqsAPI("CreateQueue"), Run: sqsFIFONames},
		{Name: "a FIFO queue has attributes of its own", Page: sqsAPI("GetQueueAttributes"), Run: sqsFIFOAttributes},
		{Name: "a queue's type does not change", Page: sqsAPI("CreateQueue"), Run: sqsFIFOType},
		{Name: "a standard queue has no deduplication scope", Page: sqsAPI("SetQueueAttributes"), Run: sqsFIFOOnly},
		{Name: "a throughput limit per group needs a deduplication scope per group", Page: sqsAPI("SetQueueAttributes"), Run: sqsFIFOLimit},
		{Name: "a dead-letter queue is of its source's type", Page: sqsAPI("SetQueueAttributes"), Run: sqsFIFODeadLetterType},
		{Name: "a message to a FIFO queue has a group", Page: sqsAPI("SendMessage"), Run: sqsFIFONoGroup},
		{Name: "a message to a FIFO queue has a deduplication ID", Page: sqsAPI("SendMessage"), Run: sqsFIFONoID},
		{Name: "a message to a standard queue has no deduplication ID", Page: sqsAPI("SendMessage"), Run: sqsFIFOIDInStandard},
		{Name: "groups and deduplication IDs have 128 characters of ASCII", Page: sqsAPI("SendMessage"), Run: sqsFIFOIDs},
		{Name: "a message to a FIFO queue has no delay of its own", Page: sqsAPI("SendMessage"), Run: sqsFIFOOwnDelay},
		{Name: "a FIFO queue's delay counts for its messages", Page: sqsGuide("sqs-delay-queues"), Run: sqsFIFODelay},
		{Name: "a FIFO queue's delay counts for messages that were sent before", Page: sqsGuide("sqs-delay-queues"), Long: true, Run: sqsFIFODelayRetroactive},
		{Name: "sequence numbers grow", Page: sqsAPI("SendMessage"), Run: sqsFIFOSequence},
		{Name: "group, deduplication ID and sequence number are system attributes", Page: sqsAPI("ReceiveMessage"), Run: sqsFIFOSystemAttributes},
		{Name: "a duplicate is accepted and not delivered", Page: sqsAPI("SendMessage"), Run: sqsFIFODuplicate},
		{Name: "a duplicate is known after the message was deleted", Page: sqsAPI("SendMessage"), Run: sqsFIFODuplicateOfDeleted},
		{Name: "a deduplication ID is forgotten after five minutes", Page: sqsGuide("using-messagededuplicationid-property"), Long: true, Run: sqsFIFODuplicateForgotten},
		{Name: "a body is its own deduplication ID, its attributes aside", Page: sqsGuide("FIFO-queues-exactly-once-processing"), Run: sqsFIFOContent},
		{Name: "a deduplication ID overrides the body's", Page: sqsAPI("SendMessage"), Run: sqsFIFOContentOverridden},
		{Name: "deduplication is the whole queue's", Page: sqsGuide("using-messagededuplicationid-property"), Run: sqsFIFOScopeQueue},
		{Name: "deduplication is each group's where its scope says so", Page: sqsGuide("high-throughput-fifo"), Run: sqsFIFOScopeGroup},
		{Name: "a duplicate within a batch is not delivered", Page: sqsAPI("SendMessageBatch"), Run: sqsFIFODuplicateInBatch},
	}
}

// fifo makes a FIFO queue that takes a message's body for its deduplication ID.
func (c *Clients) fifo(t *testing.T, attributes map[string]string) string {
	t.Helper()
	all := map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}
	for name, value := range attributes {
		all[name] = value
	}
	out, err := c.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(fresh() + ".fifo"), Attributes: all})
	require.NoError(t, err)
	cleanUp(t, func(ctx context.Context) error {
		_, err := c.SQS.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
		return err
	})
	return *out.QueueUrl
}

// sendTo sends bodies to a group, one by one.
func (c *Clients) sendTo(t *testing.T, url, group string, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body, MessageGroupId: &group})
		require.NoError(t, err)
	}
}

// sendAs sends a body to a group with a deduplication ID.
func (c *Clients) sendAs(t *testing.T, url, group, id, body string) (*sqs.SendMessageOutput, error) {
	t.Helper()
	return c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: &body, MessageGroupId: &group, MessageDeduplicationId: &id,
	})
}

func (c *Clients) mustSendAs(t *testing.T, url, group, id, body string) *sqs.SendMessageOutput {
	t.Helper()
	out, err := c.sendAs(t, url, group, id, body)
	require.NoError(t, err)
	return out
}

func bodiesOf(messages []sqstypes.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, *m.Body)
	}
	return all
}

func (c *Clients) setAttributes(t *testing.T, url string, attributes map[string]string) error {
	t.Helper()
	_, err := c.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: attributes})
	return err
}

func sqsFIFONames(t *testing.T, c *Clients) {
	for name, attributes := range map[string]map[string]string{
		fresh(): {"FifoQueue": "true"}, fresh() + ".fifo": nil, strings.Repeat("n", 76) + ".fifo": {"FifoQueue": "true"},
	} {
		_, err := c.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
		failsAs(t, err, "InvalidParameterValue", "")
	}
}

func sqsFIFOAttributes(t *testing.T, c *Clients) {
	url := c.fifo(t, map[string]string{"ContentBasedDeduplication": "false"})
	all := c.queueAttributes(t, url, sqstypes.QueueAttributeNameAll)
	for name, want := range map[string]string{
		"FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue",
	} {
		assert.Equal(t, want, all[name], name)
	}
}

func sqsFIFOType(t *testing.T, c *Clients) {
	failsAs(t, c.setAttributes(t, c.queue(t, nil), map[string]string{"FifoQueue": "true"}), "InvalidAttributeName", "Unknown Attribute FifoQueue.")
	failsAs(t, c.setAttributes(t, c.fifo(t, nil), map[string]string{"FifoQueue": "false"}), "InvalidAttributeValue", "")
}

func sqsFIFOOnly(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	for name, value := range map[string]string{"DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue", "ContentBasedDeduplication": "true"} {
		failsAs(t, c.setAttributes(t, url, map[string]string{name: value}), "InvalidAttributeName", "")
	}
}

func sqsFIFOLimit(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	require.Error(t, c.setAttributes(t, url, map[string]string{"FifoThroughputLimit": "perMessageGroupId"}))
	require.NoError(t, c.setAttributes(t, url, map[string]string{"FifoThroughputLimit": "perMessageGroupId", "DeduplicationScope": "messageGroup"}))
}

func sqsFIFODeadLetterType(t *testing.T, c *Clients) {
	standard, fifo := c.queue(t, nil), c.fifo(t, nil)
	for source, target := range map[string]string{standard: fifo, fifo: standard} {
		err := c.setAttributes(t, source, map[string]string{"RedrivePolicy": redrivePolicy(t, c.queueARN(t, target), 3)})
		failsAs(t, err, "InvalidParameterValue", "")
		assert.ErrorContains(t, err, "Dead-letter queue must be same type of queue as the source.")
	}
}

func sqsFIFONoGroup(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x")})
	failsAs(t, err, "MissingParameter", "The request must contain the parameter MessageGroupId.")
}

func sqsFIFONoID(t *testing.T, c *Clients) {
	url := c.fifo(t, map[string]string{"ContentBasedDeduplication": "false"})
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageGroupId: aws.String("g")})
	failsAs(t, err, "InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
}

func sqsFIFOIDInStandard(t *testing.T, c *Clients) {
	_, err := c.sendAs(t, c.queue(t, nil), "g", "d", "x")
	failsAs(t, err, "InvalidParameterValue", "")
}

func sqsFIFOIDs(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	long := punctuation + strings.Repeat("x", 128-len(punctuation))
	c.mustSendAs(t, url, long, long, "x")
	for _, bad := range []string{"a b", "é", long + "x"} {
		_, err := c.sendAs(t, url, bad, "d", "x")
		failsAs(t, err, "InvalidParameterValue", "")
		_, err = c.sendAs(t, url, "g", bad, "x")
		failsAs(t, err, "InvalidParameterValue", "")
	}
	m := c.receiveOne(t, url, withSystemAttributes)
	assert.Equal(t, long, m.Attributes["MessageGroupId"])
	assert.Equal(t, long, m.Attributes["MessageDeduplicationId"])
}

func sqsFIFOOwnDelay(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageGroupId: aws.String("g"), DelaySeconds: 2})
	failsAs(t, err, "InvalidParameterValue", "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.")
}

func sqsFIFODelay(t *testing.T, c *Clients) {
	url := c.fifo(t, map[string]string{"DelaySeconds": "4"})
	c.sendTo(t, url, "g", "1", "2")
	assert.Empty(t, c.receive(t, url, waiting(1)))
	wait(t, 4*time.Second)
	assert.Equal(t, []string{"1", "2"}, bodiesOf(c.receive(t, url, waiting(5))))
}

func sqsFIFODelayRetroactive(t *testing.T, c *Clients) {
	url := c.fifo(t, map[string]string{"DelaySeconds": "900"})
	c.sendTo(t, url, "g", "x")
	require.NoError(t, c.setAttributes(t, url, map[string]string{"DelaySeconds": "0"}))
	eventually(t, 3*time.Minute, func() bool { return len(c.receive(t, url)) == 1 })
}

func sqsFIFOSequence(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	last := ""
	for _, id := range []string{"1", "2", "3"} {
		number := *c.mustSendAs(t, url, "g", id, "x").SequenceNumber
		assert.Regexp(t, `^\d{20}$`, number)
		assert.Greater(t, number, last)
		last = number
	}
}

func sqsFIFOSystemAttributes(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	sent := c.mustSendAs(t, url, "g", "d", "x")
	m := c.receiveOne(t, url, withSystemAttributes)
	assert.Equal(t, "g", m.Attributes["MessageGroupId"])
	assert.Equal(t, "d", m.Attributes["MessageDeduplicationId"])
	assert.Equal(t, *sent.SequenceNumber, m.Attributes["SequenceNumber"])
}

func sqsFIFODuplicate(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.mustSendAs(t, url, "g", "d", "first")
	c.mustSendAs(t, url, "g", "d", "second")
	c.mustSendAs(t, url, "g", "e", "first")
	assert.Equal(t, []string{"first", "first"}, bodiesOf(c.receive(t, url)))
}

func sqsFIFODuplicateOfDeleted(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.mustSendAs(t, url, "g", "d", "x")
	c.deleteMessage(t, url, c.receiveOne(t, url).ReceiptHandle)
	c.mustSendAs(t, url, "g", "d", "x")
	assert.Empty(t, c.receive(t, url))
}

func sqsFIFODuplicateForgotten(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	first := c.mustSendAs(t, url, "g", "d", "x")
	c.deleteMessage(t, url, c.receiveOne(t, url).ReceiptHandle)
	wait(t, 5*time.Minute+10*time.Second)
	second := c.mustSendAs(t, url, "g", "d", "x")
	assert.NotEqual(t, *first.MessageId, *second.MessageId)
	assert.Equal(t, *second.MessageId, *c.receiveOne(t, url).MessageId)
}

func sqsFIFOContent(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	for _, value := range []string{"1", "2"} {
		_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: aws.String("x"), MessageGroupId: aws.String("g"),
			MessageAttributes: map[string]sqstypes.MessageAttributeValue{"a": stringAttribute(value)},
		})
		require.NoError(t, err)
	}
	c.sendTo(t, url, "g", "y")
	assert.Equal(t, []string{"x", "y"}, bodiesOf(c.receive(t, url)))
}

func sqsFIFOContentOverridden(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "g", "x")
	c.mustSendAs(t, url, "g", "d", "x")
	// The SHA-256 of "x": as good as the body.
	c.mustSendAs(t, url, "g", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", "y")
	assert.Equal(t, []string{"x", "x"}, bodiesOf(c.receive(t, url)))
}

func sqsFIFOScopeQueue(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.mustSendAs(t, url, "g", "d", "first")
	c.mustSendAs(t, url, "h", "d", "second")
	assert.Equal(t, []string{"first"}, bodiesOf(c.receive(t, url)))
}

func sqsFIFOScopeGroup(t *testing.T, c *Clients) {
	url := c.fifo(t, map[string]string{"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"})
	c.mustSendAs(t, url, "g", "d", "first")
	c.mustSendAs(t, url, "h", "d", "second")
	c.mustSendAs(t, url, "h", "d", "third")
	seen := map[string]bool{}
	eventually(t, 20*time.Second, func() bool {
		for _, m := range c.receive(t, url) {
			seen[*m.Body] = true
		}
		return len(seen) == 2
	})
	assert.Equal(t, map[string]bool{"first": true, "second": true}, seen)
}

func sqsFIFODuplicateInBatch(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	var entries []sqstypes.SendMessageBatchRequestEntry
	for _, body := range []string{"1", "2", "3"} {
		e := entry(body, body)
		e.MessageGroupId, e.MessageDeduplicationId = aws.String("g"), &body
		if body == "2" {
			e.MessageDeduplicationId = aws.String("1")
		}
		entries = append(entries, e)
	}
	out, err := c.sendBatch(t, url, entries...)
	require.NoError(t, err)
	assert.Len(t, out.Successful, 3)
	assert.Equal(t, []string{"1", "3"}, bodiesOf(c.receive(t, url)))
}
