package lambda

import (
	"encoding/json"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// States of an event source mapping.
// https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
const (
	mappingCreating  = "Creating"
	mappingEnabling  = "Enabling"
	mappingEnabled   = "Enabled"
	mappingDisabling = "Disabling"
	mappingDisabled  = "Disabled"
	mappingUpdating  = "Updating"
	mappingDeleting  = "Deleting"
)

// mappingDelay is how long a mapping takes from one state to the next. AWS
// promises no figure: it takes up to a minute.
const mappingDelay = 10 * time.Second

// mapping is an event source mapping from a queue to a function. The service's
// lock guards it.
type mapping struct {
	uuid string
	// function is the ARN that is invoked, with its qualifier.
	function string
	queue    string
	options  mappingOptions
	enabled  bool
	state    string
	modified time.Time
	// settle ends a state that is on its way.
	settle *time.Timer
	// settled is closed when the state is Enabled, Disabled or the mapping is gone.
	settled chan struct{}
	poller  *poller
}

// mappingOptions are what an event source mapping of a queue can be told.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
type mappingOptions struct {
	BatchSize                      int
	MaximumBatchingWindowInSeconds int
	FunctionResponseTypes          []string                 `json:",omitempty"`
	FilterCriteria                 *filterCriteria          `json:",omitempty"`
	ScalingConfig                  *scalingConfig           `json:",omitempty"`
	ProvisionedPollerConfig        *provisionedPollerConfig `json:",omitempty"`
	MetricsConfig                  *metricsConfig           `json:",omitempty"`
	KMSKeyArn                      string                   `json:",omitempty"`

	filters []mappingFilter
}

type filterCriteria struct {
	Filters []struct{ Pattern string }
}

type scalingConfig struct {
	MaximumConcurrency *int `json:",omitempty"`
}

type provisionedPollerConfig struct {
	MinimumPollers  *int   `json:",omitempty"`
	MaximumPollers  *int   `json:",omitempty"`
	PollerGroupName string `json:",omitempty"`
}

type metricsConfig struct {
	Metrics []string
}

// mappingConfiguration shows a mapping.
type mappingConfiguration struct {
	UUID                  string
	EventSourceArn        string
	EventSourceMappingArn string
	FunctionArn           string
	// LastModified is in seconds since 1970.
	LastModified          float64
	State                 string
	StateTransitionReason string
	mappingOptions
}

func (s *Service) mappingARN(uuid string) string {
	return s.account.ARN("lambda", "event-source-mapping:"+uuid)
}

// show is the mapping as the API shows it. The lock must be held.
func (s *Service) show(m *mapping) *mappingConfiguration {
	return &mappingConfiguration{
		UUID: m.uuid, EventSourceArn: m.queue, EventSourceMappingArn: s.mappingARN(m.uuid), FunctionArn: m.function,
		LastModified: float64(m.modified.UnixMilli()) / 1000,
		State:        m.state, StateTransitionReason: "USER_INITIATED", mappingOptions: m.options,
	}
}

// enter brings a mapping into a state on its way, and into the next one after a
// while. The lock must be held.
func (s *Service) enter(m *mapping, state string) {
	m.state, m.modified = state, time.Now()
	m.settled = make(chan struct{})
	m.settle = time.AfterFunc(mappingDelay, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return
		}
		s.arrive(m)
		close(m.settled)
	})
}

// arrive ends a state on its way. The lock must be held.
func (s *Service) arrive(m *mapping) {
	switch {
	case m.state == mappingDeleting:
		delete(s.mappings, m.uuid)
	case m.enabled:
		m.state = mappingEnabled
		s.poll(m)
	default:
		m.state = mappingDisabled
	}
}

// inUse refuses a change while another one is under way.
func (m *mapping) inUse(verb string) error {
	switch m.state {
	case mappingEnabled, mappingDisabled:
		return nil
	}
	return &api.Error{Code: "ResourceInUseException", Message: "Cannot " + verb + " the event source mapping because it is in use.", Fields: map[string]any{"Type": "User"}}
}

// mappingQueue is what a mapping needs to know of its queue.
type mappingQueue struct {
	url        string
	visibility time.Duration
}

// sqs makes a call of SQS's in a role's name.
func (s *Service) sqs(operation, role string, in, out any) error {
	input, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := s.router.Call(s.ctx, "sqs", operation, api.Caller{RoleARN: role}, input)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(encoded, out)
}
