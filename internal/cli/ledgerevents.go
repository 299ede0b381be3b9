package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/message"
)

// seeQueue follows messages from receive to delete or dead-letter queue.
func (l *ledger) seeQueue(e api.Event) {
	if e.Err != nil {
		return
	}
	switch in := e.Input.(type) {
	case *sqs.ReceiveMessageInput:
		if out, ok := e.Output.(*sqs.ReceiveMessageOutput); ok && l.ours(in.QueueURL) && len(out.Messages) > 0 {
			l.received(e.Caller.RequestID, out.Messages)
		}
	case *sqs.SendMessageInput:
		l.bury(in.QueueURL, in.MessageBody)
	case *sqs.SendMessageBatchInput:
		for _, entry := range in.Entries {
			l.bury(in.QueueURL, entry.MessageBody)
		}
	case *sqs.DeleteMessageInput:
		if l.ours(in.QueueURL) {
			l.deleted(in.ReceiptHandle)
		}
	case *sqs.DeleteMessageBatchInput:
		if out, ok := e.Output.(*sqs.DeleteMessageBatchOutput); ok && l.ours(in.QueueURL) {
			done := make(map[string]bool, len(out.Successful))
			for _, r := range out.Successful {
				done[r.ID] = true
			}
			var handles []string
			for _, r := range in.Entries {
				if done[r.ID] {
					handles = append(handles, r.ReceiptHandle)
				}
			}
			l.deleted(handles...)
		}
	case *sqs.Redriven:
		if in.From == l.fleet.QueueARN {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.end(l.entry(in.MessageID), deadLettered)
		}
	}
}

// ours tells whether a queue URL, whatever its host, is the fleet's.
func (l *ledger) ours(queueURL string) bool {
	return path.Base(queueURL) == path.Base(l.fleet.QueueURL)
}

func (l *ledger) received(requestID string, messages []sqs.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range messages {
		r := l.entry(m.MessageID)
		receives, err := strconv.Atoi(m.Attributes["ApproximateReceiveCount"])
		if err != nil {
			receives = r.receives + 1
		}
		if receives <= r.receives {
			// Two receives whose observers overtook each other.
			continue
		}
		delete(l.handles, r.handle)
		r.receives, r.receiver, r.handle, r.filtered = receives, requestID, m.ReceiptHandle, false
		l.handles[m.ReceiptHandle] = r
		l.fleet.Rules.judge(r, m)
	}
}

// deleted settles messages whose latest receipt handle was used. An older
// handle deletes nothing.
func (l *ledger) deleted(handles ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, handle := range handles {
		switch r := l.handles[handle]; {
		case r == nil:
		case r.processed:
			l.end(r, handled)
		case r.filtered:
			l.end(r, filtered)
		case r.accepted, l.fleet.Callback:
			r.released = true
		default:
			l.end(r, l.unprocessed(r))
		}
	}
}

// seeInvoke learns what handlers said, and for whom pollers polled.
func (l *ledger) seeInvoke(e api.Event) {
	if end, ok := e.Input.(*lambda.AsyncEnded); ok {
		if end.FunctionName == l.fleet.Process || l.fleet.Others[end.FunctionName] {
			l.asyncEnded(end)
		}
		return
	}
	in, ok := e.Input.(*lambda.InvokeInput)
	if !ok {
		return
	}
	out, _ := e.Output.(*lambda.InvokeOutput)
	switch name := functionName(in.FunctionName); {
	case name == l.fleet.Process || l.fleet.Others[name]:
		if in.InvocationType == "Event" {
			l.accepted(in.Payload, e.Err)
			return
		}
		l.invoked("process", in.Payload, out, e.Err)
	case name == jobName:
		l.jobInvoked(in.Payload, out, e.Err)
	case name == l.fleet.Transform:
		l.invoked("transform", in.Payload, out, e.Err)
	default:
		l.served(name, in.Payload, out, e.Err)
	}
}

// served notes what one of Muster's own functions did: for which worker a
// poller polled, and whether it failed.
func (l *ledger) served(name string, payload []byte, out *lambda.InvokeOutput, err error) {
	var poller struct {
		Execution string `json:"execution"`
	}
	// A payload of another shape is none of a poller.
	polled := json.Unmarshal(payload, &poller) == nil && poller.Execution != ""
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.trouble = name + ": " + err.Error()
	case out == nil:
	case out.FunctionError != "":
		l.trouble = name + ": " + functionError(out.FunctionError, out.Payload)
	case name == l.fleet.Assess:
		l.trouble = ""
	}
	if polled && out != nil {
		l.holders[out.RequestID] = poller.Execution
	}
}

// functionName cuts the name out of a function's ARN.
func functionName(arn string) string {
	if _, rest, ok := strings.Cut(arn, ":function:"); ok {
		arn = rest
	}
	name, _, _ := strings.Cut(arn, ":")
	return name
}

