package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/musterq/muster/asl"
	"github.com/musterq/muster/internal/local/lambda"
)

// module is Muster's own Go module.
const module = "github.com/musterq/muster"

// functions finds the code of the template's functions, "../build/<name>".
type functions struct {
	// built is the folder that holds <name>/bootstrap.
	built string
}

// findFunctions looks for the functions beside the executable, where make build
// puts them, and else builds them from the checkout that dir is in.
func findFunctions(ctx context.Context, dir string, notice io.Writer) (*functions, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the muster executable: %w", err)
	}
	beside := filepath.Dir(executable)
	if _, err := os.Stat(filepath.Join(beside, "pump", "bootstrap")); err == nil {
		return &functions{beside}, nil
	}
	root, err := checkout(dir)
	if err != nil {
		return nil, err
	}
	if root == "" {
		return nil, fmt.Errorf("Muster's functions are neither in %s nor in a checkout of %s around %s: run 'make build' in a checkout and use build/local/muster, or run muster from within the checkout", beside, module, dir)
	}
	built, err := build(ctx, root, notice)
	if err != nil {
		return nil, err
	}
	return &functions{built}, nil
}

// checkout is the folder of Muster's own go.mod, dir or one above it. Empty if
// there is none.
func checkout(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		switch {
		case err == nil:
			first, _, _ := strings.Cut(string(text), "\n")
			if strings.TrimSpace(first) == "module "+module {
				return dir, nil
			}
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", nil
		}
		dir = parent
	}
}

// build builds the functions of a checkout for this machine into the user's
// cache. Go's build cache makes a repetition cheap.
func build(ctx context.Context, root string, notice io.Writer) (string, error) {
	folder, err := cacheOf(root)
	if err != nil {
		return "", err
	}
	staging := filepath.Join(folder, "staging")
	if err := os.MkdirAll(staging, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for the functions: %w", err)
	}
	slow := time.AfterFunc(time.Second, func() { fmt.Fprintln(notice, "Building functions...") })
	defer slow.Stop()
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", staging+string(filepath.Separator), "./functions/...")
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, &output, &output
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build Muster's functions in %s: %w\n%s", root, err, bytes.TrimSpace(output.Bytes()))
	}
	names, err := os.ReadDir(staging)
	if err != nil {
		return "", err
	}
	for _, name := range names {
		if err := install(filepath.Join(staging, name.Name()), filepath.Join(folder, name.Name())); err != nil {
			return "", fmt.Errorf("install the function %s: %w", name.Name(), err)
		}
	}
	return folder, nil
}

// cacheOf is the folder for what is built of a checkout.
func cacheOf(root string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for the functions: %w", err)
	}
	return filepath.Join(cache, "muster", fmt.Sprintf("%x", sha256.Sum256([]byte(root)))[:16]), nil
}

// install copies a binary to <folder>/bootstrap unless it is there already, and
// renames it into place: a process that runs the older one is not disturbed.
// The staged file stays, for go build to find it up to date.
func install(binary, folder string) error {
	target := filepath.Join(folder, "bootstrap")
	from, err := os.Stat(binary)
	if err != nil {
		return err
	}
	if to, err := os.Stat(target); err == nil && to.ModTime().After(from.ModTime()) {
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	code, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	next := filepath.Join(folder, fmt.Sprintf("bootstrap.%d", os.Getpid()))
	if err := os.WriteFile(next, code, 0o755); err != nil {
		return err
	}
	return os.Rename(next, target)
}

// resolve finds a function's code by its path in the template.
func (f *functions) resolve(local string) (lambda.Code, error) {
	return lambda.Load("provided.al2023", "bootstrap", filepath.Join(f.built, path.Base(local)))
}

// definition reads a state machine's definition by its path in the template.
func definition(local string) ([]byte, error) {
	switch path.Base(local) {
	case "autoscaler.asl.json":
		return []byte(asl.Autoscaler), nil
	case "worker.asl.json":
		return []byte(asl.Worker), nil
	}
	return nil, fmt.Errorf("the template names the file %s: muster has autoscaler.asl.json and worker.asl.json", local)
}
