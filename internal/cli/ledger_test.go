package cli

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/sqs"
)

var testFleet = fleetNames{
	QueueURL: "http://127.0.0.1:4100/123456789012/jobs", QueueARN: "arn:aws:sqs:us-east-1:123456789012:jobs",
	Table: "table", Assess: "fleet-autoscaler",
	Autoscale: "arn:aws:states:us-east-1:123456789012:stateMachine:autoscaler",
	Worker:    "arn:aws:states:us-east-1:123456789012:stateMachine:worker",
	Process:   "process", Transform: "transform",
}

// The events of a run, as the router's observers see them.

func receive(requestID, id, handle, count string) api.Event {
	return event("sqs", "ReceiveMessage", api.Caller{RequestID: requestID},
		&sqs.ReceiveMessageInput{QueueURL: testFleet.QueueURL},
		&sqs.ReceiveMessageOutput{Messages: []sqs.Message{{
			MessageID: id, ReceiptHandle: handle, Attributes: map[string]string{"ApproximateReceiveCount": count},
		}}})
}

func remove(handle string) api.Event {
	return event("sqs", "DeleteMessage", api.Caller{}, &sqs.DeleteMessageInput{QueueURL: testFleet.QueueURL, ReceiptHandle: handle}, nil)
}

func invoke(function, payload, functionError, reply string) api.Event {
	return event("lambda", "Invoke", api.Caller{},
		&lambda.InvokeInput{FunctionName: "arn:aws:lambda:us-east-1:123456789012:function:" + function, Payload: lambda.Payload(payload)},
		&lambda.InvokeOutput{StatusCode: 200, FunctionError: functionError, Payload: lambda.Payload(reply), RequestID: "request-of-" + function})
}

func event(service, operation string, caller api.Caller, in, out any) api.Event {
	return api.Event{Call: api.Call{Service: service, Operation: operation, Caller: caller, Input: in}, Output: out}
}

func failed(e api.Event, err error) api.Event {
	e.Output, e.Err = nil, err
	return e
}

func redrive(id string) api.Event {
	return event("sqs", "redrive", api.Caller{}, &sqs.Redriven{MessageID: id, From: testFleet.QueueARN}, nil)
}

const records = `{"Records":[{"messageId":"m"}]}`

