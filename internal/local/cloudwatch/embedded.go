package cloudwatch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Count records a value of a metric that an AWS service vends, such as
// Invocations in AWS/Lambda of the function that a dimension names.
func (s *Service) Count(namespace, name, dimension, resource string, value float64) {
	s.record(metric{namespace, name, map[string]string{dimension: resource}}, time.Now(), one(value))
}

// Limits of the embedded metric format.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
const (
	maxEmbedded       = 100
	maxEmbeddedValues = 100
	maxNamespace      = 1024
)

// embedded is the metadata of a log event in the embedded metric format.
type embedded struct {
	AWS *struct {
		// Timestamp in milliseconds since 1970.
		Timestamp         *int64
		CloudWatchMetrics []directive
	} `json:"_aws"`
}

// directive says which members of the event are metrics, and which dimensions.
type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []struct {
		Name, Unit        string
		StorageResolution int
	}
}

// Embedded records the metrics of a log event in the embedded metric format: any
// other event has none. One that breaks the format is an error, and none of its
// metrics is recorded.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func (s *Service) Embedded(line []byte) error {
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' || !bytes.Contains(line, []byte(`"_aws"`)) {
		return nil
	}
	var e embedded
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("embedded metrics: %w", err)
	}
	if e.AWS == nil {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return fmt.Errorf("embedded metrics: %w", err)
	}
	at := time.Now()
	if e.AWS.Timestamp == nil {
		return fmt.Errorf("embedded metrics: _aws.Timestamp is missing")
	}
	if given := time.UnixMilli(*e.AWS.Timestamp); given.Before(at.Add(-maxPast)) || given.After(at.Add(maxFuture)) {
		return fmt.Errorf("embedded metrics: _aws.Timestamp %d is not within the past two weeks and the next two hours", *e.AWS.Timestamp)
	}
	at = time.UnixMilli(*e.AWS.Timestamp)
	type datum struct {
		metric
		statistics
	}
	var data []datum
	for _, d := range e.AWS.CloudWatchMetrics {
		sets, err := d.dimensions(members)
		if err != nil {
			return err
		}
		for _, m := range d.Metrics {
			values, err := valuesOf(members, m.Name)
			if err != nil {
				return err
			}
			for _, set := range sets {
				data = append(data, datum{metric{d.Namespace, m.Name, set}, values})
			}
		}
	}
	for _, d := range data {
		s.record(d.metric, at, d.statistics)
	}
	return nil
}

// dimensions are the sets of dimensions that each of the directive's metrics is
// recorded under, with the values that the event gives them.
func (d directive) dimensions(members map[string]json.RawMessage) ([]map[string]string, error) {
	switch {
	case d.Namespace == "" || len(d.Namespace) > maxNamespace:
		return nil, fmt.Errorf("embedded metrics: Namespace must have 1 to %d characters", maxNamespace)
	case len(d.Metrics) > maxEmbedded:
		return nil, fmt.Errorf("embedded metrics: %s has %d metrics, more than %d", d.Namespace, len(d.Metrics), maxEmbedded)
	case d.Dimensions == nil:
		return nil, fmt.Errorf("embedded metrics: %s has no Dimensions", d.Namespace)
	}
	var sets []map[string]string
	for _, names := range d.Dimensions {
		if len(names) > maxDimensions {
			return nil, fmt.Errorf("embedded metrics: a set of %d dimensions, more than %d", len(names), maxDimensions)
		}
		set := map[string]string{}
		for _, name := range names {
			var value string
			if json.Unmarshal(members[name], &value) != nil || value == "" {
				return nil, fmt.Errorf("embedded metrics: the dimension %s has no text in the event", name)
			}
			set[name] = value
		}
		sets = append(sets, set)
	}
	if len(sets) == 0 {
		sets = append(sets, map[string]string{})
	}
	return sets, nil
}

// valuesOf are the statistics of a metric's value or values in an event.
func valuesOf(members map[string]json.RawMessage, name string) (statistics, error) {
	var values []float64
	var value float64
	switch {
	case members[name] == nil:
		return statistics{}, fmt.Errorf("embedded metrics: the metric %s has no value in the event", name)
	case json.Unmarshal(members[name], &value) == nil:
		values = []float64{value}
	case json.Unmarshal(members[name], &values) != nil || len(values) == 0 || len(values) > maxEmbeddedValues:
		return statistics{}, fmt.Errorf("embedded metrics: the metric %s is neither a number nor 1 to %d of them", name, maxEmbeddedValues)
	}
	var all statistics
	for _, v := range values {
		if math.Abs(v) > maxValue {
			return statistics{}, fmt.Errorf("embedded metrics: %v is too large a value of %s", v, name)
		}
		all = all.plus(one(v))
	}
	return all, nil
}
