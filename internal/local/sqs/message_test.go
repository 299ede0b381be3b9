package sqs

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

// bubble runs a test with a rig whose time is simulated.
func bubble(t *testing.T, test func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		test(r)
		r.service.Close()
	})
}

func TestSendReceiveDelete(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		assert.Equal(r, "http://127.0.0.1:4100/123456789012/jobs", url)
		sent := r.call("SendMessage", object{"QueueUrl": url, "MessageBody": "hello"})
		assert.Equal(r, "5d41402abc4b2a76b9719d911017c592", sent["MD5OfMessageBody"])
		assert.NotContains(r, sent, "MD5OfMessageAttributes")

		got := r.receive(url, nil)
		require.Len(r, got, 1)
		assert.Equal(r, "hello", got[0]["Body"])
		assert.Equal(r, sent["MessageId"], got[0]["MessageId"])
		assert.Equal(r, "5d41402abc4b2a76b9719d911017c592", got[0]["MD5OfBody"])
		assert.NotContains(r, got[0], "Attributes")
		assert.Regexp(r, `^AQEB[A-Za-z0-9+/]+==$`, got[0]["ReceiptHandle"])
		assert.Len(r, got[0]["ReceiptHandle"], 344)
		assert.Equal(r, "0 1 0", r.depth(url))

		r.delete(url, got[0]["ReceiptHandle"].(string))
		assert.Equal(r, "0 0 0", r.depth(url))
	})
}

func TestNoMessagesMemberWhenEmpty(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		assert.Equal(r, object{}, r.call("ReceiveMessage", object{"QueueUrl": url}))
	})
}

func TestReceiveCounts(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		for range 12 {
			r.send(url, "x")
		}
		assert.Len(r, r.receive(url, object{"MaxNumberOfMessages": nil}), 1)
		assert.Len(r, r.receive(url, object{"MaxNumberOfMessages": 3}), 3)
		assert.Len(r, r.receive(url, nil), 8)
	})
}

// A receipt handle stands for one receive.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
func TestHandles(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", object{"VisibilityTimeout": "10"})
		r.send(url, "a")
		first := r.handle(url)
		time.Sleep(11 * time.Second)
		second := r.handle(url)
		assert.NotEqual(r, first, second)

		r.delete(url, first)
		assert.Equal(r, "0 1 0", r.depth(url), "an old handle deletes nothing, and succeeds")
		r.refused("ChangeMessageVisibility", object{"QueueUrl": url, "ReceiptHandle": first, "VisibilityTimeout": 5},
			"InvalidParameterValueException", "Value "+first+" for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.")

		time.Sleep(11 * time.Second)
		assert.Equal(r, "1 0 0", r.depth(url))
		r.delete(url, second)
		assert.Equal(r, "0 0 0", r.depth(url), "the latest handle deletes though its visibility has ended")
		r.delete(url, second)
	})
}

func TestHandlesThatAreNone(t *testing.T) {
	bubble(t, func(r *rig) {
		url, other := r.create("jobs", nil), r.create("other", nil)
		r.send(url, "a")
		handle := r.handle(url)
		flipped := "A" + strings.Replace(handle[1:], handle[100:101], "-", 1)
		for name, handle := range map[string]string{"short": "nonsense", "changed": flipped, "cut": handle[:340]} {
			r.refused("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handle},
				"ReceiptHandleIsInvalid", `The input receipt handle "`+handle+`" is not a valid receipt handle.`)
			assert.Equal(r, "0 1 0", r.depth(url), name)
		}
		r.refused("DeleteMessage", object{"QueueUrl": other, "ReceiptHandle": handle},
			"ReceiptHandleIsInvalid", `The input receipt handle "`+handle+`" is not a valid receipt handle.`)
		r.refused("DeleteMessage", object{"QueueUrl": url},
			"MissingRequiredParameterException", "The request must contain the parameter ReceiptHandle.")
	})
}

func TestVisibility(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", object{"VisibilityTimeout": "30"})
		change := func(handle string, timeout int) {
			r.call("ChangeMessageVisibility", object{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": timeout})
		}
		r.send(url, "a")
		handle := r.handle(url)
		time.Sleep(29 * time.Second)
		assert.Empty(r, r.receive(url, nil))
		change(handle, 60) // counted from now
		time.Sleep(59 * time.Second)
		assert.Empty(r, r.receive(url, nil))
		time.Sleep(time.Second)
		assert.Equal(r, "1 0 0", r.depth(url))

		change(handle, 5) // visible again, not received again
		assert.Equal(r, "0 1 0", r.depth(url))
		change(handle, 0)
		assert.Equal(r, "1 0 0", r.depth(url))
		assert.Len(r, r.receive(url, object{"VisibilityTimeout": 0}), 1)
		assert.Len(r, r.receive(url, object{"VisibilityTimeout": 2}), 1)
		time.Sleep(2 * time.Second)
		assert.Equal(r, "1 0 0", r.depth(url))
	})
}

// Twelve hours count from the receive.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
func TestTwelveHours(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		r.send(url, "a")
		in := object{"QueueUrl": url, "ReceiptHandle": r.handle(url), "VisibilityTimeout": 43_200}
		r.call("ChangeMessageVisibility", in)
		time.Sleep(time.Hour)
		r.refused("ChangeMessageVisibility", in, "InvalidParameterValueException",
			"Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")
		in["VisibilityTimeout"] = 39_600
		r.call("ChangeMessageVisibility", in)
		time.Sleep(11 * time.Hour)
		assert.Equal(r, "1 0 0", r.depth(url))
		in["ReceiptHandle"] = r.handle(url) // a new receive, a new count
		r.call("ChangeMessageVisibility", in)
	})
}

