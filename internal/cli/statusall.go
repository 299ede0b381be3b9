package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"
)

// estateStatus is a line about each fleet of muster.yaml.
type estateStatus struct {
	Fleet  string `json:"fleet"`
	Region string `json:"region"`
	// Status of the fleet. Nil where it could not be read, which Error says.
	Status *fleetStatus `json:"status"`
	Error  string       `json:"error"`
}

// showAll shows all fleets of muster.yaml, each where it is. One that cannot be
// read is told, and the others are shown all the same.
func showAll(ctx context.Context, s *streams, o *statusOptions) error {
	if o.watch {
		return usage(errors.New("--watch watches one fleet: leave out --all"))
	}
	h, err := newShips(s)
	if err != nil {
		return err
	}
	chosen, err := h.choose(nil, true, nil)
	if err != nil {
		return err
	}
	var all []estateStatus
	var errs []error
	for _, p := range chosen {
		line := estateStatus{Fleet: p.name}
		state, region, err := o.look(ctx, p)
		if line.Region = region; err != nil {
			line.Error = err.Error()
			errs = append(errs, fmt.Errorf("fleet %s: %w", p.name, err))
		} else {
			line.Status = &state
		}
		all = append(all, line)
	}
	unread := errors.Join(errs...)
	if unread != nil {
		unread = &exitError{status: exitUnfinished, err: unread}
	}
	if o.json {
		return errors.Join(unread, printJSON(s.out, map[string]any{"fleets": all}))
	}
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FLEET\tREGION\tWORKERS\tVISIBLE\tIN FLIGHT\tDELAYED\tLAST TICK\tREASON")
	now := time.Now()
	for _, l := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\n", l.Fleet, l.Region, l.line(now))
	}
	return errors.Join(unread, t.Flush())
}

func (o *statusOptions) look(ctx context.Context, p shipment) (state fleetStatus, region string, err error) {
	cfg, err := o.target.configFor(ctx, p)
	if err != nil {
		return state, "", err
	}
	outputs, err := o.target.outputs(ctx, cfg, p.name)
	if err != nil {
		return state, cfg.Region, err
	}
	state, err = readStatus(ctx, &stack{cfg, p.name, outputs}, 1)
	return state, cfg.Region, err
}

// line is what there is to say of a fleet in one.
func (l estateStatus) line(now time.Time) string {
	if l.Status == nil {
		return "-\t-\t-\t-\t-\t" + oneLine(l.Error)
	}
	tick, reason := "never", ""
	if len(l.Status.Ticks) > 0 {
		tick, reason = ago(now, l.Status.Ticks[0].At), oneLine(l.Status.Ticks[0].Reason)
	}
	if paused := l.Status.Controls.Paused; paused != "" {
		reason = "paused " + oneLine(paused)
	}
	q := l.Status.Queue
	return fmt.Sprintf("%d\t%d\t%d\t%d\t%s\t%s", len(l.Status.Workers), q.Visible, q.InFlight, q.Delayed, tick, reason)
}
