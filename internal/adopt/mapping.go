package adopt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Source says which event source mapping is meant: by UUID, or by function and
// queue, each a name or an ARN.
type Source struct {
	UUID, Function, Queue string
}

// FromMapping plans the fleet that succeeds an event source mapping. It changes
// nothing. A fleet without a name is called after the queue.
func FromMapping(ctx context.Context, cfg aws.Config, s Source, fleet string) (*Plan, error) {
	client := lambda.NewFromConfig(cfg)
	c, err := s.find(ctx, cfg, client)
	if err != nil {
		return nil, err
	}
	queue, err := arn.Parse(aws.ToString(c.EventSourceArn))
	if err != nil || queue.Service != "sqs" {
		return nil, fmt.Errorf("the event source mapping %s reads %s, and a fleet handles messages of SQS queues only", aws.ToString(c.UUID), cmp.Or(aws.ToString(c.EventSourceArn), "a source without an ARN"))
	}
	f := mappingFacts{mapping: mappingOf(*c), fifo: strings.HasSuffix(queue.Resource, ".fifo"), quota: 1000}
	f.configured(c)
	if err := f.askFunction(ctx, client); err != nil {
		return nil, err
	}
	if err := f.askQueue(ctx, cfg, queue); err != nil {
		return nil, err
	}
	p, err := f.plan(cmp.Or(fleet, fleetName(queue.Resource)))
	if err != nil {
		return nil, err
	}
	p.Region = queue.Region
	if function, err := arn.Parse(f.mapping.Function); err == nil {
		p.Account = function.AccountID
	}
	return p, nil
}

// fleetName makes a stack's name of a queue's.
func fleetName(queue string) string {
	name := strings.ReplaceAll(strings.TrimSuffix(queue, ".fifo"), "_", "-")
	if name == "" || !strings.ContainsAny(name[:1], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		name = "fleet-" + name
	}
	return name
}

func (s Source) find(ctx context.Context, cfg aws.Config, client *lambda.Client) (*types.EventSourceMappingConfiguration, error) {
	uuid := s.UUID
	if uuid == "" {
		queue, err := queueARN(ctx, cfg, s.Queue)
		if err != nil {
			return nil, err
		}
		all, err := list(ctx, client, &lambda.ListEventSourceMappingsInput{EventSourceArn: &queue, FunctionName: &s.Function})
		if err != nil {
			return nil, err
		}
		switch len(all) {
		case 0:
			return nil, fmt.Errorf("no event source mapping leads from %s to the function %s in %s: name the function with its version or alias if the mapping does", queue, s.Function, cfg.Region)
		case 1:
			uuid = aws.ToString(all[0].UUID)
		default:
			return nil, fmt.Errorf("%d event source mappings lead from %s to the function %s: choose one by its UUID", len(all), queue, s.Function)
		}
	}
	// One by one: a list leaves out filters that are encrypted.
	out, err := client.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &uuid})
	if err != nil {
		return nil, permitted(err, "lambda:GetEventSourceMapping", "the mapping is not known")
	}
	if e := out.FilterCriteriaError; e != nil {
		return nil, fmt.Errorf("the filters of the event source mapping %s cannot be read: %s: allow kms:Decrypt with %s", uuid, aws.ToString(e.Message), aws.ToString(out.KMSKeyArn))
	}
	return &types.EventSourceMappingConfiguration{
		UUID: out.UUID, FunctionArn: out.FunctionArn, EventSourceArn: out.EventSourceArn, State: out.State,
		BatchSize: out.BatchSize, MaximumBatchingWindowInSeconds: out.MaximumBatchingWindowInSeconds,
		FunctionResponseTypes: out.FunctionResponseTypes, FilterCriteria: out.FilterCriteria, KMSKeyArn: out.KMSKeyArn,
		ScalingConfig: out.ScalingConfig, ProvisionedPollerConfig: out.ProvisionedPollerConfig, MetricsConfig: out.MetricsConfig,
	}, nil
}

// queueARN finds the ARN of a queue that is given by ARN, URL or name.
func queueARN(ctx context.Context, cfg aws.Config, queue string) (string, error) {
	if strings.HasPrefix(queue, "arn:") {
		return queue, nil
	}
	client := sqs.NewFromConfig(cfg)
	url := queue
	if !strings.Contains(queue, "://") {
		out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue})
		if err != nil {
			return "", permitted(err, "sqs:GetQueueUrl", "the queue "+queue+" is not found")
		}
		url = aws.ToString(out.QueueUrl)
	}
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn}})
	if err != nil {
		return "", permitted(err, "sqs:GetQueueAttributes", "the queue "+queue+" is not known")
	}
	return out.Attributes["QueueArn"], nil
}

