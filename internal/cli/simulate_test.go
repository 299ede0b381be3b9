package cli

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/sim"
)

// mustered runs the command in this process.
func mustered(t *testing.T, dir, in string, args ...string) (status int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	s := &streams{in: strings.NewReader(in), out: &stdout, err: &stderr, dir: dir}
	return execute(t.Context(), s, args), stdout.String(), stderr.String()
}

func TestSimulate(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "took.txt"), []byte("100\n300\n"), 0o600))
	status, out, errs := mustered(t, dir, "time,messages\n0,0\n60,6000\n120,0\n3600,0\n",
		"simulate", "-", "--durations", "took.txt", "--max-concurrency", "20", "--failures", "1%", "--promise", "10m", "--picture", "it.svg", "--json")
	require.Equal(t, exitWell, status, errs)
	var got simulation
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	assert.Equal(t, []any{6000, 60.0, 61, "file:took.txt", 20}, []any{got.Messages, got.IntervalSeconds, got.Intervals, got.Handler, got.Cap})
	require.Len(t, got.Results, 1)
	r := got.Results[0]
	assert.Equal(t, "Muster", r.Way)
	assert.Equal(t, 6000, r.Handled)
	assert.Equal(t, sim.Promise{Seconds: 600, Intervals: 1, Allowed: 1, Kept: 1}, r.Promise)
	assert.LessOrEqual(t, r.PeakHandlers, 20)
	// 6,000 messages of 0.2 s in 20 places take a minute at least.
	assert.Greater(t, r.DrainedSeconds, 120.0)
	assert.NotEmpty(t, r.Ticks)
	var sum float64
	for _, l := range r.Lines {
		sum += l.Dollars
	}
	assert.InDelta(t, r.Dollars, sum, 1e-9)

	picture, err := os.ReadFile(filepath.Join(dir, "it.svg"))
	require.NoError(t, err)
	for d := xml.NewDecoder(bytes.NewReader(picture)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	assert.Contains(t, string(picture), "6,000 messages, handlers of file:took.txt, a cap of 20")

	status, out, errs = mustered(t, dir, "", "simulate", "--shape", "burst:messages=1000", "--duration", "50ms")
	require.Equal(t, exitWell, status, errs)
	for _, part := range []string{"AT ", "settings  Lane stream, MaxConcurrency 50", "messages  1,000 handled, 0 dead-lettered, 0 unfinished", "workers   8 started, 8 at once", "all else, which --json has", "REASON\n7s  depth 0"} {
		assert.Contains(t, out, part)
	}
}

func TestCompare(t *testing.T) {
	ways := func(args ...string) []string {
		status, out, errs := mustered(t, t.TempDir(), "", append([]string{"simulate", "--shape", "burst:messages=1000", "--duration", "50ms", "--compare"}, args...)...)
		require.Equal(t, exitWell, status, errs)
		var found []string
		for _, line := range strings.Split(out, "\n") {
			if way, _, ok := strings.Cut(line, "  "); ok && way != "WAY" {
				found = append(found, way)
			}
		}
		return found
	}
	assert.Equal(t, []string{"Muster", "event source mapping", "provisioned mode", "KEDA", "target tracking", "fixed fleet"}, ways())
	// A cap of one cannot be held with Lambda's own.
	assert.Equal(t, []string{"Muster", "KEDA", "target tracking", "fixed fleet"}, ways("--max-concurrency", "1"))
}

func TestWhatIsNotSimulated(t *testing.T) {
	for args, want := range map[string]string{
		"--shape burst":                                             "say how long the handler takes: --duration 120ms",
		"--duration 1s":                                             "say what arrives: a TRACE, or --shape",
		"there.csv --shape burst --duration 1s":                     "say what arrives: a TRACE, or --shape",
		"there.csv --duration 1s":                                   "there.csv: no such file",
		"--shape burst --duration 1s --durations took.txt":          "say how long the handler takes",
		"--shape burst --durations took.txt":                        "took.txt: no such file",
		"--shape wave --duration 1s":                                `"wave" is no shape`,
		"--shape burst --duration quick":                            `--duration "quick"`,
		"--shape burst --duration 1s --picture it.gif":              "SVG and PNG are drawn",
		"--shape burst --duration 1s --mode async":                  "--mode async is not simulated",
		"--shape burst --duration 1s --fifo":                        "unknown flag: --fifo",
		"--shape burst --duration 1s --schedule-expression cron(*)": "is not simulated: only rate(...)",
		"--shape burst --duration 1s --failures some":               `"some" is neither a share`,
		"--shape burst --duration 1s --failures 1":                  "the failure rate is 1",
		"--shape burst --duration 1s --max-concurrency 0":           `--max-concurrency "0"`,
		"--shape burst --duration 10s":                              "lower BatchSize or raise ProcessTimeoutSeconds",
		"--shape burst --duration 1s --min-workers 20":              "MinWorkers 20 x Parallelism 5 is over MaxConcurrency 50",
	} {
		status, out, errs := mustered(t, t.TempDir(), "", append([]string{"simulate"}, strings.Fields(args)...)...)
		assert.Equal(t, exitUsage, status, args)
		assert.Empty(t, out, args)
		assert.Contains(t, errs, want, args)
	}
}
