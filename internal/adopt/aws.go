package adopt

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// capabilities that a fleet's template needs.
func capabilities() []cfntypes.Capability {
	return []cfntypes.Capability{cfntypes.CapabilityCapabilityIam, cfntypes.CapabilityCapabilityNamedIam}
}

// parameter keeps every parameter but Enabled.
func parameter(name, enabled string) cfntypes.Parameter {
	if name == "Enabled" {
		return cfntypes.Parameter{ParameterKey: &name, ParameterValue: &enabled}
	}
	return cfntypes.Parameter{ParameterKey: &name, UsePreviousValue: aws.Bool(true)}
}

// wake asks the fleet for a tick, as a producer may. Without it the next scheduled
// tick does.
func (s *Switch) wake(ctx context.Context) error {
	detail, err := json.Marshal(map[string]string{"fleet": s.Fleet})
	if err != nil {
		return fmt.Errorf("wake the autoscaler: %w", err)
	}
	out, err := eventbridge.NewFromConfig(s.Config).PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
		Source: aws.String("muster"), DetailType: aws.String("muster wake"), Detail: aws.String(string(detail)),
	}}})
	switch {
	case err != nil:
		s.tell("it waits for the next scheduled tick: %v", err)
	case out.FailedEntryCount > 0:
		s.tell("it waits for the next scheduled tick: the event was refused")
	}
	return nil
}
