package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const topicARN = "arn:aws:sns:us-east-1:123456789012:alarms"

// aroundAQueue looks at and deploys fleets on a queue that there is, and on one
// that is not to be seen.
func (f *standing) aroundAQueue(dir, queue string) {
	f.Helper()
	write := func(parameters string) {
		text := "fleets:\n  mails:\n    parameters:\n      ProcessHandler: " + processARN + "\n      ProcessTimeoutSeconds: 45\n" + parameters
		require.NoError(f, os.WriteFile(filepath.Join(dir, "muster.yaml"), []byte(text), 0o644))
	}
	own := "      QueueArn: arn:aws:sqs:us-east-1:123456789012:" + queue + "\n"
	write(own + "      MaxReceiveCount: 3\n      GateAlarm: none\n")
	p := f.in(dir, 2, "validate")
	for _, want := range []string{
		"warning: muster.yaml:7: MaxReceiveCount is 3 and the queue's redrive policy has 5: ",
		"warning: muster.yaml:6: the queue moves what failed too often to arn:aws:sqs:us-east-1:123456789012:",
		"error: muster.yaml:8: GateAlarm: there is no alarm none\n",
	} {
		assert.Contains(f, p.stdout.String(), want)
	}
	write(own + "      DuplicateWindowSeconds: 60\n      MaxReceiveCount: 3\n      DeadLetterQueueArn: arn:aws:sqs:us-east-1:123456789012:other\n")
	p = f.in(dir, 2, "validate")
	assert.Contains(f, p.stdout.String(), "error: muster.yaml:8: MaxReceiveCount is 3 and the queue's redrive policy has 5: ")
	assert.Contains(f, p.stdout.String(), "error: muster.yaml:9: DeadLetterQueueArn is arn:aws:sqs:us-east-1:123456789012:other and the queue moves what failed too often to arn:aws:sqs:us-east-1:123456789012:")

	write(own)
	f.in(dir, 0, "deploy", "--yes")
	p = f.in(dir, 2, "dlq", "ls", "mails")
	assert.Contains(f, p.stderr.String(), `muster: the fleet "mails" names no dead-letter queue of the queue http`)
	p = f.in(dir, 0, "where", "mails", "0f0f0f0f-0000-0000-0000-000000000000", "--scan")
	assert.Contains(f, p.stdout.String(), "dead letters: the fleet names no dead-letter queue\n")
	for _, verb := range []string{"status", "explain"} {
		f.in(dir, 0, verb, "mails")
	}
	f.in(dir, 0, "send", "mails", "--body", "hello")

	write("      QueueArn: arn:aws:sqs:us-east-1:210987654321:orders\n")
	p = f.in(dir, 0, "deploy", "--yes", "--force")
	assert.Contains(f, p.stderr.String(), "warning: muster.yaml:6: QueueArn: the queue arn:aws:sqs:us-east-1:210987654321:orders is another account's")
	assert.Regexp(f, `The queue is another account's\. .* policy of https://\S+/210987654321/orders there\.\n  {"Version":`, p.stderr.String())
	assert.NotContains(f, p.stderr.String(), "The dead-letter queue is")
}

// What the template leaves out without a word is said, where it stands.
func TestPitfalls(t *testing.T) {
	t.Parallel()
	h, err := newShips(&streams{dir: t.TempDir()})
	require.NoError(t, err)
	const theirs = "arn:aws:sqs:us-east-1:210987654321:orders"
	for name, c := range map[string]struct {
		at     place
		values map[string]string
		want   []string
	}{
		"another account's queue": {
			place{"123456789012", "us-east-1"}, map[string]string{"QueueArn": theirs, "WakeAlarm": "true", "AlarmTopicArn": topicARN},
			[]string{
				"error: WakeAlarm would be left out: the queue " + theirs + " is of another account or region, and CloudWatch knows it there alone",
				"warning: the alarms of the oldest message and of dead letters are left out: ",
			},
		},
		"of an account that is not known": {place{region: "us-east-1"}, map[string]string{"QueueArn": theirs, "WakeAlarm": "true"}, nil},
		"another region's queue": {
			place{region: "eu-west-1"}, map[string]string{"QueueArn": theirs, "WakeAlarm": "true"}, []string{"error: WakeAlarm would be left out"},
		},
		"another account's gate": {
			place{"123456789012", "us-east-1"}, map[string]string{"GateAlarm": "arn:aws:cloudwatch:us-east-1:210987654321:alarm:db"},
			[]string{"error: GateAlarm is of the account 210987654321"},
		},
		"rare ticks": {
			place{}, map[string]string{"AlarmTopicArn": topicARN, "ScheduleExpression": "cron(0 8-18 ? * MON-FRI *)"},
			[]string{"error: up to 62h0m0s pass between two ticks of cron(0 8-18 ? * MON-FRI *): the alarm of missing ticks", "warning: up to 62h", "warning: up to 62h"},
		},
		"some ticks":              {place{}, map[string]string{"AlarmTopicArn": topicARN, "ScheduleExpression": "rate(2 minutes)"}, []string{"warning: up to 2m0s pass between two ticks of rate(2 minutes): the alarm of messages that no worker handles"}},
		"ticks of every minute":   {place{}, map[string]string{"AlarmTopicArn": topicARN, "ScheduleExpression": "cron(* * * * ? *)"}, nil},
		"rare ticks, no alarms":   {place{}, map[string]string{"ScheduleExpression": "rate(1 hour)"}, nil},
		"a queue that is our own": {place{"123456789012", "us-east-1"}, map[string]string{"WakeAlarm": "true", "AlarmTopicArn": topicARN}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := &flaws{fleet: "mails"}
			pitfalls(h, c.at, c.values, f)
			require.Len(t, f.all, len(c.want), "%v", f.all)
			for i, want := range c.want {
				assert.Contains(t, f.all[i].String(), want)
			}
		})
	}
}

func TestLongestGap(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 30, 0, time.UTC)
	for expression, want := range map[string]time.Duration{
		"rate(1 minute)": time.Minute, "rate(1 day)": 24 * time.Hour, "cron(0/15 * * * ? *)": 15 * time.Minute, "cron(0 0 1 * ? *)": 30 * 24 * time.Hour,
		"cron(0 0 1 1 ? 2027)": 0, "rate(1 minutes)": 0,
	} {
		gap, ok := longestGap(expression, now)
		assert.Equal(t, want, gap, expression)
		assert.Equal(t, want > 0, ok, expression)
	}
}