func TestDelays(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", object{"DelaySeconds": "20"})
		r.send(url, "queue's")
		r.call("SendMessage", object{"QueueUrl": url, "MessageBody": "own", "DelaySeconds": 5})
		r.call("SendMessage", object{"QueueUrl": url, "MessageBody": "none", "DelaySeconds": 0})
		assert.Equal(r, "1 0 2", r.depth(url))
		time.Sleep(5 * time.Second)
		assert.Equal(r, []string{"none", "own"}, bodies(r.receive(url, nil)))
		time.Sleep(15 * time.Second)
		assert.Equal(r, []string{"queue's"}, bodies(r.receive(url, nil)))
	})
}

func TestRetention(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", object{"MessageRetentionPeriod": "60"})
		r.send(url, "old")
		time.Sleep(30 * time.Second)
		r.send(url, "in flight", "young")
		handle := r.receive(url, object{"MaxNumberOfMessages": 2})[1]["ReceiptHandle"]
		time.Sleep(30 * time.Second)
		assert.Equal(r, "2 0 0", r.depth(url), "the old one is gone")
		r.call("ReceiveMessage", object{"QueueUrl": url, "VisibilityTimeout": 600})
		time.Sleep(30 * time.Second)
		assert.Equal(r, "0 0 0", r.depth(url), "in flight or not")
		r.call("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handle})
	})
}

func TestPurge(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		r.send(url, "a", "b")
		handle := r.handle(url)
		r.call("PurgeQueue", object{"QueueUrl": url})
		assert.Equal(r, "0 0 0", r.depth(url))
		r.delete(url, handle)
		r.refused("PurgeQueue", object{"QueueUrl": url}, "PurgeQueueInProgress", "Only one PurgeQueue operation on jobs is allowed every 60 seconds.")
		time.Sleep(60 * time.Second)
		r.call("PurgeQueue", object{"QueueUrl": url})
	})
}

func TestPoisonedMessagesGoToTheEnd(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", object{"VisibilityTimeout": "0"})
		r.send(url, "poison", "good")
		one := object{"MaxNumberOfMessages": 1}
		for range 3 {
			assert.Equal(r, []string{"poison"}, bodies(r.receive(url, one)))
		}
		assert.Equal(r, []string{"good"}, bodies(r.receive(url, one)))
	})
}

func TestOverLimit(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", object{"VisibilityTimeout": "100"})
		q := r.service.named("jobs")
		contents, delays := make([]content, maxInFlight+1), make([]time.Duration, maxInFlight+1)
		_, err := q.send(contents, delays)
		require.NoError(r, err)
		got, err := q.receive(r.Context(), request{want: maxInFlight, timeout: 100 * time.Second})
		require.NoError(r, err)
		require.Len(r, got, maxInFlight)

		r.refused("ReceiveMessage", object{"QueueUrl": url}, "OverLimit", "Too many messages in flight.")
		start := time.Now()
		assert.Empty(r, r.receive(url, object{"WaitTimeSeconds": 20}), "a long poll is told nothing")
		assert.Equal(r, 20*time.Second, time.Since(start))
		r.delete(url, got[0].handle)
		assert.Len(r, r.receive(url, nil), 1)
	})
}

func TestOldestAge(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", object{"VisibilityTimeout": "0"})
		r.send(url, "a")
		time.Sleep(5 * time.Second)
		r.send(url, "b")
		time.Sleep(time.Second)
		d, ok := r.service.Depth("jobs")
		require.True(r, ok)
		assert.Equal(r, Depth{Visible: 2, OldestAge: 6 * time.Second}, d)
		for range 3 {
			r.receive(url, object{"MaxNumberOfMessages": 1})
		}
		d, _ = r.service.Depth("jobs")
		assert.Equal(r, Depth{Visible: 2, OldestAge: time.Second}, d, "received three times, it no longer counts")
		_, ok = r.service.Depth("none")
		assert.False(r, ok)
	})
}

func TestFaultsAndObservers(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		r.send(url, "a")
		var received int
		defer r.router.Observe(func(e api.Event) {
			if in, ok := e.Input.(*ReceiveMessageInput); ok && in.QueueURL == url {
				received = len(e.Output.(*ReceiveMessageOutput).Messages)
			}
		})()
		_, remove := r.router.Faults.Add(api.Fault{Service: "sqs", Operation: "DeleteMessage", Kind: api.LoseReply})
		handle := r.handle(url)
		_, err := r.try("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handle})
		require.ErrorIs(r, err, api.ErrReplyLost)
		remove()
		assert.Equal(r, 1, received)
		assert.Equal(r, "0 0 0", r.depth(url))
	})
}

func TestCancelledReceive(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		_, err := r.tryAs(ctx, api.Caller{}, "ReceiveMessage", object{"QueueUrl": url, "WaitTimeSeconds": 20})
		require.ErrorIs(r, err, context.DeadlineExceeded)
		r.send(url, "a")
		assert.Equal(r, "1 0 0", r.depth(url), "nobody took it")
	})
}
