package pump_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/duplicate"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// ledger is what handlers got: bodies by handler.
type ledger struct {
	mu  sync.Mutex
	got map[string][]string
	// running is how many of them run at once, most how many ever did.
	running, most int
}

// handler records what it gets and takes a second for each event.
func (l *ledger) handler(name string) Handler {
	return func(_ context.Context, e message.Event) (any, error) {
		l.mu.Lock()
		l.running++
		l.most = max(l.most, l.running)
		if l.got == nil {
			l.got = map[string][]string{}
		}
		for _, r := range e.Records {
			l.got[name] = append(l.got[name], r.Body)
		}
		l.mu.Unlock()
		time.Sleep(time.Second)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running--
		return nil, nil
	}
}

// route is a route's JSON.
func route(arn, pattern string) string {
	p, _ := json.Marshal(pattern) // a string
	return fmt.Sprintf(`{"Handler":%q,"FilterCriteria":{"Filters":[{"Pattern":%s}]}}`, arn, p)
}

// sends puts messages with these bodies on the queue.
func (r *rig) sends(bodies ...string) {
	r.Helper()
	for _, body := range bodies {
		_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: &body})
		require.NoError(r, err)
	}
}

// deadLetters makes the fleet's dead-letter queue.
func (r *rig) deadLetters() *queue.Queue {
	r.Helper()
	out, err := r.client.CreateQueue(r.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead")})
	require.NoError(r, err)
	r.config.DeadLetterURL = *out.QueueUrl
	return queue.New(r.runtime.Config(), *out.QueueUrl, "")
}

// routed works a shift over five messages: one for each of two routes, two that
// match none, and another for the first.
func routed(t *testing.T, unmatched fleet.Unmatched, test func(r *rig, l *ledger, dead *queue.Queue)) {
	t.Helper()
	l := &ledger{}
	inBubble(t, l.handler("process"), slot(func(w *registry.Worker) { w.Parallelism = 1 }), func(r *rig) {
		orders, mails := r.put("orders", 10*time.Second, l.handler("orders")), r.put("mails", 10*time.Second, l.handler("mails"))
		r.config.Routes = "[" + route(orders.ARN, `{"body":{"type":["order"]}}`) + "," + route(mails.ARN, `{"body":["mail"]}`) + "]"
		r.config.Unmatched = unmatched
		dead := r.deadLetters()
		r.sends(`{"type":"order","n":1}`, "mail", "other", `{"type":"refund"}`, `{"type":"order","n":2}`)
		test(r, l, dead)
	})
}

func TestRoutes(t *testing.T) {
	orders := []string{`{"type":"order","n":1}`, `{"type":"order","n":2}`}
	for unmatched, want := range map[fleet.Unmatched]registry.Counts{
		fleet.ToHandler:     {Handled: 5, Unmatched: 2},
		fleet.Drop:          {Handled: 3, Filtered: 2, Unmatched: 2},
		fleet.ToDeadLetters: {Handled: 3, Failed: 2, Unmatched: 2},
	} {
		t.Run(string(unmatched), func(t *testing.T) {
			routed(t, unmatched, func(r *rig, l *ledger, dead *queue.Queue) {
				out, err := r.shift("t1")
				require.NoError(r, err)
				assert.Empty(r, out.Trouble)
				assert.Zero(r, r.depth())
				assert.ElementsMatch(r, orders, l.got["orders"])
				assert.Equal(r, []string{"mail"}, l.got["mails"])
				assert.Equal(r, 1, l.most, "a place has one invocation at a time")
				c := r.worker().Counts
				assert.Equal(r, want, registry.Counts{Handled: c.Handled, Failed: c.Failed, Filtered: c.Filtered, Duplicates: c.Duplicates, Unmatched: c.Unmatched})
				others := []string{"other", `{"type":"refund"}`}
				if unmatched == fleet.ToHandler {
					assert.ElementsMatch(r, others, l.got["process"])
				} else {
					assert.Empty(r, l.got["process"])
				}
				var moved []string
				records, err := dead.Receive(r.Context(), 10, 0, time.Minute)
				require.NoError(r, err)
				for _, m := range records {
					moved = append(moved, m.Body)
				}
				if unmatched != fleet.ToDeadLetters {
					assert.Empty(r, moved)
					return
				}
				assert.ElementsMatch(r, others, moved)
				for _, m := range records {
					failures := r.failuresOf(m.MessageID)
					require.Len(r, failures, 1)
					assert.Equal(r, "route", failures[0].Stage)
					assert.Equal(r, "no route matches it: moved to the dead-letter queue", failures[0].Reason)
				}
			})
		})
	}
}

// empties works shifts, a minute apart, until the queue is empty.
func (r *rig) empties() {
	r.Helper()
	for n := 1; n == 1 || r.depth() != (queue.Depth{}); n++ {
		require.Less(r, n, 5, "shifts that leave messages")
		_, err := r.shift(fmt.Sprintf("%s %d", time.Since(r.began), n))
		require.NoError(r, err)
		time.Sleep(time.Minute)
	}
}

// failuresOf are the failures of a message, newest first.
func (r *rig) failuresOf(id string) []registry.Failure {
	r.Helper()
	var all []registry.Failure
	for f, err := range r.registry.Failures(r.Context(), registry.FailureQuery{MessageID: id}) {
		require.NoError(r, err)
		all = append(all, f)
	}
	return all
}

func TestWhatCannotBeDeadLetteredHasFailed(t *testing.T) {
	routed(t, fleet.ToDeadLetters, func(r *rig, _ *ledger, dead *queue.Queue) {
		r.runtime.Router.Faults.Add(api.Fault{Service: "sqs", Operation: "SendMessage", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no"), Times: 2})
		_, err := r.shift("t1")
		require.NoError(r, err)
		assert.Zero(r, r.depth(), "it came again and was moved")
		records, err := dead.Receive(r.Context(), 10, 0, time.Minute)
		require.NoError(r, err)
		require.Len(r, records, 2)
		failures := r.failuresOf(records[0].MessageID)
		require.Len(r, failures, 2)
		assert.Contains(r, failures[1].Reason, "no route matches it, and it could not be moved to the dead-letter queue: send message ")
	})
}

func TestAMessageThatWasHandledIsADuplicate(t *testing.T) {
	l := &ledger{}
	inBubble(t, l.handler("process"), slot(), func(r *rig) {
		r.config.DuplicateWindow, r.config.DuplicateKey, r.config.MaxReceives = time.Hour, "$.id", 5
		r.sends(`{"id":1}`, `{"id":2}`, `{"id":1}`, "plain", "plain")
		r.empties()
		assert.ElementsMatch(r, []string{`{"id":1}`, `{"id":2}`, "plain", "plain"}, l.got["process"])
		assert.Equal(r, int64(1), r.worker().Duplicates)
		assert.Equal(r, int64(4), r.worker().Handled)

		time.Sleep(30 * time.Minute)
		r.sends(`{"id":2}`)
		r.empties()
		assert.Len(r, l.got["process"], 4)
		assert.Equal(r, int64(2), r.worker().Duplicates)

		time.Sleep(time.Hour)
		r.sends(`{"id":2}`)
		r.empties()
		assert.Len(r, l.got["process"], 5, "the window is over")
	})
}

func TestWhatFailedIsNoDuplicate(t *testing.T) {
	for name, c := range map[string]struct {
		first func(ctx context.Context) (any, error)
		fault *api.Fault
		// within is when the second try begins at the latest.
		within time.Duration
	}{
		"it failed":    {first: func(context.Context) (any, error) { return nil, fmt.Errorf("no") }, within: 6 * time.Second},
		"it timed out": {first: func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() }, within: 17 * time.Second},
		"it was reported": {first: func(context.Context) (any, error) {
			return json.RawMessage(`{"batchItemFailures":[{"itemIdentifier":""}]}`), nil
		}, within: 6 * time.Second},
		"its reply was lost": {first: func(context.Context) (any, error) { return nil, nil }, fault: &api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.LoseReply, Times: 1}, within: time.Minute + 40*time.Second},
		"it was throttled":   {first: func(context.Context) (any, error) { return nil, nil }, fault: &api.Fault{Service: "lambda", Operation: "Invoke", Kind: api.Fail, Error: api.Errorf("TooManyRequestsException", "slow down"), Times: 3}, within: 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var starts []time.Duration
			began := time.Time{}
			process := func(ctx context.Context, _ message.Event) (any, error) {
				mu.Lock()
				starts = append(starts, time.Since(began))
				first := len(starts) == 1
				mu.Unlock()
				if first {
					return c.first(ctx)
				}
				return nil, nil
			}
			inBubble(t, process, slot(), func(r *rig) {
				began = time.Now()
				r.config.DuplicateWindow, r.config.DuplicateKey, r.config.MaxReceives = time.Hour, "messageId", 5
				if c.fault != nil {
					r.runtime.Router.Faults.Add(*c.fault)
				}
				r.sends("x")
				r.empties()
				assert.Equal(r, int64(1), r.worker().Handled)
				assert.LessOrEqual(r, starts[len(starts)-1], c.within)
			})
		})
	}
}

