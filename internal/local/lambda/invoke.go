package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/musterq/muster/internal/local/api"
)

// Quotas of a request.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const (
	maxRequest       = 6 << 20
	maxEvent         = 1 << 20
	maxClientContext = 3583
)

// Payload is a request's or response's body: JSON. Within a JSON document it is
// read from a string that holds JSON or from any other value as it stands, and
// written as a string, as the AWS SDK integrations of Step Functions do.
type Payload []byte

// UnmarshalJSON takes a JSON value, or the JSON within a string.
func (p *Payload) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
		*p = []byte(text)
		return nil
	}
	*p = bytes.Clone(data)
	return nil
}

// MarshalJSON writes the payload as a string.
func (p Payload) MarshalJSON() ([]byte, error) { return json.Marshal(string(p)) }

// InvokeInput is a request to run a function.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
type InvokeInput struct {
	// FunctionName is a name, a partial ARN or an ARN, each with or without a
	// qualifier.
	FunctionName string
	// InvocationType is RequestResponse, the default, Event or DryRun.
	InvocationType string `json:",omitempty"`
	// LogType is None, the default, or Tail.
	LogType string `json:",omitempty"`
	// ClientContext in base64, 3,583 bytes at most.
	ClientContext string `json:",omitempty"`
	Qualifier     string `json:",omitempty"`
	// Payload is JSON: up to 6 MB, or 1 MB for an Event. Empty counts as {}.
	Payload Payload `json:",omitempty"`
}

// InvokeOutput is how an invocation ended.
type InvokeOutput struct {
	// StatusCode is 200, 202 for an Event, 204 for a DryRun.
	StatusCode int
	// FunctionError is "Unhandled" when the function failed; Payload then says how.
	FunctionError string `json:",omitempty"`
	// LogResult is the last 4 KB of the log in base64, if asked for.
	LogResult       string `json:",omitempty"`
	ExecutedVersion string `json:",omitempty"`
	Payload         Payload
	// RequestID of the invocation, as its handler sees it.
	RequestID string `json:"-"`
}

// Invoke runs a function as a call of the embedded AWS. The end of ctx ends the
// waiting, never the invocation.
func (s *Service) Invoke(ctx context.Context, caller api.Caller, in *InvokeInput) (*InvokeOutput, error) {
	out, err := s.router.Do(ctx, api.Call{Service: "lambda", Operation: "Invoke", Caller: caller, Input: in},
		func(ctx context.Context) (any, error) {
			out, err := s.invoke(ctx, caller, in)
			if err != nil {
				return nil, err
			}
			return out, nil
		})
	if err != nil {
		return nil, err
	}
	return out.(*InvokeOutput), nil
}

func (s *Service) invoke(ctx context.Context, caller api.Caller, in *InvokeInput) (*InvokeOutput, error) {
	if err := in.validate(); err != nil {
		return nil, err
	}
	payload := []byte(in.Payload)
	if len(payload) == 0 {
		payload = []byte("{}")
	}
	ref, err := s.parseName(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	f, err := s.lookup(ref)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}

	i := &invocation{arn: s.qualified(ref), clientContext: in.ClientContext, payload: payload, tail: in.LogType == "Tail", caller: caller}
	switch in.InvocationType {
	case "DryRun":
		return &InvokeOutput{StatusCode: 204, ExecutedVersion: f.version}, nil
	case "Event":
		// Lambda passes the client context on in synchronous invocations only.
		i.clientContext = ""
		if err := s.enqueue(f, ref.qualifier, i); err != nil {
			return nil, err
		}
		return &InvokeOutput{StatusCode: 202, RequestID: i.id}, nil
	}
	if err := s.begin(f, i); err != nil {
		return nil, err
	}
	select {
	case <-i.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if i.err != nil {
		return nil, i.err
	}
	out := &InvokeOutput{StatusCode: 200, ExecutedVersion: f.version, Payload: i.result, RequestID: i.id}
	if i.failed {
		out.FunctionError = "Unhandled"
	}
	if in.LogType == "Tail" {
		out.LogResult = base64.StdEncoding.EncodeToString(i.logs)
	}
	return out, nil
}

func (in *InvokeInput) validate() error {
	switch in.InvocationType {
	case "", "RequestResponse":
		if len(in.Payload) > maxRequest {
			return tooLarge(fmt.Sprintf("Request must be smaller than %d bytes for the InvokeFunction operation", maxRequest))
		}
	case "Event":
		if len(in.Payload) > maxEvent {
			return tooLarge(fmt.Sprintf("%d byte payload is too large for the Event invocation type (limit %d bytes)", len(in.Payload), maxEvent))
		}
	case "DryRun":
	default:
		return constraint("invocationType", in.InvocationType, "Member must satisfy enum value set: [Event, RequestResponse, DryRun]")
	}
	if in.LogType != "" && in.LogType != "None" && in.LogType != "Tail" {
		return constraint("logType", in.LogType, "Member must satisfy enum value set: [None, Tail]")
	}
	if err := in.validateClientContext(); err != nil {
		return err
	}
	if len(in.Payload) > 0 && !json.Valid(in.Payload) {
		return &api.Error{
			Code: "InvalidRequestContentException", Fields: map[string]any{"Type": "User"},
			Message: "Could not parse request body into json: Could not parse payload into json: " + jsonError(in.Payload),
		}
	}
	return nil
}

func (in *InvokeInput) validateClientContext() error {
	if len(in.ClientContext) > maxClientContext {
		return constraint("clientContext", in.ClientContext[:40]+"...", fmt.Sprintf("Member must have length less than or equal to %d", maxClientContext))
	}
	decoded, err := base64.StdEncoding.DecodeString(in.ClientContext)
	if err != nil || len(decoded) > 0 && !json.Valid(decoded) {
		return &api.Error{
			Code: "InvalidRequestContentException", Message: "Client context must be a valid Base64-encoded JSON object.",
			Fields: map[string]any{"Type": "User"},
		}
	}
	return nil
}

// jsonError says where a text stops being JSON.
func jsonError(text []byte) string {
	var v json.RawMessage
	if err := json.Unmarshal(text, &v); err != nil {
		return err.Error()
	}
	return "not JSON"
}

// tooLarge is the error with the code that Lambda's front end sends; the API
// reference calls it RequestTooLargeException.
func tooLarge(message string) error {
	return &api.Error{Code: "RequestEntityTooLargeException", Message: message, Status: 413, Fields: map[string]any{"Type": "User"}}
}
