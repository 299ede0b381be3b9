package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// command is the muster executable of these tests, its functions beside it.
var command string

// TestMain makes this test binary the command itself when it is called muster,
// and a handler when it is called bootstrap.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "muster":
		os.Exit(Main(os.Args[1:]))
	case "bootstrap":
		if err := bootstrap(); err != nil {
			os.Stderr.WriteString("bootstrap: " + err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "muster-test-")
	if err == nil {
		command = filepath.Join(dir, "muster")
		err = layOut(dir)
	}
	if err != nil {
		os.Stderr.WriteString("lay out the command: " + err.Error() + "\n")
		return 1
	}
	defer os.RemoveAll(dir)
	return m.Run()
}

// layOut puts the command and the functions into a folder, as make build does.
func layOut(dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	if err := os.WriteFile(command, binary, 0o755); err != nil {
		return err
	}
	root, err := checkout(".")
	if err != nil {
		return err
	}
	built, err := build(context.Background(), root, io.Discard)
	if err != nil {
		return err
	}
	for _, name := range []string{"autoscaler", "beat", "courier", "poll", "pump", "settle"} {
		if err := os.Symlink(filepath.Join(built, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// process is a muster that runs.
type process struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// start starts muster in a folder. It is killed when the test ends before it.
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return startCommand(t, command, dir, args...)
}

func startCommand(t *testing.T, executable, dir string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), executable, args...)}
	p.Dir, p.Stdout, p.Stderr = dir, &p.stdout, &p.stderr
	require.NoError(t, p.Start())
	return p
}

// status waits for the end of a process and returns its exit status.
func (p *process) status(t *testing.T) int {
	t.Helper()
	if err := p.Wait(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
	}
	return p.ProcessState.ExitCode()
}

// muster runs the command to its end and expects an exit status.
func muster(t *testing.T, status int, dir string, args ...string) *process {
	t.Helper()
	p := start(t, dir, args...)
	require.Equal(t, status, p.status(t), "muster %s\n%s%s", strings.Join(args, " "), &p.stdout, &p.stderr)
	return p
}

// folder makes a folder of files. Those that end in .sh can be executed.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		mode := os.FileMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			mode = 0o755
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), mode))
	}
	return dir
}

