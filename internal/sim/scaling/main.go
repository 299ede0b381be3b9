// Command scaling writes the results of docs/scaling.md: make scaling.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/musterq/muster/internal/sim"
)

const (
	document = "docs/scaling.md"
	traces   = "internal/sim/testdata/traces"
	begin    = "<!-- results: make scaling -->\n"
	end      = "<!-- end of results -->"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "scaling:", err)
		os.Exit(1)
	}
}

// write puts what the suite tells between the document's marks.
func write() error {
	var suite []sim.NamedTrace
	paths, err := filepath.Glob(filepath.Join(traces, "*.csv"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("no traces in %s: run it in the checkout's folder", traces)
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		t, err := sim.ReadTrace(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		suite = append(suite, sim.NamedTrace{Name: strings.TrimSuffix(filepath.Base(path), ".csv"), Trace: t})
	}
	results, err := sim.Suite(suite)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no %q ... %q", document, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(document, []byte(before+begin+"\n"+results+"\n"+end+after), 0o644)
}
