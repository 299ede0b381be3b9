package costs_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/meter"
	"github.com/musterq/muster/internal/price"
)

var (
	update = flag.Bool("update", false, "meter all fleets, and write the tables of README.md and docs/costs.md anew")
	lines  = flag.Bool("lines", false, "log each line of each bill")
)

const (
	short = 100 * time.Millisecond
	// oneShift of the stream lane with handlers' time-outs of a minute: what
	// happens once a shift counts once.
	oneShift = 13 * time.Minute
	// monthly is a month of 30 days, with its 43,200 ticks, which are all alike.
	monthly = 30 * 24 * time.Hour
)

// cell is one load of the table, and how long it is metered.
type cell struct {
	load
	warm, over time.Duration
}

// cells are the loads of the table, with fleets as muster plan finds them: workers
// that stay where the rate keeps them busy, and come and go where it does not.
func cells() []cell {
	var all []cell
	for _, lane := range []string{"stream", "steps"} {
		for _, rate := range []float64{0.1, 1, 50} {
			c := cell{load: load{lane: lane, rate: rate, takes: short, batch: 10}, warm: 3 * time.Minute, over: time.Hour}
			if rate == 50 {
				c.warm, c.over = 2*time.Minute, oneShift
				c.workers, c.places = map[string]int{"stream": 1, "steps": 2}[lane], map[string]int{"stream": 10, "steps": 1}[lane]
			}
			all = append(all, c)
		}
	}
	return all
}

// cheap cells are quick to meter.
func (c cell) cheap() bool { return c.rate < 1 }

// outcome of a cell in dollars per million messages.
type outcome struct {
	fleet, requests, handlers float64
	// perEvent messages, and transitions a message.
	perEvent, transitions float64
	// mapping, provisioned and pipes are the published prices of the rivals for the
	// same events: Pipes from one request an event to one a message.
	mapping, provisioned, pipes, pipesMost float64
}

// meter a cell.
func (c cell) meter(t *testing.T) outcome {
	began := time.Now()
	m := c.run(t, c.warm, c.over)
	require.NotZero(t, m.messages)
	fleet, handlers := m.bill.Of(meter.Fleet), m.bill.Of(meter.Handlers)
	messages, events := float64(m.messages), handlers.Sum(price.LambdaRequest)
	perMillion := func(dollars float64) float64 { return dollars / messages * 1e6 }
	o := outcome{
		fleet:    perMillion(fleet.Dollars()),
		requests: perMillion(price.SQSRequest.Of(fleet.Sum(price.SQSRequest))), handlers: perMillion(handlers.Dollars()),
		perEvent: messages / events, transitions: fleet.Sum(price.Transition) / messages,
	}
	// A mapping has five pollers at least, which ask every 20 seconds, and receives
	// and deletes each event.
	hour := c.rate * 3600 / 1e6 // million messages
	o.mapping = price.SQSRequest.Of(1e6*2/o.perEvent) + price.SQSRequest.Of(5*180)/hour
	pollers := max(2, c.rate/o.perEvent*(c.takes.Seconds()+0.03)/10, c.rate/o.perEvent/10)
	o.provisioned = price.SQSRequest.Of(1e6*2/o.perEvent) + price.PollerHour.Of(pollers)/hour
	o.pipes, o.pipesMost = o.mapping+price.PipesRequest.Of(1e6/o.perEvent), o.mapping+price.PipesRequest.Of(1e6)
	t.Logf("%s: %d messages, %.1f an event, %d workers: fleet %.4f, of it SQS %.4f; handlers %.4f; %.3f transitions a message; took %s",
		c.load, m.messages, o.perEvent, m.workers, o.fleet, o.requests, o.handlers, o.transitions, time.Since(began).Round(time.Millisecond))
	if *lines {
		show(t, m)
	}
	return o
}

func show(t *testing.T, m metered) {
	for _, l := range m.bill.Of(meter.Fleet, meter.Handlers) {
		t.Logf("  %-9s %-34s %-50s %14.4f %-12s $%.6f", l.Part, l.Name, nameOf(l), l.Quantity, l.Unit, l.Dollars)
	}
}

// nameOf is the name of a line's resource.
func nameOf(l meter.Line) string {
	name := strings.TrimSuffix(l.Resource, ":*")
	return name[strings.LastIndexAny(name, ":/")+1:]
}

