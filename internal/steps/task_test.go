package steps_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/steps"
)

// unchanged is a transform handler that lets all through.
func unchanged(_ context.Context, e message.Event) (any, error) { return e, nil }

// inCallback makes the fleet one of tasks of a day.
func (r *rig) inCallback() {
	r.config.Mode, r.config.Heartbeat = fleet.Callback, 5*time.Minute
	r.config.Process = handler.Target{ARN: r.arn("process"), Timeout: 24 * time.Hour}
}

// deliverTask runs the courier for a callback state.
func (r *rig) deliverTask(stage handler.Stage, b steps.Batch) (steps.Batch, error) {
	ctx, cancel := context.WithTimeout(r.Context(), 15*time.Minute)
	defer cancel()
	return r.lane().Deliver(ctx, "request-2", steps.CourierInput{
		Stage: stage, Fleet: "jobs", Worker: "a", Execution: "worker-a-1", TaskToken: "token", Batch: r.held(b),
	})
}

// function makes a handler of raw payloads.
func (r *rig) function(name string, code lambda.Func) {
	r.Helper()
	require.NoError(r, r.runtime.Lambda.Put(lambda.Function{Name: name, Timeout: 900, Code: code}))
}

func TestATaskGetsItsMessageWhole(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.inCallback()
		var got map[string]any
		r.function("process", func(_ context.Context, payload []byte) ([]byte, error) {
			return []byte(`"ignored"`), json.Unmarshal(payload, &got)
		})
		body := strings.Repeat("<x>", 100_000)
		b := batchOf(record("m1", ""))
		b.Event, b.Object = noRecords, "bodies/jobs/worker-a-1/request-1.json"
		r.keep(b.Object, []message.Record{record("m1", body)})
		_, err := r.deliverTask(handler.Process, b)
		require.NoError(r, err)
		assert.Equal(r, "token", got["taskToken"])
		assert.Equal(r, 300.0, got["heartbeatSeconds"])
		assert.Equal(r, r.url, got["queueUrl"])
		assert.Equal(r, body, got["Records"].([]any)[0].(map[string]any)["body"])
		// A wait, the task's day and its last heartbeat, two minutes and 15 seconds.
		assert.Equal(r, midnight.Add(20*time.Second+24*time.Hour+5*time.Minute+135*time.Second).UnixMilli(), r.worker().BusyUntil)
	})
}

func TestATaskEndsAtOnceThatDidNotStart(t *testing.T) {
	for name, c := range map[string]struct {
		worker  registry.Worker
		prepare func(r *rig)
		want    handler.FunctionError
	}{
		"its handler fails": {
			slot(inHand(5)), func(r *rig) {
				r.function("process", func(context.Context, []byte) ([]byte, error) { return nil, errors.New("no") })
			},
			handler.FunctionError{Type: "errorString", Message: "no"},
		},
		"its handler is throttled": {
			slot(inHand(5)), (*rig).throttle,
			handler.FunctionError{Type: "Lambda.TooManyRequestsException", Message: "Lambda throttled the handler"},
		},
		"its slot is somebody else's": {
			slot(inHand(6)), func(*rig) {},
			handler.FunctionError{Type: "Muster.NotStarted", Message: "the message or the slot is somebody else's by now, or that could not be found out"},
		},
		"its message cannot be kept invisible": {
			slot(inHand(5)), func(r *rig) { r.fail("ChangeMessageVisibilityBatch") },
			handler.FunctionError{Type: "Muster.NotStarted", Message: "the message or the slot is somebody else's by now, or that could not be found out"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.worker, func(r *rig) {
				r.inCallback()
				c.prepare(r)
				_, err := r.deliverTask(handler.Process, batchOf(record("m1", "a")))
				var failed *handler.FunctionError
				require.ErrorAs(r, err, &failed)
				assert.Equal(r, c.want, *failed)
			})
		})
	}
}

func TestATaskWhoseHandlerIsRefused(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.inCallback()
		_, err := r.deliverTask(handler.Process, batchOf(record("m1", "a")))
		assert.ErrorContains(r, err, "ResourceNotFoundException")
	})
}

func TestATaskGoesOnWhoseHandlerIsNotHeardOf(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration
		fault api.FaultKind
		waits time.Duration
	}{
		"its answer is lost":          {takes: time.Second, fault: api.LoseReply, waits: time.Second},
		"it outlasts the courier":     {takes: 899 * time.Second, waits: 890 * time.Second},
		"it ends before the courier":  {takes: 880 * time.Second, waits: 880 * time.Second},
		"its request may not be here": {fault: api.Drop},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				r.inCallback()
				r.function("process", func(context.Context, []byte) ([]byte, error) {
					<-time.After(c.takes)
					return nil, nil
				})
				if c.fault != 0 {
					r.runtime.Router.Faults.Add(api.Fault{Service: "lambda", Operation: "Invoke", Kind: c.fault, Times: 1})
				}
				_, err := r.deliverTask(handler.Process, batchOf(record("m1", "a")))
				require.NoError(r, err, "its token says what becomes of it")
				assert.Equal(r, c.waits, time.Since(midnight).Round(time.Second))
				<-time.After(15 * time.Minute) // until the handler has ended
			})
		})
	}
}

func TestWithoutATokenNoTaskStarts(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.inCallback()
		b, err := r.deliver(handler.Process, batchOf(record("m1", "a")))
		require.NoError(r, err)
		assert.Equal(r, "settle", b.Next)
		assert.Equal(r, map[string]string{"m1": "unstarted"}, outcomes(b))
	})
}

