package steps

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/musterq/muster/internal/duplicate"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/route"
)

// SettleInput comes from the Settle state.
type SettleInput struct {
	Fleet     string `json:"fleet"`
	Worker    string `json:"worker"`
	Execution string `json:"execution"`
	// At is when the state was entered, the same however often it is tried: a
	// failure that is recorded once more replaces its record.
	At registry.Instant `json:"at"`
	// Stage is the batch's Next: "transform" or the like while that handler had it.
	Stage string `json:"stage"`
	// Handler that processed the batch. Empty in an execution of a definition that
	// names it itself.
	Handler  string      `json:"handler"`
	Seq      int64       `json:"seq"`
	Object   string      `json:"object"`
	Messages []Item      `json:"messages"`
	Reply    *Reply      `json:"reply"`
	Error    *StateError `json:"error"`
	// Silence is the error of a task whose heartbeats stopped.
	Silence *StateError `json:"silence"`
	// redact keeps what a reply said out of what is told of it.
	redact bool
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
	in.redact = l.config.RedactErrors
	if in.Error != nil {
		in.Error.redact = in.redact
	}
	in.conclude()
	counts, err := l.settle(ctx, in)
	if err != nil {
		return Settled{}, err
	}
	counts.Rate, counts.Took = pace(in.Messages, time.Now())
	if counts.Took > 0 {
		counts.Events, counts.BusySeconds = 1, counts.Took
	}
	_, err = l.registry.EndBatch(ctx, registry.Post{Worker: in.Worker, Execution: in.Execution}, in.Seq, time.Now(), counts)
	if err != nil && !errors.Is(err, registry.ErrRelieved) {
		return Settled{}, err
	}
	return Settled{Seq: in.Seq}, nil
}

// pace is how fast a batch was, from its receive on: messages a second, and
// seconds. Nothing where its handler was not started: what waits for Lambda is
// not slow.
func pace(messages []Item, now time.Time) (rate, took float64) {
	if len(messages) == 0 || messages[0].Received.IsZero() {
		return 0, 0
	}
	for _, m := range messages {
		if m.Outcome == Throttled || m.Outcome == Unstarted {
			return 0, 0
		}
	}
	took = max(now.Sub(messages[0].Received).Seconds(), 0.001)
	return float64(len(messages)) / took, took
}

// settle settles messages by their outcomes.
func (l *Lane) settle(ctx context.Context, in SettleInput) (counts registry.Counts, err error) {
	at := in.At.Time()
	if at.IsZero() {
		// An execution of an older definition does not say.
		at = time.Now()
	}
	post := registry.Post{Worker: in.Worker, Execution: in.Execution}
	var done, back []queue.Held
	var failures []registry.Failure
	follow(in.Messages)
	errs := []error{l.tellGuard(ctx, in.Messages)}
	delays := map[string]time.Duration{}
	fail := func(m Item, stage, arn, reason string) {
		failures = append(failures, registry.Failure{MessageID: m.MessageID, Receives: m.Receives, Worker: in.Execution, Stage: stage, Handler: arn, Reason: reason})
	}
	for _, m := range in.Messages {
		end := hold.End{}
		if m.Unmatched {
			counts.Unmatched++
		}
		switch m.Outcome {
		case Handled:
			counts.Handled++
			end.Done = true
		case Filtered:
			counts.Filtered++
			end.Done = true
		case Duplicate:
			counts.Duplicates++
			end.Done = true
		case DeadLettered:
			counts.Failed++
			end.Done = true
			fail(m, m.Stage, "", m.Reason)
		case Elsewhere:
			end.Delay = max(time.Until(m.Until), 0)
			if m.Receives >= l.config.MaxReceives {
				fail(m, string(handler.Process), "", duplicate.LastReceive)
			}
		case Unstarted:
		case Throttled:
			counts.Throttled++
			end.Delay = message.Throttled(m.Receives)
		default:
			counts.Failed++
			end.Delay = m.delay(l.config.Backoff)
			arn := ""
			if m.Stage != route.Stage {
				arn = l.target(handler.Stage(m.Stage), Batch{Handler: in.Handler}).ARN
			}
			fail(m, m.Stage, arn, m.Reason)
		}
		switch {
		case m.Kept:
			errs = append(errs, l.keeper.Release(ctx, hold.Task{Post: post, Seq: in.Seq}, m.Held, end))
		case end.Done:
			done = append(done, m.Held)
		default:
			back = append(back, m.Held)
			delays[m.MessageID] = end.Delay
		}
	}
	return counts, errors.Join(append(errs,
		l.queue.Delete(ctx, done),
		l.queue.Return(ctx, back, func(h queue.Held) time.Duration { return delays[h.MessageID] }),
		l.registry.RecordFailures(ctx, at, failures),
		l.forget(ctx, in.Object),
	)...)
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
