package arch

import (
	"go/ast"
	"path"
	"testing"

	"github.com/stretchr/testify/assert"
)

// reallySlept are the files whose sleeps are meant: what sleeps in them is a
// child process, which a test kills.
var reallySlept = map[string]bool{
	"internal/local/lambda/command_test.go": true,
	"internal/local/lambda/main_test.go":    true,
	"internal/local/jobs/main_test.go":      true,
}

// sleeper finds the sleeps of one folder's tests that take real time. A sleep
// takes none inside a synctest bubble: in a function literal that is handed to
// synctest.Test, or to a function of the folder that calls it, or in a function
// that is only called from there. Who calls a method, or a function that is
// returned, is not followed: those are believed where the folder has bubbles.
type sleeper struct {
	files []source
	// bubbles are the folder's functions that open a bubble.
	bubbles map[string]bool
	// outside are, by the name of a function, the functions that mention it
	// outside of any bubble. A function that nobody mentions is not in it.
	outside map[string][]string
	// mentioned are the names of functions that are mentioned at all.
	mentioned map[string]bool
}

// sleepViolations lists the sleeps of one folder that take real time, and all
// that are not in tests.
func sleepViolations(files []source) []string {
	var found []string
	f := &sleeper{bubbles: map[string]bool{}, outside: map[string][]string{}, mentioned: map[string]bool{}}
	for _, s := range files {
		if s.isTest() || s.imported("testing") != "" {
			f.files = append(f.files, s)
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if s.uses(n, "time", "Sleep") {
				found = append(found, s.at(n)+" sleeps: use a timer that a context ends")
			}
			return true
		})
	}
	f.findBubbles()
	f.declarations(func(s source, d *ast.FuncDecl) {
		f.walk(s, d.Body, false, func(n ast.Node, inBubble bool) {
			if name, ok := n.(*ast.Ident); ok {
				f.mentioned[name.Name] = true
				if !inBubble && name.Name != d.Name.Name {
					f.outside[name.Name] = append(f.outside[name.Name], d.Name.Name)
				}
			}
		})
	})
	f.declarations(func(s source, d *ast.FuncDecl) {
		if reallySlept[s.path] {
			return
		}
		f.walk(s, d.Body, false, func(n ast.Node, inBubble bool) {
			believed := d.Recv != nil && len(f.bubbles) > 0
			if s.uses(n, "time", "Sleep") && !inBubble && !believed && !f.onlyInBubbles(d.Name.Name, nil) {
				found = append(found, s.at(n)+" sleeps outside a synctest bubble")
			}
		})
	})
	return found
}

// findBubbles finds the functions that open a bubble, by themselves or by
// others of them.
func (f *sleeper) findBubbles() {
	for before := -1; before != len(f.bubbles); {
		before = len(f.bubbles)
		f.declarations(func(s source, d *ast.FuncDecl) {
			ast.Inspect(d, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && f.opens(s, call.Fun) {
					f.bubbles[d.Name.Name] = true
				}
				return true
			})
		})
	}
}

func (f *sleeper) declarations(visit func(source, *ast.FuncDecl)) {
	for _, s := range f.files {
		for _, d := range s.file.Decls {
			if function, ok := d.(*ast.FuncDecl); ok && function.Body != nil {
				visit(s, function)
			}
		}
	}
}

// walk visits a node and all below it, and says of each whether it runs in a
// bubble.
func (f *sleeper) walk(s source, n ast.Node, inBubble bool, visit func(ast.Node, bool)) {
	ast.Inspect(n, func(n ast.Node) bool {
		if n == nil {
			return true
		}
		visit(n, inBubble)
		if inBubble {
			return true
		}
		switch x := n.(type) {
		case *ast.CallExpr:
			if !f.opens(s, x.Fun) {
				return true
			}
			f.walk(s, x.Fun, false, visit)
			for _, argument := range x.Args {
				f.walk(s, argument, true, visit)
			}
			return false
		case *ast.ReturnStmt:
			for _, result := range x.Results {
				_, literal := result.(*ast.FuncLit)
				f.walk(s, result, literal && len(f.bubbles) > 0, visit)
			}
			return false
		}
		return true
	})
}

