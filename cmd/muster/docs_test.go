package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	embedded "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/conformance"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/local/lambda"
)

// bin has the muster executable and its functions, as make build lays them out.
var bin string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "muster-docs-")
	if err == nil {
		defer os.RemoveAll(dir)
		bin, err = filepath.Join(dir, "bin"), layOut(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lay out the command:", err)
		return 1
	}
	return m.Run()
}

// layOut builds the command and the functions into dir/bin.
func layOut(dir string) error {
	built := filepath.Join(dir, "built")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", built+string(filepath.Separator), "./cmd/muster", "./functions/...")
	build.Dir = "../.."
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	entries, err := os.ReadDir(built)
	if err != nil {
		return err
	}
	for _, e := range entries {
		to := filepath.Join(dir, "bin", e.Name(), "bootstrap")
		if e.Name() == "muster" {
			to = filepath.Join(dir, "bin", "muster")
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(built, e.Name()), to); err != nil {
			return err
		}
	}
	return nil
}

// documents are the README and all of docs, by their paths.
func documents(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	texts := map[string]string{}
	for _, path := range append(paths, "../../README.md") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts[path] = string(text)
	}
	return texts
}

func readme(t *testing.T) string { return documents(t)["../../README.md"] }

func help(t *testing.T, verb ...string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), filepath.Join(bin, "muster"), append(verb, "--help")...).Output()
	require.NoError(t, err)
	return string(output)
}

// What a document shows in its console blocks is what happens.
func TestDocuments(t *testing.T) {
	for path, text := range documents(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			assert.Empty(t, newSession(t, bin).try(text))
		})
	}
}

// The README's example begins with the demo: a console block that is not found
// would be one that is not tried.
func TestTheReadmeIsTried(t *testing.T) {
	list, err := steps(readme(t))
	require.NoError(t, err)
	var commands []string
	for _, s := range list {
		commands = append(commands, strings.Join(strings.Fields(s.command)[:min(2, len(strings.Fields(s.command)))], " "))
	}
	assert.Equal(t, "go run", commands[0])
	assert.Subset(t, commands, []string{"muster run", "muster up", "muster send", "muster status", "aws --endpoint-url"})
}

func TestWrongDocuments(t *testing.T) {
	s := newSession(t, bin)
	for name, c := range map[string]struct {
		block string
		// wrong are parts of what is found, none for a document that is right.
		wrong []string
	}{
		"right":                        {"$ echo 'took 1m3s, 12,345 in all'\ntook 2.5s, 7 in all", nil},
		"right, several lines":         {"$ printf 'a 1\\nb  2\\n'\na 10\nb   3", nil},
		"right, progress":              {"$ echo 'depth 0 | going home 1 | in hand 0/3 | handled 2 | failed 0 | 2/s'\ndepth 2 | workers 1 | in hand 1/3 | handled 0 | failed 0 | 0/s\ndepth 0 | going home 0 | in hand 0/3 | handled 2 | failed 0 | 2/s", nil},
		"right, in the background":     {"$ sh -c 'echo ready; cat' &\nready", nil},
		"right, a file that is shown":  {"$ cat there.sh\n#!/bin/sh\necho \"$1\"\n$ ./there.sh hello\nhello", nil},
		"right, a file that was made":  {"$ echo 12 > made\n$ cat made\n7", nil},
		"another text":                 {"$ echo handled\nfailed", []string{"line 2: $ echo handled: the document shows\nfailed\nbut it prints\nhandled"}},
		"another file":                 {"$ echo mine > other\n$ cat other\nyours", []string{"line 3: $ cat other: the document shows\nyours\nbut it prints\nmine"}},
		"a line too many":              {"$ echo one\none\nmore", []string{"the document shows\none\nmore\nbut it prints\none"}},
		"a line too few":               {"$ printf 'one\\nmore\\n'\none", []string{"but it prints\none\nmore"}},
		"nothing shown":                {"$ echo one", []string{"but it prints\none"}},
		"progress of another shape":    {"$ echo 'depth 0 | working 1'\ndepth 0 | workers 1 | in hand 0/3 | handled 2 | failed 0 | 2/s", []string{"but it prints\ndepth 0 | working 1"}},
		"progress that is not printed": {"$ true\ndepth 0 | workers 1 | in hand 0/3 | handled 2 | failed 0 | 2/s", []string{"but it prints\n"}},
		"a command that fails":         {"$ false\n$ echo on\non", []string{"line 2: $ false: exit status 1"}},
		"a verb that there is not":     {"$ muster muddle", []string{"exit status 2\nmuster: unknown command \"muddle\""}},
		"a flag that there is not":     {"$ muster run --concurrency 3", []string{"exit status 2\nmuster: unknown flag: --concurrency"}},
		"a summary that has changed":   {"$ muster run --messages /dev/null --handler cat --json\n{\"messages\":0,\"done\":0}", []string{`but it prints`}},
		"a block without a command":    {"echo one", []string{"line 2: a console block begins with a command"}},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := s.try("```console\n" + c.block + "\n```\n")
			require.Len(t, wrong, len(c.wrong), "%q", wrong)
			for i, part := range c.wrong {
				assert.Contains(t, wrong[i], part)
			}
		})
	}
	assert.Equal(t, []string{"the last console block is not closed"}, s.try("```console\n$ true\n"))
}

