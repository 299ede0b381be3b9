package cli

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRunTakesDeclaredParameters(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"h.sh": "#!/bin/sh\ncat > /dev/null\n",
		"jobs": "\"a\"\n\"b\"\n",
		"muster.yaml": `fleets:
  orders:
    handler: ./h.sh
    parameters:
      MaxConcurrency: 7
      QueueArn: arn:aws:sqs:us-east-1:123456789012:orders
  mails:
    parameters: {MaxConcurrency: 0}
  routed:
    handler: ./h.sh
    parameters:
      Routes: '[{"Handler": "arn:aws:lambda:us-east-1:123456789012:function:big:live"}]'
`,
	})
	p := muster(t, 0, dir, "run", "orders", "--messages", "jobs")
	assert.Contains(t, p.stderr.String(), "The parameters of fleet orders are those of muster.yaml, but for what is at AWS: QueueArn.\n")
	assert.Contains(t, p.stdout.String(), "the cap is 7\n")
	p = muster(t, 0, dir, "run", "orders", "--messages", "jobs", "--max-concurrency", "3")
	assert.Contains(t, p.stdout.String(), "the cap is 3\n")
	p = muster(t, 2, dir, "run", "mails", "--messages", "jobs", "--handler", "./h.sh")
	assert.Contains(t, p.stderr.String(), "muster: muster.yaml:8: fleet mails: Parameter 'MaxConcurrency' must be a number not less than 1\n")
	p = muster(t, 2, dir, "run", "routed", "--messages", "jobs")
	assert.Contains(t, p.stderr.String(), "muster: muster.yaml:12: fleet routed has Routes: name what stands for their functions with --function NAME=HANDLER\n")
	p = muster(t, 0, dir, "run", "routed", "--messages", "jobs", "--function", "big=./h.sh")
	assert.Contains(t, p.stdout.String(), "2 messages: 2 handled")
	p = muster(t, 2, dir, "simulate", "--fleet", "mails", "--shape", "steady", "--duration", "1s")
	assert.Contains(t, p.stderr.String(), "muster.yaml:8: ")
}

func TestValidateOffline(t *testing.T) {
	t.Parallel()
	const handler = "      ProcessHandler: " + processARN + ":live\n"
	for name, c := range map[string]struct {
		text   string
		args   []string
		status int
		want   string
	}{
		"well":         {"fleets:\n  orders:\n    parameters:\n" + handler, nil, 0, "1 fleet: 0 errors, 0 warnings\n"},
		"not a file":   {"fleet: 1\n", nil, 2, "error: muster.yaml:1: there is no \"fleet\" here: did you mean fleets?\n0 fleets: 1 error, 0 warnings\n"},
		"a parameter":  {"fleets:\n  orders:\n    parameters:\n" + handler + "      MaxConcurrncy: 3\n", nil, 2, "error: muster.yaml:5: the template has no parameter MaxConcurrncy: did you mean MaxConcurrency?\n"},
		"settings":     {"fleets:\n  orders:\n    parameters:\n" + handler + "      ProcessTimeoutSeconds: 800\n", nil, 2, "error: muster.yaml:2: handlers with time-outs of 13m20s together are too slow for the stream lane"},
		"a rule":       {"fleets:\n  orders:\n    parameters:\n" + handler + "      ContentBasedDeduplication: true\n", nil, 2, "error: muster.yaml:2: fleet orders: ContentBasedDeduplication is for a FIFO queue."},
		"another flag": {"fleets:\n  orders:\n    parameters:\n" + handler, []string{"--lane", "fast"}, 2, `error: muster.yaml:2: --lane "fast": Parameter 'Lane' must be one of`},
		"a boundary": {
			"fleets:\n  orders:\n    parameters:\n" + handler + "      PermissionsBoundaryArn: arn:aws:iam::123456789012:policy/bound\n", nil, 0,
			"1 fleet: 0 errors, 0 warnings\n",
		},
		"too large": {
			"fleets:\n  orders:\n    parameters:\n" + handler + "      JobSubnets: [" + strings.TrimSuffix(strings.Repeat("subnet-0123456789abcdef0,", 160), ",") + "]\n", nil, 2,
			"(AWS::Lambda::Function): InvalidParameterValueException: Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.\n  Routes, ScaleSchedule and lists are what is long there",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"muster.yaml": c.text})
			p := muster(t, c.status, dir, append([]string{"validate", "--offline"}, c.args...)...)
			assert.Contains(t, p.stdout.String(), c.want)
			assert.Empty(t, p.stderr.String())
			got := jsonLines[struct{ Errors int }](t, muster(t, c.status, dir, append([]string{"validate", "--offline", "--json"}, c.args...)...))
			assert.Equal(t, c.status == 2, got[0].Errors > 0)
		})
	}
	p := muster(t, 2, t.TempDir(), "validate", "--offline")
	assert.Contains(t, p.stdout.String(), "error: ProcessHandler names the function that processes messages, unless Target is a job.\n")
}

