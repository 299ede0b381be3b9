package stepfunctions

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// Types of state machines.
const (
	typeStandard = "STANDARD"
	typeExpress  = "EXPRESS"
)

// machine is a state machine. Its fields are guarded by Service.mu.
type machine struct {
	arn, name string
	express   bool
	created   time.Time
	revision  *revision
	tags      map[string]string
	// executions in the order of their start; closed ones leave from the front
	// once their retention is over.
	executions []*execution
	running    int
	started    int64 // executions, ever

	transitions atomic.Int64
	// deleting ends its executions with their next transition.
	deleting atomic.Bool
}

// revision is one version of a machine's definition and configuration. It never
// changes: executions keep the one that they started with.
type revision struct {
	id         string
	text       string
	definition *definition
	roleARN    string
	logging    *loggingConfiguration
	tracing    *tracingConfiguration
	updated    time.Time
}

// initialRevision is how CloudFormation calls the first revision. The API calls
// it nothing at all.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html.
const initialRevision = "INITIAL"

func (m *machine) kind() string {
	if m.express {
		return typeExpress
	}
	return typeStandard
}

func (m *machine) status() string {
	if m.deleting.Load() {
		return "DELETING"
	}
	return "ACTIVE"
}

// machine finds a state machine. Service.mu must be held.
func (s *Service) machine(arn string) (*machine, error) {
	if err := s.checkARN(arn, "stateMachine"); err != nil {
		return nil, err
	}
	m, ok := s.machines[arn]
	if !ok {
		return nil, api.Errorf("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'", arn)
	}
	return m, nil
}

// remove forgets a deleted machine whose executions have all ended. Service.mu
// must be held.
func (s *Service) remove(m *machine) {
	if !m.deleting.Load() || m.running > 0 {
		return
	}
	delete(s.machines, m.arn)
	for _, x := range m.executions {
		delete(s.executions, x.arn)
	}
}

// forget drops the executions whose retention is over. Service.mu must be held.
func (s *Service) forget(m *machine) {
	old := time.Now().Add(-s.options.Retention)
	for len(m.executions) > 0 {
		x := m.executions[0]
		stopped, closed := x.closed()
		if !closed || !stopped.Before(old) {
			return
		}
		m.executions[0] = nil
		m.executions = m.executions[1:]
		delete(s.executions, x.arn)
	}
}

// tag is a tag as the API has it.
type tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func (m *machine) tagList() []tag {
	list := make([]tag, 0, len(m.tags))
	for _, key := range slices.Sorted(maps.Keys(m.tags)) {
		list = append(list, tag{key, m.tags[key]})
	}
	return list
}

// loggingConfiguration says what is logged of executions, and where.
type loggingConfiguration struct {
	Level                string           `json:"level,omitempty"`
	IncludeExecutionData bool             `json:"includeExecutionData"`
	Destinations         []logDestination `json:"destinations,omitempty"`
}

type logDestination struct {
	CloudWatchLogsLogGroup *logGroup `json:"cloudWatchLogsLogGroup,omitempty"`
}

type logGroup struct {
	LogGroupArn string `json:"logGroupArn"`
}

type tracingConfiguration struct {
	Enabled bool `json:"enabled"`
}
