package cli

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// result reads the summary that --json prints.
func result(t *testing.T, p *process) summary {
	t.Helper()
	var s summary
	require.NoError(t, json.Unmarshal(p.stdout.Bytes(), &s), "%s", &p.stdout)
	return s
}

var mixed = map[string]string{
	"messages.jsonl": `"one"
{"body": "keep me back"}
{"body": "bad"}
{"body": "four", "attributes": {"n": "v"}, "groupId": "g"}
`,
	"handle.sh": `#!/bin/sh
event=$(cat)
case "$event" in
*'"body":"bad"'*) echo "no good, $GREETING" >&2; exit 1;;
esac
echo '{}'
`,
	"transform.sh": `#!/bin/sh
event=$(cat)
case "$event" in
*'"body":"keep me back"'*) echo '{"Records":[]}';;
*) printf '%s\n' "$event";;
esac
`,
}

func TestRun(t *testing.T) {
	for _, lane := range []string{"steps", "stream"} {
		t.Run(lane, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, mixed)
			p := muster(t, 1, dir, "run", "orders", "--messages", "messages.jsonl",
				"--handler", "./handle.sh", "--transform", "exec:./transform.sh", "--env", "GREETING=hello", "--lane", lane,
				"--batch-size", "1", "--max-receive-count", "2", "--backoff-base-seconds", "0", "--max-concurrency", "1",
				"--out", "out.jsonl", "--json")
			s := result(t, p)
			assert.Equal(t, []int{4, 2, 1, 1, 0, 0}, []int{s.Messages, s.Handled, s.DeadLettered, s.Filtered, s.Lost, s.Unfinished})
			assert.Equal(t, 1, s.PeakWorkers)
			assert.Equal(t, 1, s.PeakConcurrency)
			assert.GreaterOrEqual(t, s.WorkersStarted, 1)
			assert.GreaterOrEqual(t, s.Ticks, 1)
			// 4 messages transformed, 3 processed, one of them twice.
			assert.Equal(t, 9, s.Invocations)
			assert.Positive(t, s.Transitions)

			var got []outcome
			for _, line := range lines(t, filepath.Join(dir, "out.jsonl")) {
				var o outcome
				require.NoError(t, json.Unmarshal([]byte(line), &o))
				assert.Len(t, o.MessageID, 36)
				assert.Regexp(t, `^worker-[0-9a-f-]{36}-1$`, o.Worker)
				o.MessageID, o.Worker = "", ""
				got = append(got, o)
			}
			assert.Equal(t, []outcome{
				{Status: "handled", Receives: 1},
				{Status: "filtered", Receives: 1},
				{Status: "dead-lettered", Receives: 2, Error: "process handler: Runtime.ExitError: exit status 1: no good, hello"},
				{Status: "handled", Receives: 1},
			}, got)
		})
	}
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

func TestRunSummaryForPeople(t *testing.T) {
	t.Parallel()
	p := muster(t, 1, folder(t, mixed), "run", "-m", "messages.jsonl", "--handler", "./handle.sh", "--lane", "steps",
		"--batch-size", "1", "--max-receive-count", "1")
	assert.Regexp(t, `^4 messages: 3 handled, 1 dead-lettered, 0 filtered, 0 lost
in \d+\.\d s, \d+ messages a second; the workers were home after \d+\.\d s
\d workers started, \d at once; \d handlers at once, the cap is 50
\d+ ticks of the autoscaler, \d+ state transitions, 4 handler invocations
on AWS \$0\.000\d\d, \$1\d\d\.\d\d a million messages: fleet \$0\.000\d\d, handlers \$0\.0+\d\d
of the fleet's Lambda \d+%, SQS \d+%, Step Functions 9\d%, DynamoDB \d+%, other \d+%; us-east-1, prices of 2026-09, no free tier
Failed attempts:
  1 x process handler: Runtime.ExitError: exit status 1: no good,
$`, p.stdout.String())
	assert.Regexp(t, `(?m)^depth 0 \| .* handled 3 \| failed 1 \| `, p.stderr.String())
}

func TestRunWithoutMessages(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"empty.jsonl": ""})
	s := result(t, muster(t, 0, dir, "run", "--messages", "empty.jsonl", "--handler", "cat", "--json"))
	assert.Zero(t, s.Cost.Handlers)
	s.Seconds, s.Cost = 0, cost{}
	assert.Equal(t, summary{}, s)
}

func TestRunTimesOut(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"messages.jsonl": `"a"`})
	p := muster(t, 3, dir, "run", "-m", "messages.jsonl", "--handler", "sleep 600", "--lane", "steps", "--timeout", "1s", "--json", "--out", "out.jsonl")
	s := result(t, p)
	assert.Equal(t, 1, s.Unfinished)
	assert.Contains(t, p.stderr.String(), "muster: stopped after 1s, 1 messages unfinished\n")
	assert.Contains(t, lines(t, filepath.Join(dir, "out.jsonl"))[0], `"status":"unfinished"`)
}

func TestRunPython(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"messages.jsonl": `"hello"`,
		"app.py": `import sys

def handler(event, context):
    for record in event["Records"]:
        print("body is " + record["body"], file=sys.stderr)
`,
	})
	args := []string{"run", "-m", "messages.jsonl", "--handler", "python:app.handler", "--lane", "steps", "--logs", "--json"}
	if _, err := exec.LookPath("python3"); err != nil {
		assert.Contains(t, muster(t, 2, dir, args...).stderr.String(), "python3 is not in PATH: install Python 3")
		return
	}
	p := muster(t, 0, dir, args...)
	assert.Equal(t, 1, result(t, p).Handled)
	assert.Contains(t, p.stderr.String(), "[process] body is hello\n")
}

