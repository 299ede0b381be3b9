package sqs

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

func TestCreateQueueIsIdempotent(t *testing.T) {
	r := newRig(t)
	url := r.create("jobs", object{"DelaySeconds": "5"})
	assert.Equal(t, url, r.create("jobs", nil))
	assert.Equal(t, url, r.create("jobs", object{"DelaySeconds": "5", "VisibilityTimeout": "30"}))
	r.refused("CreateQueue", object{"QueueName": "jobs", "Attributes": object{"DelaySeconds": "6"}},
		"QueueNameExists", "A queue already exists with the same name and a different value for attribute DelaySeconds")
}

func TestCreateQueueRefuses(t *testing.T) {
	const badName = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
	const badFIFO = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length."
	for name, tt := range map[string]struct {
		queue         string
		attributes    object
		code, message string
	}{
		"no name":                 {"", nil, "MissingRequiredParameterException", "The request must contain the parameter QueueName."},
		"characters":              {"a b", nil, "InvalidParameterValueException", badName},
		"long name":               {strings.Repeat("a", 81), nil, "InvalidParameterValueException", badName},
		"FIFO's name":             {"a.fifo", nil, "InvalidParameterValueException", badName},
		"FIFO without its suffix": {"a", object{"FifoQueue": "true"}, "InvalidParameterValueException", badFIFO},
		"only the suffix":         {".fifo", object{"FifoQueue": "true"}, "InvalidParameterValueException", badFIFO},
		"long FIFO":               {strings.Repeat("a", 76) + ".fifo", object{"FifoQueue": "true"}, "InvalidParameterValueException", badFIFO},
		"no scope":                {"a.fifo", object{"FifoQueue": "true", "DeduplicationScope": "account"}, "InvalidAttributeValue", "Invalid value for the parameter DeduplicationScope."},
		"no limit":                {"a.fifo", object{"FifoQueue": "true", "FifoThroughputLimit": "none"}, "InvalidAttributeValue", "Invalid value for the parameter FifoThroughputLimit."},
		"no boolean":              {"a.fifo", object{"FifoQueue": "true", "ContentBasedDeduplication": "1"}, "InvalidAttributeValue", "Invalid value for the parameter ContentBasedDeduplication."},
		"a group's limit in the queue's scope": {"a.fifo", object{"FifoQueue": "true", "FifoThroughputLimit": "perMessageGroupId"}, "InvalidAttributeValue",
			"Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup."},
		"no FIFO":      {"a", object{"FifoQueue": "false"}, "InvalidAttributeName", "Unknown Attribute FifoQueue."},
		"FIFO's":       {"a", object{"ContentBasedDeduplication": "true"}, "InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication."},
		"FIFO's scope": {"a", object{"DeduplicationScope": "queue"}, "InvalidAttributeName", "You can specify the DeduplicationScope only when FifoQueue is set to true."},
		"unknown":      {"a", object{"Colour": "red"}, "InvalidAttributeName", "Unknown Attribute Colour."},
		"derived":      {"a", object{"QueueArn": "x"}, "InvalidAttributeName", "Unknown Attribute QueueArn."},
		"no number":    {"a", object{"DelaySeconds": "soon"}, "InvalidAttributeValue", "Invalid value for the parameter DelaySeconds."},
		"delay":        {"a", object{"DelaySeconds": "901"}, "InvalidAttributeValue", "Invalid value for the parameter DelaySeconds."},
		"size below":   {"a", object{"MaximumMessageSize": "1023"}, "InvalidAttributeValue", "Invalid value for the parameter MaximumMessageSize."},
		"size above":   {"a", object{"MaximumMessageSize": "1048577"}, "InvalidAttributeValue", "Invalid value for the parameter MaximumMessageSize."},
		"retention":    {"a", object{"MessageRetentionPeriod": "59"}, "InvalidAttributeValue", "Invalid value for the parameter MessageRetentionPeriod."},
		"wait":         {"a", object{"ReceiveMessageWaitTimeSeconds": "21"}, "InvalidAttributeValue", "Invalid value for the parameter ReceiveMessageWaitTimeSeconds."},
		"visibility":   {"a", object{"VisibilityTimeout": "43201"}, "InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."},
		"policy":       {"a", object{"Policy": "everybody"}, "InvalidAttributeValue", "Invalid value for the parameter Policy."},
		"encryption":   {"a", object{"SqsManagedSseEnabled": "perhaps"}, "InvalidAttributeValue", "Invalid value for the parameter SqsManagedSseEnabled."},
		"two encryptions": {"a", object{"SqsManagedSseEnabled": "true", "KmsMasterKeyId": "k"}, "InvalidAttributeName",
			"You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE."},
	} {
		t.Run(name, func(t *testing.T) {
			newRig(t).refused("CreateQueue", object{"QueueName": tt.queue, "Attributes": tt.attributes}, tt.code, tt.message)
		})
	}
}

