package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	embedded "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/estate"
)

type validateOptions struct {
	offline    bool
	json       bool
	target     target
	parameters *parameters
}

func newValidate(s *streams) *cobra.Command {
	o := new(validateOptions)
	c := &cobra.Command{
		Use:   "validate [FLEET...]",
		Short: "Find what is wrong with fleets before they are deployed",
		Long: `Validate checks muster.yaml, or the parameters given, against the template, and
deploys each fleet into an account in memory: that finds what the template, the
state machines, the sizes and the settings together do not allow, and what its
roles may do that they need not.

Then it asks AWS about the handlers, the queue, whoever else takes messages of it
and the account's quota. With --offline it does not. Without arguments all fleets
of muster.yaml are validated.

Each finding has its place and its remedy. Exit status: 0 there are no errors; 2
there are.`,
		Example: `  muster validate --offline
  muster validate orders --json`,
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.offline, "offline", false, "do not ask AWS")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	p, err := addShipFlags(flags)
	if err != nil {
		c.RunE = verb(func(context.Context, []string) error { return err })
		return c
	}
	o.parameters = p
	c.RunE = verb(func(ctx context.Context, args []string) error {
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, o.validate(ctx, s, args))
	})
	return c
}

func (o *validateOptions) validate(ctx context.Context, s *streams, args []string) error {
	all := []flaw{}
	h, err := newShips(s)
	if err != nil {
		var f flaws
		f.refuse(err)
		return o.report(s, 0, append(all, f.all...))
	}
	chosen, err := h.choose(args, len(args) == 0 && h.estate != nil, o.parameters.values)
	if err != nil {
		return err
	}
	all = append(all, permissions(embedded.Fleet)...)
	for _, p := range chosen {
		f := newFlaws(h, p)
		if err := o.examine(ctx, h, p, f); err != nil {
			return err
		}
		all = append(all, f.all...)
	}
	return o.report(s, len(chosen), all)
}

// examine finds what is wrong with one fleet.
func (o *validateOptions) examine(ctx context.Context, h *ships, p shipment, f *flaws) error {
	f.refuse(h.check(p, nil))
	if f.errors() > 0 {
		return nil
	}
	region := localRegion
	if p.declared != nil && p.declared.Region != "" {
		region = p.declared.Region
	}
	if o.offline {
		f.refuse(rehearse(ctx, h, p.name, region, p.values()))
		at := place{}
		if p.declared != nil {
			at.region = p.declared.Region
		}
		pitfalls(h, at, p.values(), f)
		return nil
	}
	cfg, err := o.target.configFor(ctx, p)
	if err != nil {
		return err
	}
	f.refuse(rehearse(ctx, h, p.name, cfg.Region, p.values()))
	if f.errors() > 0 {
		return nil
	}
	queue := ""
	found, err := newRollout(cfg).Find(ctx, p.name)
	switch {
	case err != nil:
		f.missed("the fleet as it is", "cloudformation:DescribeStacks", err)
	case found != nil:
		queue = found.Output("QueueArn")
	}
	account := ""
	if c, err := (&stack{cfg: cfg, fleet: p.name}).caller(ctx); err != nil {
		f.missed("whose account this is", "sts:GetCallerIdentity", err)
	} else {
		account = c.account
	}
	inspect(ctx, cfg, account, h, p.values(), queue, f)
	return nil
}

// report prints what was found.
func (o *validateOptions) report(s *streams, fleets int, all []flaw) error {
	errs := 0
	for _, k := range all {
		if k.Severity == severe {
			errs++
		}
	}
	if o.json {
		if err := printJSON(s.out, map[string]any{"fleets": fleets, "errors": errs, "findings": all}); err != nil {
			return err
		}
	} else {
		for _, k := range all {
			fmt.Fprintln(s.out, k)
		}
		fmt.Fprintf(s.out, "%s: %s, %s\n", counted(fleets, "fleet"), counted(errs, "error"), counted(len(all)-errs, "warning"))
	}
	if errs > 0 {
		return &exitError{status: exitUsage}
	}
	return nil
}

// counted is "1 error", "2 errors".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// permissions finds the statements of the template's roles that allow more than
// AWS forces them to.
func permissions(template []byte) []flaw {
	wide, err := estate.Wide(template)
	if err != nil {
		return []flaw{{Severity: severe, File: "cloudformation/fleet.yaml", Line: 1, Message: err.Error()}}
	}
	var all []flaw
	for _, w := range wide {
		all = append(all, flaw{
			Severity: severe, File: "cloudformation/fleet.yaml", Line: w.Line, Message: w.Message,
			Remedy: "Name what is meant by its ARN.",
		})
	}
	return all
}
