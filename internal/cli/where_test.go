package cli

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/registry"
)

// where asks for a message.
func (f *standing) where(args ...string) whereabouts {
	f.Helper()
	return jsonLines[whereabouts](f.T, f.muster(0, append([]string{"where", "orders", "--json"}, args...)...))[0]
}

func TestWhere(t *testing.T) {
	t.Parallel()
	f := stand(t, t.TempDir())
	record := func(id string, receives int) {
		t.Helper()
		require.NoError(t, f.registry.RecordFailures(t.Context(), time.Now(), []registry.Failure{{MessageID: id, Receives: receives, Worker: "worker-a-1", Stage: "process", Reason: "no such order"}}))
	}

	p := f.muster(0, "where", "orders", "m-0")
	assert.Regexp(t, `(?s)^message m-0 of fleet orders\n  failures:     none in 14 days\n.*  dead letters: not looked through: that takes --scan\n.*  queue:        SQS cannot look up a message by its ID; about 0 are visible, 0 hidden, 0 delayed\nVerdict: nothing is known of it: .*\.\nNext: muster where orders m-0 --scan\n$`, p.stdout.String())

	record("m-1", 4)
	got := f.where("m-1")
	assert.Equal(t, "failed", got.Place)
	assert.Len(t, got.Failures, 1)
	record("m-1", 5)
	assert.Equal(t, "due", f.where("m-1").Place)
	assert.Equal(t, "gone", f.where("m-1", "--scan").Place)

	dead := f.put("broken")[0]
	record(dead, 5)
	assert.Equal(t, "due", f.where(dead).Place)
	got = f.where(dead, "--scan")
	assert.Equal(t, []string{"dead letters", "muster dlq show orders " + dead, "it is in the dead-letter queue"}, []string{got.Place, got.Next, got.Verdict})
	assert.Contains(t, f.where("m-0", "--scan").Found, finding{"dead letters", "not there"})

	require.NoError(t, f.registry.MarkDone(t.Context(), []registry.Attempt{{Key: registry.HashKey("messageId=m-2"), By: "a"}}, time.Now().Add(time.Hour)))
	assert.Equal(t, "handled", f.where("m-2").Place)

	holding, waiting := registry.NewWorker(time.Now()), registry.NewWorker(time.Now())
	holding.Lane, holding.Holding = "stream", []string{"m-3", "m-4"}
	waiting.Lane, waiting.Seq, waiting.Poll = "steps", 7, "poll"
	s, err := f.registry.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, f.registry.Commit(t.Context(), s.Control, registry.Change{Control: s.Control, Reserve: []registry.Worker{holding, waiting}}))
	got = f.where("m-4")
	assert.Equal(t, []string{"handed", holding.Holder}, []string{got.Place, got.Worker})
	hold := func(id, worker string) registry.Hold {
		t.Helper()
		h, err := f.registry.TakeHold(t.Context(), registry.Hold{
			Item: id, Worker: worker, Execution: waiting.Holder, Seq: 7, Request: "poll", ReceiptHandle: "handle", Received: time.Now().UnixMilli(), Object: "object",
		}, registry.Hold{})
		require.NoError(t, err)
		return h
	}
	hold("m-5", waiting.ID())
	got = f.where("m-5")
	assert.Equal(t, []string{"task", waiting.Holder}, []string{got.Place, got.Worker})
	_, err = f.registry.KeepHold(t.Context(), hold("m-6", "gone"))
	require.NoError(t, err)
	assert.Equal(t, "kept", f.where("m-6").Place)
}

// While a worker of the steps lane has a message its history says so.
func TestWhereInTheStepsLane(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"handle.sh": "#!/bin/sh\ncat >/dev/null\necho >started\nread line <go\n"})
	for _, name := range []string{"started", "go"} {
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, name), 0o600))
	}
	f := stand(t, dir, "--handler", "./handle.sh", "--lane", "steps")
	sent := jsonLines[struct {
		MessageIDs []string `json:"messageIds"`
	}](t, f.muster(0, "send", "orders", "--body", "hello", "--json"))
	_, err := os.ReadFile(filepath.Join(dir, "started")) // until the handler has it open
	require.NoError(t, err)

	got := f.where(sent[0].MessageIDs[0])
	assert.Equal(t, []string{"worker", "Process"}, []string{got.Place, got.State})
	assert.Regexp(t, `^execution worker-\S+-1 holds it, in its state "Process" since \S+Z$`, got.Verdict)
	assert.Equal(t, "unknown", f.where("00000000-0000-4000-8000-000000000000").Place)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte("\n"), 0o600))
}