func TestDeleteQueue(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		r.call("DeleteQueue", object{"QueueUrl": url})
		r.refused("SendMessage", object{"QueueUrl": url, "MessageBody": "x"}, "QueueDoesNotExist", "The specified queue does not exist.")
		r.refused("DeleteQueue", object{"QueueUrl": url}, "QueueDoesNotExist", "The specified queue does not exist.")
		time.Sleep(59 * time.Second)
		r.refused("CreateQueue", object{"QueueName": "jobs"}, "QueueDeletedRecently",
			"You must wait 60 seconds after deleting a queue before you can create another with the same name.")
		time.Sleep(time.Second)
		r.create("jobs", nil)
	})
}

func TestQueueURLs(t *testing.T) {
	r := newRig(t)
	r.create("jobs", nil)
	for _, url := range []string{
		"jobs", "http://127.0.0.1:4100/123456789012/jobs", "https://sqs.us-east-1.amazonaws.com/123456789012/jobs",
		"http://localhost:1/123456789012/jobs/",
	} {
		r.send(url, "x")
	}
	for _, url := range []string{"http://127.0.0.1:4100/210987654321/jobs", "http://127.0.0.1:4100/123456789012/job", "/", "Jobs"} {
		r.refused("SendMessage", object{"QueueUrl": url, "MessageBody": "x"}, "QueueDoesNotExist", "The specified queue does not exist.")
	}
	r.refused("SendMessage", object{"MessageBody": "x"}, "MissingRequiredParameterException", "The request must contain the parameter QueueUrl.")
}

func TestGetQueueURL(t *testing.T) {
	r := newRig(t)
	url := r.create("jobs", nil)
	assert.Equal(t, object{"QueueUrl": url}, r.call("GetQueueUrl", object{"QueueName": "jobs"}))
	r.call("GetQueueUrl", object{"QueueName": "jobs", "QueueOwnerAWSAccountId": "123456789012"})
	for _, in := range []object{{"QueueName": "none"}, {"QueueName": "jobs", "QueueOwnerAWSAccountId": "1"}} {
		r.refused("GetQueueUrl", in, "QueueDoesNotExist", "The specified queue does not exist.")
	}
}

func TestListQueues(t *testing.T) {
	r := newRig(t)
	assert.Equal(t, object{}, r.call("ListQueues", nil))
	b, a, c := r.create("x-b", nil), r.create("x-a", nil), r.create("y", nil)
	assert.Equal(t, object{"QueueUrls": []any{a, b, c}}, r.call("ListQueues", nil))
	assert.Equal(t, object{"QueueUrls": []any{a, b}}, r.call("ListQueues", object{"QueueNamePrefix": "x-"}))
	page := r.call("ListQueues", object{"MaxResults": 2})
	assert.Equal(t, []any{a, b}, page["QueueUrls"])
	assert.Equal(t, object{"QueueUrls": []any{c}}, r.call("ListQueues", object{"MaxResults": 2, "NextToken": page["NextToken"]}))
	r.refused("ListQueues", object{"MaxResults": 1, "NextToken": "!"}, "InvalidParameterValueException", "Invalid or expired next token.")
	r.refused("ListQueues", object{"MaxResults": 0}, "InvalidParameterValueException",
		"Value 0 for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.")
}

