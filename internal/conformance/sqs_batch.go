package conformance

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sqsBatchCases() []Case {
	return []Case{
		{Name: "a batch is sent", Page: sqsAPI("SendMessageBatch"), Run: sqsSendBatch},
		{Name: "one entry of a batch fails alone", Page: sqsAPI("SendMessageBatch"), Run: sqsSendBatchPartly},
		{Name: "a batch has 10 entries at most", Page: sqsAPI("SendMessageBatch"), Run: sqsBatchOfEleven},
		{Name: "a batch has an entry at least", Page: sqsAPI("SendMessageBatch"), Run: sqsBatchOfNone},
		{Name: "the IDs of a batch are distinct", Page: sqsAPI("SendMessageBatch"), Run: sqsBatchSameIDs},
		{Name: "the IDs of a batch have 80 letters of a small alphabet", Page: sqsAPI("SendMessageBatch"), Run: sqsBatchInvalidID},
		{Name: "a batch has 1 MiB at most", Page: sqsAPI("SendMessageBatch"), Run: sqsBatchTooLong},
		{Name: "a batch is deleted, and a handle that is none fails alone", Page: sqsAPI("DeleteMessageBatch"), Run: sqsDeleteBatch},
		{Name: "visibility is changed for a batch, and a handle that is none fails alone", Page: sqsAPI("ChangeMessageVisibilityBatch"), Run: sqsVisibilityBatch},
	}
}

func entry(id, body string) sqstypes.SendMessageBatchRequestEntry {
	return sqstypes.SendMessageBatchRequestEntry{Id: &id, MessageBody: &body}
}

func (c *Clients) sendBatch(t *testing.T, url string, entries ...sqstypes.SendMessageBatchRequestEntry) (*sqs.SendMessageBatchOutput, error) {
	return c.SQS.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries})
}

func sqsSendBatch(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	out, err := c.sendBatch(t, url, entry("a", "one"), entry("b-_9", "two"))
	require.NoError(t, err)
	assert.Empty(t, out.Failed)
	require.Len(t, out.Successful, 2)
	assert.Equal(t, "a", *out.Successful[0].Id)
	assert.Equal(t, "f97c5d29941bfb1b2fdab0874906ab82", *out.Successful[0].MD5OfMessageBody)
	assert.NotEqual(t, *out.Successful[0].MessageId, *out.Successful[1].MessageId)
	bodies := map[string]string{}
	eventually(t, 20*time.Second, func() bool {
		for _, m := range c.receive(t, url) {
			bodies[*m.MessageId] = *m.Body
		}
		return len(bodies) == 2
	})
	assert.Equal(t, map[string]string{*out.Successful[0].MessageId: "one", *out.Successful[1].MessageId: "two"}, bodies)
}

func sqsSendBatchPartly(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	late := entry("late", "x")
	late.DelaySeconds = 1800
	out, err := c.sendBatch(t, url, entry("good", "x"), late)
	require.NoError(t, err)
	require.Len(t, out.Successful, 1)
	assert.Equal(t, "good", *out.Successful[0].Id)
	require.Len(t, out.Failed, 1)
	assert.Equal(t, "late", *out.Failed[0].Id)
	assert.Equal(t, "InvalidParameterValue", *out.Failed[0].Code)
	assert.Equal(t, "Value 1800 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", *out.Failed[0].Message)
	assert.True(t, out.Failed[0].SenderFault)
}

func sqsBatchOfEleven(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	var entries []sqstypes.SendMessageBatchRequestEntry
	for i := range 11 {
		entries = append(entries, entry(strconv.Itoa(i), "x"))
	}
	_, err := c.sendBatch(t, url, entries...)
	fails[*sqstypes.TooManyEntriesInBatchRequest](t, err, "Maximum number of entries per request are 10. You have sent 11.")
}

func sqsBatchOfNone(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.SendMessageBatch(t.Context(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []sqstypes.SendMessageBatchRequestEntry{}})
	fails[*sqstypes.EmptyBatchRequest](t, err, "")
}

func sqsBatchSameIDs(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.sendBatch(t, url, entry("a", "x"), entry("a", "y"))
	fails[*sqstypes.BatchEntryIdsNotDistinct](t, err, "Id a repeated.")
}

func sqsBatchInvalidID(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	for _, id := range []string{"with space", "a.b", strings.Repeat("i", 81)} {
		_, err := c.sendBatch(t, url, entry(id, "x"))
		fails[*sqstypes.InvalidBatchEntryId](t, err,
			"A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
	}
}

func sqsBatchTooLong(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	half := strings.Repeat("x", 524_288)
	out, err := c.sendBatch(t, url, entry("a", half), entry("b", half))
	require.NoError(t, err)
	assert.Len(t, out.Successful, 2)
	_, err = c.sendBatch(t, url, entry("a", half), entry("b", half+"x"))
	fails[*sqstypes.BatchRequestTooLong](t, err, "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.")
}

func sqsDeleteBatch(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"VisibilityTimeout": "1"})
	c.send(t, url, "x")
	m := c.receiveOne(t, url)
	out, err := c.SQS.DeleteMessageBatch(t.Context(), &sqs.DeleteMessageBatchInput{
		QueueUrl: &url, Entries: []sqstypes.DeleteMessageBatchRequestEntry{
			{Id: aws.String("good"), ReceiptHandle: m.ReceiptHandle},
			{Id: aws.String("bad"), ReceiptHandle: aws.String("no handle")},
		},
	})
	require.NoError(t, err)
	require.Len(t, out.Successful, 1)
	assert.Equal(t, "good", *out.Successful[0].Id)
	require.Len(t, out.Failed, 1)
	assert.Equal(t, "bad", *out.Failed[0].Id)
	assert.Equal(t, "ReceiptHandleIsInvalid", *out.Failed[0].Code)
	assert.True(t, out.Failed[0].SenderFault)
	assert.Empty(t, c.receive(t, url))
}

func sqsVisibilityBatch(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.send(t, url, "x")
	m := c.receiveOne(t, url)
	out, err := c.SQS.ChangeMessageVisibilityBatch(t.Context(), &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: &url, Entries: []sqstypes.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("good"), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0},
			{Id: aws.String("bad"), ReceiptHandle: aws.String("no handle"), VisibilityTimeout: 0},
		},
	})
	require.NoError(t, err)
	require.Len(t, out.Successful, 1)
	assert.Equal(t, "good", *out.Successful[0].Id)
	require.Len(t, out.Failed, 1)
	assert.Equal(t, "bad", *out.Failed[0].Id)
	assert.Equal(t, "ReceiptHandleIsInvalid", *out.Failed[0].Code)
	assert.Equal(t, "x", *c.receiveOne(t, url).Body)
}
