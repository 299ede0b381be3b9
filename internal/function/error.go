package function

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/smithy-go"
)

// Failed is the error name of a function that failed by itself. One that AWS
// refused something has the name of AWS's error, such as AccessDenied.
const Failed = "Muster.Failed"

// named gives a handler's errors the name that the state machine shows. Lambda
// takes the name from the outermost Go type, which would say wrapError.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-exceptions.html
func named[I, O any](handler func(context.Context, I) (O, error)) func(context.Context, I) (O, error) {
	return func(ctx context.Context, in I) (O, error) {
		out, err := handler(ctx, in)
		if err == nil {
			return out, nil
		}
		name := Failed
		var refused smithy.APIError
		if errors.As(err, &refused) {
			name = refused.ErrorCode()
		}
		return out, messages.InvokeResponse_Error{Type: name, Message: err.Error()}
	}
}
