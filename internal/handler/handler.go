// Package handler invokes a user's Lambda handlers: an SQS event in, what
// became of each message out.
package handler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/musterq/muster/internal/message"
)

// Target is a handler and how long it may take.
type Target struct {
	ARN     string
	Timeout time.Duration
	// Async hands events to Lambda's own queue and does not wait for the handler.
	// Defaults to false: the reply is waited for.
	Async bool
}

// acceptance is how long Lambda may take to accept an asynchronous event.
const acceptance = 30 * time.Second

// Lasts is how long an invocation takes at most: the handler's time-out, or what
// Lambda takes to accept the event of an asynchronous one.
func (t Target) Lasts() time.Duration {
	if t.Async {
		return acceptance
	}
	return t.Timeout
}

// limit is how large an encoded event may be.
func (t Target) limit() int {
	if t.Async {
		return message.MaxAsyncPayload
	}
	return message.MaxSyncPayload
}

// Is says whether there is such a handler.
func (t Target) Is() bool { return t.ARN != "" }

// ErrThrottled is what an invocation gets that Lambda did not let start: no
// failed attempt.
var ErrThrottled = errors.New("Lambda throttled the handler")

// DoubtError is what an invocation gets whose answer did not come: the handler
// may still run, up to its time-out, or Lambda may have accepted the event.
type DoubtError struct {
	Err   error
	Async bool
}

func (e *DoubtError) Error() string {
	if e.Async {
		return "Lambda did not confirm that it accepted the event, and may run it: " + e.Err.Error()
	}
	return "the handler's answer did not come: " + e.Err.Error()
}
func (e *DoubtError) Unwrap() error { return e.Err }

// FunctionError is a handler's own failure: an error, a crash or a time-out.
type FunctionError struct {
	Type    string
	Message string
}

func (e *FunctionError) Error() string {
	if e.Type == "" {
		return e.Message
	}
	return e.Type + ": " + e.Message
}

// Invoker invokes handlers.
type Invoker struct {
	client *lambda.Client
	redact bool
}

// New makes an Invoker. It never repeats an invocation, whose reply may only
// have been lost, and never gives up on one before Lambda does. One that redacts
// tells of a handler's own errors their types alone, and a hash of their texts.
func New(cfg aws.Config, redact bool) *Invoker {
	return &Invoker{lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.Retryer = aws.NopRetryer{} }), redact}
}

// Invoke runs the handler on an encoded event and returns its reply, which an
// asynchronous one does not have: it returns once Lambda has accepted the event.
// Errors: [ErrThrottled], *[DoubtError], *[FunctionError], or one that says why
// Lambda refused.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
func (i *Invoker) Invoke(ctx context.Context, t Target, payload []byte) ([]byte, error) {
	in := &lambda.InvokeInput{FunctionName: &t.ARN, Payload: payload}
	if t.Async {
		in.InvocationType = types.InvocationTypeEvent
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, acceptance)
		defer done()
	}
	out, err := i.client.Invoke(ctx, in)
	if err != nil {
		return nil, classify(t, err)
	}
	if out.FunctionError != nil {
		failed := functionError(*out.FunctionError, out.Payload)
		if i.redact {
			failed.Message = message.Redact(failed.Message)
		}
		return nil, failed
	}
	return out.Payload, nil
}

func classify(t Target, err error) error {
	var throttled *types.TooManyRequestsException
	if errors.As(err, &throttled) {
		return ErrThrottled
	}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() >= 400 && answer.HTTPStatusCode() < 500 {
		return fmt.Errorf("invoke %s: %w", t.ARN, err)
	}
	return &DoubtError{err, t.Async}
}

func functionError(kind string, payload []byte) *FunctionError {
	var e struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal(payload, &e); err != nil || e.ErrorMessage == "" && e.ErrorType == "" {
		return &FunctionError{Type: kind, Message: "the handler failed without saying why"}
	}
	return &FunctionError{Type: e.ErrorType, Message: e.ErrorMessage}
}
