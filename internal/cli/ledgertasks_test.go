package cli

import (
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/sqs"
)

// calls of services whose shapes are their own, as JSON has them.
type shape map[string]any

func variables(message, token string) []shape {
	return []shape{{"name": "MUSTER_MESSAGE_ID", "value": message}, {"name": "MUSTER_TASK_TOKEN", "value": token}}
}

func runTask(message, token string) api.Event {
	return event("ecs", "RunTask", api.Caller{},
		shape{"overrides": shape{"containerOverrides": []shape{{"environment": variables(message, token)}}}}, shape{"tasks": []shape{{"taskArn": "arn:task"}}})
}

func submitJob(message, token string) api.Event {
	return event("batch", "SubmitJob", api.Caller{}, shape{"containerOverrides": shape{"environment": variables(message, token)}}, shape{"jobId": "job"})
}

func startBuild(message, token string) api.Event {
	return event("codebuild", "StartBuild", api.Caller{}, shape{"environmentVariablesOverride": variables(message, token)}, shape{"build": shape{"id": "build"}})
}

func taskStopped(exit int) api.Event {
	return event("ecs", "DescribeTasks", api.Caller{}, shape{}, shape{"tasks": []shape{{
		"taskArn": "arn:task", "lastStatus": "STOPPED", "containers": []shape{{"exitCode": exit}},
	}}})
}

func reported(operation string) api.Event {
	return event("states", operation, api.Caller{}, shape{"taskToken": "t", "error": "Bad", "cause": "luck"}, nil)
}

func asyncInvoke(message string) api.Event {
	return event("lambda", "Invoke", api.Caller{},
		&lambda.InvokeInput{FunctionName: "process", InvocationType: "Event", Payload: lambda.Payload(`{"Records":[{"messageId":"` + message + `"}]}`)},
		&lambda.InvokeOutput{StatusCode: 202})
}

func asyncEnded(condition, destination string) api.Event {
	return event("lambda", "AsyncEnded", api.Caller{},
		&lambda.AsyncEnded{FunctionName: "process", Payload: []byte(records), Condition: condition, Destination: destination, Attempts: 3}, nil)
}

func TestLedgerFollowsTasks(t *testing.T) {
	const callback = `{"Records":[{"messageId":"m"}],"taskToken":"t"}`
	const nested = `{"messageId":"m","taskToken":"t"}`
	in := receive("r", "m", "h", "1")
	for name, c := range map[string]struct {
		callback bool
		events   []api.Event
		want     status
	}{
		"a task ends well":                      {false, []api.Event{in, runTask("m", ""), taskStopped(0), remove("h")}, handled},
		"a task fails":                          {false, []api.Event{in, runTask("m", ""), taskStopped(3)}, unfinished},
		"a task fails, its message is deleted":  {false, []api.Event{in, runTask("m", ""), taskStopped(3), remove("h")}, lost},
		"a task reports":                        {true, []api.Event{in, runTask("m", "t"), reported("SendTaskSuccess"), remove("h")}, handled},
		"a Batch job reports":                   {true, []api.Event{in, submitJob("m", "t"), reported("SendTaskSuccess"), remove("h")}, handled},
		"a build reports":                       {true, []api.Event{in, startBuild("m", "t"), reported("SendTaskSuccess"), remove("h")}, handled},
		"a build reports a failure":             {true, []api.Event{in, startBuild("m", "t"), reported("SendTaskFailure")}, unfinished},
		"a report is told late":                 {true, []api.Event{in, runTask("m", "t"), remove("h"), reported("SendTaskSuccess")}, handled},
		"the reply to a report is lost":         {true, []api.Event{in, runTask("m", "t"), failed(reported("SendTaskSuccess"), api.ErrReplyLost), remove("h")}, handled},
		"a report is refused":                   {true, []api.Event{in, runTask("m", "t"), failed(reported("SendTaskSuccess"), &api.Error{Code: "TaskTimedOut"})}, unfinished},
		"a handler reports":                     {true, []api.Event{in, invoke("process", callback, "", "null"), reported("SendTaskSuccess"), remove("h")}, handled},
		"a handler reports before it has ended": {true, []api.Event{in, reported("SendTaskSuccess"), remove("h"), invoke("process", callback, "", "null")}, handled},
		"a handler reports, then fails":         {true, []api.Event{in, reported("SendTaskSuccess"), remove("h"), invoke("process", callback, "Unhandled", "null")}, handled},
		"a handler fails, its task goes on":     {true, []api.Event{in, invoke("process", callback, "Unhandled", "null"), reported("SendTaskSuccess"), remove("h")}, handled},
		"a handler reports a failure":           {true, []api.Event{in, invoke("process", callback, "", "null"), reported("SendTaskFailure")}, unfinished},
		"an execution's command ends well":      {false, []api.Event{in, invoke(jobName, `{"messageId":"m"}`, "", "null"), remove("h")}, handled},
		"an execution's command fails":          {false, []api.Event{in, invoke(jobName, `{"messageId":"m"}`, "Unhandled", "null"), remove("h")}, lost},
		"an execution's command reports":        {true, []api.Event{in, reported("SendTaskSuccess"), invoke(jobName, nested, "", "null"), remove("h")}, handled},
		"its report is told late":               {true, []api.Event{in, reported("SendTaskSuccess"), remove("h"), invoke(jobName, nested, "", "null")}, handled},
		"an execution's command is silent":      {true, []api.Event{in, invoke(jobName, nested, "Unhandled", "null")}, unfinished},
		"an event is accepted":                  {false, []api.Event{in, asyncInvoke("m"), remove("h")}, unfinished},
		"an event ends well":                    {false, []api.Event{in, asyncInvoke("m"), remove("h"), asyncEnded("Success", "")}, handled},
		"an event is given up":                  {false, []api.Event{in, asyncInvoke("m"), remove("h"), asyncEnded("RetriesExhausted", "")}, lost},
		"an event is given up, but kept":        {false, []api.Event{in, asyncInvoke("m"), remove("h"), asyncEnded("RetriesExhausted", "arn:dead")}, deadLettered},
	} {
		t.Run(name, func(t *testing.T) {
			fleet := testFleet
			fleet.Callback = c.callback
			l := newLedger(fleet)
			l.sent("m")
			for _, e := range c.events {
				l.observe(e)
			}
			assert.Equal(t, c.want, l.outcomes([]string{"m"})[0].Status)
		})
	}
}

