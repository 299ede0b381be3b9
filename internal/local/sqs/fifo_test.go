package sqs

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fifo makes a FIFO queue whose messages need no deduplication ID.
func (r *rig) fifo(attributes object) string {
	r.Helper()
	all := object{"FifoQueue": "true", "ContentBasedDeduplication": "true"}
	for name, value := range attributes {
		all[name] = value
	}
	return r.create("jobs.fifo", all)
}

// sendTo sends bodies to a group.
func (r *rig) sendTo(url, group string, bodies ...string) {
	r.Helper()
	for _, body := range bodies {
		r.call("SendMessage", object{"QueueUrl": url, "MessageBody": body, "MessageGroupId": group})
	}
}

// take receives up to n messages.
func (r *rig) take(url string, n int) []object {
	r.Helper()
	return r.receive(url, object{"MaxNumberOfMessages": n})
}

func (r *rig) changeVisibility(url string, m object, seconds int) {
	r.Helper()
	r.call("ChangeMessageVisibility", object{"QueueUrl": url, "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": seconds})
}

// As many of a group as there is room for come first, in order, and lock it.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
func TestGroupsInOrder(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(nil)
		r.sendTo(url, "a", "a1")
		r.sendTo(url, "b", "b1")
		r.sendTo(url, "a", "a2", "a3")
		r.sendTo(url, "c", "c1", "c2")
		first := r.take(url, 2)
		assert.Equal(r, []string{"a1", "a2"}, bodies(first))
		second := r.take(url, 3)
		assert.Equal(r, []string{"b1", "c1", "c2"}, bodies(second), "other groups, whole")
		assert.Empty(r, r.take(url, 10), "a3 waits for its predecessors")
		assert.Equal(r, "1 5 0", r.depth(url), "what waits for its group is visible by count")
		r.delete(url, first[0]["ReceiptHandle"].(string))
		assert.Empty(r, r.take(url, 10), "a2 is still in flight")
		r.delete(url, first[1]["ReceiptHandle"].(string))
		assert.Equal(r, []string{"a3"}, bodies(r.take(url, 10)))
	})
}

// A group that comes back goes to the end of the line of groups, in its order.
func TestGroupsTakeTurns(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(object{"VisibilityTimeout": "10"})
		r.sendTo(url, "a", "a1", "a2")
		r.sendTo(url, "b", "b1")
		r.sendTo(url, "c", "c1")
		assert.Equal(r, []string{"a1", "a2", "b1"}, bodies(r.take(url, 3)))
		time.Sleep(10 * time.Second)
		assert.Equal(r, []string{"c1", "a1", "a2", "b1"}, bodies(r.take(url, 10)))
	})
}

// Recorded on AWS: of a group those messages are received that stand before its
// first in flight.
func TestGivenBackBeforeItsFollowers(t *testing.T) {
	for name, tt := range map[string]struct {
		hidden int
		want   []string
	}{
		"the head":    {0, nil},
		"the second":  {1, []string{"a1"}},
		"the last":    {2, []string{"a1", "a2"}},
		"none":        {-1, []string{"a1", "a2", "a3"}},
		"whole: last": {2, nil},
		"whole: none": {-1, []string{"a1", "a2", "a3"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.service.SetOptions(Options{WholeGroups: name[0] == 'w'})
				url := r.fifo(object{"VisibilityTimeout": "1"})
				r.sendTo(url, "a", "a1", "a2", "a3")
				got := r.take(url, 10)
				require.Len(r, got, 3)
				if tt.hidden >= 0 {
					r.changeVisibility(url, got[tt.hidden], 4)
				}
				time.Sleep(2 * time.Second)
				assert.Equal(r, tt.want, bodies(r.take(url, 10)))
				time.Sleep(10 * time.Second)
				assert.Equal(r, []string{"a1", "a2", "a3"}, bodies(r.take(url, 10)), "all in order in the end")
			})
		})
	}
}

func TestGroupWakesALongPoll(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(object{"VisibilityTimeout": "7"})
		r.sendTo(url, "a", "a1", "a2")
		handle := r.handle(url)
		got := r.poll(url, 10, 20)
		time.Sleep(3 * time.Second)
		r.delete(url, handle)
		what, after := got()
		assert.Equal(r, []string{"a2"}, what)
		assert.Equal(r, 3*time.Second, after)
		what, after = r.poll(url, 10, 20)()
		assert.Equal(r, []string{"a2"}, what)
		assert.Equal(r, 7*time.Second, after)
	})
}

// A handle is good while its receive hides the message, no longer.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
func TestExpiredHandles(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(object{"VisibilityTimeout": "5"})
		r.sendTo(url, "a", "a1")
		handle := r.handle(url)
		time.Sleep(5 * time.Second)
		expired := func() {
			r.Helper()
			message := "Value " + handle + " for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
			r.refused("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handle}, "InvalidParameterValueException", message)
			r.refused("ChangeMessageVisibility", object{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 9}, "InvalidParameterValueException", message)
		}
		expired()
		latest := r.handle(url)
		expired()
		out := r.call("DeleteMessageBatch", object{"QueueUrl": url, "Entries": []object{{"Id": "old", "ReceiptHandle": handle}, {"Id": "new", "ReceiptHandle": latest}}})
		assert.Equal(r, object{
			"Successful": []any{object{"Id": "new"}},
			"Failed":     []any{object{"Id": "old", "Code": "ReceiptHandleIsInvalid", "Message": "The receipt handle has expired", "SenderFault": true}},
		}, out)
		r.delete(url, latest) // what is gone stays gone
		assert.Equal(r, "0 0 0", r.depth(url))
	})
}

