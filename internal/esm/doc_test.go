package esm_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/esm.md anew")

const esmPage = "../../docs/esm.md"

// docs/esm.md is the table of the cases that are run.
func TestESMDocument(t *testing.T) {
	want := document()
	if *update {
		require.NoError(t, os.WriteFile(esmPage, []byte(want), 0o644))
	}
	got, err := os.ReadFile(esmPage)
	require.NoError(t, err)
	assert.Equal(t, want, string(got), "docs/esm.md is not the table: go test ./internal/esm -run TestESMDocument -update")
}

func document() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Beside an event source mapping

What becomes of a batch of three messages, *a*, *b* and *c*, when its handler answers or fails so: with a Lambda event source mapping that has `+"`ReportBatchItemFailures`"+`, by [AWS's pages](%s), and with Muster. Expected results are written by hand from those pages; `+"`internal/esm`"+` runs each case in both lanes, and this table is written from it:

    go test ./internal/esm -run TestESMDocument -update

*Deleted* is success, *returned* goes back to the queue: after the visibility timeout with a mapping, after the fleet's backoff with Muster, which also keeps the reason. $a, $b and $c are the messages' identifiers. Where AWS's pages say nothing the cell is empty, and Muster takes the reading that loses no message, unless a note says why not.

`, errorHandling)
	notes := &notes{numbers: map[string]int{}}
	for _, section := range []struct {
		title, column string
		cases         []conformanceCase
	}{{"Replies", "reply", replies}, {"Failures", "the handler ends with", failures}, {"FIFO queues", "the handler of *a*", fifo}, {"retryAfterSeconds", "reply", extensions}} {
		fmt.Fprintf(&b, "## %s\n| case | %s | AWS says | Muster |\n|---|---|---|---|\n", section.title, section.column)
		for _, c := range section.cases {
			fmt.Fprintf(&b, "| %s | %s | %s | %s%s |\n", c.name, c.answer(), c.quoted(), c.outcome(), notes.number(c.note))
		}
		b.WriteString("\n")
	}
	b.WriteString("## Notes\n")
	for i, text := range notes.texts {
		fmt.Fprintf(&b, "%d. %s\n", i+1, text)
	}
	b.WriteString("\n")
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		fmt.Fprintf(&b, "[%s]: %s\n", name, pages[name])
	}
	return b.String()
}

func (c conformanceCase) answer() string {
	switch {
	case c.fault != nil:
		return "Lambda's error " + c.fault().Error.Code
	case c.fails != nil:
		return c.name
	case len(c.reply) > 200:
		return fmt.Sprintf("`%s...`, %d KiB", c.reply[:20], len(c.reply)>>10)
	case c.reply == "":
		return "nothing"
	case strings.TrimSpace(c.reply) == "":
		return "white space"
	}
	return "`" + strings.NewReplacer("\r", "", "\n", " ").Replace(strings.TrimSpace(c.reply)) + "`"
}

func (c conformanceCase) quoted() string {
	if c.says == "" {
		return ""
	}
	return fmt.Sprintf("[%s][%s]", c.says, c.page)
}

func (c conformanceCase) outcome() string {
	text := ending(c.returned)
	if c.order != "" {
		text += "; calls *" + strings.Join(strings.Split(c.order, ""), "*, *") + "*"
	}
	if c.after > 0 {
		text += fmt.Sprintf(", for %s at least", c.after)
	}
	if c.steps != nil {
		text += "; in the steps lane " + ending(*c.steps)
	}
	return text
}

func ending(returned string) string {
	switch returned {
	case "":
		return "deleted"
	case "abc":
		return "returned"
	}
	return "returned: *" + strings.Join(strings.Split(returned, ""), "*, *") + "*"
}

// notes are numbered in the order in which they are first needed.
type notes struct {
	numbers map[string]int
	texts   []string
}

func (n *notes) number(text string) string {
	if text == "" {
		return ""
	}
	if n.numbers[text] == 0 {
		n.texts = append(n.texts, text)
		n.numbers[text] = len(n.texts)
	}
	return fmt.Sprintf(" (note %d)", n.numbers[text])
}
