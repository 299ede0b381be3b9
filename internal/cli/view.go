package cli

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
)

// live is what a run looks like at one moment.
type live struct {
	snapshot
	// InHand are handlers that run now.
	InHand, Cap int
	Draining    bool
}

func (l live) done() int { return l.Sent - l.left() }

// view shows a run while it lasts: on a terminal a progress bar and a line that
// are drawn anew five times a second, elsewhere a plain line a second.
type view struct {
	w     io.Writer
	every time.Duration
	total int
	// bar is nil where there is no terminal.
	bar *progressbar.ProgressBar

	done int
	at   time.Time
	rate float64
	// last state that was shown.
	last live
}

func newView(w io.Writer, terminal bool, total int) *view {
	v := &view{w: w, every: time.Second, total: total, at: time.Now()}
	if terminal && total > 0 {
		v.every = 200 * time.Millisecond
		// The bar is drawn by the view, together with the line below it.
		v.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(io.Discard),
			progressbar.OptionSetWidth(40),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
		)
		v.bar.StartWithoutRender()
	}
	return v
}

const (
	clearBelow = "\r\x1b[J"
	cursorUp   = "\x1b[1A\r"
)

// show draws the state.
func (v *view) show(l live) {
	line := v.line(l)
	switch {
	case v.bar != nil:
		fmt.Fprint(v.w, clearBelow, v.progress(l), "\n", line, cursorUp)
	case v.moved(l):
		fmt.Fprintln(v.w, line)
	}
}

// moved tells whether there is anything new: plain lines are not repeated.
func (v *view) moved(l live) bool {
	l.Reasons = nil
	if reflect.DeepEqual(l, v.last) {
		return false
	}
	v.last = l
	return true
}

// close draws the state for the last time.
func (v *view) close(l live) {
	v.show(l)
	if v.bar != nil {
		fmt.Fprint(v.w, "\n\n")
	}
}

// say prints a notice above what is drawn.
func (v *view) say(notice string) {
	if v.bar != nil {
		fmt.Fprint(v.w, clearBelow)
	}
	fmt.Fprintln(v.w, notice)
}

// progress is the bar. It writes to io.Discard and cannot fail.
func (v *view) progress(l live) string {
	_ = v.bar.Set(min(l.done(), v.total))
	return strings.Trim(v.bar.String(), "\r\n ")
}

func (v *view) line(l live) string {
	now := time.Now()
	if passed := now.Sub(v.at).Seconds(); passed > 0 {
		rate := float64(l.done()-v.done) / passed
		v.rate += (rate - v.rate) * min(1, passed) // smoothed over a second
	}
	v.done, v.at = l.done(), now
	workers := "workers"
	if l.Draining {
		workers = "going home"
	}
	return fmt.Sprintf("depth %s | %s %d | in hand %d/%d | handled %s | failed %s | %s/s",
		thousands(l.left()), workers, l.Workers, l.InHand, l.Cap, thousands(l.Handled), thousands(l.Failed), thousands(int(v.rate+0.5)))
}
