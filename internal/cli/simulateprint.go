package cli

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/musterq/muster/internal/sim"
)

// maxRows is how many rows of time a table has at most.
const maxRows = 20

// printSimulation prints one result for people.
func printSimulation(w io.Writer, r sim.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AT\tARRIVED\tBACKLOG\tOLDEST\tWORKERS\tHANDLERS")
	intervals := r.Intervals
	for n := len(intervals); n > 1 && quiet(intervals[n-1]) && quiet(intervals[n-2]); n = len(intervals) {
		intervals = intervals[:n-1]
	}
	group := (len(intervals) + maxRows - 1) / maxRows
	for i := 0; i < len(intervals); i += group {
		chunk := intervals[i:min(i+group, len(intervals))]
		row := sim.Interval{AtSeconds: chunk[len(chunk)-1].AtSeconds}
		for _, one := range chunk {
			row.Arrived += one.Arrived
			row.Visible = max(row.Visible, one.Visible+one.InFlight)
			row.AgeSeconds = max(row.AgeSeconds, one.AgeSeconds)
			row.Workers = max(row.Workers, one.Workers)
			row.Handlers = max(row.Handlers, one.Handlers)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\n", lasted(row.AtSeconds), thousands(row.Arrived), thousands(row.Visible), lasted(row.AgeSeconds), row.Workers, row.Handlers)
	}
	fmt.Fprintln(t)
	fmt.Fprintf(t, "settings\t%s\n", r.Settings)
	fmt.Fprintf(t, "messages\t%s handled, %s dead-lettered, %s unfinished\n", thousands(r.Handled), thousands(r.DeadLettered), thousands(r.Unfinished))
	fmt.Fprintf(t, "drained\tafter %s\n", lasted(r.DrainedSeconds))
	fmt.Fprintf(t, "waited\thalf up to %s, 90%% %s, 99%% %s, all %s\n", waited(r.Waiting.P50), waited(r.Waiting.P90), waited(r.Waiting.P99), waited(r.Waiting.Max))
	fmt.Fprintf(t, "promise\thandled within %s in %s of the %s intervals in which the cap allows it\n", lasted(r.Promise.Seconds), thousands(r.Promise.Kept), thousands(r.Promise.Allowed))
	fmt.Fprintf(t, "workers\t%s started, %s at once, %.1f worker-minutes\n", thousands(r.WorkersStarted), thousands(r.PeakWorkers), r.WorkerMinutes)
	fmt.Fprintf(t, "cost\t$%.4f\n", r.Dollars)
	rest := r.Dollars
	for _, l := range r.Lines {
		if l.Dollars >= r.Dollars/100 {
			rest -= l.Dollars
			fmt.Fprintf(t, "\t$%.4f\t%s, %.0f %s\n", l.Dollars, l.Name, l.Quantity, l.Unit)
		}
	}
	fmt.Fprintf(t, "\t$%.4f\tall else, which --json has\n", rest)
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Ticks) > 0 {
		fmt.Fprintln(w, "\nTICK  REASON")
	}
	for i, tick := range r.Ticks {
		if i == maxRows {
			fmt.Fprintf(w, "... and %d more: --json has them\n", len(r.Ticks)-i)
			break
		}
		if _, err := fmt.Fprintf(w, "%s  %s\n", lasted(tick.AtSeconds), tick.Reason); err != nil {
			return err
		}
	}
	return nil
}

// quiet says whether nothing happens in an interval.
func quiet(i sim.Interval) bool {
	return i.Arrived+i.Visible+i.InFlight+i.Workers+i.Handlers == 0
}

// printComparison prints results side by side.
func printComparison(w io.Writer, all []sim.Compared) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "WAY\tSETTINGS\tWITHIN %s\tWAITED 50%%\t99%%\tALL\tDRAINED\tROOM\tCOST\n", lasted(all[0].Promise.Seconds))
	for _, r := range all {
		settings := r.Settings
		if r.Tried > 1 {
			settings += fmt.Sprintf(" (of %d tried)", r.Tried)
		}
		drained := lasted(r.DrainedSeconds)
		if r.Unfinished > 0 {
			drained = "never"
		}
		fmt.Fprintf(t, "%s\t%s\t%.1f%%\t%s\t%s\t%s\t%s\t%.0f\t$%.4f\n", r.Way, settings, 100*r.Promise.Share(),
			waited(r.Waiting.P50), waited(r.Waiting.P99), waited(r.Waiting.Max), drained, r.PlaceMinutes, r.Dollars)
	}
	fmt.Fprintln(t, "\nROOM is for how many handlers there was room, times minutes.")
	return t.Flush()
}

// lasted is a time to the second.
func lasted(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

// waited is a time with what tells something of one below a second.
func waited(seconds float64) string {
	if seconds >= 10 {
		return lasted(seconds)
	}
	return time.Duration(seconds * float64(time.Second)).Round(10 * time.Millisecond).String()
}
