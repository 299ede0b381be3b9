package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkRun measures how many messages a second `muster run` handles in the
// stream lane, from the first send until the last message has ended, with a
// handler that does nothing: real processes and the functions that ship, on
// both sides of the loopback interface.
func BenchmarkRun(b *testing.B) {
	const messages = 20_000
	dir := b.TempDir()
	muster := build(b, filepath.Join(dir, "muster"), ".")
	for _, name := range []string{"autoscaler", "beat", "courier", "poll", "pump", "settle"} {
		build(b, filepath.Join(dir, name, "bootstrap"), "../../functions/"+name)
	}
	handler := build(b, filepath.Join(dir, "nothing", "bootstrap"), "./testdata/nothing")
	file := filepath.Join(dir, "messages.jsonl")
	require.NoError(b, os.WriteFile(file, []byte(strings.Repeat("\"a message of a few bytes\"\n", messages)), 0o600))

	rate, sum := regexp.MustCompile(`([\d,]+) messages a second`), 0.0
	for b.Loop() {
		output, err := exec.CommandContext(b.Context(), muster, "run", "--messages", file, "--handler", "runtime:"+handler,
			"--lane", "stream", "--max-concurrency", "20", "--parallelism", "5", "--messages-per-worker", "1000", "--idle-seconds", "1", "--timeout", "5m").CombinedOutput()
		require.NoError(b, err, string(output))
		match := rate.FindSubmatch(output)
		require.NotNil(b, match, string(output))
		n, err := strconv.Atoi(strings.ReplaceAll(string(match[1]), ",", ""))
		require.NoError(b, err)
		sum += float64(n)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(sum/float64(b.N), "messages/s")
}

// build builds a command and returns its path.
func build(b *testing.B, path, source string) string {
	b.Helper()
	output, err := exec.CommandContext(b.Context(), "go", "build", "-o", path, source).CombinedOutput()
	require.NoError(b, err, string(output))
	return path
}
