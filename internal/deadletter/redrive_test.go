package deadletter_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/deadletter"
	"github.com/musterq/muster/internal/local/api"
)

func not(pass func(int) bool) func(int) bool { return func(i int) bool { return !pass(i) } }

// once says that every job of a count was there once.
func once(t assert.TestingT, jobs map[int]int) {
	for n, times := range jobs {
		assert.Equal(t, 1, times, "job %d", n)
	}
}

func TestRedriveMovesWhatMatches(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(100)
		var told []int
		got, err := r.Redrive(r.Context(), deadletter.Scan{Filter: theBad, Progress: func(r deadletter.Result) { told = append(told, r.Seen) }}, r.to, 0)
		require.NoError(r, err)
		assert.Equal(r, deadletter.Result{Seen: 100, Matched: 34, Taken: 34}, got)
		assert.Equal(r, []int{10, 20, 30}, told[:3])
		visible, hidden := r.depth(r.dead)
		assert.Equal(r, []int{66, 0}, []int{visible, hidden}, "the rest is visible at once")
		moved, stayed := r.jobs(r.source), r.jobs(r.dead)
		once(r, moved)
		once(r, stayed)
		assert.Equal(r, jobsThat(100, bad), keys(moved))
		assert.Equal(r, jobsThat(100, not(bad)), keys(stayed))
	})
}

// Whatever is lost on the way, no message is, and what does not match stays.
func TestRedriveUnderFaults(t *testing.T) {
	for name, c := range map[string]struct {
		operation   string
		kind        api.FaultKind
		skip, times int
		// err is what the redrive says, where the SDK's repetitions do not help.
		err string
		// twice is true where messages may be on both sides, or sent twice.
		twice bool
	}{
		"one send's reply is lost":       {operation: "SendMessageBatch", kind: api.LoseReply, skip: 1, times: 1, twice: true},
		"all replies of a send are lost": {operation: "SendMessageBatch", kind: api.LoseReply, skip: 1, times: 3, twice: true, err: "which may have got them"},
		"one send fails":                 {operation: "SendMessageBatch", kind: api.Fail, skip: 1, times: 1},
		"sends fail":                     {operation: "SendMessageBatch", kind: api.Fail, skip: 1, err: "send "},
		"one delete's reply is lost":     {operation: "DeleteMessageBatch", kind: api.LoseReply, skip: 1, times: 1},
		"all replies of a delete":        {operation: "DeleteMessageBatch", kind: api.LoseReply, skip: 1, times: 3, err: "may still be in the dead-letter queue too"},
		"deletes fail":                   {operation: "DeleteMessageBatch", kind: api.Fail, skip: 1, twice: true, err: "may still be in the dead-letter queue too"},
		"a receive's reply is lost":      {operation: "ReceiveMessage", kind: api.LoseReply, skip: 2, times: 1},
		"receives fail":                  {operation: "ReceiveMessage", kind: api.Fail, skip: 3, err: "receive from "},
		"a receive comes twice":          {operation: "ReceiveMessage", kind: api.Twice, skip: 2, times: 1},
		"a send comes twice":             {operation: "SendMessageBatch", kind: api.Twice, skip: 1, times: 1, twice: true},
		"what is held cannot be given":   {operation: "ChangeMessageVisibilityBatch", kind: api.Fail, err: "make messages visible again"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.fill(100)
				_, remove := r.runtime.Router.Faults.Add(api.Fault{Service: "sqs", Operation: c.operation, Kind: c.kind, Skip: c.skip, Times: c.times})
				got, err := r.Redrive(r.Context(), deadletter.Scan{Filter: theBad}, r.to, 0)
				if c.err == "" {
					require.NoError(r, err)
				} else {
					require.ErrorContains(r, err, c.err)
				}
				remove()
				if c.operation == "ReceiveMessage" && c.err == "" {
					assert.Equal(r, 10, got.Unseen, "it says what it could not see")
				}
				time.Sleep(deadletter.Visibility)
				visible, hidden := r.depth(r.dead)
				assert.Zero(r, hidden)

				// Once more: all that matches has moved, nothing else has.
				_, err = r.Redrive(r.Context(), deadletter.Scan{Filter: theBad}, r.to, 0)
				require.NoError(r, err)
				moved, stayed := r.jobs(r.source), r.jobs(r.dead)
				assert.Equal(r, jobsThat(100, bad), keys(moved))
				assert.Equal(r, jobsThat(100, not(bad)), keys(stayed))
				once(r, stayed)
				if !c.twice {
					once(r, moved)
				}
				assert.GreaterOrEqual(r, visible, 66)
			})
		})
	}
}

