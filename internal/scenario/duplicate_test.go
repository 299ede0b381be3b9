package scenario_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// orders is what became of orders, of which each has several messages.
type orders struct {
	mu      sync.Mutex
	random  *rand.Rand
	running map[string]int
	// done counts the successes of each order, both those that ran side by side.
	done map[string]int
	both []string
}

// start begins work on an order. Whoever is at it already makes two at once.
func (o *orders) start(order string) (takes time.Duration, fails, again bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running[order]++
	if o.running[order] == 2 {
		o.both = append(o.both, order)
	}
	return time.Duration(o.random.IntN(9000)) * time.Millisecond, o.random.IntN(10) == 0, o.random.IntN(3) == 0
}

func (o *orders) end(order string, done bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running[order]--
	if done {
		o.done[order]++
	}
}

// duplicates runs a fleet whose orders come three times each, of which a third
// of the receives is delivered to two workers at once, as SQS may. It returns
// what went wrong.
func duplicates(t *testing.T, seed uint64, parameters map[string]string, b scenario.Bug) (wrong []string) {
	o := &orders{random: rand.New(rand.NewPCG(seed, 3)), running: map[string]int{}, done: map[string]int{}}
	var f *scenario.Fleet
	handler := func(ctx context.Context, e message.Event) (any, error) {
		var mu sync.Mutex
		failed := []map[string]string{}
		var all errgroup.Group
		for _, r := range e.Records {
			all.Go(func() error {
				var body struct{ Order string }
				if err := json.Unmarshal([]byte(r.Body), &body); err != nil {
					return err
				}
				takes, fails, again := o.start(body.Order)
				fails = fails && parameters["Mode"] != "async" // nobody hears of it
				if again {
					// SQS loses sight of the receive: another worker gets the message.
					url := f.Output("QueueUrl")
					_, _ = f.SQS.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: &r.ReceiptHandle, VisibilityTimeout: 0})
				}
				time.Sleep(takes)
				o.end(body.Order, !fails)
				if fails {
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, map[string]string{"itemIdentifier": r.MessageID})
				}
				return nil
			})
		}
		if err := all.Wait(); err != nil {
			return nil, err
		}
		if task := scenario.TaskOf(ctx); task != nil {
			if len(failed) > 0 {
				return nil, task.Fail("Bad", "luck")
			}
			return nil, task.Succeed("{}")
		}
		return map[string]any{"batchItemFailures": failed}, nil
	}
	all := map[string]string{
		"DuplicateWindowSeconds": "86400", "DuplicateKey": "$.order", "MaxReceiveCount": "1000", "BackoffMaxSeconds": "10", "LivenessSeconds": "120",
		"BatchSize": "1", "IdleSeconds": "60", "MessagesPerWorker": "5",
	}
	for k, v := range parameters {
		all[k] = v
	}
	f = scenario.Start(t, scenario.Options{Seed: seed, Parameters: all, Process: handler, Others: map[string]scenario.Handler{"refunds": handler}, Wire: b.Wire})
	defer f.Close()
	var bodies []string
	for n := range 20 {
		kind := []string{"order", "refund"}[n%2]
		for range 3 {
			bodies = append(bodies, fmt.Sprintf(`{"order":"%s-%d","type":"%s"}`, kind, n, kind))
		}
	}
	o.random.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	if parameters["Fifo"] == "true" {
		sendInGroups(t, f, bodies)
	} else {
		f.Send(bodies...)
	}
	f.Wake()

	unavailable := &api.Error{Code: "ServiceUnavailable", Message: "Please try again.", Status: 503}
	var mend []func()
	for _, fault := range []api.Fault{
		// A handler whose answer is lost is run again: that is another test's.
		{Match: butHandlers, Kind: api.Fail, Error: unavailable, Probability: 0.03},
		{Match: butHandlers, Kind: api.LoseReply, Probability: 0.03},
		{Service: "dynamodb", Match: fromMuster, Kind: api.LoseReply, Probability: 0.1},
		{Service: "sqs", Operation: "ChangeMessageVisibilityBatch", Kind: api.Fail, Error: unavailable, Probability: 0.2},
		{Service: "sqs", Operation: "DeleteMessageBatch", Kind: api.LoseReply, Probability: 0.2},
	} {
		_, remove := f.Router.Faults.Add(fault)
		mend = append(mend, remove)
	}
	time.Sleep(10 * time.Minute)
	for _, remove := range mend {
		remove()
	}
	if !f.Within(6*time.Hour, func() bool {
		queue, _ := f.Depth()
		return queue == 0 && len(f.Workers()) == 0
	}) {
		wrong = append(wrong, "it never comes to an end")
	}
	time.Sleep(10 * time.Minute) // what Lambda has accepted
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.both) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d times two handlers at once on one order", len(o.both)))
	}
	if len(o.done) != 20 {
		wrong = append(wrong, fmt.Sprintf("%d of 20 orders were handled", len(o.done)))
	}
	for order, n := range o.done {
		if n > 1 {
			wrong = append(wrong, fmt.Sprintf("%s was handled %d times", order, n))
		}
	}
	if len(wrong) > 0 {
		wrong = append(wrong, f.String())
	}
	return wrong
}

