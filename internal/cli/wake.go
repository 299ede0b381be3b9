package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// wake asks a fleet's autoscaler for a tick, as a producer may.
func wake(ctx context.Context, events *eventbridge.Client, fleet string) error {
	detail, err := json.Marshal(map[string]string{"fleet": fleet})
	if err != nil {
		return fmt.Errorf("wake the autoscaler: %w", err)
	}
	out, err := events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: aws.String("muster"), DetailType: aws.String("muster wake"), Detail: aws.String(string(detail)),
	}}})
	if err != nil {
		return fmt.Errorf("wake the autoscaler: %w", err)
	}
	for _, e := range out.Entries {
		if e.ErrorCode != nil {
			return fmt.Errorf("wake the autoscaler: %s: %s", *e.ErrorCode, aws.ToString(e.ErrorMessage))
		}
	}
	return nil
}
