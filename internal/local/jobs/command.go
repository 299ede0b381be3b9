package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/musterq/muster/internal/local/process"
)

// stopTimeout is what a container gets between SIGTERM and SIGKILL.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html
const stopTimeout = 30 * time.Second

// Exit codes of containers that a signal ended: 128 and its number.
const (
	exitKilled = 128 + 9
	// exitNotFound is a shell's for a command that is not there.
	exitNotFound = 127
)

// Command is what runs in place of a container or a build: an [Exec] or a [Func].
type Command interface {
	// run runs it to its end and returns its exit code. It is asked to end when
	// stop ends, killed [stopTimeout] later, and killed at once when kill ends.
	run(stop, kill context.Context, r Run, log io.Writer) ending
}

// Run is one run of a command.
type Run struct {
	// Service is "ecs", "batch" or "codebuild".
	Service string
	// Name that the command is registered under.
	Name string
	// ID is the task's ARN, the job's or the build's ID.
	ID string
	// Args are the override of the container's command. Empty for none.
	Args []string
	// Env has the service's variables and the overrides'.
	Env map[string]string
}

// ending is how a run ended.
type ending struct {
	exit int
	// reason in words. Empty for none.
	reason string
	// unstarted says that there was nothing to run.
	unstarted bool
}

// Func is a command in this process. It is asked to end through its context, as
// SIGTERM asks a process; one that goes on for 30 seconds more no longer counts
// as running. It returns its exit code and, if it wants, a reason.
type Func func(ctx context.Context, r Run) (exit int, reason string)

func (f Func) run(stop, kill context.Context, r Run, _ io.Writer) ending {
	ctx, cancel := context.WithCancel(stop)
	defer cancel()
	defer context.AfterFunc(kill, cancel)()
	done := make(chan ending, 1)
	go func() {
		// A function that ends its goroutine ends like a process that aborts.
		end := ending{exit: 128 + int(syscall.SIGABRT)}
		defer func() { done <- end }()
		end.exit, end.reason = f(ctx, r)
	}()
	select {
	case end := <-done:
		return end
	case <-kill.Done():
		return ending{exit: exitKilled}
	case <-stop.Done():
	}
	grace := time.NewTimer(stopTimeout)
	defer grace.Stop()
	select {
	case end := <-done:
		return end
	case <-kill.Done():
	case <-grace.C:
	}
	return ending{exit: exitKilled}
}

// Exec is a command that is started as a process, the override of the command
// behind its own arguments, as behind a container's entry point.
type Exec struct {
	// Command and its arguments. A command without a slash is looked up in PATH.
	Command []string
	// Dir is the working directory. Defaults to the current one.
	Dir string
	// Env is added to the service's and the overrides' variables.
	Env map[string]string
}

// Parse finds the command that a job's specification names, "exec:CMD" or just
// CMD. Paths are relative to dir.
func Parse(spec, dir string) (Exec, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Exec{}, fmt.Errorf("job %q: %w", spec, err)
	}
	line := spec
	if kind, rest, found := strings.Cut(spec, ":"); found && !strings.ContainsAny(kind, " /\\") {
		if kind != "exec" {
			return Exec{}, fmt.Errorf("job %q: a job runs as a command: write exec:CMD, not %s:", spec, kind)
		}
		line = rest
	}
	command, err := process.ParseCommand(line, dir)
	if err != nil {
		return Exec{}, fmt.Errorf("job %q: %w", spec, err)
	}
	return Exec{Command: command, Dir: dir}, nil
}

func (e Exec) run(stop, kill context.Context, r Run, log io.Writer) ending {
	variables := maps.Clone(r.Env)
	maps.Copy(variables, e.Env)
	env := make([]string, 0, len(variables))
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	child, err := process.Program{
		Command: slices.Concat(e.Command, r.Args), Dir: e.Dir, Env: env, Stdout: log, Stderr: log,
	}.Start()
	if err != nil {
		return ending{exit: exitNotFound, unstarted: true, reason: "CannotStartContainerError: " + err.Error()}
	}
	select {
	case <-child.Exited:
		return exited(child.Err())
	case <-kill.Done():
	case <-stop.Done():
		child.Terminate()
		grace := time.NewTimer(stopTimeout)
		defer grace.Stop()
		select {
		case <-child.Exited:
		case <-grace.C:
		case <-kill.Done():
		}
	}
	child.Kill()
	return exited(child.Err())
}

// exited reads the exit code as a container has it.
func exited(err error) ending {
	var failed *exec.ExitError
	switch {
	case err == nil:
		return ending{}
	case !errors.As(err, &failed):
		return ending{exit: 1, reason: err.Error()}
	}
	if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return ending{exit: 128 + int(status.Signal())}
	}
	return ending{exit: failed.ExitCode()}
}
