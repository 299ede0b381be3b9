package stepfunctions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

// Providers are the CloudFormation resource types that the service makes.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{"AWS::StepFunctions::StateMachine": {
		Create: s.provideStateMachine, Update: s.changeStateMachine, Delete: s.removeStateMachine,
		Replaced: []string{"StateMachineName", "StateMachineType"},
	}}
}

// stateMachineProperties are those of AWS::StepFunctions::StateMachine.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html.
type stateMachineProperties struct {
	StateMachineName        string
	StateMachineType        string
	Definition              json.RawMessage
	DefinitionString        string
	DefinitionSubstitutions map[string]any
	RoleArn                 string
	LoggingConfiguration    *struct {
		Level                string
		IncludeExecutionData bool
		Destinations         []struct {
			CloudWatchLogsLogGroup *struct{ LogGroupArn string }
		}
	}
	TracingConfiguration *struct{ Enabled bool }
	Tags                 []struct{ Key, Value string }
}

// provideStateMachine makes a state machine.
func (s *Service) provideStateMachine(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	in, err := readStateMachine(r)
	if err != nil {
		return api.Resource{}, err
	}
	arn := s.account.ARN("states", "stateMachine:"+in.Name)
	if s.exists(arn) {
		return api.Resource{}, api.Errorf("StateMachineAlreadyExists", "State Machine Already Exists: '%s'", arn)
	}
	if err := s.send(ctx, "CreateStateMachine", in); err != nil {
		return api.Resource{}, err
	}
	return s.stateMachineResource(arn)
}

func readStateMachine(r api.ResourceRequest) (createStateMachineInput, error) {
	var p stateMachineProperties
	if err := api.Decode(r.Properties, &p); err != nil {
		return createStateMachineInput{}, err
	}
	return p.request(r.Name)
}

func (s *Service) stateMachineResource(arn string) (api.Resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(arn)
	if err != nil {
		return api.Resource{}, err
	}
	return api.Resource{Ref: arn, Attributes: map[string]string{
		"Arn": arn, "Name": m.name, "StateMachineRevisionId": m.revision.id,
	}}, nil
}

// changeStateMachine gives a state machine another definition, role, logging,
// tracing or tags. Executions that run keep what they began with.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html
func (s *Service) changeStateMachine(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	in, err := readStateMachine(r)
	if err != nil {
		return api.Resource{}, err
	}
	if in.LoggingConfiguration == nil {
		in.LoggingConfiguration = new((&revision{}).loggingOrOff())
	}
	if in.TracingConfiguration == nil {
		in.TracingConfiguration = new(tracingConfiguration)
	}
	err = s.send(ctx, "UpdateStateMachine", updateStateMachineInput{
		StateMachineArn: old.Ref, Definition: &in.Definition, RoleArn: &in.RoleArn,
		LoggingConfiguration: in.LoggingConfiguration, TracingConfiguration: in.TracingConfiguration,
	})
	if err != nil {
		return api.Resource{}, err
	}
	tags := map[string]string{}
	for _, t := range in.Tags {
		tags[t.Key] = t.Value
	}
	s.mu.Lock()
	if m := s.machines[old.Ref]; m != nil {
		m.tags = tags
	}
	s.mu.Unlock()
	return s.stateMachineResource(old.Ref)
}

// removeStateMachine deletes a state machine, if it is there.
func (s *Service) removeStateMachine(ctx context.Context, old api.Existing) error {
	return s.send(ctx, "DeleteStateMachine", stateMachineInput{StateMachineArn: old.Ref})
}

func (s *Service) exists(arn string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.machines[arn]
	return ok
}

// send makes a call of the runtime itself to this service.
func (s *Service) send(ctx context.Context, operation string, input any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("encode the input of %s: %w", operation, err)
	}
	_, err = s.router.Call(ctx, "states", operation, api.Caller{}, body)
	return err
}

func (p *stateMachineProperties) request(name string) (createStateMachineInput, error) {
	in := createStateMachineInput{Name: p.StateMachineName, RoleArn: p.RoleArn, Type: p.StateMachineType}
	if in.Name == "" {
		in.Name = name
	}
	switch {
	case p.DefinitionString != "" && p.Definition != nil:
		return in, errors.New("only one of Definition and DefinitionString can be specified")
	case p.DefinitionString != "":
		in.Definition = p.DefinitionString
	case p.Definition != nil:
		in.Definition = string(p.Definition)
	default:
		return in, errors.New("one of Definition and DefinitionString is required")
	}
	var err error
	if in.Definition, err = substitute(in.Definition, p.DefinitionSubstitutions); err != nil {
		return in, err
	}
	if l := p.LoggingConfiguration; l != nil {
		in.LoggingConfiguration = &loggingConfiguration{Level: l.Level, IncludeExecutionData: l.IncludeExecutionData}
		for _, d := range l.Destinations {
			if d.CloudWatchLogsLogGroup != nil {
				in.LoggingConfiguration.Destinations = append(in.LoggingConfiguration.Destinations, logDestination{&logGroup{d.CloudWatchLogsLogGroup.LogGroupArn}})
			}
		}
	}
	if p.TracingConfiguration != nil {
		in.TracingConfiguration = &tracingConfiguration{p.TracingConfiguration.Enabled}
	}
	for _, t := range p.Tags {
		in.Tags = append(in.Tags, tag{t.Key, t.Value})
	}
	return in, nil
}

// substitute replaces ${Name} textually: values are not escaped, as
// CloudFormation does not escape them.
func substitute(text string, values map[string]any) (string, error) {
	pairs := make([]string, 0, 2*len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := values[name]
		switch value.(type) {
		case string, bool, float64:
		default:
			return "", fmt.Errorf("DefinitionSubstitutions: the value of %s is not a string, a number or a boolean", name)
		}
		shown, isText := value.(string)
		if !isText {
			b, err := expression.Marshal(value)
			if err != nil {
				return "", fmt.Errorf("DefinitionSubstitutions: the value of %s: %w", name, err)
			}
			shown = string(b)
		}
		pairs = append(pairs, "${"+name+"}", shown)
	}
	return strings.NewReplacer(pairs...).Replace(text), nil
}
