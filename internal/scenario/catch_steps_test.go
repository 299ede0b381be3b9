package scenario_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scenario"
)

const (
	toPoll  = "Report home > Orders? > Poll > Messages? > "
	lastly  = "Settle > Poll > Messages? > Go home > Home"
	process = "Process > " + lastly
	// failedOnce is a message that failed and comes again.
	failedOnce = "Settle > Poll > Messages? > " + process
)

// large is a body that does not travel in state.
var large = strings.Repeat("x", 200<<10)

// stepsTurns are the turns of the steps lane without the stages' own failures.
func stepsTurns() []turn {
	return []turn{
		{
			name:   "processes a batch and goes home",
			path:   toPoll + process,
			status: "SUCCEEDED",
		},
		{
			name:    "polls again before it goes home",
			options: scenario.Options{Parameters: map[string]string{"IdleSeconds": "40"}},
			path:    toPoll + "Process > Settle > Poll > Messages? > Poll > Messages? > Go home > Home",
			status:  "SUCCEEDED",
		},
		{
			name:   "cannot poll",
			faults: []api.Fault{within("jobs-poll", "sqs", "ReceiveMessage", fails(403, "AccessDenied", "Access to the resource is denied."))},
			path:   "Report home > Orders? > Poll > Leave after failure > Worker failed",
			status: "FAILED", failure: "AccessDenied",
		},
		{
			name:   "the poll is throttled",
			faults: []api.Fault{invoke("jobs-poll", throttled())},
			path:   "Report home > Orders? > Poll > Leave after failure > Worker failed",
			status: "FAILED", failure: "Lambda.TooManyRequestsException",
		},
		{
			name:   "cannot settle",
			faults: []api.Fault{within("jobs-settle", "sqs", "DeleteMessageBatch", fails(403, "AccessDenied", "Access to the resource is denied."))},
			path:   toPoll + "Process > Settle > Leave after failure > Worker failed",
			status: "FAILED", failure: "AccessDenied",
		},
		{
			name:   "settling fails five times",
			faults: []api.Fault{invoke("jobs-settle", api.Fault{Kind: api.LoseReply, Times: 5})},
			path:   toPoll + process,
			status: "SUCCEEDED",
		},
		{
			name:   "the order to hand over comes between batches",
			during: order(registry.HandOver, 3*time.Second),
			options: scenario.Options{
				Parameters: map[string]string{"IdleSeconds": "60"},
			},
			path:   toPoll + "Process > Settle > Poll > Messages? > Poll > Messages? > Hand over > Start successor > Handed over",
			status: "SUCCEEDED",
		},
		{
			name:    "is relieved between batches",
			options: scenario.Options{Parameters: map[string]string{"IdleSeconds": "60"}},
			during:  freed(3 * time.Second),
			path:    toPoll + "Process > Settle > Poll > Messages? > Poll > Messages? > Relieved",
			status:  "FAILED", failure: "Muster.Relieved",
		},
		{
			name:   "the poll is of another release",
			before: otherRelease("poll", batchOf("take a break")),
			path:   toPoll + "Unknown next step",
			status: "FAILED", failure: "Muster.UnknownNextStep",
		},
		{
			name:    "transforms a batch",
			options: scenario.Options{Transform: unchanged},
			path:    toPoll + "Transform > Messages? > " + process,
			status:  "SUCCEEDED",
		},
		{
			name: "transforms a batch into nothing",
			options: scenario.Options{Transform: once(func(_ context.Context, _ message.Event) (any, error) {
				return message.Event{Records: []message.Record{}}, nil
			}), Process: nil},
			send:   []string{},
			before: func(f *trial) { f.sendUncounted("of no interest") },
			path:   toPoll + "Transform > Messages? > " + lastly,
			status: "SUCCEEDED",
		},
		{
			name: "transforms a batch into a large one",
			options: scenario.Options{Transform: func(_ context.Context, e message.Event) (any, error) {
				for i := range e.Records {
					e.Records[i].Body = large
				}
				return e, nil
			}},
			path:   toPoll + "Transform > Messages? > Process large > Messages? > " + lastly,
			status: "SUCCEEDED",
		},
		{
			name:   "processes a large batch",
			send:   []string{large},
			path:   toPoll + "Process large > Messages? > " + lastly,
			status: "SUCCEEDED",
		},
		{
			name:    "is relieved before the transform handler starts",
			options: scenario.Options{Transform: unchanged},
			faults:  []api.Fault{invoke("jobs-courier", api.Fault{Kind: api.Delay, For: 5 * time.Second, Times: 1})},
			during:  freed(3 * time.Second),
			path:    toPoll + "Transform > Messages? > Relieved",
			status:  "FAILED", failure: "Muster.Relieved",
		},
		{
			name:   "is relieved before the process handler starts",
			send:   []string{large},
			faults: []api.Fault{invoke("jobs-courier", api.Fault{Kind: api.Delay, For: 5 * time.Second, Times: 1})},
			during: freed(3 * time.Second),
			path:   toPoll + "Process large > Messages? > Relieved",
			status: "FAILED", failure: "Muster.Relieved",
		},
		{
			name:    "the courier of a transform is of another release",
			options: scenario.Options{Transform: unchanged},
			before:  otherRelease("courier", batchOf("take a break")),
			path:    toPoll + "Transform > Messages? > Unknown next step",
			status:  "FAILED", failure: "Muster.UnknownNextStep",
		},
		{
			name:   "the courier of a large batch is of another release",
			send:   []string{large},
			before: otherRelease("courier", batchOf("take a break")),
			path:   toPoll + "Process large > Messages? > Unknown next step",
			status: "FAILED", failure: "Muster.UnknownNextStep",
		},
	}
}

