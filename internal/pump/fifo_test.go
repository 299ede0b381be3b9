package pump_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// fifo turns the rig's queue into a FIFO queue, with a dead-letter queue for what
// was received so often. 0 is for none.
func (r *rig) fifo(maxReceives int) (deadLetters string) {
	r.Helper()
	attributes := map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}
	if maxReceives > 0 {
		dead, err := r.client.CreateQueue(r.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead.fifo"), Attributes: attributes})
		require.NoError(r, err)
		deadLetters = *dead.QueueUrl
		attributes = map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true", "RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead.fifo","maxReceiveCount":%d}`, maxReceives)}
	}
	out, err := r.client.CreateQueue(r.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs.fifo"), Attributes: attributes})
	require.NoError(r, err)
	r.url = *out.QueueUrl
	r.config.Fifo, r.config.QueueURL, r.config.QueueARN = true, r.url, "arn:aws:sqs:us-east-1:123456789012:jobs.fifo"
	return deadLetters
}

// sendTo sends messages to a group: its name and a number.
func (r *rig) sendTo(group string, n int) {
	r.Helper()
	for i := range n {
		_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageGroupId: &group, MessageBody: aws.String(fmt.Sprintf("%s %d", group, i))})
		require.NoError(r, err)
	}
}

// order is a handler that checks the order in each group: no message starts
// while one of its group runs, and none but the first that has not succeeded, or
// those that have.
type order struct {
	mu sync.Mutex
	// done is how many messages of each group have succeeded.
	done    map[string]int
	running map[string]bool
	wrong   []string
	// seen are all messages in the order in which they started.
	seen []string
}

func newOrder() *order { return &order{done: map[string]int{}, running: map[string]bool{}} }

// handle takes each message to the work that decides what becomes of it.
func (o *order) handle(work func(ctx context.Context, body string) error) Handler {
	return func(ctx context.Context, e message.Event) (any, error) {
		body := e.Records[0].Body
		group, number, _ := strings.Cut(body, " ")
		var n int
		_, err := fmt.Sscan(number, &n)
		o.mu.Lock()
		o.seen = append(o.seen, body)
		if err != nil || len(e.Records) != 1 || o.running[group] || n > o.done[group] {
			o.wrong = append(o.wrong, fmt.Sprintf("%s starts, %d done, another running: %t", body, o.done[group], o.running[group]))
		}
		o.running[group] = true
		o.mu.Unlock()
		err = work(ctx, body)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.running[group] = false
		if err == nil {
			o.done[group] = max(o.done[group], n+1)
		}
		return nil, err
	}
}

func TestGroupsRunSideBySideAndEachInOrder(t *testing.T) {
	o := newOrder()
	inBubble(t, o.handle(func(context.Context, string) error { <-time.After(time.Second); return nil }), slot(func(w *registry.Worker) { w.Parallelism = 3 }), func(r *rig) {
		r.fifo(0)
		for _, group := range []string{"a", "b", "c"} {
			r.sendTo(group, 10)
		}
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(30), out.Handled)
		assert.Empty(r, o.wrong)
		assert.Equal(r, 9*time.Second, r.started()[29], "three at a time")
	})
}

// The handler's own record shows each group in order while invocations fail,
// time out and lose their replies, and SQS loses its own.
func TestTheOrderHoldsUnderFaults(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			o := newOrder()
			work := o.handle(func(ctx context.Context, _ string) error {
				o.mu.Lock()
				lot, takes := random.Float64(), time.Duration(random.IntN(6000))*time.Millisecond
				o.mu.Unlock()
				<-time.After(takes)
				if lot < 0.1 {
					return errors.New("bad luck")
				}
				return nil
			})
			inBubble(t, work, slot(stay, func(w *registry.Worker) { w.Parallelism = 4 }), func(r *rig) {
				r.fifo(0)
				for _, group := range []string{"a", "b", "c", "d", "e", "f"} {
					r.sendTo(group, 12)
				}
				for _, f := range []api.Fault{
					{Service: "lambda", Operation: "Invoke", Kind: api.LoseReply},
					{Service: "lambda", Operation: "Invoke", Kind: api.Abandon, For: time.Second},
					{Service: "lambda", Operation: "Invoke", Kind: api.Fail, Error: throttled},
					{Operation: "ReceiveMessage", Kind: api.LoseReply},
					{Operation: "DeleteMessageBatch", Kind: api.LoseReply},
					{Operation: "DeleteMessageBatch", Kind: api.Fail},
					{Operation: "DeleteMessageBatch", Kind: api.Delay, For: 5 * time.Second},
					{Operation: "ChangeMessageVisibilityBatch", Kind: api.LoseReply},
					{Operation: "ChangeMessageVisibilityBatch", Kind: api.Fail},
				} {
					f.Probability = 0.05
					r.runtime.Router.Faults.Add(f)
				}
				for shift := range 3 {
					// Each shift may end because SQS would not be told; another follows.
					_, err := r.shift(fmt.Sprint("t", shift))
					if err != nil {
						r.Log(err)
					}
				}
				assert.Empty(r, o.wrong)
				for group, n := range o.done {
					assert.Equal(r, 12, n, group)
				}
				assert.Len(r, o.done, 6)
				assert.Zero(r, r.depth())
			})
		})
	}
}

