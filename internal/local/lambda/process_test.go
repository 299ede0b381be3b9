package lambda_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// self is this test binary as a bootstrap.
func self(t *testing.T, mode string) lambda.Process {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	return lambda.Process{Command: []string{binary}, Dir: t.TempDir(), Env: map[string]string{asBootstrap: mode}}
}

func decode[T any](t *testing.T, payload []byte) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(payload, &v), "%s", payload)
	return v
}

func TestProcess(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	t.Setenv("MUSTER_TEST_SECRET", "of the parent")
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{
		Code: self(t, "serve"), Timeout: 30, MemorySize: 512, Handler: "bootstrap", Runtime: "provided.al2023",
		Environment: map[string]string{"TABLE": "fleets"},
	})
	out := s.invoke(t, `{"Text":"hällo"}`)
	require.Empty(t, out.FunctionError, "%s", out.Payload)
	first := decode[answer](t, out.Payload)
	assert.Equal(t, "hällo", first.Text)
	assert.Equal(t, out.RequestID, first.RequestID)
	assert.Equal(t, "arn:aws:lambda:eu-central-1:123456789012:function:work", first.ARN)
	assert.InDelta(t, 30000, first.Remaining, 5000)

	for key, value := range map[string]string{
		"TABLE": "fleets", "AWS_LAMBDA_FUNCTION_NAME": "work", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/work",
		"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1", "_HANDLER": "bootstrap",
		"AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023", "AWS_ENDPOINT_URL": "http://127.0.0.1:4100",
		"TZ": ":UTC", "PATH": os.Getenv("PATH"), "HOME": os.Getenv("HOME"),
	} {
		assert.Equal(t, value, first.Env[key], key)
	}
	assert.NotContains(t, first.Env, "MUSTER_TEST_SECRET", "the parent's environment stays with the parent")
	assert.Regexp(t, `^ASIA[A-Z2-7]{16}$`, first.Env["AWS_ACCESS_KEY_ID"])
	assert.Equal(t, "work", s.router.Caller(first.Env["AWS_ACCESS_KEY_ID"]).Function)

	second := decode[answer](t, s.invoke(t, `{}`).Payload)
	assert.Equal(t, first.PID, second.PID, "the environment is reused")
	assert.NotEqual(t, first.RequestID, second.RequestID)

	s.Close()
	assert.ErrorIs(t, syscall.Kill(first.PID, 0), syscall.ESRCH, "nothing runs after Close")
}

func TestProcessErrors(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: self(t, "serve"), Timeout: 30, MemorySize: 1024})
	for _, c := range []struct {
		do, kind, message string
		reused            bool
	}{
		{"fail", "CustomError", "custom trouble", true},
		{"panic", "string", "at the disco", false},
		{"exit", "Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: exit status 7", false},
		{"suicide", "Runtime.ExitError", "RequestId: ID Error: Runtime exited with error: signal: killed", false},
		{"toobig", "Function.ResponseSizeTooLarge", "Response payload size exceeded maximum allowed payload size (6291556 bytes).", true},
	} {
		t.Run(c.do, func(t *testing.T) {
			before := decode[answer](t, s.invoke(t, `{}`).Payload)
			out := s.invoke(t, `{"Do":"`+c.do+`"}`)
			assert.Equal(t, "Unhandled", out.FunctionError)
			reported := decode[struct{ ErrorType, ErrorMessage string }](t, out.Payload)
			assert.Equal(t, c.kind, reported.ErrorType)
			assert.Equal(t, strings.ReplaceAll(c.message, "ID", out.RequestID), strings.ReplaceAll(reported.ErrorMessage, "requestID", "ID"))
			after := decode[answer](t, s.invoke(t, `{}`).Payload)
			assert.Equal(t, c.reused, before.PID == after.PID, "the environment is reused")
		})
	}
	assert.Len(t, s.invoke(t, `{"Do":"big"}`).Payload, 6291556, "the largest response")
}

func TestProcessTimeoutKillsTheGroup(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: self(t, "serve"), Timeout: 1})
	child := decode[int](t, s.invoke(t, `{"Do":"child"}`).Payload)
	require.NoError(t, syscall.Kill(child, 0))
	out := s.invoke(t, `{"Do":"hang"}`)
	assert.JSONEq(t, `{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: `+out.RequestID+` Error: Task timed out after 1.00 seconds"}`, string(out.Payload))
	assert.Eventually(t, func() bool { return gone(child) }, 10*time.Second, 10*time.Millisecond, "the child died with its group")
}

// gone tells whether a process has ended, as a zombie too: an orphan is reaped
// by whoever is init here.
func gone(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil {
		return strings.Contains(string(status), ") Z ")
	}
	return syscall.Kill(pid, 0) == syscall.ESRCH
}