func TestLedgerFollowsAMessage(t *testing.T) {
	pump := invoke("fleet-pump", `{"execution":"worker-u-1"}`, "", `{}`)
	for name, c := range map[string]struct {
		events []api.Event
		want   outcome
	}{
		"nothing happened": {want: outcome{Status: "unfinished"}},
		"handled": {
			events: []api.Event{receive("request-of-fleet-pump", "m", "h", "1"), invoke("process", records, "", "null"), remove("h"), pump},
			want:   outcome{Status: "handled", Receives: 1, Worker: "worker-u-1"},
		},
		"handled at the second attempt": {
			events: []api.Event{
				receive("r", "m", "h1", "1"), invoke("process", records, "Unhandled", `{"errorType":"E","errorMessage":"boom"}`),
				receive("r", "m", "h2", "2"), invoke("process", records, "", `{"batchItemFailures":[]}`), remove("h2"),
			},
			want: outcome{Status: "handled", Receives: 2},
		},
		"an old handle deletes nothing": {
			events: []api.Event{receive("r", "m", "h1", "1"), invoke("process", records, "", ""), receive("r", "m", "h2", "2"), remove("h1")},
			want:   outcome{Status: "unfinished", Receives: 2},
		},
		"a failed delete deletes nothing": {
			events: []api.Event{receive("r", "m", "h", "1"), invoke("process", records, "", ""), failed(remove("h"), errors.New("no"))},
			want:   outcome{Status: "unfinished", Receives: 1},
		},
		"filtered": {
			events: []api.Event{receive("r", "m", "h", "1"), invoke("transform", records, "", `{"Records":[]}`), remove("h")},
			want:   outcome{Status: "filtered", Receives: 1},
		},
		"transformed and handled": {
			events: []api.Event{
				receive("r", "m", "h", "1"), invoke("transform", records, "", `{"Records":[{"messageId":"m","body":"new"}]}`),
				invoke("process", records, "", "{}"), remove("h"),
			},
			want: outcome{Status: "handled", Receives: 1},
		},
		"filtered once is not filtered for good": {
			events: []api.Event{
				receive("r", "m", "h1", "1"), invoke("transform", records, "", `{"Records":[]}`),
				receive("r", "m", "h2", "2"), remove("h2"),
			},
			want: outcome{Status: "lost", Receives: 2},
		},
		"transform failed": {
			events: []api.Event{receive("r", "m", "h", "1"), invoke("transform", records, "", `null`)},
			want: outcome{Status: "unfinished", Receives: 1,
				Error: `transform handler: the transform handler's reply has no "Records": answer {"Records": []} to filter every message`},
		},
		"deleted though its handler failed": {
			events: []api.Event{receive("r", "m", "h", "1"), invoke("process", records, "", `{"batchItemFailures":[{"itemIdentifier":"m"}]}`), remove("h")},
			want:   outcome{Status: "lost", Receives: 1, Error: "process handler: the handler reported it in batchItemFailures"},
		},
		"dead-lettered with the last error": {
			events: []api.Event{
				receive("r", "m", "h1", "1"), invoke("process", records, "Unhandled", `{"errorMessage":"first"}`),
				receive("r", "m", "h2", "2"), invoke("process", records, "Unhandled", `{"errorType":"E","errorMessage":"last"}`), redrive("m"),
			},
			want: outcome{Status: "dead-lettered", Receives: 2, Error: "process handler: E: last"},
		},
		"an unreadable function error": {
			events: []api.Event{receive("r", "m", "h1", "1"), invoke("process", records, "Unhandled", `"?"`), redrive("m")},
			want:   outcome{Status: "dead-lettered", Receives: 1, Error: "process handler: Unhandled: the handler failed without saying why"},
		},
		"throttled is no attempt": {
			events: []api.Event{receive("r", "m", "h", "1"), failed(invoke("process", records, "", ""), api.Errorf("TooManyRequestsException", "Rate Exceeded."))},
			want:   outcome{Status: "unfinished", Receives: 1},
		},
		"the answer was lost": {
			events: []api.Event{receive("r", "m", "h", "1"), failed(invoke("process", records, "", ""), api.ErrReplyLost)},
			want:   outcome{Status: "unfinished", Receives: 1, Error: "process handler: the handler's answer did not come: the reply was lost"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(testFleet)
			for _, e := range c.events {
				l.observe(e)
			}
			l.sent("m") // its answer came last

			c.want.MessageID = "m"
			assert.Equal(t, []outcome{c.want}, l.outcomes([]string{"m"}))
			left := 0
			if c.want.Status == unfinished {
				left = 1
			}
			assert.Equal(t, left, l.snapshot().left())
		})
	}
}

func TestLedgerReadsBatches(t *testing.T) {
	l := newLedger(testFleet)
	l.sent("a", "b")
	l.observe(receive("r", "a", "ha", "1"))
	l.observe(receive("r", "b", "hb", "1"))
	l.observe(invoke("process", `{"Records":[{"messageId":"a"},{"messageId":"b"}]}`, "", "{}"))
	l.observe(event("sqs", "DeleteMessageBatch", api.Caller{},
		&sqs.DeleteMessageBatchInput{QueueURL: testFleet.QueueURL, Entries: []sqs.DeleteMessageBatchRequestEntry{{ID: "0", ReceiptHandle: "ha"}, {ID: "1", ReceiptHandle: "hb"}}},
		&sqs.DeleteMessageBatchOutput{Successful: []sqs.BatchResultEntry{{ID: "1"}}, Failed: []sqs.BatchResultErrorEntry{{ID: "0"}}}))
	assert.Equal(t, totals{Sent: 2, Handled: 1}, l.snapshot().totals)
	assert.Equal(t, []outcome{
		{MessageID: "b", Status: "handled", Receives: 1},
		{MessageID: "a", Status: "unfinished", Receives: 1},
	}, l.outcomes([]string{"b", "a"}))

	l.loseRest()
	assert.Equal(t, totals{Sent: 2, Handled: 1, Lost: 1}, l.snapshot().totals)
}

