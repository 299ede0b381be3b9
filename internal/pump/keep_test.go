package pump_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	localsqs "github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// throttled is a 429 of Lambda's.
var throttled = &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429}

// alone is a worker of one place.
func alone(w *registry.Worker) { w.Parallelism = 1 }

// echo is a transform handler that takes a while and changes nothing.
func echo(d time.Duration) Handler {
	return func(ctx context.Context, e message.Event) (any, error) {
		_, err := takes(d)(ctx, e)
		return e, err
	}
}

// Whenever the pump dies, its message is visible again within the handlers'
// time-outs and a minute, and not while a handler has it.
func TestAPumpThatDiesAtAnyMoment(t *testing.T) {
	const handlers = 40 * time.Second
	for name, c := range map[string]struct {
		until time.Duration
		fault func(r *rig) api.Fault
	}{
		"window, transform, process": {until: 76 * time.Second, fault: func(*rig) api.Fault { return api.Fault{Service: "none"} }},
		"throttled": {until: 100 * time.Second, fault: func(r *rig) api.Fault {
			return api.Fault{Operation: "Invoke", Kind: api.Fail, Error: throttled, Match: func(api.Call) bool { return time.Since(r.began) < 80*time.Second }}
		}},
		"in doubt": {until: 130 * time.Second, fault: func(*rig) api.Fault {
			return api.Fault{Operation: "Invoke", Kind: api.Abandon, For: 2 * time.Second}
		}},
		"extensions lost": {until: 76 * time.Second, fault: func(*rig) api.Fault {
			return api.Fault{Operation: "ChangeMessageVisibilityBatch", Kind: api.Drop, Probability: 0.5}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for at := time.Second; at < c.until; at += 3 * time.Second {
				inBubble(t, takes(25*time.Second), slot(alone), func(r *rig) {
					r.config.Process.Timeout = 30 * time.Second
					r.put("process", 30*time.Second, takes(25*time.Second))
					r.config.Transform = r.put("transform", 10*time.Second, echo(8*time.Second))
					r.config.BatchSize, r.config.BatchingWindow, r.config.Idle = 20, 40*time.Second, 3*time.Minute
					r.runtime.Router.Faults.Add(c.fault(r))
					r.send(1)
					r.dies(at)
					died := time.Since(r.began)
					for r.depth().InFlight > 0 {
						require.Less(r, time.Since(r.began)-died, handlers+time.Minute, "killed at %s", at)
						time.Sleep(time.Second)
					}
					assert.Zero(r, r.runs(0), "a handler runs, killed at %s", at)
				})
			}
		})
	}
}

// visibilities are the times that SQS is asked to hide messages for, in seconds,
// by when. Those of returns are among them.
func (r *rig) visibilities() func() map[string][]int {
	asked := map[string][]int{}
	stop := r.runtime.Router.Observe(func(e api.Event) {
		if in, ok := e.Input.(*localsqs.ChangeMessageVisibilityBatchInput); ok {
			r.mu.Lock()
			defer r.mu.Unlock()
			at := time.Since(r.began).Round(time.Second).String()
			for _, entry := range in.Entries {
				asked[at] = append(asked[at], *entry.VisibilityTimeout)
			}
		}
	})
	return func() map[string][]int { stop(); return asked }
}

func TestWhatTakesNoTimeCostsNoExtension(t *testing.T) {
	inBubble(t, takes(9*time.Second), slot(), func(r *rig) {
		r.config.Transform = r.put("transform", 10*time.Second, echo(9*time.Second))
		asked := r.visibilities()
		r.send(40)
		_, err := r.shift("t1")
		require.NoError(r, err)
		assert.Empty(r, asked())
	})
}

func TestWhatWaitsIsKeptInvisible(t *testing.T) {
	inBubble(t, takes(time.Second), slot(alone), func(r *rig) {
		asked := r.visibilities()
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.Delay, For: 200 * time.Second, Times: 1})
		r.config.Process.Timeout = 300 * time.Second
		// Two events: the second waits for the first.
		body := strings.Repeat("x", 1<<20)
		for range 6 {
			_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: &body})
			require.NoError(r, err)
		}
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 6}, out)
		assert.Equal(r, map[string][]int{"3m21s": {345}}, asked(), "the second event's message, as its handler starts")
	})
}

func TestAMessageThatIsSomebodyElsesIsNotHandled(t *testing.T) {
	inBubble(t, takes(time.Second), slot(alone), func(r *rig) {
		r.send(2)
		r.runtime.Router.Faults.Add(api.Fault{Operation: "Invoke", Kind: api.Fail, Error: throttled, Match: func(api.Call) bool { return time.Since(r.began) < 30*time.Second }})
		// Meanwhile one of them becomes visible, and another worker receives it.
		handles := r.handles()
		go func() {
			<-time.After(2 * time.Second)
			_, err := r.client.ChangeMessageVisibility(r.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &r.url, ReceiptHandle: aws.String(handles()[0]), VisibilityTimeout: 0})
			assert.NoError(r, err)
			theirs, err := queue.New(r.runtime.Config(), r.url, "").Receive(r.Context(), 1, 0, time.Hour)
			assert.NoError(r, err)
			assert.Len(r, theirs, 1)
		}()
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(1), out.Handled)
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth(), "theirs is left to them")
		assert.Empty(r, r.failures())
	})
}