func TestTheHeadIsRetriedWhileItsFollowersWait(t *testing.T) {
	for _, transform := range []bool{false, true} {
		tries := 0
		o := newOrder()
		work := o.handle(func(_ context.Context, body string) error {
			if body == "a 0" {
				if tries++; tries <= 2 {
					return errors.New("not yet")
				}
			}
			return nil
		})
		inBubble(t, work, slot(), func(r *rig) {
			r.fifo(3)
			if transform {
				r.config.Transform = r.put("transform", 10*time.Second, echo(time.Second))
			}
			r.config.Backoff = message.Backoff{Base: 8 * time.Second, Max: 8 * time.Second}
			r.sendTo("a", 3)
			r.sendTo("b", 2)
			out, err := r.shift("t1")
			require.NoError(r, err)
			assert.Equal(r, int64(5), out.Handled)
			assert.Equal(r, int64(2), out.Failed)
			assert.Empty(r, o.wrong)
			for _, f := range r.failures() {
				assert.LessOrEqual(r, f.Receives, 2)
			}
			assert.Zero(r, r.depth())
		})
	}
}

func TestADeadLetteredHeadLetsItsGroupGoOn(t *testing.T) {
	var got []string
	inBubble(t, func(_ context.Context, e message.Event) (any, error) {
		r := e.Records[0]
		got = append(got, r.Body+" "+r.Attributes["ApproximateReceiveCount"])
		if r.Body == "a 0" {
			return nil, errors.New("never")
		}
		return nil, nil
	}, slot(alone), func(r *rig) {
		dead := r.fifo(3)
		r.sendTo("a", 3)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(2), out.Handled)
		assert.Equal(r, []string{"a 0 1", "a 0 2", "a 0 3", "a 1 1", "a 2 1"}, got, "followers are not received before their turn")
		d, err := queue.New(r.runtime.Config(), dead, "").Depth(r.Context())
		require.NoError(r, err)
		assert.Equal(r, queue.Depth{Visible: 1}, d)
		assert.Zero(r, r.depth())
	})
}

func TestAFollowerWaitsUntilADoubtfulHandlerMustHaveEnded(t *testing.T) {
	o := newOrder()
	inBubble(t, o.handle(func(context.Context, string) error { <-time.After(9 * time.Second); return nil }), slot(), func(r *rig) {
		r.fifo(0)
		r.config.Backoff, r.config.Idle = message.Backoff{}, time.Minute
		r.sendTo("a", 2)
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.Abandon, For: time.Second, Times: 1})
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(2), out.Handled)
		assert.Empty(r, o.wrong)
		assert.Equal(r, []string{"a 0", "a 0", "a 1"}, o.seen)
		assert.Equal(r, 26*time.Second, r.started()[1], "a second, a late arrival, and its time-out")
	})
}

func TestADoubtThatSQSIsNotToldOf(t *testing.T) {
	o := newOrder()
	inBubble(t, o.handle(func(context.Context, string) error { <-time.After(9 * time.Second); return nil }), slot(), func(r *rig) {
		r.fifo(0)
		r.config.Backoff, r.config.Idle = message.Backoff{}, 3*time.Minute
		r.sendTo("a", 2)
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.Abandon, For: 8 * time.Second, Times: 1})
		_, mend := r.fail("ChangeMessageVisibilityBatch", 0)
		go func() {
			<-time.After(20 * time.Second)
			mend()
		}()
		out, err := r.shift("t1")
		require.NoError(r, err, "it is told in the end")
		assert.Equal(r, int64(2), out.Handled)
		assert.Empty(r, o.wrong)
	})
}