// sendInGroups sends messages to a FIFO queue, in four groups.
func sendInGroups(t *testing.T, f *scenario.Fleet, bodies []string) {
	t.Helper()
	url := f.Output("QueueUrl")
	for i, body := range bodies {
		_, err := f.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: &body, MessageGroupId: aws.String(fmt.Sprint(i % 4)), MessageDeduplicationId: aws.String(fmt.Sprint(i)),
		})
		require.NoError(t, err)
	}
}

// butHandlers are Muster's calls, but for those of the users' handlers.
func butHandlers(c api.Call) bool {
	return fromMuster(c) && (c.Operation != "Invoke" || invokes("jobs-")(c))
}

// shapes are the fleets that look out for duplicates.
var shapes = map[string]map[string]string{
	"stream":            {"Lane": "stream"},
	"stream in batches": {"Lane": "stream", "BatchSize": "5"},
	"stream with routes": {"Lane": "stream", "BatchSize": "5", "RouteHandlers": scenario.ARN("refunds"),
		"Routes": refundsRoute},
	"steps":             {"Lane": "steps"},
	"steps in batches":  {"Lane": "steps", "BatchSize": "5"},
	"steps with routes": {"Lane": "steps", "RouteHandlers": scenario.ARN("refunds"), "Routes": refundsRoute},
	"async":             {"Mode": "async", "BatchSize": "5"},
	"FIFO":              {"Fifo": "true"},
	"FIFO in steps":     {"Fifo": "true", "Lane": "steps"},
	"callback":          {"Mode": "callback", "HeartbeatSeconds": "60"},
}

// refundsRoute gives refunds a handler of their own.
var refundsRoute = `[{"Handler":"` + scenario.ARN("refunds") + `","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":{\"type\":[\"refund\"]}}"}]}}]`

func TestNoTwoAtOnce(t *testing.T) {
	for name, parameters := range shapes {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(2) {
				synctest.Test(t, func(t *testing.T) {
					assert.Empty(t, duplicates(t, seed, parameters, scenario.Bug{}), "seed %d", seed)
				})
			}
		})
	}
}

// TestTwoAtOnceAreSeen takes the condition out of the write that lets one begin,
// and expects to see two at once.
func TestTwoAtOnceAreSeen(t *testing.T) {
	unconditional := scenario.Bug{Wire: scenario.Rewriting(func(_, target string, request map[string]any) {
		if target == "PutItem" && strings.Contains(fmt.Sprint(request["Item"]), "#seen#") {
			delete(request, "ConditionExpression")
			delete(request, "ExpressionAttributeNames")
			delete(request, "ExpressionAttributeValues")
		}
	}, nil)}
	for name, parameters := range shapes {
		t.Run(name, func(t *testing.T) {
			var wrong []string
			synctest.Test(t, func(t *testing.T) { wrong = duplicates(t, 1, parameters, unconditional) })
			assert.Contains(t, strings.Join(wrong, ", "), "two handlers at once on one order")
		})
	}
}
