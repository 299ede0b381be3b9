package steps_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/steps"
)

// record is a message as a poll took it.
func record(id, body string) message.Record {
	return message.Record{MessageID: id, ReceiptHandle: "handle of " + id, Body: body, Attributes: map[string]string{"ApproximateReceiveCount": "2"}, MessageAttributes: map[string]message.Attribute{}}
}

// batchOf is batch 5 with these records.
func batchOf(records ...message.Record) steps.Batch {
	b := steps.Batch{Next: "transform", Seq: 5, BusyUntil: "2000-01-03T00:00:00.000Z", Event: message.Event{Records: records}, Handler: "arn:aws:lambda:us-east-1:123456789012:function:process"}
	for _, h := range queue.Hold(records) {
		b.Messages = append(b.Messages, steps.Item{Held: h})
	}
	return b
}

// held is a batch whose messages are in the queue, hidden for an hour.
func (r *rig) held(b steps.Batch) steps.Batch {
	for i := range b.Messages {
		b.Messages[i].ReceiptHandle = r.take("held")[0].ReceiptHandle
	}
	return b
}

// deliver runs the courier as the state machine does, with 15 minutes to go, on
// messages that are held.
func (r *rig) deliver(stage handler.Stage, b steps.Batch) (steps.Batch, error) {
	b = r.held(b)
	ctx, cancel := context.WithTimeout(r.Context(), 15*time.Minute)
	defer cancel()
	return r.lane().Deliver(ctx, "request-2", steps.CourierInput{Stage: stage, Fleet: "jobs", Worker: "a", Execution: "worker-a-1", Batch: b})
}

// outcomes are what became of each message.
func outcomes(b steps.Batch) map[string]string {
	all := map[string]string{}
	for _, m := range b.Messages {
		all[m.MessageID] = strings.TrimRight(string(m.Outcome)+"|"+m.Stage+"|"+m.Reason, "|")
	}
	return all
}

// bodiesOf are the records of an event, by message.
func bodiesOf(e message.Event) map[string]string {
	all := map[string]string{}
	for _, r := range e.Records {
		all[r.MessageID] = r.Body
	}
	return all
}

func TestTransform(t *testing.T) {
	const reported = "failed|transform|transform handler: the handler reported it in batchItemFailures"
	large := strings.Repeat("x", 200_000)
	for name, c := range map[string]struct {
		reply    any
		err      error
		next     string
		bodies   map[string]string
		outcomes map[string]string
		// kept is whether the event waits in the bucket.
		kept bool
	}{
		"replaced, filtered, failed": {
			reply: map[string]any{
				"Records":           []message.Record{{MessageID: "m1", Body: "new"}},
				"batchItemFailures": []map[string]string{{"itemIdentifier": "m3"}},
			},
			next: "process", bodies: map[string]string{"m1": "new"},
			outcomes: map[string]string{"m1": "", "m2": "filtered", "m3": reported},
		},
		"all filtered": {
			reply: map[string]any{"Records": []any{}}, next: "settle",
			outcomes: map[string]string{"m1": "filtered", "m2": "filtered", "m3": "filtered"},
		},
		"all failed": {
			err: errors.New("no"), next: "settle",
			outcomes: map[string]string{
				"m1": "failed|transform|transform handler: errorString: no",
				"m2": "failed|transform|transform handler: errorString: no",
				"m3": "failed|transform|transform handler: errorString: no",
			},
		},
		"grown too large for state": {
			reply: map[string]any{"Records": []message.Record{{MessageID: "m1", Body: large}, {MessageID: "m2", Body: "new"}, {MessageID: "m3", Body: "c"}}},
			next:  "process large", bodies: map[string]string{"m1": large, "m2": "new", "m3": "c"}, kept: true,
			outcomes: map[string]string{"m1": "", "m2": "", "m3": ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				r.config.Transform = r.put("transform", 20*time.Second, func(context.Context, message.Event) (any, error) { return c.reply, c.err })
				b, err := r.deliver(handler.Transform, batchOf(record("m1", "a"), record("m2", "b"), record("m3", "c")))
				require.NoError(r, err)
				whole(r, b)
				assert.Equal(r, c.next, b.Next)
				assert.Equal(r, c.outcomes, outcomes(b))
				assert.Equal(r, []string{"transform m1,m2,m3"}, r.invocations())
				if !c.kept {
					assert.Empty(r, b.Object)
					assert.Empty(r, r.bodies())
				} else {
					assert.Equal(r, "bodies/jobs/worker-a-1/request-2.json", b.Object)
					assert.Equal(r, noRecords, b.Event)
					b.Event.Records = r.kept(b.Object)
				}
				if c.bodies == nil {
					c.bodies = map[string]string{}
				}
				assert.Equal(r, c.bodies, bodiesOf(b.Event))
			})
		})
	}
}

