// Package steps is the steps lane: what the worker state machine's Poll,
// Transform, Process large and Settle states do. Between them a [Batch] travels
// through the state; bodies too large for it wait in S3.
package steps

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

const (
	// maxInline is the largest encoded event that travels in state. The whole
	// state stays under 200 KiB of the 256 KiB that Step Functions allows.
	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
	maxInline = 150 * 1024
	// longPoll is SQS's longest wait.
	longPoll = 20 * time.Second
	// overhead of a state beside the handler's own time: cold starts, S3,
	// throttled transitions.
	overhead = 30 * time.Second
	// lastBatch is when a successor takes over: a batch takes at most 60 of an
	// execution's 25,000 events.
	lastBatch = 400
)

// Timeouts of the worker state machine's tasks, in seconds: part of a worker's
// input, since a definition cannot take numbers from the template.
type Timeouts struct {
	Transform    int `json:"transform"`
	Process      int `json:"process"`
	ProcessLarge int `json:"processLarge"`
}

// TimeoutsOf gives each task its handler's time-out and what comes on top.
func TimeoutsOf(process, transform time.Duration) Timeouts {
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	return Timeouts{
		Transform:    seconds(transform + handler.Patience + overhead),
		Process:      seconds(process + overhead),
		ProcessLarge: seconds(process + handler.Patience + overhead),
	}
}

// busyFor is how long after a poll began its handlers may run: the wait, then
// each stage with its throttling.
func busyFor(c fleet.Settings) time.Duration {
	d := longPoll + c.Process.Timeout + handler.Patience + 2*overhead
	if c.Transform.Is() {
		d += c.Transform.Timeout + handler.Patience + 2*overhead
	}
	return d + registry.ClockMargin
}

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
}

// fail notes what failed the message.
func (m *Item) fail(stage handler.Stage, f message.Failure) {
	m.Outcome, m.Stage, m.Reason = Failed, string(stage), f.Reason
	if f.RetryAfter != nil {
		m.RetryAfterSeconds = aws.Int64(int64(*f.RetryAfter / time.Second))
	}
}

// delay is how long a failed message stays invisible.
func (m *Item) delay(b message.Backoff) time.Duration {
	if m.RetryAfterSeconds != nil {
		return time.Duration(*m.RetryAfterSeconds) * time.Second
	}
	return b.Delay(m.Receives)
}

// Batch is what travels through the state. Every field is always there, for a
// missing path cannot be caught.
type Batch struct {
	// Next is the state to go to: process, process large, transform, settle,
	// poll, go home, hand over or relieved.
	Next string `json:"next"`
	// Seq numbers the polls of an execution: a late poll is told by it.
	Seq int64 `json:"seq"`
	// Empty is for how many seconds polls have found nothing.
	Empty int `json:"empty"`
	// BusyUntil is when the batch's handlers must have ended.
	BusyUntil string `json:"busyUntil"`
	// Event for the process handler. Without records while Object holds it.
	Event message.Event `json:"event"`
	// Object is the key of the event in the bucket. Empty if it was never there.
	Object   string `json:"object"`
	Messages []Item `json:"messages"`
	// Reply holds the process handler's failed identifiers, Error what was caught
	// instead: both are the state machine's to write.
	Reply *Reply      `json:"reply"`
	Error *StateError `json:"error"`
}

// Reply is what the state machine keeps of a process handler's reply: the values
// of its members batchItemFailures and, misspelt, BatchItemFailures.
type Reply struct {
	Failures []json.RawMessage `json:"failures"`
	Misspelt []json.RawMessage `json:"misspelt"`
}

// StateError is an error as a Catch puts it into state.
type StateError struct {
	Error string `json:"Error"`
	Cause string `json:"Cause"`
}

// Lane runs the functions of the steps lane.
type Lane struct {
	config   fleet.Settings
	queue    *queue.Queue
	registry *registry.Registry
	invoker  *handler.Invoker
	objects  *s3.Client
}

// New makes the steps lane.
func New(cfg aws.Config, c fleet.Settings) *Lane {
	return &Lane{
		config:   c,
		queue:    queue.New(cfg, c.QueueURL, c.QueueARN),
		registry: registry.New(cfg, c.Table, c.Fleet),
		invoker:  handler.New(cfg),
		objects:  s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }),
	}
}

// target is the handler of a stage.
func (l *Lane) target(stage handler.Stage) handler.Target {
	if stage == handler.Transform {
		return l.config.Transform
	}
	return l.config.Process
}

// carry puts records into the batch, or into the bucket if they are too large
// for state.
func (l *Lane) carry(ctx context.Context, b *Batch, records []message.Record, newKey string) error {
	event := message.Event{Records: records}
	payload, err := event.Encode()
	if err != nil {
		return err
	}
	if len(payload) <= maxInline {
		b.Event, b.Next = event, "process"
		return nil
	}
	if b.Object == "" {
		b.Object = newKey
	}
	_, err = l.objects.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &l.config.Bucket, Key: &b.Object, Body: bytes.NewReader(payload), ContentType: aws.String("application/json"),
	})
	if err != nil {
		return fmt.Errorf("put a batch of %d bytes into bucket %s: %w", len(payload), l.config.Bucket, err)
	}
	b.Event, b.Next = message.Event{Records: []message.Record{}}, "process large"
	return nil
}

// records are the batch's records, wherever they are.
func (l *Lane) records(ctx context.Context, b Batch) ([]message.Record, error) {
	if len(b.Event.Records) > 0 || b.Object == "" {
		return b.Event.Records, nil
	}
	out, err := l.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &l.config.Bucket, Key: &b.Object})
	if err != nil {
		return nil, fmt.Errorf("get the batch %s from bucket %s: %w", b.Object, l.config.Bucket, err)
	}
	defer func() { _ = out.Body.Close() }() // only read
	payload, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, fmt.Errorf("read the batch %s: %w", b.Object, err)
	}
	var event message.Event
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("the batch %s is not an event: %w", b.Object, err)
	}
	return event.Records, nil
}
