package sim

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Trace is how many messages arrived in each of some intervals of one length.
type Trace struct {
	Interval time.Duration
	Arrivals []int
}

// Length of the trace.
func (t Trace) Length() time.Duration { return time.Duration(len(t.Arrivals)) * t.Interval }

// Messages of the trace.
func (t Trace) Messages() int {
	n := 0
	for _, a := range t.Arrivals {
		n += a
	}
	return n
}

// maxIntervals of a trace: a year of minutes is about half a million.
const maxIntervals = 10_000_000

func (t Trace) validate() error {
	switch {
	case t.Interval < time.Second:
		return fmt.Errorf("its intervals are %s, they must be at least a second", t.Interval)
	case len(t.Arrivals) == 0:
		return errors.New("it has no intervals")
	case len(t.Arrivals) > maxIntervals:
		return fmt.Errorf("it has %d intervals, at most %d are simulated: choose longer ones", len(t.Arrivals), maxIntervals)
	}
	for i, a := range t.Arrivals {
		if a < 0 || a > math.MaxInt32 {
			return fmt.Errorf("interval %d has %d arrivals", i+1, a)
		}
	}
	return nil
}

// ReadTrace reads a trace in one of three forms:
//   - CSV with the columns time and messages: seconds from the start, or RFC 3339
//   - JSON, {"interval": "1m", "messages": [12, 0, 7]}
//   - JSON as "aws cloudwatch get-metric-data" prints it, for NumberOfMessagesSent
//     with the statistic Sum; its values come in any order, and those that are 0
//     may be missing.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
func ReadTrace(r io.Reader) (Trace, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return Trace{}, err
	}
	var t Trace
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' {
		t, err = readJSON(trimmed)
	} else {
		t, err = readCSV(data)
	}
	if err == nil {
		err = t.validate()
	}
	return t, err
}

func readJSON(data []byte) (Trace, error) {
	var in struct {
		Interval          string
		Messages          []int
		MetricDataResults []struct {
			ID         string
			Label      string
			Timestamps []time.Time
			Values     []float64
		}
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return Trace{}, fmt.Errorf("neither a trace nor get-metric-data's output: %w", err)
	}
	if len(in.MetricDataResults) == 0 {
		interval, err := time.ParseDuration(in.Interval)
		if err != nil {
			return Trace{}, fmt.Errorf(`a trace is {"interval": "1m", "messages": [12, 0, 7]}: %w`, err)
		}
		return Trace{Interval: interval, Arrivals: in.Messages}, nil
	}
	if len(in.MetricDataResults) > 1 {
		return Trace{}, fmt.Errorf("it has %d metrics: ask get-metric-data for NumberOfMessagesSent of one queue alone", len(in.MetricDataResults))
	}
	m := in.MetricDataResults[0]
	if len(m.Timestamps) != len(m.Values) {
		return Trace{}, fmt.Errorf("metric %s has %d timestamps and %d values", m.Label, len(m.Timestamps), len(m.Values))
	}
	var points []point
	for i, at := range m.Timestamps {
		points = append(points, point{at.Sub(m.Timestamps[0]), m.Values[i]})
	}
	return fill(points)
}

// point is the arrivals of one interval, from the time when it begins.
type point struct {
	at       time.Duration
	messages float64
}

func readCSV(data []byte) (Trace, error) {
	reader := csv.NewReader(bytes.NewReader(data))
	reader.Comment = '#'
	reader.TrimLeadingSpace = true
	rows, err := reader.ReadAll()
	if err != nil {
		return Trace{}, err
	}
	if len(rows) == 0 || len(rows[0]) != 2 || !strings.EqualFold(rows[0][0], "time") || !strings.EqualFold(rows[0][1], "messages") {
		return Trace{}, errors.New("the first line must be: time,messages")
	}
	var points []point
	var start time.Time
	for i, row := range rows[1:] {
		messages, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			return Trace{}, fmt.Errorf("row %d: messages %q is no number", i+1, row[1])
		}
		if seconds, err := strconv.ParseFloat(row[0], 64); err == nil && math.Abs(seconds) < 1e9 {
			points = append(points, point{time.Duration(seconds * float64(time.Second)), messages})
			continue
		}
		at, err := time.Parse(time.RFC3339, row[0])
		if err != nil {
			return Trace{}, fmt.Errorf("row %d: time %q is neither seconds from the start nor RFC 3339", i+1, row[0])
		}
		if start.IsZero() {
			start = at
		}
		points = append(points, point{at.Sub(start), messages})
	}
	return fill(points)
}

// fill makes a trace of points. The interval is the largest that all times fit,
// and what is missing had no arrivals.
func fill(points []point) (Trace, error) {
	if len(points) < 2 {
		return Trace{}, fmt.Errorf("it has %d intervals, of which their length cannot be told", len(points))
	}
	slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	start := points[0].at
	var t Trace
	for _, p := range points[1:] {
		t.Interval = common(t.Interval, p.at-start)
	}
	if t.Interval < time.Second {
		return Trace{}, fmt.Errorf("its times are no multiples of a second apart")
	}
	n := int((points[len(points)-1].at-start)/t.Interval) + 1
	if n > maxIntervals {
		return Trace{}, fmt.Errorf("its times make %d intervals of %s: are they regular?", n, t.Interval)
	}
	t.Arrivals = make([]int, n)
	for _, p := range points {
		if p.messages < 0 || p.messages > math.MaxInt32 || math.IsNaN(p.messages) {
			return Trace{}, fmt.Errorf("%v messages %s after the start", p.messages, p.at-start)
		}
		t.Arrivals[(p.at-start)/t.Interval] += int(math.Round(p.messages))
	}
	return t, nil
}

// common divisor, the greatest.
func common(a, b time.Duration) time.Duration {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