// stopAfter is a scan that is told to stop once it has seen so many messages.
func stopAfter(n int) deadletter.Scan {
	stop := make(chan struct{})
	told := false
	return deadletter.Scan{Filter: theBad, Stop: stop, Progress: func(r deadletter.Result) {
		if r.Seen >= n && !told {
			told = true
			close(stop)
		}
	}}
}

func TestRedriveInterrupted(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(100)
		got, err := r.Redrive(r.Context(), stopAfter(50), r.to, 0)
		require.NoError(r, err)
		assert.Equal(r, deadletter.Result{Seen: 50, Matched: 17, Taken: 17, Unseen: 50, Stopped: true}, got)
		visible, hidden := r.depth(r.dead)
		assert.Equal(r, []int{83, 0}, []int{visible, hidden}, "what it held is visible at once")
		moved, stayed := r.jobs(r.source), r.jobs(r.dead)
		once(r, moved)
		once(r, stayed)
		assert.Len(r, moved, 17)
		for n := range moved {
			assert.True(r, bad(n))
			assert.NotContains(r, stayed, n)
		}
		assert.Len(r, stayed, 83)
	})
}

// A stop that comes while the redrive waits for its rate does not wait.
func TestRedriveInterruptedWhileItWaits(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(100)
		stop := make(chan struct{})
		time.AfterFunc(2500*time.Millisecond, func() { close(stop) })
		got, err := r.Redrive(r.Context(), deadletter.Scan{Stop: stop}, r.to, 1)
		require.NoError(r, err)
		assert.Equal(r, deadletter.Result{Seen: 10, Matched: 10, Taken: 3, Unseen: 90, Stopped: true}, got)
		visible, hidden := r.depth(r.dead)
		assert.Equal(r, []int{97, 0}, []int{visible, hidden})
		once(r, r.jobs(r.dead))
	})
}

// Told to give up at once it gives nothing back, and nothing is lost.
func TestRedriveAborted(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(100)
		ctx, cancel := context.WithCancel(r.Context())
		_, err := r.Redrive(ctx, deadletter.Scan{Filter: theBad, Progress: func(got deadletter.Result) {
			if got.Seen == 50 {
				cancel()
			}
		}}, r.to, 0)
		require.ErrorIs(r, err, context.Canceled)
		assert.ErrorContains(r, err, "make messages visible again, which they are by themselves 5m0s after they were received")
		time.Sleep(deadletter.Visibility)
		moved, stayed := r.jobs(r.source), r.jobs(r.dead)
		assert.Len(r, moved, 17)
		assert.Len(r, stayed, 83)
	})
}

func TestRedriveKeepsItsRate(t *testing.T) {
	for rate, least := range map[int]time.Duration{1: 99 * time.Second, 7: 14 * time.Second, 50: 1800 * time.Millisecond, 0: 0} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.fill(100)
				began := time.Now()
				var last time.Duration
				defer r.runtime.Router.Observe(func(e api.Event) {
					if e.Operation == "SendMessageBatch" {
						last = time.Since(began)
					}
				})()
				got, err := r.Redrive(r.Context(), deadletter.Scan{}, r.to, rate)
				require.NoError(r, err)
				assert.Equal(r, 100, got.Taken)
				assert.GreaterOrEqual(r, last, least-time.Second)
				assert.LessOrEqual(r, last, least+2*time.Second)
			})
		})
	}
}

