package cloudformation

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

type describeChangeSetOutput struct {
	changeSetSummary
	Parameters     []parameterDescription `xml:"Parameters>member"`
	OnStackFailure string
	Capabilities   []string       `xml:"Capabilities>member"`
	Tags           []tagMember    `xml:"Tags>member"`
	Changes        []changeMember `xml:"Changes>member"`
}

type changeMember struct {
	Type           string
	ResourceChange Change
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html
func (s *Service) describeChangeSet(_ context.Context, _ api.Caller, in *changeSetInput) (*describeChangeSetOutput, error) {
	if err := onlyPage(in.NextToken); err != nil {
		return nil, err
	}
	if in.IncludePropertyValues {
		return nil, api.Errorf("ValidationError", "The embedded runtime does not show property values in change sets: IncludePropertyValues must be false.")
	}
	stack, c, err := s.changeSet(in.ChangeSetName, in.StackName)
	if err != nil {
		return nil, err
	}
	stack.mu.RLock()
	defer stack.mu.RUnlock()
	out := &describeChangeSetOutput{
		changeSetSummary: stack.summary(c), Capabilities: c.plan.options.capabilities, OnStackFailure: c.onFailure,
		Parameters: describeParameters(c.plan.parameters()), Tags: describeTags(c.plan.options.Tags), Changes: []changeMember{},
	}
	for _, change := range c.changes {
		out.Changes = append(out.Changes, changeMember{"Resource", change})
	}
	return out, nil
}

// changeSetSummary is a change set in a list.
type changeSetSummary struct {
	StackID             string `json:"StackId" xml:"StackId"`
	StackName           string
	ChangeSetID         string `json:"ChangeSetId" xml:"ChangeSetId"`
	ChangeSetName       string
	ExecutionStatus     string
	Status              string
	StatusReason        string `json:",omitempty" xml:",omitempty"`
	CreationTime        time.Time
	Description         string `json:",omitempty" xml:",omitempty"`
	IncludeNestedStacks bool
}

// summary needs the stack's lock.
func (s *Stack) summary(c *changeSet) changeSetSummary {
	return changeSetSummary{
		StackID: s.ID, StackName: s.Name, ChangeSetID: c.id, ChangeSetName: c.name, ExecutionStatus: c.execution,
		Status: c.status, StatusReason: c.reason, CreationTime: c.created, Description: c.description,
	}
}

type listChangeSetsInput struct {
	StackName string
	NextToken string
}

type listChangeSetsOutput struct {
	Summaries []changeSetSummary `xml:"Summaries>member"`
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListChangeSets.html
func (s *Service) listChangeSets(_ context.Context, _ api.Caller, in *listChangeSetsInput) (*listChangeSetsOutput, error) {
	if err := onlyPage(in.NextToken); err != nil {
		return nil, err
	}
	stack, err := s.Stack(in.StackName)
	if err != nil {
		return nil, api.Errorf("ValidationError", "Stack [%s] does not exist", in.StackName)
	}
	stack.mu.RLock()
	defer stack.mu.RUnlock()
	out := &listChangeSetsOutput{Summaries: []changeSetSummary{}}
	for _, c := range stack.changeSets {
		out.Summaries = append(out.Summaries, stack.summary(c))
	}
	return out, nil
}
