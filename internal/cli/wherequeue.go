package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	sqsqueue "github.com/musterq/muster/internal/queue"
)

// queueState is what SQS says of a queue as a whole.
type queueState struct {
	visible, hidden, delayed int
	// maxReceives until a message is dead-lettered. 0 if it never is.
	maxReceives int
}

// sourceState asks SQS for the fleet's queue.
func (d *deadLetters) sourceState(ctx context.Context) (queueState, error) {
	return askQueue(ctx, d.cfg, d.source)
}

// askQueue asks SQS, in the queue's own region, for a queue as a whole.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
func askQueue(ctx context.Context, cfg aws.Config, url string) (queueState, error) {
	var q queueState
	counts := map[types.QueueAttributeName]*int{
		types.QueueAttributeNameApproximateNumberOfMessages:           &q.visible,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: &q.hidden,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    &q.delayed,
	}
	names := []types.QueueAttributeName{types.QueueAttributeNameRedrivePolicy}
	for name := range counts {
		names = append(names, name)
	}
	out, err := sqs.NewFromConfig(sqsqueue.InRegion(cfg, url)).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		return q, fmt.Errorf("ask for the depth of %s: %w", url, err)
	}
	for name, into := range counts {
		if *into, err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
			return q, fmt.Errorf("the depth of %s: attribute %s: %w", url, name, err)
		}
	}
	policy := out.Attributes[string(types.QueueAttributeNameRedrivePolicy)]
	if policy == "" {
		return q, nil
	}
	p, err := parseRedrive(policy)
	if err != nil {
		return q, fmt.Errorf("the redrive policy of %s: %w", url, err)
	}
	q.maxReceives = p.maxReceives
	return q, nil
}

// redrivePolicy says when SQS moves messages, and where to.
type redrivePolicy struct {
	// target is the ARN of the dead-letter queue.
	target      string
	maxReceives int
}

func parseRedrive(policy string) (redrivePolicy, error) {
	var p struct {
		DeadLetterTargetArn string `json:"deadLetterTargetArn"`
		// MaxReceiveCount is a number that some write as text.
		MaxReceiveCount json.RawMessage `json:"maxReceiveCount"`
	}
	if err := json.Unmarshal([]byte(policy), &p); err != nil {
		return redrivePolicy{}, err
	}
	n, err := strconv.Atoi(strings.Trim(string(p.MaxReceiveCount), `"`))
	if err != nil {
		return redrivePolicy{}, fmt.Errorf("maxReceiveCount: %w", err)
	}
	return redrivePolicy{p.DeadLetterTargetArn, n}, nil
}
