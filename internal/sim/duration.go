package sim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Distribution is of how long a handler takes.
type Distribution struct {
	// name as it was given.
	name string
	// sorted are its quantiles, evenly spaced.
	sorted []time.Duration
}

// quantiles that stand for a distribution: so many that its 99.9th percentile is
// among them.
const quantiles = 4096

// String is the distribution as it was given.
func (d Distribution) String() string { return d.name }

// Mean of the distribution.
func (d Distribution) Mean() time.Duration {
	var sum time.Duration
	for _, q := range d.sorted {
		sum += q
	}
	return sum / time.Duration(max(1, len(d.sorted)))
}

// Longest that it takes.
func (d Distribution) Longest() time.Duration { return d.sorted[len(d.sorted)-1] }

// ParseDistribution reads "120ms", "normal:120ms,30ms", "lognormal:120ms,200ms"
// (mean and standard deviation) or "exponential:120ms".
func ParseDistribution(text string) (Distribution, error) {
	kind, rest, named := strings.Cut(text, ":")
	if !named {
		kind, rest = "constant", text
	}
	var given []float64
	for _, part := range strings.Split(rest, ",") {
		value, err := time.ParseDuration(strings.TrimSpace(part))
		if err != nil || value < 0 || value > 365*24*time.Hour {
			return Distribution{}, fmt.Errorf("%q: %q is no time such as 120ms", text, part)
		}
		given = append(given, value.Seconds())
	}
	takes := map[string]int{"constant": 1, "normal": 2, "lognormal": 2, "exponential": 1}[kind]
	switch {
	case takes == 0:
		return Distribution{}, fmt.Errorf("%q is no distribution: there are constant, normal, lognormal and exponential", kind)
	case len(given) != takes:
		return Distribution{}, fmt.Errorf("%q: %s takes %s", text, kind, map[int]string{1: "a mean", 2: "a mean and a standard deviation"}[takes])
	case given[0] == 0:
		return Distribution{}, fmt.Errorf("%q: a handler takes longer than 0", text)
	}
	var quantile func(p float64) float64
	switch mean := given[0]; kind {
	case "constant":
		quantile = func(float64) float64 { return mean }
	case "normal":
		quantile = func(p float64) float64 { return mean + given[1]*normal(p) }
	case "lognormal":
		variance := math.Log(1 + given[1]*given[1]/(mean*mean))
		quantile = func(p float64) float64 {
			return math.Exp(math.Log(mean) - variance/2 + math.Sqrt(variance)*normal(p))
		}
	case "exponential":
		quantile = func(p float64) float64 { return -mean * math.Log(1-p) }
	}
	d := Distribution{name: text}
	for i := range quantiles {
		seconds := quantile((float64(i) + 0.5) / quantiles)
		d.sorted = append(d.sorted, max(time.Millisecond, time.Duration(seconds*float64(time.Second))))
	}
	return d, nil
}

// normal is the quantile of the standard normal distribution.
func normal(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }

// ReadSamples reads measured durations, one a line: "120ms", or milliseconds
// without a unit.
func ReadSamples(name string, r io.Reader) (Distribution, error) {
	var samples []time.Duration
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		sample, err := time.ParseDuration(line)
		if err != nil {
			var ms float64
			ms, err = strconv.ParseFloat(line, 64)
			sample = time.Duration(ms * float64(time.Millisecond))
		}
		if err != nil || sample < 0 {
			return Distribution{}, fmt.Errorf("%s:%d: %q is neither a time such as 120ms nor milliseconds", name, n, line)
		}
		samples = append(samples, max(sample, time.Microsecond))
	}
	if err := lines.Err(); err != nil {
		return Distribution{}, fmt.Errorf("%s: %w", name, err)
	}
	if len(samples) == 0 {
		return Distribution{}, errors.New(name + " has no samples")
	}
	slices.Sort(samples)
	return Distribution{name: "file:" + name, sorted: samples}, nil
}

// sampler draws from a distribution: its quantiles in a random order, again and
// again, with running sums, so that the sum of many draws costs what one does.
type sampler struct {
	sums []time.Duration
	at   int
}

func newSampler(d Distribution, seed uint64) *sampler {
	shuffled := slices.Clone(d.sorted)
	rand.New(rand.NewPCG(seed, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	s := &sampler{sums: make([]time.Duration, len(shuffled)+1)}
	for i, v := range shuffled {
		s.sums[i+1] = s.sums[i] + v
	}
	return s
}

// draw is the sum of n draws.
func (s *sampler) draw(n int) time.Duration {
	size := len(s.sums) - 1
	sum := time.Duration(n/size) * s.sums[size]
	n %= size
	if rest := size - s.at; n > rest {
		sum += s.sums[size] - s.sums[s.at]
		n -= rest
		s.at = 0
	}
	sum += s.sums[s.at+n] - s.sums[s.at]
	s.at += n
	return sum
}
