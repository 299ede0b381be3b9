package stepfunctions

import (
	"errors"
	"fmt"

	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// Error names of the Amazon States Language.
// See https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html.
const (
	errorAll              = "States.ALL"
	errorTaskFailed       = "States.TaskFailed"
	errorTimeout          = "States.Timeout"
	errorHeartbeatTimeout = "States.HeartbeatTimeout"
	errorRuntime          = "States.Runtime"
	errorNoChoiceMatched  = "States.NoChoiceMatched"
	errorDataLimit        = "States.DataLimitExceeded"
)

// failure is an error in the sense of the States Language: what Retry and Catch
// see. A nil name or cause was never given, as by SendTaskFailure without them.
type failure struct {
	name  *string
	cause *string
	// heartbeat marks the States.Timeout of a missed heartbeat: it is reported
	// under that name and matched by States.HeartbeatTimeout as well.
	heartbeat bool
	// submitting marks the failure to start a job that a task is to wait for.
	submitting bool
}

// halted ends a thread whose execution, or whose branch, is over. It is never
// caught, retried or recorded.
var halted = &failure{}

func failed(name, format string, args ...any) *failure {
	cause := fmt.Sprintf(format, args...)
	return &failure{name: &name, cause: &cause}
}

func timedOut(heartbeat bool) *failure {
	name, cause := errorTimeout, ""
	return &failure{name: &name, cause: &cause, heartbeat: heartbeat}
}

func (f *failure) errorName() string {
	if f.name == nil {
		return ""
	}
	return *f.name
}

func (f *failure) causeText() string {
	if f.cause == nil {
		return ""
	}
	return *f.cause
}

// output is what a Catcher gets.
func (f *failure) output() any {
	out := map[string]any{"Error": nil, "Cause": nil}
	if f.name != nil {
		out["Error"] = *f.name
	}
	if f.cause != nil {
		out["Cause"] = *f.cause
	}
	return out
}

// matches says whether a name in ErrorEquals stands for the failure.
func (f *failure) matches(pattern string, dataLimitCatchable bool) bool {
	name := f.errorName()
	if name == errorRuntime {
		// Recordings made on AWS show that not even its own name catches it.
		return false
	}
	switch pattern {
	case errorAll:
		return name != errorDataLimit || dataLimitCatchable
	case errorTaskFailed:
		return name != errorTimeout && name != errorDataLimit
	case errorHeartbeatTimeout:
		return f.heartbeat
	}
	return pattern == name
}

// evaluation turns an expression's error into the failure of the state that t
// is in.
func (t *thread) evaluation(err error) *failure {
	var e *expression.Error
	if !errors.As(err, &e) {
		return t.runtime("%s", err)
	}
	if e.Name == errorRuntime {
		return t.runtime("%s", e.Cause)
	}
	return failed(e.Name, "%s", t.during(e.Cause))
}

// runtime is a States.Runtime, worded as AWS words it.
func (t *thread) runtime(format string, args ...any) *failure {
	return failed(errorRuntime, "%s", t.during(fmt.Sprintf(format, args...)))
}

func (t *thread) during(cause string) string {
	return fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s", t.state.name, t.entered, cause)
}

// tooLarge is the failure of a value above the payload quota. What names the
// state, or the kind of resource that a task called.
func tooLarge(what string) *failure {
	return failed(errorDataLimit, "The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", what)
}
