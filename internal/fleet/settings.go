// Package fleet is what a fleet is set to: the template's parameters as Muster's
// functions get them, and which of them cannot work together.
package fleet

import (
	"time"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
)

// Lane is how a worker handles messages.
type Lane string

const (
	// Auto is steps for what only a state machine can wait for, task tokens and
	// jobs, and stream for all else.
	Auto Lane = "auto"
	// Stream runs many batches at once inside one Lambda function.
	Stream Lane = "stream"
	// Steps makes every stage a state of the worker state machine.
	Steps Lane = "steps"
)

// Resolve chooses the lane where it is [Auto].
func (l Lane) Resolve(mode, transformMode Mode, target Target) Lane {
	switch {
	case l != Auto:
		return l
	case mode == Callback, transformMode == Callback, target != Lambda:
		return Steps
	}
	return Stream
}

// Mode is how a stage's handler is invoked.
type Mode string

const (
	// Sync waits for the handler's reply.
	Sync Mode = "sync"
	// Async hands the event to Lambda's own queue and does not wait.
	Async Mode = "async"
	// Callback waits until the task token that the handler got is reported.
	Callback Mode = "callback"
)

// Target is what processes messages.
type Target string

const (
	// Lambda functions: the process handler and the routes' handlers.
	Lambda Target = "lambda"
	// Execution of a state machine of the team's own.
	Execution Target = "execution"
	// ECS task.
	ECS Target = "ecs"
	// Batch job.
	Batch Target = "batch"
	// CodeBuild build.
	CodeBuild Target = "codebuild"
)

// Unmatched is what becomes of messages that match no route.
type Unmatched string

const (
	// ToHandler gives them to the process handler.
	ToHandler Unmatched = "handler"
	// ToDeadLetters moves them to the dead-letter queue.
	ToDeadLetters Unmatched = "dead-letter"
	// Drop acknowledges them, as an event source mapping does.
	Drop Unmatched = "drop"
)

// Bodies says which bodies may travel through the state of an execution, which
// its history keeps.
type Bodies string

const (
	// SmallBodies travel through state; larger ones wait in S3.
	SmallBodies Bodies = "small"
	// NoBodies do: all wait in S3.
	NoBodies Bodies = "never"
)

// Settings of a fleet.
type Settings struct {
	// Fleet is its name: the stack's.
	Fleet string
	// Table is the registry's.
	Table string
	// Bucket where large bodies wait.
	Bucket   string
	QueueURL string
	QueueARN string
	// DeadLetterURL is the dead-letter queue's. Empty where a queue that the fleet
	// did not make has none.
	DeadLetterURL string
	DeadLetterARN string
	// Fifo is true of a FIFO queue.
	Fifo bool

	Lane   Lane
	Target Target
	// Mode of the process stage, TransformMode of the transform stage.
	Mode          Mode
	TransformMode Mode
	// Process is the handler of the process stage, unless Target is another. Its
	// time-out is that of what processes, whatever it is.
	Process handler.Target
	// Transform is optional.
	Transform handler.Target
	// Heartbeat is how long a task of callback mode may be silent, and for how
	// long the message of a job is held after its worker died. No longer than the
	// longest that is waited for may take.
	Heartbeat time.Duration

	// BatchSize is the most messages of one event.
	BatchSize int
	// BatchingWindow is how long messages are gathered for one event. 0 takes what
	// one receive brings.
	BatchingWindow time.Duration
	// Idle is how long a worker finds nothing before it goes home.
	Idle time.Duration

	// Routes is the JSON of the routes. Empty for none.
	Routes    string
	Unmatched Unmatched

	// MaxReceives is how often a message is received before it is dead-lettered.
	MaxReceives int
	Backoff     message.Backoff

	// DuplicateWindow is how long a message that was handled is known as such. 0
	// for not at all.
	DuplicateWindow time.Duration
	// DuplicateKey is what makes two messages the same: messageId,
	// deduplicationId, attribute:NAME, or a JSONPath into the body.
	DuplicateKey string

	BodiesInState Bodies
	// RedactErrors keeps the texts of the handlers' own errors out of all that is
	// recorded: their types and hashes are.
	RedactErrors bool
	// PumpMemory of the pump's function in MB. Defaults to 128.
	PumpMemory int
}

// Waits says whether the state machine waits for the end of what a stage starts,
// for as long as that may take: a task with a token, or a job.
func (s Settings) Waits(stage handler.Stage) bool {
	if stage == handler.Transform {
		return s.Transform.Is() && s.TransformMode == Callback
	}
	return s.Mode == Callback || s.Target != Lambda
}

// Single says whether a handler gets one message at a time: a task token and a
// job are for one, and in a FIFO queue each must be settled before its successor
// starts.
func (s Settings) Single() bool {
	return s.Waits(handler.Transform) || s.Waits(handler.Process) || s.Fifo
}

// Batch is the most messages that one event holds. In the steps lane a batch has
// one handler, and with routes each message its own.
func (s Settings) Batch() int {
	if s.Single() || s.Lane == Steps && s.Routes != "" {
		return 1
	}
	return s.BatchSize
}

// Handlers is how long both handlers of a batch take at most.
func (s Settings) Handlers() time.Duration { return s.Process.Timeout + s.Transform.Timeout }

// Job is what a job's start needs beside its message. It travels with each batch,
// since a definition cannot take lists from the template.
type Job struct {
	ARN string `json:"arn"`
	// QueueARN is that of the ECS cluster or the Batch job queue.
	QueueARN       string   `json:"queueArn"`
	Container      string   `json:"container"`
	Subnets        []string `json:"subnets"`
	SecurityGroups []string `json:"securityGroups"`
	LaunchType     string   `json:"launchType"`
	PublicIP       string   `json:"publicIp"`
}
