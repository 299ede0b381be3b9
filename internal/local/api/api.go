// Package api is the one door to the embedded AWS. Every call, whether it came
// over HTTP, from a state machine or from an event rule, goes through
// [Router.Do]: that is where faults are injected and where observers look.
package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Service is one emulated AWS service.
type Service struct {
	// Name is the service's prefix in ARNs and IAM actions: "sqs", "dynamodb",
	// "states", "lambda", "s3", "events", "cloudwatch", "cloudformation".
	Name string
	// Target is the X-Amz-Target prefix of the service's JSON protocol, such as
	// "DynamoDB_20120810". Empty for a service without one.
	Target string
	// ContentType of JSON answers. Defaults to "application/x-amz-json-1.0".
	ContentType string
	// Operations by name as AWS spells them: "ReceiveMessage".
	Operations map[string]Operation
	// Query translates the older query protocol. Nil when not spoken.
	Query QueryCodec
	// REST serves the service's REST protocol. Nil when not spoken.
	REST http.Handler
}

// Operation decodes the JSON input of one API operation, runs it through the
// router and returns a value that encodes to the JSON output.
type Operation func(ctx context.Context, r *Router, caller Caller, input []byte) (any, error)

// QueryCodec translates between the query protocol (form in, XML out) and the
// JSON shapes of the same operations.
type QueryCodec interface {
	// Decode turns form values into an operation's name and JSON input.
	Decode(form map[string][]string) (operation string, input []byte, err error)
	// Encode turns an operation's output into XML.
	Encode(operation string, output any, requestID string) ([]byte, error)
	// EncodeError turns an error into XML.
	EncodeError(err *Error, requestID string) []byte
}

// Caller says who made a call.
type Caller struct {
	// AccessKeyID that signed the call. Empty for calls by the runtime itself.
	AccessKeyID string
	// RoleARN whose session made the call. Empty for the account's own user.
	RoleARN string
	// Function is the name of the calling Lambda function, if one called.
	Function string
	// RequestID of the Lambda invocation that the caller was serving, if any.
	RequestID string
	// Execution is the ARN of the calling state machine execution, if one called.
	Execution string
	// Principal is the AWS service that calls by itself, or that assumed the role
	// where it is neither Function's nor Execution's: "events.amazonaws.com".
	Principal string
	// SourceARN is the resource on whose behalf Principal calls, such as a rule.
	SourceARN string
}

// Call is one call on its way to a service.
type Call struct {
	Service   string
	Operation string
	Caller    Caller
	// Input is the decoded input, a pointer to the service's own input struct.
	Input any
}

// String names the call as IAM names actions: "sqs:ReceiveMessage".
func (c Call) String() string { return c.Service + ":" + c.Operation }

// Event is a finished call, as observers see it.
type Event struct {
	Call
	Output any
	Err    error
	Start  time.Time
	End    time.Time
}

// Error is an error as an AWS service answers it.
type Error struct {
	// Code is the exception's name without namespace: "QueueDoesNotExist".
	Code string
	// Message as AWS words it.
	Message string
	// Status is the HTTP status. Defaults to 400.
	Status int
	// QueryCode is the code in the query protocol where it differs:
	// "AWS.SimpleQueueService.NonExistentQueue". Empty when it is Code.
	QueryCode string
	// Fields are further members of the error's shape, such as
	// CancellationReasons or Item.
	Fields map[string]any
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// HTTPStatus is Status with its default.
func (e *Error) HTTPStatus() int {
	if e.Status == 0 {
		return http.StatusBadRequest
	}
	return e.Status
}

// Errorf makes an Error with status 400.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// AsError turns any error into the error that AWS would answer: an *Error as it
// is, a cancelled context as a lost reply, anything else as an internal failure.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: "InternalFailure", Message: err.Error(), Status: http.StatusInternalServerError}
}

// Op makes an Operation of a typed function. Input is decoded strictly: a
// member that the input struct does not have is refused, never ignored.
func Op[I, O any](service, operation string, f func(context.Context, Caller, *I) (*O, error)) Operation {
	return func(ctx context.Context, r *Router, caller Caller, input []byte) (any, error) {
		in := new(I)
		if err := Decode(input, in); err != nil {
			return nil, err
		}
		return r.Do(ctx, Call{Service: service, Operation: operation, Caller: caller, Input: in},
			func(ctx context.Context) (any, error) {
				out, err := f(ctx, caller, in)
				if err != nil {
					return nil, err
				}
				return out, nil
			})
	}
}

// Account is where the emulated resources live.
type Account struct {
	ID        string
	Region    string
	Partition string
	// Endpoint is the base URL of the runtime, without a trailing slash:
	// "http://127.0.0.1:4100". Queue URLs start with it.
	Endpoint string
}

// ARN names a resource of this account: ARN("sqs", "jobs").
func (a Account) ARN(service, resource string) string {
	return "arn:" + a.Partition + ":" + service + ":" + a.Region + ":" + a.ID + ":" + resource
}
