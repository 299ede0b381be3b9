package adopt

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/estate"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
	locallambda "github.com/musterq/muster/internal/local/lambda"
)

const (
	queueOfTests    = "arn:aws:sqs:us-east-1:123456789012:jobs"
	functionOfTests = "arn:aws:lambda:us-east-1:123456789012:function:handler"
)

// account has a queue and a function, without a mapping between them.
func account(t *testing.T, timeout int, queue map[string]string) *local.Runtime {
	t.Helper()
	r, err := local.Start(local.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Close()) })
	name := "jobs"
	if queue["FifoQueue"] != "" {
		name += ".fifo"
	}
	_, err = sqs.NewFromConfig(r.Config()).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: queue})
	require.NoError(t, err)
	require.NoError(t, r.Lambda.Put(locallambda.Function{Name: "handler", Timeout: timeout, Role: r.IAM.Put("handler", []string{"lambda.amazonaws.com"}, "sqs:*"), Code: locallambda.Func(nil)}))
	return r
}

func attach(t *testing.T, r *local.Runtime, in lambda.CreateEventSourceMappingInput) string {
	t.Helper()
	in.FunctionName = aws.String("handler")
	if in.EventSourceArn == nil {
		in.EventSourceArn = aws.String(queueOfTests)
	}
	out, err := lambda.NewFromConfig(r.Config()).CreateEventSourceMapping(t.Context(), &in)
	require.NoError(t, err)
	return *out.UUID
}

// about is what a plan says of one difference. Empty if nothing.
func about(p *Plan, what string) string {
	for _, d := range p.Differences {
		if d.What == what {
			return d.Why
		}
	}
	return ""
}

// fits checks that the template takes a plan's parameters, together.
func fits(t *testing.T, p *Plan) {
	t.Helper()
	template, err := cloudformation.Parse("fleet.yaml", fleet.Fleet)
	require.NoError(t, err)
	assert.Empty(t, estate.Violations(template, p.Parameters))
}

func TestFromMapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := account(t, 60, map[string]string{"VisibilityTimeout": "360", "KmsMasterKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"})
		_, err := sqs.NewFromConfig(r.Config()).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead")})
		require.NoError(t, err)
		_, err = sqs.NewFromConfig(r.Config()).SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{
			QueueUrl:   aws.String(r.Account.Endpoint + "/123456789012/jobs"),
			Attributes: map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":"4"}`},
		})
		require.NoError(t, err)
		uuid := attach(t, r, lambda.CreateEventSourceMappingInput{
			BatchSize: aws.Int32(100), MaximumBatchingWindowInSeconds: aws.Int32(5), ScalingConfig: &types.ScalingConfig{MaximumConcurrency: aws.Int32(40)},
			FilterCriteria: &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(`{"body":{"kind":["a"]}}`)}}},
		})
		p, err := FromMapping(t.Context(), r.Config(), Source{UUID: uuid}, "orders")
		require.NoError(t, err)
		assert.Equal(t, map[string]string{
			"Enabled": "false", "QueueArn": queueOfTests, "DeadLetterQueueArn": "arn:aws:sqs:us-east-1:123456789012:dead", "MaxReceiveCount": "4",
			"ProcessHandler": functionOfTests, "ProcessTimeoutSeconds": "60", "BatchSize": "100", "BatchingWindowSeconds": "5",
			"MaxConcurrency": "40", "Parallelism": "5", "LambdaConcurrency": "1000",
			"BackoffBaseSeconds": "360", "BackoffFactor": "1", "BackoffMaxSeconds": "360",
			"Routes":        `[{"Handler":"` + functionOfTests + `","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":{\"kind\":[\"a\"]}}"}]}}]`,
			"RouteHandlers": functionOfTests, "Unmatched": "drop",
			"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		}, p.Parameters)
		fits(t, p)
		assert.Equal(t, "123456789012 us-east-1 orders", p.Account+" "+p.Region+" "+p.Fleet)
		assert.Contains(t, about(p, "MaxConcurrency"), "the mapping's MaximumConcurrency.")
		assert.Contains(t, about(p, "ReportBatchItemFailures"), "always reads")

		same, err := FromMapping(t.Context(), r.Config(), Source{Function: "handler", Queue: "jobs"}, "")
		require.NoError(t, err)
		assert.Equal(t, p.Parameters, same.Parameters)
		assert.Equal(t, "jobs", same.Fleet)
		_, err = FromMapping(t.Context(), r.Config(), Source{Function: "other", Queue: "jobs"}, "")
		assert.ErrorContains(t, err, "no event source mapping leads from "+queueOfTests+" to the function other")
	})
}