// Paths between documents lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]+))?\)`)
	texts := documents(t)
	for path, text := range texts {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(m[1], "https://") {
				continue
			}
			to := path
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(path), m[1])
				assert.FileExists(t, to, "%s links to %s", path, m[1])
			}
			if m[2] != "" {
				assert.Contains(t, anchors(texts[to]), m[2], "%s links to %s#%s", path, m[1], m[2])
			}
		}
	}
}

// Every parameter of the template is a flag, but for the handlers' ARNs.
func TestParametersAreFlags(t *testing.T) {
	template, err := cloudformation.Parse("cloudformation/fleet.yaml", embedded.Fleet)
	require.NoError(t, err)
	upper := regexp.MustCompile(`\B[A-Z]`)
	for _, verb := range []string{"run", "up", "demo"} {
		text := help(t, verb)
		for _, p := range template.Parameters {
			flag := "--" + strings.ToLower(upper.ReplaceAllString(p.Name, "-$0")) + " "
			if p.Name == "ProcessHandler" || p.Name == "TransformHandler" {
				assert.NotContains(t, text, flag, "muster %s --help", verb)
				continue
			}
			assert.Contains(t, text, flag, "muster %s --help", verb)
			assert.Contains(t, text, p.Description, "muster %s --help", verb)
		}
	}
	for _, flag := range []string{"--handler ", "--transform "} {
		assert.Contains(t, help(t, "run"), flag)
	}
}

// The kinds of handlers are the same in the README, in the help and in the code.
func TestHandlers(t *testing.T) {
	kinds := func(pattern, text string) []string {
		var found []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
		return found
	}
	_, table, _ := strings.Cut(readme(t), "| handler | what runs |")
	table, _, _ = strings.Cut(table, "\n\n")
	inReadme := kinds("`([a-z]+):", table)
	assert.Equal(t, []string{"exec", "runtime", "python", "node", "go"}, inReadme)
	for _, verb := range []string{"run", "up"} {
		assert.Equal(t, inReadme, kinds(`(?m)^  ([a-z]+):`, help(t, verb)), "muster %s --help", verb)
	}
	refused := func(kind string) string {
		_, err := lambda.ParseHandler(kind+":./no.such", t.TempDir())
		require.Error(t, err)
		return err.Error()
	}
	for _, kind := range inReadme {
		assert.NotContains(t, refused(kind), "is no kind of handler")
	}
	assert.Contains(t, refused("ruby"), "is no kind of handler")
}

// The exit statuses of the README are those of the help.
func TestExitStatuses(t *testing.T) {
	words := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	_, statuses, found := strings.Cut(words(help(t)), "Exit status: ")
	require.True(t, found)
	statuses, _, found = strings.Cut(statuses, ".")
	require.True(t, found)
	assert.Contains(t, words(readme(t)), "Exit status: "+statuses)
}

// The README explains each field of the summary and of a message's outcome, and
// none that there is not.
func TestFields(t *testing.T) {
	keys := func(line []byte) []string {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(line, &fields), "%s", line)
		return slices.Sorted(maps.Keys(fields))
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "one.jsonl"), []byte("\"one\"\n"), 0o600))
	run := exec.CommandContext(t.Context(), filepath.Join(bin, "muster"),
		"run", "--messages", "one.jsonl", "--handler", "true", "--json", "--out", "out.jsonl", "--idle-seconds", "1")
	run.Dir = dir
	summary, err := run.Output()
	require.NoError(t, err)
	outcome, err := os.ReadFile(filepath.Join(dir, "out.jsonl"))
	require.NoError(t, err)

	_, table, _ := strings.Cut(readme(t), "| field |")
	table, after, _ := strings.Cut(table, "\n\n")
	var explained []string
	for _, row := range strings.Split(table, "\n") {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
		for _, m := range regexp.MustCompile("`([a-zA-Z]+)`").FindAllStringSubmatch(cell, -1) {
			explained = append(explained, m[1])
		}
	}
	assert.ElementsMatch(t, keys(summary), explained)
	for _, key := range keys(outcome) {
		assert.Contains(t, after, "`"+key+"`")
	}
}

// The counts of docs/conformance.md are the suite's, and so are its flags.
func TestConformanceDocument(t *testing.T) {
	text := documents(t)["../../docs/conformance.md"]
	counts := map[string]int{}
	for _, c := range conformance.Cases() {
		counts[c.Service]++
		counts["all"]++
	}
	shown := map[string]int{}
	for _, m := range regexp.MustCompile("(?m)^\\| `?(\\w+)`? \\| (\\d+) \\|").FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[2])
		require.NoError(t, err)
		shown[m[1]] = n
	}
	assert.Equal(t, counts, shown)

	source, err := os.ReadFile("../../internal/conformance/conformance_test.go")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`flag\.\w+\("([a-z]+)"`).FindAllSubmatch(source, -1) {
		assert.Contains(t, text, "`-"+string(m[1])+"`", "a flag of the suite")
	}
}