func TestAMessageThatIsReceivedTwiceForOneEvent(t *testing.T) {
	var got []string
	inBubble(t, func(_ context.Context, e message.Event) (any, error) {
		for _, record := range e.Records {
			got = append(got, record.Body+" "+record.Attributes["ApproximateReceiveCount"])
		}
		return nil, nil
	}, slot(alone), func(r *rig) {
		r.config.BatchSize, r.config.BatchingWindow = 20, 40*time.Second
		r.send(2)
		handles := r.handles()
		go func() {
			<-time.After(2 * time.Second)
			_, err := r.client.ChangeMessageVisibility(r.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &r.url, ReceiptHandle: aws.String(handles()[0]), VisibilityTimeout: 0})
			assert.NoError(r, err)
		}()
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 2}, out)
		assert.Equal(r, time.Minute, time.Since(r.began), "nothing of it stays in hand")
		assert.Equal(r, []string{"job 2 2", "job 1 1"}, got)
		assert.Zero(r, r.depth(), "the later receipt handle deletes it")
	})
}

// handles are the receipt handles of what was received from now on.
func (r *rig) handles() func() []string {
	var handles []string
	r.Cleanup(r.runtime.Router.Observe(func(e api.Event) {
		if out, ok := e.Output.(*localsqs.ReceiveMessageOutput); ok && e.Err == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, m := range out.Messages {
				handles = append(handles, m.ReceiptHandle)
			}
		}
	}))
	return func() []string {
		r.mu.Lock()
		defer r.mu.Unlock()
		return handles
	}
}

func TestWhatCannotBeCoveredGoesBack(t *testing.T) {
	inBubble(t, takes(0), slot(alone), func(r *rig) {
		r.config.BatchSize, r.config.BatchingWindow = 20, 40*time.Second
		hits, mend := r.fail("ChangeMessageVisibilityBatch", 0)
		go func() {
			<-time.After(50 * time.Second)
			mend()
		}()
		r.send(3)
		out, err := r.shift("t1")
		// Not even giving them back succeeds: the shift ends, and they come back by
		// themselves.
		require.Error(r, err)
		assert.Zero(r, out.Handled)
		assert.Empty(r, r.started())
		assert.Positive(r, hits())
		time.Sleep(20 * time.Second)
		assert.Equal(r, queue.Depth{Visible: 3}, r.depth())
	})
}

func TestALostExtensionHarmsNobody(t *testing.T) {
	for kind, name := range map[api.FaultKind]string{api.LoseReply: "its reply", api.Twice: "repeated", api.Drop: "its request"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, takes(5*time.Second), slot(alone), func(r *rig) {
				r.config.BatchSize, r.config.BatchingWindow, r.config.Idle = 20, 4*time.Minute, 5*time.Minute
				n := 0
				r.runtime.Router.Faults.Add(api.Fault{Operation: "ChangeMessageVisibilityBatch", Kind: kind, Match: func(api.Call) bool { n++; return n%2 == 0 }})
				r.send(3)
				out, err := r.shift("t1")
				require.NoError(r, err)
				assert.Equal(r, int64(3), out.Handled)
				require.Len(r, r.started(), 1)
				assert.InDelta(r, 4*time.Minute, r.started()[0], float64(5*time.Second), "a lost top-up is asked for again")
			})
		})
	}
}

func TestALateDeleteHarmsNobody(t *testing.T) {
	inBubble(t, takes(5*time.Second), slot(alone), func(r *rig) {
		r.config.Idle = 3 * time.Minute
		r.runtime.Router.Faults.Add(api.Fault{Operation: "DeleteMessageBatch", Kind: api.Delay, For: 70 * time.Second, Times: 1})
		r.send(1)
		_, err := r.shift("t1")
		require.NoError(r, err)
		assert.Len(r, r.started(), 1, "by the latest handle it is deleted also when visible again")
		assert.Zero(r, r.depth())
	})
}

// A place that holds large messages must not keep the worker from the memory for
// small ones, nor all places together take more than there is.
func TestMemoryBoundsWhatAWorkerHolds(t *testing.T) {
	inBubble(t, takes(9*time.Second), slot(func(w *registry.Worker) { w.Parallelism = 40 }), func(r *rig) {
		body := strings.Repeat("x", 1<<20)
		for range 80 {
			_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: &body})
			require.NoError(r, err)
		}
		held, most := 0, 0
		r.Cleanup(r.runtime.Router.Observe(func(e api.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			switch e.Operation {
			case "ReceiveMessage":
				held += len(e.Output.(*localsqs.ReceiveMessageOutput).Messages)
				most = max(most, held)
			case "DeleteMessageBatch":
				held -= len(e.Input.(*localsqs.DeleteMessageBatchInput).Entries)
			}
		}))
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(80), out.Handled)
		assert.LessOrEqual(r, most, 64)
		assert.Greater(r, most, 50)
		assert.Zero(r, held)
	})
}
