package queue_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	localsqs "github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
)

func TestReceiveMakesTheEventOfAnEventSourceMapping(t *testing.T) {
	inBubble(t, func(r *rig) {
		sent, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{
			QueueUrl: &r.url, MessageBody: aws.String(`{"n":"<é>"}`),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"text":   {DataType: aws.String("String"), StringValue: aws.String("é")},
				"count":  {DataType: aws.String("Number.int"), StringValue: aws.String("12")},
				"binary": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255}},
			},
			MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
				"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-5759e988-bd862e3fe1be46a994272793")},
			},
		})
		require.NoError(r, err)
		time.Sleep(5 * time.Second)
		records, err := r.Receive(r.Context(), 10, 0, time.Minute)
		require.NoError(r, err)
		require.Len(r, records, 1)
		handle := records[0].ReceiptHandle
		require.NotEmpty(r, handle)
		records[0].ReceiptHandle = "handle"

		payload, err := message.Event{Records: records}.Encode()
		require.NoError(r, err)
		assert.JSONEq(r, `{"Records": [{
			"messageId": "`+*sent.MessageId+`",
			"receiptHandle": "handle",
			"body": "{\"n\":\"<é>\"}",
			"attributes": {
				"ApproximateReceiveCount": "1",
				"SentTimestamp": "946684800000",
				"SenderId": "123456789012",
				"ApproximateFirstReceiveTimestamp": "946684805000",
				"AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793"
			},
			"messageAttributes": {
				"text": {"stringValue": "é", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
				"count": {"stringValue": "12", "stringListValues": [], "binaryListValues": [], "dataType": "Number.int"},
				"binary": {"binaryValue": "AP8=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"}
			},
			"md5OfMessageAttributes": "`+*sent.MD5OfMessageAttributes+`",
			"md5OfBody": "`+*sent.MD5OfMessageBody+`",
			"eventSource": "aws:sqs",
			"eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:jobs",
			"awsRegion": "us-east-1"
		}]}`, string(payload))
		assert.Equal(r, 1, records[0].Receives())
	})
}

func TestReceiveOfAPlainMessage(t *testing.T) {
	inBubble(t, func(r *rig) {
		ids := r.send("hello")
		records, err := r.Receive(r.Context(), 1, 0, time.Minute)
		require.NoError(r, err)
		payload, err := json.Marshal(records)
		require.NoError(r, err)
		assert.JSONEq(r, `[{
			"messageId": "`+ids[0]+`", "receiptHandle": "`+records[0].ReceiptHandle+`", "body": "hello",
			"attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "946684800000", "SenderId": "123456789012", "ApproximateFirstReceiveTimestamp": "946684800000"},
			"messageAttributes": {}, "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
			"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:jobs", "awsRegion": "us-east-1"
		}]`, string(payload))
	})
}

func TestReceiveTakesTheQueuesRegion(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("1", "2")
		for _, c := range []struct{ arn, region string }{
			{"arn:aws:sqs:eu-west-1:123456789012:jobs", "eu-west-1"},
			{"jobs", "us-east-1"},
		} {
			records, err := queue.New(r.runtime.Config(), r.url, c.arn).Receive(r.Context(), 1, 0, time.Minute)
			require.NoError(r, err)
			assert.Equal(r, c.arn, records[0].EventSourceARN)
			assert.Equal(r, c.region, records[0].AWSRegion)
		}
	})
}

func TestReceiveWaitsAndHides(t *testing.T) {
	inBubble(t, func(r *rig) {
		began := time.Now()
		records, err := r.Receive(r.Context(), 10, 7900*time.Millisecond, time.Minute)
		require.NoError(r, err)
		assert.Empty(r, records)
		assert.Equal(r, 7*time.Second, time.Since(began), "whole seconds")

		r.send(numbered(13)...)
		records, err = r.Receive(r.Context(), 10, time.Second, 90*time.Second)
		require.NoError(r, err)
		assert.Len(r, records, 10)
		records, err = r.Receive(r.Context(), 2, time.Second, 90*time.Second)
		require.NoError(r, err)
		assert.Len(r, records, 2)
		time.Sleep(89 * time.Second)
		assert.Equal(r, queue.Depth{Visible: 1, InFlight: 12}, r.depth())
		time.Sleep(time.Second)
		assert.Equal(r, queue.Depth{Visible: 13}, r.depth())
	})
}

func TestReceiveHidesForTwelveHoursAtMost(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		_, err := r.Receive(r.Context(), 1, 0, 13*time.Hour)
		require.NoError(r, err)
		time.Sleep(12*time.Hour - time.Second)
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth())
		time.Sleep(time.Second)
		assert.Equal(r, queue.Depth{Visible: 1}, r.depth())
	})
}

