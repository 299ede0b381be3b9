package cli

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/deadletter"
	"github.com/musterq/muster/internal/registry"
)

// deadQueue is the fleet's dead-letter queue.
func (f *standing) deadQueue() string { return f.stack.outputs["DeadLetterQueueUrl"] }

// put puts messages into the dead-letter queue, with the attribute n=0, n=1 and
// so on, and returns their IDs.
func (f *standing) put(bodies ...string) []string {
	f.Helper()
	var ids []string
	for i, body := range bodies {
		out, err := f.sqs.SendMessage(f.Context(), &sqs.SendMessageInput{
			QueueUrl: aws.String(f.deadQueue()), MessageBody: &body,
			MessageAttributes: map[string]types.MessageAttributeValue{"n": {DataType: aws.String("Number"), StringValue: aws.String(fmt.Sprint(i))}},
		})
		require.NoError(f, err)
		ids = append(ids, *out.MessageId)
	}
	return ids
}

// other makes a queue besides the fleet's.
func (f *standing) other() string {
	f.Helper()
	out, err := f.sqs.CreateQueue(f.Context(), &sqs.CreateQueueInput{QueueName: aws.String("other")})
	require.NoError(f, err)
	return *out.QueueUrl
}

// take takes up to ten messages out of a queue and returns their bodies.
func (f *standing) take(url string, wait int32) []string {
	f.Helper()
	out, err := f.sqs.ReceiveMessage(f.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: wait})
	require.NoError(f, err)
	var bodies []string
	for _, m := range out.Messages {
		bodies = append(bodies, *m.Body)
		_, err := f.sqs.DeleteMessage(f.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle})
		require.NoError(f, err)
	}
	return bodies
}

// takeAll takes all that is visible.
func (f *standing) takeAll(url string) []string {
	f.Helper()
	var all []string
	for {
		some := f.take(url, 0)
		if len(some) == 0 {
			return all
		}
		all = append(all, some...)
	}
}

func TestDLQ(t *testing.T) {
	t.Parallel()
	f := stand(t, t.TempDir())
	long := strings.Repeat("x", 200)
	ids := f.put("red apple", "green apple", "red pear\n\u009b31m", long)
	record := func(ago time.Duration, id, reason string) {
		t.Helper()
		require.NoError(t, f.registry.RecordFailures(t.Context(), time.Now().Add(-ago), []registry.Failure{{MessageID: id, Receives: 5, Worker: "worker-a-1", Stage: "process", Reason: reason}}))
	}
	record(2*time.Minute, ids[0], "the database is down")
	record(time.Minute, ids[0], "Sandbox.Timedout")
	record(time.Minute, ids[1], "the database is down")
	listed := func(args ...string) map[string]deadLetter {
		t.Helper()
		found := map[string]deadLetter{}
		for _, l := range jsonLines[deadLetter](t, f.muster(0, append([]string{"dlq", "ls", "orders", "--json"}, args...)...)) {
			found[l.MessageID] = l
		}
		return found
	}

	all := listed()
	require.Len(t, all, 4)
	assert.Equal(t, "Sandbox.Timedout", *all[ids[0]].Reason)
	assert.Nil(t, all[ids[2]].Reason)
	assert.Nil(t, all[ids[0]].Body)
	assert.Positive(t, all[ids[0]].Receives)
	assert.WithinDuration(t, time.Now(), all[ids[0]].Sent, time.Minute)

	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"by body, ID and last reason": {[]string{"--match", "APPLE", "--id", ids[0], "--id", ids[1], "--reason", "DATABASE"}, []string{ids[1]}},
		"by attribute and when sent":  {[]string{"--attribute", "n=2", "--since", "1h", "--until", "0s"}, []string{ids[2]}},
		"by when sent, long ago":      {[]string{"--until", "1h"}, nil},
	} {
		var found []string
		for id := range listed(c.args...) {
			found = append(found, id)
		}
		assert.ElementsMatch(t, c.want, found, name)
	}

	p := f.muster(0, "dlq", "ls", "orders", "--match", "pear", "--bodies")
	assert.Regexp(t, `^SENT +MESSAGE +RECEIVES +BODY +LAST FAILURE\n\S+Z  `+ids[2]+` +\d+ +red pear  31m +not known\n$`, p.stdout.String())
	assert.Contains(t, f.muster(0, "dlq", "ls", "orders", "--id", ids[3], "--bodies").stdout.String(), " "+long[:80]+"  not known\n")
	assert.Contains(t, f.muster(0, "dlq", "ls", "orders", "--match", "none such").stdout.String(), "none of 4 messages looked at in http://")
	p = f.muster(0, "dlq", "ls", "orders", "--limit", "1")
	assert.Len(t, strings.Split(strings.TrimSpace(p.stdout.String()), "\n"), 2)
	assert.Regexp(t, `^(The limit of 1 was reached; about \d messages were not looked at\.\n)?$`, p.stderr.String())

	p = f.muster(0, "dlq", "show", "orders", ids[0])
	assert.Regexp(t, `(?s)^message `+ids[0]+`\n.*  SentTimestamp: \d+  \d{4}-.*Z\n.*attribute n \(Number\): 0\nfailed \S+Z after 5 receives, worker worker-a-1: Sandbox.Timedout\nfailed .*: the database is down\nbody, 9 bytes:\nred apple\n$`, p.stdout.String())
	whole := jsonLines[wholeLetter](t, f.muster(0, "dlq", "show", "orders", ids[2], "--json"))
	assert.Equal(t, "red pear\n\u009b31m", whole[0].Body)
	assert.Equal(t, map[string]letterAttribute{"n": {"Number", "2"}}, whole[0].MessageAttributes)
	assert.Contains(t, f.muster(3, "dlq", "show", "orders", "none").stderr.String(), "'muster where orders none' looks for it elsewhere.\n")
}

