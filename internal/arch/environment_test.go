package arch

import (
	"go/ast"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// surroundings are the names by which a program reads its environment, or ends.
var surroundings = map[string][]string{
	"os":      {"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv", "Unsetenv", "Clearenv", "Exit"},
	"syscall": {"Getenv", "Environ", "Setenv", "Unsetenv", "Clearenv", "Exit"},
	"log":     {"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln"},
}

// inherited are the variables that a function's process inherits where nothing
// else is said: without them no interpreter is found.
var inherited = map[string][]string{"internal/local/process/environ.go": {`"PATH"`, `"HOME"`}}

// surrounded are the folders that may, beside mains and test files: the command,
// what only tests import, and what a team's job reads its message with, which is
// in its environment.
var surrounded = []string{"internal/cli/", "internal/conformance/", "internal/scenario/", "task/"}

// environmentViolations lists where a file reads the environment or ends the
// program and may not.
func environmentViolations(s source) []string {
	inSurrounded := func(folder string) bool { return strings.HasPrefix(s.path, folder) }
	if s.isTest() || s.file.Name.Name == "main" || slices.ContainsFunc(surrounded, inSurrounded) {
		return nil
	}
	var found []string
	for importPath, names := range surroundings {
		if s.imported(importPath) == "." {
			found = append(found, s.path+" takes the names of "+importPath+" for its own")
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && s.uses(call.Fun, "os", "Getenv") && s.mayRead(call) {
				return false
			}
			if s.uses(n, importPath, names...) {
				found = append(found, s.at(n)+" uses "+importPath+"."+n.(*ast.SelectorExpr).Sel.Name)
			}
			return true
		})
	}
	return found
}

func (s source) mayRead(call *ast.CallExpr) bool {
	name, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return false
	}
	for _, allowed := range inherited[s.path] {
		if name.Value == allowed {
			return true
		}
	}
	return false
}

func TestEnvironment(t *testing.T) {
	for _, s := range sources(t) {
		assert.Empty(t, environmentViolations(s))
	}
}

func TestEnvironmentIsViolated(t *testing.T) {
	for name, c := range map[string]struct {
		path, text string
		want       []string
	}{
		"a variable": {
			"internal/pump/pump.go", "package pump\nimport \"os\"\nvar queue = os.Getenv(\"QUEUE\")\n",
			[]string{"internal/pump/pump.go:3 uses os.Getenv"},
		},
		"under another name, as a value": {
			"internal/pump/pump.go", "package pump\nimport system \"os\"\nvar lookup = system.LookupEnv\n",
			[]string{"internal/pump/pump.go:3 uses os.LookupEnv"},
		},
		"without a name": {
			"internal/pump/pump.go", "package pump\nimport . \"os\"\nvar queue = Getenv(\"QUEUE\")\n",
			[]string{"internal/pump/pump.go takes the names of os for its own"},
		},
		"an end": {
			"internal/local/sqs/sqs.go", "package sqs\nimport \"log\"\nfunc f() { log.Fatalf(\"no\") }\n",
			[]string{"internal/local/sqs/sqs.go:3 uses log.Fatalf"},
		},
		"a variable that a child does not inherit": {
			"internal/local/process/environ.go", "package process\nimport \"os\"\nvar path, user = os.Getenv(\"PATH\"), os.Getenv(\"USER\")\n",
			[]string{"internal/local/process/environ.go:3 uses os.Getenv"},
		},
		"a main may":      {"functions/pump/main.go", "package main\nimport \"os\"\nfunc main() { os.Exit(1) }\n", nil},
		"the command may": {"internal/cli/cli.go", "package cli\nimport \"os\"\nvar home = os.Getenv(\"HOME\")\n", nil},
		"a test may":      {"internal/pump/pump_test.go", "package pump\nimport \"os\"\nvar home = os.Getenv(\"HOME\")\n", nil},
		"a method of that name is another": {
			"internal/pump/pump.go", "package pump\ntype o struct{}\nfunc (o) Exit() {}\nfunc f(os o) { os.Exit() }\n", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, environmentViolations(parse(t, c.path, c.text)))
		})
	}
}
