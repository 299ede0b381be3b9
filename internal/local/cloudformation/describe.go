package cloudformation

import (
	"context"
	"maps"
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
	LastUpdatedTime   *time.Time `json:",omitempty" xml:",omitempty"`
	DeletionTime      *time.Time `json:",omitempty" xml:",omitempty"`
	StackStatus       string
	StackStatusReason string `json:",omitempty" xml:",omitempty"`
	DisableRollback   bool
	Capabilities      []string            `xml:"Capabilities>member"`
	Outputs           []outputDescription `xml:"Outputs>member"`
	Tags              []tagMember         `xml:"Tags>member"`
	// EnableTerminationProtection keeps DeleteStack from deleting the stack.
	EnableTerminationProtection bool
	DriftInformation            stackDrift
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
		StackID: s.ID, StackName: s.Name, CreationTime: s.Created,
		StackStatus: s.status, StackStatusReason: s.reason,
		LastUpdatedTime: set(s.updated), DeletionTime: set(s.deleted),
		DisableRollback:             s.onFailure == doNothing,
		EnableTerminationProtection: s.protected,
		DriftInformation:            stackDrift{"NOT_CHECKED"},
	}
	if p := s.plan; p != nil {
		d.Description, d.Capabilities = p.template.Description, p.options.capabilities
		d.Parameters, d.Tags = describeParameters(p.parameters()), describeTags(p.options.Tags)
	}
	for _, o := range s.outputs {
		d.Outputs = append(d.Outputs, outputDescription{OutputKey: o.Key, OutputValue: o.Value, Description: o.Description})
	}
	return d
}

// set is a time unless it is zero.
func set(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func describeParameters(parameters []StackParameter) []parameterDescription {
	var list []parameterDescription
	for _, q := range parameters {
		value := q.Value
		if q.NoEcho {
			value = "****"
		}
		list = append(list, parameterDescription{q.Key, value})
	}
	return list
}

func describeTags(tags map[string]string) []tagMember {
	var list []tagMember
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tagMember{key, tags[key]})
	}
	return list
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
