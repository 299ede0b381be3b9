package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// module is the project's own import path.
const module = "github.com/musterq/muster"

// layer is a part of the project and the layers that it may depend on.
type layer struct {
	name   string
	mayUse []string
	// folders that belong to it, with all below them.
	folders []string
	// standardOnly says that it uses nothing but the standard library.
	standardOnly bool
}

var layers = []layer{
	{name: "languages of AWS", standardOnly: true, folders: []string{"internal/pattern", "internal/price", "internal/schedule"}},
	{name: "domain", standardOnly: true, folders: []string{"internal/message", "internal/scale"}},
	{
		name: "product", mayUse: []string{"languages of AWS", "domain", "product"},
		folders: []string{
			"asl", "cloudformation", "functions", "task", "internal/autoscaler", "internal/deadletter", "internal/duplicate", "internal/filter",
			"internal/fleet", "internal/function",
			"internal/handler", "internal/hold", "internal/pump", "internal/queue", "internal/httpclient", "internal/registry", "internal/route", "internal/steps",
		},
	},
	{name: "embedded AWS", mayUse: []string{"languages of AWS", "embedded AWS"}, folders: []string{"internal/local"}},
	{
		name: "outside", mayUse: []string{"languages of AWS", "domain", "product", "embedded AWS", "outside"},
		folders: []string{"cmd", "docs", "internal/adopt", "internal/arch", "internal/bundle", "internal/cli", "internal/conformance", "internal/esm", "internal/estate", "internal/explore", "internal/rollout", "internal/scenario", "internal/sim", "internal/upgrade"},
	},
}

// goPackage is a package as go list tells of it.
type goPackage struct {
	ImportPath string
	// Deps are all packages that it depends on, directly or not.
	Deps []string
}

// layerOf finds a package's layer. Nil for a package that has no place.
func layerOf(importPath string) *layer {
	for i, l := range layers {
		for _, folder := range l.folders {
			path := module + "/" + folder
			if importPath == path || strings.HasPrefix(importPath, path+"/") {
				return &layers[i]
			}
		}
	}
	return nil
}

// importViolations lists the dependencies that cross layers the wrong way.
func importViolations(packages []goPackage) []string {
	var found []string
	for _, p := range packages {
		if !strings.HasPrefix(p.ImportPath, module) {
			continue
		}
		own := layerOf(p.ImportPath)
		if own == nil {
			found = append(found, p.ImportPath+" belongs to no layer: give it a place in internal/arch")
			continue
		}
		for _, dep := range p.Deps {
			switch {
			case strings.HasPrefix(dep, module):
				if of := layerOf(dep); of != nil && !slices.Contains(own.mayUse, of.name) {
					found = append(found, fmt.Sprintf("%s (%s) depends on %s (%s)", p.ImportPath, own.name, dep, of.name))
				}
			case own.standardOnly && !standard(dep):
				found = append(found, fmt.Sprintf("%s (%s) depends on %s, which is not of the standard library", p.ImportPath, own.name, dep))
			}
		}
	}
	slices.Sort(found)
	return found
}

// standard tells whether an import path is the standard library's: its first
// element is no host name.
func standard(importPath string) bool {
	host, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(host, ".")
}

func TestLayers(t *testing.T) {
	packages := list(t)
	assert.Empty(t, importViolations(packages))

	var names []string
	for _, p := range packages {
		names = append(names, p.ImportPath)
	}
	for _, name := range []string{"internal/message", "internal/scale", "internal/pump", "functions/pump", "internal/local", "internal/local/sqs", "cmd/muster"} {
		assert.Contains(t, names, module+"/"+name, "the listing must see it for the rule to hold")
	}
}

// list lists the project's packages with go list.
func list(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Deps", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(output)); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

func TestLayersAreViolated(t *testing.T) {
	for name, c := range map[string]struct {
		importPath, dep, want string
	}{
		"the domain uses the product": {
			module + "/internal/scale", module + "/internal/registry",
			module + "/internal/scale (domain) depends on " + module + "/internal/registry (product)",
		},
		"one part of the domain uses the other": {
			module + "/internal/message", module + "/internal/scale",
			module + "/internal/message (domain) depends on " + module + "/internal/scale (domain)",
		},
		"the domain uses a library": {
			module + "/internal/message", "github.com/google/uuid",
			module + "/internal/message (domain) depends on github.com/google/uuid, which is not of the standard library",
		},
		"a function uses the embedded AWS": {
			module + "/functions/pump", module + "/internal/local/sqs",
			module + "/functions/pump (product) depends on " + module + "/internal/local/sqs (embedded AWS)",
		},
		"the product uses the command": {
			module + "/internal/pump", module + "/internal/cli",
			module + "/internal/pump (product) depends on " + module + "/internal/cli (outside)",
		},
		"the product uses the simulator": {
			module + "/internal/autoscaler", module + "/internal/sim",
			module + "/internal/autoscaler (product) depends on " + module + "/internal/sim (outside)",
		},
		"the embedded AWS uses the product": {
			module + "/internal/local/lambda", module + "/internal/message",
			module + "/internal/local/lambda (embedded AWS) depends on " + module + "/internal/message (domain)",
		},
		"a package without a place": {
			module + "/internal/utils", "fmt",
			module + "/internal/utils belongs to no layer: give it a place in internal/arch",
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, []string{c.want}, importViolations([]goPackage{{ImportPath: c.importPath, Deps: []string{"fmt", c.dep}}}))
		})
	}
}
