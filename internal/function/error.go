package function

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/smithy-go"

	"github.com/musterq/muster/internal/handler"
)

// Failed is the error name of a function that failed by itself. One that AWS
// refused something has the name of AWS's error, such as AccessDenied; one that
// hands over a handler's failure has that one's.
const Failed = "Muster.Failed"

// named gives a handler's errors the name that the state machine shows. Lambda
// takes the name from the outermost Go type, which would say wrapError.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-exceptions.html
func named[I, O any](do func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	return func(ctx context.Context, in I) (O, error) {
		out, err := do(ctx, in)
		if err == nil {
			return out, nil
		}
		var handed *handler.FunctionError
		if errors.As(err, &handed) {
			// What a handler failed with, as if the state machine had invoked it.
			return out, messages.InvokeResponse_Error{Type: handed.Type, Message: handed.Message}
		}
		name := Failed
		var refused smithy.APIError
		if errors.As(err, &refused) {
			name = refused.ErrorCode()
		}
		return out, messages.InvokeResponse_Error{Type: name, Message: err.Error()}
	}
}
