package cli

import (
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/adopt"
	"github.com/musterq/muster/internal/estate"
)

const scaledObject = `kind: ScaledObject
metadata: {name: orders}
spec:
  scaleTargetRef: {name: orders-worker}
  triggers:
    - type: aws-sqs-queue
      metadata: {queueURL: "https://sqs.eu-west-1.amazonaws.com/123456789012/orders", queueLength: "20"}
`

func TestAdoptAScaledObject(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"orders.yaml": scaledObject, "kafka.yaml": "kind: ScaledObject\nspec:\n  triggers:\n    - type: kafka\n"})
	p := start(t, dir, "adopt", "--scaled-object", "orders.yaml")
	require.Equal(t, 0, p.status(t), &p.stderr)
	assert.Equal(t, "account 123456789012, region eu-west-1, fleet orders: adopt KEDA ScaledObject orders\n", p.stderr.String())
	assert.Contains(t, p.stdout.String(), "  MessagesPerWorker   20\n")
	assert.Contains(t, p.stdout.String(), "To be set by hand:\n  MaxReceiveCount: ")
	assert.Contains(t, p.stdout.String(), "Nothing was changed. With --yes it is written into muster.yaml.\n")
	assert.NoFileExists(t, filepath.Join(dir, estate.FileName))

	for range 2 {
		p = start(t, dir, "adopt", "bills", "--scaled-object", "orders.yaml", "--yes")
		require.Equal(t, 0, p.status(t), &p.stderr)
		assert.Contains(t, p.stdout.String(), "Fleet bills is in muster.yaml, not enabled. Next:\n  muster deploy bills\n")
	}
	e, err := estate.Load(dir)
	require.NoError(t, err)
	assert.Equal(t, "false", e.Fleet("bills").Texts()["Enabled"])

	p = start(t, dir, "adopt", "--scaled-object", "kafka.yaml")
	assert.Equal(t, 2, p.status(t))
	assert.Contains(t, p.stderr.String(), `muster: kafka.yaml:4: the trigger is of type "kafka"`)
	for want, args := range map[string][]string{
		"say what to adopt":                   {"adopt"},
		"name the fleet":                      {"adopt", "--switch"},
		"give either --switch or --back":      {"adopt", "orders", "--switch", "--back"},
		"--no-wait goes with --switch":        {"adopt", "orders", "--back", "--no-wait"},
		"give one of --mapping, --function":   {"adopt", "--mapping", "x", "--scaled-object", "orders.yaml"},
		"--switch and --back go by the fleet": {"adopt", "orders", "--back", "--queue", "orders"},
	} {
		p := start(t, dir, args...)
		assert.Equal(t, 2, p.status(t))
		assert.Contains(t, p.stderr.String(), want)
	}
}

func TestAdoptAMapping(t *testing.T) {
	t.Parallel()
	f := stand(t, folder(t, map[string]string{"h.sh": "#!/bin/sh\ncat >/dev/null\n"}), "--handler", "./h.sh")
	queue := f.stack.outputs["QueueArn"]
	made, err := lambda.NewFromConfig(f.stack.cfg).CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: aws.String("process"), EventSourceArn: &queue, BatchSize: aws.Int32(7),
	})
	require.NoError(t, err)

	plan := jsonLines[struct {
		adopt.Plan
		File string
	}](t, f.muster(0, "adopt", "bills", "--mapping", *made.UUID, "--json"))[0]
	assert.Equal(t, "bills 7 "+queue, plan.Fleet+" "+plan.Parameters["BatchSize"]+" "+plan.Parameters["QueueArn"])
	assert.Empty(t, plan.File)
	p := f.muster(0, "adopt", "--function", "process", "--queue", path.Base(f.stack.outputs["QueueUrl"]))
	assert.Contains(t, p.stderr.String(), ": adopt event source mapping "+*made.UUID+"\n")
	p = f.muster(3, "adopt", "--function", "nobody", "--queue", queue)
	assert.Contains(t, p.stderr.String(), "no event source mapping leads from "+queue+" to the function nobody")

	// Who shares the queue is said wherever one looks at the fleet.
	assert.Contains(t, f.muster(0, "status", "orders").stdout.String(), "Warning: the event source mapping "+*made.UUID+" (")
	var found []string
	for _, c := range jsonLines[diagnosis](t, f.muster(0, "explain", "orders", "--json"))[0].Causes {
		found = append(found, c.Name)
	}
	assert.Contains(t, found, "mapping")
	p = f.muster(3, "adopt", "orders", "--switch")
	assert.Contains(t, p.stderr.String(), "the fleet orders has a queue of its own")
}

