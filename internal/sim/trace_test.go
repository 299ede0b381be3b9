package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/sim"
)

func TestReadTrace(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want sim.Trace
	}{
		"CSV, seconds": {"time,messages\n0,5\n10,0\n20,7\n", sim.Trace{Interval: 10 * time.Second, Arrivals: []int{5, 0, 7}}},
		"CSV, moments": {"# of orders\nTime, Messages\n2026-01-01T00:00:00Z,5\n2026-01-01T00:03:00Z,7\n2026-01-01T00:04:00Z,1\n", sim.Trace{Interval: time.Minute, Arrivals: []int{5, 0, 0, 7, 1}}},
		"JSON":         {`{"interval":"1m","messages":[12,0,7]}`, sim.Trace{Interval: time.Minute, Arrivals: []int{12, 0, 7}}},
		"CloudWatch, the newest first": {
			`{"MetricDataResults":[{"Id":"m","Label":"NumberOfMessagesSent","Timestamps":["2026-01-01T00:15:00+00:00","2026-01-01T00:05:00+00:00","2026-01-01T00:00:00+00:00"],"Values":[3.0,2.0,1.0],"StatusCode":"Complete"}],"Messages":[]}`,
			sim.Trace{Interval: 5 * time.Minute, Arrivals: []int{1, 2, 0, 3}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := sim.ReadTrace(strings.NewReader(c.text))
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestWrongTraces(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "the first line must be: time,messages",
		"at,count\n1,2\n":                      "the first line must be: time,messages",
		"time,messages\n0,1\n":                 "of which their length cannot be told",
		"time,messages\n0,1\nsoon,1\n":         `row 2: time "soon" is neither seconds from the start nor RFC 3339`,
		"time,messages\n0,1\n60,many\n":        `row 2: messages "many" is no number`,
		"time,messages\n0,1\n60,-1\n":          "-1 messages 1m0s after the start",
		"time,messages\n0,1\n0.5,1\n":          "no multiples of a second apart",
		"time,messages\n0,1\n1,1\n999999999,1": "are they regular?",
		`{"interval":"1m"}`:                    "it has no intervals",
		`{"interval":"soon","messages":[1]}`:   "invalid duration",
		`{"interval":"1m","messages":[-1]}`:    "interval 1 has -1 arrivals",
		`{"messages":`:                         "neither a trace nor get-metric-data's output",
		`{"MetricDataResults":[{"Timestamps":["2026-01-01T00:00:00Z"],"Values":[]}]}`: "1 timestamps and 0 values",
		`{"MetricDataResults":[{},{}]}`:                                               "it has 2 metrics",
	} {
		_, err := sim.ReadTrace(strings.NewReader(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func TestShapes(t *testing.T) {
	for text, messages := range map[string]int{
		"steady":                           36_000,
		"steady:rate=0.5,for=10m":          300,
		"burst":                            10_000,
		"burst:rate=1,messages=500,for=1h": 4_100,
		"ramp:from=10,to=20,for=10m":       9_000,
		"spikes:rate=0,spikes=3,for=1h":    6_000,
	} {
		trace, err := sim.ParseShape(text, 1)
		require.NoError(t, err, text)
		assert.InDelta(t, messages, trace.Messages(), 1, text)
	}
	day, err := sim.ParseShape("daily:low=1,high=3", 1)
	require.NoError(t, err)
	assert.InDelta(t, 2*86_400, day.Messages(), 1)
	assert.InDelta(t, 10, day.Arrivals[0], 1)
	assert.InDelta(t, 30, day.Arrivals[len(day.Arrivals)/2], 1)

	for text, want := range map[string]string{
		"wave":               `"wave" is no shape: there are steady, daily, burst, ramp, spikes`,
		"burst:size=3":       `shape burst has no "size": it has at, for, messages, rate, within`,
		"steady:rate=-1":     `rate of shape steady is "-1"`,
		"steady:for=long":    `for of shape steady is "long"`,
		"steady:for=100000h": "at most",
	} {
		_, err := sim.ParseShape(text, 1)
		assert.ErrorContains(t, err, want, text)
	}
}

func TestDistributions(t *testing.T) {
	for text, longest := range map[string]time.Duration{
		"100ms":                 100 * time.Millisecond,
		"normal:100ms,20ms":     173 * time.Millisecond,
		"lognormal:100ms,100ms": 1495 * time.Millisecond,
		"exponential:100ms":     901 * time.Millisecond,
	} {
		d, err := sim.ParseDistribution(text)
		require.NoError(t, err, text)
		assert.InEpsilon(t, float64(100*time.Millisecond), float64(d.Mean()), 0.01, text)
		assert.InEpsilon(t, float64(longest), float64(d.Longest()), 0.01, text)
	}
	for text, want := range map[string]string{
		"fast":         `"fast" is no time`,
		"0s":           "takes longer than 0",
		"-1s":          `"-1s" is no time`,
		"normal:1s":    "normal takes a mean and a standard deviation",
		"uniform:1s":   `"uniform" is no distribution`,
		"constant:1s,": `"" is no time`,
	} {
		_, err := sim.ParseDistribution(text)
		assert.ErrorContains(t, err, want, text)
	}
	samples, err := sim.ReadSamples("took.txt", strings.NewReader("# ms\n100\n0.3s\n\n200.0\n"))
	require.NoError(t, err)
	assert.Equal(t, []time.Duration{200 * time.Millisecond, 300 * time.Millisecond}, []time.Duration{samples.Mean(), samples.Longest()})
	for text, want := range map[string]string{"": "took.txt has no samples", "1\nlong\n": `took.txt:2: "long"`} {
		_, err := sim.ReadSamples("took.txt", strings.NewReader(text))
		assert.ErrorContains(t, err, want)
	}
}
