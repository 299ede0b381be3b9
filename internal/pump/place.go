package pump

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/message"
)

const (
	// maxReceive is the most messages of one receive.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
	maxReceive = 10
	// gatherMargin is how long before the last handler can start an event is
	// closed, so that hiding all its messages takes none of the handler's time.
	gatherMargin = 10 * time.Second

	// maxMessage is SQS's largest message, in bytes.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
	maxMessage = 1 << 20
	// overhead of a message in memory, beside its body and attributes.
	overhead = 2 << 10
	// copies of each byte of a message there are at most: as it was received, as it
	// is encoded (twice as long, with escapes), in the transform handler's reply and
	// as that is read.
	copies = 5
	// base is the memory that is left for all else, in bytes: a pump that handled
	// thousands of small messages in ten places was seen to need 31 MB in all.
	base = 44 << 20
)

// Memory is what the template gives the pump's function unless it is told
// another, in bytes.
const Memory = 128 << 20

// memoryOf is what the function of a fleet's pump has, in bytes.
func memoryOf(c fleet.Settings) int64 {
	if c.PumpMemory == 0 {
		return Memory
	}
	return int64(c.PumpMemory) << 20
}

// MemoryLimit is from where on garbage is collected whatever it costs, in bytes.
func MemoryLimit(c fleet.Settings) int64 { return memoryOf(c) * 85 / 100 }

// room is how many bytes of messages a worker holds at once, those of receives
// that are under way counted as if each were SQS's largest. What does not fit
// waits in the queue: so any Parallelism works with events of 6 MB, though not all
// of its places may hold one at once.
func room(c fleet.Settings) int64 { return (MemoryLimit(c) - base) / copies }

// weight is the memory that a message takes.
func weight(r message.Record) int64 { return int64(overhead + text(r)) }

