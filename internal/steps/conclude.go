package steps

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
)

// throttles are the errors of starts that a service put off: no failed attempt.
var throttles = map[string]bool{
	throttledName:                                   true,
	"StepFunctions.ExecutionLimitExceeded":          true,
	"StepFunctions.ExecutionLimitExceededException": true,
	"StepFunctions.ThrottlingException":             true,
	"ECS.ThrottlingException":                       true,
	"Batch.ThrottlingException":                     true,
	"CodeBuild.AccountLimitExceededException":       true,
	"CodeBuild.ThrottlingException":                 true,
}

// unmodelled are the errors that stand for all that a service's API model has no
// exception for: the base exceptions of the AWS SDK for Java, of version 1 in the
// optimised integrations and of version 2 in those of the SDK.
var unmodelled = map[string]bool{
	"ECS.AmazonECSException":          true,
	"Batch.AWSBatchException":         true,
	"Batch.BatchException":            true,
	"CodeBuild.AWSCodeBuildException": true,
	"CodeBuild.CodeBuildException":    true,
}

// throttled says whether a service put a start off. Batch answers too many starts
// with an exception that its model lacks: the cause alone tells.
// https://repost.aws/knowledge-center/aws-batch-requests-error
func (e StateError) throttled() bool {
	said := strings.Contains(e.Cause, "Status Code: 429") || strings.HasPrefix(e.Cause, "Rate exceeded")
	return throttles[e.Error] || unmodelled[e.Error] && said
}

// conclude gives the messages that are still pending their outcome: what the
// state machine caught, or what the process handler reported.
func (in *SettleInput) conclude() {
	var pending []message.Record
	for _, m := range in.Messages {
		if m.Outcome == Pending {
			pending = append(pending, message.Record{MessageID: m.MessageID})
		}
	}
	// otherwise is the outcome of what did not fail.
	otherwise := Handled
	failures := message.Failures{}
	switch {
	case in.Silence != nil:
		// The silence was its backoff.
		silent := message.Failure{Reason: "the task sent no heartbeat in time", RetryAfter: aws.Duration(0)}
		for _, r := range pending {
			failures[r.MessageID] = silent
		}
	case in.Error != nil && in.Error.throttled():
		otherwise = Throttled
	case in.Error != nil && in.Error.Error == notStarted:
		otherwise = Unstarted
	case in.Error != nil:
		f := in.Error.failure()
		for _, r := range pending {
			failures[r.MessageID] = f
		}
	case in.Reply == nil || in.Reply.Failures == nil:
		// A wildcard that finds nothing is an empty list. Anything else does not
		// say that the messages were handled, and to take it so would lose them.
		failures = message.All(pending, "the state machine kept no list of failures of the handler's reply")
	default:
		for _, list := range in.Reply.Failures {
			maps.Copy(failures, message.FailedItems(pending, list))
		}
		for _, list := range in.Reply.Misspelt {
			maps.Copy(failures, message.MisspeltItems(pending, list))
		}
	}
	if in.redact {
		failures = failures.Redacted()
	}
	for i := range in.Messages {
		m := &in.Messages[i]
		if m.Outcome != Pending {
			continue
		}
		f, bad := failures[m.MessageID]
		if !bad {
			m.Outcome = otherwise
			continue
		}
		f.Reason = in.who() + ": " + f.Reason
		m.fail(in.stage(), f)
	}
}

// stage is the stage that had the batch.
func (in *SettleInput) stage() handler.Stage {
	if strings.HasPrefix(in.Stage, string(handler.Transform)) {
		return handler.Transform
	}
	return handler.Process
}

// who names what had the batch.
func (in *SettleInput) who() string {
	for _, names := range jobNext {
		if in.Stage != "" && (in.Stage == names.job || in.Stage == names.task) {
			return "job"
		}
	}
	return fmt.Sprintf("%s handler", in.stage())
}

// delay is how long a failed message stays invisible.
func (m *Item) delay(b message.Backoff) time.Duration {
	if m.RetryAfterSeconds != nil {
		return time.Duration(*m.RetryAfterSeconds) * time.Second
	}
	return b.Delay(m.Receives)
}
