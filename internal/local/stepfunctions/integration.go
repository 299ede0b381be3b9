package stepfunctions

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// integration makes the call of a task. It runs beside the execution's thread
// and outlives it: neither a time-out of the task nor the end of the execution
// takes back a call that was sent.
type integration interface {
	call(ctx context.Context, j *job) (answer, *failure)
}

// job is one attempt at a task.
type job struct {
	caller     api.Caller
	parameters any
	// submitted takes the answer that starts a job, which is not yet the result.
	submitted chan<- answer
	// abandoned is closed when nobody waits for a job any more.
	abandoned <-chan struct{}
}

// routed calls an operation of a service of this account.
type routed struct {
	s                  *Service
	service, operation string
	dialect            dialect
	// camel is for services whose members are camelCase on the wire: in a state
	// machine they are PascalCase.
	camel bool
	// named are members whose own members' names are the user's, and dates those
	// that are timestamps: numbers on the wire, text in a state machine.
	named, dates []string
	// texts are members that are strings of JSON on the wire. A state machine
	// may give the JSON itself.
	texts []string
	// metadata adds SdkHttpMetadata to the result, as optimised integrations do.
	metadata bool
}

func (r *routed) call(ctx context.Context, j *job) (answer, *failure) {
	requestID := r.s.random.UUID()
	input, err := expression.Marshal(r.encode(j.parameters))
	if err != nil {
		return answer{}, failed(errorRuntime, "%s", err)
	}
	output, err := r.s.router.Call(ctx, r.service, r.operation, j.caller, input)
	if err != nil {
		return answer{}, r.dialect.failure(err, requestID)
	}
	text, err := json.Marshal(output)
	if err != nil {
		return answer{}, r.dialect.failure(err, requestID)
	}
	result, err := expression.Parse(text)
	if err != nil {
		return answer{}, r.dialect.failure(err, requestID)
	}
	if r.camel {
		result = r.pascal(result)
	}
	a := answer{value: result}
	if r.metadata {
		a.http = &metadata{at: time.Now(), contentType: "application/x-amz-json-1.0", length: len(text), requestID: requestID}
	}
	return a, nil
}

// encode turns parameters into the wire's form.
func (r *routed) encode(v any) any {
	if !r.camel && len(r.texts) == 0 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			switch e.(type) {
			case string, nil:
			default:
				if slices.Contains(r.texts, k) {
					e = encoded(e)
					break
				}
				if !slices.Contains(r.named, k) {
					e = r.encode(e)
				}
			}
			if r.camel {
				k = strings.ToLower(k[:min(1, len(k))]) + k[min(1, len(k)):]
			}
			out[k] = e
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = r.encode(e)
		}
		return out
	}
	return v
}

// pascal turns an answer into a state machine's form.
func (r *routed) pascal(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			k = strings.ToUpper(k[:min(1, len(k))]) + k[min(1, len(k)):]
			if at, ok := numeric(e); ok && slices.Contains(r.dates, k) {
				out[k] = clock(unix(at))
				continue
			}
			if !slices.Contains(r.named, k) {
				e = r.pascal(e)
			}
			out[k] = e
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = r.pascal(e)
		}
		return out
	}
	return v
}
