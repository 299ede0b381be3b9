package lambda

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// How asynchronous invocations are retried.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
const (
	maxRetries       = 2
	maxEventAge      = 6 * time.Hour
	firstRetry       = time.Minute
	secondRetry      = 2 * time.Minute
	firstThrottle    = time.Second
	longestThrottle  = 5 * time.Minute
	maxErrorMessage  = 1024
	conditionRetries = "RetriesExhausted"
	conditionAge     = "EventAgeExceeded"
	conditionZero    = "ZeroReservedConcurrency"
	conditionSuccess = "Success"
)

// event is an asynchronous invocation until it succeeded or was given up. One
// goroutine or one timer at a time carries it.
type event struct {
	function *function
	// qualifier that it was invoked with, whose configuration counts.
	qualifier string
	id, arn   string
	payload   []byte
	caller    api.Caller
	queued    time.Time
	attempts  int
	// throttle is the wait after the next throttled attempt.
	throttle time.Duration
	timer    *time.Timer
}

// config is what the event's qualifier was given. The service's lock must be held.
func (e *event) config() *EventInvokeConfig { return e.function.root.eventConfig(e.qualifier) }

func (e *event) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// enqueue accepts an event.
func (s *Service) enqueue(f *function, qualifier string, i *invocation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return closedError()
	}
	i.id = s.uuid()
	e := &event{function: f, qualifier: qualifier, id: i.id, arn: i.arn, payload: append([]byte(nil), i.payload...), caller: i.caller, queued: time.Now(), throttle: firstThrottle}
	s.events[e] = struct{}{}
	s.work.Go(func() { s.attempt(e) })
	return nil
}

// attempt runs an event once and decides what becomes of it.
func (s *Service) attempt(e *event) {
	s.mu.Lock()
	deleted := s.functions[e.function.config.Name] != e.function.root
	policy := e.config().policy()
	reservation := e.function.root.config.ReservedConcurrency
	s.mu.Unlock()
	if deleted {
		s.forget(e)
		return
	}
	if time.Since(e.queued) >= policy.age {
		s.discard(e, nil, conditionAge)
		return
	}
	i := &invocation{id: e.id, arn: e.arn, payload: e.payload, event: true, caller: e.caller}
	if err := s.begin(e.function, i); err != nil {
		if reservation != nil && *reservation == 0 {
			s.discard(e, nil, conditionZero)
			return
		}
		wait := e.throttle
		e.throttle = min(2*wait, longestThrottle)
		s.later(e, wait, policy.age)
		return
	}
	<-i.done
	e.attempts++
	switch {
	case i.err != nil:
		s.forget(e)
	case !i.failed:
		s.deliver(e, i, conditionSuccess, policy.onSuccess)
		s.ended(e, i, conditionSuccess, policy.onSuccess)
	case e.attempts > policy.retries:
		s.discard(e, i, conditionRetries)
	case e.attempts == 1:
		s.later(e, firstRetry, policy.age)
	default:
		s.later(e, secondRetry, policy.age)
	}
}

// later tries an event again after a while, or when it is too old, if that comes first.
func (s *Service) later(e *event, wait, age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	wait = min(wait, time.Until(e.queued.Add(age)))
	e.timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return
		}
		s.work.Add(1)
		s.mu.Unlock()
		defer s.work.Done()
		s.attempt(e)
	})
}

func (s *Service) forget(e *event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.events, e)
}

// discard gives an event up: to the dead-letter queue and the on-failure
// destination, each if there is one.
func (s *Service) discard(e *event, i *invocation, condition string) {
	s.mu.Lock()
	policy := e.config().policy()
	deadLetters := e.function.config.DeadLetterTarget
	s.mu.Unlock()
	if deadLetters != "" {
		s.deadLetter(e, i, condition, deadLetters)
	}
	s.deliver(e, i, condition, policy.onFailure)
	s.ended(e, i, condition, policy.onFailure)
}