// A change of the delay counts for the messages that wait for it.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html
func TestDelayIsRetroactive(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(object{"DelaySeconds": "100"})
		setDelay := func(seconds string) {
			r.call("SetQueueAttributes", object{"QueueUrl": url, "Attributes": object{"DelaySeconds": seconds}})
		}
		r.sendTo(url, "a", "a1", "a2")
		time.Sleep(10 * time.Second)
		r.sendTo(url, "a", "a3")
		assert.Equal(r, "0 0 3", r.depth(url))
		setDelay("10")
		assert.Equal(r, "2 0 1", r.depth(url))
		setDelay("30")
		assert.Equal(r, []string{"a1", "a2"}, bodies(r.take(url, 10)))
		assert.Equal(r, "0 2 1", r.depth(url))
		time.Sleep(30 * time.Second)
		assert.Equal(r, []string{"a1", "a2", "a3"}, bodies(r.take(url, 10)))
	})
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
func TestFIFOOverLimitIsSilent(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(nil)
		q := r.service.named("jobs.fifo")
		contents, delays := make([]content, maxInFlight+1), make([]time.Duration, maxInFlight+1)
		for i := range contents {
			contents[i].groupID, contents[i].deduplicationID = fmt.Sprint(i), fmt.Sprint(i)
		}
		_, err := q.send(contents, delays)
		require.NoError(r, err)
		got, err := q.receive(r.Context(), request{want: maxInFlight, timeout: 100 * time.Second})
		require.NoError(r, err)
		require.Len(r, got, maxInFlight)
		assert.Empty(r, r.take(url, 10))
		r.delete(url, got[0].handle)
		assert.Len(r, r.take(url, 10), 1)
	})
}

// Retention takes a head away, in flight or not, and the group goes on.
func TestRetentionOfAHead(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(object{"MessageRetentionPeriod": "60", "VisibilityTimeout": "600"})
		r.sendTo(url, "a", "a1")
		time.Sleep(30 * time.Second)
		r.sendTo(url, "a", "a2")
		assert.Equal(r, []string{"a1"}, bodies(r.take(url, 1)))
		what, after := r.poll(url, 10, 20)()
		assert.Empty(r, what)
		assert.Equal(r, 20*time.Second, after)
		time.Sleep(10 * time.Second)
		assert.Equal(r, []string{"a2"}, bodies(r.take(url, 10)))
	})
}

// Nothing overtakes a message that fails again and again, and it stays the
// oldest.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
func TestPoisonStaysFirst(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(object{"VisibilityTimeout": "1"})
		r.sendTo(url, "a", "poison", "good")
		for range 5 {
			assert.Equal(r, []string{"poison", "good"}, bodies(r.take(url, 10)))
			time.Sleep(time.Second)
		}
		d, _ := r.service.Depth("jobs.fifo")
		assert.Equal(r, Depth{Visible: 2, OldestAge: 5 * time.Second}, d)
	})
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
func TestFIFORedrive(t *testing.T) {
	bubble(t, func(r *rig) {
		dead := r.create("dead.fifo", object{"FifoQueue": "true", "MessageRetentionPeriod": "60"})
		url := r.fifo(object{"VisibilityTimeout": "50", "RedrivePolicy": `{"deadLetterTargetArn":"` + deadARN + `.fifo","maxReceiveCount":1}`})
		r.sendTo(url, "a", "bad")
		r.call("SendMessage", object{"QueueUrl": dead, "MessageBody": "same ID", "MessageGroupId": "a", "MessageDeduplicationId": contentID("bad")})
		r.handle(url)
		r.sendTo(url, "a", "good")
		time.Sleep(50 * time.Second)
		moved := time.Now()
		assert.Equal(r, []string{"good"}, bodies(r.take(url, 10)), "the group goes on at once")
		got := r.receive(dead, object{"MessageSystemAttributeNames": []string{"All"}})
		require.Equal(r, []string{"same ID", "bad"}, bodies(got), "a dead letter is no duplicate")
		of := got[1]["Attributes"].(object)
		assert.Equal(r, "a", of["MessageGroupId"])
		assert.Equal(r, contentID("bad"), of["MessageDeduplicationId"])
		assert.Equal(r, "2", of["ApproximateReceiveCount"])
		assert.Equal(r, epochMillis(moved), of["SentTimestamp"], "its time begins anew")
		assert.Greater(r, of["SequenceNumber"], got[0]["Attributes"].(object)["SequenceNumber"])
		time.Sleep(59 * time.Second)
		assert.Equal(r, "1 0 0", r.depth(dead))
		time.Sleep(time.Second)
		assert.Equal(r, "0 0 0", r.depth(dead))
	})
}

func TestRedriveIsToItsOwnType(t *testing.T) {
	r := newRig(t)
	r.create("dead", nil)
	r.create("dead.fifo", object{"FifoQueue": "true"})
	for _, tt := range []struct{ queue, fifo, target string }{{"jobs", "", deadARN + ".fifo"}, {"jobs.fifo", "true", deadARN}} {
		policy := `{"deadLetterTargetArn":"` + tt.target + `","maxReceiveCount":1}`
		attributes := object{"RedrivePolicy": policy}
		if tt.fifo != "" {
			attributes["FifoQueue"] = tt.fifo
		}
		r.refused("CreateQueue", object{"QueueName": tt.queue, "Attributes": attributes}, "InvalidParameterValueException",
			"Value "+policy+" for parameter RedrivePolicy is invalid. Reason: Dead-letter queue must be same type of queue as the source.")
	}
}
