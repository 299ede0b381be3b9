package table_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the table of docs/guarantees.md anew")

// Every combination stands in the table, once.
func TestFaultTableIsWhole(t *testing.T) {
	count := map[string]int{}
	for _, r := range rows {
		for _, c := range r.cells() {
			count[c.name()]++
		}
	}
	for _, r := range refusals {
		for _, c := range r.cells() {
			for _, c.fault = range faults {
				count[c.name()]++
			}
		}
	}
	for name, n := range count {
		assert.Equal(t, 1, n, name)
	}
	for _, f := range faults {
		for _, w := range allWays {
			for _, lane := range lanes {
				assert.NotZero(t, count[cell{row: row{fault: f}, way: w, lane: lane, queue: standard}.name()], "%s, %s, %s", f, w, lane)
			}
		}
	}
}

const page = "../../../docs/guarantees.md"

const (
	tableBegins = "<!-- The table is written by: go test ./internal/scenario/table -run TestFaultTable -update -->\n"
	tableEnds   = "<!-- End of the table. -->\n"
)

// docs/guarantees.md has the table of the rows that are run.
func TestFaultTableInTheDocument(t *testing.T) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), tableBegins)
	require.True(t, ok, "%s has no place for the table", page)
	_, after, ok := strings.Cut(rest, tableEnds)
	require.True(t, ok, "the table of %s has no end", page)
	want := before + tableBegins + document() + tableEnds + after
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
		text = []byte(want)
	}
	assert.Equal(t, want, string(text), "the table of %s is not that of the tests: go test ./internal/scenario/table -run TestFaultTable -update", page)
}

// document is the table as the page has it.
func document() string {
	var b strings.Builder
	b.WriteString("| what goes wrong | mode | lane | what becomes of the message | back within |\n|---|---|---|---|---|\n")
	for _, f := range faults {
		wrong := string(f)
		for _, r := range rows {
			if r.fault != f {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", wrong, names(r.ways), r.where(), r.fate(), r.in())
			wrong = ""
		}
	}
	b.WriteString("\nWhat cannot work is refused by rules of the template, and by each tick of the autoscaler before a worker starts:\n\n| mode | lane | refused with |\n|---|---|---|\n")
	for _, r := range refusals {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", names(r.ways), row{lanes: r.lanes, queues: r.queues}.where(), r.says)
	}
	return b.String()
}

// names are those of modes, all jobs together as one.
func names(ways []way) string {
	text := string(ways[0])
	for _, w := range ways[1:] {
		text += ", " + string(w)
	}
	for all, name := range map[*[]way]string{&jobsAlone: "any job", &jobsWithToken: "any job with token"} {
		var each []string
		for _, w := range *all {
			each = append(each, string(w))
		}
		text = strings.Replace(text, strings.Join(each, ", "), name, 1)
	}
	return text
}

// where is the lane, and the queue if it is for FIFO queues only.
func (r row) where() string {
	where := strings.Join(r.lanes, ", ")
	if slices.Equal(r.queues, []string{fifo}) {
		where += ", FIFO queue"
	}
	return where
}

// fate is what becomes of the message, in words.
func (r row) fate() string {
	if r.never != "" {
		return "cannot happen: " + r.never
	}
	var fate string
	switch {
	case r.end == deadLettered:
		fate = fmt.Sprintf("in the dead-letter queue after %d receives, each tried", r.receives)
	case r.end == givenUp:
		fate = fmt.Sprintf("at the function's on-failure destination after %d tries", r.starts)
	case r.effects > 1:
		fate = "handled twice"
	case r.receives > 1:
		fate = "handled at its second receive"
	case r.starts > 1:
		fate = "handled at the second try"
	default:
		fate = "handled, received once"
	}
	if r.says != "" {
		fate += "; " + r.says
	}
	return fate
}

// in is in what time the message is back, in words.
func (r row) in() string {
	var parts []string
	if r.back.of != "" {
		parts = append(parts, r.back.of)
	}
	if r.back.plus > 0 {
		parts = append(parts, inWords(r.back.plus))
	}
	if r.back.backoff {
		parts = append(parts, "its backoff")
	}
	return strings.Join(parts, " + ")
}

func inWords(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return fmt.Sprintf("%d seconds", d/time.Second)
}
