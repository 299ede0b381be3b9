package deadletter

import (
	"context"
	"time"
)

// pace spreads work over time.
type pace struct {
	// rate is messages a second. 0 is no limit.
	rate int
	// next is when the next batch may go.
	next time.Time
}

// chunk is how many of n messages go at once: what one second allows.
func (p *pace) chunk(n int) int {
	if p.rate == 0 {
		return n
	}
	return min(n, p.rate)
}

// wait waits until n more messages may go. It fails when the work shall stop.
func (p *pace) wait(ctx context.Context, stop <-chan struct{}, n int) error {
	if stopped(stop) {
		return ErrStopped
	}
	now := time.Now()
	if p.next.After(now) {
		timer := time.NewTimer(p.next.Sub(now))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-stop:
			return ErrStopped
		case <-ctx.Done():
			return ctx.Err()
		}
		now = time.Now()
	}
	if p.rate > 0 {
		p.next = now.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	}
	return nil
}
