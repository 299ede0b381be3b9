package steps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// SettleInput comes from the Settle state.
type SettleInput struct {
	Fleet     string `json:"fleet"`
	Worker    string `json:"worker"`
	Execution string `json:"execution"`
	// At is when the state was entered, the same however often it is tried: a
	// failure that is recorded once more replaces its record.
	At registry.Instant `json:"at"`
	// Stage is the batch's Next: "transform" while that handler had it.
	Stage    string      `json:"stage"`
	Seq      int64       `json:"seq"`
	Object   string      `json:"object"`
	Messages []Item      `json:"messages"`
	Reply    *Reply      `json:"reply"`
	Error    *StateError `json:"error"`
}

// Settled is what the next poll starts from.
type Settled struct {
	Seq   int64 `json:"seq"`
	Empty int   `json:"empty"`
}

// Settle deletes what was handled or filtered, returns the rest to the queue
// and keeps the reasons. It can be repeated. That the worker was relieved
// meanwhile changes nothing here: the next poll finds out.
func (l *Lane) Settle(ctx context.Context, in SettleInput) (Settled, error) {
	in.conclude()
	at := in.At.Time()
	if at.IsZero() {
		// An execution of an older definition does not say.
		at = time.Now()
	}
	var done, failed, throttled, unstarted []queue.Held
	var failures []registry.Failure
	delays := map[string]time.Duration{}
	var counts registry.Counts
	for _, m := range in.Messages {
		switch m.Outcome {
		case Handled:
			counts.Handled++
			done = append(done, m.Held)
		case Filtered:
			counts.Filtered++
			done = append(done, m.Held)
		case Unstarted:
			unstarted = append(unstarted, m.Held)
		case Throttled:
			throttled = append(throttled, m.Held)
		default:
			counts.Failed++
			failed = append(failed, m.Held)
			delays[m.MessageID] = m.delay(l.config.Backoff)
			failures = append(failures, registry.Failure{
				MessageID: m.MessageID, Receives: m.Receives, Worker: in.Execution, Stage: m.Stage, Handler: l.target(handler.Stage(m.Stage)).ARN, Reason: m.Reason,
			})
		}
	}
	err := errors.Join(
		l.queue.Delete(ctx, done),
		l.queue.Return(ctx, failed, func(h queue.Held) time.Duration { return delays[h.MessageID] }),
		l.queue.Return(ctx, throttled, func(h queue.Held) time.Duration { return message.Throttled(h.Receives) }),
		l.queue.Return(ctx, unstarted, func(queue.Held) time.Duration { return 0 }),
		l.registry.RecordFailures(ctx, at, failures),
		l.forget(ctx, in.Object),
	)
	if err != nil {
		return Settled{}, err
	}
	_, err = l.registry.EndBatch(ctx, registry.Post{Worker: in.Worker, Execution: in.Execution}, in.Seq, time.Now(), counts)
	if err != nil && !errors.Is(err, registry.ErrRelieved) {
		return Settled{}, err
	}
	return Settled{Seq: in.Seq}, nil
}

func (l *Lane) forget(ctx context.Context, object string) error {
	if object == "" {
		return nil
	}
	if _, err := l.objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &l.config.Bucket, Key: &object}); err != nil {
		return fmt.Errorf("delete the batch %s from bucket %s: %w", object, l.config.Bucket, err)
	}
	return nil
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
	failures := message.Failures{}
	stage := handler.Process
	if in.Stage == string(handler.Transform) {
		stage = handler.Transform
	}
	switch {
	case in.Error != nil && in.Error.Error == "Lambda.TooManyRequestsException":
		failures = nil
	case in.Error != nil:
		failures = message.All(pending, in.Error.reason())
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
	for i := range in.Messages {
		m := &in.Messages[i]
		if m.Outcome != Pending {
			continue
		}
		f, bad := failures[m.MessageID]
		switch {
		case failures == nil:
			m.Outcome = Throttled
		case bad:
			f.Reason = fmt.Sprintf("%s handler: %s", stage, f.Reason)
			m.fail(stage, f)
		default:
			m.Outcome = Handled
		}
	}
}

// reason words what a Catch caught: a function's own error is in the cause.
func (e StateError) reason() string {
	var f struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	switch err := json.Unmarshal([]byte(e.Cause), &f); {
	case e.Error == "States.DataLimitExceeded":
		return "its reply is over the 256 KiB that a state machine can take: reply with batchItemFailures only, or use the stream lane"
	case err == nil && f.ErrorMessage != "":
		return e.Error + ": " + f.ErrorMessage
	case e.Cause == "":
		return e.Error
	}
	return e.Error + ": " + e.Cause
}
