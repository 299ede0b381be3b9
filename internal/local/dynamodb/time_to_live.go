package dynamodb

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

type (
	// TimeToLiveSpecification switches TTL on or off.
	TimeToLiveSpecification struct {
		AttributeName string
		Enabled       *bool
	}
	// UpdateTimeToLiveInput is the input of UpdateTimeToLive.
	UpdateTimeToLiveInput struct {
		TableName               string
		TimeToLiveSpecification *TimeToLiveSpecification
	}
	// UpdateTimeToLiveOutput is the output of UpdateTimeToLive.
	UpdateTimeToLiveOutput struct{ TimeToLiveSpecification *TimeToLiveSpecification }
	// TimeToLiveDescription is ENABLED or DISABLED.
	TimeToLiveDescription struct {
		AttributeName    string `json:",omitempty"`
		TimeToLiveStatus string
	}
	// DescribeTimeToLiveOutput is the output of DescribeTimeToLive.
	DescribeTimeToLiveOutput struct{ TimeToLiveDescription TimeToLiveDescription }
)

// updateTimeToLive names the attribute with each item's time of expiry.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html
func (s *Service) updateTimeToLive(_ context.Context, _ api.Caller, in *UpdateTimeToLiveInput) (*UpdateTimeToLiveOutput, error) {
	spec := in.TimeToLiveSpecification
	switch {
	case spec == nil:
		return nil, missing("timeToLiveSpecification")
	case spec.Enabled == nil:
		return nil, missing("timeToLiveSpecification.enabled")
	case spec.AttributeName == "":
		return nil, missing("timeToLiveSpecification.attributeName")
	}
	t, err := s.tableByName(in.TableName)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	t.lock(now)
	defer t.mu.Unlock()
	switch current := t.ttl.attribute; {
	case *spec.Enabled && current != "":
		return nil, invalid("TimeToLive is already enabled")
	case !*spec.Enabled && current == "":
		return nil, invalid("TimeToLive is already disabled")
	case !*spec.Enabled && current != spec.AttributeName:
		return nil, invalid("TimeToLive is active on a different AttributeName: current AttributeName is %s", current)
	case *spec.Enabled:
		t.setTTL(spec.AttributeName, now)
	default:
		t.setTTL("", now)
	}
	return &UpdateTimeToLiveOutput{spec}, nil
}

// describeTimeToLive says whether items expire, and by which attribute.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTimeToLive.html
func (s *Service) describeTimeToLive(_ context.Context, _ api.Caller, in *TableInput) (*DescribeTimeToLiveOutput, error) {
	t, err := s.tableByName(in.TableName)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	d := TimeToLiveDescription{AttributeName: t.ttl.attribute, TimeToLiveStatus: "ENABLED"}
	if d.AttributeName == "" {
		d.TimeToLiveStatus = "DISABLED"
	}
	return &DescribeTimeToLiveOutput{d}, nil
}
