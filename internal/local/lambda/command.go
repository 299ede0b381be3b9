package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/process"
)

// Command is a program that is run once for each invocation: the event on its
// standard input, its result in JSON on its standard output. An exit status
// other than 0 is a function error with the end of its standard error; no output
// is null. Beyond Lambda's variables it finds AWS_LAMBDA_REQUEST_ID and
// DEADLINE_MS, the Unix time in milliseconds when it is killed.
type Command struct {
	// Command and its arguments. A command without a slash is looked up in PATH.
	Command []string
	// Dir is the working directory and LAMBDA_TASK_ROOT. Defaults to the current one.
	Dir string
	// Env is added to Lambda's and the function's variables.
	Env map[string]string
}

func (c Command) start(_ context.Context, s setting) (environment, *failure) {
	return &commandEnvironment{command: c, setting: s}, nil
}

type commandEnvironment struct {
	command Command
	setting setting
}

func (e *commandEnvironment) alive() bool { return true }

func (e *commandEnvironment) stop() {}

func (e *commandEnvironment) invoke(ctx context.Context, i *invocation) outcome {
	variables := map[string]string{
		"AWS_LAMBDA_REQUEST_ID": i.id,
		"DEADLINE_MS":           strconv.FormatInt(i.deadline.UnixMilli(), 10),
		"_X_AMZN_TRACE_ID":      i.traceID,
	}
	maps.Copy(variables, e.command.Env)
	env, err := e.setting.environ(e.command.Dir, variables)
	if err != nil {
		return outcome{failure: &failure{kind: "Runtime.InvalidEntrypoint", message: err.Error()}}
	}
	out, last := &limited{limit: maxResponse + 1}, newStream(nil, "", "", "")
	child, err := process.Program{
		Command: e.command.Command, Dir: e.command.Dir, Env: env,
		Stdin: bytes.NewReader(i.payload), Stdout: out, Stderr: io.MultiWriter(e.setting.logs, last),
	}.Start()
	if err != nil {
		return outcome{failure: &failure{kind: "Runtime.InvalidEntrypoint", message: err.Error()}}
	}
	select {
	case <-child.Exited:
	case <-ctx.Done():
		child.Kill()
		return outcome{failure: &failure{kind: "Sandbox.Timedout"}}
	}
	if err := child.Err(); err != nil {
		return outcome{failed: true, reusable: true, payload: exitPayload(err, last.tail())}
	}
	return commandOutcome(out.text)
}

// commandOutcome reads a result off what a command printed.
func commandOutcome(text []byte) outcome {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return outcome{payload: []byte("null"), reusable: true}
	}
	if len(text) <= maxResponse && !json.Valid(text) {
		return outcome{failed: true, reusable: true, payload: errorPayload("Runtime.MarshalError", notJSON(text))}
	}
	return outcome{payload: text, reusable: true}
}

// notJSON says where a command's output stops being JSON.
func notJSON(text []byte) string {
	var syntax *json.SyntaxError
	var v json.RawMessage
	offset := 0
	err := json.Unmarshal(text, &v)
	if errors.As(err, &syntax) {
		offset = int(syntax.Offset)
	}
	line := 1 + bytes.Count(text[:min(offset, len(text))], []byte("\n"))
	return fmt.Sprintf("The command's standard output is not JSON: %v (line %d, byte %d): %s", err, line, offset, excerpt(text))
}

// excerpt is the beginning of a text.
func excerpt(text []byte) string {
	const most = 80
	if len(text) <= most {
		return strconv.Quote(string(text))
	}
	return strconv.Quote(string(text[:most])) + "..."
}

// exitPayload reports the end of the standard error of a command that failed.
func exitPayload(err error, stderr []byte) []byte {
	lines := strings.Split(strings.TrimSpace(string(stderr)), "\n")
	message := strings.TrimSpace(strings.Join(lines[max(0, len(lines)-10):], "\n"))
	if message == "" {
		message = "The command wrote nothing to its standard error."
	}
	return errorPayload("Runtime.ExitError", fmt.Sprintf("%v: %s", err, message))
}

// limited keeps what is written up to a limit and swallows the rest, so that the
// writer is not held up.
type limited struct {
	text  []byte
	limit int
}

func (l *limited) Write(p []byte) (int, error) {
	l.text = append(l.text, p[:min(len(p), l.limit-len(l.text))]...)
	return len(p), nil
}
