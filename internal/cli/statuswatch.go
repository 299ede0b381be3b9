package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/term"
)

// watchEvery is how often the status is read while it is watched.
const watchEvery = 2 * time.Second

// drawAnew empties a terminal's screen.
const drawAnew = "\x1b[H\x1b[2J"

// watchStatus shows the status until the context ends. A reading that fails
// after the first is told, and tried again.
func watchStatus(ctx context.Context, s *streams, o *statusOptions, k *stack) error {
	show := appended(s.out)
	switch {
	case o.json:
		show = func(f fleetStatus) error { return printJSON(s.out, f) }
	case isTerminal(s.out):
		show = func(f fleetStatus) error {
			var screen bytes.Buffer
			if err := f.print(&screen, time.Now()); err != nil {
				return err
			}
			_, err := fmt.Fprintf(s.out, "%s%s", drawAnew, screen.Bytes())
			return err
		}
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for first := true; ; first = false {
		state, err := readStatus(ctx, k, max(o.ticks, 1))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && first:
			return err
		case err != nil:
			fmt.Fprintln(s.err, "muster:", err)
		default:
			if err := show(state); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// appended shows a status by lines: one for each tick that is new, and one for
// all else when it has changed.
func appended(w io.Writer) func(fleetStatus) error {
	var last string
	var newest time.Time
	return func(f fleetStatus) error {
		now := stamp(time.Now())
		for _, t := range slices.Backward(f.Ticks) {
			if t.At.After(newest) {
				newest = t.At
				if _, err := fmt.Fprintf(w, "%s  tick: %s\n", stamp(t.At), oneLine(t.Reason)); err != nil {
					return err
				}
			}
		}
		line := f.line()
		if line == last {
			return nil
		}
		last = line
		_, err := fmt.Fprintf(w, "%s  %s\n", now, line)
		return err
	}
}

// line sums the status up.
func (f fleetStatus) line() string {
	working, going, inHand := 0, 0, 0
	var handled, failed int64
	rate := 0.0
	for _, w := range f.Workers {
		if w.State == "ended" || w.Orders == "drain" {
			going++
		} else {
			working++
		}
		inHand, handled, failed, rate = inHand+w.InHand, handled+w.Handled, failed+w.Failed, rate+w.Rate
	}
	return fmt.Sprintf("%d visible, %d in flight, %d delayed | workers %d, %d going home | in hand %d | handled %d, failed %d, %.1f/s",
		f.Queue.Visible, f.Queue.InFlight, f.Queue.Delayed, working, going, inHand, handled, failed, rate)
}