func (f *mappingFacts) configured(c *types.EventSourceMappingConfiguration) {
	f.batch = int(aws.ToInt32(cmp.Or(c.BatchSize, aws.Int32(10))))
	f.window = int(aws.ToInt32(c.MaximumBatchingWindowInSeconds))
	f.reports = len(c.FunctionResponseTypes) > 0
	f.filterKey = aws.ToString(c.KMSKeyArn)
	if c.FilterCriteria != nil {
		for _, filter := range c.FilterCriteria.Filters {
			f.filters = append(f.filters, aws.ToString(filter.Pattern))
		}
	}
	if s := c.ScalingConfig; s != nil {
		f.maximum = int(aws.ToInt32(s.MaximumConcurrency))
	}
	if p := c.ProvisionedPollerConfig; p != nil {
		f.pollers = int(aws.ToInt32(cmp.Or(p.MaximumPollers, aws.Int32(200))))
	}
	f.metrics = c.MetricsConfig != nil && len(c.MetricsConfig.Metrics) > 0
}

func (f *mappingFacts) askFunction(ctx context.Context, client *lambda.Client) error {
	function := f.mapping.Function
	out, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		return permitted(err, "lambda:GetFunctionConfiguration", "the function's time-out is not known")
	}
	f.timeout = int(aws.ToInt32(out.Timeout))
	concurrency, err := client.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: out.FunctionName})
	if err != nil {
		return permitted(err, "lambda:GetFunctionConcurrency", "the function's reserved concurrency is not known")
	}
	if n := concurrency.ReservedConcurrentExecutions; n != nil {
		reserved := int(*n)
		f.reserved = &reserved
	}
	account, err := client.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return permitted(err, "lambda:GetAccountSettings", "the account's quota is not known")
	}
	if account.AccountLimit != nil {
		f.quota = int(account.AccountLimit.ConcurrentExecutions)
	}
	return nil
}

func (f *mappingFacts) askQueue(ctx context.Context, cfg aws.Config, queue arn.ARN) error {
	client := sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.Region = queue.Region })
	url, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &queue.Resource, QueueOwnerAWSAccountId: &queue.AccountID})
	if err != nil {
		return permitted(err, "sqs:GetQueueUrl", "the queue "+queue.Resource+" is not found")
	}
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	if err != nil {
		return permitted(err, "sqs:GetQueueAttributes", "the queue "+queue.Resource+" is not known")
	}
	return f.attributes(out.Attributes, queue)
}

func (f *mappingFacts) attributes(values map[string]string, queue arn.ARN) error {
	var err error
	if f.visibility, err = strconv.Atoi(values["VisibilityTimeout"]); err != nil {
		return fmt.Errorf("the visibility timeout of %s: %w", queue.Resource, err)
	}
	f.key, f.keyAlias = encryptedWith(values["KmsMasterKeyId"], queue)
	policy := values["RedrivePolicy"]
	if policy == "" {
		return nil
	}
	var redrive struct {
		DeadLetterTargetArn string          `json:"deadLetterTargetArn"`
		MaxReceiveCount     json.RawMessage `json:"maxReceiveCount"`
	}
	err = json.Unmarshal([]byte(policy), &redrive)
	if err == nil {
		// SQS takes it as a number and as a text.
		f.redriveAfter, err = strconv.Atoi(strings.Trim(string(redrive.MaxReceiveCount), `"`))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the redrive policy %s of %s cannot be read", policy, queue.Resource), err)
	}
	f.redriveQueue = redrive.DeadLetterTargetArn
	return nil
}

// encryptedWith is the customer managed key that encrypts a queue, as ARN or, where
// no more is known, as alias. Neither for SQS's own: everybody who may use the queue
// may use that.
func encryptedWith(id string, queue arn.ARN) (key, alias string) {
	switch {
	case id == "", strings.HasSuffix(id, "alias/aws/sqs"):
		return "", ""
	case strings.Contains(id, "alias/"):
		return "", id
	case strings.HasPrefix(id, "arn:"):
		return id, ""
	}
	return arn.ARN{Partition: queue.Partition, Service: "kms", Region: queue.Region, AccountID: queue.AccountID, Resource: "key/" + id}.String(), ""
}