// The way that docs/adopt.md shows: plan, deploy, switch, and back.
func TestAdoptThereAndBack(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"h.sh": "#!/bin/sh\ncat >> events\n", "messages.jsonl": "\"one\"\n\"two\"\n"})
	f := stand(t, dir, "--handler", "./h.sh")
	_, err := f.sqs.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("bills"), Attributes: map[string]string{"VisibilityTimeout": "60"}})
	require.NoError(t, err)
	made, err := lambda.NewFromConfig(f.stack.cfg).CreateEventSourceMapping(t.Context(), &lambda.CreateEventSourceMappingInput{
		FunctionName: aws.String("process"), EventSourceArn: aws.String("arn:aws:sqs:us-east-1:123456789012:bills"), ScalingConfig: &types.ScalingConfig{MaximumConcurrency: aws.Int32(4)},
	})
	require.NoError(t, err)
	p := f.in(dir, 0, "adopt", "--mapping", *made.UUID, "--yes")
	assert.Contains(t, p.stdout.String(), "Fleet bills is in muster.yaml, not enabled. Next:\n  muster deploy bills\n  muster adopt bills --switch\n")
	f.in(dir, 0, "deploy", "bills", "--yes")
	f.in(dir, 0, "send", "bills", "--messages", "messages.jsonl")
	f.handled(filepath.Join(dir, "events"), 2)
	assert.Contains(t, f.in(dir, 0, "status", "bills").stdout.String(), "Warning: the fleet is not enabled: the event source mapping "+*made.UUID+" (Enabled) has ")
	assert.Equal(t, "disabled", jsonLines[diagnosis](t, f.in(dir, 0, "explain", "bills", "--json"))[0].Causes[0].Name)

	p = f.in(dir, 0, "adopt", "bills", "--switch", "--no-wait")
	assert.Contains(t, p.stdout.String(), "Nothing was changed. These are the steps that --yes takes:\n  switch the event source mapping "+*made.UUID+" off, and wait until it is Disabled\n  set Enabled")
	p = f.in(dir, 0, "adopt", "bills", "--switch", "--no-wait", "--yes")
	assert.Equal(t, "account 123456789012, region us-east-1, fleet bills: switch from the mapping to the fleet", strings.SplitN(p.stderr.String(), "\n", 2)[0])
	assert.Contains(t, p.stdout.String(), ": Disabled\nfleet bills: enabled true, ")
	f.in(dir, 0, "send", "bills", "--messages", "messages.jsonl")
	f.handled(filepath.Join(dir, "events"), 4)
	f.in(dir, 0, "deploy", "bills", "--yes") // which does not take it back
	assert.Equal(t, "true", f.enabled(dir))

	got := jsonLines[movement](t, f.in(dir, 0, "adopt", "bills", "--back", "--yes", "--json"))[0]
	assert.True(t, got.Done)
	assert.Equal(t, "Enabled", got.Mapping.State)
	assert.False(t, got.Enabled)
	assert.Equal(t, "false", f.enabled(dir))
	f.in(dir, 0, "send", "bills", "--messages", "messages.jsonl")
	f.handled(filepath.Join(dir, "events"), 6)
}

// enabled is what muster.yaml says of the fleet bills.
func (f *standing) enabled(dir string) string {
	f.Helper()
	e, err := estate.Load(dir)
	require.NoError(f, err)
	return e.Fleet("bills").Texts()["Enabled"]
}