func TestUsage(t *testing.T) {
	dir := folder(t, map[string]string{
		"good.jsonl": `"a"`,
		"fifo.jsonl": "\"a\"\n{\"body\": \"b\", \"groupId\": \"g\", \"deduplicationId\": \"1\"}\n",
		"bad.jsonl":  "\"a\"\n{\"attributes\": {\"n\": \"v\"}}\n\n{\"body\": \"a\",}\n{\"body\": \"a\", \"deduplicationId\": \"\"}\n",
	})
	run := func(more ...string) []string {
		return append([]string{"run", "--messages", "good.jsonl", "--handler", "cat"}, more...)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown verb":         {[]string{"frobnicate"}, `muster: unknown command "frobnicate" for "muster"`},
		"unknown flag":         {[]string{"run", "--frobnicate"}, "muster: unknown flag: --frobnicate"},
		"two fleets":           {[]string{"run", "a", "b"}, "muster: accepts at most 1 arg(s), received 2"},
		"no messages":          {[]string{"run"}, "muster: --messages is missing"},
		"no handler":           {[]string{"run", "--messages", "-"}, "muster: --handler is missing"},
		"no job":               {[]string{"run", "--messages", "-", "--target", "ecs"}, "muster: --job is missing: name the command that stands for the job of --target ecs"},
		"no such file":         {[]string{"run", "--messages", "none.jsonl", "--handler", "cat"}, "muster: --messages: open none.jsonl: no such file or directory"},
		"no such handler":      {[]string{"run", "--messages", "good.jsonl", "--handler", "./none"}, `muster: --handler: handler "./none": there is no file `},
		"no kind of handler":   {[]string{"run", "--messages", "good.jsonl", "--handler", "lua:x"}, "is no kind of handler"},
		"no such transform":    {run("--transform", "./none"), `muster: --transform: handler "./none": there is no file `},
		"no variable":          {run("--env", "NAME"), `muster: --env "NAME": write NAME=VALUE`},
		"too little memory":    {run("--memory", "1"), "muster: the process handler: "},
		"bad parameter":        {run("--lane", "fast"), `muster: --lane "fast": Parameter 'Lane' must be one of AllowedValues: auto, stream, steps`},
		"too slow a handler":   {run("--process-timeout-seconds", "800"), "muster: handlers with time-outs of 13m20s together are too slow for the stream lane"},
		"minimum over cap":     {run("--min-workers", "100"), "muster: MinWorkers 100 x Parallelism 5 is over MaxConcurrency 50"},
		"bad time-out":         {run("--timeout", "-1s"), "muster: --timeout must not be negative"},
		"bad fleet":            {append([]string{"run", "9lives"}, run()[1:]...), "'stackName' failed to satisfy constraint"},
		"a deduplication ID":   {[]string{"run", "--messages", "fifo.jsonl", "--handler", "cat"}, "muster: message 2 has a \"deduplicationId\", which only a FIFO queue takes"},
		"a function alone":     {run("--function", "a=cat"), "muster: --function needs --routes, a JSON array that names the functions"},
		"a nameless function":  {run("--function", "cat"), `muster: --function "cat": write NAME=HANDLER`},
		"a function twice":     {run("--function", "a=cat", "--function", "a=cat"), `muster: --function "a=cat": the name a is taken`},
		"a bad route":          {run("--function", "a=cat", "--routes", `[{"Handler":"b"}]`), "muster: route 1 of Routes: its Handler is \"b\", it must be the ARN of a Lambda function"},
		"a job of no kind":     {[]string{"run", "--messages", "good.jsonl", "--job", "cat"}, "muster: --job: say what it stands for: --target ecs, batch, codebuild or execution"},
		"a target alone":       {run("--target", "ecs"), "muster: --target ecs: here a command stands for the job: name it with --job"},
		"two that process":     {run("--job", "cat"), "muster: give either --handler or --job: both process the messages"},
		"groups of no FIFO":    {run("--group-by", "kind"), "muster: --group-by: only a FIFO queue has message groups"},
		"too many faults":      {run("--lose-replies", "51"), "muster: --lose-replies must be from 0 to 50"},
		"bad out":              {run("--out", "none/out.jsonl"), "muster: --out: open none/out.jsonl: no such file or directory"},
		"a queue at AWS":       {run("--queue-arn", "arn:aws:sqs:us-east-1:123456789012:q"), "muster: --queue-arn is for a fleet that is deployed: here the fleet makes its queue"},
		"a queue for up":       {[]string{"up", "--queue-arn", "arn:aws:sqs:us-east-1:123456789012:q"}, "muster: --queue-arn is for a fleet that is deployed"},
		"a queue for the demo": {[]string{"demo", "--queue-arn", "arn:aws:sqs:us-east-1:123456789012:q"}, "muster: --queue-arn is for a fleet that is deployed"},
		"bad count":            {[]string{"demo", "--count", "-1"}, "muster: --count must not be negative"},
		"transform alone":      {[]string{"up", "--transform", "cat"}, "muster: --transform needs --handler"},
		"neither":              {[]string{"send"}, "muster: give either --body or --messages"},
		"both":                 {[]string{"send", "--body", "a", "--messages", "-"}, "muster: give either --body or --messages"},
		"empty body":           {[]string{"send", "--local", "--body", ""}, "muster: --body: the body is empty"},
		"bad limit":            {[]string{"failures", "--limit", "-1"}, "muster: --limit must not be negative"},
		"bad since":            {[]string{"failures", "--since", "yesterday"}, `muster: invalid argument "yesterday" for "--since" flag: "yesterday" is no time: write how long ago`},
		"since after until":    {[]string{"failures", "--since", "1h", "--until", "2h"}, "is not before --until"},
		"unknown dlq verb":     {[]string{"dlq", "mend"}, `muster: unknown command "mend" for "muster dlq"`},
		"bad attribute":        {[]string{"dlq", "ls", "--attribute", "n"}, `muster: --attribute "n": write NAME=VALUE`},
		"bad rate":             {[]string{"dlq", "redrive", "--rate", "-1"}, "muster: --rate must not be negative"},
		"bad dlq limit":        {[]string{"dlq", "purge", "--limit", "-1"}, "muster: --limit must not be negative"},
		"all and a filter":     {[]string{"dlq", "purge", "--all", "--match", "x"}, "muster: --all is for a purge without a filter"},
		"where without an ID":  {[]string{"where"}, "muster: accepts between 1 and 2 arg(s), received 0"},
		"show without an ID":   {[]string{"dlq", "show"}, "muster: accepts between 1 and 2 arg(s), received 0"},
		"bad ticks":            {[]string{"status", "--ticks", "-1"}, "muster: --ticks must not be negative"},
		"stop without --now":   {[]string{"stop"}, "muster: stop aborts what runs: say so with --now\nTo let workers finish what they hold: muster pause fleet"},
		"scale without bounds": {[]string{"scale"}, "muster: give --min, --max or both, or --reset"},
		"scale to none":        {[]string{"scale", "--max", "0"}, "muster: --max must be at least 1\nTo have no handler run: muster pause"},
		"scale under nothing":  {[]string{"scale", "--min", "-1"}, "muster: --min must not be negative"},
		"minimum over maximum": {[]string{"scale", "--min", "3", "--max", "2"}, "muster: --min 3 is over --max 2"},
		"reset and bounds":     {[]string{"scale", "--reset", "--max", "2"}, "muster: --reset goes with no bounds and no end"},
		"for and until":        {[]string{"pause", "--for", "1h", "--until", "18:00"}, "muster: give either --for or --until"},
		"a pause of the past":  {[]string{"pause", "--for", "-1h"}, "muster: --for must not be negative"},
		"resume has no end":    {[]string{"resume", "--for", "1h"}, "muster: unknown flag: --for"},
		"handler by itself":    {[]string{"demo-handler"}, "run 'muster demo'"},
		"bad lines": {
			[]string{"run", "--messages", "bad.jsonl", "--handler", "cat", "--out", "out.jsonl"},
			"muster: bad.jsonl:2: \"body\" is missing\n" +
				"bad.jsonl:4: not JSON: invalid character '}' looking for beginning of object key string\n" +
				"bad.jsonl:5: \"deduplicationId\": it can only include alphanumeric and punctuation characters, 1 to 128 of them\n" +
				"Nothing was sent.\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := muster(t, 2, dir, c.args...)
			assert.Contains(t, p.stderr.String(), c.want)
			assert.Empty(t, p.stdout.String())
			assert.NoFileExists(t, filepath.Join(dir, "out.jsonl"))
		})
	}
}

