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

func sqsQueueCases() []Case {
	return []Case{
		{Name: "a queue has the documented defaults", Page: sqsAPI("SetQueueAttributes"), Run: sqsDefaults},
		{Name: "creating a queue again with the same attributes answers the same URL", Page: sqsAPI("CreateQueue"), Run: sqsCreateAgain},
		{Name: "creating a queue again with other attributes is refused", Page: sqsAPI("CreateQueue"), Run: sqsCreateDifferent},
		{Name: "a queue's name has 80 letters of a small alphabet", Page: sqsAPI("CreateQueue"), Run: sqsQueueNames},
		{Name: "a queue is found by its name", Page: sqsAPI("GetQueueUrl"), Run: sqsGetURL},
		{Name: "a queue that does not exist", Page: sqsAPI("GetQueueUrl"), Run: sqsNoQueue},
		{Name: "an attribute that does not exist cannot be read", Page: sqsAPI("GetQueueAttributes"), Run: sqsUnknownAttribute},
		{Name: "only the attributes asked for are answered", Page: sqsAPI("GetQueueAttributes"), Run: sqsSomeAttributes},
		{Name: "setting one attribute leaves the others", Page: sqsAPI("SetQueueAttributes"), Run: sqsSetOne},
		{Name: "attribute values out of range are refused", Page: sqsAPI("SetQueueAttributes"), Run: sqsAttributeRanges},
		{Name: "queues are listed by prefix", Page: sqsAPI("ListQueues"), Run: sqsList},
		{Name: "a purge deletes messages, those in flight too", Page: sqsAPI("PurgeQueue"), Long: true, Run: sqsPurge},
		{Name: "one purge in 60 seconds", Page: sqsAPI("PurgeQueue"), Run: sqsPurgeTwice},
		{Name: "tags are added, listed and removed", Page: sqsAPI("TagQueue"), Run: sqsTags},
		{Name: "a deleted queue is gone within 60 seconds", Page: sqsAPI("DeleteQueue"), Run: sqsDelete},
		{Name: "depths count visible, in flight and delayed messages", Page: sqsAPI("GetQueueAttributes"), Run: sqsDepths},
		{Name: "messages go when their retention is over", Page: sqsAPI("SetQueueAttributes"), Long: true, Run: sqsRetention},
	}
}

func sqsDefaults(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	all := c.queueAttributes(t, url, sqstypes.QueueAttributeNameAll)
	for name, want := range map[string]string{
		"VisibilityTimeout":                     "30",
		"DelaySeconds":                          "0",
		"MaximumMessageSize":                    "1048576",
		"MessageRetentionPeriod":                "345600",
		"ReceiveMessageWaitTimeSeconds":         "0",
		"ApproximateNumberOfMessages":           "0",
		"ApproximateNumberOfMessagesNotVisible": "0",
		"ApproximateNumberOfMessagesDelayed":    "0",
	} {
		assert.Equal(t, want, all[name], name)
	}
	assert.Regexp(t, `^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:`+queueName(url)+`$`, all["QueueArn"])
	assert.Regexp(t, `^\d+$`, all["CreatedTimestamp"])
	assert.Regexp(t, `^\d+$`, all["LastModifiedTimestamp"])
}

func sqsCreateAgain(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"VisibilityTimeout": "7"})
	for _, attributes := range []map[string]string{{"VisibilityTimeout": "7"}, nil} {
		out, err := c.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(queueName(url)), Attributes: attributes})
		require.NoError(t, err)
		assert.Equal(t, url, *out.QueueUrl)
	}
}

func sqsCreateDifferent(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"DelaySeconds": "1"})
	_, err := c.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: aws.String(queueName(url)), Attributes: map[string]string{"DelaySeconds": "2"},
	})
	fails[*sqstypes.QueueNameExists](t, err, "A queue already exists with the same name and a different value for attribute DelaySeconds")
}

func sqsQueueNames(t *testing.T, c *Clients) {
	for _, name := range []string{strings.Repeat("q", 81), "with.dot", "with space", "grün"} {
		_, err := c.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name})
		failsAs(t, err, "InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
}

func sqsGetURL(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	out, err := c.SQS.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(queueName(url))})
	require.NoError(t, err)
	assert.Equal(t, url, *out.QueueUrl)
}

func sqsNoQueue(t *testing.T, c *Clients) {
	_, err := c.SQS.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(fresh())})
	fails[*sqstypes.QueueDoesNotExist](t, err, "The specified queue does not exist.")
	failsAs(t, err, "AWS.SimpleQueueService.NonExistentQueue", "")

	url := c.queue(t, nil)
	missing := strings.TrimSuffix(url, queueName(url)) + fresh()
	_, err = c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &missing, MessageBody: aws.String("x")})
	fails[*sqstypes.QueueDoesNotExist](t, err, "The specified queue does not exist.")
}

