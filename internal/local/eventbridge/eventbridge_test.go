package eventbridge

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

const (
	machine  = "arn:aws:states:us-east-1:123456789012:stateMachine:autoscaler"
	function = "arn:aws:lambda:us-east-1:123456789012:function:f"
	queue    = "arn:aws:sqs:us-east-1:123456789012:jobs"
	role     = "arn:aws:iam::123456789012:role/wake"
)

// sent is a call that reached a target.
type sent struct {
	operation string
	input     map[string]string
	caller    api.Caller
	at        time.Duration
}

// world is a runtime whose targets only write down what they get.
type world struct {
	t       *testing.T
	router  *api.Router
	service *Service
	start   time.Time

	mu     sync.Mutex
	got    []sent
	failed []Delivery
	answer func() error
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, router: api.NewRouter(1), start: time.Now(), answer: func() error { return nil }}
	w.service = New(&api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws", Endpoint: "http://127.0.0.1:4100"}, w.router, 1)
	w.router.Add(w.service.API())
	for service, operation := range map[string]string{"states": "StartExecution", "lambda": "Invoke", "sqs": "SendMessage"} {
		target := func(_ context.Context, caller api.Caller, in *map[string]string) (*struct{}, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.got = append(w.got, sent{operation, *in, caller, time.Since(w.start)})
			return &struct{}{}, w.answer()
		}
		w.router.Add(api.Service{Name: service, Operations: map[string]api.Operation{operation: api.Op(service, operation, target)}})
	}
	w.router.Observe(func(e api.Event) {
		if e.Operation == "FailedInvocation" {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.failed = append(w.failed, *e.Input.(*Delivery))
		}
	})
	t.Cleanup(w.service.Close)
	return w
}

// call makes an API call with JSON in and out.
func (w *world) call(operation, input string) (string, error) {
	w.t.Helper()
	out, err := w.router.Call(w.t.Context(), "events", operation, api.Caller{}, []byte(input))
	if err != nil {
		return "", err
	}
	encoded, err := json.Marshal(out)
	require.NoError(w.t, err)
	return string(encoded), nil
}

func (w *world) must(operation, input string) string {
	w.t.Helper()
	out, err := w.call(operation, input)
	require.NoError(w.t, err)
	return out
}

// rule makes a rule for events of the source "muster" with one target.
func (w *world) rule(target string) {
	w.t.Helper()
	w.must("PutRule", `{"Name":"wake","EventPattern":"{\"source\":[\"muster\"]}"}`)
	w.must("PutTargets", `{"Rule":"wake","Targets":[`+target+`]}`)
}

func (w *world) wake() {
	w.t.Helper()
	w.must("PutEvents", `{"Entries":[{"Source":"muster","DetailType":"muster wake","Detail":"{\"fleet\":\"jobs\",\"n\":1.50}"}]}`)
}

// seen waits until everything that can happen now has happened.
func (w *world) seen() []sent {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got
}

func inBubble(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		f(w)
		w.service.Close()
	})
}

func TestDeliversToEachKindOfTarget(t *testing.T) {
	for name, c := range map[string]struct {
		target, operation string
		caller            api.Caller
		input             func(id, event string) map[string]string
	}{
		"state machine": {
			target: `{"Id":"t","Arn":"` + machine + `","RoleArn":"` + role + `"}`, operation: "StartExecution", caller: api.Caller{RoleARN: role},
			input: func(id, event string) map[string]string {
				return map[string]string{"stateMachineArn": machine, "input": event, "name": id}
			},
		},
		"function": {
			target: `{"Id":"t","Arn":"` + function + `"}`, operation: "Invoke",
			input: func(_, event string) map[string]string {
				return map[string]string{"FunctionName": function, "InvocationType": "Event", "Payload": event}
			},
		},
		"queue": {
			target: `{"Id":"t","Arn":"` + queue + `"}`, operation: "SendMessage",
			input: func(_, event string) map[string]string {
				return map[string]string{"QueueUrl": "http://127.0.0.1:4100/123456789012/jobs", "MessageBody": event}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.rule(c.target)
				out := w.must("PutEvents", `{"Entries":[{"Source":"muster","DetailType":"muster wake","Detail":"{\"fleet\":\"jobs\",\"n\":1.50}"}]}`)
				var ids PutEventsOutput
				require.NoError(t, json.Unmarshal([]byte(out), &ids))
				got := w.seen()
				require.Len(t, got, 1)
				assert.Equal(t, c.operation, got[0].operation)
				c.caller.Principal, c.caller.SourceARN = "events.amazonaws.com", "arn:aws:events:us-east-1:123456789012:rule/wake"
				assert.Equal(t, c.caller, got[0].caller)
				id := ids.Entries[0].EventID
				event := `{"version":"0","id":"` + id + `","detail-type":"muster wake","source":"muster","account":"123456789012",` +
					`"time":"2000-01-01T00:00:00Z","region":"us-east-1","resources":[],"detail":{"fleet":"jobs","n":1.50}}`
				if c.operation == "StartExecution" {
					assert.Contains(t, got[0].input["name"], id+"_")
					id = got[0].input["name"]
				}
				assert.Equal(t, c.input(id, event), got[0].input)
			})
		})
	}
}

