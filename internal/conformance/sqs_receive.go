package conformance

import (
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sqsReceiveCases() []Case {
	return []Case{
		{Name: "an empty receive has no Messages field", Page: sqsAPI("ReceiveMessage"), Run: sqsEmptyReceive},
		{Name: "a receive brings 1 to 10 messages", Page: sqsAPI("ReceiveMessage"), Run: sqsReceiveRange},
		{Name: "never more than asked for", Page: sqsAPI("ReceiveMessage"), Run: sqsReceiveAtMost},
		{Name: "a receive waits 20 seconds at most", Page: sqsAPI("ReceiveMessage"), Run: sqsWaitRange},
		{Name: "a long poll ends when a message is sent", Page: sqsGuide("sqs-short-and-long-polling"), Run: sqsLongPoll},
		{Name: "a long poll ends when a message becomes visible", Page: sqsGuide("sqs-short-and-long-polling"), Run: sqsLongPollVisibility},
		{Name: "a long poll without a message lasts its time", Page: sqsGuide("sqs-short-and-long-polling"), Run: sqsLongPollEmpty},
		{Name: "the queue's waiting time counts unless the call has one", Page: sqsGuide("sqs-short-and-long-polling"), Run: sqsQueueWait},
		{Name: "system attributes are answered when asked for", Page: sqsAPI("ReceiveMessage"), Run: sqsSystemAttributes},
		{Name: "system attributes are left out unless asked for", Page: sqsAPI("ReceiveMessage"), Run: sqsNoAttributes},
		{Name: "message attributes are chosen by name, prefix or All", Page: sqsAPI("ReceiveMessage"), Run: sqsChosenAttributes},
		{Name: "the trace header is a system attribute", Page: sqsAPI("SendMessage"), Run: sqsTraceHeader},
		{Name: "a standard queue takes a group of messages, for fairness", Page: sqsGuide("sqs-fair-queues"), Run: sqsFairQueue},
	}
}

func sqsEmptyReceive(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	body := c.answer(func() { assert.Empty(t, c.receive(t, url, waiting(0))) })
	assert.NotContains(t, body, "Messages")
}

func sqsReceiveRange(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	for _, n := range []int32{-1, 11} {
		_, err := c.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: n})
		failsAs(t, err, "InvalidParameterValue",
			"Value "+strconv.Itoa(int(n))+" for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.")
	}
}

func sqsReceiveAtMost(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	for range 12 {
		c.send(t, url, "x")
	}
	seen := map[string]bool{}
	eventually(t, 30*time.Second, func() bool {
		messages := c.receive(t, url, func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = 3 })
		assert.LessOrEqual(t, len(messages), 3)
		for _, m := range messages {
			seen[*m.MessageId] = true
		}
		return len(seen) == 12
	})
}

func sqsWaitRange(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	for _, seconds := range []int32{-1, 21} {
		_, err := c.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, WaitTimeSeconds: seconds})
		failsAs(t, err, "InvalidParameterValue",
			"Value "+strconv.Itoa(int(seconds))+" for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.")
	}
}

func sqsLongPoll(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	sent := make(chan error, 1)
	go func() {
		wait(t, time.Second)
		_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x")})
		sent <- err
	}()
	elapsed := took(func() { c.receiveOne(t, url, waiting(10)) })
	require.NoError(t, <-sent)
	assert.GreaterOrEqual(t, elapsed, time.Second)
	assert.Less(t, elapsed, 5*time.Second)
}

func sqsLongPollVisibility(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"VisibilityTimeout": "2"})
	c.send(t, url, "x")
	c.receiveOne(t, url)
	elapsed := took(func() { c.receiveOne(t, url, waiting(10)) })
	assert.Less(t, elapsed, 6*time.Second)
}

func sqsLongPollEmpty(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	elapsed := took(func() { assert.Empty(t, c.receive(t, url, waiting(2))) })
	assert.GreaterOrEqual(t, elapsed, 2*time.Second-100*time.Millisecond)
	assert.Less(t, elapsed, 5*time.Second)
}

func sqsQueueWait(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"ReceiveMessageWaitTimeSeconds": "2"})
	elapsed := took(func() {
		out, err := c.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url})
		require.NoError(t, err)
		assert.Empty(t, out.Messages)
	})
	assert.GreaterOrEqual(t, elapsed, 2*time.Second-100*time.Millisecond)
	assert.Less(t, took(func() { c.receive(t, url, waiting(1)) }), 1900*time.Millisecond)
}

func sqsSystemAttributes(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	before := time.Now().Add(-time.Minute).UnixMilli()
	c.send(t, url, "x")
	m := c.receiveOne(t, url, withSystemAttributes)
	assert.Equal(t, "1", m.Attributes["ApproximateReceiveCount"])
	assert.NotEmpty(t, m.Attributes["SenderId"])
	for _, name := range []string{"SentTimestamp", "ApproximateFirstReceiveTimestamp"} {
		milliseconds, err := strconv.ParseInt(m.Attributes[name], 10, 64)
		require.NoError(t, err, name)
		assert.Greater(t, milliseconds, before, name)
	}
	assert.LessOrEqual(t, m.Attributes["SentTimestamp"], m.Attributes["ApproximateFirstReceiveTimestamp"])
}

func sqsNoAttributes(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("x"),
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{"a": stringAttribute("1")},
	})
	require.NoError(t, err)
	m := c.receiveOne(t, url)
	assert.Empty(t, m.Attributes)
	assert.Empty(t, m.MessageAttributes)
	assert.Nil(t, m.MD5OfMessageAttributes)
	assert.Equal(t, "9dd4e461268c8034f5c8564e155c67a6", *m.MD5OfBody)
}

func sqsChosenAttributes(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("x"),
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{
			"bar.one": stringAttribute("1"), "bar.two": stringAttribute("2"), "foo": stringAttribute("3"),
		},
	})
	require.NoError(t, err)
	for _, test := range []struct{ ask, want []string }{
		{[]string{"foo"}, []string{"foo"}},
		{[]string{"bar.*"}, []string{"bar.one", "bar.two"}},
		{[]string{"All"}, []string{"bar.one", "bar.two", "foo"}},
		{[]string{".*"}, []string{"bar.one", "bar.two", "foo"}},
		{[]string{"absent"}, nil},
	} {
		m := c.receiveOne(t, url, withAttributes(test.ask...), waiting(5))
		var names []string
		for name := range m.MessageAttributes {
			names = append(names, name)
		}
		assert.ElementsMatch(t, test.want, names, "%v", test.ask)
		require.NoError(t, c.changeVisibility(t, url, m.ReceiptHandle, 0))
	}
}

func sqsTraceHeader(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	header := "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("x"),
		MessageSystemAttributes: map[string]sqstypes.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: &header},
		},
	})
	require.NoError(t, err)
	assert.Equal(t, header, c.receiveOne(t, url, withSystemAttributes).Attributes["AWSTraceHeader"])
}

func sqsFairQueue(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageGroupId: aws.String("tenant-1")})
	require.NoError(t, err)
	assert.Equal(t, "tenant-1", c.receiveOne(t, url, withSystemAttributes).Attributes["MessageGroupId"])
	_, err = c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageGroupId: aws.String("tenant 1")})
	failsAs(t, err, "InvalidParameterValue", "Value tenant 1 for parameter MessageGroupId is invalid. "+
		"Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
}
