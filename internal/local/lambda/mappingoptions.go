package lambda

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/musterq/muster/internal/pattern"
)

const (
	// maxMappingBatch is the largest batch of a standard queue; a FIFO queue's is 10.
	maxMappingBatch = 10000
	// maxBatchUnwindowed is the largest batch without a batching window.
	maxBatchUnwindowed = 10
	maxFilters         = 5
)

// with is the options after a change.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
func (o mappingOptions) with(in *mappingChanges, fifo bool) (mappingOptions, error) {
	set(&o.BatchSize, in.BatchSize)
	set(&o.MaximumBatchingWindowInSeconds, in.MaximumBatchingWindowInSeconds)
	set(&o.FunctionResponseTypes, in.FunctionResponseTypes)
	set(&o.KMSKeyArn, in.KMSKeyArn)
	if in.ScalingConfig != nil {
		o.ScalingConfig = in.ScalingConfig
	}
	if in.ProvisionedPollerConfig != nil {
		o.ProvisionedPollerConfig = in.ProvisionedPollerConfig
		if in.ProvisionedPollerConfig.MinimumPollers == nil && in.ProvisionedPollerConfig.MaximumPollers == nil {
			o.ProvisionedPollerConfig = nil
		}
	}
	if in.MetricsConfig != nil {
		o.MetricsConfig = in.MetricsConfig
	}
	if in.FilterCriteria != nil {
		o.FilterCriteria = in.FilterCriteria
		if len(in.FilterCriteria.Filters) == 0 {
			o.FilterCriteria = nil
		}
		var err error
		if o.filters, err = parseFilters(in.FilterCriteria); err != nil {
			return o, err
		}
	}
	if len(in.LoggingConfig) > 0 && string(in.LoggingConfig) != "null" {
		return o, invalid("LoggingConfig is for Kafka event sources only, not for SQS.")
	}
	return o, o.validate(fifo)
}

func (o mappingOptions) validate(fifo bool) error {
	if err := between("batchSize", o.BatchSize, 1, maxMappingBatch); err != nil {
		return err
	}
	if err := between("maximumBatchingWindowInSeconds", o.MaximumBatchingWindowInSeconds, 0, 300); err != nil {
		return err
	}
	switch {
	case fifo && o.BatchSize > maxBatchUnwindowed:
		return invalid("Batch size must be between 1 and 10 for an SQS FIFO queue.")
	case fifo && o.MaximumBatchingWindowInSeconds > 0:
		return invalid("Batching window is not supported for an SQS FIFO queue.")
	case o.BatchSize > maxBatchUnwindowed && o.MaximumBatchingWindowInSeconds == 0:
		return invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
	}
	for _, t := range o.FunctionResponseTypes {
		if t != "ReportBatchItemFailures" {
			return constraint("functionResponseTypes", fmt.Sprint(o.FunctionResponseTypes), "Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures]]")
		}
	}
	if m := o.MetricsConfig; m != nil && slices.ContainsFunc(m.Metrics, func(name string) bool { return name != "EventCount" }) {
		return invalid("An SQS event source has no metrics but EventCount.")
	}
	return o.validateScaling()
}

func (o mappingOptions) validateScaling() error {
	if c := o.ScalingConfig; c != nil && c.MaximumConcurrency != nil {
		if err := between("scalingConfig.maximumConcurrency", *c.MaximumConcurrency, 2, 1000); err != nil {
			return err
		}
		if o.ProvisionedPollerConfig != nil {
			return invalid("ScalingConfig and ProvisionedPollerConfig exclude each other.")
		}
	}
	p := o.ProvisionedPollerConfig
	if p == nil {
		return nil
	}
	if p.PollerGroupName != "" {
		return invalid("PollerGroupName is for Kafka event sources only, not for SQS.")
	}
	least, most := o.pollers()
	if err := between("provisionedPollerConfig.minimumPollers", least, 2, 200); err != nil {
		return err
	}
	if err := between("provisionedPollerConfig.maximumPollers", most, 2, 10000); err != nil {
		return err
	}
	if least > most {
		return invalid("MinimumPollers must be less than or equal to MaximumPollers.")
	}
	return nil
}

// pollers are the provisioned event pollers, at least and at most.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
func (o mappingOptions) pollers() (least, most int) {
	least, most = 2, 200
	set(&least, o.ProvisionedPollerConfig.MinimumPollers)
	set(&most, o.ProvisionedPollerConfig.MaximumPollers)
	return least, most
}

// mappingFilter is one pattern of a mapping's filter criteria.
type mappingFilter struct {
	pattern *pattern.Pattern
	// structured says that the pattern looks into the body, which must then be JSON;
	// plain, that it compares the body's text.
	structured, plain bool
}

// https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
func parseFilters(criteria *filterCriteria) ([]mappingFilter, error) {
	if len(criteria.Filters) > maxFilters {
		return nil, invalid(fmt.Sprintf("The number of filters must not exceed %d.", maxFilters))
	}
	var filters []mappingFilter
	for _, f := range criteria.Filters {
		p, err := pattern.Parse([]byte(f.Pattern))
		if err != nil {
			return nil, invalid("Invalid filter pattern definition.")
		}
		var shape struct {
			Body json.RawMessage `json:"body"`
		}
		// A pattern that parses is an object.
		_ = json.Unmarshal([]byte(f.Pattern), &shape)
		filter := mappingFilter{pattern: p}
		if len(shape.Body) > 0 {
			filter.structured, filter.plain = shape.Body[0] == '{', shape.Body[0] != '{'
		}
		filters = append(filters, filter)
	}
	return filters, nil
}

// passes says whether a message comes through the filters, one of which must let
// it: a body of another format than a pattern's does not match it.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
func (o mappingOptions) passes(record *sqsRecord) bool {
	if len(o.filters) == 0 {
		return true
	}
	// Records always encode, and what is encoded decodes.
	encoded, _ := json.Marshal(record)
	decoded, _ := pattern.Decode(encoded)
	event, _ := decoded.(map[string]any)
	structured, err := pattern.Decode([]byte(record.Body))
	isJSON := err == nil
	return slices.ContainsFunc(o.filters, func(f mappingFilter) bool {
		switch {
		case f.structured && !isJSON, f.plain && isJSON:
			return false
		case isJSON:
			event["body"] = structured
		}
		return f.pattern.Match(event)
	})
}