func TestRulesChooseEvents(t *testing.T) {
	inBubble(t, func(w *world) {
		w.rule(`{"Id":"t","Arn":"` + queue + `","InputPath":"$.detail-type"}`)
		entry := func(source string) string {
			return `{"Entries":[{"Source":"` + source + `","DetailType":"d","Detail":"{}"}]}`
		}
		w.must("PutEvents", entry("other"))
		assert.Empty(t, w.seen())
		w.must("DisableRule", `{"Name":"wake"}`)
		w.must("PutEvents", entry("muster"))
		assert.Empty(t, w.seen())
		w.must("EnableRule", `{"Name":"wake"}`)
		w.must("PutEvents", entry("muster"))
		require.Len(t, w.seen(), 1)
		assert.Equal(t, `"d"`, w.seen()[0].input["MessageBody"])
		w.must("RemoveTargets", `{"Rule":"wake","Ids":["t"]}`)
		w.must("PutEvents", entry("muster"))
		assert.Len(t, w.seen(), 1)
	})
}

func TestPublishesEventsOfServices(t *testing.T) {
	inBubble(t, func(w *world) {
		w.must("PutRule", `{"Name":"ended","EventPattern":"{\"source\":[\"aws.states\"],\"detail\":{\"status\":[\"FAILED\",\"ABORTED\"]}}"}`)
		w.must("PutTargets", `{"Rule":"ended","Targets":[{"Id":"t","Arn":"`+queue+`","InputPath":"$.detail"}]}`)
		for _, status := range []string{"RUNNING", "FAILED"} {
			require.NoError(t, w.service.Publish(t.Context(), Event{
				Source: "aws.states", DetailType: "Step Functions Execution Status Change",
				Resources: []string{machine}, Detail: json.RawMessage(`{"status":"` + status + `"}`),
			}))
		}
		require.Len(t, w.seen(), 1)
		assert.Equal(t, `{"status":"FAILED"}`, w.seen()[0].input["MessageBody"])
		require.Error(t, w.service.Publish(t.Context(), Event{Source: "aws.states", Detail: json.RawMessage(`[]`)}))
	})
}

func TestSchedules(t *testing.T) {
	inBubble(t, func(w *world) {
		w.must("PutRule", `{"Name":"tick","ScheduleExpression":"rate(1 minute)"}`)
		w.must("PutTargets", `{"Rule":"tick","Targets":[{"Id":"t","Arn":"`+queue+`"}]}`)
		w.must("PutRule", `{"Name":"daily","ScheduleExpression":"cron(0 0 * * ? *)"}`)
		w.must("PutTargets", `{"Rule":"daily","Targets":[{"Id":"t","Arn":"`+function+`"}]}`)
		time.Sleep(3*time.Minute + 30*time.Second)
		got := w.seen()
		require.Len(t, got, 3)
		assert.Equal(t, []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}, []time.Duration{got[0].at, got[1].at, got[2].at})
		var event map[string]any
		require.NoError(t, json.Unmarshal([]byte(got[1].input["MessageBody"]), &event))
		delete(event, "id")
		assert.Equal(t, map[string]any{
			"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "account": "123456789012",
			"time": "2000-01-01T00:02:00Z", "region": "us-east-1",
			"resources": []any{"arn:aws:events:us-east-1:123456789012:rule/tick"}, "detail": map[string]any{},
		}, event)

		// A rate counts anew from when the rule is enabled.
		w.must("DisableRule", `{"Name":"tick"}`)
		time.Sleep(10 * time.Minute)
		assert.Len(t, w.seen(), 3)
		w.must("EnableRule", `{"Name":"tick"}`)
		time.Sleep(59 * time.Second)
		assert.Len(t, w.seen(), 3)
		time.Sleep(time.Second)
		assert.Len(t, w.seen(), 4)
		w.must("RemoveTargets", `{"Rule":"tick","Ids":["t"]}`)
		w.must("DeleteRule", `{"Name":"tick"}`)

		time.Sleep(48 * time.Hour)
		got = w.seen()[4:]
		require.Len(t, got, 2)
		assert.Equal(t, 24*time.Hour, got[0].at)
		assert.Equal(t, 48*time.Hour, got[1].at)
	})
}

