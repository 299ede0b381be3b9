package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
)

const (
	// maxFunction is the longest that Lambda lets a function run.
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	maxFunction = 15 * time.Minute
	// maxCarried is the longest that a handler may take which another function
	// invokes and waits for.
	maxCarried = 14 * time.Minute
	// maxTask is the longest that an execution may wait.
	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
	maxTask = 365 * 24 * time.Hour
	// maxFifoTask is the longest that a message of a FIFO queue can be held: what
	// SQS allows, less the time that giving it back takes. Taken out of its queue
	// it would no longer block its group.
	maxFifoTask = message.MaxVisibility - time.Hour
	// maxReceive is the most messages of one receive.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
	maxReceive = 10
)

// Validate refuses settings that cannot work together, each with its reason and
// the remedy.
func (s Settings) Validate() error {
	var errs []error
	refuse := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	known(&errs, "Lane", s.Lane, Stream, Steps)
	known(&errs, "Target", s.Target, Lambda, Execution, ECS, Batch, CodeBuild)
	known(&errs, "Mode", s.Mode, Sync, Async, Callback)
	known(&errs, "TransformMode", s.TransformMode, Sync, Async, Callback)
	known(&errs, "Unmatched", s.Unmatched, ToHandler, ToDeadLetters, Drop)
	known(&errs, "BodiesInState", s.BodiesInState, SmallBodies, NoBodies)

	job := s.Target != Lambda
	waits := s.Waits(handler.Process)
	refuse(!job && !s.Process.Is(), "ProcessHandler is empty: name the function that processes messages, or set Target to a job")
	refuse(job && s.Lane != Steps, "Target is %s and Lane is %s: a job outlasts a shift; use Lane steps", s.Target, s.Lane)
	refuse(job && s.Mode == Async, "Target is %s and Mode is async: a job's message is held until the job ends; use Mode sync, or callback with a task token", s.Target)
	refuse(job && s.Routes != "", "Target is %s and there are Routes: routes choose between Lambda functions; use one fleet for each job", s.Target)
	refuse(s.Mode == Callback && s.Lane != Steps, "Mode is callback and Lane is %s: only a state machine waits for a task token; use Lane steps", s.Lane)
	refuse(s.TransformMode == Async, "TransformMode is async: the transform handler's reply is the messages to process, and an asynchronous invocation has none; use sync or callback")
	refuse(s.TransformMode == Callback && s.Transform.Is() && s.Lane != Steps, "TransformMode is callback and Lane is %s: only a state machine waits for a task token; use Lane steps", s.Lane)
	refuse(s.TransformMode == Callback && s.Transform.Is() && s.BodiesInState == NoBodies, "TransformMode is callback and BodiesInState is never: what is reported with a task token is kept in the execution's history; use TransformMode sync")
	refuse(s.BodiesInState == NoBodies && s.Lane == Steps && !waits && s.Mode == Sync && s.Process.Timeout > maxCarried, "BodiesInState is never and ProcessTimeoutSeconds is %d: a function of Muster's hands the bodies to the handler and waits for it, for %d seconds at most; use Mode callback or Lane stream", seconds(s.Process.Timeout), seconds(maxCarried))
	named := strings.HasSuffix(s.QueueARN, ".fifo")
	refuse(named && !s.Fifo, "Fifo is false and the queue is %s, a FIFO queue: set Fifo to true", s.QueueARN)
	refuse(s.Fifo && s.QueueARN != "" && !named, "Fifo is true and the queue is %s, no FIFO queue, whose name would end with .fifo: set Fifo to false", s.QueueARN)
	refuse(s.DeadLetterARN != "" && place(s.DeadLetterARN) != place(s.QueueARN), "DeadLetterQueueArn is %s and the queue is %s: a queue's dead-letter queue is in its account and region; name the one of its redrive policy", s.DeadLetterARN, s.QueueARN)
	deadNamed := strings.HasSuffix(s.DeadLetterARN, ".fifo")
	refuse(s.DeadLetterARN != "" && deadNamed != named, "DeadLetterQueueArn is %s and the queue is %s, and only one of them is a FIFO queue: name the dead-letter queue of its redrive policy", s.DeadLetterARN, s.QueueARN)
	refuse(s.QueueARN != "" && s.DeadLetterURL == "" && (waits || s.Waits(handler.Transform)), "Mode %s, TransformMode %s or Target %s keeps messages of long tasks out of the queue for a while, and there is no dead-letter queue for those that failed too often: set DeadLetterQueueArn", s.Mode, s.TransformMode, s.Target)
	refuse(s.QueueARN != "" && s.DeadLetterURL == "" && s.Unmatched == ToDeadLetters, "Unmatched is dead-letter and there is no dead-letter queue: set DeadLetterQueueArn")
	refuse(s.Fifo && s.Mode == Async, "the queue is FIFO and Mode is async: Lambda starts asynchronous events in any order; use Mode sync")
	refuse(s.Fifo && s.BatchingWindow > 0, "the queue is FIFO and BatchingWindowSeconds is %d: no message starts before its predecessor is settled, so there is nothing to gather; use 0", seconds(s.BatchingWindow))
	refuse(s.Fifo && (waits || s.TransformMode == Callback && s.Transform.Is()) && s.Handlers() > maxFifoTask, "the queue is FIFO and its tasks may take %d seconds, ProcessTimeoutSeconds and TransformTimeoutSeconds together: SQS holds a message for 12 hours and no longer, and out of its queue it would not block its group; let them take at most %d", seconds(s.Handlers()), seconds(maxFifoTask))
	refuse(!waits && s.Process.Timeout > maxFunction, "ProcessTimeoutSeconds is %d and Mode is %s: a Lambda function runs for 900 seconds at most; use Mode callback or a job as Target", seconds(s.Process.Timeout), s.Mode)
	refuse(s.Process.Timeout > maxTask, "ProcessTimeoutSeconds is %d: an execution waits for a year at most, %d", seconds(s.Process.Timeout), seconds(maxTask))
	refuse(s.TransformMode != Callback && s.Transform.Timeout > maxCarried, "TransformTimeoutSeconds is %d and TransformMode is %s: a function of Muster's invokes the transform handler and waits for it, for %d seconds at most; use TransformMode callback", seconds(s.Transform.Timeout), s.TransformMode, seconds(maxCarried))
	refuse(s.BatchSize > maxReceive && s.Lane != Stream, "BatchSize is %d and Lane is %s: only the stream lane gathers more messages than the 10 of one receive; use Lane stream", s.BatchSize, s.Lane)
	refuse(s.BatchSize > maxReceive && s.BatchingWindow == 0 && !s.Single(), "BatchSize is %d and BatchingWindowSeconds is 0: one receive brings 10 messages at most; set BatchingWindowSeconds", s.BatchSize)
	refuse(s.BatchingWindow > 0 && s.Lane != Stream, "BatchingWindowSeconds is %d and Lane is %s: only the stream lane gathers messages; use Lane stream", seconds(s.BatchingWindow), s.Lane)
	refuse(s.Unmatched != ToHandler && s.Routes == "", "Unmatched is %s and there are no Routes: every message is unmatched; set Routes", s.Unmatched)
	errs = append(errs, s.validateRouting())
	return errors.Join(errs...)
}

