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
	// dead were sent to the dead-letter queue, each with its reason.
	dead []registry.Failure
	// duplicates were handled before, elsewhere are being handled now.
	duplicates []message.Record
	elsewhere  []message.Record
	// same are like others of the event, leaders, by message ID, which those are.
	same    []message.Record
	leaders map[string]string
	// delays of the messages in failures and elsewhere.
	delays map[string]time.Duration
	// doubt is when a handler whose answer did not come must have ended.
	doubt time.Time
	// attempts by message ID, and until when the registry knows that they run.
	attempts map[string]registry.Attempt
	until    time.Time
}

func newEvent(records []message.Record) event {
	e := event{records: records, held: map[string]queue.Held{}, kept: records, delays: map[string]time.Duration{}}
	for _, h := range queue.Hold(records) {
		e.held[h.MessageID] = h
	}
	return e
}

// handleEvent brings the messages of one event through their stages and settles
// them. Should a handler's answer not have come, the event's place stays taken
// until the handler must have ended.
func (s *shift) handleEvent(ctx context.Context, records []message.Record, process handler.Target) error {
	began := time.Now()
	e := newEvent(records)
	s.mu.Lock()
	s.inHand++
	s.mu.Unlock()
	s.begin(ctx, &e, s.handlers())
	// The messages make one event of the transform handler: where its answer did
	// not come, nothing is left to process beside it.
	err := s.stage(ctx, &e, handler.Transform, s.config.Transform, process.Lasts())
	if err == nil {
		err = s.stage(ctx, &e, handler.Process, process, 0)
	}
	if err == nil {
		e.follow()
		err = s.settle(ctx, e)
	}
	s.mu.Lock()
	s.inHand--
	s.mu.Unlock()
	s.count(e, began, err == nil)
	pause(ctx, time.Until(e.doubt))
	// What could not be settled was kept invisible until here, and comes again.
	s.drop(records)
	return err
}

// count counts what became of an event, if it was settled.
func (s *shift) count(e event, began time.Time, settled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastWork = time.Now()
	if !settled {
		return
	}
	s.counts.Handled += int64(len(e.kept))
	s.counts.Filtered += int64(len(e.filtered))
	s.counts.Failed += int64(len(e.failures) + len(e.dead))
	s.counts.Duplicates += int64(len(e.duplicates))
	s.counts.Throttled += int64(len(e.throttled))
	if len(e.throttled)+len(e.unstarted) == 0 {
		// What waits for Lambda is not slow: more workers would not be quicker.
		took := time.Since(began)
		s.rate(len(e.records), took)
		s.counts.Events++
		s.counts.BusySeconds += took.Seconds()
	}
}

// failure records why a message failed.
func (s *shift) failure(e *event, id, stage, arn, reason string) registry.Failure {
	return registry.Failure{MessageID: id, Receives: e.held[id].Receives, Worker: s.post.Execution, Stage: stage, Handler: arn, Reason: reason}
}

// fail notes that a message failed.
func (s *shift) fail(e *event, id, stage, arn string, f message.Failure) {
	e.delays[id] = f.Delay(s.config.Backoff, e.held[id].Receives)
	e.failures = append(e.failures, s.failure(e, id, stage, arn, f.Reason))
}

// note keeps the last failure that cost no message.
func (s *shift) note(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = registry.Shorten(err.Error())
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
		own := s.own(ctx, e, covered, target.Lasts()+later)
		// Asked last: the above may have taken long.
		if !s.mayStart(target.Lasts()) {
			return nil
		}
		return own
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
		s.fail(e, id, string(stage), target.ARN, failure)
	}
	return nil
}
