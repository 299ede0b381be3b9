package arch

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// maxLines is the length from which a file is too long.
const maxLines = 500

// lengthViolations lists a file that is too long.
func lengthViolations(s source) []string {
	if lines := strings.Count(s.text, "\n"); lines >= maxLines {
		return []string{fmt.Sprintf("%s has %d lines: files stay under %d", s.path, lines, maxLines)}
	}
	return nil
}

// skipViolations lists how a test could silently not run.
func skipViolations(s source) []string {
	if s.imported("testing") == "" {
		return nil
	}
	var found []string
	for _, group := range s.file.Comments {
		for _, comment := range group.List {
			if s.isTest() && constraint.IsGoBuild(comment.Text) {
				found = append(found, s.at(comment)+" is built under a condition")
			}
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if s.uses(n, "testing", "Short") {
			found = append(found, s.at(n)+" asks for testing.Short")
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
			switch selector.Sel.Name {
			case "Skip", "Skipf", "SkipNow":
				found = append(found, s.at(n)+" calls "+selector.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestHabits(t *testing.T) {
	for _, s := range sources(t) {
		assert.Empty(t, lengthViolations(s))
		assert.Empty(t, skipViolations(s))
	}
}

func TestHabitsAreViolated(t *testing.T) {
	for name, c := range map[string]struct {
		check func(source) []string
		text  string
		want  []string
	}{
		"too long": {
			lengthViolations, "package x\n" + strings.Repeat("\n", 499),
			[]string{"x/x_test.go has 500 lines: files stay under 500"},
		},
		"as long as may be": {lengthViolations, "package x\n" + strings.Repeat("\n", 498), nil},
		"skipped": {
			skipViolations, "package x\nimport \"testing\"\nfunc TestX(t *testing.T) { t.Skip(\"no network\") }\n",
			[]string{"x/x_test.go:3 calls Skip"},
		},
		"skipped by a helper": {
			skipViolations, "package x\nimport \"testing\"\nfunc need(r struct{ t testing.TB }) { r.t.SkipNow() }\n",
			[]string{"x/x_test.go:3 calls SkipNow"},
		},
		"skipped by a flag": {
			skipViolations, "package x\nimport \"testing\"\nfunc TestX(t *testing.T) { if !testing.Short() { return } }\n",
			[]string{"x/x_test.go:3 asks for testing.Short"},
		},
		"skipped by a tag": {
			skipViolations, "//go:build integration\n\npackage x\nimport \"testing\"\nfunc TestX(t *testing.T) {}\n",
			[]string{"x/x_test.go:1 is built under a condition"},
		},
		"a field named Skip is another": {
			skipViolations, "package x\nimport \"testing\"\ntype fault struct{ Skip int }\nfunc TestX(t *testing.T) { _ = fault{}.Skip }\n", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, c.check(parse(t, "x/x_test.go", c.text)))
		})
	}
}
