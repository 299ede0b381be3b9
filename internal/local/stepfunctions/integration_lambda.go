package stepfunctions

import (
	"context"
	"fmt"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// InvokeFunc invokes a Lambda function as the caller. It goes through the
// router like every call, and answers with Lambda's own errors.
type InvokeFunc func(ctx context.Context, caller api.Caller, in InvokeInput) (InvokeOutput, error)

// InvokeInput is the input of Lambda's Invoke.
// See https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html.
type InvokeInput struct {
	// FunctionName is a name, a partial ARN or an ARN.
	FunctionName string
	// InvocationType is RequestResponse, Event or DryRun. Empty is the first.
	InvocationType string
	LogType        string
	ClientContext  string
	Qualifier      string
	// Payload is the event as JSON.
	Payload []byte
}

// InvokeOutput is the output of Lambda's Invoke.
type InvokeOutput struct {
	StatusCode int
	// FunctionError is set when the function failed: "Unhandled".
	FunctionError   string
	LogResult       string
	ExecutedVersion string
	// Payload is what the function returned, or describes its error.
	Payload []byte
}

// invokeFunction is arn:aws:states:::lambda:invoke.
// See https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html.
type invokeFunction struct{ s *Service }

func (i invokeFunction) call(ctx context.Context, j *job) (answer, *failure) {
	in := InvokeInput{Payload: []byte("{}")}
	fields, _ := j.parameters.(map[string]any)
	for name, v := range fields {
		if name == "Payload" {
			payload, err := expression.Marshal(v)
			if err != nil {
				return answer{}, failed(errorRuntime, "%s", err)
			}
			in.Payload = payload
			continue
		}
		text, ok := v.(string)
		if !ok {
			return answer{}, unusable(j.parameters, name)
		}
		switch name {
		case "FunctionName":
			in.FunctionName = text
		case "InvocationType":
			in.InvocationType = text
		case "LogType":
			in.LogType = text
		case "ClientContext":
			in.ClientContext = text
		case "Qualifier":
			in.Qualifier = text
		}
	}
	requestID := i.s.random.UUID()
	out, f := i.s.invoke(ctx, j.caller, in, requestID)
	if f != nil {
		return answer{}, f
	}
	return i.result(out, requestID), nil
}

func (i invokeFunction) result(out InvokeOutput, requestID string) answer {
	result := map[string]any{"StatusCode": int64(out.StatusCode), "Payload": payload(out.Payload)}
	if out.ExecutedVersion != "" {
		result["ExecutedVersion"] = out.ExecutedVersion
	}
	if out.LogResult != "" {
		result["LogResult"] = out.LogResult
	}
	return answer{result, &metadata{
		at: time.Now(), contentType: "application/json", length: len(out.Payload), requestID: requestID, function: true,
	}}
}

// functionARN is a Resource that is a function's ARN: the state's input is the
// event and the function's result is the task's.
type functionARN struct {
	s   *Service
	arn string
}

func (a functionARN) call(ctx context.Context, j *job) (answer, *failure) {
	event, err := expression.Marshal(j.parameters)
	if err != nil {
		return answer{}, failed(errorRuntime, "%s", err)
	}
	out, f := a.s.invoke(ctx, j.caller, InvokeInput{FunctionName: a.arn, Payload: event}, a.s.random.UUID())
	if f != nil {
		return answer{}, f
	}
	return answer{value: payload(out.Payload)}, nil
}

// payload is a function's result as a value: parsed, or as text where it is not
// JSON.
func payload(text []byte) any {
	v, err := expression.Parse(text)
	if err != nil {
		return string(text)
	}
	return v
}

func (s *Service) invoke(ctx context.Context, caller api.Caller, in InvokeInput, requestID string) (InvokeOutput, *failure) {
	if s.options.Invoke == nil {
		return InvokeOutput{}, lambdaDialect.failure(api.Errorf("ResourceNotFoundException", "Function not found: %s", in.FunctionName), requestID)
	}
	out, err := s.options.Invoke(ctx, caller, in)
	if err != nil {
		return out, lambdaDialect.failure(err, requestID)
	}
	if out.FunctionError != "" {
		return out, functionFailure(out.Payload)
	}
	return out, nil
}

// functionFailure is the failure of the function itself: named by the error
// type that it reported, with its whole report as the cause.
func functionFailure(report []byte) *failure {
	if v, err := expression.Parse(report); err == nil {
		if fields, ok := v.(map[string]any); ok {
			if name, ok := fields["errorType"].(string); ok && name != "" {
				return failed(name, "%s", report)
			}
		}
	}
	return failed("Lambda.Unknown", "The cause could not be determined because Lambda did not return an error type. Returned payload: %s", report)
}

// unusable is the failure of parameters that the call cannot take.
func unusable(parameters any, field string) *failure {
	return failed(errorRuntime, "The Parameters '%s' could not be used to start the Task: [%s]",
		encoded(parameters), fmt.Sprintf("The value of the field '%s' has an invalid format", field))
}
