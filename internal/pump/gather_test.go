package pump_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/registry"
)

// sized is a process handler that takes a while, and what it got: when, and of
// how many messages each event was.
func sized(r **rig, events *[]string, takes time.Duration) Handler {
	return func(_ context.Context, e message.Event) (any, error) {
		(*r).mu.Lock()
		*events = append(*events, fmt.Sprintf("%s %d", time.Since((*r).began).Round(time.Second), len(e.Records)))
		(*r).mu.Unlock()
		<-time.After(takes)
		return nil, nil
	}
}

// gather runs a shift of a worker of one place, with a batching window, and
// returns its events.
func gather(t *testing.T, size int, window time.Duration, test func(r *rig)) (events []string) {
	t.Helper()
	var rig0 *rig
	inBubble(t, sized(&rig0, &events, time.Second), slot(alone), func(r *rig) {
		rig0 = r
		r.config.BatchSize, r.config.BatchingWindow = size, window
		test(r)
	})
	return events
}

// later sends messages after a while.
func (r *rig) later(after time.Duration, n int) {
	go func() {
		<-time.After(after)
		r.send(n)
	}()
}

func TestAnEventIsGatheredUntilItsWindowIsOver(t *testing.T) {
	events := gather(t, 100, 30*time.Second, func(r *rig) {
		r.later(5*time.Second, 1)
		r.later(12*time.Second, 25)
		r.later(34*time.Second, 2)
		r.later(36*time.Second, 3)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(31), out.Handled)
		assert.Zero(r, r.depth())
	})
	assert.Equal(t, []string{"35s 28", "1m6s 3"}, events, "a window begins with its first message")
}

func TestAnEventIsGatheredUntilItIsFull(t *testing.T) {
	events := gather(t, 25, 30*time.Second, func(r *rig) {
		r.send(60)
		_, err := r.shift("t1")
		require.NoError(r, err)
	})
	assert.Equal(t, []string{"0s 25", "1s 25", "32s 10"}, events)
}

// Ten thousand of the smallest messages may be more than 6 MB, receipt handles
// and all.
func TestAnEventOfThousands(t *testing.T) {
	events := gather(t, 10_000, 300*time.Second, func(r *rig) {
		r.send(3_005)
		deletes := r.count("DeleteMessageBatch")
		receives := r.count("ReceiveMessage")
		r.config.Idle = time.Second
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(3_005), out.Handled)
		assert.Equal(r, 301, deletes())
		assert.Equal(r, 301+15+1, receives(), "long polls to the end of the window, and one after it")
		assert.Zero(r, r.depth())
	})
	assert.Equal(t, []string{"5m0s 3005"}, events)
}

// large sends messages of so many bytes.
func (r *rig) large(bodies ...string) {
	r.Helper()
	for _, body := range bodies {
		_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: &body})
		require.NoError(r, err)
	}
}

func TestAnEventIsGatheredUntilItIsSixMegabytes(t *testing.T) {
	events := gather(t, 100, 30*time.Second, func(r *rig) {
		// A megabyte of quotes is two of JSON.
		r.large(strings.Repeat(`"`, 1<<20), strings.Repeat(`"`, 1<<20), strings.Repeat("x", 1<<20), strings.Repeat("x", 900_000), strings.Repeat("x", 100_000), strings.Repeat("x", 1<<20))
		handles := r.handles()
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(6), out.Handled)
		assert.Len(r, handles(), 6, "none is given back")
	})
	assert.Equal(t, []string{"0s 5", "30s 1"}, events, "what does not fit starts the next event, whose window began when it came")
}

func TestWhatWasGatheredIsHandledWhenTheShiftEnds(t *testing.T) {
	t.Run("by orders", func(t *testing.T) {
		events := gather(t, 100, 5*time.Minute, func(r *rig) {
			r.later(5*time.Second, 3)
			go func() {
				<-time.After(30 * time.Second)
				r.order(registry.Drain)
			}()
			out, err := r.shift("t1")
			require.NoError(r, err)
			assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 3}, out)
		})
		// The report after a minute brings the order, and a receive that is under
		// way is never cancelled.
		assert.Equal(t, []string{"1m5s 3"}, events)
	})
	t.Run("by time", func(t *testing.T) {
		events := gather(t, 100, 5*time.Minute, func(r *rig) {
			r.send(3)
			out, err := r.shiftOf("t1", 150*time.Second, pump.Input{Worker: "a", Execution: "worker-a-1"})
			require.NoError(r, err)
			assert.Equal(r, pump.Output{Next: "report home", Shift: 1, Handled: 3}, out)
		})
		assert.Equal(t, []string{"1m40s 3"}, events, "120 s of shift, 10 of them for the handler, and a margin")
	})
}

