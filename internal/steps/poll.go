package steps

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// PollInput comes from the Poll state.
type PollInput struct {
	Fleet     string `json:"fleet"`
	Worker    string `json:"worker"`
	Execution string `json:"execution"`
	// Seq and Empty of the batch before.
	Seq   int64 `json:"seq"`
	Empty int   `json:"empty"`
	// Timeouts of the execution's input. Nil in one of an older definition, without
	// Heartbeat in one that an older autoscaler started.
	Timeouts *Timeouts `json:"timeouts"`
	// Try counts the tries of the state before this one, Started is when the
	// execution began. Neither is in an execution of an older definition.
	Try     int              `json:"try"`
	Started registry.Instant `json:"started"`
}

// old says whether the execution has but the states of an older definition, or
// lacks the input that the others need.
func (in PollInput) old() bool { return in.Timeouts == nil || in.Timeouts.Heartbeat == 0 }

const (
	// executionLife is how long an execution may last.
	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
	executionLife = 365 * 24 * time.Hour
	// youth is how long an execution goes on whatever it begins may take: a task of a
	// year would otherwise never begin.
	youth = 24 * time.Hour
)

// tooOld says whether what the execution began now might outlast it. A task that
// still runs then is lost, though it beats.
func (in PollInput) tooOld(c fleet.Settings, now time.Time) bool {
	started := in.Started.Time()
	return !started.IsZero() && now.Sub(started) > youth && now.Add(busyFor(c)).After(started.Add(executionLife))
}

// Poll reports home, then receives a batch. request names this invocation.
func (l *Lane) Poll(ctx context.Context, request string, in PollInput) (Batch, error) {
	now := time.Now()
	b := Batch{Seq: in.Seq + 1, Empty: in.Empty, Event: message.Event{Records: []message.Record{}}, Messages: []Item{}}
	busyUntil := now.Add(busyFor(l.config))
	b.BusyUntil = string(registry.At(busyUntil))
	worker, err := l.registry.BeginBatch(ctx, registry.Post{Worker: in.Worker, Execution: in.Execution}, b.Seq, registry.Try{Number: in.Try, Request: request}, now, busyUntil)
	switch {
	case errors.Is(err, registry.ErrRelieved):
		b.Next = "relieved"
	case err != nil:
		return b, err
	case worker.Orders == registry.Drain:
		b.Next = "go home"
	case worker.Orders == registry.HandOver, b.Seq >= lastBatch, in.tooOld(l.config, now):
		b.Next = "hand over"
	case l.config.Lane != fleet.Steps:
		// The fleet was changed since the worker started: of the stream lane's batches
		// each message may have another handler.
		b.Next = "go home"
	case in.old() && !knowsOnly(l.config):
		// A successor would get the same input: the autoscaler starts another worker.
		b.Next = "go home"
	}
	if b.Next == "go home" {
		return b, l.registry.CountHome(ctx, worker, false)
	}
	if b.Next != "" {
		return b, nil
	}
	wait := min(longPoll, l.config.Idle)
	stage := handler.Process
	if l.config.Transform.Is() {
		stage = handler.Transform
	}
	records, err := l.queue.Receive(ctx, l.config.Batch(), wait, hiddenFor(l.config, stage))
	if err != nil {
		return b, err
	}
	if len(records) == 0 {
		b.Empty += int(wait / time.Second)
		b.Next = "poll"
		if !worker.Stay && time.Duration(b.Empty)*time.Second >= l.config.Idle {
			b.Next = "go home"
			return b, l.registry.CountHome(ctx, worker, worker.Counts.Settled() == 0 && worker.Settled == 0)
		}
		return b, nil
	}
	b.Empty = 0
	for _, h := range queue.Hold(records) {
		b.Messages = append(b.Messages, Item{Held: h})
	}
	b.Handler, b.TransformHandler = l.config.Process.ARN, l.config.Transform.ARN
	t := hold.Task{Post: registry.Post{Worker: in.Worker, Execution: in.Execution}, Seq: b.Seq, Request: request}
	if !l.route(ctx, &b, records) {
		return b, l.settleHere(ctx, t, &b)
	}
	if hold.Wanted(l.config) {
		if err := l.hold(ctx, &b, t, stage, records[0]); err != nil || b.Next != "" {
			return b, err
		}
	}
	records, err = l.begin(ctx, &b, t, stage, records)
	if err != nil {
		return b, err
	}
	if len(records) == 0 {
		return b, l.settleHere(ctx, t, &b)
	}
	if err := l.hideAnew(ctx, stage, records); err != nil {
		return b, err
	}
	if l.config.Target != fleet.Lambda {
		b.Handler, b.Job = l.job.ARN, l.newJob(in.Worker, b, records[0])
	}
	return b, l.carry(ctx, &b, stage, records, l.key(in.Execution, request))
}

// slowPoll is how long a poll may take after its receive out of the time for
// which messages are hidden.
const slowPoll = 10 * time.Second

// hideAnew lets the time count from now on for which a stage's messages are
// hidden, if the poll was slow.
func (l *Lane) hideAnew(ctx context.Context, stage handler.Stage, records []message.Record) error {
	slow := time.Since(records[0].Received)
	if slow <= slowPoll {
		return nil
	}
	undone, err := l.queue.Hide(ctx, queue.Hold(records), func(queue.Held) time.Duration { return hiddenFor(l.config, stage) })
	if err == nil && len(undone.Gone) > 0 {
		err = fmt.Errorf("the poll took %s after its receive, and %d of its messages are visible again", slow, len(undone.Gone))
	}
	return err
}

// hold takes the batch's one message for its task. Where it must not start the
// batch says what is next instead.
func (l *Lane) hold(ctx context.Context, b *Batch, t hold.Task, stage handler.Stage, r message.Record) error {
	mine, err := l.keeper.Take(ctx, t, r)
	var large *hold.TooLargeError
	switch {
	case errors.As(err, &large):
		b.Messages[0].fail(stage, message.Failure{Reason: large.Error()})
		b.Next = settleNext
	case err != nil:
		return err
	case !mine:
		b.Messages, b.Next = []Item{}, "poll"
	default:
		b.Messages[0].Kept = true
	}
	return nil
}
