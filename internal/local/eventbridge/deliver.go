package eventbridge

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// EventBridge tries 185 times in 24 hours, "with exponential back off and
// jitter"; these two delays, which AWS does not publish, fit that.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
const (
	firstRetry = time.Second
	lastRetry  = 10 * time.Minute
)

// Delivery is one attempt to send an event to a target. It is the input of the
// call "events:Deliver", at which faults strike and observers look, and of
// "events:FailedInvocation", which observers see when a delivery is given up.
type Delivery struct {
	EventID   string
	Rule      string
	RuleArn   string
	TargetID  string
	TargetArn string
	// Input is what the target gets: JSON.
	Input string
	// Attempt counts from 1.
	Attempt int
}

// delivery is an event on its way to a target.
type delivery struct {
	target *target
	occurrence
}

// run tries until the target has the event, the retry policy is exhausted or
// the service is closed.
func (d delivery) run(s *Service) func(context.Context) {
	return func(ctx context.Context) {
		call := Delivery{
			EventID: d.event.ID, Rule: d.rule.Name, RuleArn: d.rule.Arn,
			TargetID: d.target.ID, TargetArn: d.target.Arn,
		}
		input, err := d.target.input.render(d.occurrence)
		if err != nil {
			s.report(call, err)
			return
		}
		call.Input = input
		retries, age := d.target.RetryPolicy.bounds()
		deadline := time.Now().Add(age)
		delay := firstRetry
		for call.Attempt = 1; ; call.Attempt++ {
			arrived, err := s.deliver(ctx, d.target, call)
			if err == nil || ctx.Err() != nil {
				return
			}
			wait := s.jitter(delay)
			if !again(arrived, err) || call.Attempt > retries || time.Now().Add(wait).After(deadline) {
				s.report(call, err)
				return
			}
			if !pause(ctx, wait) {
				return
			}
			delay = min(2*delay, lastRetry)
		}
	}
}

func (p *RetryPolicy) bounds() (retries int, age time.Duration) {
	retries, seconds := maxRetries, maxEventAge
	if p != nil && p.MaximumRetryAttempts != nil {
		retries = *p.MaximumRetryAttempts
	}
	if p != nil && p.MaximumEventAgeInSeconds != nil {
		seconds = *p.MaximumEventAgeInSeconds
	}
	return retries, time.Duration(seconds) * time.Second
}

// again tells whether a delivery that failed is tried again: after throttling,
// failures of the target's service, and answers that never came. An event that
// a fault dropped on its way never arrived at anything that could answer.
func again(arrived bool, err error) bool {
	if errors.Is(err, api.ErrReplyLost) {
		return arrived
	}
	e := api.AsError(err)
	return e.HTTPStatus() >= http.StatusInternalServerError || e.HTTPStatus() == http.StatusTooManyRequests ||
		strings.HasPrefix(e.Code, "Throttling") || e.Code == "ExecutionLimitExceeded" || e.Code == "RequestThrottled"
}

// pause waits. It is false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// deliver makes one attempt. arrived tells whether the target was called.
func (s *Service) deliver(ctx context.Context, t *target, call Delivery) (arrived bool, err error) {
	_, err = s.router.Do(ctx, api.Call{Service: "events", Operation: "Deliver", Input: &call}, func(ctx context.Context) (any, error) {
		arrived = true
		return s.send(ctx, t, call)
	})
	return arrived, err
}

// send calls the target.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
func (s *Service) send(ctx context.Context, t *target, call Delivery) (any, error) {
	var operation string
	var input any
	switch t.service {
	case "states":
		operation = "StartExecution"
		// The name differs from attempt to attempt: delivery is at least once,
		// and Step Functions must not be what hides a second one.
		input = map[string]string{"stateMachineArn": t.Arn, "name": call.EventID + "_" + s.newID(), "input": call.Input}
	case "lambda":
		operation = "Invoke"
		input = map[string]string{"FunctionName": t.Arn, "InvocationType": "Event", "Payload": call.Input}
	case "sqs":
		operation = "SendMessage"
		input = map[string]string{"QueueUrl": s.account.Endpoint + "/" + s.account.ID + "/" + t.resource, "MessageBody": call.Input}
	}
	encoded, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	return s.router.Call(ctx, t.service, operation, api.Caller{RoleARN: t.RoleArn, Principal: "events.amazonaws.com", SourceARN: call.RuleArn}, encoded)
}

// report tells observers of a delivery that was given up.
func (s *Service) report(call Delivery, err error) {
	s.router.Emit(api.Call{Service: "events", Operation: "FailedInvocation", Input: &call}, api.AsError(err))
}
