package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/registry"
)

type scaleOptions struct {
	steerOptions
	// least and most are used where they were given.
	least, most int
	hasLeast    bool
	hasMost     bool
	reset       bool
}

const soonScaled = `The autoscaler was woken: it starts workers within seconds. Those that a lower cap
leaves no room for are told to go home, and finish what they hold: until then the
cap that they were started under holds.`

func newScale(s *streams) *cobra.Command {
	o := new(scaleOptions)
	c := &cobra.Command{
		Use:   "scale [FLEET]",
		Short: "Override the fleet's minimum and cap",
		Long: `Scale overrides MinWorkers, and MaxConcurrency downwards, until --reset or the time
given. It takes the place of an earlier one as a whole, and stays across
deployments. The cap is never raised by it: that takes a deployment.

` + soonScaled,
		Example: `  muster scale orders --max 5 --why "the database is slow" --for 1h
  muster scale orders --min 3 --until 18:00
  muster scale orders --reset`,
	}
	flags := c.Flags()
	flags.IntVar(&o.least, "min", 0, "`workers` that stay when there is nothing to do")
	flags.IntVar(&o.most, "max", 0, "most handler `invocations` at any time, at most MaxConcurrency")
	flags.BoolVar(&o.reset, "reset", false, "go back to the template's minimum and cap")
	return steering(s, c, &o.steerOptions, true, func(ctx context.Context) error {
		o.hasLeast, o.hasMost = flags.Changed("min"), flags.Changed("max")
		return runScale(ctx, s, o)
	})
}

func (o *scaleOptions) check() error {
	switch {
	case o.reset && (o.hasLeast || o.hasMost || o.lasts > 0 || o.until != ""):
		return usage(errors.New("--reset goes with no bounds and no end"))
	case !o.reset && !o.hasLeast && !o.hasMost:
		return usage(errors.New("give --min, --max or both, or --reset"))
	case o.hasLeast && o.least < 0:
		return usage(errors.New("--min must not be negative"))
	case o.hasMost && o.most < 1:
		return &exitError{status: exitUsage, err: errors.New("--max must be at least 1"), hint: "To have no handler run: muster pause " + o.fleet}
	case o.hasLeast && o.hasMost && o.least > o.most:
		return usage(fmt.Errorf("--min %d is over --max %d: each worker runs a handler at least", o.least, o.most))
	}
	return nil
}

func runScale(ctx context.Context, s *streams, o *scaleOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	k, r, d, err := o.begin(ctx, s, "scale")
	if err != nil {
		return err
	}
	if o.reset {
		if err := r.ClearBounds(ctx); err != nil {
			return err
		}
		return o.finish(ctx, s, k, "scale", "scaled as the template says", d, soonScaled)
	}
	text, err := k.parameter(ctx, "MaxConcurrency")
	if err != nil {
		return err
	}
	limit, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("the fleet's MaxConcurrency: %w", err)
	}
	switch {
	case o.most > limit:
		return &exitError{status: exitUsage, err: fmt.Errorf("--max %d is over the fleet's MaxConcurrency %d", o.most, limit), hint: "Raise MaxConcurrency by a deployment."}
	case o.least > limit:
		return usage(fmt.Errorf("--min %d is over the fleet's MaxConcurrency %d: each worker runs a handler at least", o.least, limit))
	}
	b := registry.Bounds{Directive: d}
	if o.hasLeast {
		b.Min = &o.least
	}
	if o.hasMost {
		b.Max = &o.most
	}
	if err := r.SetBounds(ctx, b); err != nil {
		return err
	}
	return o.finish(ctx, s, k, "scale", "scaled to "+b.String(), d, soonScaled)
}