func TestADuplicateWaitsForTheOther(t *testing.T) {
	l := &ledger{}
	inBubble(t, l.handler("process"), slot(), func(r *rig) {
		r.config.DuplicateWindow, r.config.DuplicateKey, r.config.MaxReceives = time.Hour, "$.id", 2
		// Another worker is at it, and will have ended in 30 seconds.
		other := registry.Attempt{Key: registry.HashKey("$.id=1"), By: "another"}
		until := time.Now().Add(30 * time.Second)
		_, _, err := r.registry.Begin(r.Context(), other, registry.Task{}, time.Now(), until)
		require.NoError(r, err)
		r.sends(`{"id":1}`)
		_, err = r.shift("t1")
		require.NoError(r, err)
		assert.Empty(r, l.got["process"])
		assert.Equal(r, 1, r.depth().InFlight)
		time.Sleep(time.Until(until) + time.Second)

		// That worker died; the next is at it too, and this was the last receive.
		next := registry.Attempt{Key: other.Key, By: "yet another"}
		_, _, err = r.registry.Begin(r.Context(), next, registry.Task{}, time.Now(), time.Now().Add(time.Minute))
		require.NoError(r, err)
		_, err = r.shift("t2")
		require.NoError(r, err)
		assert.Empty(r, l.got["process"])
		var reasons []string
		for f, err := range r.registry.Failures(r.Context(), registry.FailureQuery{}) {
			require.NoError(r, err)
			reasons = append(reasons, f.Reason)
		}
		assert.Equal(r, []string{duplicate.LastReceive}, reasons)
	})
}

