package eventbridge

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/pattern"
	"github.com/musterq/muster/internal/schedule"
)

const (
	enabled  = "ENABLED"
	disabled = "DISABLED"

	// Quotas of one event bus.
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
	maxRules   = 300
	maxTargets = 5
)

var ruleName = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)

// rule is a rule of the default bus. It is guarded by Service.mu; what pattern,
// schedule and targets point to is never changed.
type rule struct {
	Rule
	tags     []Tag
	pattern  *pattern.Pattern
	schedule *schedule.Schedule
	targets  map[string]*target
}

// Rule is a rule as EventBridge describes it.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Rule.html
type Rule struct {
	Name               string
	Arn                string
	Description        string `json:",omitempty"`
	EventBusName       string
	EventPattern       string `json:",omitempty"`
	RoleArn            string `json:",omitempty"`
	ScheduleExpression string `json:",omitempty"`
	State              string
}

// Tag is a label of a rule.
type Tag struct{ Key, Value string }

// PutRuleInput makes or replaces a rule.
type PutRuleInput struct {
	Name               string
	Description        string `json:",omitempty"`
	EventBusName       string `json:",omitempty"`
	EventPattern       string `json:",omitempty"`
	RoleArn            string `json:",omitempty"`
	ScheduleExpression string `json:",omitempty"`
	State              string `json:",omitempty"`
	Tags               []Tag  `json:",omitempty"`
}

// PutRuleOutput tells the rule's ARN.
type PutRuleOutput struct{ RuleArn string }

// RuleInput names a rule.
type RuleInput struct {
	Name         string
	EventBusName string
	// Force is for rules that AWS services manage, of which there are none.
	Force bool
}

// Empty is an output without members.
type Empty struct{}

// putRule makes or replaces a rule. A replaced rule keeps its targets and tags.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
func (s *Service) putRule(_ context.Context, _ api.Caller, in *PutRuleInput) (*PutRuleOutput, error) {
	r, err := s.newRule(in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.rules[in.Name]; old != nil {
		r.targets, r.tags = old.targets, old.tags
	} else if len(s.rules) >= maxRules {
		return nil, api.Errorf("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
	}
	s.rules[in.Name] = r
	s.reschedule(r)
	return &PutRuleOutput{RuleArn: r.Arn}, nil
}

func (s *Service) newRule(in *PutRuleInput) (*rule, error) {
	if !ruleName.MatchString(in.Name) {
		return nil, api.Errorf("ValidationException", "1 validation error detected: Value '%s' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+", in.Name)
	}
	if err := s.onlyDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	if in.EventPattern == "" && in.ScheduleExpression == "" {
		return nil, api.Errorf("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")
	}
	state := in.State
	switch state {
	case "":
		state = enabled
	case enabled, disabled:
	default:
		return nil, api.Errorf("ValidationException", "1 validation error detected: Value '%s' at 'state' failed to satisfy constraint: the embedded runtime knows the states ENABLED and DISABLED", in.State)
	}
	r := &rule{
		Rule: Rule{
			Name: in.Name, Arn: s.account.ARN("events", "rule/"+in.Name), EventBusName: defaultBus,
			Description: in.Description, EventPattern: in.EventPattern, RoleArn: in.RoleArn,
			ScheduleExpression: in.ScheduleExpression, State: state,
		},
		tags:    in.Tags,
		targets: map[string]*target{},
	}
	if in.EventPattern != "" {
		p, err := pattern.Parse([]byte(in.EventPattern))
		if err != nil {
			return nil, api.Errorf("InvalidEventPatternException", "Event pattern is not valid. Reason: %s", err)
		}
		r.pattern = p
	}
	if in.ScheduleExpression != "" {
		when, err := schedule.Parse(in.ScheduleExpression)
		if err != nil {
			return nil, api.Errorf("ValidationException", "Parameter ScheduleExpression is not valid. Reason: %s.", err)
		}
		r.schedule = &when
	}
	return r, nil
}

// reschedule counts a rate anew from now on. The caller holds s.mu.
func (s *Service) reschedule(r *rule) {
	if r.schedule == nil || r.State != enabled {
		s.clock.remove(r.Name)
		return
	}
	if due, ok := r.schedule.Next(time.Now()); ok {
		s.clock.set(r.Name, due)
		return
	}
	s.clock.remove(r.Name)
}

// find returns a rule by its name. The caller holds s.mu.
func (s *Service) find(name string) (*rule, error) {
	if r := s.rules[name]; r != nil {
		return r, nil
	}
	return nil, api.Errorf("ResourceNotFoundException", "Rule %s does not exist on EventBus default.", name)
}

// deleteRule deletes a rule that has no targets left. A rule that does not
// exist counts as deleted.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html
func (s *Service) deleteRule(_ context.Context, _ api.Caller, in *RuleInput) (*Empty, error) {
	if err := s.onlyDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.rules[in.Name]; r != nil && len(r.targets) > 0 {
		return nil, api.Errorf("ValidationException", "Rule can't be deleted since it has targets.")
	}
	delete(s.rules, in.Name)
	s.clock.remove(in.Name)
	return &Empty{}, nil
}

func (s *Service) enableRule(_ context.Context, _ api.Caller, in *RuleInput) (*Empty, error) {
	return s.setState(in, enabled)
}

func (s *Service) disableRule(_ context.Context, _ api.Caller, in *RuleInput) (*Empty, error) {
	return s.setState(in, disabled)
}

func (s *Service) setState(in *RuleInput, state string) (*Empty, error) {
	if err := s.onlyDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Name)
	if err != nil {
		return nil, err
	}
	if r.State != state {
		r.State = state
		s.reschedule(r)
	}
	return &Empty{}, nil
}

func (s *Service) describeRule(_ context.Context, _ api.Caller, in *RuleInput) (*Rule, error) {
	if err := s.onlyDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Name)
	if err != nil {
		return nil, err
	}
	described := r.Rule
	return &described, nil
}

