// Package adopt moves the messages of a queue from whoever handles them today, a
// Lambda event source mapping or a KEDA ScaledObject, to a fleet that does the
// same, and back.
package adopt

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

// States of an event source mapping.
// https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
const (
	stateEnabled  = "Enabled"
	stateDisabled = "Disabled"
	stateDeleting = "Deleting"
)

// Mapping is an event source mapping from a queue to a function.
type Mapping struct {
	// UUID by which Lambda knows it.
	UUID string `json:"uuid"`
	// Function is the ARN of the function, with the version or alias if it has one.
	Function string `json:"function"`
	// Queue is the ARN of the queue.
	Queue string `json:"queue"`
	// State as Lambda names it: Enabled, Disabling and so on.
	State string `json:"state"`
}

// Polls says whether the mapping may be taking messages: in every state but
// Disabled and Deleting.
func (m Mapping) Polls() bool { return m.State != stateDisabled && m.State != stateDeleting }

// Warning says what the mapping does to a fleet on the same queue.
func (m Mapping) Warning() string {
	return fmt.Sprintf("the event source mapping %s (%s) takes messages of the same queue for %s: they go past the fleet, its cap and its controls", m.UUID, m.State, m.Function)
}

// ErrNotPermitted is why it is unknown who else takes a queue's messages.
var ErrNotPermitted = errors.New("not permitted")

// Sharing finds the event source mappings that may be taking messages of a queue.
// They are looked for in the account of the credentials and in the queue's region:
// another account's are not seen. An error that is [ErrNotPermitted] names the
// missing permission; it is to be told, for nothing is known then.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html
func Sharing(ctx context.Context, cfg aws.Config, queueARN string) ([]Mapping, error) {
	queue, err := arn.Parse(queueARN)
	if err != nil || queue.Service != "sqs" {
		return nil, fmt.Errorf("%q is no queue's ARN: write for example arn:aws:sqs:us-east-1:123456789012:jobs", queueARN)
	}
	client := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.Region = queue.Region })
	all, err := list(ctx, client, &lambda.ListEventSourceMappingsInput{EventSourceArn: &queueARN})
	if err != nil {
		return nil, err
	}
	var found []Mapping
	for _, c := range all {
		if m := mappingOf(c); m.Polls() {
			found = append(found, m)
		}
	}
	return found, nil
}

func list(ctx context.Context, client *lambda.Client, in *lambda.ListEventSourceMappingsInput) ([]types.EventSourceMappingConfiguration, error) {
	var all []types.EventSourceMappingConfiguration
	for pages := lambda.NewListEventSourceMappingsPaginator(client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, permitted(err, "lambda:ListEventSourceMappings", "event source mappings are not known")
		}
		all = append(all, page.EventSourceMappings...)
	}
	return all, nil
}

// permitted names the permission that a denied call lacks.
func permitted(err error, action, so string) error {
	var answer smithy.APIError
	if errors.As(err, &answer) && (answer.ErrorCode() == "AccessDeniedException" || answer.ErrorCode() == "AccessDenied") {
		return fmt.Errorf("%w to call %s, so %s: allow it, on the resource \"*\": %w", ErrNotPermitted, action, so, err)
	}
	return fmt.Errorf("%s: %w", action, err)
}

func mappingOf(c types.EventSourceMappingConfiguration) Mapping {
	return Mapping{
		UUID: aws.ToString(c.UUID), Function: aws.ToString(c.FunctionArn),
		Queue: aws.ToString(c.EventSourceArn), State: aws.ToString(c.State),
	}
}
