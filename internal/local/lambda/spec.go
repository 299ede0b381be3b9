package lambda

import (
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/musterq/muster/internal/local/process"
)

// The Runtime API clients of languages that Lambda has managed runtimes for. The
// interpreter gets them as an argument: no file has to be written.
var (
	//go:embed bootstrap.py
	pythonBootstrap string
	//go:embed bootstrap.mjs
	nodeBootstrap string
)

// ParseHandler finds the code that a handler's specification names. Paths are
// relative to dir.
//
//	exec:CMD              a command, run for each invocation: event in, result out
//	runtime:./bootstrap   an executable that speaks the Lambda Runtime API
//	python:app.handler    the function handler of app.py
//	node:index.handler    the export handler of index.mjs, index.cjs or index.js
//	go:./path             a Go package that calls lambda.Start, built first
//
// Without a prefix a file named bootstrap is runtime:, anything else exec:.
// Whether a Python or Node.js module has the function shows at the first
// invocation, as it does on Lambda.
func ParseHandler(spec, dir string) (Code, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("handler %q: %w", spec, err)
	}
	code, err := parseHandler(spec, dir)
	if err != nil {
		return nil, fmt.Errorf("handler %q: %w", spec, err)
	}
	return code, nil
}

func parseHandler(spec, dir string) (Code, error) {
	kind, rest, found := strings.Cut(spec, ":")
	if !found {
		kind, rest = "exec", spec
		if filepath.Base(spec) == "bootstrap" {
			kind = "runtime"
		}
	}
	if strings.TrimSpace(rest) == "" {
		return nil, errors.New("it names nothing to run: write for example exec:./handler.sh, python:app.handler or go:./handler")
	}
	switch kind {
	case "exec":
		return parseCommand(rest, dir)
	case "runtime":
		return bootstrap(process.Within(dir, rest))
	case "python":
		return python(rest, dir)
	case "node":
		return node(rest, dir)
	case "go":
		return goBuild(rest, dir)
	}
	return nil, fmt.Errorf("%q is no kind of handler: use exec:, runtime:, python:, node: or go:", kind+":")
}

// Load finds the code of a function with a runtime of AWS's in a folder, or, for
// an OS-only runtime, its bootstrap itself.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
func Load(runtime, handler, path string) (Code, error) {
	switch {
	case strings.HasPrefix(runtime, "provided"):
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, "bootstrap")
		}
		return bootstrap(path)
	case strings.HasPrefix(runtime, "python"):
		return python(handler, path)
	case strings.HasPrefix(runtime, "nodejs"):
		return node(handler, path)
	}
	return nil, fmt.Errorf("the embedded runtime runs provided.al2023, python and nodejs functions, not %q", runtime)
}

func parseCommand(line, dir string) (Code, error) {
	command, err := process.ParseCommand(line, dir)
	if err != nil {
		return nil, err
	}
	return Command{Command: command, Dir: dir}, nil
}

func bootstrap(path string) (Code, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := process.Executable(path); err != nil {
		return nil, err
	}
	return Process{Command: []string{path}, Dir: filepath.Dir(path)}, nil
}

func python(handler, dir string) (Code, error) {
	module, _, err := splitHandler(handler, "app.handler")
	if err != nil {
		return nil, err
	}
	path := strings.ReplaceAll(module, ".", string(filepath.Separator))
	if err := oneOf(dir, path, path+".py", filepath.Join(path, "__init__.py")); err != nil {
		return nil, err
	}
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		return nil, errors.New("python3 is not in PATH: install Python 3 from https://www.python.org/downloads/")
	}
	return Process{
		Command: []string{interpreter, "-u", "-c", pythonBootstrap},
		Dir:     dir,
		Env:     map[string]string{"_HANDLER": handler},
	}, nil
}

func node(handler, dir string) (Code, error) {
	module, _, err := splitHandler(handler, "index.handler")
	if err != nil {
		return nil, err
	}
	if err := oneOf(dir, module, module+".mjs", module+".cjs", module+".js"); err != nil {
		return nil, err
	}
	interpreter, err := exec.LookPath("node")
	if err != nil {
		return nil, errors.New("node is not in PATH: install Node.js from https://nodejs.org/")
	}
	return Process{
		Command: []string{interpreter, "--input-type=module", "-e", nodeBootstrap},
		Dir:     dir,
		Env:     map[string]string{"_HANDLER": handler},
	}, nil
}

// splitHandler cuts "module.function" at its last dot.
func splitHandler(handler, example string) (module, function string, err error) {
	i := strings.LastIndexByte(handler, '.')
	if i <= 0 || i == len(handler)-1 {
		return "", "", fmt.Errorf("%q is not module.function: write for example %s", handler, example)
	}
	return handler[:i], handler[i+1:], nil
}

// oneOf checks that a module's file is there.
func oneOf(dir, module string, files ...string) error {
	for _, file := range files {
		if info, err := os.Stat(filepath.Join(dir, file)); err == nil && info.Mode().IsRegular() {
			return nil
		}
	}
	return fmt.Errorf("there is no module %s in %s: one of %s must be there", module, dir, strings.Join(files, ", "))
}

// goBuild builds a Go package into the user's cache and runs it as a bootstrap.
func goBuild(path, dir string) (Code, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, errors.New("go is not in PATH: install Go from https://go.dev/dl/")
	}
	folder := process.Within(dir, path)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("there is no folder %s: correct the path", folder)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	cache = filepath.Join(cache, "muster", "handlers", fmt.Sprintf("%x", sha256.Sum256([]byte(folder)))[:16])
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	// Built beside and moved into place: a bootstrap that runs is not disturbed.
	built, err := os.MkdirTemp(cache, "build-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(built) }() // a temporary folder
	build := exec.Command(tool, "build", "-o", filepath.Join(built, "bootstrap"), ".")
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build in %s: %w\n%s", folder, err, strings.TrimSpace(string(out)))
	}
	target := filepath.Join(cache, "bootstrap")
	if err := os.Rename(filepath.Join(built, "bootstrap"), target); err != nil {
		return nil, err
	}
	if err := process.Executable(target); err != nil {
		return nil, fmt.Errorf("%s is not a main package: %w", folder, err)
	}
	return Process{Command: []string{target}, Dir: folder}, nil
}
