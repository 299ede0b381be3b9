package steps

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/musterq/muster/internal/message"
)

// failure words what a Catch caught. A function's own error, what a task said
// when it failed, and how a job ended are in the cause, which may set the
// message's backoff.
func (e StateError) failure() message.Failure {
	if e.Error == "States.DataLimitExceeded" {
		return message.Failure{Reason: "its reply is over the 256 KiB that a state machine can take: reply with batchItemFailures only, or use the stream lane"}
	}
	f := message.Failure{Reason: e.Error}
	if e.Cause != "" && e.redact {
		f.Reason += ": " + message.Redact(e.Cause)
	} else if e.Cause != "" {
		f.Reason += ": " + e.Cause
	}
	if e.Error == "" {
		f.Reason = strings.TrimPrefix(f.Reason, ": ")
	}
	if f.Reason == "" {
		f.Reason = "it failed without saying why"
	}
	var c cause
	if json.Unmarshal([]byte(e.Cause), &c) != nil {
		return f
	}
	switch {
	case c.ErrorMessage != "":
		f.Reason = strings.TrimPrefix(e.Error+": "+c.ErrorMessage, ": ")
	case c.job() != "":
		f.Reason = c.job()
	}
	if e.redact {
		f.Reason = strings.TrimPrefix(e.Error+": "+message.Redact(e.Cause), ": ")
	}
	f.Retry(c.RetryAfterSeconds)
	if e.redact {
		f = f.Redacted()
	}
	return f
}

// cause is what of the JSON in causes says why something failed: of a function,
// of a task, and of the jobs that Step Functions waits for.
type cause struct {
	// ErrorMessage of a function, or of a task that reports as functions do.
	ErrorMessage      string          `json:"errorMessage"`
	RetryAfterSeconds json.RawMessage `json:"retryAfterSeconds"`

	// An ECS task.
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
	TaskArn       string
	StoppedReason string
	Containers    []container

	// A Batch job.
	// https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDetail.html
	JobID        string `json:"JobId"`
	StatusReason string
	Container    *container

	// A CodeBuild build.
	// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_Build.html
	Build *struct {
		ID          string `json:"Id"`
		BuildStatus string
		Phases      []struct {
			PhaseType   string
			PhaseStatus string
			Contexts    []struct{ Message string }
		}
	}

	// An execution.
	// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
	ExecutionArn string
	Status       string
	Error        string
	Cause        string
}

type container struct {
	Name     string
	ExitCode *int
	Reason   string
}

func (c container) String() string {
	var parts []string
	if c.ExitCode != nil {
		parts = append(parts, fmt.Sprintf("exit code %d", *c.ExitCode))
	}
	if c.Reason != "" {
		parts = append(parts, c.Reason)
	}
	return strings.TrimSpace(c.Name + " " + strings.Join(parts, ", "))
}

// job words how a job ended. Empty if the cause is no job's.
func (c cause) job() string {
	var parts []string
	say := func(format, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	switch {
	case c.TaskArn != "":
		for _, one := range c.Containers {
			if one.ExitCode == nil || *one.ExitCode != 0 || one.Reason != "" {
				say("container %s", one.String())
			}
		}
		say("%s", c.StoppedReason)
		say("%s", c.TaskArn)
	case c.JobID != "":
		if c.Container != nil {
			say("%s", c.Container.String())
		}
		say("%s", c.StatusReason)
		say("Batch job %s", c.JobID)
	case c.Build != nil:
		say("build %s", c.Build.BuildStatus)
		for _, phase := range c.Build.Phases {
			if phase.PhaseStatus == "" || phase.PhaseStatus == "SUCCEEDED" {
				continue
			}
			say("phase %s", phase.PhaseType+" "+phase.PhaseStatus)
			for _, context := range phase.Contexts {
				say("%s", context.Message)
			}
		}
		say("%s", c.Build.ID)
	case c.ExecutionArn != "":
		say("execution %s", c.Status)
		say("%s", strings.Trim(c.Error+": "+c.Cause, ": "))
		say("%s", c.ExecutionArn)
	}
	return strings.Join(parts, "; ")
}
