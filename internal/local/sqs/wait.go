package sqs

import (
	"context"
	"time"
)

// request is what a receive asks for.
type request struct {
	want          int
	timeout, wait time.Duration
	attempt       string // of a FIFO queue, or empty
}

// receiver is a long poll that waits for messages.
type receiver struct {
	request
	served chan outcome // holds one
}

type outcome struct {
	got []delivery
	err error
}

// receive takes up to the wanted number of messages and waits for the first of
// them for as long as it was asked to. Waiting receives are served in the order
// in which they came.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
func (q *queue) receive(ctx context.Context, in request) ([]delivery, error) {
	now := q.lock()
	if q.err != nil {
		q.unlock(now)
		return nil, q.err
	}
	q.supersede(in.attempt)
	if in.wait == 0 {
		defer q.unlock(now)
		// Only a short poll of a standard queue is told of the limit.
		if q.inFlight >= maxInFlight && q.fifo == nil {
			return nil, errOverLimit
		}
		in.want = q.sample(in.want)
		return q.fetch(now, in)
	}
	if got, err := q.fetch(now, in); len(got) > 0 || err != nil {
		q.unlock(now)
		return got, err
	}
	r := &receiver{in, make(chan outcome, 1)}
	place := q.receivers.PushBack(r)
	q.unlock(now)

	timer := time.NewTimer(in.wait)
	defer timer.Stop()
	select {
	case o := <-r.served:
		return o.got, o.err
	case <-timer.C:
	case <-ctx.Done():
	case <-q.gone:
	}

	now = q.lock()
	defer q.unlock(now)
	select {
	case o := <-r.served: // in the meantime
		return o.got, o.err
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
	return q.fetch(now, in)
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
		got, err := q.fetch(now, r.request)
		if len(got) == 0 && err == nil {
			break
		}
		q.receivers.Remove(e)
		r.served <- outcome{got, err}
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
