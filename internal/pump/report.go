package pump

import (
	"context"
	"errors"
	"time"

	"github.com/musterq/muster/internal/registry"
)

// busyUntil is the promise of a report sent now: what it lets start will have
// ended by then, though it arrive late, and by any clock.
func (s *shift) busyUntil(sent time.Time) time.Time {
	return sent.Add(lease + arrival + s.handlers() + registry.ClockMargin)
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

// smoothed is the weight of what was against what is new, in what is measured.
const smoothed = 0.9

// rate measures how long an event keeps a place, the receives that brought it
// included, and what follows from it and the event's messages: how many messages
// a second the worker handles when it has enough of them. Both are smoothed, the
// messages of an event too, which are told by the rate.
func (s *shift) rate(messages int, took time.Duration) {
	receives := (messages + maxReceive - 1) / maxReceive
	took += time.Duration(receives) * s.receives
	c, places := &s.counts, float64(s.worker.Parallelism)
	seconds, event := max(took.Seconds(), 0.001), float64(messages)
	if c.Took > 0 {
		event = smoothed*c.Rate*c.Took/places + (1-smoothed)*event
		seconds = smoothed*c.Took + (1-smoothed)*seconds
	}
	c.Rate, c.Took = event*places/seconds, seconds
}

// received notes what a receive brought. One that brought all that it may at once
// did not wait for messages, and tells how long receives take.
func (s *shift) received(messages, most int, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found = s.found || messages > 0
	if messages == most && took < time.Second {
		s.receives = time.Duration(smoothed*float64(s.receives) + (1-smoothed)*float64(took))
	}
}
