package cloudformation

import (
	"context"
	"slices"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// DescribeStacksInput is the input of DescribeStacks.
type DescribeStacksInput struct {
	// StackName is a name or an ID. Empty for all stacks that are not deleted.
	StackName string
	NextToken string
}

// DescribeStacksOutput is the output of DescribeStacks.
type DescribeStacksOutput struct {
	Stacks []StackDescription `xml:"Stacks>member"`
}

// StackDescription is a stack as DescribeStacks answers it.
type StackDescription struct {
	StackID           string `json:"StackId" xml:"StackId"`
	StackName         string
	Description       string                 `json:",omitempty" xml:",omitempty"`
	Parameters        []parameterDescription `xml:"Parameters>member"`
	CreationTime      time.Time
	DeletionTime      *time.Time `json:",omitempty" xml:",omitempty"`
	StackStatus       string
	StackStatusReason string `json:",omitempty" xml:",omitempty"`
	DisableRollback   bool
	Outputs           []outputDescription `xml:"Outputs>member"`
	DriftInformation  stackDrift
}

type parameterDescription struct{ ParameterKey, ParameterValue string }

type outputDescription struct {
	OutputKey, OutputValue string
	Description            string `json:",omitempty" xml:",omitempty"`
}

type stackDrift struct{ StackDriftStatus string }

type resourceDrift struct{ StackResourceDriftStatus string }

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
func (s *Service) describeStacks(_ context.Context, _ api.Caller, in *DescribeStacksInput) (*DescribeStacksOutput, error) {
	if err := onlyPage(in.NextToken); err != nil {
		return nil, err
	}
	out := &DescribeStacksOutput{Stacks: []StackDescription{}}
	if in.StackName != "" {
		stack, err := s.Stack(in.StackName)
		if err != nil {
			return nil, err
		}
		out.Stacks = append(out.Stacks, stack.describe())
		return out, nil
	}
	for _, stack := range s.Stacks() {
		if d := stack.describe(); d.StackStatus != "DELETE_COMPLETE" {
			out.Stacks = append(out.Stacks, d)
		}
	}
	return out, nil
}

func (s *Stack) describe() StackDescription {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d := StackDescription{
		StackID: s.ID, StackName: s.Name, Description: s.Description, CreationTime: s.Created,
		StackStatus: s.status, StackStatusReason: s.reason,
		// What failed stays as it is, to be looked at.
		DisableRollback:  true,
		DriftInformation: stackDrift{"NOT_CHECKED"},
	}
	if !s.deleted.IsZero() {
		deleted := s.deleted
		d.DeletionTime = &deleted
	}
	for _, q := range s.parameters {
		value := q.Value
		if q.NoEcho {
			value = "****"
		}
		d.Parameters = append(d.Parameters, parameterDescription{q.Key, value})
	}
	for _, o := range s.outputs {
		d.Outputs = append(d.Outputs, outputDescription{OutputKey: o.Key, OutputValue: o.Value, Description: o.Description})
	}
	return d
}

// onlyPage refuses a token: every answer comes as one page, so none was given.
func onlyPage(token string) error {
	if token != "" {
		return api.Errorf("ValidationError", "Invalid NextToken: %s", token)
	}
	return nil
}

// ListStacksInput is the input of ListStacks.
type ListStacksInput struct {
	// StackStatusFilter of statuses to list. Empty for all.
	StackStatusFilter []string
	NextToken         string
}

// ListStacksOutput is the output of ListStacks.
type ListStacksOutput struct {
	StackSummaries []stackSummary `xml:"StackSummaries>member"`
}

type stackSummary struct {
	StackID             string `json:"StackId" xml:"StackId"`
	StackName           string
	TemplateDescription string `json:",omitempty" xml:",omitempty"`
	CreationTime        time.Time
	DeletionTime        *time.Time `json:",omitempty" xml:",omitempty"`
	StackStatus         string
	StackStatusReason   string `json:",omitempty" xml:",omitempty"`
	DriftInformation    stackDrift
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
func (s *Service) listStacks(_ context.Context, _ api.Caller, in *ListStacksInput) (*ListStacksOutput, error) {
	if err := onlyPage(in.NextToken); err != nil {
		return nil, err
	}
	out := &ListStacksOutput{StackSummaries: []stackSummary{}}
	for _, stack := range s.Stacks() {
		d := stack.describe()
		if len(in.StackStatusFilter) > 0 && !slices.Contains(in.StackStatusFilter, d.StackStatus) {
			continue
		}
		out.StackSummaries = append(out.StackSummaries, stackSummary{
			StackID: d.StackID, StackName: d.StackName, TemplateDescription: d.Description, CreationTime: d.CreationTime,
			DeletionTime: d.DeletionTime, StackStatus: d.StackStatus, StackStatusReason: d.StackStatusReason,
			DriftInformation: d.DriftInformation,
		})
	}
	return out, nil
}
