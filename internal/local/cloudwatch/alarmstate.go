package cloudwatch

import (
	"context"
	"slices"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// SetAlarmStateInput is a state for an alarm until it is next evaluated.
type SetAlarmStateInput struct {
	AlarmName   string
	StateValue  string
	StateReason string
	// StateReasonData is JSON.
	StateReasonData string
}

// setAlarmState changes an alarm's state for a while, to test what acts on it.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html
func (s *Service) setAlarmState(_ context.Context, _ api.Caller, in *SetAlarmStateInput) (*Empty, error) {
	if !slices.Contains([]string{stateOK, stateAlarm, stateInsufficientData}, in.StateValue) {
		return nil, validation("Value '%s' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]", in.StateValue)
	}
	s.mu.Lock()
	a := s.alarms[in.AlarmName]
	if a == nil {
		s.mu.Unlock()
		return nil, noSuchAlarm()
	}
	c := a.become(state{value: in.StateValue, reason: in.StateReason, data: in.StateReasonData, since: time.Now().UTC()})
	s.mu.Unlock()
	s.announce(c)
	return &Empty{}, nil
}

// ListTagsForResourceInput names an alarm by its ARN.
type ListTagsForResourceInput struct{ ResourceARN string }

// ListTagsForResourceOutput lists an alarm's tags as they were given.
type ListTagsForResourceOutput struct {
	Tags []Tag `xml:"Tags>member"`
}

// listTagsForResource lists the tags of an alarm.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListTagsForResource.html
func (s *Service) listTagsForResource(_ context.Context, _ api.Caller, in *ListTagsForResourceInput) (*ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.alarms {
		if a.arn == in.ResourceARN {
			return &ListTagsForResourceOutput{Tags: append([]Tag{}, a.Tags...)}, nil
		}
	}
	return nil, noSuchAlarm()
}
