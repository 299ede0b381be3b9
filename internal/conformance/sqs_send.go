package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sqsSendCases() []Case {
	return []Case{
		{Name: "a send answers the message's ID and digests", Page: sqsAPI("SendMessage"), Run: sqsDigests},
		{Name: "a digest of binary attributes", Page: sqsGuide("sqs-message-metadata"), Run: sqsBinaryDigest},
		{Name: "an empty body is refused", Page: sqsAPI("SendMessage"), Run: sqsEmptyBody},
		{Name: "a message has 1 MiB at most", Page: sqsAPI("SendMessage"), Run: sqsTooLong},
		{Name: "a message's size is counted in UTF-8 bytes", Page: sqsAPI("SetQueueAttributes"), Run: sqsSizeInBytes},
		{Name: "names, types and values of attributes count towards the size", Page: sqsGuide("sqs-message-metadata"), Run: sqsSizeOfAttributes},
		{Name: "characters outside XML 1.0 are refused", Page: sqsAPI("SendMessage"), Run: sqsInvalidCharacters},
		{Name: "any other character comes back as it was", Page: sqsAPI("SendMessage"), Run: sqsCharacters},
		{Name: "a message has 10 attributes at most", Page: sqsGuide("sqs-message-metadata"), Run: sqsElevenAttributes},
		{Name: "an attribute has a value", Page: sqsGuide("sqs-message-metadata"), Run: sqsEmptyAttribute},
		{Name: "an attribute is a String, a Number or a Binary", Page: sqsGuide("sqs-message-metadata"), Run: sqsAttributeType},
		{Name: "attribute types carry custom labels", Page: sqsGuide("sqs-message-metadata"), Run: sqsCustomTypes},
		{Name: "a delay hides a message until it is over", Page: sqsGuide("sqs-message-timers"), Run: sqsDelay},
		{Name: "a message's delay overrides its queue's", Page: sqsGuide("sqs-message-timers"), Run: sqsDelayOverride},
		{Name: "a delay is 15 minutes at most", Page: sqsAPI("SendMessage"), Run: sqsDelayRange},
	}
}

// The digest of the attributes is one that AWS answered.
func sqsDigests(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	out, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("message-1"),
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{"MyAttribute": stringAttribute("foobar")},
	})
	require.NoError(t, err)
	assert.Regexp(t, `^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`, *out.MessageId)
	assert.Equal(t, "3d6b824fd8c1520e9a047d21fee6fb1f", *out.MD5OfMessageBody)
	assert.Equal(t, "adb59cd4678ea5a855436b949cd07ab6", *out.MD5OfMessageAttributes)
}

// The digest is one that AWS answered.
func sqsBinaryDigest(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	out, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("test"),
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{"attr1": {
			DataType: aws.String("Binary"), BinaryValue: []byte("traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"),
		}},
	})
	require.NoError(t, err)
	assert.Equal(t, "8cbe4db156db8a94db8b801b7addb984", *out.MD5OfMessageAttributes)
}

func sqsEmptyBody(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("")})
	failsAs(t, err, "MissingParameter", "The request must contain the parameter MessageBody.")
}

func sqsTooLong(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.send(t, url, strings.Repeat("x", 1_048_576))
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(strings.Repeat("x", 1_048_577))})
	failsAs(t, err, "InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.")
}

func sqsSizeInBytes(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"MaximumMessageSize": "1024"})
	c.send(t, url, strings.Repeat("x", 1024))
	c.send(t, url, strings.Repeat("€", 341)) // 1,023 bytes
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(strings.Repeat("€", 342))})
	failsAs(t, err, "InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.")
}

func sqsSizeOfAttributes(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"MaximumMessageSize": "1024"})
	send := func(bodyLength int) error {
		_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: aws.String(strings.Repeat("x", bodyLength)),
			// 4 + 6 + 5 bytes: name, type, value.
			MessageAttributes: map[string]sqstypes.MessageAttributeValue{"name": stringAttribute("value")},
		})
		return err
	}
	require.NoError(t, send(1009))
	failsAs(t, send(1010), "InvalidParameterValue", "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.")
}

func sqsInvalidCharacters(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	for _, body := range []string{"\x00", "a\x01b", "\x0b", "\uffff"} {
		_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
		fails[*sqstypes.InvalidMessageContents](t, err, "")
	}
}

func sqsCharacters(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	body := "tab\t newline\n return\r é € 😀 \ufffd <&>\"'\\"
	c.send(t, url, body)
	assert.Equal(t, body, *c.receiveOne(t, url).Body)
}

func sqsElevenAttributes(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	attributes := map[string]sqstypes.MessageAttributeValue{}
	for _, name := range strings.Split("abcdefghijk", "") {
		attributes[name] = stringAttribute("x")
	}
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageAttributes: attributes})
	failsAs(t, err, "InvalidParameterValue", "Number of message attributes [11] exceeds the allowed maximum [10].")
}

func sqsEmptyAttribute(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("x"),
		MessageAttributes: map[string]sqstypes.MessageAttributeValue{"ErrorDetails": stringAttribute("")},
	})
	failsAs(t, err, "InvalidParameterValue", "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.")
}

func sqsAttributeType(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	for _, attribute := range []sqstypes.MessageAttributeValue{
		{DataType: aws.String("Text"), StringValue: aws.String("x")},
		{DataType: aws.String("Number"), StringValue: aws.String("one")},
		{DataType: aws.String("string"), StringValue: aws.String("x")},
	} {
		_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: aws.String("x"), MessageAttributes: map[string]sqstypes.MessageAttributeValue{"a": attribute},
		})
		failsAs(t, err, "InvalidParameterValue", "")
	}
}

func sqsCustomTypes(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	attributes := map[string]sqstypes.MessageAttributeValue{
		"amount":  {DataType: aws.String("Number.float"), StringValue: aws.String("1.5")},
		"picture": {DataType: aws.String("Binary.png"), BinaryValue: []byte{0, 255}},
	}
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), MessageAttributes: attributes})
	require.NoError(t, err)
	assert.Equal(t, attributes, c.receiveOne(t, url, withAttributes("All")).MessageAttributes)
}

func sqsDelay(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("later"), DelaySeconds: 3})
	require.NoError(t, err)
	assert.Empty(t, c.receive(t, url, waiting(1)))
	wait(t, 2500*time.Millisecond)
	assert.Equal(t, "later", *c.receiveOne(t, url).Body)
}

func sqsDelayOverride(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"DelaySeconds": "600"})
	c.send(t, url, "later")
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("now"), DelaySeconds: 1})
	require.NoError(t, err)
	wait(t, 1500*time.Millisecond)
	assert.Equal(t, "now", *c.receiveOne(t, url).Body)
}

func sqsDelayRange(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), DelaySeconds: 901})
	failsAs(t, err, "InvalidParameterValue", "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.")
}
