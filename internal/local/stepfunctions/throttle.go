package stepfunctions

import (
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// bucket is a token bucket that refills when it is looked at.
type bucket struct {
	rate Rate

	mu     sync.Mutex
	tokens float64
	last   time.Time
}

func newBucket(r Rate) *bucket { return &bucket{rate: r, tokens: r.Burst} }

// take fails with ThrottlingException when the bucket is empty.
func (b *bucket) take() error {
	if b.rate.Burst < 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(time.Now())
	if b.tokens < 1 {
		return api.Errorf("ThrottlingException", "Rate exceeded")
	}
	b.tokens--
	return nil
}

// reserve takes a token in any case, and says how long to wait for it: those
// who come later wait longer.
func (b *bucket) reserve(now time.Time) time.Duration {
	if b.rate.Burst < 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	b.tokens--
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(min(-b.tokens/b.rate.PerSecond, maxSeconds) * float64(time.Second))
}

// refill adds what has come in since the last time. The bucket's lock must be
// held.
func (b *bucket) refill(now time.Time) {
	if !b.last.IsZero() {
		b.tokens = min(b.rate.Burst, b.tokens+now.Sub(b.last).Seconds()*b.rate.PerSecond)
	}
	b.last = now
}
