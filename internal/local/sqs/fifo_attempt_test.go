package sqs

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

// attempt receives with an attempt ID.
func attempt(id string) object {
	return object{"ReceiveRequestAttemptId": id, "MessageSystemAttributeNames": []string{"All"}}
}

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
func TestRepeatedReceive(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(object{"VisibilityTimeout": "10"})
		r.sendTo(url, "a", "a1", "a2")
		first := r.receive(url, attempt("1"))
		require.Equal(r, []string{"a1", "a2"}, bodies(first))
		r.sendTo(url, "a", "a3")
		r.sendTo(url, "b", "b1")
		time.Sleep(8 * time.Second)
		assert.Equal(r, first, r.receive(url, attempt("1")), "the same handles, and no receive more")
		time.Sleep(8 * time.Second)
		assert.Equal(r, []string{"b1"}, bodies(r.receive(url, attempt("2"))), "the visibility timeout began anew")
		r.delete(url, first[0]["ReceiptHandle"].(string))
	})
}

func TestReceiveThatCannotBeRepeated(t *testing.T) {
	for name, tt := range map[string]struct {
		wait   time.Duration
		change func(r *rig, url string, m object)
	}{
		"deleted":        {0, func(r *rig, url string, m object) { r.delete(url, m["ReceiptHandle"].(string)) }},
		"hidden longer":  {0, func(r *rig, url string, m object) { r.changeVisibility(url, m, 20) }},
		"given back":     {0, func(r *rig, url string, m object) { r.changeVisibility(url, m, 0) }},
		"back":           {10 * time.Second, func(*rig, string, object) {}},
		"received since": {10 * time.Second, func(r *rig, url string, _ object) { assert.Len(r, r.take(url, 10), 2) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				url := r.fifo(object{"VisibilityTimeout": "10"})
				r.sendTo(url, "a", "a1", "a2")
				got := r.receive(url, attempt("1"))
				time.Sleep(tt.wait)
				tt.change(r, url, got[1])
				in := attempt("1")
				in["QueueUrl"] = url
				r.refused("ReceiveMessage", in, "InvalidParameterValueException",
					"Value 1 for parameter ReceiveRequestAttemptId is invalid. Reason: The receiveRequestAttemptId is not valid anymore since the receive call is not retryable.")
				time.Sleep(interval)
				assert.NotEmpty(r, r.receive(url, attempt("1")), "after five minutes it is a new one")
			})
		})
	}
}

// A caller that lost its connection while it waited calls again, and gets what
// came, though the lost call still waits.
func TestRepeatedLongPoll(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(nil)
		wait := attempt("1")
		wait["WaitTimeSeconds"] = 20
		lost := make(chan []object, 1)
		go func() { lost <- r.receive(url, wait) }()
		synctest.Wait()
		again := make(chan []object, 1)
		go func() { again <- r.receive(url, wait) }()
		synctest.Wait()
		start := time.Now()
		r.sendTo(url, "a", "a1")
		got := <-again
		assert.Equal(r, []string{"a1"}, bodies(got))
		assert.Zero(r, time.Since(start))
		assert.Equal(r, got, <-lost)
	})
}

// With IDs, no lost reply makes a second message of one, or hides one.
func TestFIFOFaults(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.fifo(nil)
		for _, operation := range []string{"SendMessage", "ReceiveMessage", "DeleteMessage"} {
			_, remove := r.router.Faults.Add(api.Fault{Service: "sqs", Operation: operation, Kind: api.LoseReply, Times: 1})
			defer remove()
		}
		in := object{"QueueUrl": url, "MessageBody": "a1", "MessageGroupId": "a"}
		_, err := r.try("SendMessage", in)
		require.ErrorIs(r, err, api.ErrReplyLost)
		r.call("SendMessage", in)
		in = attempt("1")
		in["QueueUrl"] = url
		_, err = r.try("ReceiveMessage", in)
		require.ErrorIs(r, err, api.ErrReplyLost)
		got := r.receive(url, attempt("1"))
		require.Equal(r, []string{"a1"}, bodies(got))
		in = object{"QueueUrl": url, "ReceiptHandle": got[0]["ReceiptHandle"]}
		_, err = r.try("DeleteMessage", in)
		require.ErrorIs(r, err, api.ErrReplyLost)
		r.call("DeleteMessage", in)
		assert.Equal(r, "0 0 0", r.depth(url))

		_, remove := r.router.Faults.Add(api.Fault{Service: "sqs", Operation: "ReceiveMessage", Kind: api.Abandon, For: time.Second, Times: 1})
		defer remove()
		wait := attempt("2")
		wait["QueueUrl"], wait["WaitTimeSeconds"] = url, 20
		_, err = r.try("ReceiveMessage", wait)
		require.Error(r, err)
		again := make(chan []object, 1)
		go func() { again <- r.receive(url, wait) }()
		synctest.Wait()
		r.sendTo(url, "a", "a2")
		assert.Equal(r, []string{"a2"}, bodies(<-again), "though the call that was abandoned still waits")
		time.Sleep(20 * time.Second)
	})
}

func TestAttemptIDs(t *testing.T) {
	r := newRig(t)
	url := r.fifo(nil)
	in := attempt("a b")
	in["QueueUrl"] = url
	r.refused("ReceiveMessage", in, "InvalidParameterValueException",
		"Value a b for parameter ReceiveRequestAttemptId is invalid. Reason: ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	assert.Empty(t, r.receive(url, attempt("1")))
	r.sendTo(url, "a", "a1")
	assert.Len(t, r.receive(url, attempt("1")), 1, "an empty receive is nothing to repeat")
}
