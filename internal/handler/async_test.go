package handler_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
)

// async is the handler, not waited for.
func (r *rig) async() handler.Target {
	t := r.target
	t.Async = true
	return t
}

// process hands a message for each body to the handler, which is not waited for.
func (r *rig) process(bodies ...string) (handler.Result, time.Duration) {
	r.Helper()
	began := time.Now()
	result, err := r.Invoker.Run(r.Context(), handler.Process, r.async(), batch(bodies...), handler.When(always))
	require.NoError(r, err)
	return result, time.Since(began)
}

func TestAnAsynchronousEventIsKeptOnceItIsAccepted(t *testing.T) {
	for name, h := range map[string]lambda.Func{
		"the handler takes its time": takes(4 * time.Second),
		"the handler fails":          func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no") },
		"its reply is not read":      replies(`{"batchItemFailures":[{"itemIdentifier":""}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, h, func(r *rig) {
				result, took := r.process("a", "b")
				assert.Equal(r, []string{"m0", "m1"}, ids(result.Kept))
				assert.Empty(r, result.Failed)
				assert.Zero(r, result.Doubt)
				assert.Zero(r, took)
				synctest.Wait()
				assert.Equal(r, [][]string{{"m0", "m1"}}, r.eventIDs())
				// Lambda tries a failed event twice more by itself.
				time.Sleep(10 * time.Minute)
			})
		})
	}
}

func TestAsynchronousEventsAreSplitAtOneMegabyte(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		part := strings.Repeat("x", 400_000)
		result, _ := r.process(part, part, strings.Repeat("x", 1<<20), part, part)
		assert.ElementsMatch(r, []string{"m0", "m1", "m3", "m4"}, ids(result.Kept))
		assert.Equal(r, message.Failures{"m2": {Reason: "process handler: the event of this one message is over Lambda's limit of 1048576 bytes for asynchronous invocations"}}, result.Failed)
		synctest.Wait()
		assert.ElementsMatch(r, [][]string{{"m0", "m1"}, {"m3", "m4"}}, r.eventIDs())
	})
}

func TestAsynchronousEventsAreThrottled(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		hits := r.throttle(3)
		result, took := r.process("a")
		assert.Equal(r, 3, hits())
		assert.Equal(r, []string{"m0"}, ids(result.Kept))
		assert.NotZero(r, took)
		r.throttle(0)
		result, _ = r.process("a")
		assert.Equal(r, []string{"m0"}, ids(result.Throttled))
	})
}

func TestAnAsynchronousEventInDoubtStopsNothing(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.LoseReply, Times: 1})
		part := strings.Repeat("x", 800_000)
		result, _ := r.process(part, part)
		assert.Equal(r, []string{"m1"}, ids(result.Kept))
		assert.Contains(r, result.Failed["m0"].Reason, "process handler: Lambda did not confirm that it accepted the event, and may run it: ")
		assert.Zero(r, result.Doubt, "nobody waits for the handler")
		synctest.Wait()
		assert.Len(r, r.eventIDs(), 2)
	})
}

func TestLambdaThatAcceptsNothingIsNotWaitedForForEver(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.Delay, For: time.Hour})
		result, took := r.process("a")
		assert.Contains(r, result.Failed["m0"].Reason, "Lambda did not confirm")
		assert.Equal(r, r.async().Lasts(), took)
		assert.Equal(r, 30*time.Second, took)
		time.Sleep(time.Hour)
	})
}

func TestAnAsynchronousEventIsRefused(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		r.target.ARN += "-gone"
		result, _ := r.process("a")
		assert.Contains(r, result.Failed["m0"].Reason, "process handler: invoke "+r.target.ARN)
		assert.Empty(r, result.Kept)
	})
}

func TestAGateTakesRecordsOutOfAnEvent(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		// The first try is throttled, and m1 lost before the second.
		r.throttle(1)
		tries := 0
		gate := func(records []message.Record) []message.Record {
			if tries++; tries == 1 {
				return records
			}
			return append(records[:1:1], records[2:]...)
		}
		result, err := r.Invoker.Run(r.Context(), handler.Process, r.target, batch("a", "b", "c"), gate)
		require.NoError(r, err)
		assert.Equal(r, []string{"m0", "m2"}, ids(result.Kept))
		assert.Equal(r, []string{"m1"}, ids(result.Unstarted))
		assert.Equal(r, [][]string{{"m0", "m2"}}, r.eventIDs())
	})
}

func TestAGateThatLosesWhatIsThrottled(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		r.throttle(0)
		left := batch("a", "b", "c")
		gate := func([]message.Record) []message.Record {
			left = left[1:]
			return left
		}
		result, err := r.Invoker.Run(r.Context(), handler.Process, r.target, batch("a", "b", "c"), gate)
		require.NoError(r, err)
		assert.Equal(r, []string{"m0", "m1", "m2"}, ids(result.Unstarted))
		assert.Empty(r, result.Throttled)
		assert.Empty(r, r.invoked())
	})
}
