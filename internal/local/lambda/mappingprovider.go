package lambda

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterq/muster/internal/local/api"
)

// mappingProperties are those of AWS::Lambda::EventSourceMapping that concern
// queues.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html
type mappingProperties struct {
	EventSourceArn                 string
	FunctionName                   string
	Enabled                        *truth
	BatchSize                      *coerced
	MaximumBatchingWindowInSeconds *coerced
	FunctionResponseTypes          []string
	FilterCriteria                 *filterCriteria
	ScalingConfig                  *struct{ MaximumConcurrency *coerced }
	ProvisionedPollerConfig        *struct{ MinimumPollers, MaximumPollers *coerced }
	MetricsConfig                  *metricsConfig
	KmsKeyArn                      string
	Tags                           []tag
}

// truth is a boolean as templates hold it: also in a string.
type truth bool

func (t *truth) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case `true`, `"true"`:
		*t = true
	case `false`, `"false"`:
		*t = false
	default:
		return fmt.Errorf("%s is not true or false", data)
	}
	return nil
}

// changes are all settings: a property that is not given has its default again.
func (p *mappingProperties) changes() mappingChanges {
	enabled, batch, window := true, 10, 0
	set(&enabled, (*bool)(p.Enabled))
	set(&batch, (*int)(p.BatchSize))
	set(&window, (*int)(p.MaximumBatchingWindowInSeconds))
	c := mappingChanges{
		FunctionName: p.FunctionName, Enabled: &enabled, BatchSize: &batch, MaximumBatchingWindowInSeconds: &window,
		FunctionResponseTypes: &p.FunctionResponseTypes, FilterCriteria: &filterCriteria{}, ScalingConfig: &scalingConfig{},
		ProvisionedPollerConfig: &provisionedPollerConfig{}, MetricsConfig: &metricsConfig{}, KMSKeyArn: &p.KmsKeyArn,
	}
	if p.FilterCriteria != nil {
		c.FilterCriteria = p.FilterCriteria
	}
	if p.ScalingConfig != nil {
		c.ScalingConfig.MaximumConcurrency = (*int)(p.ScalingConfig.MaximumConcurrency)
	}
	if p.ProvisionedPollerConfig != nil {
		c.ProvisionedPollerConfig.MinimumPollers = (*int)(p.ProvisionedPollerConfig.MinimumPollers)
		c.ProvisionedPollerConfig.MaximumPollers = (*int)(p.ProvisionedPollerConfig.MaximumPollers)
	}
	if p.MetricsConfig != nil {
		c.MetricsConfig = p.MetricsConfig
	}
	return c
}

func (s *Service) provideMapping(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	var p mappingProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	made, err := s.createEventSourceMapping(ctx, api.Caller{}, &createMappingInput{EventSourceArn: p.EventSourceArn, mappingChanges: p.changes()})
	if err != nil {
		return api.Resource{}, err
	}
	return s.mappingResource(made.UUID), s.settled(ctx, made.UUID)
}

func (s *Service) mappingResource(uuid string) api.Resource {
	return api.Resource{Ref: uuid, Attributes: map[string]string{"Id": uuid, "EventSourceMappingArn": s.mappingARN(uuid)}}
}

// settled waits until a mapping's state is no longer on its way.
func (s *Service) settled(ctx context.Context, uuid string) error {
	s.mu.Lock()
	m, err := s.findMapping(uuid)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	settled := m.settled
	s.mu.Unlock()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return closedError()
	}
}

func (s *Service) changeMapping(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	var p mappingProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return api.Resource{}, err
	}
	if err := s.settled(ctx, old.Ref); err != nil {
		return api.Resource{}, err
	}
	if _, err := s.updateEventSourceMapping(ctx, api.Caller{}, &updateMappingInput{UUID: old.Ref, mappingChanges: p.changes()}); err != nil {
		return api.Resource{}, err
	}
	return s.mappingResource(old.Ref), s.settled(ctx, old.Ref)
}

func (s *Service) removeMapping(ctx context.Context, old api.Existing) error {
	err := s.settled(ctx, old.Ref)
	if err == nil {
		_, err = s.deleteEventSourceMapping(ctx, api.Caller{}, &mappingInput{UUID: old.Ref})
	}
	if err == nil {
		err = s.settled(ctx, old.Ref)
	}
	if e := (*api.Error)(nil); errors.As(err, &e) && e.Status == 404 {
		return nil
	}
	return err
}
