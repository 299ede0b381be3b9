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

func sqsGroupCases() []Case {
	logic := sqsGuide("FIFO-queues-understanding-logic")
	return []Case{
		{Name: "the messages of a group come in order", Page: logic, Run: sqsGroupOrder},
		{Name: "the messages of a batch come in order", Page: logic, Run: sqsGroupBatchOrder},
		{Name: "a receive brings as many messages of one group as it can", Page: logic, Run: sqsGroupFirst},
		{Name: "a message in flight holds back its group, and no other", Page: sqsAPI("ReceiveMessage"), Run: sqsGroupHeld},
		{Name: "a group is held back until its last message in flight is deleted", Page: logic, Run: sqsGroupHeldByLast},
		{Name: "a group goes on in its order when its visibility timeout is over", Page: sqsAPI("ReceiveMessage"), Run: sqsGroupExpired},
		{Name: "a long poll ends when its group goes on", Page: sqsGuide("sqs-short-and-long-polling"), Run: sqsGroupLongPoll},
		{Name: "a message sent to a group in flight waits", Page: logic, Run: sqsGroupSentMeanwhile},
		{Name: "a FIFO message is not deleted with an expired handle", Page: sqsAPI("ReceiveMessage"), Run: sqsGroupDeleteExpired},
		{Name: "an entry of a batch with an expired handle fails alone", Page: sqsAPI("DeleteMessageBatch"), Run: sqsGroupDeleteBatchExpired},
		{Name: "an extended visibility timeout keeps a handle good", Page: sqsAPI("ChangeMessageVisibility"), Run: sqsGroupExtended},
		{Name: "a repeated receive brings the same messages and handles", Page: sqsAPI("ReceiveMessage"), Run: sqsAttempt},
		{Name: "a repeated receive begins the visibility timeout anew", Page: sqsAPI("ReceiveMessage"), Run: sqsAttemptVisibility},
		{Name: "a receive is not repeated once its message was deleted", Page: sqsAPI("ReceiveMessage"), Run: sqsAttemptDeleted},
		{Name: "a receive is not repeated once its message's visibility was changed", Page: sqsAPI("ReceiveMessage"), Run: sqsAttemptChanged},
		{Name: "a receive is repeated within five minutes", Page: sqsAPI("ReceiveMessage"), Long: true, Run: sqsAttemptForgotten},
		{Name: "receives of a standard queue have no attempt ID", Page: sqsAPI("ReceiveMessage"), Run: sqsAttemptStandard},
		{Name: "a dead letter lets its group go on", Page: sqsGuide("sqs-dead-letter-queues"), Run: sqsGroupDeadLetter},
		{Name: "the retention of a dead letter of a FIFO queue begins anew", Page: sqsGuide("setting-up-dead-letter-queue-retention"), Long: true, Run: sqsGroupDeadLetterRetention},
	}
}

func atMost(n int32) func(*sqs.ReceiveMessageInput) {
	return func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = n }
}

func attempt(id string) func(*sqs.ReceiveMessageInput) {
	return func(in *sqs.ReceiveMessageInput) { in.ReceiveRequestAttemptId = &id }
}

func sqsGroupOrder(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	var want, got []string
	for i := range 15 {
		want = append(want, strconv.Itoa(i))
	}
	c.sendTo(t, url, "g", want...)
	eventually(t, 30*time.Second, func() bool {
		for _, m := range c.receive(t, url, atMost(4)) {
			got = append(got, *m.Body)
			c.deleteMessage(t, url, m.ReceiptHandle)
		}
		return len(got) == len(want)
	})
	assert.Equal(t, want, got)
}

func sqsGroupBatchOrder(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	var entries []sqstypes.SendMessageBatchRequestEntry
	want := []string{"5", "1", "4", "2", "3"}
	for _, body := range want {
		e := entry(body, body)
		e.MessageGroupId = aws.String("g")
		entries = append(entries, e)
	}
	_, err := c.sendBatch(t, url, entries...)
	require.NoError(t, err)
	assert.Equal(t, want, bodiesOf(c.receive(t, url)))
}

