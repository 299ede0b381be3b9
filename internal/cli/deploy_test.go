package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const processARN = "arn:aws:lambda:us-east-1:123456789012:function:process"

// in runs the command in a folder to its end and expects an exit status.
func (f *standing) in(dir string, status int, args ...string) *process {
	f.Helper()
	p := &process{Cmd: exec.CommandContext(f.Context(), command, args...)}
	p.Dir, p.Env, p.Stdout, p.Stderr = dir, f.environment, &p.stdout, &p.stderr
	require.NoError(f, p.Start())
	require.Equal(f, status, p.status(f.T), "muster %v\n%s%s", args, &p.stdout, &p.stderr)
	return p
}

// handled waits until so many messages went through a handler that writes its
// events down.
func (f *standing) handled(path string, n int) {
	f.Helper()
	id := regexp.MustCompile(`"messageId":"([^"]+)"`)
	seen := map[string]bool{}
	require.Eventually(f, func() bool {
		text, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		clear(seen)
		for _, m := range id.FindAllStringSubmatch(string(text), -1) {
			seen[m[1]] = true
		}
		return len(seen) == n
	}, 60*time.Second, 100*time.Millisecond, "not %d messages were handled", n)
}

func TestDeploy(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"h.sh": "#!/bin/sh\ncat >> events\n"})
	f := stand(t, dir, "--handler", "./h.sh")
	write := func(parameters string) {
		text := "fleets:\n  mails:\n    tags: {team: shop}\n    parameters:\n      ProcessHandler: " + processARN + "\n" + parameters
		require.NoError(t, os.WriteFile(filepath.Join(dir, "muster.yaml"), []byte(text), 0o644))
	}

	write("      MinWorkers: many\n")
	p := f.in(dir, 2, "deploy")
	assert.Contains(t, p.stderr.String(), "muster.yaml:6: fleet mails: Parameter 'MinWorkers' must be a number\n")
	write("      MaxConcurrency: 4\n      Parallelism: 2\n")
	p = f.in(dir, 2, "deploy")
	assert.Contains(t, p.stderr.String(), "muster: nobody is there to ask: standard input is no terminal\nNothing was changed.")

	p = f.in(dir, 0, "deploy", "--yes")
	assert.Contains(t, p.stderr.String(), "account 123456789012, region us-east-1, fleet mails: deploy\n")
	assert.Regexp(t, `ACTION +RESOURCE +TYPE +REPLACED +WHAT\n`, p.stderr.String())
	assert.Regexp(t, `add +Queue +AWS::SQS::Queue +- +all\n`, p.stderr.String())
	assert.Regexp(t, `CREATE_COMPLETE +Queue\n`, p.stderr.String())
	assert.Regexp(t, `^fleet mails is created\n  QueueUrl +http://`, p.stdout.String())

	messages := strings.Repeat("\"hello\"\n", 50)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "messages.jsonl"), []byte(messages), 0o644))
	f.in(dir, 0, "send", "mails", "--messages", "messages.jsonl")
	f.muster(0, "wake", "mails")
	f.handled(filepath.Join(dir, "events"), 50)

	p = f.in(dir, 0, "deploy", "--yes")
	assert.Contains(t, p.stderr.String(), "fleet mails: nothing to change\n")
	p = f.in(dir, 2, "upgrade", "--back", "--yes")
	assert.Contains(t, p.stderr.String(), "has nothing that the fleet mails was before")

	write("      MaxConcurrency: 6\n      Parallelism: 2\n")
	p = f.in(dir, 0, "upgrade", "mails", "--yes", "--json")
	got := jsonLines[struct{ Fleets []deployment }](t, p)[0].Fleets[0]
	assert.Equal(t, "changed", got.Outcome)
	assert.Equal(t, []string{"AutoscalerFunction", "False"}, []string{got.Changes[0].LogicalID, got.Changes[0].Replacement})
	assert.Equal(t, []string{"Environment"}, got.Changes[0].What)
	assert.Contains(t, p.stderr.String(), "The ticks succeed and ")
	p = f.in(dir, 0, "upgrade", "--back", "--yes")
	assert.Contains(t, p.stderr.String(), "muster.yaml may say otherwise")

	p = f.in(dir, 0, "status", "--all")
	assert.Regexp(t, `^FLEET +REGION .*\nmails +us-east-1 +\d+ +0 +0 +0 +.*s ago +depth 0`, p.stdout.String())
	p = f.in(dir, 2, "status", "--all", "mails")
	assert.Contains(t, p.stderr.String(), "muster: give either a fleet or --all")

	f.dashboard(dir)

	f.in(dir, 0, "send", "mails", "--messages", "messages.jsonl")
	f.muster(0, "wake", "mails")
	f.handled(filepath.Join(dir, "events"), 100)
	p = f.in(dir, 0, "logs", "mails", "--function", "autoscaler", "--json")
	lines := jsonLines[logLine](t, p)
	require.NotEmpty(t, lines)
	assert.Equal(t, "/aws/lambda/mails-autoscaler", lines[0].Group)
	assert.NotContains(t, f.in(dir, 0, "logs", "mails").stdout.String(), "hello")
	p = f.in(dir, 2, "logs", "mails", "--function", "x")
	assert.Contains(t, p.stderr.String(), `no log group of the fleet mails has "x" in its name: there are /aws/`)

	// A fleet that is switched off while its workers are out is told to go home all
	// the same.
	write("      MaxConcurrency: 6\n      MinWorkers: 1\n")
	f.in(dir, 0, "deploy", "--yes")
	f.muster(0, "wake", "mails")
	write("      MaxConcurrency: 6\n      MinWorkers: 1\n      Enabled: false\n")
	f.in(dir, 0, "deploy", "--yes")
	p = f.in(dir, 0, "destroy", "mails", "--yes", "--delete-table", "--patience", "2m")
	assert.Contains(t, p.stderr.String(), "0 workers are not home yet.\n")
	assert.Regexp(t, `^fleet mails is removed\n(  deleted +Table .*\n|  deleted +Bucket .*\n){2}(  kept +\w*Queue .*\n){2}$`, p.stdout.String())
	p = f.in(dir, 2, "destroy", "mails", "--yes")
	assert.Contains(t, p.stderr.String(), `muster: there is no fleet "mails" in http://127.0.0.1:`)
}
