package cloudformation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/musterq/muster/internal/local/api"
)

// StackEvent is a change of the status of a stack or of one of its resources.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
type StackEvent struct {
	StackID              string `json:"StackId" xml:"StackId"`
	EventID              string `json:"EventId" xml:"EventId"`
	StackName            string
	LogicalResourceID    string `json:"LogicalResourceId" xml:"LogicalResourceId"`
	PhysicalResourceID   string `json:"PhysicalResourceId" xml:"PhysicalResourceId"`
	ResourceType         string
	Timestamp            time.Time
	ResourceStatus       string
	ResourceStatusReason string `json:",omitempty" xml:",omitempty"`
	ResourceProperties   string `json:",omitempty" xml:",omitempty"`
	ClientRequestToken   string `json:",omitempty" xml:",omitempty"`
}

const stackType = "AWS::CloudFormation::Stack"

// setStatus changes the stack's status, which is an event.
func (s *Stack) setStatus(status, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.reason = status, reason
	now := time.Now()
	switch status {
	case "DELETE_COMPLETE":
		s.deleted = now
	case "UPDATE_IN_PROGRESS":
		s.updated = now
	}
	s.addEvent(StackEvent{
		LogicalResourceID: s.Name, PhysicalResourceID: s.ID, ResourceType: stackType,
		Timestamp: now, ResourceStatus: status, ResourceStatusReason: reason,
	})
}

// tell records an event of a resource and returns the resource with its new
// status.
func (s *Stack) tell(r StackResource, status, reason string) StackResource {
	r.Status, r.Reason, r.Timestamp = status, reason, time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addEvent(StackEvent{
		LogicalResourceID: r.LogicalID, PhysicalResourceID: r.Ref, ResourceType: r.Type,
		Timestamp: r.Timestamp, ResourceStatus: status, ResourceStatusReason: reason, ResourceProperties: string(r.declared),
	})
	return r
}

// addEvent needs the stack's lock.
func (s *Stack) addEvent(e StackEvent) {
	id := uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s/%d", s.ID, len(s.events)))
	e.StackID, e.StackName, e.EventID, e.ClientRequestToken = s.ID, s.Name, id.String(), s.token
	s.events = append(s.events, e)
}

// Events of the stack and its resources, the newest first.
func (s *Stack) Events() []StackEvent {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := slices.Clone(s.events)
	slices.Reverse(list)
	return list
}

// eventPage is the most events that one answer holds.
const eventPage = 100

// DescribeStackEventsInput is the input of DescribeStackEvents.
type DescribeStackEventsInput struct {
	// StackName is a name or, for a deleted stack, an ID.
	StackName string
	NextToken string
}

// DescribeStackEventsOutput is the output of DescribeStackEvents.
type DescribeStackEventsOutput struct {
	StackEvents []StackEvent `xml:"StackEvents>member"`
	NextToken   string       `json:",omitempty" xml:",omitempty"`
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
func (s *Service) describeStackEvents(_ context.Context, _ api.Caller, in *DescribeStackEventsInput) (*DescribeStackEventsOutput, error) {
	if in.StackName == "" {
		return nil, missing("stackName")
	}
	stack, err := s.Stack(in.StackName)
	if err != nil {
		return nil, api.Errorf("ValidationError", "Stack [%s] does not exist", in.StackName)
	}
	events := stack.Events()
	// A page begins after the event that the page before it ended with.
	if in.NextToken != "" {
		i := slices.IndexFunc(events, func(e StackEvent) bool { return e.EventID == in.NextToken })
		if i < 0 {
			return nil, onlyPage(in.NextToken)
		}
		events = events[i+1:]
	}
	out := &DescribeStackEventsOutput{StackEvents: events[:min(eventPage, len(events))]}
	if len(events) > eventPage {
		out.NextToken = events[eventPage-1].EventID
	}
	return out, nil
}
