package jobs_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/jobs"
)

// logged are the lines that jobs write, and a channel of them as they come.
type logged struct {
	mu    sync.Mutex
	lines []string
	next  chan string
}

func (l *logged) take(_, _ string, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(line))
	l.next <- string(line)
}

// process is a rig whose job is this test binary.
func process(t *testing.T, mode string) (*rig, *logged) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	l := &logged{next: make(chan string, 100)}
	command := jobs.Exec{Command: []string{binary}, Dir: t.TempDir(), Env: map[string]string{asJob: mode}}
	return newRig(t, jobs.Options{Commands: map[string]jobs.Command{"work": command}, Logs: l.take, Home: "/home/job"}), l
}

func TestProcess(t *testing.T) {
	r, l := process(t, "show")
	arn := r.task(`{"taskDefinition":"work","overrides":{"containerOverrides":[{"name":"work","command":["a","b"],"environment":[{"name":"NAME","value":"v"}]}]}}`)
	r.wait(arn)
	assert.Equal(t, 0.0, one(r.describeTask(arn), "containers")["exitCode"])
	assert.Equal(t, []string{
		"AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL=http://127.0.0.1:4100", "AWS_EXECUTION_ENV=AWS_ECS_EC2", "NAME=v",
		"HOME=/home/job", "USER=", "args=a,b",
	}, l.lines)
}

func TestProcessThatIsKilled(t *testing.T) {
	r, l := process(t, "hang")
	arn := r.task(`{"taskDefinition":"work"}`)
	var pid int
	_, err := fmt.Sscanf(<-l.next, "pid %d", &pid)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	r.wait(arn)
	task := r.describeTask(arn)
	assert.Equal(t, []any{"EssentialContainerExited", 137.0}, []any{task["stopCode"], one(task, "containers")["exitCode"]})
}

func TestProcessIsAskedToEnd(t *testing.T) {
	r, l := process(t, "tidy")
	arn := r.task(`{"taskDefinition":"work"}`)
	require.Equal(t, "ready", <-l.next)
	r.must("ecs:StopTask", `{"task":"`+arn+`"}`)
	r.wait(arn)
	assert.Equal(t, 5.0, one(r.describeTask(arn), "containers")["exitCode"])
}

func TestProcessEndsWithTheService(t *testing.T) {
	r, l := process(t, "hang")
	r.task(`{"taskDefinition":"work"}`)
	<-l.next
	started := time.Now()
	r.service.Close()
	assert.Less(t, time.Since(started), 20*time.Second, "it is killed, not asked")
}

func TestProcessThatIsNotThere(t *testing.T) {
	r := newRig(t, jobs.Options{Commands: map[string]jobs.Command{"work": jobs.Exec{Command: []string{"/nowhere/at/all"}}}})
	arn := r.task(`{"taskDefinition":"work"}`)
	r.wait(arn)
	task := r.describeTask(arn)
	assert.Equal(t, "TaskFailedToStart", task["stopCode"])
	assert.Contains(t, task["stoppedReason"], "CannotStartContainerError: ")
	assert.NotContains(t, one(task, "containers"), "exitCode")

	id := r.job("")
	r.wait(id)
	assert.Equal(t, []any{"FAILED", "Task failed to start"}, []any{r.describeJob(id)["status"], r.describeJob(id)["statusReason"]})

	build := r.build("")
	r.wait(build)
	assert.Equal(t, "FAILED", r.describeBuild(build)["buildStatus"])
}

func TestParse(t *testing.T) {
	for spec, want := range map[string][]string{"exec:sh -c 'exit 3'": {"-c", "exit 3"}, "sh x:y": {"x:y"}} {
		command, err := jobs.Parse(spec, t.TempDir())
		require.NoError(t, err)
		assert.True(t, strings.HasSuffix(command.Command[0], "/sh"))
		assert.Equal(t, want, command.Command[1:])
	}
	for spec, want := range map[string]string{
		"python:app.handler":   `job "python:app.handler": a job runs as a command: write exec:CMD, not python:`,
		"exec:":                `job "exec:": it names no command`,
		"no-such-command-here": `job "no-such-command-here": there is no command no-such-command-here in PATH: install it, or write the path of a file, such as ./no-such-command-here`,
	} {
		_, err := jobs.Parse(spec, t.TempDir())
		assert.EqualError(t, err, want)
	}
}
