package lambda

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// mappingPage is the most mappings that one ListEventSourceMappings returns.
const mappingPage = 100

// mappingChanges are the members that creating and updating a mapping have in
// common. Nil leaves a setting as it is.
type mappingChanges struct {
	FunctionName                   string                   `json:",omitempty"`
	Enabled                        *bool                    `json:",omitempty"`
	BatchSize                      *int                     `json:",omitempty"`
	MaximumBatchingWindowInSeconds *int                     `json:",omitempty"`
	FunctionResponseTypes          *[]string                `json:",omitempty"`
	FilterCriteria                 *filterCriteria          `json:",omitempty"`
	ScalingConfig                  *scalingConfig           `json:",omitempty"`
	ProvisionedPollerConfig        *provisionedPollerConfig `json:",omitempty"`
	MetricsConfig                  *metricsConfig           `json:",omitempty"`
	KMSKeyArn                      *string                  `json:",omitempty"`
	LoggingConfig                  json.RawMessage          `json:",omitempty"`
}

type createMappingInput struct {
	EventSourceArn string
	Tags           map[string]string `json:",omitempty"`
	mappingChanges
}

// createEventSourceMapping makes a mapping; it polls a while later.
// https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
func (s *Service) createEventSourceMapping(ctx context.Context, caller api.Caller, in *createMappingInput) (*mappingConfiguration, error) {
	if !strings.Contains(in.EventSourceArn, ":sqs:") {
		return nil, invalid("The embedded runtime polls SQS queues only, not " + cmp.Or(in.EventSourceArn, "a source without EventSourceArn") + ".")
	}
	m := &mapping{queue: in.EventSourceArn, enabled: true, options: mappingOptions{BatchSize: 10}}
	if err := s.change(ctx, caller, m, &in.mappingChanges); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, closedError()
	}
	for _, other := range s.mappings {
		if other.queue == m.queue && other.function == m.function {
			return nil, &api.Error{
				Code: "ResourceConflictException", Status: 409, Fields: map[string]any{"Type": "User"},
				Message: fmt.Sprintf("An event source mapping with SQS arn (\" %s \") and function (\" %s \") already exists. Please update or delete the existing mapping with UUID %s", m.queue, functionOf(m.function), other.uuid),
			}
		}
	}
	m.uuid = s.uuid()
	s.mappings[m.uuid] = m
	s.enter(m, mappingCreating)
	return s.show(m), nil
}

// functionOf is the name within a function's ARN.
func functionOf(arn string) string {
	_, name, _ := strings.Cut(arn, ":function:")
	return name
}

// change checks what a mapping is told and has it told. Without effect when it
// fails.
func (s *Service) change(ctx context.Context, caller api.Caller, m *mapping, in *mappingChanges) error {
	function := cmp.Or(in.FunctionName, m.function)
	if function == "" {
		return constraint("functionName", "null", "Member must not be null")
	}
	ref, err := s.parseName(function, "")
	if err != nil {
		return err
	}
	f, err := s.getFunctionConfiguration(ctx, caller, &functionInput{FunctionName: function})
	if err != nil {
		return err
	}
	options, err := m.options.with(in, strings.HasSuffix(m.queue, ".fifo"))
	if err != nil {
		return err
	}
	if err := s.checkQueue(m.queue, f.Role, f.Timeout); err != nil {
		return err
	}
	m.function, m.options = s.qualified(ref), options
	if in.Enabled != nil {
		m.enabled = *in.Enabled
	}
	return nil
}

// checkQueue makes sure that the role may poll the queue and that a message stays
// hidden for as long as the function may run.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
func (s *Service) checkQueue(arn, role string, timeout int) error {
	url := s.queueURL(arn)
	// A string always encodes.
	encoded, _ := json.Marshal(map[string]string{"QueueUrl": url})
	for _, operation := range []string{"ReceiveMessage", "DeleteMessage", "GetQueueAttributes"} {
		if err := s.router.Permitted(s.ctx, "sqs", operation, api.Caller{RoleARN: role}, encoded); err != nil {
			return invalid("The function execution role does not have permissions to call " + operation + " on SQS")
		}
	}
	queue, err := s.lookAt(arn, role)
	if err != nil {
		e := api.AsError(err)
		return invalid(fmt.Sprintf("Error occurred while GetQueueAttributes. SQS Error Code: %s. SQS Error Message: %s", cmp.Or(e.QueryCode, e.Code), e.Message))
	}
	if visibility := int(queue.visibility / time.Second); visibility < timeout {
		return invalid(fmt.Sprintf("Queue visibility timeout: %d seconds is less than Function timeout: %d seconds", visibility, timeout))
	}
	return nil
}