func TestDLQEdit(t *testing.T) {
	t.Parallel()
	f := stand(t, t.TempDir())
	ids := f.put("broken", "other")
	dir := folder(t, map[string]string{"body.txt": "mended\n", "empty.txt": "", "bad.txt": "\x01"})
	edit := func(status int, args ...string) *process {
		t.Helper()
		return f.muster(status, append([]string{"dlq", "edit", "orders"}, args...)...)
	}
	p := edit(0, ids[0], "--body", dir+"/body.txt", "--set", "n=7", "--set", "by=hand", "--json")
	assert.Regexp(t, `^account 123456789012, region us-east-1, fleet orders: to replace message `+ids[0], p.stderr.String())
	newID := jsonLines[map[string]string](t, p)[0]["messageId"]
	assert.NotEqual(t, ids[0], newID)
	whole := jsonLines[wholeLetter](t, f.muster(0, "dlq", "show", "orders", newID, "--json"))[0]
	assert.Equal(t, "mended\n", whole.Body)
	assert.Equal(t, map[string]letterAttribute{"n": {"Number", "7"}, "by": {"String", "hand"}}, whole.MessageAttributes)
	p = edit(0, newID, "--unset", "by")
	assert.Regexp(t, `^message `+newID+` is now message \S+ of http://\S+DeadLetterQueue`, p.stdout.String())
	assert.Regexp(t, `^message `+ids[1]+` is now message \S+ of http://\S+/orders-Queue-`, edit(0, ids[1], "--set", "by=hand", "--redrive").stdout.String())

	for want, args := range map[string][]string{
		"say what to change: --body, --set or --unset": {newID},
		"--set \"by\": write NAME=VALUE":               {newID, "--set", "by"},
		"no such file or directory":                    {newID, "--body", dir + "/none"},
		"--body: it is empty":                          {newID, "--body", dir + "/empty.txt"},
		"--body: it holds the character #x1":           {newID, "--body", dir + "/bad.txt"},
	} {
		assert.Contains(t, edit(2, args...).stderr.String(), want)
	}
	assert.Contains(t, edit(3, newID, "--set", "a=b").stderr.String(), "the message is not in the dead-letter queue")
	assert.Equal(t, []string{"mended\n"}, f.takeAll(f.deadQueue()))
}

func TestDLQRedrive(t *testing.T) {
	t.Parallel()
	f := stand(t, t.TempDir())
	f.put("red apple", "green apple", "red pear")
	to := f.other()

	p := f.muster(0, "dlq", "redrive", "orders", "--match", "red a", "--to", to)
	assert.Equal(t, "1 of 3 messages match. To move them:\n  muster dlq redrive orders --match 'red a' --to "+to+" --yes\n", p.stdout.String())
	assert.Regexp(t, `^account 123456789012, region us-east-1, fleet orders: dry run, nothing is changed: to move messages of http://\S+ to http://\S+\n$`, p.stderr.String())
	assert.Empty(t, f.takeAll(to))

	p = f.muster(0, "dlq", "redrive", "orders", "--match", "red a", "--to", to, "--yes")
	assert.Equal(t, "1 of 3 messages moved\n", p.stdout.String())
	assert.Equal(t, []string{"red apple"}, f.takeAll(to))

	// What the other queue will not have stays.
	_, err := f.sqs.SetQueueAttributes(t.Context(), &sqs.SetQueueAttributesInput{QueueUrl: &to, Attributes: map[string]string{"MaximumMessageSize": "1024"}})
	require.NoError(t, err)
	f.put(strings.Repeat("x", 2000))
	p = f.muster(3, "dlq", "redrive", "orders", "--match", "xxx", "--to", to, "--yes", "--json")
	s := jsonLines[moveSummary](t, p)[0]
	assert.Equal(t, []int{3, 1, 0, 1}, []int{s.Seen, s.Matched, s.Done, len(s.Refused)})
	assert.Contains(t, p.stderr.String(), "muster: 1 messages stay because the queue would not have them\n")

	assert.Contains(t, f.muster(3, "dlq", "redrive", "orders", "--to", f.deadQueue(), "--yes").stderr.String(), "is the dead-letter queue itself")

	// To the fleet's own queue, where its handler takes them.
	s = jsonLines[moveSummary](t, f.muster(0, "dlq", "redrive", "orders", "--yes", "--rate", "100", "--json"))[0]
	assert.Equal(t, moveSummary{Fleet: "orders", From: f.deadQueue(), To: f.stack.outputs["QueueUrl"], Seen: 3, Matched: 3, Done: 3, Refused: []refusedMessage{}}, s)
	assert.Empty(t, f.takeAll(f.deadQueue()))
}

