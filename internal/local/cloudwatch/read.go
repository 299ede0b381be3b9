package cloudwatch

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// kept is for how long data can be read, longer if an alarm looks further back.
// CloudWatch keeps data by the minute for 15 days.
const kept = maxSpan

// GetMetricStatisticsInput asks for a metric's statistics, period by period.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
type GetMetricStatisticsInput struct {
	Namespace, MetricName string
	Dimensions            []Dimension
	StartTime, EndTime    *Timestamp
	Period                int
	Statistics            []string
}

// GetMetricStatisticsOutput has a data point for each period with data.
type GetMetricStatisticsOutput struct {
	Label      string
	Datapoints []Datapoint `xml:"Datapoints>member"`
}

// Datapoint is what was asked for of one period.
type Datapoint struct {
	Timestamp   Timestamp
	SampleCount *float64 `json:",omitempty" xml:",omitempty"`
	Average     *float64 `json:",omitempty" xml:",omitempty"`
	Sum         *float64 `json:",omitempty" xml:",omitempty"`
	Minimum     *float64 `json:",omitempty" xml:",omitempty"`
	Maximum     *float64 `json:",omitempty" xml:",omitempty"`
	Unit        string
}

// maxDatapoints is how many data points one answer has at most.
const maxDatapoints = 1440

// getMetricStatistics reads a metric.
func (s *Service) getMetricStatistics(_ context.Context, _ api.Caller, in *GetMetricStatisticsInput) (*GetMetricStatisticsOutput, error) {
	switch {
	case in.Namespace == "":
		return nil, missingParameter("Namespace")
	case in.MetricName == "":
		return nil, missingParameter("MetricName")
	case len(in.Statistics) == 0:
		return nil, missingParameter("Statistics")
	}
	for _, name := range in.Statistics {
		if !slices.Contains(statisticNames, name) {
			return nil, invalidValue("The parameter Statistics must be a list of SampleCount, Average, Sum, Minimum and Maximum.")
		}
	}
	periods, err := s.periods(metric{in.Namespace, in.MetricName, asMap(in.Dimensions)}, in.StartTime, in.EndTime, in.Period)
	if err != nil {
		return nil, err
	}
	if len(periods) > maxDatapoints {
		return nil, &api.Error{
			Code: "InvalidParameterCombinationException", QueryCode: "InvalidParameterCombination",
			Message: "You have requested more than 1,440 datapoints, which is the limit. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
		}
	}
	out := &GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []Datapoint{}}
	for _, p := range periods {
		d := Datapoint{Timestamp: Timestamp{p.start}, Unit: "None"}
		for name, into := range map[string]**float64{
			"SampleCount": &d.SampleCount, "Average": &d.Average, "Sum": &d.Sum, "Minimum": &d.Minimum, "Maximum": &d.Maximum,
		} {
			if slices.Contains(in.Statistics, name) {
				value := p.value(name)
				*into = &value
			}
		}
		out.Datapoints = append(out.Datapoints, d)
	}
	return out, nil
}

// period is a period with data.
type period struct {
	start time.Time
	statistics
}

// periods are those of some time that have data, the oldest first.
func (s *Service) periods(m metric, from, to *Timestamp, seconds int) ([]period, error) {
	switch {
	case from == nil:
		return nil, missingParameter("StartTime")
	case to == nil:
		return nil, missingParameter("EndTime")
	case !from.Before(to.Time):
		return nil, invalidValue("The parameter StartTime must be less than the parameter EndTime.")
	case seconds <= 0 || seconds%60 != 0:
		return nil, invalidValue("The parameter Period must be a multiple of 60: the embedded runtime keeps metrics by the minute.")
	}
	length := time.Duration(seconds) * time.Second
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []period
	for start := from.Truncate(length).UTC(); start.Before(to.Time); start = start.Add(length) {
		if data, ok := s.between(m, start, start.Add(length)); ok {
			found = append(found, period{start, data})
		}
	}
	return found, nil
}

// GetMetricDataInput asks for several metrics at once.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
type GetMetricDataInput struct {
	MetricDataQueries  []MetricDataQuery
	StartTime, EndTime *Timestamp
	// ScanBy is TimestampDescending, the default, or TimestampAscending.
	ScanBy string
}

// MetricDataQuery is one metric. Expressions are not known.
type MetricDataQuery struct {
	ID         string `json:"Id"`
	MetricStat *MetricStat
	Label      string
	// ReturnData defaults to true.
	ReturnData *bool
}