// lookAt asks a queue for what a mapping needs to know.
func (s *Service) lookAt(arn, role string) (mappingQueue, error) {
	q := mappingQueue{url: s.queueURL(arn)}
	var out struct{ Attributes map[string]string }
	err := s.sqs("GetQueueAttributes", role, map[string]any{"QueueUrl": q.url, "AttributeNames": []string{"VisibilityTimeout"}}, &out)
	if err != nil {
		return q, err
	}
	seconds, err := strconv.Atoi(out.Attributes["VisibilityTimeout"])
	q.visibility = time.Duration(seconds) * time.Second
	return q, err
}

func (s *Service) queueURL(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 {
		return arn
	}
	return s.account.Endpoint + "/" + parts[4] + "/" + parts[5]
}

type mappingInput struct{ UUID string }

// https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html
func (s *Service) getEventSourceMapping(_ context.Context, _ api.Caller, in *mappingInput) (*mappingConfiguration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.findMapping(in.UUID)
	if err != nil {
		return nil, err
	}
	return s.show(m), nil
}

// findMapping finds a mapping. The lock must be held.
func (s *Service) findMapping(uuid string) (*mapping, error) {
	m := s.mappings[uuid]
	if m == nil {
		return nil, notFound("The resource you requested does not exist.")
	}
	return m, nil
}

type updateMappingInput struct {
	UUID string
	mappingChanges
}

// updateEventSourceMapping changes a mapping, and stops or starts its polling a
// while later. What it has received it handles in any case.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
func (s *Service) updateEventSourceMapping(ctx context.Context, caller api.Caller, in *updateMappingInput) (*mappingConfiguration, error) {
	s.mu.Lock()
	m, err := s.findMapping(in.UUID)
	if err == nil {
		err = m.inUse("update")
	}
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	changed := mapping{uuid: m.uuid, function: m.function, queue: m.queue, options: m.options, enabled: m.enabled}
	s.mu.Unlock()
	if err := s.change(ctx, caller, &changed, &in.mappingChanges); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := m.inUse("update"); err != nil || s.closed {
		return nil, cmp.Or(err, error(closedError()))
	}
	was := m.enabled
	m.function, m.options, m.enabled = changed.function, changed.options, changed.enabled
	switch {
	case m.enabled && was:
		s.halt(m)
		s.enter(m, mappingUpdating)
	case m.enabled:
		s.enter(m, mappingEnabling)
	case was:
		s.halt(m)
		s.enter(m, mappingDisabling)
	default:
		s.enter(m, mappingUpdating)
	}
	return s.show(m), nil
}

// deleteEventSourceMapping ends a mapping.
// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteEventSourceMapping.html
func (s *Service) deleteEventSourceMapping(_ context.Context, _ api.Caller, in *mappingInput) (*mappingConfiguration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.findMapping(in.UUID)
	if err == nil {
		err = m.inUse("delete")
	}
	if err != nil {
		return nil, err
	}
	m.enabled = false
	s.halt(m)
	s.enter(m, mappingDeleting)
	return s.show(m), nil
}

type listMappingsInput struct {
	EventSourceArn, FunctionName, Marker string
	MaxItems                             int
}

type listMappingsOutput struct {
	EventSourceMappings []*mappingConfiguration
	NextMarker          string `json:",omitempty"`
}

// listEventSourceMappings lists mappings by UUID.
// https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
func (s *Service) listEventSourceMappings(_ context.Context, _ api.Caller, in *listMappingsInput) (*listMappingsOutput, error) {
	limit, function := mappingPage, ""
	if in.MaxItems != 0 {
		if err := between("maxItems", in.MaxItems, 1, 10000); err != nil {
			return nil, err
		}
		limit = min(limit, in.MaxItems)
	}
	if in.FunctionName != "" {
		ref, err := s.parseName(in.FunctionName, "")
		if err != nil {
			return nil, err
		}
		function = s.qualified(ref)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &listMappingsOutput{EventSourceMappings: []*mappingConfiguration{}}
	for _, uuid := range slices.Sorted(maps.Keys(s.mappings)) {
		m := s.mappings[uuid]
		if uuid <= in.Marker || in.EventSourceArn != "" && m.queue != in.EventSourceArn || function != "" && m.function != function {
			continue
		}
		if len(out.EventSourceMappings) == limit {
			out.NextMarker = out.EventSourceMappings[limit-1].UUID
			break
		}
		out.EventSourceMappings = append(out.EventSourceMappings, s.show(m))
	}
	return out, nil
}