func TestLedgerCountsJobs(t *testing.T) {
	l := newLedger(testFleet)
	l.observe(runTask("m", ""))
	assert.Equal(t, 1, l.snapshot().Jobs)
	l.observe(taskStopped(3))
	l.observe(taskStopped(3))
	s := l.snapshot()
	assert.Equal(t, 0, s.Jobs)
	assert.Equal(t, 1, s.JobsStarted)
	assert.Equal(t, 1, s.Failed)
	assert.Equal(t, map[string]int{"process: exit status 3": 1}, s.Reasons)
}

// ruled is a ledger of a fleet with parameters of its own.
func ruled(t *testing.T, values map[string]string) *ledger {
	t.Helper()
	p, err := addParameters(pflag.NewFlagSet("run", pflag.ContinueOnError), values)
	require.NoError(t, err)
	fleet := testFleet
	fleet.DeadLetterARN = "arn:aws:sqs:us-east-1:123456789012:dead"
	fleet.Rules, err = newRules(p)
	require.NoError(t, err)
	return newLedger(fleet)
}

func receiveBody(id, body string) api.Event {
	e := receive("r", id, "h"+id, "1")
	e.Output.(*sqs.ReceiveMessageOutput).Messages[0].Body = body
	return e
}

func TestLedgerKnowsWhyNoHandlerHadAMessage(t *testing.T) {
	const routes = `[{"Handler":"arn:aws:lambda:us-east-1:123456789012:function:process","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":{\"kind\":[\"a\"]}}"}]}}]`
	for name, c := range map[string]struct {
		values map[string]string
		events []api.Event
		want   status
	}{
		"dropped": {
			map[string]string{"Routes": routes, "Unmatched": "drop"},
			[]api.Event{receiveBody("m", `{"kind":"b"}`), remove("hm")}, filtered,
		},
		"matched, and deleted all the same": {
			map[string]string{"Routes": routes, "Unmatched": "drop"},
			[]api.Event{receiveBody("m", `{"kind":"a"}`), remove("hm")}, lost,
		},
		"sent to the dead-letter queue": {
			map[string]string{"Routes": routes, "Unmatched": "dead-letter"},
			[]api.Event{
				receiveBody("m", `{"kind":"b"}`),
				event("sqs", "SendMessage", api.Caller{}, &sqs.SendMessageInput{QueueURL: "http://127.0.0.1:4100/123456789012/dead", Outgoing: sqs.Outgoing{MessageBody: `{"kind":"b"}`}}, nil),
				remove("hm"),
			}, deadLettered,
		},
		"a duplicate": {
			map[string]string{"DuplicateWindowSeconds": "60", "DuplicateKey": "$.id"},
			[]api.Event{
				receiveBody("n", `{"id":"1"}`), invoke("process", `{"Records":[{"messageId":"n"}]}`, "", "null"), remove("hn"),
				receiveBody("m", `{"id":"1"}`), remove("hm"),
			}, duplicated,
		},
		"of a message that failed": {
			map[string]string{"DuplicateWindowSeconds": "60", "DuplicateKey": "$.id"},
			[]api.Event{
				receiveBody("n", `{"id":"1"}`), invoke("process", `{"Records":[{"messageId":"n"}]}`, "Unhandled", "null"),
				receiveBody("m", `{"id":"1"}`), remove("hm"),
			}, lost,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := ruled(t, c.values)
			l.sent("m")
			for _, e := range c.events {
				l.observe(e)
			}
			assert.Equal(t, c.want, l.outcomes([]string{"m"})[0].Status)
		})
	}
}