func TestTransformOfALargeBatch(t *testing.T) {
	for name, c := range map[string]struct{ body, next string }{
		"that stays large":   {strings.Repeat("y", 200_000), "process large"},
		"that becomes small": {"small", "process"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				r.config.Transform = r.put("transform", 20*time.Second, func(_ context.Context, e message.Event) (any, error) {
					assert.Len(r, e.Records[0].Body, 300_000, "it gets the body whole")
					e.Records[0].Body = c.body
					return e, nil
				})
				b := batchOf(record("m1", ""))
				b.Event, b.Object = noRecords, "jobs/worker-a-1/request-1.json"
				r.keep(b.Object, []message.Record{record("m1", strings.Repeat("x", 300_000))})
				b, err := r.deliver(handler.Transform, b)
				require.NoError(r, err)
				whole(r, b)
				assert.Equal(r, c.next, b.Next)
				assert.Equal(r, "jobs/worker-a-1/request-1.json", b.Object, "settling deletes it")
				assert.Len(r, r.bodies(), 1)
				if c.next == "process" {
					assert.Equal(r, map[string]string{"m1": "small"}, bodiesOf(b.Event))
				} else {
					assert.Equal(r, c.body, r.kept(b.Object)[0].Body)
				}
			})
		})
	}
}

func TestProcessLarge(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 30*time.Second, func(_ context.Context, e message.Event) (any, error) {
			return map[string]any{"batchItemFailures": []map[string]string{{"itemIdentifier": e.Records[1].MessageID}}}, nil
		})
		b := batchOf(record("m0", ""), record("m1", ""), record("m2", ""))
		b.Messages[0].Outcome = steps.Filtered
		b.Event, b.Object = noRecords, "jobs/worker-a-1/request-1.json"
		r.keep(b.Object, []message.Record{record("m1", strings.Repeat("x", 300_000)), record("m2", "y")})
		b, err := r.deliver(handler.Process, b)
		require.NoError(r, err)
		whole(r, b)
		assert.Equal(r, "settle", b.Next)
		assert.Equal(r, map[string]string{"m0": "filtered", "m1": "handled", "m2": "failed|process|process handler: the handler reported it in batchItemFailures"}, outcomes(b))
		assert.Equal(r, noRecords, b.Event)
		assert.Equal(r, []string{"process m1,m2"}, r.invocations())
	})
}

func TestDeliverTellsTheRegistryOfEachStart(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		var seen []registry.Worker
		r.config.Process = r.put("process", 30*time.Second, func(context.Context, message.Event) (any, error) {
			seen = append(seen, r.worker())
			<-time.After(10 * time.Second)
			return nil, nil
		})
		// Together over 6 MB: two events, one after the other.
		body := strings.Repeat("x", 3_200_000)
		b, err := r.deliver(handler.Process, batchOf(record("m1", body), record("m2", body)))
		require.NoError(r, err)
		require.Len(r, seen, 2)
		assert.Equal(r, registry.Instant("2000-01-01T00:03:05.000Z").Time().UnixMilli(), seen[0].BusyUntil)
		assert.Equal(r, registry.Instant("2000-01-01T00:03:15.000Z").Time().UnixMilli(), seen[1].BusyUntil)
		// Ten seconds in, the handler's 30, a minute of throttling and one of margins.
		assert.Equal(r, "2000-01-01T00:02:40.000Z", b.BusyUntil, "the state machine waits until then if it must")
	})
}