func TestDepth(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(numbered(6)...)
		_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: aws.String("late"), DelaySeconds: 60})
		require.NoError(r, err)
		_, err = r.Receive(r.Context(), 2, 0, time.Minute)
		require.NoError(r, err)
		assert.Equal(r, queue.Depth{Visible: 4, InFlight: 2, Delayed: 1}, r.depth())
	})
}

func TestErrorsSayWhere(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "sqs", Kind: api.Fail, Error: api.Errorf("AccessDenied", "not yours")})
		held := []queue.Held{{MessageID: "m", ReceiptHandle: "h"}}
		_, depth := r.Depth(r.Context())
		_, receive := r.Receive(r.Context(), 1, 0, time.Minute)
		for want, err := range map[string]error{
			"ask for the depth of " + r.url + ": ":   depth,
			"receive from " + r.url + ": ":           receive,
			"delete 1 messages from " + r.url + ": ": r.Delete(r.Context(), held),
			"return 1 messages to " + r.url + ": ":   r.Return(r.Context(), held, func(queue.Held) time.Duration { return 0 }),
		} {
			assert.ErrorContains(r, err, want)
			assert.ErrorContains(r, err, "AccessDenied")
		}
	})
}

func TestHold(t *testing.T) {
	assert.Equal(t, []queue.Held{{MessageID: "m", ReceiptHandle: "h", Receives: 4}}, queue.Hold([]message.Record{
		{MessageID: "m", ReceiptHandle: "h", Body: "b", Attributes: map[string]string{"ApproximateReceiveCount": "4"}},
	}))
	assert.Empty(t, queue.Hold(nil))
}

// take receives all messages of the queue.
func (r *rig) take(visibility time.Duration) []queue.Held {
	r.Helper()
	var held []queue.Held
	for {
		records, err := r.Receive(r.Context(), 10, 0, visibility)
		require.NoError(r, err)
		if len(records) == 0 {
			return held
		}
		held = append(held, queue.Hold(records)...)
	}
}

func TestDeleteMoreThanTen(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(numbered(24)...)
		held := r.take(time.Minute)
		require.NoError(r, r.Delete(r.Context(), held[:23]))
		assert.ElementsMatch(r, []string{"DeleteMessageBatch 10", "DeleteMessageBatch 10", "DeleteMessageBatch 3"}, r.wire.seen())
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth())
		require.NoError(r, r.Delete(r.Context(), nil))
		assert.Len(r, r.wire.batches, 3, "nothing is no request")
	})
}

func TestReturnMoreThanTen(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(numbered(12)...)
		held := r.take(time.Hour)
		delays := map[string]time.Duration{held[0].MessageID: 0, held[1].MessageID: 30 * time.Second, held[11].MessageID: 30*time.Second + time.Millisecond}
		var visibilities []int
		r.wire.refuse = func(_ string, e entry) *entry { visibilities = append(visibilities, *e.VisibilityTimeout); return nil }
		require.NoError(r, r.Return(r.Context(), held, func(h queue.Held) time.Duration {
			if d, ok := delays[h.MessageID]; ok {
				return d
			}
			return time.Minute
		}))
		assert.ElementsMatch(r, []string{"ChangeMessageVisibilityBatch 10", "ChangeMessageVisibilityBatch 2"}, r.wire.seen())
		assert.ElementsMatch(r, []int{0, 30, 60, 60, 60, 60, 60, 60, 60, 60, 60, 31}, visibilities, "never sooner than asked for")
		assert.Equal(r, queue.Depth{Visible: 1, InFlight: 11}, r.depth())
	})
}

// both runs a test for Delete and for Return.
func both(t *testing.T, test func(r *rig, do func([]queue.Held) error)) {
	t.Run("delete", func(t *testing.T) {
		inBubble(t, func(r *rig) { test(r, func(h []queue.Held) error { return r.Delete(r.Context(), h) }) })
	})
	t.Run("return", func(t *testing.T) {
		inBubble(t, func(r *rig) {
			test(r, func(h []queue.Held) error {
				return r.Return(r.Context(), h, func(queue.Held) time.Duration { return time.Hour })
			})
		})
	})
}

func TestAnEntryThatFailsForAPassingReasonIsTriedAgain(t *testing.T) {
	both(t, func(r *rig, do func([]queue.Held) error) {
		r.send(numbered(4)...)
		held := r.take(time.Minute)
		times := 0
		r.wire.refuse = func(_ string, e entry) *entry {
			if e.ReceiptHandle != held[2].ReceiptHandle || times == 2 {
				return nil
			}
			times++
			return &entry{ID: e.ID, Code: "InternalError", Message: "try again"}
		}
		require.NoError(r, do(held))
		require.Len(r, r.wire.batches, 3)
		assert.Regexp(r, "Batch 4$", r.wire.batches[0])
		assert.Regexp(r, "Batch 1$", r.wire.batches[1])
		assert.Regexp(r, "Batch 1$", r.wire.batches[2])
		time.Sleep(2 * time.Minute)
		assert.Zero(r, r.depth().Visible, "each is deleted or hidden for an hour")
	})
}

