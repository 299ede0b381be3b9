package cloudformation

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// DescribeStackResourcesInput is the input of DescribeStackResources: either a
// stack or a physical ID, and a logical ID to narrow it.
type DescribeStackResourcesInput struct {
	StackName          string
	LogicalResourceID  string `json:"LogicalResourceId"`
	PhysicalResourceID string `json:"PhysicalResourceId"`
}

// DescribeStackResourcesOutput is the output of DescribeStackResources.
type DescribeStackResourcesOutput struct {
	StackResources []resourceDescription `xml:"StackResources>member"`
}

type resourceDescription struct {
	StackName            string
	StackID              string `json:"StackId" xml:"StackId"`
	LogicalResourceID    string `json:"LogicalResourceId" xml:"LogicalResourceId"`
	PhysicalResourceID   string `json:"PhysicalResourceId,omitempty" xml:"PhysicalResourceId,omitempty"`
	ResourceType         string
	Timestamp            time.Time
	ResourceStatus       string
	ResourceStatusReason string `json:",omitempty" xml:",omitempty"`
	DriftInformation     resourceDrift
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html
func (s *Service) describeStackResources(_ context.Context, _ api.Caller, in *DescribeStackResourcesInput) (*DescribeStackResourcesOutput, error) {
	stack, err := s.stackOf(in)
	if err != nil {
		return nil, err
	}
	out := &DescribeStackResourcesOutput{StackResources: []resourceDescription{}}
	for _, r := range stack.Resources() {
		if in.LogicalResourceID != "" && in.LogicalResourceID != r.LogicalID {
			continue
		}
		out.StackResources = append(out.StackResources, resourceDescription{
			StackName: stack.Name, StackID: stack.ID, LogicalResourceID: r.LogicalID, PhysicalResourceID: r.Ref,
			ResourceType: r.Type, Timestamp: r.Timestamp, ResourceStatus: r.Status, ResourceStatusReason: r.Reason,
			DriftInformation: resourceDrift{"NOT_CHECKED"},
		})
	}
	if in.LogicalResourceID != "" && len(out.StackResources) == 0 {
		return nil, api.Errorf("ValidationError", "Resource %s does not exist for stack %s", in.LogicalResourceID, stack.Name)
	}
	return out, nil
}

func (s *Service) stackOf(in *DescribeStackResourcesInput) (*Stack, error) {
	switch {
	case in.StackName != "" && in.PhysicalResourceID != "":
		return nil, api.Errorf("ValidationError", "Both StackName and PhysicalResourceId cannot be specified")
	case in.StackName != "":
		return s.Stack(in.StackName)
	case in.PhysicalResourceID == "":
		return nil, api.Errorf("ValidationError", "Either StackName or PhysicalResourceId must be specified")
	}
	for _, stack := range s.Stacks() {
		for _, r := range stack.Resources() {
			if r.Ref == in.PhysicalResourceID {
				return stack, nil
			}
		}
	}
	return nil, api.Errorf("ValidationError", "Stack for %s does not exist", in.PhysicalResourceID)
}

// ListStackResourcesInput is the input of ListStackResources.
type ListStackResourcesInput struct {
	StackName string
	NextToken string
}

// ListStackResourcesOutput is the output of ListStackResources.
type ListStackResourcesOutput struct {
	StackResourceSummaries []resourceSummary `xml:"StackResourceSummaries>member"`
}

type resourceSummary struct {
	LogicalResourceID    string `json:"LogicalResourceId" xml:"LogicalResourceId"`
	PhysicalResourceID   string `json:"PhysicalResourceId,omitempty" xml:"PhysicalResourceId,omitempty"`
	ResourceType         string
	LastUpdatedTimestamp time.Time
	ResourceStatus       string
	ResourceStatusReason string `json:",omitempty" xml:",omitempty"`
	DriftInformation     resourceDrift
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html
func (s *Service) listStackResources(_ context.Context, _ api.Caller, in *ListStackResourcesInput) (*ListStackResourcesOutput, error) {
	if err := onlyPage(in.NextToken); err != nil {
		return nil, err
	}
	stack, err := s.Stack(in.StackName)
	if err != nil {
		return nil, err
	}
	out := &ListStackResourcesOutput{StackResourceSummaries: []resourceSummary{}}
	for _, r := range stack.Resources() {
		out.StackResourceSummaries = append(out.StackResourceSummaries, resourceSummary{
			LogicalResourceID: r.LogicalID, PhysicalResourceID: r.Ref, ResourceType: r.Type,
			LastUpdatedTimestamp: r.Timestamp, ResourceStatus: r.Status, ResourceStatusReason: r.Reason,
			DriftInformation: resourceDrift{"NOT_CHECKED"},
		})
	}
	return out, nil
}