func TestAttributes(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		created := strconv.FormatInt(time.Now().Unix(), 10)
		all := object{"QueueUrl": url, "AttributeNames": []string{"All"}}
		want := object{
			"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0", "ApproximateNumberOfMessagesNotVisible": "0",
			"CreatedTimestamp": created, "LastModifiedTimestamp": created,
			"DelaySeconds": "0", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "345600",
			"QueueArn":                      "arn:aws:sqs:eu-central-1:123456789012:jobs",
			"ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true", "VisibilityTimeout": "30",
		}
		assert.Equal(r, object{"Attributes": want}, r.call("GetQueueAttributes", all))
		assert.Equal(r, object{}, r.call("GetQueueAttributes", object{"QueueUrl": url}))
		assert.Equal(r, object{"Attributes": object{"DelaySeconds": "0"}},
			r.call("GetQueueAttributes", object{"QueueUrl": url, "AttributeNames": []string{"DelaySeconds", "Policy"}}))
		r.refused("GetQueueAttributes", object{"QueueUrl": url, "AttributeNames": []string{"FifoQueue"}}, "InvalidAttributeName", "Unknown Attribute FifoQueue.")

		time.Sleep(time.Minute)
		r.create("dead", nil)
		set := func(attributes object) {
			r.call("SetQueueAttributes", object{"QueueUrl": url, "Attributes": attributes})
		}
		set(object{
			"VisibilityTimeout": "60", "KmsMasterKeyId": "alias/aws/sqs", "Policy": `{"Version":"2012-10-17"}`,
			"RedrivePolicy": `{"maxReceiveCount":"3", "deadLetterTargetArn":"` + deadARN + `"}`,
		})
		want["LastModifiedTimestamp"] = strconv.FormatInt(time.Now().Unix(), 10)
		want["VisibilityTimeout"] = "60"
		want["KmsMasterKeyId"] = "alias/aws/sqs"
		want["SqsManagedSseEnabled"] = "false"
		want["Policy"] = `{"Version":"2012-10-17"}`
		want["RedrivePolicy"] = `{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":3}`
		assert.Equal(r, object{"Attributes": want}, r.call("GetQueueAttributes", all))

		set(object{"KmsMasterKeyId": "", "Policy": "", "RedrivePolicy": ""})
		for _, name := range []string{"KmsMasterKeyId", "Policy", "RedrivePolicy"} {
			delete(want, name)
		}
		assert.Equal(r, object{"Attributes": want}, r.call("GetQueueAttributes", all))
		r.refused("SetQueueAttributes", object{"QueueUrl": url, "Attributes": object{"FifoQueue": "true"}}, "InvalidAttributeName", "Unknown Attribute FifoQueue.")
	})
}

func TestTags(t *testing.T) {
	r := newRig(t)
	url := r.call("CreateQueue", object{"QueueName": "jobs", "tags": object{"a": "1"}})["QueueUrl"]
	r.call("TagQueue", object{"QueueUrl": url, "Tags": object{"a": "2", "b": "3"}})
	assert.Equal(t, object{"Tags": object{"a": "2", "b": "3"}}, r.call("ListQueueTags", object{"QueueUrl": url}))
	r.call("UntagQueue", object{"QueueUrl": url, "TagKeys": []string{"a", "b"}})
	assert.Equal(t, object{}, r.call("ListQueueTags", object{"QueueUrl": url}))
}

func TestWhatIsNotBuiltIsRefused(t *testing.T) {
	r := newRig(t)
	for _, operation := range []string{"AddPermission", "RemovePermission", "StartMessageMoveTask", "ListMessageMoveTasks", "CancelMessageMoveTask"} {
		r.refused(operation, object{}, "UnsupportedOperation", "The embedded runtime does not support "+operation+".")
	}
	r.refused("SendMessage", object{"QueueUrl": "q", "MessageBody": "x", "Colour": "red"}, "ValidationException",
		`The embedded runtime does not know the member "Colour" of SendMessageInput.`)
}

