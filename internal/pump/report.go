package pump

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/musterq/muster/internal/registry"
)

// busyUntil is the promise of a report sent now: what it lets start will have
// ended by then.
func (s *shift) busyUntil(sent time.Time) time.Time {
	return sent.Add(lease + s.handlers() + registry.ClockMargin)
}

// reportHome reports every minute. While a report fails it is repeated every
// ten seconds; no handler starts once the last good one is too old.
func (s *shift) reportHome(ctx context.Context) {
	wait := ReportEvery
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		sent := time.Now()
		held, some := s.hand.size(), s.hand.some(registry.MaxHolding)
		s.mu.Lock()
		counts := s.counts
		counts.InHand, counts.InHandMessages = s.inHand, held
		counts.Holding = some
		s.mu.Unlock()
		worker, err := s.registry.ReportShift(ctx, s.post, s.token, sent, s.busyUntil(sent), counts)
		switch {
		case errors.Is(err, registry.ErrRelieved):
			s.finish("relieved", nil)
			return
		case err != nil:
			wait = reportAgain
		default:
			wait = ReportEvery
			s.mu.Lock()
			s.leasedTo = sent.Add(lease)
			s.mu.Unlock()
			s.obey(worker)
		}
	}
}

// mayStart says whether a handler may start now: it will end before the shift
// does and before what the last report promised.
func (s *shift) mayStart(timeout time.Duration) bool {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next != "relieved" && now.Before(s.leasedTo) && !now.Add(timeout).After(s.end)
}

// rate is the worker's measured service rate, messages a second, smoothed.
func (s *shift) rate(messages int, took time.Duration) {
	now := float64(messages) / max(took.Seconds(), 0.001) * float64(s.worker.Parallelism)
	if s.counts.Rate == 0 {
		s.counts.Rate = now
		return
	}
	s.counts.Rate = math.Round((0.9*s.counts.Rate+0.1*now)*1000) / 1000
}