func TestCap(t *testing.T) {
	for name, c := range map[string]struct {
		mapping     lambda.CreateEventSourceMappingInput
		reserved    int32
		most, times string
		why         string
	}{
		"by nothing":     {most: "1250", times: "25", why: "Lambda's own 1250"},
		"by reservation": {reserved: 7, most: "7", times: "7", why: "reserved concurrency of 7"},
		"by pollers": {
			mapping: lambda.CreateEventSourceMappingInput{ProvisionedPollerConfig: &types.ProvisionedPollerConfig{MaximumPollers: aws.Int32(3)}},
			most:    "30", times: "15", why: "3 provisioned pollers with 10 batches each",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := account(t, 30, nil)
				if c.reserved > 0 {
					_, err := lambda.NewFromConfig(r.Config()).PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: aws.String("handler"), ReservedConcurrentExecutions: &c.reserved})
					require.NoError(t, err)
				}
				p, err := FromMapping(t.Context(), r.Config(), Source{UUID: attach(t, r, c.mapping)}, "")
				require.NoError(t, err)
				assert.Equal(t, c.most+" "+c.times, p.Parameters["MaxConcurrency"]+" "+p.Parameters["Parallelism"])
				assert.Contains(t, about(p, "MaxConcurrency"), c.why)
				fits(t, p)
				assert.Contains(t, about(p, "DeadLetterQueueArn"), "no dead-letter queue")
			})
		})
	}
}

func TestParallelismUsesMostOfTheCap(t *testing.T) {
	for most := 1; most <= 1300; most++ {
		d := parallelism(most, parallelMost)
		assert.LessOrEqual(t, d, parallelMost)
		assert.LessOrEqual(t, most-most/d*d, 8, "cap %d with workers of %d", most, d)
	}
}

func TestSlowAndOrderedHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := account(t, 900, map[string]string{"VisibilityTimeout": "5400"})
		p, err := FromMapping(t.Context(), r.Config(), Source{UUID: attach(t, r, lambda.CreateEventSourceMappingInput{BatchSize: aws.Int32(50), MaximumBatchingWindowInSeconds: aws.Int32(1)})}, "")
		require.NoError(t, err)
		fits(t, p)
		assert.Equal(t, "steps 10 0 1", p.Parameters["Lane"]+" "+p.Parameters["BatchSize"]+" "+p.Parameters["BatchingWindowSeconds"]+" "+p.Parameters["Parallelism"])
	})
	synctest.Test(t, func(t *testing.T) {
		r := account(t, 30, map[string]string{"FifoQueue": "true"})
		p, err := FromMapping(t.Context(), r.Config(), Source{UUID: attach(t, r, lambda.CreateEventSourceMappingInput{EventSourceArn: aws.String(queueOfTests + ".fifo")})}, "")
		require.NoError(t, err)
		fits(t, p)
		assert.Equal(t, "true 1 jobs", p.Parameters["Fifo"]+" "+p.Parameters["BatchSize"]+" "+p.Fleet)
	})
}

func TestLongFiltersAreRefused(t *testing.T) {
	f := mappingFacts{batch: 10, timeout: 3, visibility: 30, filters: []string{`{"body":["` + strings.Repeat("x", 2000) + `"]}`}}
	_, err := f.plan("jobs")
	assert.ErrorContains(t, err, "shorten the patterns")
}

func TestEncryptedWith(t *testing.T) {
	queue, err := arn.Parse(queueOfTests)
	require.NoError(t, err)
	for id, want := range map[string]string{
		"": "|", "alias/aws/sqs": "|", "arn:aws:kms:us-east-1:123456789012:alias/aws/sqs": "|",
		"alias/mine": "|alias/mine", "arn:aws:kms:us-east-1:1:key/x": "arn:aws:kms:us-east-1:1:key/x|", "x": "arn:aws:kms:us-east-1:123456789012:key/x|",
	} {
		key, alias := encryptedWith(id, queue)
		assert.Equal(t, want, key+"|"+alias, id)
	}
}

func TestSharing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := account(t, 30, nil)
		uuid := attach(t, r, lambda.CreateEventSourceMappingInput{})
		time.Sleep(time.Minute)
		found, err := Sharing(t.Context(), r.Config(), queueOfTests)
		require.NoError(t, err)
		assert.Equal(t, []Mapping{{UUID: uuid, Function: functionOfTests, Queue: queueOfTests, State: "Enabled"}}, found)
		assert.Contains(t, found[0].Warning(), "its cap")

		_, err = lambda.NewFromConfig(r.Config()).UpdateEventSourceMapping(t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: &uuid, Enabled: aws.Bool(false)})
		require.NoError(t, err)
		found, err = Sharing(t.Context(), r.Config(), queueOfTests)
		require.NoError(t, err)
		assert.Len(t, found, 1, "it may still take messages while it is Disabling")
		time.Sleep(time.Minute)
		found, err = Sharing(t.Context(), r.Config(), queueOfTests)
		require.NoError(t, err)
		assert.Empty(t, found)

		r.Router.Authorize(func(context.Context, api.Call) error { return api.Errorf("AccessDeniedException", "no") })
		_, err = Sharing(t.Context(), r.Config(), queueOfTests)
		assert.ErrorIs(t, err, ErrNotPermitted)
		assert.ErrorContains(t, err, "lambda:ListEventSourceMappings")
		_, err = Sharing(t.Context(), r.Config(), "jobs")
		assert.ErrorContains(t, err, "is no queue's ARN")
	})
}
