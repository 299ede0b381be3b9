package cloudwatch

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

// metric names a metric: its namespace, name and dimensions together.
type metric struct {
	namespace, name string
	dimensions      map[string]string
}

// key tells metrics apart.
func (m metric) key() string {
	var b strings.Builder
	b.WriteString(m.namespace + "\x00" + m.name)
	for _, name := range slices.Sorted(maps.Keys(m.dimensions)) {
		b.WriteString("\x00" + name + "\x00" + m.dimensions[name])
	}
	return b.String()
}

// series is a metric's data, by the minute in which it begins.
type series struct {
	metric
	minutes map[int64]statistics
	// billed is the last hour that was billed, in hours since 1970.
	billed int64
}

// statistics summarise the values of some time.
type statistics struct{ count, sum, minimum, maximum float64 }

func one(value float64) statistics { return statistics{1, value, value, value} }

func (a statistics) plus(b statistics) statistics {
	if a.count == 0 {
		return b
	}
	return statistics{a.count + b.count, a.sum + b.sum, min(a.minimum, b.minimum), max(a.maximum, b.maximum)}
}

// value is one statistic by CloudWatch's name.
func (a statistics) value(statistic string) float64 {
	switch statistic {
	case "SampleCount":
		return a.count
	case "Sum":
		return a.sum
	case "Minimum":
		return a.minimum
	case "Maximum":
		return a.maximum
	}
	return a.sum / a.count
}

// record adds data to the minute that holds at. A metric of one's own is billed
// for each hour that it has data in.
// https://aws.amazon.com/cloudwatch/pricing/
func (s *Service) record(m metric, at time.Time, data statistics) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := m.key()
	all := s.series[key]
	if all == nil {
		all = &series{metric: m, minutes: map[int64]statistics{}}
		s.series[key] = all
	}
	if hour := at.Unix() / 3600; hour > all.billed && !strings.HasPrefix(m.namespace, "AWS/") {
		all.billed = hour
		s.router.Bill(api.Usage{Item: price.Metric, Quantity: time.Hour.Hours() / price.Month.Hours(), Resource: s.account.ARN("cloudwatch", "metric/"+m.namespace+"/"+m.name)})
	}
	minute := at.Truncate(resolution).Unix()
	before, known := all.minutes[minute]
	all.minutes[minute] = before.plus(data)
	if !known && len(all.minutes) > mostMinutes {
		all.forget(s.oldest(time.Now()))
	}
}

// mostMinutes is how many minutes of a metric may be kept before the oldest are
// forgotten.
const mostMinutes = int(2 * kept / resolution)

// between summarises a metric from one time to another, both full minutes. The
// caller holds s.mu.
func (s *Service) between(m metric, from, to time.Time) (statistics, bool) {
	var all statistics
	if data := s.series[m.key()]; data != nil {
		for minute := from; minute.Before(to); minute = minute.Add(resolution) {
			all = all.plus(data.minutes[minute.Unix()])
		}
	}
	return all, all.count > 0
}

// oldest is the first minute that is kept: what can be read, and what alarms look
// at. The caller holds s.mu.
func (s *Service) oldest(now time.Time) int64 {
	keep := kept
	for _, a := range s.alarms {
		keep = max(keep, time.Duration(a.attempted())*a.period())
	}
	return now.Add(-keep - s.options.MetricDelay - resolution).Unix()
}

// forget drops the minutes before the oldest that is kept.
func (d *series) forget(oldest int64) {
	maps.DeleteFunc(d.minutes, func(minute int64, _ statistics) bool { return minute < oldest })
}

// forget drops data that is old. The caller holds s.mu.
func (s *Service) forget(now time.Time) {
	oldest := s.oldest(now)
	for key, data := range s.series {
		data.forget(oldest)
		if len(data.minutes) == 0 {
			delete(s.series, key)
		}
	}
}

// Dimension is one name and value of a metric's.
type Dimension struct{ Name, Value string }

// PutMetricDataInput is data of one's own metrics.
type PutMetricDataInput struct {
	Namespace  string
	MetricData []MetricDatum
}

