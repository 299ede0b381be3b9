package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/registry"
)

func TestFailures(t *testing.T) {
	t.Parallel()
	f := stand(t, t.TempDir())
	now := time.Now()
	id := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }
	record := func(ago time.Duration, n int, handler, reason string) {
		t.Helper()
		require.NoError(t, f.registry.RecordFailures(t.Context(), now.Add(-ago), []registry.Failure{{
			MessageID: id(n), Receives: 2, Worker: "worker-a-1", Stage: "process", Handler: handler, Reason: reason,
		}}))
	}
	const billing = "arn:aws:lambda:us-east-1:123456789012:function:billing"
	record(2*time.Hour, 1, billing, "an old one")
	record(30*time.Minute, 2, billing, "Sandbox.Timedout: RequestId: "+id(99)+" Error: Task timed out")
	record(20*time.Minute, 3, billing, "Sandbox.Timedout: RequestId: "+id(98)+" Error: Task timed out")
	record(10*time.Minute, 4, "", "no such order 12345\n\x1b[31mat line 6")

	p := f.muster(0, "failures", "orders")
	shown := strings.Split(strings.TrimSuffix(p.stdout.String(), "\n"), "\n")
	require.Len(t, shown, 4)
	assert.Regexp(t, `^WHEN +MESSAGE +RECEIVES +STAGE +HANDLER +WORKER +REASON$`, shown[0])
	assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  `+id(4)+`  2         process {26}worker-a-1 +no such order 12345  \[31mat line 6$`, shown[1])
	assert.Regexp(t, id(3)+`  2         process    billing {15}worker-a-1 .* Error: Task timed out$`, shown[2])

	all := jsonLines[failureLine](t, f.muster(0, "failures", "orders", "--json", "--since", "14d"))
	require.Len(t, all, 4)
	assert.WithinDuration(t, now.Add(-10*time.Minute), all[0].At, time.Millisecond)
	all[0].At = time.Time{}
	assert.Equal(t, failureLine{MessageID: id(4), Receives: 2, Stage: "process", Worker: "worker-a-1", Reason: "no such order 12345\n\x1b[31mat line 6"}, all[0])
	assert.Equal(t, billing, all[1].Handler)

	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"by text":          {[]string{"--match", "TIMED OUT"}, []string{id(3), id(2)}},
		"by handler":       {[]string{"--handler", "billing", "--since", "3h"}, []string{id(3), id(2), id(1)}},
		"between":          {[]string{"--since", "40m", "--until", "15m"}, []string{id(3), id(2)}},
		"since a time":     {[]string{"--since", now.Add(-25 * time.Minute).Format(time.RFC3339)}, []string{id(4), id(3)}},
		"by message, ever": {[]string{"--message", id(1)}, []string{id(1)}},
	} {
		var found []string
		for _, line := range jsonLines[failureLine](t, f.muster(0, append([]string{"failures", "orders", "--json"}, c.args...)...)) {
			found = append(found, line.MessageID)
		}
		assert.Equal(t, c.want, found, name)
	}

	p = f.muster(0, "failures", "orders", "--limit", "2")
	assert.Len(t, strings.Split(strings.TrimSpace(p.stdout.String()), "\n"), 3)
	assert.Equal(t, "There are more than 2: --limit 0 shows all, --count groups them by reason.\n", p.stderr.String())

	p = f.muster(0, "failures", "orders", "--match", "nobody said this")
	assert.Regexp(t, `^no such failures of fleet orders since .*Z; --since 14d looks as far back as there are records\n$`, p.stdout.String())
	assert.Empty(t, f.muster(0, "failures", "orders", "--match", "nobody said this", "--json").stdout.String())

	groups := jsonLines[failureGroup](t, f.muster(0, "failures", "orders", "--count", "--json"))
	require.Len(t, groups, 2)
	assert.WithinDuration(t, now.Add(-20*time.Minute), groups[0].Last, time.Millisecond)
	assert.WithinDuration(t, now.Add(-30*time.Minute), groups[0].First, time.Millisecond)
	groups[0].First, groups[0].Last = time.Time{}, time.Time{}
	assert.Equal(t, failureGroup{Count: 2, Reason: "Sandbox.Timedout: RequestId: ID Error: Task timed out", Handlers: []string{"billing"}, MessageID: id(3)}, groups[0])
	p = f.muster(0, "failures", "orders", "--count", "--limit", "1")
	assert.Regexp(t, `^COUNT +LAST +HANDLER +NEWEST MESSAGE +REASON\n2 +\S+Z  billing +`+id(3)+`  Sandbox\.Timedout: RequestId: ID Error: Task timed out\n$`, p.stdout.String())

	missing := f.muster(2, "failures", "none")
	assert.Contains(t, missing.stderr.String(), `muster: there is no fleet "none" in `)
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"90s":                  now.Add(-90 * time.Second),
		"1h30m":                now.Add(-90 * time.Minute),
		"2d":                   now.AddDate(0, 0, -2),
		"0s":                   now,
		"2026-01-01T00:00:00Z": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		got, err := parseMoment(text, now)
		require.NoError(t, err, text)
		assert.True(t, want.Equal(got), "%s is %s", text, got)
	}
	for _, text := range []string{"", "-1h", "-1d", "yesterday", "2026-01-01", "1w"} {
		_, err := parseMoment(text, now)
		assert.ErrorContains(t, err, "is no time: write how long ago", text)
	}
}
