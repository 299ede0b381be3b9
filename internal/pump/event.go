package pump

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// event is some messages on their way through the stages, and what became of
// them.
type event struct {
	records   []message.Record
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

// handle handles the messages that were gathered.
func (s *shift) handle(ctx context.Context, records []message.Record) error {
	return s.handleEvent(ctx, records, s.config.Process)
}

// handleEvent brings the messages of one event through their stages and settles
// them. Should a handler's answer not have come, the event's place stays taken
// until the handler must have ended.
func (s *shift) handleEvent(ctx context.Context, records []message.Record, process handler.Target) error {
	began := time.Now()
	e := event{records: records, held: map[string]queue.Held{}, kept: records, delays: map[string]time.Duration{}}
	for _, h := range queue.Hold(records) {
		e.held[h.MessageID] = h
	}
	s.mu.Lock()
	s.inHand++
	s.mu.Unlock()
	// The messages make one event of the transform handler: where its answer did
	// not come, nothing is left to process beside it.
	err := s.stage(ctx, &e, handler.Transform, s.config.Transform, process.Lasts())
	if err == nil {
		err = s.stage(ctx, &e, handler.Process, process, 0)
	}
	if err == nil {
		err = s.settle(ctx, e)
	}
	s.mu.Lock()
	s.inHand--
	s.lastWork = time.Now()
	if err == nil {
		s.counts.Handled += int64(len(e.kept))
		s.counts.Filtered += int64(len(e.filtered))
		s.counts.Failed += int64(len(e.failures))
		s.rate(len(records), time.Since(began))
	}
	s.mu.Unlock()
	pause(ctx, time.Until(e.doubt))
	// What could not be settled was kept invisible until here, and comes again.
	s.drop(records)
	return err
}

// stage hands what is kept to a handler, if there is one. Later is how long the
// stages after it take.
func (s *shift) stage(ctx context.Context, e *event, stage handler.Stage, target handler.Target, later time.Duration) error {
	if !target.Is() || len(e.kept) == 0 {
		return nil
	}
	// What is not invisible for as long as the handler may run is not handed to
	// it: another worker could receive it meanwhile.
	gate := func(records []message.Record) []message.Record {
		if !s.mayStart(target.Lasts()) {
			return nil
		}
		covered := s.hand.covered(ctx, records, target.Lasts(), later)
		if !s.mayStart(target.Lasts()) {
			return nil
		}
		return covered
	}
	result, err := s.invoker.Run(ctx, stage, target, e.kept, gate)
	if err != nil {
		return err
	}
	e.kept, e.doubt = result.Kept, result.Doubt
	e.filtered = append(e.filtered, result.Filtered...)
	e.unstarted = append(e.unstarted, result.Unstarted...)
	e.throttled = append(e.throttled, result.Throttled...)
	for id, failure := range result.Failed {
		e.delays[id] = failure.Delay(s.config.Backoff, e.held[id].Receives)
		e.failures = append(e.failures, registry.Failure{
			MessageID: id, Receives: e.held[id].Receives, Worker: s.post.Execution, Stage: string(stage), Handler: target.ARN, Reason: failure.Reason,
		})
	}
	return nil
}