// text is how long a message's body and attributes are.
func text(r message.Record) int {
	n := len(r.Body)
	for _, a := range r.MessageAttributes {
		n += len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

// place is one of the worker's parallel places: it gathers an event, handles it,
// and gathers the next.
type place struct {
	*shift
	// rest did not fit in the last event and starts the next one.
	rest []message.Record
}

// work handles one event after the other until the shift ends. polling ends when
// no more polls shall begin; what was gathered by then is handled. A receive
// that is under way is never cancelled, since its messages would be lost from
// sight.
func (p *place) work(ctx, polling context.Context) {
	failures := 0
	for polling.Err() == nil || len(p.rest) > 0 {
		e, err := p.gather(ctx, polling)
		if err == nil {
			failures = 0
		} else if failures++; failures == giveUp {
			p.finish("", err)
		}
		if len(e.records) > 0 {
			if err := p.handle(ctx, e.records); err != nil {
				p.finish("", err)
			}
		}
		if err != nil {
			pause(polling, 2*time.Second)
		}
	}
}

// gathered is an event that is being gathered.
type gathered struct {
	records []message.Record
	// at is where each message stands.
	at map[string]int
	// load of the records. It is not known of a few that are small.
	load message.Load
	// full once a message did not fit.
	full bool
}

// gather takes the messages of one event: what one receive brings, or with a
// batching window those of several, until there are as many as wanted, the
// window of the first is over, or the next message would pass Lambda's limit.
// That message starts the next event. An error is that of the last receive: what
// came before it is gathered all the same.
func (p *place) gather(ctx, polling context.Context) (gathered, error) {
	e := gathered{at: map[string]int{}}
	var began time.Time
	if len(p.rest) > 0 {
		rest := p.rest
		p.rest = nil
		if err := p.fill(&e, rest); err != nil {
			return e, err
		}
		began = e.records[0].Received
	} else {
		leave, ok := p.scout(polling)
		if !ok {
			return e, nil
		}
		defer leave()
		records, err := p.receive(ctx, polling)
		if err != nil || len(records) == 0 {
			return e, err
		}
		if err := p.fill(&e, records); err != nil {
			return e, err
		}
		began = time.Now()
	}
	closes := began.Add(p.config.BatchingWindow)
	if last := p.end.Add(-p.handlers() - gatherMargin); closes.After(last) {
		closes = last
	}
	for !e.full && len(e.records) < p.config.Batch() && polling.Err() == nil {
		wait := min(time.Until(closes), longPoll)
		if wait < time.Second || !p.mayStart(p.handlers()) {
			break
		}
		records, err := p.receiveMore(ctx, polling, p.config.Batch()-len(e.records), wait)
		if err == nil {
			err = p.fill(&e, records)
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
}

// fill adds messages to an event as long as they fit. The others are the rest.
// One that is over the limit by itself is an event too, to fail alone.
func (p *place) fill(e *gathered, records []message.Record) error {
	bytes := 0
	for _, r := range records {
		bytes += text(r)
	}
	// Escaping makes a byte six at most.
	small := p.config.BatchingWindow == 0 && len(e.records) == 0 && bytes < p.limit()/8
	for i, r := range records {
		if was, twice := e.at[r.MessageID]; twice {
			// It was received again: only the later receipt handle can delete it.
			p.drop(e.records[was : was+1])
			e.records[was] = r
			continue
		}
		load := e.load
		if !small {
			var err error
			if load, err = e.load.With(r); err != nil {
				return err
			}
		}
		if len(e.records) > 0 && (load.Size() > p.limit() || len(e.records) == p.config.Batch()) {
			e.full, p.rest = true, records[i:]
			return nil
		}
		e.load = load
		e.at[r.MessageID] = len(e.records)
		e.records = append(e.records, r)
	}
	return nil
}

// limit is how large the encoded event may be that the first handler gets.
func (s *shift) limit() int {
	if s.config.Transform.Is() || !s.config.Process.Async {
		return message.MaxSyncPayload
	}
	return message.MaxAsyncPayload
}

// scout waits for its turn. While the queue is quiet only one place receives, or
// gathers, so that an idle worker does not pay for each of its places, and few
// messages become one event, not several. ok is false when no more polls shall
// begin.
func (s *shift) scout(polling context.Context) (leave func(), ok bool) {
	for s.quiet.Load() {
		select {
		case s.scouting <- struct{}{}:
			if s.quiet.Load() {
				return func() { <-s.scouting }, polling.Err() == nil
			}
			<-s.scouting
		case <-polling.Done():
			return nil, false
		}
	}
	return func() {}, polling.Err() == nil
}

// receive takes the first messages of an event. None come where no poll may
// begin now.
func (p *place) receive(ctx, polling context.Context) ([]message.Record, error) {
	most := min(p.config.Batch(), maxReceive)
	was := p.quiet.Load()
	reserved, ok := p.reserve(polling, most)
	if !ok {
		return nil, nil
	}
	wait := p.patience()
	if wait == 0 || !was && p.quiet.Load() {
		// The queue became quiet while this place waited for memory.
		p.room.Release(reserved)
		return nil, nil
	}
	if !p.mayStart(p.handlers()) {
		// What came now would only be given back, and each receive counts towards
		// the dead-letter queue.
		p.room.Release(reserved)
		pause(polling, reportAgain)
		return nil, nil
	}
	records, err := p.take(ctx, most, wait, reserved)
	if p.config.BatchingWindow > 0 {
		p.quiet.Store(err == nil && len(records) < most)
	} else {
		p.quiet.Store(err == nil && len(records) == 0)
	}
	return records, err
}

// receiveMore takes further messages of an event. While there is no memory for
// them none come.
func (p *place) receiveMore(ctx, polling context.Context, most int, wait time.Duration) ([]message.Record, error) {
	most = min(most, maxReceive)
	waiting, done := context.WithTimeout(polling, wait)
	defer done()
	reserved, ok := p.reserve(waiting, most)
	if !ok {
		return nil, nil
	}
	deadline, _ := waiting.Deadline()
	records, err := p.take(ctx, most, max(time.Until(deadline), 0), reserved)
	p.quiet.Store(err == nil && len(records) < most)
	return records, err
}

// reserve waits for the memory that a receive of so many messages may take. ok is
// false when the context ended first.
func (s *shift) reserve(ctx context.Context, most int) (bytes int64, ok bool) {
	bytes = int64(most) * (maxMessage + overhead)
	return bytes, s.room.Acquire(ctx, bytes) == nil
}

// take receives messages into the worker's hand, for which memory was reserved.
func (s *shift) take(ctx context.Context, most int, wait time.Duration, reserved int64) ([]message.Record, error) {
	visibility := s.handlers() + cover
	sent := time.Now()
	records, err := s.queue.Receive(ctx, most, wait, visibility)
	s.hand.take(records, sent.Add(visibility))
	s.received(len(records), most, time.Since(sent))
	for _, r := range records {
		reserved -= weight(r)
	}
	s.room.Release(reserved)
	return records, err
}

// drop takes messages out of hand without a word to SQS.
func (s *shift) drop(records []message.Record) {
	s.room.Release(s.hand.drop(s.hand.claim(records)))
}

// patience is how long this poll may wait for messages. 0 ends the shift.
func (s *shift) patience() time.Duration {
	now := time.Now()
	left := s.end.Sub(now) - s.handlers()
	if left < time.Second {
		s.finish("report home", nil)
		return 0
	}
	busy := s.hand.size() > 0
	s.mu.Lock()
	if now.After(s.leasedTo) {
		// Waiting for a report to get through is not idleness.
		s.lastWork = now
	}
	idle := s.config.Idle - now.Sub(s.lastWork)
	s.mu.Unlock()
	switch {
	case s.worker.Stay:
		idle = longPoll
	case busy:
		idle = s.config.Idle
	}
	if idle <= 0 {
		s.finish("go home", nil)
		return 0
	}
	return min(max(idle.Round(time.Second), time.Second), left, longPoll)
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
