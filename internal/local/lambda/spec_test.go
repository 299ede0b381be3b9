package lambda_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/lambda"
)

// files lays files out in a folder; those that end in ".sh" or are a bootstrap
// can be executed.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range contents {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		mode := os.FileMode(0o644)
		if filepath.Ext(name) == ".sh" || filepath.Base(name) == "bootstrap" {
			mode = 0o755
		}
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
	}
	return dir
}

func TestParseHandler(t *testing.T) {
	dir := files(t, map[string]string{"run.sh": "#!/bin/sh\ncat\n", "build/bootstrap": "#!/bin/sh\n", "data.txt": "x"})
	cat, err := exec.LookPath("cat")
	require.NoError(t, err)
	for _, c := range []struct {
		spec string
		code lambda.Code
	}{
		{"exec:./run.sh --flag 'two words'", lambda.Command{Command: []string{dir + "/run.sh", "--flag", "two words"}, Dir: dir}},
		{"./run.sh", lambda.Command{Command: []string{dir + "/run.sh"}, Dir: dir}},
		{"cat -", lambda.Command{Command: []string{cat, "-"}, Dir: dir}},
		{"runtime:build/bootstrap", lambda.Process{Command: []string{dir + "/build/bootstrap"}, Dir: dir + "/build"}},
		{"./build/bootstrap", lambda.Process{Command: []string{dir + "/build/bootstrap"}, Dir: dir + "/build"}},
		{dir + "/build/bootstrap", lambda.Process{Command: []string{dir + "/build/bootstrap"}, Dir: dir + "/build"}},
	} {
		code, err := lambda.ParseHandler(c.spec, dir)
		require.NoError(t, err, c.spec)
		assert.Equal(t, c.code, code, c.spec)
	}
	for _, c := range []struct{ spec, message string }{
		{"", `handler "": it names nothing to run: write for example exec:./handler.sh, python:app.handler or go:./handler`},
		{"ruby:app.handler", `handler "ruby:app.handler": "ruby:" is no kind of handler: use exec:, runtime:, python:, node: or go:`},
		{"exec:./nope.sh", `handler "exec:./nope.sh": there is no file ` + dir + `/nope.sh: build it, or correct the path`},
		{"exec:./data.txt", `handler "exec:./data.txt": ` + dir + `/data.txt cannot be executed: run chmod +x ` + dir + `/data.txt`},
		{"exec:./build", `handler "exec:./build": ` + dir + `/build is a folder: name the executable in it`},
		{"run.sh", `handler "run.sh": run.sh is a file in ` + dir + `, not a command in PATH: write ./run.sh`},
		{"exec:no-such-command-anywhere", `handler "exec:no-such-command-anywhere": there is no command no-such-command-anywhere in PATH: install it, or write the path of a file, such as ./no-such-command-anywhere`},
		{"exec:'open", `handler "exec:'open": a single quote is not closed`},
		{"runtime:./bootstrap", `handler "runtime:./bootstrap": there is no file ` + dir + `/bootstrap: build it, or correct the path`},
		{"python:app", `handler "python:app": "app" is not module.function: write for example app.handler`},
		{"python:app.handler", `handler "python:app.handler": there is no module app in ` + dir + `: one of app.py, app/__init__.py must be there`},
		{"node:index.handler", `handler "node:index.handler": there is no module index in ` + dir + `: one of index.mjs, index.cjs, index.js must be there`},
		{"go:./nope", `handler "go:./nope": there is no folder ` + dir + `/nope: correct the path`},
	} {
		_, err := lambda.ParseHandler(c.spec, dir)
		assert.EqualError(t, err, c.message)
	}
}

func TestInterpretersThatAreMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := files(t, map[string]string{"app.py": "", "index.js": "", "main.go": ""})
	_, err := lambda.ParseHandler("python:app.handler", dir)
	assert.EqualError(t, err, `handler "python:app.handler": python3 is not in PATH: install Python 3 from https://www.python.org/downloads/`)
	_, err = lambda.ParseHandler("node:index.handler", dir)
	assert.EqualError(t, err, `handler "node:index.handler": node is not in PATH: install Node.js from https://nodejs.org/`)
	_, err = lambda.ParseHandler("go:.", dir)
	assert.EqualError(t, err, `handler "go:.": go is not in PATH: install Go from https://go.dev/dl/`)
}

func TestExecHandlerRuns(t *testing.T) {
	s := newService(t, lambda.Options{})
	code, err := lambda.ParseHandler("exec:cat", t.TempDir())
	require.NoError(t, err)
	s.put(t, lambda.Function{Code: code, Timeout: 30})
	assert.Equal(t, `{"n":1}`, string(s.invoke(t, `{"n":1}`).Payload))
}