// Validate refuses a job that cannot start, for the target that it is.
func (j Job) Validate(target Target) error {
	var errs []error
	need := func(value, parameter, what string) {
		if value == "" {
			errs = append(errs, fmt.Errorf("Target is %s and %s is empty: name %s", target, parameter, what))
		}
	}
	switch target {
	case Execution:
		need(j.ARN, "JobArn", "the state machine")
	case ECS:
		need(j.ARN, "JobArn", "the task definition")
		need(j.QueueARN, "JobQueueArn", "the cluster")
		need(j.Container, "JobContainer", "the container that gets the message")
		need(strings.Join(j.Subnets, ","), "JobSubnets", "the task's subnets")
	case Batch:
		need(j.ARN, "JobArn", "the job definition")
		need(j.QueueARN, "JobQueueArn", "the job queue")
	case CodeBuild:
		need(j.ARN, "JobArn", "the project")
	}
	return errors.Join(errs...)
}

// place of a resource: the partition, service, region and account of its ARN.
func place(arn string) string {
	parts := strings.SplitAfterN(arn, ":", 6)
	return strings.Join(parts[:len(parts)-1], "")
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// known refuses a value that is none of those allowed.
func known[T ~string](errs *[]error, name string, value T, allowed ...T) {
	if !slices.Contains(allowed, value) {
		*errs = append(*errs, fmt.Errorf("%s is %q, it must be one of %v", name, value, allowed))
	}
}