// A redrive that takes longer than the visibility keeps what it holds invisible,
// and sees it once.
func TestALongRedrive(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(3000)
		began := time.Now()
		got, err := r.Redrive(r.Context(), deadletter.Scan{Filter: theBad}, r.to, 1)
		require.NoError(r, err)
		assert.Greater(r, time.Since(began), 3*deadletter.Visibility)
		assert.Equal(r, deadletter.Result{Seen: 3000, Matched: 1000, Taken: 1000}, got)
		stayed := r.all(r.dead)
		require.Len(r, stayed, 2000)
		for _, m := range stayed {
			assert.Equal(r, "2", m.Attributes["ApproximateReceiveCount"], "received once by the redrive and once here")
		}
	})
}

// Handlers that fail again bring messages back while the redrive goes on: it
// ends all the same.
func TestRedriveEndsThoughMessagesComeBack(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, err := r.client.SetQueueAttributes(r.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &r.source, Attributes: map[string]string{
			"RedrivePolicy":     `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":1}`,
			"VisibilityTimeout": "0",
		}})
		require.NoError(r, err)
		r.fill(30)
		ctx, cancel := context.WithCancel(r.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				// Every receive but the first moves the message to the dead-letter queue.
				_, _ = r.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &r.source, MaxNumberOfMessages: 10})
				pause := time.NewTimer(100 * time.Millisecond)
				<-pause.C
			}
		}()
		got, err := r.Redrive(r.Context(), deadletter.Scan{}, r.to, 5)
		cancel()
		<-done
		require.NoError(r, err)
		assert.Equal(r, 30, got.Taken)
		assert.Equal(r, 30, got.Seen)
	})
}

func TestAMessageIsCarriedWhole(t *testing.T) {
	inBubble(t, func(r *rig) {
		attributes := map[string]types.MessageAttributeValue{
			"binary": {DataType: aws.String("Binary.png"), BinaryValue: []byte{0, 1, 255}},
			"number": {DataType: aws.String("Number"), StringValue: aws.String("1e3")},
		}
		for i := range 8 {
			attributes[fmt.Sprintf("text%d", i)] = text("v")
		}
		body := strings.Repeat("é", 400_000)
		_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{
			QueueUrl: &r.dead, MessageBody: &body, MessageAttributes: attributes, MessageGroupId: aws.String("tenant"),
			MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-5759e988-bd862e3fe1be46a994272793")}},
		})
		require.NoError(r, err)
		// Two of them are over the limit of a batch.
		other := strings.Repeat("x", 500_000)
		_, err = r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.dead, MessageBody: &other})
		require.NoError(r, err)

		got, err := r.Redrive(r.Context(), deadletter.Scan{}, r.to, 0)
		require.NoError(r, err)
		require.Equal(r, 2, got.Taken)
		moved := map[string]types.Message{}
		for _, m := range r.all(r.source) {
			moved[*m.Body] = m
		}
		require.Contains(r, moved, other)
		require.Contains(r, moved, body)
		m := moved[body]
		assert.Equal(r, attributes, m.MessageAttributes)
		assert.Equal(r, "tenant", m.Attributes["MessageGroupId"])
		assert.Equal(r, "Root=1-5759e988-bd862e3fe1be46a994272793", m.Attributes["AWSTraceHeader"])
	})
}

// A message that the other queue will not have stays, with the reason, and the
// others go on.
func TestARefusedMessageStays(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, err := r.client.SetQueueAttributes(r.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &r.source, Attributes: map[string]string{"MaximumMessageSize": "1024"}})
		require.NoError(r, err)
		r.fill(30)
		_, err = r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.dead, MessageBody: aws.String("job 30 " + strings.Repeat("x", 2000))})
		require.NoError(r, err)
		got, err := r.Redrive(r.Context(), deadletter.Scan{}, r.to, 0)
		require.NoError(r, err)
		assert.Equal(r, []int{31, 31, 30}, []int{got.Seen, got.Matched, got.Taken})
		require.Len(r, got.Refused, 1)
		assert.Contains(r, got.Refused[0].Reason, "1024")
		assert.Len(r, r.jobs(r.source), 30)
		assert.Equal(r, []int{30}, keys(r.jobs(r.dead)))
	})
}

func TestRedriveToItself(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, err := r.Redrive(r.Context(), deadletter.Scan{}, deadletter.OpenTarget(r.runtime.Config(), r.dead), 0)
		assert.ErrorContains(r, err, "is the dead-letter queue itself")
	})
}
