package sqs

import (
	"context"
	"time"
)

// receiver is a long poll that waits for messages.
type receiver struct {
	want    int
	timeout time.Duration
	served  chan []delivery // holds one
}

// receive takes up to want messages and waits for the first of them for up to
// wait. Waiting receives are served in the order in which they came.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
func (q *queue) receive(ctx context.Context, want int, timeout, wait time.Duration) ([]delivery, error) {
	now := q.lock()
	if q.err != nil {
		q.unlock(now)
		return nil, q.err
	}
	if wait == 0 {
		defer q.unlock(now)
		// Only a short poll is told of the limit.
		if q.inFlight >= maxInFlight {
			return nil, errOverLimit
		}
		return q.take(now, q.sample(want), timeout), nil
	}
	if got := q.take(now, want, timeout); len(got) > 0 {
		q.unlock(now)
		return got, nil
	}
	r := &receiver{want, timeout, make(chan []delivery, 1)}
	place := q.receivers.PushBack(r)
	q.unlock(now)

	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case got := <-r.served:
		return got, nil
	case <-timer.C:
	case <-ctx.Done():
	case <-q.gone:
	}

	now = q.lock()
	defer q.unlock(now)
	select {
	case got := <-r.served: // in the meantime
		return got, nil
	default:
	}
	q.receivers.Remove(place)
	switch {
	case q.err != nil:
		return nil, q.err
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	// What became visible at this very moment still counts.
	return q.take(now, want, timeout), nil
}

// sample is how many messages a short poll takes.
func (q *queue) sample(want int) int {
	if !q.service.options.Load().ShortReceives {
		return want
	}
	return int(q.random.Uint64() % uint64(want+1))
}

// serve hands visible messages to waiting receivers and sets the timer for the
// next message that becomes visible.
func (q *queue) serve(now time.Time) {
	for e := q.receivers.Front(); e != nil; e = q.receivers.Front() {
		r := e.Value.(*receiver)
		got := q.take(now, r.want, r.timeout)
		if len(got) == 0 {
			break
		}
		q.receivers.Remove(e)
		r.served <- got
	}
	next := q.waiting.top()
	switch {
	case q.err != nil, q.receivers.Len() == 0, next == nil:
		if q.timer != nil {
			q.timer.Stop()
		}
	case q.timer == nil:
		q.timer = time.AfterFunc(next.due.Sub(now), q.tick)
	default:
		q.timer.Reset(next.due.Sub(now))
	}
}

func (q *queue) tick() { q.unlock(q.lock()) }

// end makes the queue unusable: it answers err, and so do waiting receives.
func (q *queue) end(err error) {
	now := q.lock()
	defer q.unlock(now)
	if q.err == nil {
		q.err = err
		close(q.gone)
	}
}
