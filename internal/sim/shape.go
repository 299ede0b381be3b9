package sim

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Shapes says what [ParseShape] understands: each name with its parameters and
// their defaults.
const Shapes = `steady:rate=10,for=1h
daily:low=1,high=20,for=24h
burst:rate=0,messages=10000,at=5m,within=10s,for=1h
ramp:from=0,to=50,for=1h
spikes:rate=1,messages=2000,spikes=6,within=1m,for=2h`

// ParseShape makes a trace of a named shape, such as "burst:messages=20000".
// Rates are messages a second; what is left out has the default of [Shapes]. The
// seed says when spikes come.
func ParseShape(text string, seed uint64) (Trace, error) {
	name, given, _ := strings.Cut(text, ":")
	values, known := map[string]string{}, []string{}
	for _, line := range strings.Split(Shapes, "\n") {
		shape, defaults, _ := strings.Cut(line, ":")
		known = append(known, shape)
		if shape == name {
			for _, assignment := range strings.Split(defaults, ",") {
				key, value, _ := strings.Cut(assignment, "=")
				values[key] = value
			}
		}
	}
	if len(values) == 0 {
		return Trace{}, fmt.Errorf("%q is no shape: there are %s", name, strings.Join(known, ", "))
	}
	for _, assignment := range strings.FieldsFunc(given, func(r rune) bool { return r == ',' }) {
		key, value, _ := strings.Cut(assignment, "=")
		if _, ok := values[key]; !ok {
			return Trace{}, fmt.Errorf("shape %s has no %q: it has %s", name, key, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
		}
		values[key] = value
	}
	s := shape{name: name, values: values}
	t := s.trace(seed)
	return t, errors.Join(append(s.errs, t.validate())...)
}

// shape reads the parameters of one, and remembers what was wrong.
type shape struct {
	name   string
	values map[string]string
	errs   []error
}

func (s *shape) number(key string) float64 {
	value, err := strconv.ParseFloat(s.values[key], 64)
	if err != nil || value < 0 || value > math.MaxInt32 {
		s.errs = append(s.errs, fmt.Errorf("%s of shape %s is %q: it must be a number from 0 on", key, s.name, s.values[key]))
		return 0
	}
	return value
}

func (s *shape) span(key string) time.Duration {
	value, err := time.ParseDuration(s.values[key])
	if err != nil || value < 0 {
		s.errs = append(s.errs, fmt.Errorf("%s of shape %s is %q: it must be a time such as 90s or 1h", key, s.name, s.values[key]))
		return 0
	}
	return value
}

// trace has intervals of ten seconds.
func (s *shape) trace(seed uint64) Trace {
	t := Trace{Interval: 10 * time.Second}
	length := s.span("for")
	if length > maxIntervals*t.Interval {
		s.errs = append(s.errs, fmt.Errorf("shape %s lasts %s: at most %s", s.name, length, maxIntervals*t.Interval))
		return t
	}
	n := int(math.Ceil(float64(length) / float64(t.Interval)))
	rates := make([]float64, n) // messages an interval
	each := func(rate func(part float64) float64) {
		for i := range rates {
			rates[i] = t.Interval.Seconds() * rate((float64(i)+0.5)/float64(n))
		}
	}
	add := func(at, within time.Duration, messages float64) {
		from := int(at / t.Interval)
		over := max(1, int(math.Round(float64(within)/float64(t.Interval))))
		for i := from; i < min(from+over, n); i++ {
			rates[i] += messages / float64(over)
		}
	}
	switch s.name {
	case "steady":
		rate := s.number("rate")
		each(func(float64) float64 { return rate })
	case "daily":
		low, high := s.number("low"), s.number("high")
		days := length.Hours() / 24
		each(func(part float64) float64 { return low + (high-low)*(1-math.Cos(2*math.Pi*part*days))/2 })
	case "ramp":
		from, to := s.number("from"), s.number("to")
		each(func(part float64) float64 { return from + (to-from)*part })
	case "burst":
		rate := s.number("rate")
		each(func(float64) float64 { return rate })
		add(s.span("at"), s.span("within"), s.number("messages"))
	case "spikes":
		rate := s.number("rate")
		each(func(float64) float64 { return rate })
		random := rand.New(rand.NewPCG(seed, 1))
		for range int(s.number("spikes")) {
			add(time.Duration(random.Float64()*float64(length)), s.span("within"), s.number("messages"))
		}
	}
	carried := 0.0
	for _, rate := range rates {
		carried += rate
		whole := math.Floor(carried + 1e-9)
		carried -= whole
		t.Arrivals = append(t.Arrivals, int(whole))
	}
	return t
}