// opens tells whether a call runs its arguments in a bubble.
func (f *sleeper) opens(s source, function ast.Expr) bool {
	if s.uses(function, "testing/synctest", "Test") {
		return true
	}
	switch x := function.(type) {
	case *ast.Ident:
		return f.bubbles[x.Name]
	case *ast.SelectorExpr:
		return f.bubbles[x.Sel.Name]
	}
	return false
}

// onlyInBubbles tells whether a function is mentioned, and only in bubbles or
// by functions of which that is true.
func (f *sleeper) onlyInBubbles(name string, seen []string) bool {
	for _, s := range seen {
		if s == name {
			return true
		}
	}
	if !f.mentioned[name] {
		return false
	}
	for _, by := range f.outside[name] {
		if !f.onlyInBubbles(by, append(seen, name)) {
			return false
		}
	}
	return true
}

func TestNobodySleeps(t *testing.T) {
	folders := map[string][]source{}
	for _, s := range sources(t) {
		folders[path.Dir(s.path)] = append(folders[path.Dir(s.path)], s)
	}
	for _, files := range folders {
		assert.Empty(t, sleepViolations(files))
	}
}

func TestSleepIsFound(t *testing.T) {
	const imports = "package x\nimport (\"testing\"; \"testing/synctest\"; \"time\")\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"in a test": {
			imports + "func TestX(t *testing.T) { time.Sleep(1) }\n",
			[]string{"x/x_test.go:3 sleeps outside a synctest bubble"},
		},
		"beside a bubble": {
			imports + "func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) {})\ntime.Sleep(1) }\n",
			[]string{"x/x_test.go:4 sleeps outside a synctest bubble"},
		},
		"in a helper that is also called outside": {
			imports + "func wait() { time.Sleep(1) }\nfunc TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { wait() })\nwait() }\n",
			[]string{"x/x_test.go:3 sleeps outside a synctest bubble"},
		},
		"in a method, where there are no bubbles": {
			"package x\nimport \"time\"\ntype x int\nfunc (x) wait() { time.Sleep(1) }\n",
			[]string{"x/x_test.go:4 sleeps outside a synctest bubble"},
		},
		"in a function that is returned, where there are no bubbles": {
			"package x\nimport \"time\"\nfunc wait() func() { return func() { time.Sleep(1) } }\n",
			[]string{"x/x_test.go:3 sleeps outside a synctest bubble"},
		},
		"in a helper that a helper calls outside": {
			imports + "func wait() { time.Sleep(1) }\nfunc more() { wait() }\nfunc TestX(t *testing.T) { more() }\n",
			[]string{"x/x_test.go:3 sleeps outside a synctest bubble"},
		},
		"in a test helper, under another name": {
			"package x\nimport pause \"time\"\nfunc poll() { pause.Sleep(1) }\n",
			[]string{"x/x_test.go:3 sleeps outside a synctest bubble"},
		},
		"in a bubble": {imports + "func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }\n", nil},
		"in a bubble that a helper opens": {
			imports + "func bubble(t *testing.T, f func()) { synctest.Test(t, func(t *testing.T) { f() }) }\n" +
				"func TestX(t *testing.T) { bubble(t, func() { time.Sleep(1) }) }\n", nil,
		},
		"in a bubble that a helper's helper opens": {
			imports + "func both(t *testing.T, f func()) { bubble(t, f) }\nfunc bubble(t *testing.T, f func()) { synctest.Test(t, func(t *testing.T) { f() }) }\n" +
				"func TestX(t *testing.T) { both(t, func() { time.Sleep(1) }) }\n", nil,
		},
		"in a helper that is called in bubbles": {
			imports + "func wait() { time.Sleep(1) }\nfunc more() { wait() }\n" +
				"func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { more() }) }\n", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, sleepViolations([]source{parse(t, "x/x_test.go", c.text)}))
		})
	}
}

func TestSleepIsFoundOutsideOfTests(t *testing.T) {
	test := parse(t, "x/x_test.go", "package x\nimport (\"testing\"; \"testing/synctest\")\nfunc TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) { Poll() }) }\n")
	product := parse(t, "x/x.go", "package x\nimport \"time\"\nfunc Poll() { time.Sleep(1) }\n")
	assert.Equal(t, []string{"x/x.go:3 sleeps: use a timer that a context ends"}, sleepViolations([]source{test, product}))
}
