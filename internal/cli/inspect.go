package cli

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/musterq/muster/internal/adopt"
	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
)

// inspect holds a fleet's settings against what there is at AWS: its handlers,
// its queue, who else takes messages of it, its gate, and the account's quota. What
// may not be asked for it says, and goes on. queue is the ARN of the queue that the
// fleet has already. Empty for none. The account may be unknown.
func inspect(ctx context.Context, cfg aws.Config, account string, h *ships, values map[string]string, queue string, f *flaws) {
	pitfalls(h, place{account, cfg.Region}, values, f)
	inspectGate(ctx, cfg, h, values, f)
	functions := awslambda.NewFromConfig(cfg)
	inspectQuota(ctx, functions, h, values, f)
	inspectHandler(ctx, functions, h, values, processParameter, "Mode", "ProcessTimeoutSeconds", f)
	inspectHandler(ctx, functions, h, values, transformParameter, "TransformMode", "TransformTimeoutSeconds", f)
	if own := h.get(values, "QueueArn"); own != "" {
		queue = own
		inspectQueue(ctx, cfg, account, h, values, own, f)
	}
	if queue != "" {
		inspectMappings(ctx, cfg, h, values, queue, f)
	}
}

func inspectQuota(ctx context.Context, functions *awslambda.Client, h *ships, values map[string]string, f *flaws) {
	out, err := functions.GetAccountSettings(ctx, &awslambda.GetAccountSettingsInput{})
	if err != nil {
		f.missed("the account's quota of concurrent invocations", "lambda:GetAccountSettings", err)
		return
	}
	quota := 0
	if out.AccountLimit != nil {
		quota = int(out.AccountLimit.ConcurrentExecutions)
	}
	if said, err := strconv.Atoi(h.get(values, "LambdaConcurrency")); err == nil && said > quota {
		f.add(severe, "LambdaConcurrency", "Set LambdaConcurrency to "+strconv.Itoa(quota)+", or have the quota 'Concurrent executions' raised: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value "+strconv.Itoa(said),
			"LambdaConcurrency is %d and the account's quota of concurrent invocations is %d: workers would leave no room for their handlers", said, quota)
	}
}

// inspectHandler looks at one of the user's functions.
func inspectHandler(ctx context.Context, functions *awslambda.Client, h *ships, values map[string]string, parameter, mode, timeout string, f *flaws) {
	name := h.get(values, parameter)
	if name == "" {
		return
	}
	out, err := functions.GetFunctionConfiguration(ctx, &awslambda.GetFunctionConfigurationInput{FunctionName: &name})
	var missing *lambdatypes.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		f.add(severe, parameter, "Name a function that there is, with a version or alias that it has.", "%s: there is no function %s", parameter, name)
		return
	case err != nil:
		f.missed("the function "+name, "lambda:GetFunctionConfiguration", err)
		return
	}
	if out.State == lambdatypes.StateFailed {
		f.add(severe, parameter, "", "%s: the function %s cannot run: %s", parameter, name, aws.ToString(out.StateReason))
	}
	said, err := strconv.Atoi(h.get(values, timeout))
	own := int(aws.ToInt32(out.Timeout))
	if err == nil && own > said && fleet.Mode(h.get(values, mode)) == fleet.Sync {
		f.add(severe, timeout, "Set "+timeout+" to "+strconv.Itoa(own)+".",
			"the function %s may run for %d seconds and %s is %d: a handler would be taken for over while it runs, and the cap be passed", name, own, timeout, said)
	}
	if qualified(name) == "" {
		f.add(warning, parameter, "Publish a version and name an alias of it: "+name+":live", "%s names no version or alias: what is deployed as $LATEST handles messages at once", parameter)
	}
}

// qualified is the version or alias of a function's ARN.
func qualified(name string) string {
	if parts := strings.Split(name, ":"); len(parts) == 8 {
		return parts[7]
	}
	return ""
}