func TestDLQRedriveInterrupted(t *testing.T) {
	t.Parallel()
	f := stand(t, t.TempDir())
	var bodies []string
	for i := range 30 {
		bodies = append(bodies, fmt.Sprint("job ", i))
	}
	f.put(bodies...)
	to := f.other()
	p := f.start("dlq", "redrive", "orders", "--to", to, "--rate", "1", "--yes")
	moved := f.take(to, 20)
	require.NotEmpty(t, moved)
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.Equal(t, 130, p.status(t), "%s%s", &p.stdout, &p.stderr)
	assert.Regexp(t, `^[1-9] of 10 messages moved\n$`, p.stdout.String())
	assert.Contains(t, p.stderr.String(), "Finishing the batch under way and giving back the rest. Interrupt again to leave at once.\n")
	assert.Regexp(t, `(?m)^Interrupted: about 2\d messages are left in the dead-letter queue, all of them visible\. The same command again goes on\.$`, p.stderr.String())
	assert.ElementsMatch(t, bodies, append(append(moved, f.takeAll(to)...), f.takeAll(f.deadQueue())...), "each on one side")
}

func TestDLQRedriveInterruptedTwice(t *testing.T) {
	t.Parallel()
	f := stand(t, t.TempDir())
	var bodies []string
	for i := range 30 {
		bodies = append(bodies, fmt.Sprint("job ", i))
	}
	f.put(bodies...)
	to := f.other()
	p := f.start("dlq", "redrive", "orders", "--to", to, "--rate", "1", "--yes", "--json")
	require.NotEmpty(t, f.take(to, 20))
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.Equal(t, 130, p.status(t), "%s%s", &p.stdout, &p.stderr)
	assert.True(t, jsonLines[moveSummary](t, p)[0].Interrupted)
	assert.Contains(t, p.stderr.String(), "Left at once: what was held is visible again 5m0s after it was received.\n")
	assert.NotContains(t, p.stderr.String(), "canceled")
}

func TestDLQPurge(t *testing.T) {
	t.Parallel()
	f := stand(t, t.TempDir())
	f.put("red apple", "green apple", "red pear")
	p := f.muster(0, "dlq", "purge", "orders")
	assert.Equal(t, "3 of 3 messages match. To delete them:\n  muster dlq purge orders --yes --all\n", p.stdout.String())
	p = f.muster(2, "dlq", "purge", "orders", "--yes")
	assert.Equal(t, "muster: this would delete every message\nSay so with --all, or give a filter.\n", p.stderr.String())
	assert.Equal(t, "2 of 3 messages deleted\n", f.muster(0, "dlq", "purge", "orders", "--match", "red", "--yes").stdout.String())
	assert.Equal(t, "1 of 1 messages deleted\n", f.muster(0, "dlq", "purge", "orders", "--all", "--yes").stdout.String())
	assert.Equal(t, "0 of 0 messages deleted\n", f.muster(0, "dlq", "purge", "orders", "--all", "--yes").stdout.String())
}

func TestScanBar(t *testing.T) {
	var drawn bytes.Buffer
	show, finish := scanBar(&drawn, 40, func(r deadletter.Result) string { return fmt.Sprint("moved ", r.Taken) })
	show(deadletter.Result{Seen: 10, Taken: 3})
	assert.Regexp(t, `moved 3 +25% .*\(10/40`, drawn.String())
	show(deadletter.Result{Seen: 50, Taken: 7}) // SQS had counted too few
	assert.Contains(t, drawn.String(), "moved 7")
	finish()
}

func TestCommandLine(t *testing.T) {
	root := &cobra.Command{Use: "muster"}
	c := &cobra.Command{Use: "move", Run: func(*cobra.Command, []string) {}}
	root.AddCommand(c)
	var f dlqFilter
	f.addFlags(c.Flags(), 0)
	c.Flags().Bool("local", false, "")
	root.SetArgs([]string{"move", "orders", "--local", "--id", "a", "--id=b", "--match", "it's \"x\"", "--since", "2026-01-31T15:04:05Z"})
	require.NoError(t, root.Execute())
	assert.Equal(t, `muster move orders --id a --id b --local --match 'it'\''s "x"' --since 2026-01-31T15:04:05Z --yes`, commandLine(c, []string{"orders"}, "--yes"))
}
