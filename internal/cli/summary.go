package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// summary of a run.
type summary struct {
	Messages     int `json:"messages"`
	Handled      int `json:"handled"`
	DeadLettered int `json:"deadLettered"`
	Filtered     int `json:"filtered"`
	// Duplicates were acknowledged for a message like them.
	Duplicates int `json:"duplicates"`
	// Lost messages are gone though no handler finished them.
	Lost int `json:"lost"`
	// Unfinished messages were not sent or are still in the queue.
	Unfinished     int `json:"unfinished"`
	WorkersStarted int `json:"workersStarted"`
	PeakWorkers    int `json:"peakWorkers"`
	// PeakConcurrency is the most handler invocations at once.
	PeakConcurrency int `json:"peakConcurrency"`
	// Ticks of the autoscaler.
	Ticks int `json:"ticks"`
	// Transitions of all state machines.
	Transitions int64 `json:"transitions"`
	// Invocations of the handlers.
	Invocations int `json:"invocations"`
	// Seconds from the first send until the workers were home.
	Seconds float64 `json:"seconds"`
	// Cost on AWS.
	Cost cost `json:"cost"`

	cap int
	// working is the time until the last message had ended, 0 if some had not.
	working time.Duration
	reasons map[string]int
}

// shownReasons is how many reasons of failures the summary shows.
const shownReasons = 5

func (s summary) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s messages: %s handled, %s dead-lettered, %s filtered, %s lost", thousands(s.Messages),
		thousands(s.Handled), thousands(s.DeadLettered), thousands(s.Filtered), thousands(s.Lost))
	if s.Duplicates > 0 {
		fmt.Fprintf(&b, ", %s duplicates", thousands(s.Duplicates))
	}
	if s.Unfinished > 0 {
		fmt.Fprintf(&b, ", %s unfinished", thousands(s.Unfinished))
	}
	b.WriteString("\n")
	if s.working > 0 && s.Messages > 0 {
		fmt.Fprintf(&b, "in %.1f s, %s messages a second; the workers were home after %.1f s\n",
			s.working.Seconds(), thousands(int(float64(s.Messages)/s.working.Seconds())), s.Seconds)
	} else {
		fmt.Fprintf(&b, "in %.1f s\n", s.Seconds)
	}
	fmt.Fprintf(&b, "%s workers started, %s at once; %s handlers at once, the cap is %s\n",
		thousands(s.WorkersStarted), thousands(s.PeakWorkers), thousands(s.PeakConcurrency), thousands(s.cap))
	fmt.Fprintf(&b, "%s ticks of the autoscaler, %s state transitions, %s handler invocations\n",
		thousands(s.Ticks), thousands(int(s.Transitions)), thousands(s.Invocations))
	fmt.Fprintln(&b, s.Cost)
	if len(s.reasons) > 0 {
		b.WriteString("Failed attempts:\n")
	}
	order := slices.SortedFunc(maps.Keys(s.reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.reasons[b], s.reasons[a]), cmp.Compare(a, b))
	})
	for i, reason := range order {
		if i == shownReasons {
			fmt.Fprintf(&b, "  and %s other reasons\n", thousands(len(order)-i))
			break
		}
		fmt.Fprintf(&b, "  %s x %s\n", thousands(s.reasons[reason]), reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printJSON prints one JSON document on a line.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// thousands writes a number with separators: "10,000".
func thousands(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