func TestHelp(t *testing.T) {
	p := muster(t, 0, ".")
	for _, verb := range []string{"demo", "run", "up", "send", "status", "explain", "failures", "where", "dlq", "pause", "resume", "drain", "scale", "wake", "stop", "version", "init", "validate", "deploy", "upgrade", "destroy", "logs"} {
		assert.Regexp(t, `(?m)^  `+verb+` +[A-Z]`, p.stdout.String())
	}
	assert.NotRegexp(t, `(?m)^  `+demoCommand+` `, p.stdout.String())
	p = muster(t, 0, ".", "run", "--help")
	assert.Contains(t, p.stdout.String(), "--max-concurrency number")
	assert.Contains(t, p.stdout.String(), "The cap, the most handler invocations of the fleet at any time.")
	assert.Contains(t, p.stdout.String(), "--lane auto|stream|steps")
	assert.NotContains(t, p.stdout.String(), "process-handler")

	assert.Regexp(t, `^muster \S+.* go1\.`, muster(t, 0, ".", "version").stdout.String())
}

func TestUpListensOnLoopbackOnly(t *testing.T) {
	p := muster(t, 3, ".", "up", "--listen", "0.0.0.0:4100")
	assert.Contains(t, p.stderr.String(), "only a loopback address is served")
}
