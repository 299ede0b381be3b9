package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
)

// task is a handler of callback mode, whose task goes on when it has returned.
func task(do func(t *scenario.Task, e message.Event)) scenario.Handler {
	return func(ctx context.Context, e message.Event) (any, error) {
		go do(scenario.TaskOf(ctx), e)
		return "of no interest", nil
	}
}

// Tasks of callback mode. What they report may be refused.

func succeeds(t *scenario.Task, _ message.Event) {
	<-time.After(time.Second)
	_ = t.Succeed(`"done"`)
}

func fallsSilent(*scenario.Task, message.Event) {}

func givesUp(t *scenario.Task, _ message.Event) {
	_ = t.Fail("Full", `{"errorMessage":"the disk is full","retryAfterSeconds":1}`)
}

// goesOn beats until it is refused.
func goesOn(t *scenario.Task, _ message.Event) {
	for t.Beat() == nil {
		<-time.After(20 * time.Second)
	}
}

// transforms replaces the body.
func transforms(body string) func(*scenario.Task, message.Event) {
	return func(t *scenario.Task, e message.Event) {
		e.Records[0].Body = body
		output, err := json.Marshal(e)
		if err == nil {
			_ = t.Succeed(string(output))
		}
	}
}

// firstTask is one task the first time and another after that.
func firstTask(first, then func(*scenario.Task, message.Event)) scenario.Handler {
	return firstly(task(first), task(then))
}

var breaks = func(context.Context, message.Event) (any, error) { return nil, errors.New("the database is down") }

// callbackTurns are the turns of the states that wait for a token. Each is for a
// body that travels in state, and for a large one.
func callbackTurns() []turn {
	var turns []turn
	for size, body := range map[string]string{"": "job", " large": large} {
		state := "Process callback" + size
		function := "process"
		if size != "" {
			function = "jobs-courier"
		}
		again := state + " > Settle > Poll > Messages? > " + state + " > " + lastly
		waits := state + " > A task may still run > Settle > Poll > Messages? > " + state + " > " + lastly
		for _, c := range []turn{
			{name: "succeeds", options: scenario.Options{Process: task(succeeds)}, path: state + " > " + lastly},
			{name: "gives up", options: scenario.Options{Process: firstTask(givesUp, succeeds)}, path: again},
			{name: "has a handler that fails", options: scenario.Options{Process: firstly(breaks, task(succeeds))}, path: again},
			{name: "falls silent", options: scenario.Options{Process: firstTask(fallsSilent, succeeds)}, path: again},
			{name: "takes too long", options: scenario.Options{Process: firstTask(goesOn, succeeds)}, path: waits},
			{name: "is throttled", options: scenario.Options{Process: task(succeeds)}, faults: []api.Fault{invoke(function, times(5, throttled()))}, path: state + " > " + lastly},
			{name: "has an answer that is lost", options: scenario.Options{Process: firstTask(fallsSilent, succeeds)}, faults: []api.Fault{invoke(function, api.Fault{Kind: api.LoseReply, Times: 1})}, path: waits},
		} {
			c.name, c.path, c.send, c.status = "a task"+size+" "+c.name, toPoll+c.path, []string{body}, "SUCCEEDED"
			c.options.Parameters = map[string]string{"Mode": "callback", "HeartbeatSeconds": "70", "ProcessTimeoutSeconds": "120"}
			turns = append(turns, c)
		}
	}
	return turns
}

// transformTurns are the same of transform tasks.
func transformTurns() []turn {
	var turns []turn
	for size, body := range map[string]string{"": "job", " large": large} {
		state := "Transform callback" + size
		function := "transform"
		if size != "" {
			function = "jobs-courier"
		}
		well := state + " > Apply transform > Messages? > " + process
		again := state + " > Settle > Poll > Messages? > " + well
		waits := state + " > A task may still run > Settle > Poll > Messages? > " + well
		done := transforms("new")
		for _, c := range []turn{
			{name: "succeeds", options: scenario.Options{Transform: task(done)}, path: well},
			{name: "gives up", options: scenario.Options{Transform: firstTask(givesUp, done)}, path: again},
			{name: "falls silent", options: scenario.Options{Transform: firstTask(fallsSilent, done)}, path: again},
			{name: "takes too long", options: scenario.Options{Transform: firstTask(goesOn, done)}, path: waits},
			{name: "reports too much", options: scenario.Options{Transform: firstTask(transforms(strings.Repeat("y", 262_144-2_000)), done)}, path: again},
			{name: "is throttled", options: scenario.Options{Transform: task(done)}, faults: []api.Fault{invoke(function, times(5, throttled()))}, path: state + " > " + lastly},
			{name: "reports rubbish", options: scenario.Options{Transform: firstTask(succeeds, done)}, path: state + " > Apply transform > Messages? > Settle > Poll > Messages? > " + well},
		} {
			c.name, c.path, c.send, c.status = "a transform task"+size+" "+c.name, toPoll+c.path, []string{body}, "SUCCEEDED"
			c.options.Parameters = map[string]string{"TransformMode": "callback", "HeartbeatSeconds": "70", "TransformTimeoutSeconds": "120"}
			turns = append(turns, c)
		}
	}
	return append(turns, turn{
		name:    "a transform task's output cannot be applied",
		options: scenario.Options{Transform: task(transforms("new")), Parameters: map[string]string{"TransformMode": "callback"}},
		faults:  []api.Fault{invoke("jobs-courier", times(1, fails(400, "InvalidRequestContentException", "Could not parse request body into json")))},
		path: toPoll + "Transform callback > Apply transform > Settle > Poll > Messages? > " +
			"Transform callback > Apply transform > Messages? > " + process,
		status: "SUCCEEDED",
	})
}

// asyncTurns are the turns of asynchronous fleets.
func asyncTurns() []turn {
	async := map[string]string{"Mode": "async"}
	return []turn{
		{
			name: "hands over an event", options: scenario.Options{Parameters: async},
			path: toPoll + "Process async > " + lastly, status: "SUCCEEDED",
		},
		{
			name: "hands over a large event", options: scenario.Options{Parameters: async}, send: []string{large},
			path: toPoll + "Process large > Messages? > " + lastly, status: "SUCCEEDED",
		},
		{
			name: "cannot hand over an event", options: scenario.Options{Parameters: async},
			faults: []api.Fault{invoke("process", api.Fault{Kind: api.Drop, Times: 1})},
			path:   toPoll + "Process async > Settle > Poll > Messages? > Process async > " + lastly, status: "SUCCEEDED",
		},
	}
}
