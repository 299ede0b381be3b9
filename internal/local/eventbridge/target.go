package eventbridge

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// Bounds of a retry policy.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html
const (
	maxRetries  = 185
	minEventAge = 60
	maxEventAge = 86400
)

var targetID = regexp.MustCompile(`^[.\-_A-Za-z0-9]{1,64}$`)

// Target is what a rule sends its events to: a state machine, a Lambda function
// or an SQS queue of the same account and Region.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html
type Target struct {
	ID  string `json:"Id"`
	Arn string
	// RoleArn is the role that starts a state machine.
	RoleArn string `json:",omitempty"`
	// Input is JSON that is sent instead of the event.
	Input string `json:",omitempty"`
	// InputPath selects the part of the event that is sent.
	InputPath        string            `json:",omitempty"`
	InputTransformer *InputTransformer `json:",omitempty"`
	RetryPolicy      *RetryPolicy      `json:",omitempty"`
}

// InputTransformer makes the input of values of the event.
type InputTransformer struct {
	InputPathsMap map[string]string `json:",omitempty"`
	InputTemplate string
}

// RetryPolicy says how long a delivery is tried again.
type RetryPolicy struct {
	// MaximumEventAgeInSeconds is 60 to 86,400. Defaults to 86,400.
	MaximumEventAgeInSeconds *int `json:",omitempty"`
	// MaximumRetryAttempts is 0 to 185. Defaults to 185.
	MaximumRetryAttempts *int `json:",omitempty"`
}

// target is a target that was checked. It is immutable.
type target struct {
	Target
	// service is "states", "lambda" or "sqs"; resource is the rest of the ARN.
	service, resource string
	input             renderer
}

// PutTargetsInput adds targets to a rule, or replaces them.
type PutTargetsInput struct {
	Rule         string
	EventBusName string `json:",omitempty"`
	Targets      []Target
}

// FailedEntry is a target that could not be put or removed.
type FailedEntry struct {
	TargetID     string `json:"TargetId"`
	ErrorCode    string
	ErrorMessage string
}

// TargetsOutput lists the targets that failed.
type TargetsOutput struct {
	FailedEntryCount int
	FailedEntries    []FailedEntry
}

