package queue_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
)

// takes receives the one message there is, and deletes it.
func (r *rig) takes() message.Record {
	r.Helper()
	records, err := r.Receive(r.Context(), 10, 0, time.Minute)
	require.NoError(r, err)
	require.Len(r, records, 1)
	require.NoError(r, r.Delete(r.Context(), queue.Hold(records)))
	return records[0]
}

// attributes are n of them: a number, then texts that grow, then a binary one.
func attributes(n int) map[string]types.MessageAttributeValue {
	all := map[string]types.MessageAttributeValue{}
	for i := range n {
		all[fmt.Sprintf("text-%d", i)] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: aws.String(strings.Repeat("x", i+5))}
	}
	if n > 1 {
		delete(all, "text-0")
		all["b"] = types.MessageAttributeValue{DataType: aws.String("Binary.png"), BinaryValue: []byte{0, 1, 255}}
	}
	return all
}

func TestAMessageThatIsSentAgainStaysItself(t *testing.T) {
	for _, n := range []int{0, 1, 9, 10} {
		t.Run(fmt.Sprintf("with %d attributes", n), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				sent, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{
					QueueUrl: &r.url, MessageBody: aws.String(`{"job": "ü"}`), MessageAttributes: attributes(n), MessageGroupId: aws.String("tenant"),
					MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1")}},
				})
				require.NoError(r, err)
				first := r.takes()
				require.Len(r, first.MessageAttributes, n)
				require.NoError(r, queue.Room(first))

				time.Sleep(time.Hour)
				require.NoError(r, r.SendAgain(r.Context(), first, first.Receives(), 0))
				again := r.takes()
				assert.Equal(r, *sent.MessageId, again.MessageID)
				assert.Equal(r, first.Body, again.Body)
				assert.Equal(r, first.MessageAttributes, again.MessageAttributes)
				assert.Equal(r, first.Attributes["SentTimestamp"], again.Attributes["SentTimestamp"])
				assert.Equal(r, "tenant", again.Attributes["MessageGroupId"])
				assert.Equal(r, "Root=1", again.Attributes["AWSTraceHeader"])
				assert.Equal(r, []int{2, 1}, []int{again.Receives(), again.Carried})

				// And once more.
				require.NoError(r, r.SendAgain(r.Context(), again, again.Receives(), 0))
				third := r.takes()
				assert.Equal(r, *sent.MessageId, third.MessageID)
				assert.Equal(r, first.MessageAttributes, third.MessageAttributes)
				held := queue.Hold([]message.Record{third})[0]
				assert.Equal(r, []int{3, 2, 3, 2}, []int{third.Receives(), third.Carried, held.Receives, held.Carried})
			})
		})
	}
}

func TestAMessageIsSentAgainAfterADelay(t *testing.T) {
	for name, c := range map[string]struct{ delay, want time.Duration }{
		"none":              {0, 0},
		"one that is over":  {-time.Minute, 0},
		"part of a second":  {1500 * time.Millisecond, 2 * time.Second},
		"more than SQS has": {time.Hour, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.send("job")
				require.NoError(r, r.SendAgain(r.Context(), r.takes(), 1, c.delay))
				if c.want > 0 {
					time.Sleep(c.want - time.Second)
					assert.Equal(r, queue.Depth{Delayed: 1}, r.depth())
					time.Sleep(time.Second)
				}
				assert.Equal(r, queue.Depth{Visible: 1}, r.depth())
			})
		})
	}
}

// TestAnAttributeThatIsNotMusters is left alone.
func TestAnAttributeThatIsNotMusters(t *testing.T) {
	for name, value := range map[string]types.MessageAttributeValue{
		"a text":             {DataType: aws.String("String"), StringValue: aws.String("muster")},
		"another object":     {DataType: aws.String("String"), StringValue: aws.String(`{"id": 7}`)},
		"an ID that is none": {DataType: aws.String("String"), StringValue: aws.String(`{"messageId": "../x", "receives": 1}`)},
		"a negative count":   {DataType: aws.String("String"), StringValue: aws.String(`{"messageId": "6f1c1f3e-6b54-4b52-8f43-1b1f34d4ef6e", "receives": -1}`)},
		"binary":             {DataType: aws.String("Binary"), BinaryValue: []byte("{}")},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				sent, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{
					QueueUrl: &r.url, MessageBody: aws.String("job"), MessageAttributes: map[string]types.MessageAttributeValue{"Muster": value},
				})
				require.NoError(r, err)
				got := r.takes()
				assert.Equal(r, *sent.MessageId, got.MessageID)
				assert.Contains(r, got.MessageAttributes, "Muster")
				assert.NotEmpty(r, got.MD5OfMessageAttributes)
				assert.Equal(r, []int{1, 0}, []int{got.Receives(), got.Carried})
			})
		})
	}
}

// TestRoom holds that what has room can be sent again, and what has not is told.
func TestRoom(t *testing.T) {
	const id, mebibyte = "6f1c1f3e-6b54-4b52-8f43-1b1f34d4ef6e", 1024 * 1024
	record := func(body int) message.Record {
		return message.Record{MessageID: id, Body: strings.Repeat("x", body), Attributes: map[string]string{"SentTimestamp": "946684800000"}}
	}
	largest := 0
	for least, most := 0, mebibyte; least <= most; {
		middle := (least + most) / 2
		if queue.Room(record(middle)) == nil {
			largest, least = middle, middle+1
		} else {
			most = middle - 1
		}
	}
	assert.Equal(t, mebibyte-116, largest)
	assert.EqualError(t, queue.Room(record(largest+1)), "it takes 1048577 bytes with the attribute Muster, which a message of over 12 hours carries when it is sent again: SQS takes 1048576")
	inBubble(t, func(r *rig) {
		require.NoError(r, r.SendAgain(r.Context(), record(largest), 999_999_999, 0))
		assert.Error(r, r.SendAgain(r.Context(), record(largest+1), 999_999_999, 0))
	})
}

func TestThatAMessageWasNotSentAgainIsTold(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		m := r.takes()
		r.runtime.Router.Faults.Add(api.Fault{Service: "sqs", Operation: "SendMessage", Kind: api.Fail, Error: &api.Error{Code: "AccessDenied", Message: "not yours", Status: 403}})
		err := r.SendAgain(r.Context(), m, 1, 0)
		assert.ErrorContains(r, err, "send message "+m.MessageID+" to "+r.url+" again: ")
		assert.ErrorContains(r, err, "not yours")
	})
}
