package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/bundle"
)

type upgradeOptions struct {
	shipOptions
	back     bool
	first    string
	patience time.Duration
}

func newUpgrade(s *streams) *cobra.Command {
	o := new(upgradeOptions)
	c := &cobra.Command{
		Use:   "upgrade [FLEET...]",
		Short: "Bring fleets to this version, one after the other, or back again",
		Long: `Upgrade deploys fleets that there are, one by one in the order of muster.yaml.
After each it waits until the autoscaler's ticks succeed and every worker runs the
new definition: workers hand over once they hold nothing, their slots stay taken.
It stops at the first fleet with which something is wrong.

--back makes a fleet again what it was before it was changed last, by muster
deploy or muster upgrade: code, template and parameters. That is kept in the
bucket. A second --back undoes the first.`,
		Example: `  muster upgrade --all --first canary
  muster upgrade orders --back`,
	}
	flags := c.Flags()
	flags.BoolVar(&o.back, "back", false, "go back to what the fleet was before")
	flags.StringVar(&o.first, "first", "", "with --all, the `FLEET` to begin with")
	flags.DurationVar(&o.patience, "patience", 20*time.Minute, "how long to wait for ticks and workers")
	return o.shipping(s, c, func(ctx context.Context, h *ships, args []string) error {
		chosen, err := o.choose(h, args)
		if err != nil {
			return err
		}
		if o.patience <= 0 {
			return usage(errors.New("--patience must be longer than 0"))
		}
		if o.back && len(o.parameters.values) > 0 {
			return usage(errors.New("--back goes back to the parameters that there were: it takes none"))
		}
		if err := o.begin(chosen); err != nil {
			return err
		}
		all, err := o.each(ctx, s, h, chosen, o.upgrade)
		return o.report(s, all, nil, err)
	})
}

// begin puts the fleet that goes first first.
func (o *upgradeOptions) begin(chosen []shipment) error {
	if o.first == "" {
		return nil
	}
	i := slices.IndexFunc(chosen, func(p shipment) bool { return p.name == o.first })
	if i < 0 {
		return usage(fmt.Errorf("--first %s: it is none of the fleets to upgrade", o.first))
	}
	first := chosen[i]
	copy(chosen[1:i+1], chosen[:i])
	chosen[0] = first
	return nil
}

// upgrade brings one fleet to what it shall be, and waits until it is.
func (o *upgradeOptions) upgrade(ctx context.Context, k *shipping, d *deployment) error {
	ship := k.upgrade
	if o.back {
		ship = func(ctx context.Context, d *deployment) error { return k.back(ctx, d, o.patience) }
	}
	if err := ship(ctx, d); err != nil || d.Outcome == "declined" {
		return err
	}
	err := k.settled(ctx, o.patience)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return &exitError{status: exitUnfinished, err: err, hint: "Go back with 'muster upgrade " + k.name + " --back', or see more with 'muster explain " + k.name + "'."}
}

// upgrade deploys a fleet that there is.
func (k *shipping) upgrade(ctx context.Context, d *deployment) error {
	if err := k.reach(ctx, d, "upgrade"); err != nil {
		return err
	}
	before, err := k.find(ctx)
	if err != nil {
		return err
	}
	if before == nil {
		return usage(fmt.Errorf("there is no fleet %q to upgrade: deploy it with 'muster deploy %[1]s'", k.name))
	}
	return k.ship(ctx, d, before)
}

// back makes a fleet what it was before it was changed last.
func (k *shipping) back(ctx context.Context, d *deployment, patience time.Duration) error {
	if err := k.reach(ctx, d, "go back to what it was"); err != nil {
		return err
	}
	before, err := k.find(ctx)
	if err != nil {
		return err
	}
	if before == nil {
		return usage(fmt.Errorf("there is no fleet %q: there is nothing to go back from", k.name))
	}
	now, err := k.client.Current(ctx, before)
	if err != nil {
		return err
	}
	was, err := k.store.Before(ctx, now)
	if err != nil {
		return err
	}
	if was == nil {
		return usage(fmt.Errorf("the bucket %s has nothing that the fleet %s was before: it was never changed by this command", k.store.Bucket, k.name))
	}
	k.say("Going back to what was changed at %s.", was.At.Format(time.RFC3339))
	if before, err = k.unpinned(ctx, d, before, now, was, patience); err != nil || before == nil {
		return err
	}
	template, err := k.template(ctx, *was)
	if err != nil {
		return err
	}
	d.CodeVersion = was.Parameters[codeVersionParameter]
	r := k.request(&bundle.Bundle{Template: template, CodeVersion: d.CodeVersion}, before, was.Parameters)
	r.Parameters, r.Tags = was.Parameters, was.Tags
	if err := k.change(ctx, d, before, r); err != nil {
		return err
	}
	if k.declared != nil && d.Outcome == "changed" {
		k.say("%s may say otherwise: the next deployment goes by that.", k.ships.estate.File)
	}
	return nil
}