func TestAnEntryThatKeepsFailing(t *testing.T) {
	both(t, func(r *rig, do func([]queue.Held) error) {
		r.send(numbered(12)...)
		held := r.take(time.Minute)
		r.wire.refuse = func(_ string, e entry) *entry {
			if e.ReceiptHandle == held[4].ReceiptHandle {
				return &entry{ID: e.ID, Code: "InternalError", Message: "try again"}
			}
			return nil
		}
		assert.EqualError(r, do(held), "message "+held[4].MessageID+": InternalError: try again")
		assert.Len(r, r.wire.batches, 4, "three tries of the one, one request for the rest")
		time.Sleep(2 * time.Minute)
		assert.Equal(r, 1, r.depth().Visible, "the others are done all the same")
	})
}

func TestAnEntryWithABadHandleIsLeft(t *testing.T) {
	both(t, func(r *rig, do func([]queue.Held) error) {
		r.send(numbered(2)...)
		held := r.take(time.Minute)
		held[0].ReceiptHandle = "rubbish"
		require.NoError(r, do(held))
		assert.Len(r, r.wire.batches, 1)
		time.Sleep(2 * time.Minute)
		assert.Equal(r, 1, r.depth().Visible)
	})
}

func TestAnAnswerForAnEntryThatWasNotAskedFor(t *testing.T) {
	for _, id := range []string{"7", "-1", "x"} {
		both(t, func(r *rig, do func([]queue.Held) error) {
			r.wire.refuse = func(string, entry) *entry { return &entry{ID: id, Code: "InternalError"} }
			assert.EqualError(r, do([]queue.Held{{MessageID: "m", ReceiptHandle: "h"}}), `SQS answered for entry "`+id+`", which was not asked for`)
		})
	}
}

func TestExpiredHandles(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		old := r.take(10 * time.Second)
		time.Sleep(11 * time.Second)
		again := r.take(time.Minute)
		require.Equal(r, old[0].MessageID, again[0].MessageID)
		assert.Equal(r, 2, again[0].Receives)
		// The message belongs to whoever received it last.
		require.NoError(r, r.Delete(r.Context(), old))
		require.NoError(r, r.Return(r.Context(), old, func(queue.Held) time.Duration { return 0 }))
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth())
		require.NoError(r, r.Delete(r.Context(), again))
		assert.Equal(r, queue.Depth{}, r.depth())
	})
}

func TestDeleteIsRepeatedWhenItsReplyIsLost(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(numbered(3)...)
		held := r.take(time.Minute)
		hits, _ := r.runtime.Router.Faults.Add(api.Fault{Service: "sqs", Operation: "DeleteMessageBatch", Kind: api.LoseReply, Times: 1, Match: func(c api.Call) bool {
			in, ok := c.Input.(*localsqs.DeleteMessageBatchInput)
			return ok && len(in.Entries) == 3
		}})
		require.NoError(r, r.Delete(r.Context(), held))
		assert.Equal(r, 1, hits())
		assert.Equal(r, queue.Depth{}, r.depth())
	})
}

func TestDepthThatIsNoNumber(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.wire.attributes = `{"Attributes":{"ApproximateNumberOfMessages":"many","ApproximateNumberOfMessagesNotVisible":"0","ApproximateNumberOfMessagesDelayed":"0"}}`
		_, err := r.Depth(r.Context())
		assert.EqualError(r, err, "the depth of "+r.url+`: attribute ApproximateNumberOfMessages is "many": expected integer`)
	})
}

func TestAQueueIsAskedInItsOwnRegion(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:sqs:eu-west-1:123456789012:jobs": "sqs.eu-west-1.amazonaws.com",
		"": "sqs.us-east-1.amazonaws.com",
	} {
		var host string
		cfg := aws.Config{
			Region: "us-east-1", Credentials: aws.AnonymousCredentials{},
			HTTPClient: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				host = r.URL.Host
				return nil, errors.New("that was all")
			})},
			Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		}
		_, err := queue.New(cfg, "https://queue/jobs", arn).Depth(t.Context())
		require.ErrorContains(t, err, "that was all")
		assert.Equal(t, want, host)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// SQS counts 12 hours from the receive: what would end later it refuses, and the
// message would be back as soon as its visibility timeout ends.
func TestReturnForTheLongestTime(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("a")
		held := r.take(time.Minute)
		time.Sleep(30 * time.Second)
		require.NoError(r, r.Return(r.Context(), held, func(queue.Held) time.Duration { return message.MaxVisibility }))
		time.Sleep(11 * time.Hour)
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth())
		time.Sleep(time.Hour)
		assert.Equal(r, queue.Depth{Visible: 1}, r.depth())
	})
}
