package costs_test

import (
	"cmp"
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/meter"
)

var (
	update = flag.Bool("update", false, "meter all fleets, and write the tables of README.md and docs/costs.md anew")
	lines  = flag.Bool("lines", false, "log each line of each bill")
)

const (
	// monthly is a month of 30 days, with its 43,200 ticks. A day of it is metered
	// each time, all of it with -update.
	monthly = 30 * 24 * time.Hour
	daily   = 24 * time.Hour
)

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
	m := load{lane: "stream"}.run(t, 0, 5*time.Minute, over)
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

// aim is a figure that the lanes are held to.
type aim struct {
	name string
	most float64
	of   func(t *testing.T) float64
	// quick ones are metered each time.
	quick bool
}

// above is what a worker of the stream lane costs above its SQS requests, per
// million messages at a rate.
func above(rate float64) func(t *testing.T) float64 {
	return func(t *testing.T) float64 {
		c := cell{load: load{lane: "stream", rate: rate, takes: short, workers: 1, places: 10, batch: 10}, quiet: 2 * time.Minute, warm: time.Minute, over: oneShift, fleets: 1, whole: rate}
		f := c.meter(t)
		return f.Fleet - f.Requests
	}
}

func aims() []aim {
	return []aim{
		{"stream lane above its SQS requests, 50 messages a second and worker, dollars per million", 0.04, above(50), false},
		{"stream lane above its SQS requests, 500 messages a second and worker, dollars per million", 0.005, above(500), false},
		{"steps lane, transitions a message, full batches of 10", 0.6, func(t *testing.T) float64 {
			c := cell{load: load{lane: "steps", rate: 60, takes: short, workers: 1, places: 1, batch: 10}, warm: 2 * time.Minute, over: 5 * time.Minute, fleets: 1, whole: 60}
			return c.meter(t).Transitions
		}, true},
	}
}

// near says that what was metered now is what stands in the record.
func near(t *testing.T, metered, stands float64) {
	t.Helper()
	assert.InEpsilon(t, metered, stands, 0.1, "make costs")
}

// What was promised of the costs holds: metered now where that is quick, and with
// -update, otherwise as it was recorded.
func TestAims(t *testing.T) {
	for _, a := range aims() {
		t.Run(a.name, func(t *testing.T) {
			if *update || a.quick {
				metered := a.of(t)
				if *update {
					keep(t, func(r *record) { r.Aims[a.name] = metered })
				}
				near(t, metered, readRecord(t).Aims[a.name])
			}
			assert.LessOrEqual(t, readRecord(t).Aims[a.name], a.most)
		})
	}
}

// An idle fleet's month is metered whole with -update.
func TestIdle(t *testing.T) {
	if *update {
		rows, _ := idleLines(idle(t, monthly))
		keep(t, func(r *record) { r.Idle = rows })
	}
	_, dollars := idleLines(idle(t, daily))
	stands := 0.0
	for _, l := range readRecord(t).Idle {
		stands += l.Dollars
	}
	near(t, dollars, stands)
	assert.Less(t, stands, 0.50)
}

// What the record says of a cell is what the machines are billed.
func TestCells(t *testing.T) {
	for _, takes := range []time.Duration{short, long} {
		for _, lane := range lanes {
			for _, rate := range rates {
				t.Run(key(lane, rate, takes), func(t *testing.T) {
					if !*update && rate >= 1 {
						_, ok := readRecord(t).Cells[key(lane, rate, takes)]
						assert.True(t, ok, "make costs")
						return
					}
					c := planned(t, lane, rate, takes)
					metered, same := readRecord(t).Cells[key(lane, 50, takes)], rate > 50 && c.whole/float64(c.fleets) <= 50
					if same {
						metered.Rate, metered.Fleets = c.whole, c.fleets
					} else {
						metered = c.meter(t)
					}
					if *update {
						keep(t, func(r *record) { r.Cells[key(lane, rate, takes)] = metered })
					}
					near(t, metered.Fleet, readRecord(t).Cells[key(lane, rate, takes)].Fleet)
				})
			}
		}
	}
}

// The tables show the record.
func TestTables(t *testing.T) {
	short, long := readRecord(t).show()
	if *update {
		write(t, readme, short)
		write(t, page, long)
	}
	_, stands, _ := document(t, readme)
	assert.Equal(t, short, stands, "%s: make costs", readme)
	_, stands, _ = document(t, page)
	assert.Equal(t, long, stands, "%s: make costs", page)
}