func TestProcessLargeAsynchronously(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Mode = fleet.Async
		r.config.Process = r.put("process", 30*time.Second, func(context.Context, message.Event) (any, error) { return nil, nil })
		small, limit := strings.Repeat("x", 600_000), strings.Repeat("x", 1<<20)
		b, err := r.deliver(handler.Process, batchOf(record("m1", small), record("m2", limit), record("m3", small)))
		require.NoError(r, err)
		assert.Equal(r, map[string]string{
			"m1": "handled", "m3": "handled",
			"m2": "failed|process|process handler: the event of this one message is over Lambda's limit of 1048576 bytes for asynchronous invocations",
		}, outcomes(b))
		<-time.After(time.Second)
		assert.ElementsMatch(r, []string{"process m1", "process m3"}, r.invocations())
	})
}

func TestApplyTransform(t *testing.T) {
	large := strings.Repeat("y", 200_000)
	for name, c := range map[string]struct {
		worker  registry.Worker
		output  string
		next    string
		body    string
		outcome string
	}{
		"replaced":      {slot(inHand(5)), `{"Records":[{"messageId":"m1","body":"new"}]}`, "process", "new", ""},
		"grown":         {slot(inHand(5)), `{"Records":[{"messageId":"m1","body":"` + large + `"}]}`, "process large", "", ""},
		"filtered":      {slot(inHand(5)), `{"Records":[]}`, "settle", "", "filtered"},
		"failed":        {slot(inHand(5)), `{"Records":[],"batchItemFailures":[{"itemIdentifier":"m1"}]}`, "settle", "", "failed|transform|transform task: the handler reported it in batchItemFailures"},
		"no event":      {slot(inHand(5)), `"done"`, "settle", "", "failed|transform|transform task: the transform handler's reply is not an SQS event: json: cannot unmarshal string into Go value of type map[string]json.RawMessage"},
		"its slot left": {slot(inHand(6)), `{"Records":[{"messageId":"m1","body":"new"}]}`, "relieved", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.worker, func(r *rig) {
				r.config.TransformMode, r.config.Transform = fleet.Callback, handler.Target{ARN: "arn:transform", Timeout: time.Hour}
				b := batchOf(record("m1", "old"))
				b.Reply = &steps.Reply{Transformed: json.RawMessage(c.output)}
				b, err := r.deliver("transformed", b)
				require.NoError(r, err)
				assert.Equal(r, c.next, b.Next)
				if c.next == "relieved" {
					return
				}
				whole(r, b)
				assert.Nil(r, b.Reply)
				assert.Equal(r, map[string]string{"m1": c.outcome}, outcomes(b))
				if c.body != "" {
					assert.Equal(r, map[string]string{"m1": c.body}, bodiesOf(b.Event))
				}
			})
		})
	}
}

func TestApplyTransformWhenTheMessageIsGone(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.TransformMode, r.config.Transform = fleet.Callback, handler.Target{ARN: "arn:transform", Timeout: time.Hour}
		r.fail("ChangeMessageVisibilityBatch")
		b := batchOf(record("m1", "old"))
		b.Reply = &steps.Reply{Transformed: json.RawMessage(`{"Records":[{"messageId":"m1","body":"new"}]}`)}
		b, err := r.deliver("transformed", b)
		require.NoError(r, err)
		assert.Equal(r, "settle", b.Next)
		assert.Equal(r, map[string]string{"m1": "unstarted"}, outcomes(b))
	})
}

// The courier keeps messages invisible until the handlers that are still to have
// them must have ended, and hands over only those that it can.
func TestDeliverKeepsMessagesInvisible(t *testing.T) {
	for name, c := range map[string]struct {
		stage  handler.Stage
		change func(*fleet.Settings)
		hidden time.Duration
	}{
		"process":                {handler.Process, func(*fleet.Settings) {}, 85 * time.Second},
		"transform":              {handler.Transform, func(*fleet.Settings) {}, 105 * time.Second},
		"transform, then a task": {handler.Transform, func(s *fleet.Settings) { s.Mode, s.Heartbeat = fleet.Callback, 100*time.Second }, 175 * time.Second},
		"transform, then async":  {handler.Transform, func(s *fleet.Settings) { s.Mode = fleet.Async }, 75 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				var hidden time.Duration
				r.config.Transform = handler.Target{ARN: r.arn("transform"), Timeout: 20 * time.Second}
				// The handler looks for longer than it may take.
				r.function(string(c.stage), func(context.Context, []byte) ([]byte, error) {
					for r.depth().Visible == 0 {
						<-time.After(time.Second)
					}
					hidden = time.Since(midnight)
					return []byte(`{"Records":[]}`), nil
				})
				c.change(&r.config)
				_, err := r.deliver(c.stage, batchOf(record("m1", "a")))
				require.NoError(r, err)
				assert.Equal(r, c.hidden, hidden)
			})
		})
	}
}

func TestDeliverHandsOverWhatItHolds(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		r.config.Process = r.put("process", 30*time.Second, func(context.Context, message.Event) (any, error) { return nil, nil })
		b := r.held(batchOf(record("m1", "a"), record("m2", "b")))
		// The first one's visibility is over, and it is deleted by somebody else.
		b.Messages[0].ReceiptHandle = "expired"
		b, err := r.lane().Deliver(r.Context(), "request-2", steps.CourierInput{Stage: handler.Process, Worker: "a", Execution: "worker-a-1", Batch: b})
		require.NoError(r, err)
		assert.Equal(r, map[string]string{"m1": "unstarted", "m2": "handled"}, outcomes(b))
		assert.Equal(r, []string{"process m2"}, r.invocations())
	})
}
