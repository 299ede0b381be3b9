package stepfunctions

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// maxDefinition is the size of a definition in bytes.
// See https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html.
const maxDefinition = 1 << 20

type createStateMachineInput struct {
	Name                 string                `json:"name"`
	Definition           string                `json:"definition"`
	RoleArn              string                `json:"roleArn"`
	Type                 string                `json:"type"`
	LoggingConfiguration *loggingConfiguration `json:"loggingConfiguration"`
	TracingConfiguration *tracingConfiguration `json:"tracingConfiguration"`
	Tags                 []tag                 `json:"tags"`
	Publish              bool                  `json:"publish"`
	VersionDescription   string                `json:"versionDescription"`
}

type createStateMachineOutput struct {
	StateMachineArn string    `json:"stateMachineArn"`
	CreationDate    timestamp `json:"creationDate"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
func (s *Service) createStateMachine(_ context.Context, _ api.Caller, in *createStateMachineInput) (*createStateMachineOutput, error) {
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	if err := checkPublish(in.Publish, in.VersionDescription); err != nil {
		return nil, err
	}
	express, err := isExpress(in.Type)
	if err != nil {
		return nil, err
	}
	if err := checkRole(in.RoleArn); err != nil {
		return nil, err
	}
	if err := in.LoggingConfiguration.check(); err != nil {
		return nil, err
	}
	d, err := s.definition(in.Definition, express)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	m := &machine{
		arn: s.account.ARN("states", "stateMachine:"+in.Name), name: in.Name, express: express, created: now,
		tags: map[string]string{},
		revision: &revision{
			id: initialRevision, text: in.Definition, definition: d, roleARN: in.RoleArn,
			logging: in.LoggingConfiguration, tracing: in.TracingConfiguration, updated: now,
		},
	}
	for _, t := range in.Tags {
		m.tags[t.Key] = t.Value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.machines[m.arn]; ok {
		switch {
		case old.deleting.Load():
			return nil, api.Errorf("StateMachineDeleting", "State Machine is being deleted: '%s'", m.arn)
		case !old.same(m):
			return nil, api.Errorf("StateMachineAlreadyExists", "State Machine Already Exists: '%s'", m.arn)
		}
		return &createStateMachineOutput{old.arn, timestamp(old.created)}, nil
	}
	s.machines[m.arn] = m
	return &createStateMachineOutput{m.arn, timestamp(now)}, nil
}

// same says whether creating n where m exists changes nothing. The role and the
// tags do not count.
func (m *machine) same(n *machine) bool {
	return m.express == n.express && m.revision.text == n.revision.text &&
		reflect.DeepEqual(m.revision.loggingOrOff(), n.revision.loggingOrOff()) && m.revision.tracingOrOff() == n.revision.tracingOrOff()
}

func isExpress(kind string) (bool, error) {
	switch kind {
	case "", typeStandard:
		return false, nil
	case typeExpress:
		return true, nil
	}
	return false, api.Errorf("ValidationException", "1 validation error detected: Value '%s' at 'type' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]", kind)
}

func checkPublish(publish bool, description string) error {
	if publish {
		return api.Errorf("ValidationException", "The embedded runtime does not support versions of state machines.")
	}
	if description != "" {
		return api.Errorf("ValidationException", "Version description can only be set when publish is true")
	}
	return nil
}

func checkRole(arn string) error {
	if arn == "" {
		return api.Errorf("ValidationException", "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null")
	}
	return nil
}

// definition compiles the definition of a request.
func (s *Service) definition(text string, express bool) (*definition, error) {
	if len(text) > maxDefinition {
		return nil, api.Errorf("ValidationException", "1 validation error detected: Value at 'definition' failed to satisfy constraint: Member must have length less than or equal to %d", maxDefinition)
	}
	d, err := s.compile(text, express)
	if err != nil {
		return nil, api.Errorf("InvalidDefinition", "Invalid State Machine Definition: '%s'", err)
	}
	return d, nil
}

type updateStateMachineInput struct {
	StateMachineArn      string                `json:"stateMachineArn"`
	Definition           *string               `json:"definition"`
	RoleArn              *string               `json:"roleArn"`
	LoggingConfiguration *loggingConfiguration `json:"loggingConfiguration"`
	TracingConfiguration *tracingConfiguration `json:"tracingConfiguration"`
	Publish              bool                  `json:"publish"`
	VersionDescription   string                `json:"versionDescription"`
}

type updateStateMachineOutput struct {
	UpdateDate timestamp `json:"updateDate"`
	RevisionID string    `json:"revisionId"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html
func (s *Service) updateStateMachine(_ context.Context, _ api.Caller, in *updateStateMachineInput) (*updateStateMachineOutput, error) {
	if err := checkPublish(in.Publish, in.VersionDescription); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	if in.Definition == nil && in.RoleArn == nil && in.LoggingConfiguration == nil && in.TracingConfiguration == nil {
		return nil, api.Errorf("MissingRequiredParameter", "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified")
	}
	if m.deleting.Load() {
		return nil, api.Errorf("StateMachineDeleting", "State Machine is being deleted: '%s'", m.arn)
	}
	next := *m.revision
	if in.Definition != nil {
		if next.definition, err = s.definition(*in.Definition, m.express); err != nil {
			return nil, err
		}
		next.text = *in.Definition
	}
	if in.RoleArn != nil {
		next.roleARN = *in.RoleArn
	}
	if in.LoggingConfiguration != nil {
		if err := in.LoggingConfiguration.check(); err != nil {
			return nil, err
		}
		next.logging = in.LoggingConfiguration
	}
	if in.TracingConfiguration != nil {
		next.tracing = in.TracingConfiguration
	}
	next.id, next.updated = s.random.UUID(), time.Now()
	m.revision = &next
	return &updateStateMachineOutput{timestamp(next.updated), next.id}, nil
}

type stateMachineInput struct {
	StateMachineArn string `json:"stateMachineArn"`
}

type emptyOutput struct{}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html
func (s *Service) deleteStateMachine(_ context.Context, _ api.Caller, in *stateMachineInput) (*emptyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(in.StateMachineArn)
	var unknown *api.Error
	if errors.As(err, &unknown) && unknown.Code == "StateMachineDoesNotExist" {
		return &emptyOutput{}, nil
	}
	if err != nil {
		return nil, err
	}
	// Executions that run end with the state that they are in; the machine goes with
	// the last of them.
	m.deleting.Store(true)
	s.remove(m)
	return &emptyOutput{}, nil
}

type describeStateMachineInput struct {
	StateMachineArn string `json:"stateMachineArn"`
	IncludedData    string `json:"includedData"`
}

type describeStateMachineOutput struct {
	StateMachineArn      string               `json:"stateMachineArn"`
	Name                 string               `json:"name"`
	Status               string               `json:"status"`
	Definition           string               `json:"definition"`
	RoleArn              string               `json:"roleArn"`
	Type                 string               `json:"type"`
	CreationDate         timestamp            `json:"creationDate"`
	LoggingConfiguration loggingConfiguration `json:"loggingConfiguration"`
	TracingConfiguration tracingConfiguration `json:"tracingConfiguration"`
	RevisionID           string               `json:"revisionId,omitempty"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html
func (s *Service) describeStateMachine(_ context.Context, _ api.Caller, in *describeStateMachineInput) (*describeStateMachineOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	return &describeStateMachineOutput{
		StateMachineArn: m.arn, Name: m.name, Status: m.status(), Type: m.kind(), CreationDate: timestamp(m.created),
		Definition: m.revision.text, RoleArn: m.revision.roleARN, RevisionID: m.revision.apiID(),
		LoggingConfiguration: m.revision.loggingOrOff(), TracingConfiguration: m.revision.tracingOrOff(),
	}, nil
}

func (r *revision) apiID() string {
	if r.id == initialRevision {
		return ""
	}
	return r.id
}

func (r *revision) loggingOrOff() loggingConfiguration {
	if r.logging == nil {
		return loggingConfiguration{Level: "OFF"}
	}
	return *r.logging
}

// tracingOrOff is how AWS describes the tracing of a machine, asked for or not.
func (r *revision) tracingOrOff() tracingConfiguration {
	if r.tracing == nil {
		return tracingConfiguration{}
	}
	return *r.tracing
}

type executionInput struct {
	ExecutionArn string `json:"executionArn"`
	IncludedData string `json:"includedData"`
}

type describeStateMachineForExecutionOutput struct {
	StateMachineArn      string               `json:"stateMachineArn"`
	Name                 string               `json:"name"`
	Definition           string               `json:"definition"`
	RoleArn              string               `json:"roleArn"`
	UpdateDate           timestamp            `json:"updateDate"`
	LoggingConfiguration loggingConfiguration `json:"loggingConfiguration"`
	TracingConfiguration tracingConfiguration `json:"tracingConfiguration"`
	RevisionID           string               `json:"revisionId,omitempty"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html
func (s *Service) describeStateMachineForExecution(_ context.Context, _ api.Caller, in *executionInput) (*describeStateMachineForExecutionOutput, error) {
	x, err := s.standardExecution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	r := x.revision
	return &describeStateMachineForExecutionOutput{
		StateMachineArn: x.machine.arn, Name: x.machine.name, Definition: r.text, RoleArn: r.roleARN,
		UpdateDate: timestamp(r.updated), RevisionID: r.apiID(), LoggingConfiguration: r.loggingOrOff(), TracingConfiguration: r.tracingOrOff(),
	}, nil
}

type pageInput struct {
	MaxResults int    `json:"maxResults"`
	NextToken  string `json:"nextToken"`
}

type listStateMachinesOutput struct {
	StateMachines []stateMachineItem `json:"stateMachines"`
	NextToken     string             `json:"nextToken,omitempty"`
}

type stateMachineItem struct {
	StateMachineArn string    `json:"stateMachineArn"`
	Name            string    `json:"name"`
	Type            string    `json:"type"`
	CreationDate    timestamp `json:"creationDate"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachines.html
func (s *Service) listStateMachines(_ context.Context, _ api.Caller, in *pageInput) (*listStateMachinesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arns := slices.Sorted(maps.Keys(s.machines))
	from, to, next, err := page(in.MaxResults, in.NextToken, len(arns))
	if err != nil {
		return nil, err
	}
	out := &listStateMachinesOutput{StateMachines: []stateMachineItem{}, NextToken: next}
	for _, arn := range arns[from:to] {
		m := s.machines[arn]
		out.StateMachines = append(out.StateMachines, stateMachineItem{m.arn, m.name, m.kind(), timestamp(m.created)})
	}
	return out, nil
}

type validateInput struct {
	Definition string `json:"definition"`
	Type       string `json:"type"`
	Severity   string `json:"severity"`
	MaxResults int    `json:"maxResults"`
}

type validateOutput struct {
	Result      string      `json:"result"`
	Diagnostics diagnostics `json:"diagnostics"`
	Truncated   bool        `json:"truncated"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
func (s *Service) validateStateMachineDefinition(_ context.Context, _ api.Caller, in *validateInput) (*validateOutput, error) {
	express, err := isExpress(in.Type)
	if err != nil {
		return nil, err
	}
	limit := in.MaxResults
	if limit == 0 {
		limit = 100
	}
	out := &validateOutput{Result: "OK", Diagnostics: diagnostics{}}
	_, err = s.compile(in.Definition, express)
	var found diagnostics
	if errors.As(err, &found) {
		out.Result = "FAIL"
		out.Truncated = len(found) > limit
		out.Diagnostics = found[:min(limit, len(found))]
	}
	return out, nil
}
