package sqs

import "time"

// Depth is what a queue holds, by state.
type Depth struct {
	Visible, NotVisible, Delayed int
	// OldestAge is how long the oldest message has been in the queue; messages
	// received three times and more do not count, as CloudWatch's
	// ApproximateAgeOfOldestMessage has it.
	OldestAge time.Duration
}

// Depth is the exact depth of a queue, whatever the options. It reports false
// when there is no such queue.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
func (s *Service) Depth(queueName string) (Depth, bool) {
	q := s.named(queueName)
	if q == nil {
		return Depth{}, false
	}
	now := q.lock()
	defer q.unlock(now)
	d := q.depth()
	if oldest := q.arrivals.Front(); oldest != nil {
		d.OldestAge = now.Sub(oldest.Value.(*message).arrived)
	}
	return d, true
}

func (q *queue) depth() Depth {
	return Depth{
		Visible:    len(q.messages) - q.waiting.len(),
		NotVisible: q.inFlight,
		Delayed:    q.waiting.len() - q.inFlight,
	}
}

// approximate is the depth as the Approximate* attributes give it.
func (q *queue) approximate(now time.Time) Depth {
	o := q.service.options.Load()
	d := q.depth()
	if o.StaleDepths > 0 {
		d = q.past.at(now.Add(-o.StaleDepths), d)
	}
	d.Visible += o.GhostDepth[q.name]
	return d
}

// note remembers the depth for stale answers. Without stale depths it keeps
// nothing.
func (q *queue) note(at time.Time) {
	stale := q.service.options.Load().StaleDepths
	if stale == 0 {
		q.past = nil
		return
	}
	if q.past == nil {
		at = time.Time{} // what was before counts as the same
	}
	q.past = q.past.add(sample{at, q.depth()}, at.Add(-stale))
}

type sample struct {
	at    time.Time
	depth Depth
}

// history is a queue's depth over time, oldest first.
type history []sample

// add appends a sample and drops those that no answer needs any more.
func (h history) add(s sample, needed time.Time) history {
	if n := len(h); n > 0 {
		switch last := &h[n-1]; {
		case last.at.Equal(s.at):
			last.depth = s.depth
			return h
		case last.depth == s.depth:
			return h
		}
	}
	drop := 0
	for drop+1 < len(h) && !h[drop+1].at.After(needed) {
		drop++
	}
	return append(h[drop:], s)
}

// at is the depth at a time, or the current one where nothing is remembered.
func (h history) at(t time.Time, current Depth) Depth {
	for i := len(h) - 1; i >= 0; i-- {
		if !h[i].at.After(t) {
			return h[i].depth
		}
	}
	return current
}