// idle is a fleet that nothing happens in.
func idle(t *testing.T, over time.Duration) metered {
	m := load{lane: "stream"}.run(t, 5*time.Minute, over)
	if *lines {
		show(t, m)
	}
	return m
}

// idleLines are the bill of a month of an idle fleet by what is billed.
func idleLines(m metered) (rows []meter.Line, dollars float64) {
	factor := monthly.Hours() / m.window.Hours()
	sum := map[string]meter.Line{}
	for _, l := range m.bill.Of(meter.Fleet) {
		row := sum[l.Name]
		row.Name, row.Unit = l.Name, l.Unit
		row.Quantity += factor * l.Quantity
		row.Dollars += factor * l.Dollars
		sum[l.Name] = row
		dollars += factor * l.Dollars
	}
	for _, row := range sum {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b meter.Line) int {
		return cmp.Or(cmp.Compare(b.Dollars, a.Dollars), cmp.Compare(a.Name, b.Name))
	})
	return rows, dollars
}

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

// amount writes dollars to three figures, as far as there are cents.
func amount(dollars float64) string {
	switch {
	case dollars >= 100:
		return fmt.Sprintf("%.0f", dollars)
	case dollars >= 10:
		return fmt.Sprintf("%.1f", dollars)
	case dollars >= 0.1:
		return fmt.Sprintf("%.2f", dollars)
	}
	return fmt.Sprintf("%.3f", dollars)
}

// table of all cells: a row a way, a column a rate.
func table(all []cell, outcomes []outcome) string {
	var b strings.Builder
	b.WriteString("| dollars per million messages | 0.1/s | 1/s | 50/s |\n|---|---:|---:|---:|\n")
	row := func(name, lane string, value func(outcome) string) {
		fmt.Fprintf(&b, "| %s |", name)
		for i, c := range all {
			if c.lane == lane {
				fmt.Fprintf(&b, " %s |", value(outcomes[i]))
			}
		}
		b.WriteString("\n")
	}
	for _, lane := range []string{"stream", "steps"} {
		row("**"+lane+" lane**", lane, func(o outcome) string { return amount(o.fleet) })
		row("of it SQS requests", lane, func(o outcome) string { return amount(o.requests) })
	}
	row("event source mapping", "stream", func(o outcome) string { return amount(o.mapping) })
	row("the same, provisioned mode", "stream", func(o outcome) string { return amount(o.provisioned) })
	row("Pipes", "stream", func(o outcome) string { return amount(o.pipes) + " to " + amount(o.pipesMost) })
	row("the handlers themselves", "stream", func(o outcome) string { return amount(o.handlers) })
	return b.String()
}

func idleTable(m metered) string {
	rows, dollars := idleLines(m)
	var b strings.Builder
	b.WriteString("| an idle fleet, 30 days | | dollars |\n|---|---:|---:|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %.4g %s | %.4f |\n", r.Name, r.Quantity, r.Unit, r.Dollars)
	}
	fmt.Fprintf(&b, "| **all** | | **%.2f** |\n", dollars)
	return b.String()
}

// The tables say what the machines are billed. All of them are metered with
// -update; otherwise those that are quick, which must be what stands there.
func TestCosts(t *testing.T) {
	m := idle(t, 24*time.Hour)
	_, ticks := idleLines(m)
	all := cells()
	outcomes := make([]outcome, len(all))
	for i, c := range all {
		if *update || c.cheap() {
			outcomes[i] = c.meter(t)
		}
	}
	if *update {
		write(t, readme, table(all, outcomes))
		write(t, page, table(all, outcomes)+"\n"+idleTable(m))
	}
	_, stands, _ := document(t, readme)
	_, also, _ := document(t, page)
	assert.True(t, strings.HasPrefix(also, stands), "%s and %s show two tables: make costs", readme, page)
	for i, c := range all {
		if !c.cheap() {
			continue
		}
		name := "| **" + c.lane + " lane** |"
		_, row, ok := strings.Cut(stands, name)
		require.True(t, ok, name)
		var dollars float64
		_, err := fmt.Sscanf(row, "%f", &dollars)
		require.NoError(t, err, row)
		assert.InEpsilon(t, outcomes[i].fleet, dollars, 0.1, "%s: make costs", c.load)
	}
	assert.Less(t, ticks, 0.50, "an idle fleet")
	for i, c := range all {
		if *update && c.rate == 50 && c.lane == "stream" {
			assert.LessOrEqual(t, outcomes[i].fleet-outcomes[i].requests, 0.04, "the stream lane above its SQS requests")
		}
	}
}
