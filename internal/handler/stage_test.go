package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
)

// batch is a message for each body, "m0" and on.
func batch(bodies ...string) []message.Record {
	var records []message.Record
	for i, body := range bodies {
		records = append(records, message.Record{MessageID: fmt.Sprintf("m%d", i), Body: body})
	}
	return records
}

// ids of records, in order.
func ids(records []message.Record) []string {
	var ids []string
	for _, r := range records {
		ids = append(ids, r.MessageID)
	}
	return ids
}

// eventIDs are the messages of each event that the handler got.
func (r *rig) eventIDs() [][]string {
	r.Helper()
	var all [][]string
	for _, payload := range r.invoked() {
		assert.LessOrEqual(r, len(payload), 6*1024*1024)
		var e message.Event
		require.NoError(r, json.Unmarshal([]byte(payload), &e))
		all = append(all, ids(e.Records))
	}
	return all
}

func always() bool { return true }

// times answers yes n times, then no.
func times(n int) func() bool {
	return func() bool { n--; return n >= 0 }
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		stage          handler.Stage
		handler        lambda.Func
		kept, filtered []string
		failed         message.Failures
	}{
		"all are processed": {stage: handler.Process, handler: replies(``), kept: []string{"m0", "m1", "m2"}},
		"one failed": {
			stage: handler.Process, handler: replies(`{"batchItemFailures":[{"itemIdentifier":"m1"}]}`),
			kept:   []string{"m0", "m2"},
			failed: message.Failures{"m1": {Reason: "process handler: the handler reported it in batchItemFailures"}},
		},
		"the handler failed": {
			stage: handler.Process, handler: func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no") },
			failed: message.All(batch("", "", ""), "process handler: errorString: no"),
		},
		"one transformed, one filtered, one failed": {
			stage: handler.Transform, handler: replies(`{"Records":[{"messageId":"m2","body":"new"}],"batchItemFailures":[{"itemIdentifier":"m0"}]}`),
			kept: []string{"m2"}, filtered: []string{"m1"},
			failed: message.Failures{"m0": {Reason: "transform handler: the handler reported it in batchItemFailures"}},
		},
		"a transform handler that answers nothing": {
			stage: handler.Transform, handler: replies(``),
			failed: message.All(batch("", "", ""), `transform handler: the transform handler's reply has no "Records": answer {"Records": []} to filter every message`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.handler, func(r *rig) {
				result, err := r.Invoker.Run(r.Context(), c.stage, r.target, batch("a", "b", "c"), handler.When(always))
				require.NoError(r, err)
				assert.Equal(r, c.kept, ids(result.Kept))
				assert.Equal(r, c.filtered, result.Filtered)
				if c.failed == nil {
					c.failed = message.Failures{}
				}
				assert.Equal(r, c.failed, result.Failed)
				assert.Empty(r, result.Unstarted)
				assert.Zero(r, result.Doubt)
				assert.Equal(r, [][]string{{"m0", "m1", "m2"}}, r.eventIDs())
			})
		})
	}
}

func TestRunKeepsWhatWasTransformed(t *testing.T) {
	inBubble(t, replies(`{"Records":[{"messageId":"m0","body":"new"}]}`), func(r *rig) {
		result, err := r.Invoker.Run(r.Context(), handler.Transform, r.target, batch("old"), handler.When(always))
		require.NoError(r, err)
		assert.Equal(r, []message.Record{{MessageID: "m0", Body: "new", MD5OfBody: "22af645d1859cb5ca6da0c484f1f37ea"}}, result.Kept)
	})
}

func TestRunOfNothing(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		result, err := r.Invoker.Run(r.Context(), handler.Process, r.target, nil, handler.When(always))
		require.NoError(r, err)
		assert.Equal(r, handler.Result{Transformed: message.Transformed{Failed: message.Failures{}}}, result)
		assert.Empty(r, r.invoked())
	})
}

func TestRunSplitsAtSixMegabytes(t *testing.T) {
	inBubble(t, replies(`{"batchItemFailures":[]}`), func(r *rig) {
		megabyte := strings.Repeat("x", 1<<20)
		bodies := make([]string, 10)
		for i := range bodies {
			bodies[i] = megabyte
		}
		// 1 MB of control characters is over 6 MB in JSON.
		bodies[3] = strings.Repeat("\x01", 1<<20)
		result, err := r.Invoker.Run(r.Context(), handler.Process, r.target, batch(bodies...), handler.When(always))
		require.NoError(r, err)
		assert.Equal(r, [][]string{{"m0", "m1"}, {"m2"}, {"m4"}, {"m5", "m6", "m7", "m8", "m9"}}, r.eventIDs())
		assert.Equal(r, []string{"m0", "m1", "m2", "m4", "m5", "m6", "m7", "m8", "m9"}, ids(result.Kept))
		assert.Equal(r, message.Failures{"m3": {Reason: "process handler: the event of this one message is over Lambda's limit of 6291456 bytes"}}, result.Failed)
	})
}

func TestRunFailsOnlyTheEventThatFailed(t *testing.T) {
	megabytes := strings.Repeat("x", 3_200_000)
	fails := func(_ context.Context, payload []byte) ([]byte, error) {
		if strings.Contains(string(payload), `"m1"`) {
			return nil, errors.New("no")
		}
		return nil, nil
	}
	inBubble(t, fails, func(r *rig) {
		result, err := r.Invoker.Run(r.Context(), handler.Process, r.target, batch(megabytes, megabytes, megabytes), handler.When(always))
		require.NoError(r, err)
		assert.Equal(r, []string{"m0", "m2"}, ids(result.Kept))
		assert.Equal(r, message.Failures{"m1": {Reason: "process handler: errorString: no"}}, result.Failed)
	})
}

