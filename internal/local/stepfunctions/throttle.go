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
	now := time.Now()
	if !b.last.IsZero() {
		b.tokens = min(b.rate.Burst, b.tokens+now.Sub(b.last).Seconds()*b.rate.PerSecond)
	}
	b.last = now
	if b.tokens < 1 {
		return api.Errorf("ThrottlingException", "Rate exceeded")
	}
	b.tokens--
	return nil
}