func TestInit(t *testing.T) {
	t.Parallel()
	f := stand(t, folder(t, map[string]string{"h.sh": "#!/bin/sh\n"}), "--handler", "./h.sh", "--process-timeout-seconds", "45")
	dir := t.TempDir()
	queue := path.Base(f.stack.outputs["QueueUrl"])

	p := f.in(dir, 2, "init", "mails", "--function", "none")
	assert.Contains(t, p.stderr.String(), "muster: --function: there is no function none in http://127.0.0.1:")
	p = f.in(dir, 2, "init", "mails", "--function", "process", "--queue", "none")
	assert.Contains(t, p.stderr.String(), "muster: --queue: there is no queue none in http://127.0.0.1:")
	p = f.in(dir, 0, "init", "mails", "--function", "process", "--queue", queue)
	assert.Equal(t, "Wrote muster.yaml with the fleet mails. Next: muster validate, then muster deploy.\n", p.stdout.String())
	text, err := os.ReadFile(filepath.Join(dir, "muster.yaml"))
	require.NoError(t, err)
	assert.Equal(t, `# The fleets of this repository: https://github.com/musterq/muster
fleets:
  mails:
    region: us-east-1
    parameters:
      # The function that handles messages. Better name an alias: what is deployed as $LATEST handles messages at once.
      ProcessHandler: `+processARN+`
      # The function's own time-out. Raise both together.
      ProcessTimeoutSeconds: 45
      # The cap: the most handlers that run at once.
      MaxConcurrency: 50
      # The queue that there is. The fleet neither changes nor deletes it.
      QueueArn: arn:aws:sqs:us-east-1:123456789012:`+queue+`
      # Where SQS moves what failed too often, by the queue's own redrive policy.
      DeadLetterQueueArn: arn:aws:sqs:us-east-1:123456789012:`+path.Base(f.stack.outputs["DeadLetterQueueUrl"])+`
      # After how many receives it does, by that policy.
      MaxReceiveCount: 5
`, string(text))

	p = f.in(dir, 0, "validate", "--json")
	var report struct {
		Errors   int
		Findings []flaw
	}
	require.NoError(t, json.Unmarshal(p.stdout.Bytes(), &report))
	require.Len(t, report.Findings, 1)
	assert.Equal(t, 7, report.Findings[0].Line)
	assert.Contains(t, report.Findings[0].Message, "ProcessHandler names no version or alias")

	p = f.in(dir, 2, "init", "mails", "--function", "process")
	assert.Contains(t, p.stderr.String(), "muster: muster.yaml is there already")
	f.in(dir, 0, "init", "mails", "--function", "process", "--force")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "muster.yaml"), []byte(`fleets:
  mails:
    parameters:
      ProcessHandler: arn:aws:lambda:us-east-1:123456789012:function:none
      QueueArn: arn:aws:sqs:us-east-1:123456789012:none
      LambdaConcurrency: 5000
  slow:
    parameters:
      ProcessHandler: `+processARN+`
      ProcessTimeoutSeconds: 20
`), 0o644))
	p = f.in(dir, 2, "validate")
	for _, want := range []string{
		"error: muster.yaml:4: ProcessHandler: there is no function arn:aws:lambda:us-east-1:123456789012:function:none\n",
		"error: muster.yaml:5: QueueArn: there is no queue arn:aws:sqs:us-east-1:123456789012:none",
		"error: muster.yaml:6: LambdaConcurrency is 5000 and the account's quota of concurrent invocations is 1000",
		"error: muster.yaml:10: the function " + processARN + " may run for 45 seconds and ProcessTimeoutSeconds is 20",
		"  Set ProcessTimeoutSeconds to 45.\n",
		"2 fleets: 4 errors, ",
	} {
		assert.Contains(t, p.stdout.String(), want)
	}
	f.aroundAQueue(dir, queue)
}