// AsyncEnded tells observers what became of an asynchronous invocation.
type AsyncEnded struct {
	FunctionName string
	Payload      []byte
	Attempts     int
	// Condition is Success, or why the event was given up, as its record says it.
	Condition string
	// Result of the last attempt, nil if there was none.
	Result []byte
	// Destination is the ARN that the record was sent to. Empty for none.
	Destination string
}

// ended forgets an event and tells what became of it.
func (s *Service) ended(e *event, i *invocation, condition, destination string) {
	s.forget(e)
	end := &AsyncEnded{
		FunctionName: e.function.config.Name, Payload: e.payload, Attempts: e.attempts, Condition: condition, Destination: destination,
	}
	if i != nil {
		end.Result = i.result
	}
	s.router.Emit(api.Call{Service: "lambda", Operation: "AsyncEnded", Input: end}, nil)
}

// record is what a destination is sent.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
type record struct {
	Version   string `json:"version"`
	Timestamp string `json:"timestamp"`
	Request   struct {
		RequestID   string `json:"requestId"`
		FunctionARN string `json:"functionArn"`
		Condition   string `json:"condition"`
		Attempts    int    `json:"approximateInvokeCount"`
	} `json:"requestContext"`
	RequestPayload  json.RawMessage  `json:"requestPayload"`
	Response        *responseContext `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage  `json:"responsePayload,omitempty"`
}

type responseContext struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

// deliver sends the record of an event to a destination, if there is one.
func (s *Service) deliver(e *event, i *invocation, condition, destination string) {
	if destination == "" {
		return
	}
	r := record{Version: "1.0", Timestamp: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), RequestPayload: e.payload}
	r.Request.RequestID = e.id
	r.Request.FunctionARN = e.arn
	if e.qualifier == "" {
		r.Request.FunctionARN += ":" + latest
	}
	r.Request.Condition = condition
	r.Request.Attempts = e.attempts
	if i != nil {
		r.Response = &responseContext{StatusCode: 200, ExecutedVersion: e.function.version}
		r.ResponsePayload = i.result
		if i.failed {
			r.Response.FunctionError = "Unhandled"
		}
		if !json.Valid(i.result) {
			// A string always encodes.
			r.ResponsePayload, _ = json.Marshal(string(i.result))
		}
	}
	// Both payloads are JSON, so the record encodes.
	body, _ := json.Marshal(r)
	s.send(e, destination, sqsMessage{MessageBody: string(body)})
}

// deadLetter sends an event's payload to a dead-letter queue.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
func (s *Service) deadLetter(e *event, i *invocation, condition, queue string) {
	code, message := "429", condition
	if i != nil {
		code, message = "200", string(i.result)
		var reported struct {
			Message string `json:"errorMessage"`
		}
		if err := json.Unmarshal(i.result, &reported); err == nil && reported.Message != "" {
			message = reported.Message
		}
	}
	s.send(e, queue, sqsMessage{MessageBody: string(e.payload), MessageAttributes: map[string]sqsAttribute{
		"RequestID":    {DataType: "String", StringValue: e.id},
		"ErrorCode":    {DataType: "Number", StringValue: code},
		"ErrorMessage": {DataType: "String", StringValue: message[:min(len(message), maxErrorMessage)]},
	}})
}

type sqsMessage struct {
	QueueUrl          string
	MessageBody       string
	MessageAttributes map[string]sqsAttribute `json:",omitempty"`
}

type sqsAttribute struct{ DataType, StringValue string }

// send puts a message into a queue in the function's name. What cannot be
// delivered is lost, as on AWS, where a metric counts it; here observers see the
// call that failed.
func (s *Service) send(e *event, queue string, m sqsMessage) {
	parts := strings.Split(queue, ":")
	m.QueueUrl = s.account.Endpoint + "/" + parts[len(parts)-2] + "/" + parts[len(parts)-1]
	// Strings always encode.
	input, _ := json.Marshal(m)
	s.mu.Lock()
	caller := api.Caller{RoleARN: e.function.config.Role, Function: e.function.config.Name, RequestID: e.id}
	s.mu.Unlock()
	_, _ = s.router.Call(context.WithoutCancel(s.ctx), "sqs", "SendMessage", caller, input)
}
