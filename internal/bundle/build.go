package bundle

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Architecture of Lambda's machines, as the template's parameter has it.
type Architecture string

// The architectures that functions run on.
const (
	ARM64 Architecture = "arm64"
	X8664 Architecture = "x86_64"
)

// machines are how Go and ELF name the architectures.
var machines = map[Architecture]struct {
	goarch  string
	machine elf.Machine
}{
	ARM64: {"arm64", elf.EM_AARCH64},
	X8664: {"amd64", elf.EM_X86_64},
}

// ArchitectureOf is the architecture that Go calls goarch. Empty if Lambda has
// none such.
func ArchitectureOf(goarch string) Architecture {
	for a, m := range machines {
		if m.goarch == goarch {
			return a
		}
	}
	return ""
}

// Build builds the functions of a checkout for Lambda, as make package does, to
// <folder>/<name>. Nothing of the machine or of the checkout's place gets into
// them.
func Build(ctx context.Context, checkout, folder string, a Architecture) error {
	m, ok := machines[a]
	if !ok {
		return fmt.Errorf("build functions: there is no architecture %q: it is %s or %s", a, ARM64, X8664)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make a folder for the functions: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-tags", "lambda.norpc",
		"-o", folder+string(filepath.Separator), "./functions/...")
	// What the user has set for other builds must not change the bytes.
	cmd.Dir, cmd.Env = checkout, append(cmd.Environ(),
		"PWD="+checkout, "GOOS=linux", "GOARCH="+m.goarch, "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOARM64=v8.0", "GOAMD64=v1", "GOFIPS140=off")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build Muster's functions in %s for %s: %w\n%s", checkout, a, err, bytes.TrimSpace(output.Bytes()))
	}
	return nil
}

// Read reads a function's executable and refuses one that Lambda could not run
// on this architecture.
func Read(path string, a Architecture) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the function: %w", err)
	}
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s is no executable for Linux, which Lambda is (%w): build it in a checkout of Muster with 'make package'", path, err)
	}
	if want := machines[a].machine; file.Machine != want {
		return nil, fmt.Errorf("%s is built for %s and Architecture is %s: set Architecture to fit, or deploy from a checkout of Muster, which builds for either", path, file.Machine, a)
	}
	return data, nil
}