// interrupting runs one message after the other with a handler that says when
// it has begun, and returns the run with the first handler in hand.
func interrupting(t *testing.T, handler string) (*process, string) {
	t.Helper()
	dir := folder(t, map[string]string{"messages.jsonl": "\"one\"\n\"two\"\n", "handle.sh": handler})
	for _, name := range []string{"started", "go"} {
		require.NoError(t, syscall.Mkfifo(filepath.Join(dir, name), 0o600))
	}
	p := start(t, dir, "run", "-m", "messages.jsonl", "--handler", "./handle.sh", "--lane", "steps",
		"--max-concurrency", "1", "--batch-size", "1", "--json")
	_, err := os.ReadFile(filepath.Join(dir, "started")) // until the handler has it open
	require.NoError(t, err)
	return p, dir
}

func TestInterruptDrains(t *testing.T) {
	t.Parallel()
	p, dir := interrupting(t, "#!/bin/sh\necho >started\nread line <go\n")
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go"), []byte("\n"), 0o600))

	assert.Equal(t, 130, p.status(t))
	s := result(t, p)
	assert.Equal(t, []int{1, 1}, []int{s.Handled, s.Unfinished})
	assert.Contains(t, p.stderr.String(), "Draining: the workers learn of it at their next report, within a minute, finish what they hold and go home. Interrupt again to stop at once.\n")
}

func TestSecondInterruptStops(t *testing.T) {
	t.Parallel()
	p, _ := interrupting(t, "#!/bin/sh\necho >started\nexec sleep 600\n")
	require.NoError(t, p.Process.Signal(os.Interrupt))
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))

	assert.Equal(t, 130, p.status(t))
	s := result(t, p)
	assert.Equal(t, []int{0, 2}, []int{s.Handled, s.Unfinished})
}

func TestDemo(t *testing.T) {
	t.Parallel()
	p := muster(t, 0, t.TempDir(), "demo", "--count", "300", "--json")
	s := result(t, p)
	assert.Equal(t, []int{300, 300, 1, 1}, []int{s.Messages, s.Handled, s.WorkersStarted, s.PeakWorkers})
	assert.LessOrEqual(t, s.PeakConcurrency, 5)
	assert.Regexp(t, `(?m)^depth 0 \| going home 0 \| in hand 0/20 \| handled 300 \| failed 0 \| `, p.stderr.String())
}

func TestUpSendStatus(t *testing.T) {
	t.Parallel()
	p := &process{Cmd: exec.CommandContext(t.Context(), command, "up", "orders", "--listen", "127.0.0.1:0", "--lane", "steps", "--min-workers", "1")}
	p.Stderr = &p.stderr
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	environment := append(os.Environ(), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
	reader := bufio.NewReader(out)
	names := []string{}
	for range 6 {
		line, err := reader.ReadString('\n')
		require.NoError(t, err, "%s", &p.stderr)
		pair := strings.TrimPrefix(strings.TrimSpace(line), "export ")
		environment = append(environment, pair)
		names = append(names, pair[:strings.IndexByte(pair, '=')])
	}
	assert.Equal(t, []string{"AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "QUEUE_URL"}, names)

	client := func(status int, args ...string) *process {
		c := &process{Cmd: exec.CommandContext(t.Context(), command, args...)}
		c.Env, c.Stdout, c.Stderr = environment, &c.stdout, &c.stderr
		require.NoError(t, c.Start())
		require.Equal(t, status, c.status(t), "%s%s", &c.stdout, &c.stderr)
		return c
	}
	sent := client(0, "send", "orders", "--body", "hello")
	assert.Equal(t, "1 of 1 messages sent\n", sent.stdout.String())
	assert.Regexp(t, `^account 123456789012, region us-east-1, fleet orders: sending 1 messages to http://127\.0\.0\.1:\d+/123456789012/orders-`, sent.stderr.String())

	missing := client(2, "send", "none", "--body", "hello")
	assert.Contains(t, missing.stderr.String(), `muster: there is no fleet "none" in `)

	var state fleetStatus
	require.NoError(t, json.Unmarshal(client(0, "status", "orders", "--json").stdout.Bytes(), &state))
	require.NotEmpty(t, state.Ticks)
	assert.Contains(t, state.Ticks[len(state.Ticks)-1].Reason, "starting 1")
	require.Len(t, state.Workers, 1)
	assert.Regexp(t, `^worker-[0-9a-f-]{36}-1$`, state.Workers[0].Execution)
	assert.Regexp(t, `(?s)^fleet orders: 1 workers; queue: .*\n\nWORKER .*\nTICK .*starting 1`, client(0, "status", "orders").stdout.String())

	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.Process.Signal(os.Interrupt))
	assert.Equal(t, 0, p.status(t), "%s", &p.stderr)
	assert.Regexp(t, `(?m)^Ready: fleet orders at http://127\.0\.0\.1:\d+\.`, p.stderr.String())
	_, err = http.Get(strings.TrimPrefix(environment[len(environment)-6], "AWS_ENDPOINT_URL="))
	assert.Error(t, err)
}
