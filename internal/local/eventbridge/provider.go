package eventbridge

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/musterq/muster/internal/local/api"
)

// ruleProperties are the properties of AWS::Events::Rule.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html
type ruleProperties struct {
	Name               string
	Description        string
	EventBusName       string
	EventPattern       json.RawMessage
	RoleArn            string
	ScheduleExpression string
	State              string
	Targets            []targetProperties
	Tags               []Tag
}

// targetProperties differ from Target in numbers, which templates may write as
// strings.
type targetProperties struct {
	ID               string `json:"Id"`
	Arn              string
	RoleArn          string
	Input            string
	InputPath        string
	InputTransformer *InputTransformer
	RetryPolicy      *struct {
		MaximumEventAgeInSeconds json.Number
		MaximumRetryAttempts     json.Number
	}
}

// provideRule makes a rule and its targets. A rule of that name is another's.
func (s *Service) provideRule(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	p, err := readRule(r)
	if err != nil {
		return api.Resource{}, err
	}
	s.mu.Lock()
	_, exists := s.rules[p.Name]
	s.mu.Unlock()
	if exists {
		return api.Resource{}, api.Errorf("AlreadyExists", "%s already exists", p.Name)
	}
	return s.putRuleOf(ctx, p)
}

func readRule(r api.ResourceRequest) (*ruleProperties, error) {
	p := new(ruleProperties)
	if err := api.Decode(r.Properties, p); err != nil {
		return nil, err
	}
	if p.Name == "" {
		p.Name = r.Name
	}
	return p, nil
}

// putRuleOf makes or replaces a rule and the targets that it has of the template.
func (s *Service) putRuleOf(ctx context.Context, p *ruleProperties) (api.Resource, error) {
	in := PutRuleInput{
		Name: p.Name, Description: p.Description, EventBusName: p.EventBusName, EventPattern: string(p.EventPattern),
		RoleArn: p.RoleArn, ScheduleExpression: p.ScheduleExpression, State: p.State, Tags: p.Tags,
	}
	if err := s.call(ctx, "PutRule", in); err != nil {
		return api.Resource{}, err
	}
	if len(p.Targets) > 0 {
		targets := PutTargetsInput{Rule: p.Name}
		for _, properties := range p.Targets {
			t, err := properties.target()
			if err != nil {
				return api.Resource{}, err
			}
			targets.Targets = append(targets.Targets, t)
		}
		if err := s.call(ctx, "PutTargets", targets); err != nil {
			return api.Resource{}, err
		}
	}
	return api.Resource{Ref: p.Name, Attributes: map[string]string{"Arn": s.account.ARN("events", "rule/"+p.Name)}}, nil
}

func (p targetProperties) target() (Target, error) {
	t := Target{
		ID: p.ID, Arn: p.Arn, RoleArn: p.RoleArn,
		Input: p.Input, InputPath: p.InputPath, InputTransformer: p.InputTransformer,
	}
	if p.RetryPolicy == nil {
		return t, nil
	}
	t.RetryPolicy = &RetryPolicy{}
	for _, n := range []struct {
		name string
		text json.Number
		into **int
	}{
		{"MaximumEventAgeInSeconds", p.RetryPolicy.MaximumEventAgeInSeconds, &t.RetryPolicy.MaximumEventAgeInSeconds},
		{"MaximumRetryAttempts", p.RetryPolicy.MaximumRetryAttempts, &t.RetryPolicy.MaximumRetryAttempts},
	} {
		if n.text == "" {
			continue
		}
		value, err := n.text.Int64()
		if err != nil {
			return Target{}, api.Errorf("ValidationException", "%s of target %s is not a whole number: %s", n.name, p.ID, n.text)
		}
		whole := int(value)
		*n.into = &whole
	}
	return t, nil
}

// call makes an API call as a deployment does.
func (s *Service) call(ctx context.Context, operation string, in any) error {
	encoded, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode the input of %s: %w", operation, err)
	}
	_, err = s.router.Call(ctx, "events", operation, api.Caller{}, encoded)
	return err
}