func TestWithoutTheRegistryNothingIsHandledTwice(t *testing.T) {
	l := &ledger{}
	inBubble(t, l.handler("process"), slot(), func(r *rig) {
		r.config.DuplicateWindow, r.config.DuplicateKey, r.config.MaxReceives = time.Hour, "messageId", 5
		r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "PutItem", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no"), Times: 1})
		r.sends("x")
		out, err := r.shift("t1")
		require.NoError(r, err)
		assert.Contains(r, out.Trouble, "begin a message: ")
		assert.Empty(r, l.got["process"])
		assert.Equal(r, 1, r.depth().InFlight)
		time.Sleep(3 * time.Minute)
		_, err = r.shift("t2")
		require.NoError(r, err)
		assert.Equal(r, []string{"x"}, l.got["process"])
		assert.Zero(r, r.depth())
	})
}

// TestWhatCameInVainGoesFirst lets no message be dead-lettered untried because
// those of other handlers leave a shift no time for its own.
func TestWhatCameInVainGoesFirst(t *testing.T) {
	var order []string
	inBubble(t, takes(time.Second), slot(func(w *registry.Worker) { w.Parallelism = 1 }), func(r *rig) {
		put := func(name string) string {
			return r.put(name, time.Minute, func(context.Context, message.Event) (any, error) {
				order = append(order, name) // one at a time
				return nil, nil
			}).ARN
		}
		r.config.Routes = "[" + route(put("orders"), `{"body":["order"]}`) + "," + route(put("mails"), `{"body":["mail"]}`) + "]"
		receive := func(visible int32) {
			_, err := r.client.ReceiveMessage(r.Context(), &sqs.ReceiveMessageInput{QueueUrl: &r.url, VisibilityTimeout: visible})
			require.NoError(r, err)
			time.Sleep(2 * time.Second)
		}
		r.sends("order")
		receive(60)
		r.sends("mail")
		receive(1)
		receive(1)
		time.Sleep(time.Minute)
		_, err := r.shift("t1")
		require.NoError(r, err)
		assert.Equal(r, []string{"mails", "orders"}, order)
	})
}