// MetricDatum is a value, several values, or their statistics.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
type MetricDatum struct {
	MetricName string
	Dimensions []Dimension
	// Timestamp defaults to now.
	Timestamp *Timestamp
	Value     *float64
	// Values occur Counts times each, once if Counts is absent.
	Values, Counts  []float64
	StatisticValues *StatisticSet
	// Unit is for people: alarms here watch metrics of any unit.
	Unit string
}

// StatisticSet are the statistics of several values.
type StatisticSet struct{ SampleCount, Sum, Minimum, Maximum float64 }

const (
	maxData       = 1000
	maxDimensions = 30
	// maxValue is the greatest value of a metric, 2^360.
	maxValue = 2.348542582773833e108
	// Data may be up to two weeks old and two hours ahead.
	maxPast   = 14 * 24 * time.Hour
	maxFuture = 2 * time.Hour
)

// putMetricData records data.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
func (s *Service) putMetricData(_ context.Context, caller api.Caller, in *PutMetricDataInput) (*Empty, error) {
	switch {
	case in.Namespace == "":
		return nil, missingParameter("Namespace")
	case strings.HasPrefix(in.Namespace, "AWS/"):
		return nil, invalidValue("The value AWS/ for parameter Namespace is invalid.")
	case len(in.MetricData) == 0:
		return nil, missingParameter("MetricData")
	case len(in.MetricData) > maxData:
		return nil, invalidValue("The collection MetricData must not have a size greater than 1000.")
	}
	now := time.Now()
	data := make([]statistics, len(in.MetricData))
	for i, datum := range in.MetricData {
		summary, err := datum.summary(now)
		if err != nil {
			return nil, err
		}
		data[i] = summary
	}
	for i, datum := range in.MetricData {
		at := now
		if datum.Timestamp != nil {
			at = datum.Timestamp.Time
		}
		s.record(metric{in.Namespace, datum.MetricName, asMap(datum.Dimensions)}, at, data[i])
	}
	s.router.Bill(api.Usage{Item: price.MetricRequest, Quantity: 1, Caller: caller})
	return &Empty{}, nil
}

func asMap(dimensions []Dimension) map[string]string {
	m := make(map[string]string, len(dimensions))
	for _, d := range dimensions {
		m[d.Name] = d.Value
	}
	return m
}

// summary checks a datum and sums it up.
func (d MetricDatum) summary(now time.Time) (statistics, error) {
	if d.MetricName == "" {
		return statistics{}, missingParameter("MetricData.member.1.MetricName")
	}
	if len(d.Dimensions) > maxDimensions {
		return statistics{}, invalidValue("The collection Dimensions must not have a size greater than 30.")
	}
	if t := d.Timestamp; t != nil && (t.Before(now.Add(-maxPast)) || t.After(now.Add(maxFuture))) {
		return statistics{}, invalidValue("The parameter MetricData.member.1.Timestamp must specify a time within the past two weeks and the next two hours.")
	}
	var all statistics
	switch {
	case d.Value != nil && (d.StatisticValues != nil || d.Values != nil), d.StatisticValues != nil && d.Values != nil:
		return statistics{}, &api.Error{
			Code: "InvalidParameterCombinationException", QueryCode: "InvalidParameterCombination",
			Message: "The parameters MetricData.member.1.Value and MetricData.member.1.StatisticValues are mutually exclusive and you have specified both.",
		}
	case d.Value != nil:
		all = one(*d.Value)
	case d.StatisticValues != nil:
		v := d.StatisticValues
		all = statistics{v.SampleCount, v.Sum, v.Minimum, v.Maximum}
	case len(d.Values) > 0 && (d.Counts == nil || len(d.Counts) == len(d.Values)):
		for i, value := range d.Values {
			count := 1.0
			if d.Counts != nil {
				count = d.Counts[i]
			}
			all = all.plus(statistics{count, count * value, value, value})
		}
	case len(d.Values) > 0:
		return statistics{}, invalidValue("The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size.")
	default:
		return statistics{}, missingParameter("MetricData.member.1.Value")
	}
	for _, v := range []float64{all.sum, all.minimum, all.maximum} {
		if math.IsNaN(v) || math.Abs(v) > maxValue {
			return statistics{}, invalidValue("The value for parameter MetricData.member.1.Value is invalid.")
		}
	}
	if all.count <= 0 {
		return statistics{}, invalidValue("The value for parameter MetricData.member.1.StatisticValues.SampleCount is invalid.")
	}
	return all, nil
}
