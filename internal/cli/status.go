package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scale"
)

type statusOptions struct {
	fleet  string
	all    bool
	json   bool
	watch  bool
	ticks  int
	target target
}

func newStatus(s *streams) *cobra.Command {
	o := new(statusOptions)
	c := &cobra.Command{
		Use:   "status [FLEET]",
		Short: "Show a fleet's workers and its last ticks with their reasons",
		Long: `Status shows the queue's depth, what was decided by hand, the workers that hold a
slot and what they last reported, and the autoscaler's last ticks.

With --watch it goes on until it is interrupted: on a terminal it is drawn anew
every two seconds, elsewhere a line is added for whatever changes. With --json too
it prints one JSON object every two seconds.

With --all it shows a line for each fleet of muster.yaml.`,
		Example: `  muster status orders --watch
  muster status orders --ticks 50 --json
  muster status --all`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.IntVar(&o.ticks, "ticks", 5, "ticks to show")
	flags.BoolVar(&o.all, "all", false, "a line for each fleet of muster.yaml")
	flags.BoolVar(&o.watch, "watch", false, "go on until interrupted")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet = fleetName(args)
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		if o.all && len(args) > 0 {
			return usage(errors.New("give either a fleet or --all"))
		}
		if o.all {
			return interrupted(ctx, showAll(ctx, s, o))
		}
		return interrupted(ctx, showStatus(ctx, s, o))
	})
	return c
}

// fleetStatus is what the queue and the registry say.
type fleetStatus struct {
	Fleet    string         `json:"fleet"`
	Queue    queueStatus    `json:"queue"`
	Controls controlStatus  `json:"controls"`
	Workers  []workerStatus `json:"workers"`
	Ticks    []tickStatus   `json:"ticks"`
	// Warnings are what is wrong with the fleet as it is set up.
	Warnings []string `json:"warnings"`
	// Budget of this month, as of the last tick. Absent where there is none.
	Budget *budgetStatus `json:"budget,omitempty"`
}

// budgetStatus is in dollars.
type budgetStatus struct {
	Dollars float64 `json:"dollars"`
	Spent   float64 `json:"spent"`
	// Month by its first moment, in UTC.
	Month time.Time `json:"month"`
}

type queueStatus struct {
	Visible  int `json:"visible"`
	InFlight int `json:"inFlight"`
	Delayed  int `json:"delayed"`
}

// controlStatus is what was decided by hand and holds. Empty for nothing.
type controlStatus struct {
	Paused string `json:"paused"`
	Scaled string `json:"scaled"`
}

type workerStatus struct {
	ID        string    `json:"id"`
	Execution string    `json:"execution"`
	State     string    `json:"state"`
	Orders    string    `json:"orders"`
	Lane      string    `json:"lane"`
	Since     time.Time `json:"since"`
	Reported  time.Time `json:"reported"`
	Handled   int64     `json:"handled"`
	Failed    int64     `json:"failed"`
	Filtered  int64     `json:"filtered"`
	// Duplicates were acknowledged without their handler. Unmatched matched no
	// route, and are counted where they went too.
	Duplicates int64 `json:"duplicates"`
	Unmatched  int64 `json:"unmatched"`
	// Rate is messages a second, smoothed.
	Rate float64 `json:"rate"`
	// InHand are handlers that run, InHandMessages the messages that the worker
	// holds for them.
	InHand         int `json:"inHand"`
	InHandMessages int `json:"inHandMessages"`
}

type tickStatus struct {
	At       time.Time `json:"at"`
	Visible  int       `json:"visible"`
	InFlight int       `json:"inFlight"`
	Workers  int       `json:"workers"`
	Wanted   int       `json:"wanted"`
	Started  int       `json:"started"`
	Drained  int       `json:"drained"`
	Freed    int       `json:"freed"`
	Failed   bool      `json:"failed"`
	Reason   string    `json:"reason"`
}

func showStatus(ctx context.Context, s *streams, o *statusOptions) error {
	if o.ticks < 0 {
		return usage(errors.New("--ticks must not be negative"))
	}
	k, err := o.target.stack(ctx, o.fleet)
	if err != nil {
		return err
	}
	if o.watch {
		return watchStatus(ctx, s, o, k)
	}
	state, err := readStatus(ctx, k, o.ticks)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(s.out, state)
	}
	return state.print(s.out, time.Now())
}

