package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/registry"
)

type statusOptions struct {
	fleet  string
	json   bool
	ticks  int
	target target
}

func newStatus(s *streams) *cobra.Command {
	o := new(statusOptions)
	c := &cobra.Command{
		Use:   "status [FLEET]",
		Short: "Show a fleet's workers and its last ticks with their reasons",
		Args:  cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.IntVar(&o.ticks, "ticks", 5, "ticks to show")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet = fleetName(args)
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, showStatus(ctx, s, o))
	})
	return c
}

// fleetStatus is what the registry says.
type fleetStatus struct {
	Fleet   string         `json:"fleet"`
	Workers []workerStatus `json:"workers"`
	Ticks   []tickStatus   `json:"ticks"`
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
	InHand     int   `json:"inHand"`
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
	Reason   string    `json:"reason"`
}

func showStatus(ctx context.Context, s *streams, o *statusOptions) error {
	if o.ticks < 0 {
		return usage(errors.New("--ticks must not be negative"))
	}
	cfg, err := o.target.config(ctx)
	if err != nil {
		return err
	}
	outputs, err := o.target.outputs(ctx, cfg, o.fleet)
	if err != nil {
		return err
	}
	table, err := output(outputs, o.fleet, "TableName")
	if err != nil {
		return err
	}
	state, err := readStatus(ctx, registry.New(cfg, table, o.fleet), o)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(s.out, state)
	}
	return state.print(s.out, time.Now())
}

func readStatus(ctx context.Context, r *registry.Registry, o *statusOptions) (fleetStatus, error) {
	state := fleetStatus{Fleet: o.fleet, Workers: []workerStatus{}, Ticks: []tickStatus{}}
	seen, err := r.Snapshot(ctx)
	if err != nil {
		return state, err
	}
	for _, w := range seen.Workers {
		state.Workers = append(state.Workers, workerStatus{
			ID: w.ID(), Execution: w.Holder, State: string(w.State), Orders: string(w.Orders), Lane: w.Lane,
			Since: w.ReservedAt.Time(), Reported: w.ReportedAt.Time(),
			Handled: w.Handled, Failed: w.Failed, Filtered: w.Filtered, Duplicates: w.Duplicates, Unmatched: w.Unmatched, InHand: w.InHand,
		})
	}
	if o.ticks == 0 {
		return state, nil
	}
	ticks, err := r.Ticks(ctx, o.ticks)
	if err != nil {
		return state, err
	}
	for _, t := range ticks {
		state.Ticks = append(state.Ticks, tickStatus{
			At: t.At.Time(), Visible: t.Visible, InFlight: t.InFlight, Workers: t.Workers, Wanted: t.Wanted,
			Started: t.Started, Drained: t.Drained, Freed: t.Freed, Reason: t.Reason,
		})
	}
	return state, nil
}

// print writes the status for people. Times are how long ago.
func (f fleetStatus) print(w io.Writer, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "fleet %s: %d workers\n", f.Fleet, len(f.Workers))
	if len(f.Workers) > 0 {
		fmt.Fprintln(t, "\nWORKER\tSTATE\tSINCE\tREPORTED\tHANDLED\tFAILED\tDUPLICATES\tIN HAND\tORDERS")
	}
	for _, k := range f.Workers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n",
			k.ID, k.State, ago(now, k.Since), ago(now, k.Reported), k.Handled, k.Failed, k.Duplicates, k.InHand, k.Orders)
	}
	if len(f.Ticks) > 0 {
		fmt.Fprintln(t, "\nTICK\tREASON")
	}
	for _, k := range f.Ticks {
		fmt.Fprintf(t, "%s\t%s\n", ago(now, k.At), k.Reason)
	}
	return t.Flush()
}

func ago(now, then time.Time) string {
	if then.IsZero() {
		return "never"
	}
	return now.Sub(then).Round(time.Second).String() + " ago"
}
