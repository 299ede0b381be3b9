package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/musterq/muster/internal/adopt"
)

// draft is a fleet that is written down from what there is.
type draft struct {
	fleet, region string
	lines         []draftLine
	// notes are for whoever reads them now, not for the file.
	notes []string
}

// draftLine is a parameter, and why it is what it is.
type draftLine struct{ name, value, why string }

func (d *draft) set(name, value, format string, args ...any) {
	d.lines = append(d.lines, draftLine{name, value, fmt.Sprintf(format, args...)})
}

func (d *draft) note(format string, args ...any) {
	d.notes = append(d.notes, fmt.Sprintf(format, args...))
}

// text of the file.
func (d *draft) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The fleets of this repository: https://github.com/musterq/muster\nfleets:\n  %s:\n    region: %s\n    parameters:\n", d.fleet, d.region)
	for _, l := range d.lines {
		fmt.Fprintf(&b, "      # %s\n      %s: %s\n", l.why, l.name, quoted(l.value))
	}
	return b.String()
}

// quoted is a value as YAML reads it back.
func quoted(value string) string {
	for _, r := range value {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/._-", r) {
			text, err := json.Marshal(value)
			if err == nil {
				return string(text)
			}
		}
	}
	return value
}

// draft looks at the function and the queue.
func (o *initOptions) draft(ctx context.Context, cfg aws.Config) (*draft, error) {
	d := &draft{fleet: o.fleet, region: cfg.Region}
	if err := o.draftHandler(ctx, cfg, d); err != nil {
		return nil, err
	}
	if o.queue == "" {
		d.note("The fleet makes a queue of its own. Name one that there is with --queue.")
		return d, nil
	}
	return d, o.draftQueue(ctx, cfg, d)
}

func (o *initOptions) draftHandler(ctx context.Context, cfg aws.Config, d *draft) error {
	out, err := awslambda.NewFromConfig(cfg).GetFunctionConfiguration(ctx, &awslambda.GetFunctionConfigurationInput{FunctionName: &o.function})
	var missing *lambdatypes.ResourceNotFoundException
	if errors.As(err, &missing) {
		return usage(fmt.Errorf("--function: there is no function %s in %s", o.function, where(cfg)))
	}
	if err != nil {
		return fmt.Errorf("look at the function %s: %w", o.function, err)
	}
	name := aws.ToString(out.FunctionArn)
	why := "The function that handles messages."
	if qualified(name) == "" {
		why += " Better name an alias: what is deployed as $LATEST handles messages at once."
	}
	d.set(processParameter, name, "%s", why)
	timeout := int(aws.ToInt32(out.Timeout))
	d.set("ProcessTimeoutSeconds", strconv.Itoa(timeout), "The function's own time-out. Raise both together.")
	d.set("MaxConcurrency", "50", "The cap: the most handlers that run at once.")
	if timeout > 700 {
		d.set("Lane", "steps", "The function may run for %d seconds, which is too long for the stream lane.", timeout)
	}
	return nil
}

func (o *initOptions) draftQueue(ctx context.Context, cfg aws.Config, d *draft) error {
	in := &sqs.GetQueueUrlInput{QueueName: &o.queue}
	region := cfg.Region
	if parsed, err := arn.Parse(o.queue); err == nil {
		in.QueueName, in.QueueOwnerAWSAccountId, region = &parsed.Resource, &parsed.AccountID, parsed.Region
	}
	client := sqs.NewFromConfig(cfg, func(s *sqs.Options) { s.Region = region })
	at, err := client.GetQueueUrl(ctx, in)
	var missing *sqstypes.QueueDoesNotExist
	if errors.As(err, &missing) {
		return usage(fmt.Errorf("--queue: there is no queue %s in %s", o.queue, where(cfg)))
	}
	if err != nil {
		return fmt.Errorf("look for the queue %s: %w", o.queue, err)
	}
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: at.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	if err != nil {
		return fmt.Errorf("look at the queue %s: %w", o.queue, err)
	}
	queue := out.Attributes["QueueArn"]
	d.set("QueueArn", queue, "The queue that there is. The fleet neither changes nor deletes it.")
	if out.Attributes["FifoQueue"] == "true" {
		d.set("Fifo", "true", "The queue is a FIFO queue.")
	}
	if key := out.Attributes["KmsMasterKeyId"]; strings.HasPrefix(key, "arn:") {
		d.set("KmsKeyArn", key, "The key that the queue's messages are encrypted with.")
	} else if key != "" {
		d.note("The queue is encrypted with the key %s: set KmsKeyArn to its ARN.", key)
	}
	if err := d.redrive(out.Attributes["RedrivePolicy"]); err != nil {
		return err
	}
	return d.mappings(ctx, cfg, queue)
}

// redrive takes over the queue's redrive policy.
func (d *draft) redrive(policy string) error {
	if policy == "" {
		d.note("The queue has no dead-letter queue: a message that fails every time is tried until it is too old, and then it is gone.")
		return nil
	}
	p, err := parseRedrive(policy)
	if err != nil {
		return fmt.Errorf("read the queue's redrive policy: %w", err)
	}
	d.set("DeadLetterQueueArn", p.target, "Where SQS moves what failed too often, by the queue's own redrive policy.")
	d.set("MaxReceiveCount", strconv.Itoa(p.maxReceives), "After how many receives it does, by that policy.")
	return nil
}

// mappings takes over what event source mappings of the queue are set to.
func (d *draft) mappings(ctx context.Context, cfg aws.Config, queue string) error {
	mappings, err := adopt.Sharing(ctx, cfg, queue)
	if errors.Is(err, adopt.ErrNotPermitted) {
		d.note("Whether an event source mapping takes messages of the queue is not known: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	if len(mappings) > 0 {
		d.set("Enabled", "false", "An event source mapping takes the queue's messages: 'muster adopt' hands over.")
		for _, m := range mappings {
			d.note("The event source mapping %s takes messages of the queue for %s: the fleet is not enabled. 'muster adopt' takes its settings over and hands over.", m.UUID, m.Function)
		}
	}
	return nil
}