func TestADeleteThatFailsIsRepeatedBeforeThePlaceGoesOn(t *testing.T) {
	o := newOrder()
	inBubble(t, o.handle(func(context.Context, string) error { return nil }), slot(), func(r *rig) {
		r.fifo(0)
		r.sendTo("a", 2)
		hits, mend := r.fail("DeleteMessageBatch", 0)
		asked := r.visibilities()
		go func() {
			<-time.After(50 * time.Second)
			mend()
		}()
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(2), out.Handled)
		assert.Equal(r, []string{"a 0", "a 1"}, o.seen, "the head is not handled twice")
		assert.Greater(r, hits(), 20)
		assert.Equal(r, map[string][]int{"15s": {60}, "35s": {60}}, asked(), "it is kept invisible meanwhile")
	})
}

func TestADeleteThatKeepsFailingEndsTheShift(t *testing.T) {
	o := newOrder()
	inBubble(t, o.handle(func(context.Context, string) error { return nil }), slot(alone), func(r *rig) {
		r.fifo(0)
		r.sendTo("a", 2)
		r.fail("DeleteMessageBatch", 0)
		_, err := r.shift("t1")
		assert.ErrorContains(r, err, "delete 1 messages from ")
		assert.Equal(r, time.Minute, time.Since(r.began).Round(2*time.Second))
		time.Sleep(time.Minute)
		records, err := queue.New(r.runtime.Config(), r.url, "").Receive(r.Context(), 10, 0, time.Minute)
		require.NoError(r, err)
		require.NotEmpty(r, records)
		assert.Equal(r, "a 0", records[0].Body, "the head comes again, before its followers")
	})
}

// SQS does not delete a message of a FIFO queue that has become visible: it is
// handled again, before its followers.
func TestADeleteThatComesTooLate(t *testing.T) {
	o := newOrder()
	inBubble(t, o.handle(func(context.Context, string) error { return nil }), slot(alone), func(r *rig) {
		r.fifo(0)
		r.sendTo("a", 3)
		r.runtime.Router.Faults.Add(api.Fault{Operation: "DeleteMessageBatch", Kind: api.Delay, For: 70 * time.Second, Times: 1})
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(4), out.Handled)
		assert.Equal(r, []string{"a 0", "a 0", "a 1", "a 2"}, o.seen)
		assert.Empty(r, o.wrong)
		assert.Zero(r, r.depth())
	})
}

// rival is another worker of the same queue, one message at a time, with the same
// handler.
func (r *rig) rival(until time.Duration, handle Handler) {
	q := queue.New(r.runtime.Config(), r.url, r.config.QueueARN)
	for time.Since(r.began) < until {
		records, err := q.Receive(r.Context(), 1, 20*time.Second, time.Minute)
		assert.NoError(r, err)
		if len(records) == 0 {
			continue
		}
		back := func(queue.Held) time.Duration { return time.Second }
		if _, err := handle(r.Context(), message.Event{Records: records}); err != nil {
			assert.NoError(r, q.Return(r.Context(), queue.Hold(records), back))
			continue
		}
		assert.NoError(r, q.Delete(r.Context(), queue.Hold(records)))
	}
}

func TestAPumpThatDiesLeavesTheOrderToOthers(t *testing.T) {
	for at := 500 * time.Millisecond; at < 40*time.Second; at += 1700 * time.Millisecond {
		o := newOrder()
		n := 0
		handle := o.handle(func(context.Context, string) error {
			o.mu.Lock()
			n++
			bad := n%7 == 0
			o.mu.Unlock()
			<-time.After(8 * time.Second)
			if bad {
				return errors.New("bad luck")
			}
			return nil
		})
		inBubble(t, handle, slot(), func(r *rig) {
			r.fifo(0)
			for _, group := range []string{"a", "b", "c"} {
				r.sendTo(group, 4)
			}
			others := make(chan bool)
			go func() {
				r.rival(4*time.Minute, handle)
				close(others)
			}()
			r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.LoseReply, Probability: 0.2})
			r.dies(at)
			<-others
			assert.Empty(r, o.wrong, "killed at %s", at)
			assert.Equal(r, map[string]int{"a": 4, "b": 4, "c": 4}, o.done)
			assert.Zero(r, r.depth())
		})
	}
}
