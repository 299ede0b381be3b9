package scenario

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/musterq/muster/internal/message"
)

// Takes is a handler that takes a while and succeeds.
func Takes(d time.Duration) Handler {
	return func(ctx context.Context, _ message.Event) (any, error) {
		select {
		case <-time.After(d):
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// TakesUpTo is a handler that takes a random time and succeeds.
func TakesUpTo(most time.Duration, seed uint64) Handler {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 2))
	return func(ctx context.Context, e message.Event) (any, error) {
		mu.Lock()
		d := time.Duration(random.Int64N(int64(most)))
		mu.Unlock()
		return Takes(d)(ctx, e)
	}
}