// inspectGate looks for the alarm of the fleet's gate.
func inspectGate(ctx context.Context, cfg aws.Config, h *ships, values map[string]string, f *flaws) {
	gate := autoscaler.Gate{Alarm: h.get(values, "GateAlarm")}
	if gate.Alarm == "" {
		return
	}
	_, err := gate.Ask(ctx, cfg)
	switch {
	case errors.Is(err, autoscaler.ErrNoAlarm):
		f.add(severe, "GateAlarm", "Name an alarm that there is: one that is missing keeps the gate open.", "GateAlarm: there is no alarm %s", gate.Alarm)
	case err != nil:
		f.missed("the alarm "+gate.Alarm, "cloudwatch:DescribeAlarms", err)
	}
}

// inspectQueue looks at a queue that is there already.
func inspectQueue(ctx context.Context, cfg aws.Config, account string, h *ships, values map[string]string, queue string, f *flaws) {
	parsed, err := arn.Parse(queue)
	if err != nil {
		f.refuse(err)
		return
	}
	client := sqs.NewFromConfig(cfg, func(o *sqs.Options) { o.Region = parsed.Region })
	at, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &parsed.Resource, QueueOwnerAWSAccountId: &parsed.AccountID})
	var missing *sqstypes.QueueDoesNotExist
	switch {
	case errors.As(err, &missing) && account != "" && parsed.AccountID != account:
		// Its policy names the fleet's roles, which there may not be yet.
		f.add(warning, "QueueArn", "Once the fleet is deployed give the queue the policy that 'muster deploy' prints.", "QueueArn: the queue %s is another account's, and there is none or it is not to be seen", queue)
		return
	case errors.As(err, &missing):
		f.add(severe, "QueueArn", "Name a queue that there is. Of another account it needs a policy that lets this one in.", "QueueArn: there is no queue %s, or it is not to be seen", queue)
		return
	}
	if err != nil {
		f.missed("the queue "+queue, "sqs:GetQueueUrl", err)
		return
	}
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: at.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
	if err != nil {
		f.missed("the queue "+queue, "sqs:GetQueueAttributes", err)
		return
	}
	if policy := out.Attributes["RedrivePolicy"]; policy != "" {
		p, err := parseRedrive(policy)
		if err != nil {
			f.add(warning, "QueueArn", "", "the redrive policy of the queue %s was not understood: %v", parsed.Resource, err)
		} else {
			inspectRedrive(h, values, p, f)
		}
	} else {
		f.add(warning, "QueueArn", "Give it a dead-letter queue: aws sqs set-queue-attributes --queue-url "+aws.ToString(at.QueueUrl)+" --attributes RedrivePolicy=...",
			"the queue %s has no redrive policy: a message that fails every time is tried until it is too old, and then it is gone", parsed.Resource)
	}
	if isFifo := out.Attributes["FifoQueue"] == "true"; isFifo != (h.get(values, "Fifo") == "true") {
		f.add(severe, "Fifo", "Set Fifo to "+strconv.FormatBool(isFifo)+".", "Fifo is %s and the queue %s is of the other kind", h.get(values, "Fifo"), parsed.Resource)
	}
}

// inspectMappings looks for whoever else takes the queue's messages.
func inspectMappings(ctx context.Context, cfg aws.Config, h *ships, values map[string]string, queue string, f *flaws) {
	mappings, err := adopt.Sharing(ctx, cfg, queue)
	if err != nil {
		f.add(warning, "QueueArn", "", "who else takes messages of the queue is not known: %v", err)
		return
	}
	for _, m := range mappings {
		severity, remedy := severe, "Disable it: aws lambda update-event-source-mapping --uuid "+m.UUID+" --no-enabled; or hand over with 'muster adopt'."
		if h.has("Enabled") && h.get(values, "Enabled") == "false" {
			severity = warning
		}
		f.add(severity, "QueueArn", remedy, "%s", m.Warning())
	}
}

// missed says what could not be looked at.
func (f *flaws) missed(what, action string, err error) {
	var answer smithy.APIError
	var response *awshttp.ResponseError
	if errors.As(err, &answer) && errors.As(err, &response) && response.HTTPStatusCode() == http.StatusForbidden {
		f.add(warning, "", "Allow "+action+" to these credentials to have it looked at.", "%s was not looked at: %s", what, answer.ErrorMessage())
		return
	}
	f.add(warning, "", "", "%s was not looked at: %v", what, err)
}