func TestRetries(t *testing.T) {
	throttled := &api.Error{Code: "ThrottlingException", Message: "Rate exceeded"}
	denied := &api.Error{Code: "AccessDeniedException", Message: "no"}
	for name, c := range map[string]struct {
		policy   string
		err      error
		failures int
		attempts int
		failed   bool
		within   time.Duration
	}{
		"until it works":        {err: throttled, failures: 3, attempts: 4, within: 7 * time.Second},
		"not when refused":      {err: denied, failures: 1, attempts: 1, failed: true},
		"no more than the rule": {policy: `,"RetryPolicy":{"MaximumRetryAttempts":2}`, err: throttled, failures: 1000, attempts: 3, failed: true, within: 3 * time.Second},
		"none":                  {policy: `,"RetryPolicy":{"MaximumRetryAttempts":0}`, err: throttled, failures: 1000, attempts: 1, failed: true},
		"no longer than its age": {
			policy: `,"RetryPolicy":{"MaximumEventAgeInSeconds":60}`, err: throttled, failures: 1000, attempts: 7, failed: true, within: time.Minute,
		},
		"185 times in a day": {err: throttled, failures: 1000, attempts: 186, failed: true, within: 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				n := 0
				w.answer = func() error {
					if n++; n <= c.failures {
						return c.err
					}
					return nil
				}
				w.rule(`{"Id":"t","Arn":"` + queue + `"` + c.policy + `}`)
				w.wake()
				time.Sleep(25 * time.Hour)
				got := w.seen()
				if name == "185 times in a day" || name == "no longer than its age" {
					// How often it fits into the time depends on the jitter.
					assert.InDelta(t, c.attempts, len(got), 20)
				} else {
					assert.Len(t, got, c.attempts)
				}
				assert.LessOrEqual(t, got[len(got)-1].at, c.within)
				assert.Equal(t, c.failed, len(w.failed) == 1)
			})
		})
	}
}

func TestFaultsOnDelivery(t *testing.T) {
	for name, c := range map[string]struct {
		kind   api.FaultKind
		starts int
		failed int
	}{
		"an event lost":            {api.Drop, 0, 1},
		"delivered twice":          {api.Twice, 2, 0},
		"the reply lost":           {api.LoseReply, 2, 0},
		"delayed":                  {api.Delay, 1, 0},
		"the bus fails at first":   {api.Fail, 1, 0},
		"the answer comes an hour": {api.DelayReply, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.router.Faults.Add(api.Fault{Service: "events", Operation: "Deliver", Kind: c.kind, Times: 1, For: time.Hour})
				w.rule(`{"Id":"t","Arn":"` + machine + `","RoleArn":"` + role + `"}`)
				w.wake()
				time.Sleep(2 * time.Hour)
				got := w.seen()
				require.Len(t, got, c.starts)
				if c.starts == 2 {
					assert.NotEqual(t, got[0].input["name"], got[1].input["name"], "Step Functions must not hide the second start")
				}
				if c.kind == api.Delay {
					assert.Equal(t, time.Hour, got[0].at)
				}
				assert.Len(t, w.failed, c.failed)
			})
		})
	}
}

func TestCloseEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.answer = func() error { return &api.Error{Code: "InternalFailure", Status: 500} }
		w.rule(`{"Id":"t","Arn":"` + queue + `"}`)
		w.must("PutRule", `{"Name":"tick","ScheduleExpression":"rate(1 minute)"}`)
		w.wake()
		synctest.Wait()
		w.service.Close()
		n := len(w.seen())
		time.Sleep(time.Hour)
		assert.Len(t, w.seen(), n)
		assert.Empty(t, w.failed)
	})
}
