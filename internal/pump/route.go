package pump

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/route"
)

// sends is how many messages are sent to the dead-letter queue at a time.
const sends = 8

// way is the handler that some messages go to.
type way struct {
	process handler.Target
	records []message.Record
}

// receives is how often that of its messages was received which was most often.
func (w way) receives() (most int) {
	for _, r := range w.records {
		most = max(most, r.Receives())
	}
	return most
}

// handle handles the messages that were gathered: those of one handler after
// those of the other, so that the place has one invocation at a time.
func (s *shift) handle(ctx context.Context, records []message.Record) error {
	ways, unmatched := s.ways(records)
	err := s.endUnmatched(ctx, unmatched)
	for _, w := range ways {
		err = errors.Join(err, s.handleEvent(ctx, w.records, w.process))
	}
	return err
}

// ways sorts messages by their handlers: first those that were received most
// often, then in the order in which they come. What a shift has no time left for
// goes back, and must not be dead-lettered untried. Unmatched are those that no handler gets.
func (s *shift) ways(records []message.Record) (ways []way, unmatched []message.Record) {
	if !s.routes.Is() {
		return []way{{s.config.Process, records}}, nil
	}
	matchless := 0
	for _, r := range records {
		target := s.config.Process
		arn, matched := s.routes.Handler(r)
		if matched {
			target.ARN = arn
		} else {
			matchless++
			if s.config.Unmatched != fleet.ToHandler {
				unmatched = append(unmatched, r)
				continue
			}
		}
		i := slices.IndexFunc(ways, func(w way) bool { return w.process.ARN == target.ARN })
		if i < 0 {
			i = len(ways)
			ways = append(ways, way{process: target})
		}
		ways[i].records = append(ways[i].records, r)
	}
	slices.SortStableFunc(ways, func(a, b way) int { return b.receives() - a.receives() })
	s.mu.Lock()
	s.counts.Unmatched += int64(matchless)
	s.mu.Unlock()
	return ways, unmatched
}

// endUnmatched drops what no route takes, or moves it to the dead-letter queue:
// sent first, deleted then.
func (s *shift) endUnmatched(ctx context.Context, records []message.Record) error {
	if len(records) == 0 {
		return nil
	}
	began := time.Now()
	e := newEvent(records)
	if s.config.Unmatched == fleet.Drop {
		for _, r := range records {
			e.filtered = append(e.filtered, r.MessageID)
		}
	} else {
		s.deadLetter(ctx, &e)
	}
	e.kept = nil
	err := s.settle(ctx, e)
	s.count(e, began, err == nil)
	s.drop(records)
	return err
}

// deadLetter sends the messages of an event to the dead-letter queue. Those that
// it could not send have failed.
func (s *shift) deadLetter(ctx context.Context, e *event) {
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(sends)
	for _, r := range e.records {
		all.Go(func() error {
			err := s.queue.DeadLetter(ctx, s.config.DeadLetterURL, r, s.config.Fifo)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.fail(e, r.MessageID, route.Stage, "", message.Failure{Reason: route.Unmatched + ", and it could not be moved to the dead-letter queue: " + err.Error()})
				return nil
			}
			e.dead = append(e.dead, s.failure(e, r.MessageID, route.Stage, "", route.Unmatched+": moved to the dead-letter queue"))
			return nil
		})
	}
	_ = all.Wait() // no error is returned
}
