package main_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The sources that documents show are those of docs/examples.
func TestExamplesAreShown(t *testing.T) {
	text := documents(t)["../../docs/handlers.md"]
	for pattern, language := range map[string]string{"main.go": "go", "app.py": "python"} {
		sources, err := filepath.Glob("../../docs/examples/*/" + pattern)
		require.NoError(t, err)
		require.NotEmpty(t, sources)
		for _, path := range sources {
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Contains(t, text, "```"+language+"\n"+string(source)+"```\n", path)
		}
	}
}

// folder is a folder of its own with messages to run.
func folder(t *testing.T, messages ...any) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var lines strings.Builder
	for _, m := range messages {
		line, err := json.Marshal(m)
		require.NoError(t, err)
		fmt.Fprintln(&lines, string(line))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "messages.jsonl"), []byte(lines.String()), 0o600))
	return dir
}

// example is a folder of docs/examples in Go, built, in a folder with messages.
func example(t *testing.T, name string, messages ...any) (dir, bootstrap string) {
	t.Helper()
	dir = folder(t, messages...)
	bootstrap = filepath.Join(dir, name, "bootstrap")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bootstrap, "./docs/examples/"+name)
	build.Dir = "../.."
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	return dir, bootstrap
}

// outcomes runs the messages of a folder and returns the line of each.
func outcomes(t *testing.T, dir string, args ...string) []map[string]any {
	t.Helper()
	run := exec.CommandContext(t.Context(), filepath.Join(bin, "muster"), append([]string{
		"run", "--messages", "messages.jsonl", "--out", "out.jsonl", "--idle-seconds", "1", "--backoff-base-seconds", "0",
	}, args...)...)
	run.Dir = dir
	output, err := run.CombinedOutput()
	require.NoError(t, err, string(output))
	text, err := os.ReadFile(filepath.Join(dir, "out.jsonl"))
	require.NoError(t, err)
	var found []map[string]any
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var outcome map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &outcome), line)
		found = append(found, outcome)
	}
	return found
}

func TestOrdersExample(t *testing.T) {
	dir, bootstrap := example(t, "orders", `{"order":1}`, `{"order":2,"stock":"later"}`)
	began := time.Now()
	got := outcomes(t, dir, "--handler", "runtime:"+bootstrap)
	require.Len(t, got, 2)
	assert.Equal(t, []any{"handled", 1.0}, []any{got[0]["status"], got[0]["receives"]})
	assert.Equal(t, []any{"handled", 2.0}, []any{got[1]["status"], got[1]["receives"]})
	assert.GreaterOrEqual(t, time.Since(began), 2*time.Second)
}

func TestCeleryExample(t *testing.T) {
	now := time.Now()
	envelope := func(args string, eta, expires *time.Time) map[string]any {
		return map[string]any{
			"body": base64.StdEncoding.EncodeToString([]byte(`[[` + args + `], {}, {"callbacks": null}]`)), "content-type": "application/json", "content-encoding": "utf-8",
			"headers":    map[string]any{"lang": "py", "task": "proj.tasks.add", "id": "id of " + args, "eta": eta, "expires": expires, "retries": 0},
			"properties": map[string]any{"body_encoding": "base64"},
		}
	}
	encoded := func(e map[string]any) string {
		text, err := json.Marshal(e)
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(text)
	}
	plain, err := json.Marshal(envelope("3, 4", nil, nil))
	require.NoError(t, err)
	soon, ago := now.Add(3*time.Second), now.Add(-time.Minute)
	dir, bootstrap := example(t, "celery", encoded(envelope("1, 2", nil, nil)), string(plain), encoded(envelope("5, 6", &soon, nil)), encoded(envelope("7, 8", nil, &ago)))
	handler := filepath.Join(dir, "handle.sh")
	require.NoError(t, os.WriteFile(handler, []byte("#!/bin/sh\ncat >> events.txt\n"), 0o700)) //nolint:gosec // to be run
	var statuses []any
	for _, outcome := range outcomes(t, dir, "--transform", "runtime:"+bootstrap, "--handler", handler) {
		statuses = append(statuses, outcome["status"])
	}
	assert.Equal(t, []any{"handled", "handled", "handled", "filtered"}, statuses)
	events, err := os.ReadFile(filepath.Join(dir, "events.txt"))
	require.NoError(t, err)
	for _, args := range []string{"1, 2", "3, 4", "5, 6"} {
		assert.Contains(t, strings.ReplaceAll(string(events), `\"`, `"`), `"id":"id of `+args+`","args":[`+strings.ReplaceAll(args, ", ", ",")+`]`)
	}
	assert.NotContains(t, string(events), "7,8")
}

// The task in Go is a handler of callback mode, and a job with a token or without.
func TestRenderExample(t *testing.T) {
	dir, bootstrap := example(t, "render", `{"order":1,"seconds":1}`, `{"order":2,"stock":"later"}`)
	job := []string{"--target", "ecs", "--job", "exec:" + bootstrap}
	for name, args := range map[string][]string{
		"handler":        {"--mode", "callback", "--handler", "runtime:" + bootstrap},
		"job":            job,
		"job with token": append([]string{"--mode", "callback"}, job...),
	} {
		t.Run(name, func(t *testing.T) {
			var ends []any
			for _, outcome := range outcomes(t, dir, append(args, "--process-timeout-seconds", "86400")...) {
				ends = append(ends, outcome["status"], outcome["receives"])
			}
			assert.Equal(t, []any{"handled", 1.0, "handled", 2.0}, ends)
		})
	}
}

// The task in Python reports with the plain SDK. Where that is not installed, or
// Python itself, there is nothing to see but its absence.
func TestEncodeExample(t *testing.T) {
	dir := folder(t, `{"order":1,"seconds":1}`, `{"order":2,"stock":"later"}`)
	source, err := os.ReadFile("../../docs/examples/encode/app.py")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app.py"), source, 0o600))
	args := []string{"--mode", "callback", "--process-timeout-seconds", "86400", "--handler", "python:app.handler"}
	if absent := exec.CommandContext(t.Context(), "python3", "-c", "import boto3").Run(); absent != nil {
		run := exec.CommandContext(t.Context(), filepath.Join(bin, "muster"), append([]string{"run", "--messages", "messages.jsonl", "--max-receive-count", "1", "--idle-seconds", "1"}, args...)...)
		run.Dir = dir
		output, err := run.CombinedOutput()
		require.Error(t, err)
		assert.Regexp(t, "No module named 'boto3'|python3 is not in PATH", string(output))
		return
	}
	var ends []any
	for _, outcome := range outcomes(t, dir, args...) {
		ends = append(ends, outcome["status"], outcome["receives"])
	}
	assert.Equal(t, []any{"handled", 1.0, "handled", 2.0}, ends)
}