func TestLedgerCountsOwnMessagesOnly(t *testing.T) {
	l := newLedger(testFleet)
	l.sent("m")
	l.observe(receive("r", "another", "h", "1"))
	l.observe(invoke("process", `{"Records":[{"messageId":"another"}]}`, "", ""))
	l.observe(remove("h"))
	l.observe(event("sqs", "DeleteMessage", api.Caller{}, &sqs.DeleteMessageInput{QueueURL: "http://127.0.0.1/123456789012/other", ReceiptHandle: "h"}, nil))
	assert.Equal(t, totals{Sent: 1}, l.snapshot().totals)
}

func TestLedgerCountsWorkersAndTicks(t *testing.T) {
	item := func(key string) attribute.Document {
		return attribute.Document{Map: attribute.Map{"Fleet": attribute.String("fleet"), "Item": attribute.String(key)}}
	}
	start := func(machine, name string) api.Event {
		return event("states", "StartExecution", api.Caller{}, &struct {
			StateMachineArn string `json:"stateMachineArn"`
			Name            string `json:"name"`
		}{machine, name}, nil)
	}
	l := newLedger(testFleet)
	l.observe(start(testFleet.Autoscale, "tick-1"))
	l.observe(event("dynamodb", "TransactWriteItems", api.Caller{}, &dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{
		{Put: &dynamodb.TransactPut{TableName: "table", Item: item("control")}},
		{Put: &dynamodb.TransactPut{TableName: "table", Item: item("worker#a")}},
		{Put: &dynamodb.TransactPut{TableName: "table", Item: item("worker#b")}},
		{Put: &dynamodb.TransactPut{TableName: "other", Item: item("worker#c")}},
	}}, nil))
	l.observe(start(testFleet.Worker, "worker-a-1"))
	l.observe(start(testFleet.Worker, "worker-a-2"))
	l.observe(start(testFleet.Worker, "worker-b-1"))
	l.observe(failed(start(testFleet.Worker, "worker-c-1"), errors.New("throttled")))
	l.observe(event("dynamodb", "TransactWriteItems", api.Caller{}, &dynamodb.TransactWriteItemsInput{TransactItems: []dynamodb.TransactWriteItem{
		{Delete: &dynamodb.TransactCondition{TableName: "table", Key: item("worker#a")}},
		{Put: &dynamodb.TransactPut{TableName: "table", Item: item("worker#d")}},
	}}, nil))
	l.observe(failed(event("dynamodb", "DeleteItem", api.Caller{}, &dynamodb.DeleteItemInput{TableName: "table", Key: item("worker#b")}, nil), errors.New("condition")))

	s := l.snapshot()
	assert.Equal(t, 1, s.Ticks)
	assert.Equal(t, 2, s.Started)
	assert.Equal(t, 2, s.Workers)
	assert.Equal(t, 2, s.PeakWorkers)

	l.observe(event("dynamodb", "DeleteItem", api.Caller{}, &dynamodb.DeleteItemInput{TableName: "table", Key: item("worker#b")}, nil))
	assert.Equal(t, 1, l.snapshot().Workers)
	assert.Len(t, l.changed, 1)
}

func TestLedgerKeepsTroubleUntilATickSucceeds(t *testing.T) {
	l := newLedger(testFleet)
	l.observe(invoke("fleet-pump", "{}", "Unhandled", `{"errorType":"E","errorMessage":"boom"}`))
	assert.Equal(t, "fleet-pump: E: boom", l.snapshot().Trouble)
	l.observe(invoke("fleet-pump", "{}", "", "{}"))
	assert.Equal(t, "fleet-pump: E: boom", l.snapshot().Trouble)
	l.observe(invoke("fleet-autoscaler", "{}", "", "{}"))
	assert.Empty(t, l.snapshot().Trouble)
	l.observe(failed(invoke("fleet-autoscaler", "{}", "", "{}"), errors.New("throttled")))
	assert.Equal(t, "fleet-autoscaler: throttled", l.snapshot().Trouble)
}