func sqsGroupFirst(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1")
	c.sendTo(t, url, "b", "b1")
	c.sendTo(t, url, "a", "a2")
	c.sendTo(t, url, "b", "b2")
	c.sendTo(t, url, "a", "a3")
	var seen []string
	for range 2 {
		got := c.receive(t, url, atMost(2), withSystemAttributes)
		require.Len(t, got, 2)
		assert.Equal(t, got[0].Attributes["MessageGroupId"], got[1].Attributes["MessageGroupId"])
		seen = append(seen, bodiesOf(got)...)
	}
	assert.ElementsMatch(t, []string{"a1", "a2", "b1", "b2"}, seen)
}

func sqsGroupHeld(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1", "a2")
	c.receiveOne(t, url, atMost(1))
	assert.Empty(t, c.receive(t, url))
	c.sendTo(t, url, "b", "b1")
	assert.Equal(t, "b1", *c.receiveOne(t, url).Body)
}

func sqsGroupHeldByLast(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1", "a2", "a3")
	got := c.receive(t, url, atMost(2))
	require.Equal(t, []string{"a1", "a2"}, bodiesOf(got))
	c.deleteMessage(t, url, got[0].ReceiptHandle)
	assert.Empty(t, c.receive(t, url))
	c.deleteMessage(t, url, got[1].ReceiptHandle)
	assert.Equal(t, "a3", *c.receiveOne(t, url).Body)
}

func sqsGroupExpired(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1", "a2", "a3")
	assert.Equal(t, []string{"a1", "a2"}, bodiesOf(c.receive(t, url, atMost(2), visibility(2))))
	wait(t, 3*time.Second)
	assert.Equal(t, []string{"a1", "a2", "a3"}, bodiesOf(c.receive(t, url)))
}

func sqsGroupLongPoll(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1", "a2")
	m := c.receiveOne(t, url, atMost(1))
	deleted := make(chan error, 1)
	go func() {
		wait(t, time.Second)
		_, err := c.SQS.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
		deleted <- err
	}()
	elapsed := took(func() { assert.Equal(t, "a2", *c.receiveOne(t, url, waiting(10)).Body) })
	require.NoError(t, <-deleted)
	assert.GreaterOrEqual(t, elapsed, time.Second)
	assert.Less(t, elapsed, 5*time.Second)
}

func sqsGroupSentMeanwhile(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1")
	m := c.receiveOne(t, url)
	c.sendTo(t, url, "a", "a2")
	assert.Empty(t, c.receive(t, url))
	c.deleteMessage(t, url, m.ReceiptHandle)
	assert.Equal(t, "a2", *c.receiveOne(t, url).Body)
}

func sqsGroupDeleteExpired(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1")
	m := c.receiveOne(t, url, visibility(1))
	wait(t, 2*time.Second)
	_, err := c.SQS.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
	failsAs(t, err, "InvalidParameterValue", "Value "+*m.ReceiptHandle+" for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.")
	require.Error(t, c.changeVisibility(t, url, m.ReceiptHandle, 30))
	assert.Equal(t, "a1", *c.receiveOne(t, url).Body)
}

func sqsGroupDeleteBatchExpired(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1")
	expired := c.receiveOne(t, url, visibility(1))
	wait(t, 2*time.Second)
	c.sendTo(t, url, "b", "b1")
	got := c.receive(t, url)
	require.ElementsMatch(t, []string{"a1", "b1"}, bodiesOf(got))
	out, err := c.SQS.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: []sqstypes.DeleteMessageBatchRequestEntry{
		{Id: aws.String("expired"), ReceiptHandle: expired.ReceiptHandle},
		{Id: aws.String("good"), ReceiptHandle: got[0].ReceiptHandle},
	}})
	require.NoError(t, err)
	require.Len(t, out.Successful, 1)
	assert.Equal(t, "good", *out.Successful[0].Id)
	require.Len(t, out.Failed, 1)
	assert.Equal(t, "expired", *out.Failed[0].Id)
	assert.True(t, out.Failed[0].SenderFault)
}

func sqsGroupExtended(t *testing.T, c *Clients) {
	url := c.fifo(t, map[string]string{"VisibilityTimeout": "1"})
	c.sendTo(t, url, "a", "a1", "a2")
	m := c.receiveOne(t, url, atMost(1))
	require.NoError(t, c.changeVisibility(t, url, m.ReceiptHandle, 30))
	wait(t, 1500*time.Millisecond)
	assert.Empty(t, c.receive(t, url, waiting(0)))
	c.deleteMessage(t, url, m.ReceiptHandle)
	assert.Equal(t, "a2", *c.receiveOne(t, url).Body)
}

