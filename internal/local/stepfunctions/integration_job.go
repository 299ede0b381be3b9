package stepfunctions

import (
	"context"
	"encoding/json"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// startJob starts a job and does not wait for it, or waits for its token.
type startJob struct {
	s       *Service
	service *jobService
	pattern pattern
}

func (i startJob) call(ctx context.Context, j *job) (answer, *failure) {
	requestID := i.s.random.UUID()
	result, length, f := i.send(ctx, j, i.service.start, i.service.form.wire(j.parameters), requestID)
	if f != nil {
		return answer{}, f
	}
	if i.pattern != requestResponse && i.service.rejected != nil {
		if f := i.service.rejected(result); f != nil {
			return answer{}, f
		}
	}
	return answer{result, &metadata{at: time.Now(), contentType: i.service.contentType, length: length, requestID: requestID}}, nil
}

// send calls an operation of the service and returns its answer in a state
// machine's form, with its length on the wire.
func (i startJob) send(ctx context.Context, j *job, operation string, parameters any, requestID string) (map[string]any, int, *failure) {
	input, err := expression.Marshal(parameters)
	if err != nil {
		return nil, 0, failed(errorRuntime, "%s", err)
	}
	output, err := i.s.router.Call(ctx, i.service.service, operation, j.caller, input)
	if err != nil {
		return nil, 0, i.service.dialect.failure(err, requestID)
	}
	text, err := json.Marshal(output)
	if err != nil {
		return nil, 0, i.service.dialect.failure(err, requestID)
	}
	parsed, err := expression.Parse(text)
	if err != nil {
		return nil, 0, i.service.dialect.failure(err, requestID)
	}
	result, ok := i.service.pascal(parsed).(map[string]any)
	if !ok {
		return nil, 0, i.service.dialect.failure(api.Errorf("InternalFailure", "The answer to %s is no object.", operation), requestID)
	}
	return result, len(text), nil
}

// runJobOf starts a job and waits for its end: ".sync".
// See https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync.
type runJobOf struct{ startJob }

func (r runJobOf) call(ctx context.Context, j *job) (answer, *failure) {
	started, f := r.startJob.call(ctx, j)
	if f != nil {
		f.submitting = true
		return answer{}, f
	}
	j.submitted <- started
	fields, _ := started.value.(map[string]any)
	names := r.service.job(fields)
	heard := r.s.heard(names.id)
	look, wait := time.NewTimer(firstLook), firstLook
	defer look.Stop()
	if heard != nil {
		look.Stop()
	}
	for {
		select {
		case <-heard:
			heard = nil
		case <-look.C:
		case <-j.abandoned:
			return answer{}, r.abandon(ctx, j, names)
		case <-ctx.Done():
			return answer{}, halted
		}
		// The job goes on, whatever becomes of a look at it.
		described, _, f := r.send(ctx, j, r.service.describe, names.describe, r.s.random.UUID())
		if f == nil {
			switch o := r.service.outcome(described); {
			case o.result == nil:
				return answer{}, failed(errorTaskFailed, "%s", encoded(described))
			case o.ended && o.succeeded:
				return answer{value: o.result}, nil
			case o.ended:
				return answer{}, failed(errorTaskFailed, "%s", encoded(o.result))
			}
		}
		look.Reset(wait)
		wait = min(2*wait, lastLook)
	}
}

// abandon stops a job that nobody waits for any more. It is tried once, and
// nobody hears what comes of it.
func (r runJobOf) abandon(ctx context.Context, j *job, names jobNames) *failure {
	if _, _, f := r.send(ctx, j, r.service.stop, names.stop, r.s.random.UUID()); f != nil {
		return f
	}
	return halted
}

// heard is closed when a job is heard to have ended. Nil where nothing is heard.
func (s *Service) heard(id string) <-chan struct{} {
	if s.options.JobEnded == nil {
		return nil
	}
	return s.options.JobEnded(id)
}

// How long Step Functions waits between two looks at a job: the second while it
// hears nothing of it.
const (
	firstLook = time.Second
	lastLook  = time.Minute
)
