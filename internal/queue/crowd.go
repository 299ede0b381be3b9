package queue

import (
	"context"
	"sync"
	"time"
)

const (
	// shortDelay is the longest delay that is never shortened: it is soon over.
	shortDelay = 10 * time.Second
	// crowdAge is how long an answer about the queue's depth is good for.
	crowdAge = 30 * time.Second
	// crowdFrom is the number of messages in flight from which on delays are
	// shortened, crowdTo the one from which on there are none.
	crowdFrom, crowdTo = 60_000, 100_000
)

// crowd is how many messages of the queue are in flight, as it was last told. It
// keeps messages that wait for their backoff from filling what SQS lets be in
// flight, about 120,000 messages: beyond that a receive brings nothing, and one
// failing kind of message, each hidden for hours, would stop all the others. So
// from half of that on backoffs shrink, and near the end there are none: then
// the failing messages are tried more often, and reach the dead-letter queue
// earlier, instead. How long a handler may still run is never shortened.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
type crowd struct {
	mu       sync.Mutex
	asked    time.Time
	inFlight int
}

// share is the part of a delay that there is room for, 0 to 1. It asks for the
// queue's depth at most every 30 seconds. Where that fails the last answer
// stands: too long a backoff harms nobody yet.
func (q *Queue) share(ctx context.Context) float64 {
	c := &q.crowd
	c.mu.Lock()
	old := time.Since(c.asked) >= crowdAge
	if old {
		// Those who come while it is asked take the last answer.
		c.asked = time.Now()
	}
	c.mu.Unlock()
	if old {
		if d, err := q.Depth(ctx); err == nil {
			c.mu.Lock()
			c.inFlight = d.InFlight
			c.mu.Unlock()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return min(max(float64(crowdTo-c.inFlight)/(crowdTo-crowdFrom), 0), 1)
}
