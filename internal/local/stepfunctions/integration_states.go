package stepfunctions

import "context"

// runExecution is arn:aws:states:::states:startExecution.sync and .sync:2: it
// starts an execution and waits for its end.
// See https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html.
type runExecution struct {
	start integration
	s     *Service
	json  bool
}

func (r *runExecution) call(ctx context.Context, j *job) (answer, *failure) {
	started, f := r.start.call(ctx, j)
	if f != nil {
		f.submitting = true
		return answer{}, f
	}
	j.submitted <- started
	fields, _ := started.value.(map[string]any)
	arn, _ := fields["ExecutionArn"].(string)
	child, ok := r.s.execution(arn)
	if !ok {
		return answer{}, failed(errorTaskFailed, "Execution Does Not Exist: '%s'", arn)
	}
	select {
	case <-child.done:
	case <-j.abandoned:
		// A parent that is stopped, or that has waited enough, stops the job.
		input := encoded(map[string]any{"executionArn": arn})
		if _, err := r.s.router.Call(ctx, "states", "StopExecution", j.caller, []byte(input)); err != nil {
			return answer{}, statesDialect.failure(err, r.s.random.UUID())
		}
		return answer{}, halted
	case <-ctx.Done():
		return answer{}, halted
	}
	// Step Functions looks at the execution in the role's name.
	// https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html#sync-async-iam-policies
	if err := r.s.router.Permitted(ctx, "states", "DescribeExecution", j.caller, []byte(encoded(map[string]any{"executionArn": arn}))); err != nil {
		return answer{}, statesDialect.failure(err, r.s.random.UUID())
	}
	result := r.describe(child)
	if child.status != statusSucceeded {
		return answer{}, failed(errorTaskFailed, "%s", encoded(result))
	}
	return answer{value: result}, nil
}

// describe is the result of the job, as status events describe an execution.
func (r *runExecution) describe(x *execution) map[string]any {
	included := map[string]any{"Included": true}
	result := map[string]any{
		"ExecutionArn":    x.arn,
		"Input":           x.inputText,
		"InputDetails":    included,
		"Name":            x.name,
		"StartDate":       x.started.UnixMilli(),
		"StateMachineArn": x.machine.arn,
		"Status":          string(x.status),
		"StopDate":        x.stopped.UnixMilli(),
	}
	if x.status == statusSucceeded {
		result["Output"], result["OutputDetails"] = encoded(x.output), included
		if r.json {
			result["Output"] = x.output
		}
	}
	if r.json && x.status == statusSucceeded {
		result["Input"] = x.input
	}
	if x.failure != nil {
		if x.failure.name != nil {
			result["Error"] = *x.failure.name
		}
		if text := x.failure.causeText(); text != "" {
			result["Cause"] = text
		}
	}
	return result
}
