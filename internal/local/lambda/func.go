package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// ErrOutOfMemory is what a [Func] returns to end as a function that Lambda kills
// because it needs more memory than it has.
var ErrOutOfMemory = errors.New("out of memory")

// Func is a handler in this process. Its context has the invocation's deadline,
// aws-lambda-go's lambdacontext, and [Variables]. An error is reported as
// aws-lambda-go reports it, a panic too, and one that ends its goroutine as a
// process that exits. When its time is over it is told
// through its context and its environment is not used again; a Func that goes on
// regardless no longer counts as running.
type Func func(ctx context.Context, payload []byte) ([]byte, error)

func (f Func) start(_ context.Context, s setting) (environment, *failure) {
	return &funcEnvironment{handler: f, setting: s}, nil
}

type funcEnvironment struct {
	handler Func
	setting setting
}

func (e *funcEnvironment) alive() bool { return true }

func (e *funcEnvironment) stop() {}

func (e *funcEnvironment) invoke(ctx context.Context, i *invocation) outcome {
	lc := &lambdacontext.LambdaContext{AwsRequestID: i.id, InvokedFunctionArn: i.arn}
	if i.clientContext != "" {
		decoded, err := base64.StdEncoding.DecodeString(i.clientContext)
		if err == nil {
			err = json.Unmarshal(decoded, &lc.ClientContext)
		}
		if err != nil {
			return outcome{failed: true, payload: errorPayload("Runtime.UnmarshalError", "client context: "+err.Error()), reusable: true}
		}
	}
	handlerCtx := context.WithValue(lambdacontext.NewContext(ctx, lc), variablesKey{}, e.setting.variables)
	handlerCtx = context.WithValue(handlerCtx, logKey{}, e.setting.logs)
	done := make(chan outcome, 1)
	go e.call(handlerCtx, i.payload, done)
	select {
	case out := <-done:
		if ctx.Err() == nil {
			return out
		}
	case <-ctx.Done():
	}
	return outcome{failure: &failure{kind: "Sandbox.Timedout"}}
}

// call sends exactly one outcome, even for a handler that ends its goroutine.
func (e *funcEnvironment) call(ctx context.Context, payload []byte, done chan<- outcome) {
	out := outcome{failure: &failure{kind: "Runtime.ExitError", message: "Runtime exited without providing a reason"}}
	defer func() {
		if value := recover(); value != nil {
			// Writing to the log never fails.
			_, _ = e.setting.logs.Write(debug.Stack())
			out = outcome{failed: true, payload: panicPayload(value)}
		}
		done <- out
	}()
	result, err := e.handler(ctx, payload)
	switch {
	case errors.Is(err, ErrOutOfMemory):
		out = outcome{failure: outOfMemory}
	case err != nil:
		out = outcome{failed: true, payload: goErrorPayload(err), reusable: true}
	case len(bytes.TrimSpace(result)) == 0:
		out = outcome{payload: []byte("null"), reusable: true}
	default:
		out = outcome{payload: result, reusable: true}
	}
}

// goErrorPayload words an error as aws-lambda-go does: the type is the name of
// the error's own Go type, never of one that it wraps.
func goErrorPayload(err error) []byte {
	if reported, ok := err.(messages.InvokeResponse_Error); ok { //nolint:errorlint // aws-lambda-go does not unwrap either
		return marshalError(reported)
	}
	return marshalError(messages.InvokeResponse_Error{Message: err.Error(), Type: typeName(err)})
}

func panicPayload(value any) []byte {
	if reported, ok := value.(messages.InvokeResponse_Error); ok {
		return marshalError(reported)
	}
	return marshalError(messages.InvokeResponse_Error{Message: fmt.Sprint(value), Type: typeName(value)})
}

func marshalError(reported messages.InvokeResponse_Error) []byte {
	// Strings and numbers always encode.
	payload, _ := json.Marshal(reported)
	return payload
}

func typeName(value any) string {
	t := reflect.TypeOf(value)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}