func TestAWindowLongerThanIdleness(t *testing.T) {
	events := gather(t, 100, 2*time.Minute, func(r *rig) {
		r.send(3)
		r.later(90*time.Second, 1)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(4), out.Handled)
	})
	assert.Equal(t, []string{"2m0s 4"}, events)
}

// While there are few messages one place gathers them all; while there are many,
// all places do.
func TestPlacesGatherSideBySideOnlyWhatIsMuch(t *testing.T) {
	var events []string
	var rig0 *rig
	inBubble(t, sized(&rig0, &events, 5*time.Second), slot(stay, func(w *registry.Worker) { w.Parallelism = 3 }), func(r *rig) {
		rig0 = r
		r.config.BatchSize, r.config.BatchingWindow = 100, 20*time.Second
		for i := range 15 {
			r.later(time.Duration(61+3*i)*time.Second, 1)
		}
		r.later(200*time.Second, 400)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(415), out.Handled)
	})
	assert.Equal(t, []string{"1m21s 7", "1m42s 7", "2m3s 1"}, events[:3])
	assert.Equal(t, []string{"3m20s 100", "3m20s 100", "3m20s 100"}, events[3:6])
}

func TestAReceiveThatFailsWhileAnEventIsGathered(t *testing.T) {
	events := gather(t, 100, time.Minute, func(r *rig) {
		r.send(5)
		r.runtime.Router.Faults.Add(api.Fault{Operation: "ReceiveMessage", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "not yours"), Skip: 1, Times: 1})
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(5), out.Handled)
	})
	assert.Equal(t, []string{"0s 5"}, events)
}

func TestMessagesAreAcknowledgedOnceLambdaAcceptedThem(t *testing.T) {
	inBubble(t, func(context.Context, message.Event) (any, error) { return nil, fmt.Errorf("no") }, slot(alone), func(r *rig) {
		r.config.Mode = fleet.Async
		// Nobody waits for the handler.
		r.config.Process.Timeout = 15 * time.Minute
		r.send(10)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 10}, out)
		assert.Equal(r, 20*time.Second, time.Since(r.began))
		assert.Zero(r, r.depth())
		time.Sleep(10 * time.Minute)
		assert.Len(r, r.started(), 3, "Lambda tries the event three times in all")
	})
}

func TestAnAsynchronousMessageOverOneMegabyteFailsAlone(t *testing.T) {
	inBubble(t, takes(0), slot(alone), func(r *rig) {
		r.config.Mode, r.config.Idle = fleet.Async, 2*time.Second
		r.large("a", strings.Repeat("x", 1<<20), "b", strings.Repeat("x", 700_000), strings.Repeat("x", 700_000))
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(4), out.Handled)
		assert.Positive(r, out.Failed)
		assert.Equal(r, "process handler: the event of this one message is over Lambda's limit of 1048576 bytes for asynchronous invocations", r.failures()[0].Reason)
		d := r.depth()
		assert.Equal(r, 1, d.Visible+d.InFlight)
	})
}

func TestAnAsynchronousEventInDoubtComesAgain(t *testing.T) {
	inBubble(t, takes(0), slot(alone), func(r *rig) {
		r.config.Mode = fleet.Async
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.LoseReply, Times: 1})
		r.send(1)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, pump.Output{Next: "go home", Shift: 5, Handled: 1, Failed: 1}, out)
		require.Len(r, r.started(), 2, "at least once")
		assert.LessOrEqual(r, r.started()[1], 4*time.Second, "after the fleet's backoff")
		assert.Contains(r, r.failures()[0].Reason, "process handler: Lambda did not confirm")
	})
}

func TestTransformedMessagesAreHandedOverAsynchronously(t *testing.T) {
	inBubble(t, takes(0), slot(alone), func(r *rig) {
		r.config.Mode = fleet.Async
		// They grow to more than one event, and one of them to more than any.
		r.config.Transform = r.put("transform", 10*time.Second, func(_ context.Context, e message.Event) (any, error) {
			for i := range e.Records {
				e.Records[i].Body = strings.Repeat("x", 500_000+i*200_000)
			}
			return e, nil
		})
		r.send(4)
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, int64(4), out.Handled, "the one that was too large comes again alone")
		assert.Equal(r, int64(1), out.Failed)
		assert.Len(r, r.failures(), 1)
		assert.Zero(r, r.depth())
	})
}

func TestAHandlersOwnBackoff(t *testing.T) {
	inBubble(t, func(_ context.Context, e message.Event) (any, error) {
		if e.Records[0].Attributes["ApproximateReceiveCount"] != "1" {
			return nil, nil
		}
		return map[string]any{"batchItemFailures": []map[string]any{{"itemIdentifier": e.Records[0].MessageID, "retryAfterSeconds": 90}}}, nil
	}, slot(alone), func(r *rig) {
		r.config.Idle = 2 * time.Minute
		r.send(1)
		_, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, []time.Duration{0, 90 * time.Second}, r.started())
	})
}