func TestProcessMemory(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: self(t, "serve"), Timeout: 30})
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		// Without /proc the size is documented not to be enforced.
		assert.Empty(t, s.invoke(t, `{}`).FunctionError)
		return
	}
	out := s.invoke(t, `{"Do":"hog"}`)
	assert.JSONEq(t, `{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: `+out.RequestID+` Error: Runtime exited with error: signal: killed"}`, string(out.Payload))
}

func TestProcessThatDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, kind, message string
		code                lambda.Process
	}{
		{"exits", "Runtime.ExitError", "Runtime exited with error: exit status 3", self(t, "exit")},
		{"is missing", "Runtime.InvalidEntrypoint", "fork/exec " + dir + "/bootstrap: no such file or directory", lambda.Process{Command: []string{dir + "/bootstrap"}}},
		{"ends at once", "Runtime.ExitError", "Runtime exited without providing a reason", lambda.Process{Command: []string{"true"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newService(t, lambda.Options{})
			s.put(t, lambda.Function{Code: c.code})
			out := s.invoke(t, `{}`)
			assert.Equal(t, "Unhandled", out.FunctionError)
			assert.Equal(t, `{"errorType":"`+c.kind+`","errorMessage":"RequestId: `+out.RequestID+` Error: `+c.message+`"}`, string(out.Payload))
		})
	}
}

func TestProcessDiesWhileIdle(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: self(t, "serve"), Timeout: 30})
	first := decode[answer](t, s.invoke(t, `{}`).Payload)
	require.NoError(t, syscall.Kill(first.PID, syscall.SIGKILL))
	require.Eventually(t, func() bool { return gone(first.PID) }, 10*time.Second, time.Millisecond)
	out := s.invoke(t, `{"Text":"well"}`)
	if out.FunctionError != "" {
		// Its end may be seen only by the invocation that it was to serve.
		out = s.invoke(t, `{"Text":"well"}`)
	}
	assert.Equal(t, "well", decode[answer](t, out.Payload).Text)
}

func TestProcessesServeOneRequestEach(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: self(t, "serve"), Timeout: 30})
	const n = 4
	var mu sync.Mutex
	pids := map[int]bool{}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			out, err := s.Invoke(context.Background(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work", Payload: []byte(`{"Do":"wait"}`)})
			if !assert.NoError(t, err) {
				return
			}
			var a answer
			assert.NoError(t, json.Unmarshal(out.Payload, &a))
			mu.Lock()
			defer mu.Unlock()
			pids[a.PID] = true
		})
	}
	all.Wait()
	now, peak := s.Concurrency("work")
	assert.Zero(t, now)
	assert.LessOrEqual(t, len(pids), n)
	assert.GreaterOrEqual(t, len(pids), peak, "handlers that ran at once ran in processes of their own")
}

func TestLogs(t *testing.T) {
	lines := make(chan string, 100)
	s := newService(t, lambda.Options{Logs: func(function, environment string, line []byte) {
		assert.Equal(t, "work", function)
		assert.Regexp(t, `^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$`, environment)
		lines <- string(line)
	}})
	s.put(t, lambda.Function{Code: self(t, "serve"), Timeout: 30})
	out, err := s.Invoke(t.Context(), api.Caller{}, &lambda.InvokeInput{FunctionName: "work", LogType: "Tail"})
	require.NoError(t, err)
	s.Close()
	close(lines)
	var all []string
	for line := range lines {
		all = append(all, line)
	}
	assert.Contains(t, all, "START RequestId: "+out.RequestID+" Version: $LATEST")
	assert.Contains(t, all, "line on stdout")
	assert.Contains(t, all, "line on stderr")
	assert.Contains(t, all, "END RequestId: "+out.RequestID)
	tail, err := base64.StdEncoding.DecodeString(out.LogResult)
	require.NoError(t, err)
	assert.Contains(t, string(tail), "\nline on stdout\nline on stderr\nEND RequestId: ", "what was written before the answer")
	assert.Regexp(t, `REPORT RequestId: `+out.RequestID+"\tDuration: [0-9.]+ ms\tBilled Duration: [0-9]+ ms\tMemory Size: 128 MB", string(tail))
}

func TestInitThatHangsTimesOut(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: self(t, "hang"), Timeout: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := s.Invoke(ctx, api.Caller{}, &lambda.InvokeInput{FunctionName: "work"})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	now, _ := s.Concurrency("work")
	assert.Zero(t, now, "the handler has not started")
	start := time.Now()
	s.Close()
	assert.Less(t, time.Since(start), 5*time.Second, "Close ends a start too")
}

func TestGoBuild(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("GOFLAGS", "-mod=mod")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/handler\n\ngo 1.26\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { undefined() }\n"), 0o600))
	_, err := lambda.ParseHandler("go:.", dir)
	require.ErrorContains(t, err, "undefined: undefined")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o600))
	code, err := lambda.ParseHandler("go:.", dir)
	require.NoError(t, err)
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: code})
	assert.Contains(t, string(s.invoke(t, `{}`).Payload), "Runtime exited without providing a reason")
}