// invoked notes what a handler made of its records.
func (l *ledger) invoked(stage string, payload []byte, out *lambda.InvokeOutput, err error) {
	var event struct {
		message.Event
		TaskToken string `json:"taskToken"`
	}
	if json.Unmarshal(payload, &event) != nil {
		return
	}
	var failed message.Failures
	var left []string // filtered out
	switch {
	case err != nil:
		if api.AsError(err).Code == "TooManyRequestsException" {
			return // it did not start
		}
		failed = message.All(event.Records, "the handler's answer did not come: "+err.Error())
	case out == nil:
		return
	case out.FunctionError != "":
		failed = message.All(event.Records, functionError(out.FunctionError, out.Payload))
	case stage == "transform":
		t := message.TransformReply(event.Records, out.Payload)
		failed, left = t.Failed, t.Filtered
	default:
		failed = message.ProcessReply(event.Records, out.Payload)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, record := range event.Records {
		r := l.entry(record.MessageID)
		r.filtered = false
		f, bad := failed[record.MessageID]
		if event.TaskToken != "" && stage == "process" {
			// How it ended its report says, whatever becomes of the handler.
			t := l.task(event.TaskToken)
			t.message = r
			l.conclude(t)
			if t.ended {
				continue
			}
		}
		switch {
		case bad:
			l.failed(r, stage+" handler: "+f.Reason)
		case event.TaskToken != "":
		case stage == "process":
			l.process(r)
		}
	}
	for _, id := range left {
		l.entry(id).filtered = true
	}
}

// jobInvoked notes how the command ended that stands for a nested execution.
func (l *ledger) jobInvoked(payload []byte, out *lambda.InvokeOutput, err error) {
	var input struct {
		MessageID string `json:"messageId"`
		TaskToken string `json:"taskToken"`
	}
	if json.Unmarshal(payload, &input) != nil || input.MessageID == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.entry(input.MessageID)
	switch {
	case input.TaskToken != "":
		// How it ended its report says, whatever becomes of the command.
		t := l.task(input.TaskToken)
		t.message = r
		l.conclude(t)
	case err != nil:
		l.failed(r, "process: the answer did not come: "+err.Error())
	case out == nil:
	case out.FunctionError != "":
		l.failed(r, "process: "+functionError(out.FunctionError, out.Payload))
	default:
		l.process(r)
	}
}

// process notes that a message was processed. The lock must be held.
func (l *ledger) process(r *entry) {
	r.processed = true
	l.done[r.key] = true
}

// accepted notes that Lambda took an event, whose answer may have been lost.
func (l *ledger) accepted(payload []byte, err error) {
	var event message.Event
	if json.Unmarshal(payload, &event) != nil || err != nil && api.AsError(err).Code == "TooManyRequestsException" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, record := range event.Records {
		r := l.entry(record.MessageID)
		r.accepted = true
		l.done[r.key] = true
	}
}

// asyncEnded notes what became of an event that Lambda had taken.
func (l *ledger) asyncEnded(end *lambda.AsyncEnded) {
	var event message.Event
	if json.Unmarshal(end.Payload, &event) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, record := range event.Records {
		r := l.entry(record.MessageID)
		became := handled
		switch {
		case end.Condition == "Success":
			l.process(r)
		default:
			l.failed(r, fmt.Sprintf("process handler: %s after %d attempts: %s", end.Condition, end.Attempts, functionError("Unhandled", end.Result)))
			if became = lost; end.Destination != "" {
				became = deadLettered
			}
		}
		if r.released {
			l.end(r, became)
		}
	}
}

// functionError is what a function failed with.
func functionError(kind string, payload []byte) string {
	var e struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	if json.Unmarshal(payload, &e) != nil || e.ErrorType == "" && e.ErrorMessage == "" {
		return kind + ": the handler failed without saying why"
	}
	if e.ErrorType == "" {
		return e.ErrorMessage
	}
	return e.ErrorType + ": " + e.ErrorMessage
}

// seeStart counts ticks, and workers that were started: an execution's name is
// worker-<uuid>-<generation>.
func (l *ledger) seeStart(e api.Event) {
	if e.Operation != "StartExecution" || e.Err != nil {
		return
	}
	var in struct {
		StateMachineArn string `json:"stateMachineArn"`
		Name            string `json:"name"`
	}
	if encoded, err := json.Marshal(e.Input); err != nil || json.NewDecoder(bytes.NewReader(encoded)).Decode(&in) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch in.StateMachineArn {
	case l.fleet.Autoscale:
		l.ticks++
	case l.fleet.Worker:
		l.started[in.Name[:max(0, strings.LastIndexByte(in.Name, '-'))]] = true
	}
}