func TestDeliverStartsNothing(t *testing.T) {
	const tooSlow = "failed|process|process handler: a batch that does not travel in state reaches only handlers with a time-out of at most 14 minutes; this one's is 14m31s"
	for name, c := range map[string]struct {
		worker  registry.Worker
		timeout time.Duration
		fault   func(r *rig)
		next    string
		outcome string
	}{
		"for an execution that was replaced": {worker: slot(inHand(5), func(w *registry.Worker) { w.Holder = "worker-a-2" }), next: "relieved"},
		"for a batch that is over":           {worker: slot(inHand(6)), next: "relieved"},
		"for an execution that has ended":    {worker: slot(inHand(5), func(w *registry.Worker) { w.Ended = true }), next: "relieved"},
		"while no report gets through":       {worker: slot(inHand(5)), fault: func(r *rig) { r.fail("UpdateItem") }, next: "settle", outcome: "unstarted"},
		"while it is throttled":              {worker: slot(inHand(5)), fault: (*rig).throttle, next: "settle", outcome: "throttled"},
		"that is too slow":                   {worker: slot(inHand(5)), timeout: 871 * time.Second, next: "settle", outcome: tooSlow},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.worker, func(r *rig) {
				if c.timeout == 0 {
					c.timeout = 30 * time.Second
				}
				r.config.Process = r.put("process", c.timeout, nil)
				if c.fault != nil {
					c.fault(r)
				}
				b, err := r.deliver(handler.Process, batchOf(record("m1", "a")))
				require.NoError(r, err)
				assert.Equal(r, c.next, b.Next)
				assert.Equal(r, map[string]string{"m1": c.outcome}, outcomes(b))
				assert.Empty(r, r.invocations())
				assert.LessOrEqual(r, time.Since(midnight), time.Minute)
			})
		})
	}
}

// midnight is when a bubble begins.
var midnight = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestDeliverStartsWhatEndsJustInTime(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 869*time.Second, func(context.Context, message.Event) (any, error) { return nil, nil })
		b, err := r.deliver(handler.Process, batchOf(record("m1", "a")))
		require.NoError(r, err)
		assert.Equal(r, map[string]string{"m1": "handled"}, outcomes(b))
	})
}

// The state machine waits for a batch's handlers until its BusyUntil, then the
// worker goes on: a courier that came late starts none that outlasts it.
func TestDeliverStartsNothingThatNobodyWaitsFor(t *testing.T) {
	// The handler takes up to 30 s; 10 are for what is asked before it starts, 15
	// for a late arrival, 15 for clocks that differ.
	const waits = 70 * time.Second
	for late, want := range map[time.Duration]string{waits: "handled", waits + time.Millisecond: "unstarted"} {
		t.Run(late.String(), func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				r.config.Process = r.put("process", 30*time.Second, func(context.Context, message.Event) (any, error) { return nil, nil })
				b := batchOf(record("m1", "a"))
				b.BusyUntil = string(registry.At(time.Now().Add(2 * waits)))
				time.Sleep(late)
				b, err := r.deliver(handler.Process, b)
				require.NoError(r, err)
				assert.Equal(r, map[string]string{"m1": want}, outcomes(b))
			})
		})
	}
}

// Between the report and the start a tick may learn that the execution ended: it
// leaves ten seconds.
func TestDeliverStartsNothingLongAfterItsReport(t *testing.T) {
	for slow, want := range map[time.Duration]string{steps.Confirmed: "handled", steps.Confirmed + time.Second: "unstarted"} {
		t.Run(slow.String(), func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				r.config.Process = r.put("process", 30*time.Second, func(context.Context, message.Event) (any, error) { return nil, nil })
				r.runtime.Router.Faults.Add(api.Fault{Operation: "ChangeMessageVisibilityBatch", Kind: api.DelayReply, For: slow, Times: 1})
				b, err := r.deliver(handler.Process, batchOf(record("m1", "a")))
				require.NoError(r, err)
				assert.Equal(r, map[string]string{"m1": want}, outcomes(b))
			})
		})
	}
}

func TestDeliverStartsOnlyWhatEndsInTime(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 400*time.Second, func(context.Context, message.Event) (any, error) {
			<-time.After(399 * time.Second)
			return nil, nil
		})
		body := strings.Repeat("x", 3_200_000)
		b, err := r.deliver(handler.Process, batchOf(record("m1", body), record("m2", body), record("m3", body)))
		require.NoError(r, err)
		assert.Equal(r, map[string]string{"m1": "handled", "m2": "unstarted", "m3": "unstarted"}, outcomes(b))
		assert.Less(r, time.Since(midnight), time.Duration(steps.TimeoutsOf(r.config).ProcessLarge)*time.Second, "the state has not given up on it")
	})
}

func TestDeliverStartsNothingMoreOnceAReportFailed(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 30*time.Second, nil)
		r.runtime.Router.Faults.Add(api.Fault{Operation: "UpdateItem", Kind: api.Fail, Times: 1, Error: api.Errorf("AccessDeniedException", "not yours")})
		body := strings.Repeat("x", 3_200_000)
		b, err := r.deliver(handler.Process, batchOf(record("m1", body), record("m2", body)))
		require.NoError(r, err)
		assert.Equal(r, map[string]string{"m1": "unstarted", "m2": "unstarted"}, outcomes(b))
	})
}