// MetricStat is a statistic of a metric.
type MetricStat struct {
	Metric struct {
		Namespace, MetricName string
		Dimensions            []Dimension
	}
	Period int
	Stat   string
}

// GetMetricDataOutput has a result for each query.
type GetMetricDataOutput struct {
	MetricDataResults []MetricDataResult `xml:"MetricDataResults>member"`
}

// MetricDataResult is a metric's data.
type MetricDataResult struct {
	ID         string `json:"Id" xml:"Id"`
	Label      string
	Timestamps []Timestamp `xml:"Timestamps>member"`
	Values     []float64   `xml:"Values>member"`
	StatusCode string
}

const maxQueries = 500

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]{0,254}$`)

// getMetricData reads metrics.
func (s *Service) getMetricData(_ context.Context, _ api.Caller, in *GetMetricDataInput) (*GetMetricDataOutput, error) {
	switch {
	case len(in.MetricDataQueries) == 0:
		return nil, missingParameter("MetricDataQueries")
	case len(in.MetricDataQueries) > maxQueries:
		return nil, validation("The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	case in.ScanBy != "" && in.ScanBy != "TimestampDescending" && in.ScanBy != "TimestampAscending":
		return nil, validation("Value '%s' at 'scanBy' failed to satisfy constraint: Member must satisfy enum value set: [TimestampDescending, TimestampAscending]", in.ScanBy)
	}
	out := &GetMetricDataOutput{MetricDataResults: []MetricDataResult{}}
	seen := map[string]bool{}
	for _, q := range in.MetricDataQueries {
		switch {
		case !queryID.MatchString(q.ID) || seen[q.ID]:
			return nil, validation("The value '%s' for parameter MetricDataQueries.Id must begin with a lower-case letter and be unique.", q.ID)
		case q.MetricStat == nil:
			return nil, validation("The query '%s' has no MetricStat: the embedded runtime knows no expressions.", q.ID)
		case !slices.Contains(statisticNames, q.MetricStat.Stat):
			return nil, validation("The value '%s' for parameter Stat of the query '%s' is none of SampleCount, Average, Sum, Minimum and Maximum.", q.MetricStat.Stat, q.ID)
		}
		seen[q.ID] = true
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		m := q.MetricStat.Metric
		periods, err := s.periods(metric{m.Namespace, m.MetricName, asMap(m.Dimensions)}, in.StartTime, in.EndTime, q.MetricStat.Period)
		if err != nil {
			return nil, err
		}
		if in.ScanBy != "TimestampAscending" {
			slices.Reverse(periods)
		}
		r := MetricDataResult{ID: q.ID, Label: q.Label, Timestamps: []Timestamp{}, Values: []float64{}, StatusCode: "Complete"}
		if r.Label == "" {
			r.Label = m.MetricName
		}
		for _, p := range periods {
			r.Timestamps, r.Values = append(r.Timestamps, Timestamp{p.start}), append(r.Values, p.value(q.MetricStat.Stat))
		}
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	return out, nil
}

// ListMetricsInput selects metrics.
type ListMetricsInput struct {
	Namespace, MetricName string
	Dimensions            []DimensionFilter
}

// DimensionFilter is a dimension with a value, or with any.
type DimensionFilter struct{ Name, Value string }

// ListMetricsOutput lists metrics: all of them at once.
type ListMetricsOutput struct {
	Metrics []Metric `xml:"Metrics>member"`
}

// Metric names a metric.
type Metric struct {
	Namespace, MetricName string
	Dimensions            []Dimension `xml:"Dimensions>member"`
}

// listMetrics lists the metrics that have data.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html
func (s *Service) listMetrics(_ context.Context, _ api.Caller, in *ListMetricsInput) (*ListMetricsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &ListMetricsOutput{Metrics: []Metric{}}
	for _, key := range slices.Sorted(maps.Keys(s.series)) {
		m := s.series[key].metric
		other := slices.ContainsFunc(in.Dimensions, func(f DimensionFilter) bool {
			value, ok := m.dimensions[f.Name]
			return !ok || f.Value != "" && f.Value != value
		})
		if other || in.Namespace != "" && in.Namespace != m.namespace || in.MetricName != "" && in.MetricName != m.name {
			continue
		}
		listed := Metric{Namespace: m.namespace, MetricName: m.name, Dimensions: []Dimension{}}
		for _, name := range slices.Sorted(maps.Keys(m.dimensions)) {
			listed.Dimensions = append(listed.Dimensions, Dimension{name, m.dimensions[name]})
		}
		out.Metrics = append(out.Metrics, listed)
	}
	return out, nil
}
