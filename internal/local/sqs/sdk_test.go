package sqs

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The real SDK sends, receives and deletes, and checks every digest.
func TestSDK(t *testing.T) {
	bubble(t, func(r *rig) {
		ctx, client := r.Context(), r.client()
		created, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{
			QueueName: aws.String("jobs"), Attributes: map[string]string{"VisibilityTimeout": "5"}, Tags: map[string]string{"a": "b"},
		})
		require.NoError(r, err)
		url := created.QueueUrl
		sent, err := client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: url, MessageBody: aws.String("grüße"), DelaySeconds: 2,
			MessageAttributes: map[string]types.MessageAttributeValue{
				"bytes":  {DataType: aws.String("Binary.gzip"), BinaryValue: []byte{0, 1, 2}},
				"number": {DataType: aws.String("Number"), StringValue: aws.String("-1.5e3")},
			},
		})
		require.NoError(r, err)
		batch, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("1"), MessageBody: aws.String("one")}, {Id: aws.String("2"), MessageBody: aws.String("\x01")},
		}})
		require.NoError(r, err)
		assert.Len(r, batch.Successful, 1)
		assert.Equal(r, "InvalidMessageContents", aws.ToString(batch.Failed[0].Code))

		start := time.Now()
		var got []types.Message
		for len(got) < 2 {
			out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
				QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20,
				MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
				MessageAttributeNames:       []string{"All"},
			})
			require.NoError(r, err)
			got = append(got, out.Messages...)
		}
		assert.Equal(r, 2*time.Second, time.Since(start))
		assert.Equal(r, "one", aws.ToString(got[0].Body))
		assert.Equal(r, "grüße", aws.ToString(got[1].Body))
		assert.Equal(r, sent.MessageId, got[1].MessageId)
		assert.Equal(r, []byte{0, 1, 2}, got[1].MessageAttributes["bytes"].BinaryValue)
		assert.Equal(r, "1", got[1].Attributes["ApproximateReceiveCount"])

		for _, m := range got {
			_, err := client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 0})
			require.NoError(r, err)
			_, err = client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle})
			require.NoError(r, err)
		}
		attributes, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{"All"}})
		require.NoError(r, err)
		assert.Equal(r, "0", attributes.Attributes["ApproximateNumberOfMessages"])
		empty, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 1})
		require.NoError(r, err)
		assert.Nil(r, empty.Messages)
	})
}

// Errors arrive as the SDK's own types, under the codes of the query protocol.
func TestSDKErrors(t *testing.T) {
	r := newRig(t)
	ctx, client := t.Context(), r.client()
	url := aws.String(r.create("jobs", nil))

	_, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String("none"), MessageBody: aws.String("x")})
	var missing *types.QueueDoesNotExist
	require.ErrorAs(t, err, &missing)
	assert.Equal(t, "AWS.SimpleQueueService.NonExistentQueue", missing.ErrorCode())

	_, err = client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: aws.String("x")})
	var handle *types.ReceiptHandleIsInvalid
	require.ErrorAs(t, err, &handle)

	_, err = client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{}})
	var empty *types.EmptyBatchRequest
	require.ErrorAs(t, err, &empty)

	_, err = client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 11})
	var generic smithy.APIError
	require.ErrorAs(t, err, &generic)
	assert.Equal(t, "InvalidParameterValue", generic.ErrorCode())
	assert.Equal(t, "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.", generic.ErrorMessage())
}
