package queue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	localsqs "github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/queue"
)

// forAll is the same time for every message.
func forAll(d time.Duration) func(queue.Held) time.Duration {
	return func(queue.Held) time.Duration { return d }
}

func TestHideTellsWhatIsNotHidden(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(numbered(23)...)
		held := r.take(20 * time.Second)
		held[3].ReceiptHandle = "rubbish"
		r.wire.refuse = func(_ string, e entry) *entry {
			if e.ReceiptHandle == held[14].ReceiptHandle {
				return &entry{ID: e.ID, Code: "InternalError", Message: "try again"}
			}
			return nil
		}
		undone, err := r.Hide(r.Context(), held, forAll(59500*time.Millisecond))
		assert.EqualError(r, err, "message "+held[14].MessageID+": InternalError: try again")
		assert.Equal(r, queue.Undone{Gone: held[3:4], Failed: held[14:15]}, undone)
		time.Sleep(20 * time.Second)
		assert.Equal(r, 2, r.depth().Visible)
		time.Sleep(39 * time.Second)
		assert.Equal(r, 2, r.depth().Visible)
		time.Sleep(time.Second)
		assert.Equal(r, 23, r.depth().Visible, "after whole seconds")
	})
}

func TestHideOfWhatSomebodyElseHolds(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		held := r.take(20 * time.Second)
		time.Sleep(25 * time.Second)
		require.Len(r, r.take(time.Minute), 1)
		undone, err := r.Hide(r.Context(), held, forAll(time.Hour))
		require.NoError(r, err)
		assert.Equal(r, queue.Undone{Gone: held}, undone)
		time.Sleep(time.Minute)
		assert.Equal(r, 1, r.depth().Visible)
	})
}

func TestHideThatFails(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(numbered(12)...)
		held := r.take(20 * time.Second)
		r.runtime.Router.Faults.Add(api.Fault{Service: "sqs", Kind: api.Fail, Error: api.Errorf("AccessDenied", "not yours")})
		undone, err := r.Hide(r.Context(), held, forAll(time.Minute))
		assert.ErrorContains(r, err, "hide 10 messages in "+r.url+": ")
		assert.ElementsMatch(r, held, undone.Failed)
		assert.Empty(r, undone.Gone)
	})
}

// The requests of a call are made side by side, but not all at once.
func TestManyMessagesAreSettledSideBySide(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send(numbered(200)...)
		held := r.take(time.Minute)
		r.runtime.Router.Faults.Add(api.Fault{Operation: "DeleteMessageBatch", Kind: api.Delay, For: time.Second})
		began := time.Now()
		require.NoError(r, r.Delete(r.Context(), held))
		assert.Equal(r, 3*time.Second, time.Since(began), "20 requests, 8 at once")
		assert.Zero(r, r.depth())
	})
}

// inFlight lets the queue say that so many messages are in flight.
func (r *rig) inFlight(n int) {
	r.wire.attributes = fmt.Sprintf(`{"Attributes":{"ApproximateNumberOfMessages":"0","ApproximateNumberOfMessagesNotVisible":"%d","ApproximateNumberOfMessagesDelayed":"0"}}`, n)
}

func TestDelaysShrinkWhileManyMessagesAreInFlight(t *testing.T) {
	for inFlight, want := range map[int]int{0: 3600, 60_000: 3600, 70_000: 2700, 80_000: 1800, 99_999: 1, 100_000: 0, 120_000: 0} {
		inBubble(t, func(r *rig) {
			r.send("job", "quick")
			held := r.take(time.Minute)
			r.inFlight(inFlight)
			var told []int
			r.wire.refuse = func(_ string, e entry) *entry { told = append(told, *e.VisibilityTimeout); return nil }
			require.NoError(r, r.Return(r.Context(), held[:1], forAll(time.Hour)))
			undone, err := r.Hide(r.Context(), held[1:], forAll(time.Hour))
			require.NoError(r, err)
			assert.Equal(r, queue.Undone{}, undone)
			assert.Equal(r, []int{want, 3600}, told, "%d in flight: what is hidden is hidden", inFlight)
		})
	}
}

func TestTheDepthIsAskedForSeldom(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		held := r.take(time.Minute)
		give := func(d time.Duration) (told int) {
			r.wire.refuse = func(_ string, e entry) *entry { told = *e.VisibilityTimeout; return nil }
			require.NoError(r, r.Return(r.Context(), held, forAll(d)))
			return told
		}
		r.inFlight(80_000)
		assert.Equal(r, 10, give(10*time.Second), "a short delay is over soon")
		assert.Zero(r, r.wire.asks)
		assert.Equal(r, 6, give(11*time.Second))
		r.inFlight(0)
		time.Sleep(29 * time.Second)
		assert.Equal(r, 6, give(11*time.Second))
		assert.Equal(r, 1, r.wire.asks)
		time.Sleep(time.Second)
		assert.Equal(r, 11, give(11*time.Second))
		assert.Equal(r, 2, r.wire.asks)
	})
}

func TestADepthThatIsNotTold(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.send("job")
		held := r.take(time.Minute)
		r.runtime.Router.Faults.Add(api.Fault{Operation: "GetQueueAttributes", Kind: api.Fail, Error: api.Errorf("AccessDenied", "not yours")})
		require.NoError(r, r.Return(r.Context(), held, forAll(time.Hour)))
	})
}

// A FIFO receive whose reply is lost is made again by the client and gets the
// same message: it would block its group otherwise.
func TestReceivesFromFIFOQueuesNameTheirAttempt(t *testing.T) {
	inBubble(t, func(r *rig) {
		out, err := r.client.CreateQueue(r.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs.fifo"), Attributes: map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}})
		require.NoError(r, err)
		q := queue.New(r.runtime.Config(), *out.QueueUrl, arn+".fifo")
		for _, body := range []string{"1", "2"} {
			_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: out.QueueUrl, MessageBody: &body, MessageGroupId: aws.String("g")})
			require.NoError(r, err)
		}
		attempts := map[string]int{}
		defer r.runtime.Router.Observe(func(e api.Event) {
			if in, ok := e.Input.(*localsqs.ReceiveMessageInput); ok {
				attempts[aws.ToString(in.ReceiveRequestAttemptID)]++
			}
		})()
		r.runtime.Router.Faults.Add(api.Fault{Operation: "ReceiveMessage", Kind: api.LoseReply, Times: 1})
		for _, want := range []string{"1", "2"} {
			records, err := q.Receive(r.Context(), 1, 0, time.Minute)
			require.NoError(r, err)
			require.Len(r, records, 1)
			assert.Equal(r, want, records[0].Body)
			assert.Equal(r, 1, records[0].Receives())
			require.NoError(r, q.Delete(r.Context(), queue.Hold(records)))
		}
		assert.Len(r, attempts, 2, "one for each receive")
		assert.NotContains(r, attempts, "")
	})
}