func TestDeliverPrefersWhatTravelsInState(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 30*time.Second, func(_ context.Context, e message.Event) (any, error) {
			assert.Equal(r, "new", e.Records[0].Body)
			return nil, nil
		})
		b := batchOf(record("m1", "new"))
		b.Object = "jobs/worker-a-1/request-1.json"
		r.keep(b.Object, []message.Record{record("m1", "old")})
		_, err := r.deliver(handler.Process, b)
		require.NoError(r, err)
		assert.Equal(r, []string{"process m1"}, r.invocations())
	})
}

func TestDeliverWaitsForADoubtfulHandler(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 30*time.Second, func(context.Context, message.Event) (any, error) {
			<-time.After(10 * time.Second)
			return nil, nil
		})
		r.runtime.Router.Faults.Add(api.Fault{Operation: "Invoke", Kind: api.LoseReply, Match: func(c api.Call) bool {
			_, ok := c.Input.(*lambda.InvokeInput)
			return ok
		}})
		b, err := r.deliver(handler.Process, batchOf(record("m1", "a")))
		require.NoError(r, err)
		assert.Equal(r, 55*time.Second, time.Since(midnight))
		assert.Equal(r, "settle", b.Next)
		assert.Contains(r, outcomes(b)["m1"], "failed|process|process handler: the handler's answer did not come: ")
	})
}

func TestDeliverIsInterruptedInDoubt(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 30*time.Second, func(context.Context, message.Event) (any, error) { return nil, nil })
		r.runtime.Router.Faults.Add(api.Fault{Operation: "Invoke", Kind: api.LoseReply})
		ctx, cancel := context.WithCancel(r.Context())
		time.AfterFunc(5*time.Second, cancel)
		_, err := r.lane().Deliver(ctx, "request-2", steps.CourierInput{Stage: handler.Process, Worker: "a", Execution: "worker-a-1", Batch: r.held(batchOf(record("m1", "a")))})
		assert.ErrorIs(r, err, context.Canceled, "the state machine waits")
	})
}

// Where the bodies are missing no handler runs that would have to be waited for.
func TestDeliverWithoutTheBodies(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 30*time.Second, nil)
		b := batchOf(record("m1", ""), record("m2", ""))
		b.Messages[1].Outcome = steps.Filtered
		b.Event, b.Object = noRecords, "bodies/worker-a-1/request-1.json"
		b, err := r.deliver(handler.Process, b)
		require.NoError(r, err)
		assert.Equal(r, "settle", b.Next)
		assert.Equal(r, []steps.Outcome{steps.Failed, steps.Filtered}, []steps.Outcome{b.Messages[0].Outcome, b.Messages[1].Outcome})
		assert.Contains(r, b.Messages[0].Reason, "get the batch bodies/worker-a-1/request-1.json from bucket bodies: ")
		assert.Empty(r, r.invocations())

		_, err = r.lane().Deliver(r.Context(), "request-1", steps.CourierInput{
			Stage: handler.Process, Worker: "a", Execution: "worker-a-1", TaskToken: "token", Batch: b,
		})
		assert.ErrorContains(r, err, "Muster.BodyMissing: ")
	})
}

func TestDeliverFails(t *testing.T) {
	large := func() steps.Batch {
		b := batchOf(record("m1", ""))
		b.Event, b.Object = noRecords, "jobs/worker-a-1/request-1.json"
		return b
	}
	for name, c := range map[string]struct {
		stage   handler.Stage
		batch   steps.Batch
		prepare func(r *rig)
		says    string
	}{
		"without a handler": {handler.Transform, batchOf(record("m1", "a")), func(*rig) {}, `the courier was asked for the "transform" stage, which has no handler`},
		"with other bodies": {handler.Process, large(), func(r *rig) { r.store("jobs/worker-a-1/request-1.json", "rubbish") }, "the batch jobs/worker-a-1/request-1.json is not an event: "},
		"to keep what has grown": {handler.Transform, batchOf(record("m1", "a")), func(r *rig) {
			r.config.Transform = r.put("transform", 20*time.Second, func(_ context.Context, e message.Event) (any, error) {
				e.Records[0].Body = strings.Repeat("x", 200_000)
				return e, nil
			})
			r.fail("PutObject")
		}, "into bucket bodies: "},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				r.config.Process = r.put("process", 30*time.Second, nil)
				c.prepare(r)
				_, err := r.deliver(c.stage, c.batch)
				assert.ErrorContains(r, err, c.says)
			})
		})
	}
}