func readStatus(ctx context.Context, k *stack, ticks int) (fleetStatus, error) {
	state := fleetStatus{Fleet: k.fleet, Workers: []workerStatus{}, Ticks: []tickStatus{}, Warnings: []string{}}
	r, err := k.registry()
	if err != nil {
		return state, err
	}
	url, err := k.output("QueueUrl")
	if err != nil {
		return state, err
	}
	q, err := askQueue(ctx, k.cfg, url)
	if err != nil {
		return state, err
	}
	state.Queue = queueStatus{q.visible, q.hidden, q.delayed}
	if q.maxReceives == 0 {
		state.Warnings = append(state.Warnings, "the queue has no redrive policy: a message that fails every time is tried until it is too old, and then it is gone")
	}
	state.Warnings = append(state.Warnings, k.sharingWarnings(ctx)...)
	controls, err := r.Controls(ctx)
	if err != nil {
		return state, err
	}
	state.Controls = statusOf(controls, time.Now())
	seen, err := r.Snapshot(ctx)
	if err != nil {
		return state, err
	}
	for _, w := range seen.Workers {
		state.Workers = append(state.Workers, statusOfWorker(w))
	}
	slices.SortFunc(state.Workers, func(a, b workerStatus) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.ID, b.ID))
	})
	records, err := r.Ticks(ctx, max(1, ticks))
	if err != nil {
		return state, err
	}
	if len(records) > 0 && records[0].Budget > 0 {
		at := records[0].At.Time().UTC()
		state.Budget = &budgetStatus{records[0].Budget, records[0].Spent, time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)}
	}
	for _, t := range records[:min(ticks, len(records))] {
		state.Ticks = append(state.Ticks, tickStatus{
			At: t.At.Time(), Visible: t.Visible, InFlight: t.InFlight, Workers: t.Workers, Wanted: t.Wanted,
			Started: t.Started, Drained: t.Drained, Freed: t.Freed, Failed: t.Failed, Reason: t.Reason,
		})
	}
	return state, nil
}

func statusOf(c registry.Controls, now time.Time) controlStatus {
	var s controlStatus
	if c.Pause.Holds(now) {
		s.Paused = c.Pause.String()
	}
	if c.Bounds.Holds(now) {
		s.Scaled = c.Bounds.String()
	}
	return s
}

func statusOfWorker(w registry.Worker) workerStatus {
	s := workerStatus{
		ID: w.ID(), Execution: w.Holder, State: string(w.State), Orders: string(w.Orders), Lane: w.Lane,
		Since: w.ReservedAt.Time(), Reported: w.ReportedAt.Time(),
		Handled: w.Handled, Failed: w.Failed, Filtered: w.Filtered, Duplicates: w.Duplicates, Unmatched: w.Unmatched,
		Rate: w.Rate, InHand: w.InHand, InHandMessages: w.InHandMessages,
	}
	if w.Ended {
		s.State = "ended"
	}
	if w.Lane == string(fleet.Steps) && w.Seq > w.Settled {
		// It polls, or has a batch that a handler works on.
		s.InHand = 1
	}
	return s
}

// print writes the status for people. Times are how long ago.
func (f fleetStatus) print(w io.Writer, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "fleet %s: %d workers; queue: %d visible, %d in flight, %d delayed\n",
		f.Fleet, len(f.Workers), f.Queue.Visible, f.Queue.InFlight, f.Queue.Delayed)
	if f.Controls.Paused != "" {
		fmt.Fprintln(t, "paused", oneLine(f.Controls.Paused))
	}
	if f.Controls.Scaled != "" {
		fmt.Fprintln(t, "scaled to", oneLine(f.Controls.Scaled))
	}
	if b := f.Budget; b != nil {
		fmt.Fprintln(t, scale.Bill{Month: b.Month, Dollars: b.Spent}.Against(b.Dollars))
	}
	for _, warning := range f.Warnings {
		fmt.Fprintln(t, "Warning:", warning)
	}
	if len(f.Workers) > 0 {
		fmt.Fprintln(t, "\nWORKER\tSTATE\tSINCE\tREPORTED\tHANDLED\tFAILED\tDUPLICATES\tRATE\tIN HAND\tORDERS")
	}
	for _, k := range f.Workers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%.1f/s\t%d\t%s\n",
			k.ID, k.State, ago(now, k.Since), ago(now, k.Reported), k.Handled, k.Failed, k.Duplicates, k.Rate, k.InHand, k.Orders)
	}
	if len(f.Ticks) > 0 {
		fmt.Fprintln(t, "\nTICK\tREASON")
	}
	for _, k := range f.Ticks {
		fmt.Fprintf(t, "%s\t%s\n", ago(now, k.At), oneLine(k.Reason))
	}
	return t.Flush()
}

func ago(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	return now.Sub(then).Round(time.Second).String() + " ago"
}
