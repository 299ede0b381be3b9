package sim

import (
	"math"
	"slices"
	"time"
)

// Cap is what all ways of a comparison have in common: handlers at once.
type Cap struct {
	// Handlers of the whole fleet, and of one worker or container.
	Handlers, Places int
	// Poll and Settle are what an event takes beside its handler.
	Poll, Settle time.Duration
	// PodStart and TaskStart are how long containers take until their first poll.
	PodStart, TaskStart time.Duration
}

func (c Cap) workers() int { return max(1, c.Handlers/c.Places) }

// full is a fleet that runs at the cap from the start.
func (c Cap) full() Fixed {
	return Fixed{Workers: c.workers(), Places: c.Places, Poll: c.Poll, Settle: c.Settle}
}

// Judge counts in how many intervals the results kept their promise, of those in
// which a fleet keeps it that runs at the cap from the start.
func Judge(c Config, cap Cap, results ...*Result) error {
	best, err := Run(c, cap.full())
	if err != nil {
		return err
	}
	for _, r := range results {
		r.judge(best)
	}
	return nil
}

// Rivals are the other ways to scale, each with the settings to try.
func Rivals(c Cap) [][]Way {
	most := c.workers()
	var fixed, keda, tracking, mapping, provisioned []Way
	for _, share := range []float64{0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1} {
		f := c.full()
		f.Workers = max(1, int(math.Ceil(share*float64(most))))
		if !slices.Contains(fixed, Way(f)) {
			fixed = append(fixed, f)
		}
	}
	for _, length := range []int{5, 10, 25, 50, 100, 250, 1000} {
		keda = append(keda, KEDA{QueueLength: length, Most: most, Places: c.Places, Start: c.PodStart, Poll: c.Poll, Settle: c.Settle})
	}
	for _, target := range []int{5, 10, 25, 50, 100, 250, 1000} {
		tracking = append(tracking, TargetTracking{Target: target, Most: most, Places: c.Places, Start: c.TaskStart, Poll: c.Poll, Settle: c.Settle})
	}
	for _, concurrency := range []int{c.Handlers / 4, c.Handlers / 2, min(c.Handlers, 1000)} {
		if concurrency >= 2 && concurrency <= 1000 {
			mapping = append(mapping, EventSourceMapping{MaximumConcurrency: concurrency, Poll: c.Poll, Settle: c.Settle})
		}
	}
	if c.Handlers >= mappingMost {
		mapping = append(mapping, EventSourceMapping{Poll: c.Poll, Settle: c.Settle})
	}
	for _, pollers := range []int{2, 5, 10, 20, 50, 100, 200} {
		if pollers*perPoller <= c.Handlers {
			provisioned = append(provisioned, Provisioned{MinimumPollers: pollers, MaximumPollers: min(c.Handlers/perPoller, 10_000), Poll: c.Poll, Settle: c.Settle})
		}
	}
	return [][]Way{mapping, provisioned, keda, tracking, fixed}
}

// Compared is a way of a comparison.
type Compared struct {
	Result
	// Tried is how many settings were, of which these were best.
	Tried int `json:"tried"`
}

// Compare runs Muster as it is set, and each rival with the best of its settings:
// those with the largest share of the promise kept, to a thousandth, and of these
// the cheapest. A rival that cannot be held under the cap at all is left out: an
// event source mapping under 2 handlers, provisioned mode under 20.
func Compare(c Config, m Muster, cap Cap) ([]Compared, error) {
	best, err := Run(c, cap.full())
	if err != nil {
		return nil, err
	}
	own, err := Run(c, m)
	if err != nil {
		return nil, err
	}
	own.judge(best)
	all := []Compared{{own, 1}}
	for _, ways := range Rivals(cap) {
		var chosen Compared
		for i, way := range ways {
			r, err := Run(c, way)
			if err != nil {
				return nil, err
			}
			r.judge(best)
			if i == 0 || better(r, chosen.Result) {
				chosen = Compared{r, len(ways)}
			}
		}
		if chosen.Tried > 0 {
			all = append(all, chosen)
		}
	}
	return all, nil
}

// better says whether a result is to be preferred.
func better(a, b Result) bool {
	x, y := math.Round(1000*a.Promise.Share()), math.Round(1000*b.Promise.Share())
	return x > y || x == y && a.Dollars < b.Dollars
}