// ListRulesInput asks for rules by name.
type ListRulesInput struct {
	EventBusName string
	NamePrefix   string
	// Limit is the size of a page: 1 to 100, 100 if absent.
	Limit     int
	NextToken string
}

// ListRulesOutput is one page of rules.
type ListRulesOutput struct {
	Rules     []Rule
	NextToken string `json:",omitempty"`
}

// listRules lists rules in the order of their names.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListRules.html
func (s *Service) listRules(_ context.Context, _ api.Caller, in *ListRulesInput) (*ListRulesOutput, error) {
	if err := s.onlyDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(s.rules)), func(name string) bool { return !strings.HasPrefix(name, in.NamePrefix) })
	names, next, err := page(names, in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ListRulesOutput{Rules: []Rule{}, NextToken: next}
	for _, name := range names {
		out.Rules = append(out.Rules, s.rules[name].Rule)
	}
	return out, nil
}

const maxPage = 100

// page cuts sorted names to those after token, and limit at most. The token of
// the next page is the last name of this one.
func page(names []string, limit int, token string) (cut []string, next string, err error) {
	if limit < 0 || limit > maxPage {
		return nil, "", api.Errorf("ValidationException", "1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 100", limit)
	}
	if limit == 0 {
		limit = maxPage
	}
	if token != "" {
		at, found := slices.BinarySearch(names, token)
		if found {
			at++
		}
		names = names[at:]
	}
	if len(names) <= limit {
		return names, "", nil
	}
	return names[:limit], names[limit-1], nil
}

// TestEventPatternInput is a pattern and an event, both JSON.
type TestEventPatternInput struct{ EventPattern, Event string }

// TestEventPatternOutput tells whether they match.
type TestEventPatternOutput struct{ Result bool }

// testEventPattern matches an event against a pattern.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html
func (s *Service) testEventPattern(_ context.Context, _ api.Caller, in *TestEventPatternInput) (*TestEventPatternOutput, error) {
	p, err := pattern.Parse([]byte(in.EventPattern))
	if err != nil {
		return nil, api.Errorf("InvalidEventPatternException", "Event pattern is not valid. Reason: %s", err)
	}
	result, err := p.MatchJSON([]byte(in.Event))
	if err != nil {
		return nil, api.Errorf("ValidationException", "Parameter Event is not valid. Reason: %s", err)
	}
	return &TestEventPatternOutput{Result: result}, nil
}

// ListTagsForResourceInput names a rule by its ARN.
type ListTagsForResourceInput struct {
	ResourceARN string
}

// ListTagsForResourceOutput lists a rule's tags as they were given.
type ListTagsForResourceOutput struct{ Tags []Tag }

// listTagsForResource lists the tags of a rule.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTagsForResource.html
func (s *Service) listTagsForResource(_ context.Context, _ api.Caller, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if r.Arn == in.ResourceARN {
			return &ListTagsForResourceOutput{Tags: append([]Tag{}, r.tags...)}, nil
		}
	}
	return nil, api.Errorf("ResourceNotFoundException", "Resource %s does not exist.", in.ResourceARN)
}
