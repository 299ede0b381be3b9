package sqs

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

func TestFIFOAttributes(t *testing.T) {
	r := newRig(t)
	url := r.create("jobs.fifo", object{"FifoQueue": "True"})
	fifoAttributes := func() object {
		return r.call("GetQueueAttributes", object{"QueueUrl": url, "AttributeNames": fifoAttributes})["Attributes"].(object)
	}
	assert.Equal(t, object{"FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"}, fifoAttributes())
	r.call("SetQueueAttributes", object{"QueueUrl": url, "Attributes": object{
		"FifoQueue": "true", "ContentBasedDeduplication": "True", "FifoThroughputLimit": "perMessageGroupId", "DeduplicationScope": "messageGroup",
	}})
	assert.Equal(t, object{"FifoQueue": "true", "ContentBasedDeduplication": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}, fifoAttributes())
	r.refused("SetQueueAttributes", object{"QueueUrl": url, "Attributes": object{"DeduplicationScope": "queue"}}, "InvalidAttributeValue",
		"Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.")
	r.refused("SetQueueAttributes", object{"QueueUrl": url, "Attributes": object{"FifoQueue": "false"}}, "InvalidAttributeValue",
		"Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
	assert.Equal(t, url, r.create("jobs.fifo", object{"FifoQueue": "true", "DeduplicationScope": "messageGroup"}))
	r.refused("CreateQueue", object{"QueueName": "jobs.fifo", "Attributes": object{"FifoQueue": "true", "ContentBasedDeduplication": "false"}},
		"QueueNameExists", "A queue already exists with the same name and a different value for attribute ContentBasedDeduplication")
}

func TestProvideFIFO(t *testing.T) {
	r := newRig(t)
	made, err := r.service.Providers()["AWS::SQS::Queue"].Create(t.Context(), api.ResourceRequest{
		LogicalID: "Jobs", Type: "AWS::SQS::Queue", Name: "stack-Jobs-1A2B",
		Properties: []byte(`{"FifoQueue":true,"ContentBasedDeduplication":"true","DeduplicationScope":"messageGroup","FifoThroughputLimit":"perMessageGroupId"}`),
	})
	require.NoError(t, err)
	assert.Equal(t, "stack-Jobs-1A2B.fifo", made.Attributes["QueueName"])
	assert.True(t, strings.HasSuffix(made.Ref, "/stack-Jobs-1A2B.fifo"))
	r.sendTo(made.Ref, "a", "a1")
	assert.Equal(t, "1 0 0", r.depth(made.Ref))
}

func TestFIFOSendRefuses(t *testing.T) {
	const notHere = " is invalid. Reason: The request include parameter that is not valid for this queue type."
	for name, tt := range map[string]struct {
		in            object
		code, message string
	}{
		"no group":       {object{"MessageDeduplicationId": "d"}, "MissingRequiredParameterException", "The request must contain the parameter MessageGroupId."},
		"no ID":          {object{"MessageGroupId": "g"}, "InvalidParameterValueException", "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"},
		"delay":          {object{"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 2}, "InvalidParameterValueException", "Value 2 for parameter DelaySeconds" + notHere},
		"characters":     {object{"MessageGroupId": "g", "MessageDeduplicationId": "d d"}, "InvalidParameterValueException", "Value d d for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."},
		"empty":          {object{"MessageGroupId": "g", "MessageDeduplicationId": ""}, "InvalidParameterValueException", "Value  for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 in length."},
		"group's length": {object{"MessageGroupId": strings.Repeat("g", 129), "MessageDeduplicationId": "d"}, "InvalidParameterValueException", "Value " + strings.Repeat("g", 129) + " for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			url := r.create("jobs.fifo", object{"FifoQueue": "true"})
			tt.in["MessageBody"] = "x"
			entry := object{"Id": "1"}
			for member, value := range tt.in {
				entry[member] = value
			}
			tt.in["QueueUrl"] = url
			r.refused("SendMessage", tt.in, tt.code, tt.message)
			batch := object{"QueueUrl": url, "Entries": []object{{"Id": "0", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "0"}, entry}}
			if strings.HasPrefix(name, "no ") { // recorded on AWS: no entry fails alone, and the code is another
				r.refused("SendMessageBatch", batch, "InvalidParameterValueException", tt.message)
				return
			}
			out := r.call("SendMessageBatch", batch)
			assert.Len(t, out["Successful"], 1)
			assert.Equal(t, tt.message, out["Failed"].([]any)[0].(object)["Message"])
		})
	}
}

func TestDelayOfZeroIsTheQueues(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(object{"DelaySeconds": "2"})
		r.call("SendMessage", object{"QueueUrl": url, "MessageBody": "a1", "MessageGroupId": "a", "DelaySeconds": 0})
		what, after := r.poll(url, 1, 20)()
		assert.Equal(r, []string{"a1"}, what)
		assert.Equal(r, 2*time.Second, after)
	})
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
func TestDeduplication(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs.fifo", object{"FifoQueue": "true"})
		send := func(group, id, body string) object {
			r.Helper()
			return r.call("SendMessage", object{"QueueUrl": url, "MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": id})
		}
		first := send("a", "1", "x")
		assert.Len(r, first["SequenceNumber"], 20)
		again := send("b", "1", "y")
		assert.Equal(r, first["MessageId"], again["MessageId"])
		assert.Equal(r, first["SequenceNumber"], again["SequenceNumber"])
		assert.Equal(r, md5Of("y"), again["MD5OfMessageBody"], "of what was sent")
		assert.Greater(r, send("a", "2", "x")["SequenceNumber"], first["SequenceNumber"])
		for _, m := range r.take(url, 10) {
			r.delete(url, m["ReceiptHandle"].(string))
		}
		time.Sleep(interval - time.Second)
		send("a", "1", "x")
		assert.Equal(r, "0 0 0", r.depth(url), "deleted, and still known")
		time.Sleep(time.Second)
		assert.NotEqual(r, first["MessageId"], send("a", "1", "x")["MessageId"], "counted from the first send")
		assert.Equal(r, "1 0 0", r.depth(url))
		out := r.call("SendMessageBatch", object{"QueueUrl": url, "Entries": []object{
			{"Id": "0", "MessageBody": "x", "MessageGroupId": "a", "MessageDeduplicationId": "3"},
			{"Id": "1", "MessageBody": "x", "MessageGroupId": "a", "MessageDeduplicationId": "3"},
		}})["Successful"].([]any)
		assert.Equal(r, out[0].(object)["MessageId"], out[1].(object)["MessageId"], "within a batch")
		r.call("PurgeQueue", object{"QueueUrl": url})
		send("a", "1", "x")
		assert.Equal(r, "1 0 0", r.depth(url), "a purge forgets")
	})
}

func TestDeduplicationOfContent(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(object{"DeduplicationScope": "messageGroup"})
		r.sendTo(url, "a", "x", "x")
		r.sendTo(url, "b", "x")
		r.call("SendMessage", object{"QueueUrl": url, "MessageBody": "y", "MessageGroupId": "b", "MessageDeduplicationId": contentID("x")})
		r.call("SendMessage", object{"QueueUrl": url, "MessageBody": "x", "MessageGroupId": "b", "MessageDeduplicationId": "other"})
		got := r.receive(url, object{"MessageSystemAttributeNames": []string{"MessageDeduplicationId", "MessageGroupId"}})
		var ids []object
		for _, m := range got {
			ids = append(ids, m["Attributes"].(object))
		}
		const sha = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" // echo -n x | sha256sum
		assert.Equal(r, []object{
			{"MessageGroupId": "a", "MessageDeduplicationId": sha},
			{"MessageGroupId": "b", "MessageDeduplicationId": sha},
			{"MessageGroupId": "b", "MessageDeduplicationId": "other"},
		}, ids)
	})
}
