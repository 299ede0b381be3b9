package costs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/meter"
)

const (
	readme = "../../../README.md"
	page   = "../../../docs/costs.md"
	begins = "<!-- Written by make costs. -->\n"
	ends   = "<!-- End of what make costs writes. -->\n"
)

func document(t *testing.T, path string) (before, table, after string) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), begins)
	require.True(t, ok, "%s has no place for the table", path)
	table, after, ok = strings.Cut(rest, ends)
	require.True(t, ok, "the table of %s has no end", path)
	return before, table, after
}

func write(t *testing.T, path, table string) {
	before, _, after := document(t, path)
	require.NoError(t, os.WriteFile(path, []byte(before+begins+table+ends+after), 0o644))
}

// amount writes dollars to three figures.
func amount(dollars float64) string {
	switch {
	case math.IsNaN(dollars):
		return "not possible"
	case dollars >= 100:
		return fmt.Sprintf("%.0f", dollars)
	case dollars >= 10:
		return fmt.Sprintf("%.1f", dollars)
	case dollars >= 1:
		return fmt.Sprintf("%.2f", dollars)
	}
	return fmt.Sprintf("%.3f", dollars)
}

// title of the table's first column.
func title(takes time.Duration) string {
	if takes == long {
		return "handlers of 30 s, a message each"
	}
	return "handlers of 100 ms, up to 10 messages each"
}

// tables are what was metered, as it is shown.
type tables struct {
	b strings.Builder
	record
}

// row of a table: a cell of a lane for each rate.
func (t *tables) row(name, lane string, takes time.Duration, value func(figure) string) {
	fmt.Fprintf(&t.b, "| %s |", name)
	for _, rate := range rates {
		fmt.Fprintf(&t.b, " %s |", value(t.Cells[key(lane, rate, takes)]))
	}
	t.b.WriteString("\n")
}

func (t *tables) heading(takes time.Duration) {
	fmt.Fprintf(&t.b, "| %s | 0.1/s | 1/s | 50/s | 1,000/s |\n|---|---:|---:|---:|---:|\n", title(takes))
}

// costs of all ways in dollars per million messages.
func (t *tables) costs(takes time.Duration) {
	t.heading(takes)
	row := func(name, lane string, of func(figure) float64) {
		t.row(name, lane, takes, func(f figure) string { return amount(of(f)) })
	}
	for _, lane := range lanes {
		row("**"+lane+" lane**", lane, func(f figure) float64 { return f.Fleet })
		row("of it SQS requests", lane, func(f figure) float64 { return f.Requests })
	}
	row("event source mapping", "stream", func(f figure) float64 { return f.rivals().mapping })
	row("the same, provisioned mode", "stream", func(f figure) float64 { return f.rivals().provisioned })
	t.row("Pipes", "stream", takes, func(f figure) string {
		least, most := amount(f.rivals().pipes), amount(f.rivals().pipesMost)
		if least == most {
			return least
		}
		return least + " to " + most
	})
	row("the handlers themselves", "stream", func(f figure) float64 { return f.Handlers })
	t.b.WriteString("\n")
}

// settings of the fleets that were metered.
func (t *tables) settings(takes time.Duration) {
	t.heading(takes)
	for _, lane := range lanes {
		row := func(name string, of func(figure) string) { t.row(lane+" lane: "+name, lane, takes, of) }
		row("fleets", func(f figure) string { return strconv.Itoa(f.Fleets) })
		for _, name := range []string{"MaxConcurrency", "Parallelism", "PumpMemory", "MinWorkers"} {
			if lane == "steps" && strings.HasPrefix(name, "P") {
				continue
			}
			row(name, func(f figure) string {
				if value, ok := f.Settings[name]; ok {
					return value
				}
				return "0"
			})
		}
		row("metered", func(f figure) string { return fmt.Sprintf("%d in %.0f min", f.Messages, f.Over.Minutes()) })
		row("transitions a message", func(f figure) string { return fmt.Sprintf("%.2g", f.Transitions) })
	}
	t.b.WriteString("\n")
}

// verdicts say where each rival is cheaper than the lanes.
func (t *tables) verdicts() {
	for _, rival := range []struct {
		name string
		of   func(rivals) float64
	}{
		{"An event source mapping", func(r rivals) float64 { return r.mapping }},
		{"Provisioned mode", func(r rivals) float64 { return r.provisioned }},
		{"Pipes, at one request an event,", func(r rivals) float64 { return r.pipes }},
	} {
		for _, lane := range lanes {
			var cheaper, dearer []string
			for _, takes := range []time.Duration{short, long} {
				for _, rate := range rates {
					its := rival.of(t.Cells[key("stream", rate, takes)].rivals())
					where := fmt.Sprintf("%v/s of %s", rate, takes)
					switch {
					case math.IsNaN(its):
					case its < t.Cells[key(lane, rate, takes)].Fleet:
						cheaper = append(cheaper, where)
					default:
						dearer = append(dearer, where)
					}
				}
			}
			switch {
			case len(dearer) == 0:
				fmt.Fprintf(&t.b, "- %s is cheaper than the %s lane in each of these, where it is possible.\n", rival.name, lane)
			case len(cheaper) == 0:
				fmt.Fprintf(&t.b, "- %s is dearer than the %s lane in each of these.\n", rival.name, lane)
			default:
				fmt.Fprintf(&t.b, "- %s is cheaper than the %s lane at %s; dearer at %s.\n", rival.name, lane, strings.Join(cheaper, ", "), strings.Join(dearer, ", "))
			}
		}
	}
}

// aims and what came out.
func (t *tables) aims() {
	t.b.WriteString("| aim | at most | metered |\n|---|---:|---:|\n")
	for _, a := range aims() {
		fmt.Fprintf(&t.b, "| %s | %v | %.3g |\n", a.name, a.most, t.Aims[a.name])
	}
	t.b.WriteString("\n")
}

// idle month.
func (t *tables) idle() {
	fmt.Fprintf(&t.b, "| an idle fleet, 30 days | | dollars |\n|---|---:|---:|\n")
	dollars := 0.0
	for _, l := range t.Idle {
		fmt.Fprintf(&t.b, "| %s | %.4g %s | %.4f |\n", l.Name, l.Quantity, l.Unit, l.Dollars)
		dollars += l.Dollars
	}
	fmt.Fprintf(&t.b, "| **all** | | **%.2f** |\n", dollars)
}

// show is what the README and the page on costs say of a record.
func (r record) show() (readme, page string) {
	t := &tables{record: r}
	t.costs(short)
	t.costs(long)
	t.verdicts()
	readme = t.b.String()
	t.b.WriteString("\nThe settings that were metered:\n\n")
	t.settings(short)
	t.settings(long)
	t.aims()
	t.idle()
	return readme, t.b.String()
}

// record is what was metered, kept in testdata.
type record struct {
	Cells map[string]figure  `json:"cells"`
	Aims  map[string]float64 `json:"aims"`
	Idle  []meter.Line       `json:"idle"`
}

const recorded = "testdata/metered.json"

func key(lane string, rate float64, takes time.Duration) string {
	return fmt.Sprintf("%s, %v/s, %s", lane, rate, takes)
}

func readRecord(t *testing.T) record {
	r := record{Cells: map[string]figure{}, Aims: map[string]float64{}}
	data, err := os.ReadFile(recorded)
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, &r))
	}
	return r
}

// keep what was metered.
func keep(t *testing.T, change func(*record)) {
	r := readRecord(t)
	change(&r)
	data, err := json.MarshalIndent(r, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(recorded, append(data, '\n'), 0o644))
}