// stageTurns are what befalls the stages of the steps lane: the messages come
// again and the worker goes on, so the execution succeeds. What was throttled
// comes again when this worker has long gone home.
func stageTurns() []turn {
	turns := []turn{
		{
			name:    "transform is throttled",
			options: scenario.Options{Transform: unchanged},
			faults:  []api.Fault{invoke("jobs-courier", times(5, throttled()))},
			path:    toPoll + "Transform > " + lastly,
		},
		{
			name:    "transform's reply is lost",
			options: scenario.Options{Transform: unchanged},
			faults:  []api.Fault{invoke("jobs-courier", api.Fault{Kind: api.LoseReply, Times: 1})},
			path:    toPoll + "Transform > A handler may still run > Settle > Poll > Messages? > Transform > Messages? > " + process,
		},
		{
			name:    "transform's reply comes too late",
			options: scenario.Options{Transform: unchanged},
			faults:  []api.Fault{invoke("jobs-courier", api.Fault{Kind: api.DelayReply, For: 10 * time.Minute, Times: 1})},
			path:    toPoll + "Transform > A handler may still run > Settle > Poll > Messages? > Transform > Messages? > " + process,
		},
		{
			name:    "transform's courier loses the batch",
			options: scenario.Options{Transform: unchanged},
			send:    []string{large},
			faults:  []api.Fault{within("jobs-courier", "s3", "GetObject", times(1, fails(404, "NoSuchKey", "The specified key does not exist.")))},
			path:    toPoll + "Transform > Messages? > Settle > Poll > Messages? > Transform > Messages? > Process large > Messages? > " + lastly,
		},
		{
			name:    "the transform handler fails",
			options: scenario.Options{Transform: failing(unchanged)},
			path:    toPoll + "Transform > Messages? > Settle > Poll > Messages? > Transform > Messages? > " + process,
		},
		{
			name:    "process fails",
			options: scenario.Options{Process: failing(quick)},
			path:    toPoll + "Process > " + failedOnce,
		},
		{
			name:    "process panics",
			options: scenario.Options{Process: once(func(context.Context, message.Event) (any, error) { panic("out of luck") })},
			path:    toPoll + "Process > " + failedOnce,
		},
		{
			name: "process runs into its time-out",
			options: scenario.Options{Process: once(func(ctx context.Context, _ message.Event) (any, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			})},
			path: toPoll + "Process > " + failedOnce,
		},
		{
			name:   "process is throttled",
			faults: []api.Fault{invoke("process", times(5, throttled()))},
			path:   toPoll + "Process > " + lastly,
		},
		{
			name:   "process has no function",
			faults: []api.Fault{invoke("process", times(1, fails(404, "ResourceNotFoundException", "Function not found: process")))},
			path:   toPoll + "Process > " + failedOnce,
		},
		{
			name:    "process replies too much",
			options: scenario.Options{Process: once(talkative)},
			path:    toPoll + "Process > " + failedOnce,
		},
		{
			name:   "process's reply is lost",
			faults: []api.Fault{invoke("process", api.Fault{Kind: api.LoseReply, Times: 1})},
			path:   toPoll + "Process > A handler may still run > " + failedOnce,
		},
		{
			name:   "process's reply comes too late",
			faults: []api.Fault{invoke("process", api.Fault{Kind: api.DelayReply, For: 10 * time.Minute, Times: 1})},
			path:   toPoll + "Process > A handler may still run > " + failedOnce,
		},
		{
			name:   "Lambda fails under process",
			faults: []api.Fault{invoke("process", times(1, fails(500, "ServiceException", "The AWS Lambda service encountered an internal error.")))},
			path:   toPoll + "Process > A handler may still run > " + failedOnce,
		},
		{
			name:   "Lambda is unavailable under process",
			faults: []api.Fault{invoke("process", times(1, fails(503, "ServiceUnavailableException", "Service is unavailable.")))},
			path:   toPoll + "Process > A handler may still run > " + failedOnce,
		},
		{
			name:   "process large is throttled",
			send:   []string{large},
			faults: []api.Fault{invoke("jobs-courier", times(5, throttled()))},
			path:   toPoll + "Process large > " + lastly,
		},
		{
			name:   "process large's reply is lost",
			send:   []string{large},
			faults: []api.Fault{invoke("jobs-courier", api.Fault{Kind: api.LoseReply, Times: 1})},
			path:   toPoll + "Process large > A handler may still run > Settle > Poll > Messages? > Process large > Messages? > " + lastly,
		},
		{
			name:   "process large's courier loses the batch",
			send:   []string{large},
			faults: []api.Fault{within("jobs-courier", "s3", "GetObject", times(1, fails(404, "NoSuchKey", "The specified key does not exist.")))},
			path:   toPoll + "Process large > Messages? > Settle > Poll > Messages? > Process large > Messages? > " + lastly,
		},
		{
			name:    "the handler of a large batch fails",
			options: scenario.Options{Process: failing(quick)},
			send:    []string{large},
			path:    toPoll + "Process large > Messages? > Settle > Poll > Messages? > Process large > Messages? > " + lastly,
		},
	}
	for i := range turns {
		turns[i].status = "SUCCEEDED"
	}
	return turns
}

func unchanged(_ context.Context, e message.Event) (any, error) { return e, nil }

func quick(context.Context, message.Event) (any, error) { return nil, nil }

// talkative replies with more than state can take.
func talkative(context.Context, message.Event) (any, error) {
	return map[string]any{"batchItemFailures": []string{}, "report": strings.Repeat("all is well. ", 300<<10/13)}, nil
}

// once behaves in its own way the first time and is quick after that.
func once(first scenario.Handler) scenario.Handler { return firstly(first, quick) }

// failing fails the first time.
func failing(then scenario.Handler) scenario.Handler {
	return firstly(func(context.Context, message.Event) (any, error) { return nil, errors.New("the database is down") }, then)
}

// firstly is one handler the first time and another after that. A fleet of one
// slot never runs it twice at once.
func firstly(first, then scenario.Handler) scenario.Handler {
	called := false
	return func(ctx context.Context, e message.Event) (any, error) {
		if !called {
			called = true
			return first(ctx, e)
		}
		return then(ctx, e)
	}
}
