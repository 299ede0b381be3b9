package lambda_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/lambda"
)

// runCommand is the command under test; it returns its exit status.
func runCommand(mode string) int {
	event, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 99
	}
	switch mode {
	case "echo":
		fmt.Printf("  %s\n", event)
	case "quiet":
	case "rubbish":
		fmt.Print("{\n  \"a\": oops\n}")
	case "fail":
		fmt.Fprintln(os.Stderr, "first\nsecond")
		return 4
	case "silent failure":
		return 5
	case "env":
		fmt.Printf("%q", os.Getenv("AWS_LAMBDA_REQUEST_ID")+" "+os.Getenv("DEADLINE_MS")+" "+os.Getenv("AWS_LAMBDA_FUNCTION_NAME"))
	case "hang":
		time.Sleep(time.Hour)
	case "big":
		fmt.Printf("%q", strings.Repeat("x", 7<<20))
	}
	return 0
}

func command(t *testing.T, mode string) lambda.Command {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	return lambda.Command{Command: []string{binary}, Dir: t.TempDir(), Env: map[string]string{asCommand: mode}}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		mode, payload string
		failed        bool
	}{
		{"echo", `{"n": 1}`, false},
		{"quiet", `null`, false},
		{"rubbish", `{"errorType":"Runtime.MarshalError","errorMessage":"The command's standard output is not JSON: invalid character 'o' looking for beginning of value (line 2, byte 10): \"{\\n  \\\"a\\\": oops\\n}\""}`, true},
		{"fail", `{"errorType":"Runtime.ExitError","errorMessage":"exit status 4: first\nsecond"}`, true},
		{"silent failure", `{"errorType":"Runtime.ExitError","errorMessage":"exit status 5: The command wrote nothing to its standard error."}`, true},
		{"big", `{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}`, true},
	} {
		t.Run(c.mode, func(t *testing.T) {
			s := newService(t, lambda.Options{})
			s.put(t, lambda.Function{Code: command(t, c.mode), Timeout: 30})
			out := s.invoke(t, `{"n": 1}`)
			assert.Equal(t, c.failed, out.FunctionError == "Unhandled")
			want := strings.ReplaceAll(c.payload, "first\nsecond", `first\nsecond`)
			assert.Equal(t, want, string(out.Payload))
		})
	}
}

func TestCommandEnvironment(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: command(t, "env"), Timeout: 30})
	out := s.invoke(t, `{}`)
	fields := strings.Fields(decode[string](t, out.Payload))
	require.Len(t, fields, 3)
	assert.Equal(t, out.RequestID, fields[0])
	assert.Len(t, fields[1], 13, "milliseconds")
	assert.Equal(t, "work", fields[2])
}

func TestCommandTimeout(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: command(t, "hang"), Timeout: 1})
	out := s.invoke(t, `{}`)
	assert.JSONEq(t, `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: `+out.RequestID+` Error: Task timed out after 1.00 seconds"}`, string(out.Payload))
}

func TestCommandThatIsMissing(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: lambda.Command{Command: []string{"/nowhere/at/all"}}})
	out := s.invoke(t, `{}`)
	assert.JSONEq(t, `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: `+out.RequestID+` Error: fork/exec /nowhere/at/all: no such file or directory"}`, string(out.Payload))
}