func TestProviders(t *testing.T) {
	r := newRig(t)
	provide := func(kind, properties string) (api.Resource, error) {
		return r.service.Providers()[kind].Create(t.Context(), api.ResourceRequest{LogicalID: "Jobs", Type: kind, Name: "stack-Jobs-1A2B", Properties: []byte(properties)})
	}
	dead, err := provide("AWS::SQS::Queue", `{"QueueName":"dead"}`)
	require.NoError(t, err)
	jobs, err := provide("AWS::SQS::Queue", `{
		"VisibilityTimeout":"120","DelaySeconds":3,"SqsManagedSseEnabled":true,
		"RedrivePolicy":{"deadLetterTargetArn":"`+dead.Attributes["Arn"]+`","maxReceiveCount":"5"},
		"Tags":[{"Key":"team","Value":"a"}]}`)
	require.NoError(t, err)
	assert.Equal(t, api.Resource{
		Ref: "http://127.0.0.1:4100/123456789012/stack-Jobs-1A2B",
		Attributes: map[string]string{
			"Arn":       "arn:aws:sqs:eu-central-1:123456789012:stack-Jobs-1A2B",
			"QueueName": "stack-Jobs-1A2B",
			"QueueUrl":  "http://127.0.0.1:4100/123456789012/stack-Jobs-1A2B",
		},
	}, jobs)
	policy, err := provide("AWS::SQS::QueuePolicy", `{"Queues":["`+jobs.Ref+`"],"PolicyDocument":{"Version":"2012-10-17"}}`)
	require.NoError(t, err)
	assert.Equal(t, "stack-Jobs-1A2B", policy.Ref)
	assert.Equal(t, object{"Attributes": object{
		"VisibilityTimeout": "120", "DelaySeconds": "3", "Policy": `{"Version":"2012-10-17"}`,
		"RedrivePolicy": `{"deadLetterTargetArn":"` + deadARN + `","maxReceiveCount":5}`,
	}}, r.call("GetQueueAttributes", object{"QueueUrl": jobs.Ref, "AttributeNames": []string{"VisibilityTimeout", "DelaySeconds", "Policy", "RedrivePolicy"}}))
	assert.Equal(t, object{"Tags": object{"team": "a"}}, r.call("ListQueueTags", object{"QueueUrl": jobs.Ref}))

	for _, tt := range []struct{ kind, properties, code string }{
		{"AWS::SQS::Queue", `{"Colour":"red"}`, "ValidationException"},
		{"AWS::SQS::Queue", `{"DelaySeconds":[1]}`, "SerializationException"},
		{"AWS::SQS::Queue", `{"DelaySeconds":901}`, "InvalidAttributeValue"},
		{"AWS::SQS::QueuePolicy", `{"Queues":[]}`, "ValidationError"},
		{"AWS::SQS::QueuePolicy", `{"Queues":["none"],"PolicyDocument":{}}`, "QueueDoesNotExist"},
	} {
		_, err := provide(tt.kind, tt.properties)
		require.Error(t, err)
		assert.Equal(t, tt.code, api.AsError(err).Code, tt.properties)
	}
}

func TestOptions(t *testing.T) {
	t.Run("stale depths", func(t *testing.T) {
		bubble(t, func(r *rig) {
			r.service.SetOptions(Options{StaleDepths: time.Minute})
			url := r.create("jobs", object{"VisibilityTimeout": "30"})
			r.send(url, "a", "b")
			assert.Equal(r, "0 0 0", r.depth(url))
			time.Sleep(10 * time.Second)
			r.handle(url) // visible again at 40 s
			time.Sleep(50 * time.Second)
			assert.Equal(r, "2 0 0", r.depth(url))
			time.Sleep(10 * time.Second)
			assert.Equal(r, "1 1 0", r.depth(url))
			time.Sleep(30 * time.Second)
			assert.Equal(r, "2 0 0", r.depth(url))
			d, _ := r.service.Depth("jobs")
			assert.Equal(r, 2, d.Visible)
		})
	})
	t.Run("ghosts", func(t *testing.T) {
		r := newRig(t)
		url := r.create("jobs", nil)
		r.service.SetOptions(Options{GhostDepth: map[string]int{"jobs": 3}})
		assert.Equal(t, "3 0 0", r.depth(url))
		assert.Empty(t, r.receive(url, nil))
	})
	t.Run("short receives", func(t *testing.T) {
		counts := func() (all []int) {
			bubble(t, func(r *rig) {
				r.service.SetOptions(Options{ShortReceives: true})
				url := r.create("jobs", object{"VisibilityTimeout": "0"})
				r.send(url, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
				for range 30 {
					all = append(all, len(r.receive(url, nil)))
				}
				assert.Len(r, r.receive(url, object{"WaitTimeSeconds": 1}), 10, "a long poll asks all servers")
			})
			return all
		}
		first := counts()
		assert.Contains(t, first, 0)
		assert.Contains(t, first, 10)
		assert.Equal(t, first, counts(), "seeded")
	})
}