// putTargets adds targets to a rule, or replaces those of the same ID.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
func (s *Service) putTargets(_ context.Context, _ api.Caller, in *PutTargetsInput) (*TargetsOutput, error) {
	if err := s.onlyDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	if len(in.Targets) == 0 {
		return nil, api.Errorf("ValidationException", "1 validation error detected: Value '[]' at 'targets' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	checked := make([]*target, len(in.Targets))
	for i, t := range in.Targets {
		c, err := s.checkTarget(t)
		if err != nil {
			return nil, err
		}
		checked[i] = c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Rule)
	if err != nil {
		return nil, err
	}
	targets := maps.Clone(r.targets)
	for _, t := range checked {
		targets[t.ID] = t
	}
	if len(targets) > maxTargets {
		return nil, api.Errorf("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
	}
	r.targets = targets
	return &TargetsOutput{FailedEntries: []FailedEntry{}}, nil
}

func (s *Service) checkTarget(t Target) (*target, error) {
	if !targetID.MatchString(t.ID) {
		return nil, api.Errorf("ValidationException", "1 validation error detected: Value '%s' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+", t.ID)
	}
	c := &target{Target: t}
	if err := s.checkARN(c); err != nil {
		return nil, err
	}
	if p := t.RetryPolicy; p != nil {
		if n := p.MaximumRetryAttempts; n != nil && (*n < 0 || *n > maxRetries) {
			return nil, api.Errorf("ValidationException", "Value '%d' at 'targets.1.member.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value between 0 and 185", *n)
		}
		if n := p.MaximumEventAgeInSeconds; n != nil && (*n < minEventAge || *n > maxEventAge) {
			return nil, api.Errorf("ValidationException", "Value '%d' at 'targets.1.member.retryPolicy.maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value between 60 and 86400", *n)
		}
	}
	return c, c.checkInput()
}

// checkARN finds out what kind of target an ARN names.
func (s *Service) checkARN(t *target) error {
	parts := strings.SplitN(t.Arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[5] == "" {
		return api.Errorf("ValidationException", "Provided Arn is not in correct format.")
	}
	t.service, t.resource = parts[2], parts[5]
	if parts[3] != s.account.Region || parts[4] != s.account.ID {
		return api.Errorf("ValidationException", "The embedded runtime has targets of region %s and account %s only, not %s.", s.account.Region, s.account.ID, t.Arn)
	}
	switch {
	case t.service == "states" && strings.HasPrefix(t.resource, "stateMachine:"):
		if t.RoleArn == "" {
			return api.Errorf("ValidationException", "RoleArn is required for target %s.", t.Arn)
		}
	case t.service == "lambda" && strings.HasPrefix(t.resource, "function:"):
	case t.service == "sqs" && strings.HasSuffix(t.resource, ".fifo"):
		return api.Errorf("ValidationException", "Parameter(s) SqsParameters must be specified for target: %s.", t.ID)
	case t.service == "sqs":
	default:
		return api.Errorf("ValidationException", "The embedded runtime does not deliver events to %s.", t.Arn)
	}
	return nil
}

// checkInput compiles what the target is sent.
func (t *target) checkInput() error {
	given := 0
	for _, is := range []bool{t.Input != "", t.InputPath != "", t.InputTransformer != nil} {
		if is {
			given++
		}
	}
	if given > 1 {
		return api.Errorf("ValidationException", "Only one of Input, InputPath, or InputTransformer must be provided for target %s.", t.ID)
	}
	switch {
	case t.Input != "":
		if !json.Valid([]byte(t.Input)) {
			return api.Errorf("ValidationException", "JSON syntax error in input for target %s.", t.ID)
		}
		t.input = constant(t.Input)
	case t.InputPath != "":
		p, err := parsePath(t.InputPath)
		if err != nil {
			return api.Errorf("ValidationException", "InputPath for target %s is invalid. Reason: %s.", t.ID, err)
		}
		t.input = p
	case t.InputTransformer != nil:
		tr, err := parseTransformer(*t.InputTransformer)
		if err != nil {
			return api.Errorf("ValidationException", "InputTransformer for target %s is invalid. Reason: %s.", t.ID, err)
		}
		t.input = tr
	default:
		t.input = whole{}
	}
	return nil
}

// RemoveTargetsInput names targets to remove.
type RemoveTargetsInput struct {
	Rule         string
	EventBusName string
	Ids          []string
	// Force is for rules that AWS services manage, of which there are none.
	Force bool
}

// removeTargets removes targets from a rule. An ID that is not there fails by
// itself.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RemoveTargets.html
func (s *Service) removeTargets(_ context.Context, _ api.Caller, in *RemoveTargetsInput) (*TargetsOutput, error) {
	if err := s.onlyDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Rule)
	if err != nil {
		return nil, err
	}
	out := &TargetsOutput{FailedEntries: []FailedEntry{}}
	targets := maps.Clone(r.targets)
	for _, id := range in.Ids {
		if targets[id] == nil {
			out.FailedEntryCount++
			out.FailedEntries = append(out.FailedEntries, FailedEntry{
				TargetID: id, ErrorCode: "ResourceNotFoundException",
				ErrorMessage: "Rule " + in.Rule + " does not have a target with the Id " + id + ".",
			})
			continue
		}
		delete(targets, id)
	}
	r.targets = targets
	return out, nil
}

// ListTargetsByRuleInput asks for a rule's targets.
type ListTargetsByRuleInput struct {
	Rule         string
	EventBusName string
	// Limit is the size of a page: 1 to 100, 100 if absent.
	Limit     int
	NextToken string
}

// ListTargetsByRuleOutput is one page of targets.
type ListTargetsByRuleOutput struct {
	Targets   []Target
	NextToken string `json:",omitempty"`
}

// listTargetsByRule lists targets in the order of their IDs.
//
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTargetsByRule.html
func (s *Service) listTargetsByRule(_ context.Context, _ api.Caller, in *ListTargetsByRuleInput) (*ListTargetsByRuleOutput, error) {
	if err := s.onlyDefaultBus(in.EventBusName); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.find(in.Rule)
	if err != nil {
		return nil, err
	}
	ids, next, err := page(slices.Sorted(maps.Keys(r.targets)), in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ListTargetsByRuleOutput{Targets: []Target{}, NextToken: next}
	for _, id := range ids {
		out.Targets = append(out.Targets, r.targets[id].Target)
	}
	return out, nil
}