func sqsUnknownAttribute(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{"Colour"},
	})
	fails[*sqstypes.InvalidAttributeName](t, err, "Unknown Attribute Colour.")
	_, err = c.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: &url, Attributes: map[string]string{"Colour": "red"},
	})
	fails[*sqstypes.InvalidAttributeName](t, err, "Unknown Attribute Colour.")
}

func sqsSomeAttributes(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"DelaySeconds": "3"})
	assert.Equal(t, map[string]string{"DelaySeconds": "3", "VisibilityTimeout": "30"},
		c.queueAttributes(t, url, sqstypes.QueueAttributeNameDelaySeconds, sqstypes.QueueAttributeNameVisibilityTimeout))
	assert.Empty(t, c.queueAttributes(t, url))
}

func sqsSetOne(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"DelaySeconds": "3"})
	_, err := c.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
		QueueUrl: &url, Attributes: map[string]string{"VisibilityTimeout": "69"},
	})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"DelaySeconds": "3", "VisibilityTimeout": "69"},
		c.queueAttributes(t, url, sqstypes.QueueAttributeNameDelaySeconds, sqstypes.QueueAttributeNameVisibilityTimeout))
}

func sqsAttributeRanges(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	for _, test := range []struct{ attribute, value string }{
		{"VisibilityTimeout", "-1"},
		{"VisibilityTimeout", "43201"},
		{"DelaySeconds", "901"},
		{"MaximumMessageSize", "1023"},
		{"MaximumMessageSize", "1048577"},
		{"MessageRetentionPeriod", "59"},
		{"MessageRetentionPeriod", "1209601"},
		{"ReceiveMessageWaitTimeSeconds", "21"},
		{"VisibilityTimeout", "soon"},
	} {
		_, err := c.SQS.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
			QueueUrl: &url, Attributes: map[string]string{test.attribute: test.value},
		})
		fails[*sqstypes.InvalidAttributeValue](t, err, "Invalid value for the parameter "+test.attribute+".")
	}
}

func sqsList(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.queue(t, nil)
	eventually(t, time.Minute, func() bool {
		out, err := c.SQS.ListQueues(t.Context(), &sqs.ListQueuesInput{QueueNamePrefix: aws.String(queueName(url))})
		require.NoError(t, err)
		return assert.ObjectsAreEqual([]string{url}, out.QueueUrls)
	})
}

func sqsPurge(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"VisibilityTimeout": "65"})
	c.send(t, url, "one")
	c.receiveOne(t, url)
	c.send(t, url, "two")
	_, err := c.SQS.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &url})
	require.NoError(t, err)
	wait(t, 66*time.Second) // deletion takes up to 60 seconds
	assert.Empty(t, c.receive(t, url))
}

func sqsPurgeTwice(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &url})
	require.NoError(t, err)
	_, err = c.SQS.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &url})
	fails[*sqstypes.PurgeQueueInProgress](t, err, "Only one PurgeQueue operation on "+queueName(url)+" is allowed every 60 seconds.")
}

func sqsTags(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	_, err := c.SQS.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{"a": "1", "b": "2"}})
	require.NoError(t, err)
	_, err = c.SQS.UntagQueue(t.Context(), &sqs.UntagQueueInput{QueueUrl: &url, TagKeys: []string{"a"}})
	require.NoError(t, err)
	out, err := c.SQS.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: &url})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"b": "2"}, out.Tags)
}

func sqsDelete(t *testing.T, c *Clients) {
	out, err := c.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String(fresh())})
	require.NoError(t, err)
	_, err = c.SQS.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
	require.NoError(t, err)
	eventually(t, 70*time.Second, func() bool {
		_, err = c.SQS.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String(queueName(*out.QueueUrl))})
		return err != nil
	})
	fails[*sqstypes.QueueDoesNotExist](t, err, "The specified queue does not exist.")
}

func sqsDepths(t *testing.T, c *Clients) {
	url := c.queue(t, nil)
	c.send(t, url, "in flight")
	c.receiveOne(t, url)
	c.send(t, url, "visible")
	c.send(t, url, "visible too")
	_, err := c.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("delayed"), DelaySeconds: 600})
	require.NoError(t, err)
	want := map[string]string{
		"ApproximateNumberOfMessages":           "2",
		"ApproximateNumberOfMessagesNotVisible": "1",
		"ApproximateNumberOfMessagesDelayed":    "1",
	}
	// The numbers may lag behind by a minute.
	eventually(t, 90*time.Second, func() bool {
		return assert.ObjectsAreEqual(want, c.queueAttributes(t, url,
			sqstypes.QueueAttributeNameApproximateNumberOfMessages,
			sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed))
	})
}

func sqsRetention(t *testing.T, c *Clients) {
	url := c.queue(t, map[string]string{"MessageRetentionPeriod": "60"})
	c.send(t, url, "short-lived")
	wait(t, 65*time.Second)
	assert.Empty(t, c.receive(t, url))
}
