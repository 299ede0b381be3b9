package pump

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// batches handles one batch after the other until the shift ends. polling ends
// when no more polls shall begin; a receive that is under way is never
// cancelled, since its messages would be lost from sight.
func (s *shift) batches(ctx, polling context.Context) {
	failures := 0
	for polling.Err() == nil {
		records, err := s.receive(ctx, polling)
		switch {
		case err != nil:
			if failures++; failures == giveUp {
				s.finish("", err)
				return
			}
			pause(polling, 2*time.Second)
		case len(records) > 0:
			failures = 0
			if err := s.handle(ctx, records); err != nil {
				s.finish("", err)
				return
			}
		default:
			failures = 0
		}
	}
}

// receive takes a batch. While the queue is quiet only one receive is under
// way, so that an idle worker does not pay for each of its batches.
func (s *shift) receive(ctx, polling context.Context) ([]message.Record, error) {
	if s.quiet.Load() {
		select {
		case s.scout <- struct{}{}:
			defer func() { <-s.scout }()
		case <-polling.Done():
			return nil, nil
		}
	}
	wait := s.patience()
	if wait == 0 || polling.Err() != nil {
		return nil, nil
	}
	if !s.mayStart(s.config.Handlers()) {
		// What came now would only be given back, and each receive counts towards
		// the dead-letter queue.
		pause(polling, reportAgain)
		return nil, nil
	}
	records, err := s.queue.Receive(ctx, s.config.Batch(), wait, s.visibility())
	s.quiet.Store(err == nil && len(records) == 0)
	if len(records) > 0 {
		s.mu.Lock()
		s.inHand++
		s.mu.Unlock()
	}
	return records, err
}

// visibility of a receive: both handlers, what throttling may cost, and settling.
func (s *shift) visibility() time.Duration {
	stages := time.Duration(1)
	if s.config.Transform.Is() {
		stages = 2
	}
	return s.config.Handlers() + stages*handler.Patience + settleMargin
}

// batch is what became of the messages of one receive.
type batch struct {
	held      map[string]queue.Held
	kept      []message.Record
	filtered  []string
	unstarted []message.Record
	throttled []message.Record
	failures  []registry.Failure
	// delays of the messages in failures.
	delays map[string]time.Duration
	// doubt is when a handler whose answer did not come must have ended.
	doubt time.Time
}

// handle handles a batch: as one event, or as several, one after the other,
// where it is over Lambda's limit. Those that wait stay invisible for longer.
func (s *shift) handle(ctx context.Context, records []message.Record) error {
	events, err := inEvents(records)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.inHand += len(events) - 1
	s.mu.Unlock()
	var errs []error
	for i, event := range events[1:] {
		errs = append(errs, s.queue.Return(ctx, queue.Hold(event), func(queue.Held) time.Duration {
			return min(time.Duration(i+2)*s.visibility(), message.MaxVisibility-time.Minute)
		}))
	}
	for _, event := range events {
		errs = append(errs, s.handleEvent(ctx, event))
	}
	return errors.Join(errs...)
}

// inEvents splits records that together are over the limit of an event. What is
// over it by itself is an event too, to fail alone.
func inEvents(records []message.Record) ([][]message.Record, error) {
	bytes := 0
	for _, r := range records {
		bytes += len(r.Body)
		for _, a := range r.MessageAttributes {
			bytes += len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
		}
	}
	// Escaping makes a byte six at most.
	if bytes < message.MaxSyncPayload/8 {
		return [][]message.Record{records}, nil
	}
	batches, tooLarge, err := message.Split(records, message.MaxSyncPayload)
	if err != nil {
		return nil, err
	}
	var events [][]message.Record
	for _, b := range batches {
		events = append(events, b.Records)
	}
	for _, r := range tooLarge {
		events = append(events, []message.Record{r})
	}
	return events, nil
}

// handleEvent brings messages through their stages and settles them. Should a
// handler's answer not have come, the batch's place stays taken until the
// handler must have ended.
func (s *shift) handleEvent(ctx context.Context, records []message.Record) error {
	began := time.Now()
	b := batch{held: map[string]queue.Held{}, kept: records, delays: map[string]time.Duration{}}
	for _, h := range queue.Hold(records) {
		b.held[h.MessageID] = h
	}
	// One event: where the transform handler's answer did not come, nothing is
	// left to process beside it.
	err := s.stage(ctx, &b, handler.Transform, s.config.Transform)
	if err == nil {
		err = s.stage(ctx, &b, handler.Process, s.config.Process)
	}
	if err == nil {
		err = s.settle(ctx, b)
	}
	s.mu.Lock()
	s.inHand--
	s.lastWork = time.Now()
	if err == nil {
		s.counts.Handled += int64(len(b.kept))
		s.counts.Filtered += int64(len(b.filtered))
		s.counts.Failed += int64(len(b.failures))
		s.rate(len(records), time.Since(began))
	}
	s.mu.Unlock()
	pause(ctx, time.Until(b.doubt))
	return err
}

// pause waits for a while, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// stage hands what is kept to a handler, if there is one.
func (s *shift) stage(ctx context.Context, b *batch, stage handler.Stage, target handler.Target) error {
	if !target.Is() || len(b.kept) == 0 {
		return nil
	}
	result, err := s.invoker.Run(ctx, stage, target, b.kept, handler.When(func() bool { return s.mayStart(target.Timeout) }))
	if err != nil {
		return err
	}
	b.kept, b.doubt = result.Kept, result.Doubt
	b.filtered = append(b.filtered, result.Filtered...)
	b.unstarted = append(b.unstarted, result.Unstarted...)
	b.throttled = append(b.throttled, result.Throttled...)
	for id, failure := range result.Failed {
		b.delays[id] = failure.Delay(s.config.Backoff, b.held[id].Receives)
		b.failures = append(b.failures, registry.Failure{
			MessageID: id, Receives: b.held[id].Receives, Worker: s.post.Execution, Stage: string(stage), Handler: target.ARN, Reason: failure.Reason,
		})
	}
	return nil
}

// settle keeps why messages failed, acknowledges what was handled or filtered
// and returns the rest: what failed after a backoff and not before its handler
// must have ended, what Lambda throttled after a while, what was not started at
// once.
func (s *shift) settle(ctx context.Context, b batch) error {
	done := make([]queue.Held, 0, len(b.kept)+len(b.filtered))
	for _, r := range b.kept {
		done = append(done, b.held[r.MessageID])
	}
	for _, id := range b.filtered {
		done = append(done, b.held[id])
	}
	var failed []queue.Held
	for _, f := range b.failures {
		failed = append(failed, b.held[f.MessageID])
	}
	// The messages are settled all the same; a storm of failures must not end
	// the shift because its records are throttled.
	if err := s.registry.RecordFailures(ctx, time.Now(), b.failures); err != nil {
		s.mu.Lock()
		s.trouble = registry.Shorten(err.Error())
		s.mu.Unlock()
	}
	doubt := time.Until(b.doubt)
	return errors.Join(
		s.queue.Delete(ctx, done),
		s.queue.Return(ctx, failed, func(h queue.Held) time.Duration { return max(b.delays[h.MessageID], doubt) }),
		s.queue.Return(ctx, queue.Hold(b.throttled), func(h queue.Held) time.Duration { return message.Throttled(h.Receives) }),
		s.queue.Return(ctx, queue.Hold(b.unstarted), func(queue.Held) time.Duration { return 0 }),
	)
}
