// Package steps is the steps lane: what the worker state machine's Poll and
// Settle states do, and those that hand a batch to a handler through the courier.
// Between them a [Batch] travels through the state; bodies too large for it wait
// in S3.
package steps

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/musterq/muster/internal/duplicate"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/route"
)

// lastBatch is when a successor takes over: a batch takes at most 60 of an
// execution's 25,000 events.
const lastBatch = 400

// Outcome of a message so far.
type Outcome string

const (
	// Pending is for what the process handler is yet to say.
	Pending Outcome = ""
	// Handled is done.
	Handled Outcome = "handled"
	// Filtered is done: the transform handler kept it back.
	Filtered Outcome = "filtered"
	// Failed goes back to the queue after a backoff.
	Failed Outcome = "failed"
	// Unstarted goes back to the queue at once: no handler had it.
	Unstarted Outcome = "unstarted"
	// Throttled goes back after a while: Lambda did not let its handler start.
	Throttled Outcome = "throttled"
	// Duplicate is done: one like it was handled before.
	Duplicate Outcome = "duplicate"
	// Elsewhere goes back until a time: another worker is at one like it.
	Elsewhere Outcome = "elsewhere"
	// DeadLettered is done: it was sent to the dead-letter queue.
	DeadLettered Outcome = "dead-lettered"
)

// Item is one message of a batch on its way.
type Item struct {
	queue.Held
	Outcome Outcome `json:"outcome"`
	// Stage and Reason of a failure.
	Stage  string `json:"stage"`
	Reason string `json:"reason"`
	// RetryAfterSeconds is how long a failed message stays invisible, if the
	// handler said so.
	RetryAfterSeconds *int64 `json:"retryAfterSeconds"`
	// Kept is true of a message that is held in the registry while its task runs.
	Kept bool `json:"kept,omitempty"`
	// Unmatched is true of a message that matched no route.
	Unmatched bool `json:"unmatched,omitempty"`
	// Seen is the attempt at the message, in a fleet that looks out for
	// duplicates. Until is when another's must have ended.
	Seen  *registry.Attempt `json:"seen,omitempty"`
	Until time.Time         `json:"until,omitzero"`
	// Leader is the ID of a message of the batch that is like this one: what
	// becomes of that one decides.
	Leader string `json:"leader,omitempty"`
}

// fail notes what failed the message.
func (m *Item) fail(stage handler.Stage, f message.Failure) {
	m.Outcome, m.Stage, m.Reason = Failed, string(stage), f.Reason
	if f.RetryAfter != nil {
		m.RetryAfterSeconds = aws.Int64(int64(*f.RetryAfter / time.Second))
	}
}

// Batch is what travels through the state. Every field is always there, for a
// missing path cannot be caught.
type Batch struct {
	// Next is the state to go to, by the names in next.go, or poll, settle, go home,
	// hand over or relieved.
	Next string `json:"next"`
	// Seq numbers the polls of an execution: a late poll is told by it.
	Seq int64 `json:"seq"`
	// Empty is for how many seconds polls have found nothing.
	Empty int `json:"empty"`
	// BusyUntil is when the batch's handlers must have ended.
	BusyUntil string `json:"busyUntil"`
	// Event for the next handler. Without records while Object holds it.
	Event message.Event `json:"event"`
	// Object is the key of the event in the bucket. Empty if it was never there.
	Object   string `json:"object"`
	Messages []Item `json:"messages"`
	// Handler is the ARN of what processes the batch, TransformHandler that of the
	// transform handler. Handler is empty in an execution of a definition that
	// names it itself.
	Handler          string `json:"handler"`
	TransformHandler string `json:"transformHandler"`
	// Job is what starts the job of a fleet whose target is one. Nil for others.
	Job *Job `json:"job"`
	// Reply is what is kept of a handler's reply, Error what was caught instead,
	// Silence the same of a task whose heartbeats stopped: all are the state
	// machine's to write.
	Reply   *Reply      `json:"reply"`
	Error   *StateError `json:"error"`
	Silence *StateError `json:"silence"`
}

// Reply is what the state machine keeps of a handler's reply: the values of the
// members batchItemFailures and, misspelt, BatchItemFailures of a process
// handler's, or all that was reported with a transform task's token.
type Reply struct {
	Failures    []json.RawMessage `json:"failures,omitempty"`
	Misspelt    []json.RawMessage `json:"misspelt,omitempty"`
	Transformed json.RawMessage   `json:"transformed,omitempty"`
}

// StateError is an error as a Catch puts it into state.
type StateError struct {
	Error string `json:"Error"`
	Cause string `json:"Cause"`
	// redact keeps the cause out of what is told.
	redact bool
}

// Lane runs the functions of the steps lane.
type Lane struct {
	config   fleet.Settings
	job      fleet.Job
	queue    *queue.Queue
	registry *registry.Registry
	invoker  *handler.Invoker
	objects  *s3.Client
	keeper   *hold.Keeper
	routes   *route.Routes
	guard    *duplicate.Guard
}

// New makes the steps lane. The job is what a fleet whose target is one starts,
// the machine the ARN of the worker state machine, which polls alone need.
func New(cfg aws.Config, c fleet.Settings, job fleet.Job, machine string) (*Lane, error) {
	routes, err := route.Parse(c.Routes)
	if err != nil {
		return nil, err
	}
	r := registry.New(cfg, c.Table, c.Fleet)
	guard, err := duplicate.Open(r, c.DuplicateKey, c.DuplicateWindow)
	if err != nil {
		return nil, err
	}
	return &Lane{
		config:   c,
		job:      job,
		queue:    queue.New(cfg, c.QueueURL, c.QueueARN),
		registry: r,
		invoker:  handler.New(cfg, c.RedactErrors),
		objects:  s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }),
		keeper:   hold.New(cfg, c, machine),
		routes:   routes,
		guard:    guard,
	}, nil
}

// target is the handler of a stage, for a batch.
func (l *Lane) target(stage handler.Stage, b Batch) handler.Target {
	if stage == handler.Transform {
		return l.config.Transform
	}
	t := l.config.Process
	t.Async = l.config.Mode == fleet.Async
	if b.Handler != "" {
		t.ARN = b.Handler
	}
	return t
}
