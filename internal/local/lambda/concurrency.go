package lambda

import (
	"slices"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

const (
	defaultConcurrency = 1000
	// minUnreserved must remain for functions without a reservation.
	// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
	minUnreserved = 100
	// Each function gains up to 1,000 environments every 10 seconds, refilled
	// continuously and not saved up.
	// https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
	scalingBurst  = 1000
	scalingPeriod = 10 * time.Second
)

// bucket holds the environments that a function may start right now. Its zero
// value is full.
type bucket struct {
	used float64
	at   time.Time
}

func (b *bucket) take(now time.Time) bool {
	refill := now.Sub(b.at).Seconds() / scalingPeriod.Seconds() * scalingBurst
	used := max(0, b.used-refill)
	if used > scalingBurst-1 {
		return false
	}
	b.used, b.at = used+1, now
	return true
}

// acquire takes the right to run one invocation, with an idle environment if
// there is one, nil if one must be started. The lock must be held.
func (s *Service) acquire(f *function) (*instance, error) {
	all := f.root
	if r := all.config.ReservedConcurrency; r != nil {
		if all.busy >= *r {
			return nil, throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
		}
	} else if s.unreserved >= s.options.Concurrency-s.reserved("") {
		return nil, throttled("ConcurrentInvocationLimitExceeded")
	}
	i := f.pop()
	if i == nil && !s.options.UnlimitedScaling && !all.scaling.take(time.Now()) {
		// AWS documents no reason of its own for the scaling rate.
		return nil, throttled("ConcurrentInvocationLimitExceeded")
	}
	all.busy++
	if all.config.ReservedConcurrency == nil {
		s.unreserved++
	}
	return i, nil
}

// release gives back what acquire took. The lock must be held.
func (s *Service) release(f *function) {
	f.root.busy--
	if f.root.config.ReservedConcurrency == nil {
		s.unreserved--
	}
}

// reserve changes a function's reservation. The lock must be held.
func (s *Service) reserve(f *function, reservation *int) {
	if f.config.ReservedConcurrency == nil {
		s.unreserved -= f.busy
	}
	if reservation == nil {
		s.unreserved += f.busy
	}
	f.config.ReservedConcurrency = reservation
}

// reserved is the sum of all reservations but that of one function.
func (s *Service) reserved(except string) int {
	sum := 0
	for name, f := range s.functions {
		if r := f.config.ReservedConcurrency; r != nil && name != except {
			sum += *r
		}
	}
	return sum
}

func (s *Service) checkReservation(name string, reservation *int) error {
	if reservation == nil {
		return nil
	}
	if *reservation < 0 {
		return between("reservedConcurrentExecutions", *reservation, 0, s.options.Concurrency)
	}
	if s.options.Concurrency-s.reserved(name)-*reservation < minUnreserved {
		return invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].")
	}
	return nil
}

func throttled(reason string) *api.Error {
	return &api.Error{
		Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: 429,
		Fields: map[string]any{"Reason": reason, "Type": "User"},
	}
}

// pop takes the environment that was used last: the others get the chance to
// become idle for long enough to end.
func (f *function) pop() *instance {
	for n := len(f.idle); n > 0; n = len(f.idle) {
		i := f.idle[n-1]
		f.idle[n-1] = nil
		f.idle = f.idle[:n-1]
		if i.alive() {
			return i
		}
		i.stop()
	}
	return nil
}

// push makes an environment idle. The lock must be held.
func (s *Service) push(f *function, i *instance) {
	i.idleSince = time.Now()
	f.idle = append(f.idle, i)
	if f.reaper == nil {
		f.reaper = time.AfterFunc(s.options.IdleTimeout, func() { s.reap(f) })
	}
}

// reap ends the environments that were idle for too long and comes back when
// the next one may be due.
func (s *Service) reap(f *function) {
	s.mu.Lock()
	now := time.Now()
	due := 0
	for due < len(f.idle) && now.Sub(f.idle[due].idleSince) >= s.options.IdleTimeout {
		due++
	}
	ended := slices.Clone(f.idle[:due])
	f.idle = slices.Delete(f.idle, 0, due)
	if f.reaper != nil {
		f.reaper = nil
		if len(f.idle) > 0 {
			f.reaper = time.AfterFunc(f.idle[0].idleSince.Add(s.options.IdleTimeout).Sub(now), func() { s.reap(f) })
		}
	}
	s.mu.Unlock()
	s.stop(ended)
}

// evictAll takes all idle environments, for the caller to stop without the lock.
func (f *function) evictAll() []*instance {
	idle := f.idle
	f.idle = nil
	if f.reaper != nil {
		f.reaper.Stop()
		f.reaper = nil
	}
	return idle
}

// evictFamily is evictAll of a function and all its published versions.
func (f *function) evictFamily() []*instance {
	idle := f.evictAll()
	for _, v := range f.published {
		idle = append(idle, v.evictAll()...)
	}
	return idle
}