func sqsAttempt(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1", "a2")
	c.sendTo(t, url, "b", "b1")
	first := c.receive(t, url, atMost(2), attempt("1"))
	require.Len(t, first, 2)
	again := c.receive(t, url, atMost(2), attempt("1"))
	require.Len(t, again, 2)
	for i := range first {
		assert.Equal(t, *first[i].MessageId, *again[i].MessageId)
		assert.Equal(t, *first[i].ReceiptHandle, *again[i].ReceiptHandle)
	}
	assert.Len(t, c.receive(t, url, attempt("2")), 1, "another attempt brings what is left")
}

func sqsAttemptVisibility(t *testing.T, c *Clients) {
	url := c.fifo(t, map[string]string{"VisibilityTimeout": "4"})
	c.sendTo(t, url, "a", "a1")
	c.receiveOne(t, url, attempt("1"))
	wait(t, 2500*time.Millisecond)
	m := c.receiveOne(t, url, attempt("1"))
	wait(t, 2500*time.Millisecond)
	assert.Empty(t, c.receive(t, url, waiting(0)))
	c.deleteMessage(t, url, m.ReceiptHandle)
}

func sqsAttemptDeleted(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1", "a2")
	first := c.receive(t, url, attempt("1"))
	require.Len(t, first, 2)
	c.deleteMessage(t, url, first[0].ReceiptHandle)
	sqsNotRepeated(t, c, url)
}

func sqsAttemptChanged(t *testing.T, c *Clients) {
	url := c.fifo(t, nil)
	c.sendTo(t, url, "a", "a1", "a2")
	first := c.receive(t, url, attempt("1"))
	require.Len(t, first, 2)
	require.NoError(t, c.changeVisibility(t, url, first[1].ReceiptHandle, 600))
	sqsNotRepeated(t, c, url)
}

// sqsNotRepeated goes by what the page says alone: the messages do not come
// again. AWS has been seen to answer InvalidParameterValue.
func sqsNotRepeated(t *testing.T, c *Clients, url string) {
	out, err := c.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, ReceiveRequestAttemptId: aws.String("1")})
	if err != nil {
		failsAs(t, err, "InvalidParameterValue", "")
		return
	}
	assert.Empty(t, out.Messages)
}

func sqsAttemptForgotten(t *testing.T, c *Clients) {
	url := c.fifo(t, map[string]string{"VisibilityTimeout": "900"})
	c.sendTo(t, url, "a", "a1")
	c.receiveOne(t, url, attempt("1"))
	wait(t, 5*time.Minute+10*time.Second)
	c.sendTo(t, url, "b", "b1")
	assert.Equal(t, "b1", *c.receiveOne(t, url, attempt("1")).Body)
}

func sqsAttemptStandard(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, ReceiveRequestAttemptId: aws.String("1")})
	failsAs(t, err, "InvalidParameterValue", "")
}

func sqsGroupDeadLetter(t *testing.T, c *Clients) {
	deadLetters := c.fifo(t, nil)
	url := c.fifo(t, map[string]string{"RedrivePolicy": redrivePolicy(t, c.queueARN(t, deadLetters), 1)})
	c.sendTo(t, url, "a", "bad", "good")
	c.receiveOne(t, url, atMost(1), visibility(1))
	wait(t, 2*time.Second)
	assert.Equal(t, "good", *c.receiveOne(t, url, waiting(10)).Body)
	m := c.receiveOne(t, deadLetters, waiting(10), withSystemAttributes)
	assert.Equal(t, "bad", *m.Body)
	assert.Equal(t, "a", m.Attributes["MessageGroupId"])
	assert.Equal(t, c.queueARN(t, url), m.Attributes["DeadLetterQueueSourceArn"])
}

func sqsGroupDeadLetterRetention(t *testing.T, c *Clients) {
	deadLetters := c.fifo(t, map[string]string{"MessageRetentionPeriod": "60"})
	url := c.fifo(t, map[string]string{"RedrivePolicy": redrivePolicy(t, c.queueARN(t, deadLetters), 1)})
	c.sendTo(t, url, "a", "bad")
	c.receiveOne(t, url, visibility(1))
	wait(t, 50*time.Second)
	assert.Empty(t, c.receive(t, url))
	wait(t, 40*time.Second)
	assert.Equal(t, "bad", *c.receiveOne(t, deadLetters).Body)
}