// TestABodyThatGrewTooMuchFailsAlone lets a transform handler make the bodies of
// two messages as large as its whole reply may be.
func TestABodyThatGrewTooMuchFailsAlone(t *testing.T) {
	grows := func(_ context.Context, payload []byte) ([]byte, error) {
		var e message.Event
		if err := json.Unmarshal(payload, &e); err != nil {
			return nil, err
		}
		for i := range e.Records {
			if strings.HasPrefix(e.Records[i].Body, "grow") {
				e.Records[i].Body = strings.Repeat("x", 6<<20)
			}
		}
		return e.Encode()
	}
	inBubble(t, grows, func(r *rig) {
		result, err := r.Invoker.Run(r.Context(), handler.Transform, r.target, batch("a", "b", "grow", "c", "d", "grow", "e"), handler.When(always))
		require.NoError(r, err)
		assert.Equal(r, []string{"m0", "m1", "m3", "m4", "m6"}, ids(result.Kept))
		require.Len(r, result.Failed, 2)
		for _, id := range []string{"m2", "m5"} {
			assert.Contains(r, result.Failed[id].Reason, "transform handler: Function.ResponseSizeTooLarge")
		}
	})
}

// throttle answers 429 for so many requests. 0 is for all.
func (r *rig) throttle(times int) (hits func() int) {
	hits, _ = r.runtime.Router.Faults.Add(api.Fault{
		Service: "lambda", Operation: "Invoke", Kind: api.Fail, Times: times,
		Error: &api.Error{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429},
	})
	return hits
}

func TestRunWaitsWhileItIsThrottled(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		hits := r.throttle(5)
		began := time.Now()
		result, err := r.Invoker.Run(r.Context(), handler.Process, r.target, batch("a"), handler.When(always))
		require.NoError(r, err)
		assert.Equal(r, 5, hits())
		assert.Equal(r, []string{"m0"}, ids(result.Kept))
		// Half of 0.5, 1, 2, 4 and 8 seconds at least, all of them at most.
		took := time.Since(began)
		assert.GreaterOrEqual(r, took, 7750*time.Millisecond)
		assert.LessOrEqual(r, took, 15500*time.Millisecond)
	})
}

func TestRunGivesUpAMinuteOfThrottling(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		hits := r.throttle(0)
		began := time.Now()
		result, err := r.Invoker.Run(r.Context(), handler.Process, r.target, batch("a", "b"), handler.When(always))
		require.NoError(r, err)
		took := time.Since(began)
		assert.LessOrEqual(r, took, time.Minute)
		assert.GreaterOrEqual(r, took, 50*time.Second)
		assert.GreaterOrEqual(r, hits(), 9)
		assert.LessOrEqual(r, hits(), 16)
		assert.Equal(r, []string{"m0", "m1"}, ids(result.Throttled))
		assert.Empty(r, result.Unstarted)
		assert.Empty(r, result.Failed, "it is no failed attempt")
		assert.Empty(r, r.invoked())
	})
}

func TestRunStopsWaitingWhenItsTimeIsOver(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		r.throttle(0)
		ctx, stop := context.WithTimeout(r.Context(), 10*time.Second)
		defer stop()
		began := time.Now()
		result, err := r.Invoker.Run(ctx, handler.Process, r.target, batch("a"), handler.When(always))
		require.NoError(r, err)
		assert.Equal(r, 10*time.Second, time.Since(began))
		assert.Equal(r, []string{"m0"}, ids(result.Unstarted))
	})
}

func TestRunAsksBeforeEachTry(t *testing.T) {
	inBubble(t, replies(``), func(r *rig) {
		hits := r.throttle(0)
		result, err := r.Invoker.Run(r.Context(), handler.Process, r.target, batch("a"), handler.When(times(3)))
		require.NoError(r, err)
		assert.Equal(r, 3, hits())
		assert.Equal(r, []string{"m0"}, ids(result.Unstarted))
	})
}

func TestRunStartsOnlyWhatMayStart(t *testing.T) {
	megabytes := strings.Repeat("x", 3_200_000)
	for allowed, want := range map[int]struct{ kept, unstarted []string }{
		0: {nil, []string{"m0", "m1", "m2"}},
		1: {[]string{"m0"}, []string{"m1", "m2"}},
		2: {[]string{"m0", "m1"}, []string{"m2"}},
	} {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) {
			inBubble(t, replies(``), func(r *rig) {
				result, err := r.Invoker.Run(r.Context(), handler.Process, r.target, batch(megabytes, megabytes, megabytes), handler.When(times(allowed)))
				require.NoError(r, err)
				assert.Equal(r, want.kept, ids(result.Kept))
				assert.Equal(r, want.unstarted, ids(result.Unstarted))
				assert.Empty(r, result.Failed)
				assert.Len(r, r.invoked(), allowed)
			})
		})
	}
}

func TestADoubtStopsTheRest(t *testing.T) {
	megabytes := strings.Repeat("x", 3_200_000)
	inBubble(t, takes(2*time.Second), func(r *rig) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.LoseReply, Skip: 1, Times: 1})
		began := time.Now()
		result, err := r.Invoker.Run(r.Context(), handler.Process, r.target, batch(megabytes, megabytes, megabytes), handler.When(always))
		require.NoError(r, err)
		assert.Equal(r, []string{"m0"}, ids(result.Kept))
		assert.Len(r, result.Failed, 1)
		assert.Contains(r, result.Failed["m1"].Reason, "process handler: the handler's answer did not come: ")
		assert.Equal(r, []string{"m2"}, ids(result.Unstarted))
		assert.Equal(r, began.Add(4*time.Second+15*time.Second+5*time.Second), result.Doubt, "a late arrival and the handler's whole time-out from when it became doubtful")
		assert.Len(r, r.invoked(), 2)
	})
}
