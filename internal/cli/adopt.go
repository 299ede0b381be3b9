package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/adopt"
	"github.com/musterq/muster/internal/estate"
)

type adoptOptions struct {
	fleet        string
	source       adopt.Source
	scaledObject string
	on, back     bool
	impatient    bool
	yes          bool
	json         bool
	target       target
}

func newAdopt(s *streams) *cobra.Command {
	o := new(adoptOptions)
	c := &cobra.Command{
		Use:   "adopt [FLEET]",
		Short: "Take over from an event source mapping or a KEDA ScaledObject, and give back",
		Long: `Adopt plans a fleet that does what an event source mapping does, and says what
differs all the same. With --yes the plan goes into muster.yaml, as a fleet that is
not enabled: 'muster deploy' puts it beside the mapping, and nothing changes yet.

Then 'muster adopt FLEET --switch' switches the mapping off, waits until what it has
in hand has ended, and enables the fleet. 'muster adopt FLEET --back' sends the
workers home, disables the fleet and switches the mapping on. Messages wait in the
queue meanwhile, and none is lost. Each step finds out first whether it has been
done: a command that died is run again, in either direction.

Without --yes nothing is changed, and what would be is shown.`,
		Example: `  muster adopt orders --mapping 14e0db71-5d35-4eb5-b481-8945cf9d10c2
  muster adopt --function orders --queue orders --yes
  muster adopt --scaled-object keda/orders.yaml
  muster adopt orders --switch --yes
  muster adopt orders --back --yes`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.source.UUID, "mapping", "", "`UUID` of the event source mapping")
	flags.StringVar(&o.source.Function, "function", "", "name or `ARN` of the mapping's function, with its version or alias")
	flags.StringVar(&o.source.Queue, "queue", "", "name, URL or `ARN` of the mapping's queue")
	flags.StringVar(&o.scaledObject, "scaled-object", "", "`file` with a KEDA ScaledObject, in place of a mapping")
	flags.BoolVar(&o.on, "switch", false, "mapping off, fleet on")
	flags.BoolVar(&o.back, "back", false, "fleet off, mapping on")
	flags.BoolVar(&o.impatient, "no-wait", false, "with --switch, do not wait for what the mapping has in hand: the fleet's handlers run beside it for a while")
	flags.BoolVar(&o.yes, "yes", false, "do it")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		if len(args) > 0 {
			o.fleet = args[0]
		}
		if err := o.check(); err != nil {
			return usage(err)
		}
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		if o.on || o.back {
			return interrupted(ctx, o.move(ctx, s))
		}
		return interrupted(ctx, o.plan(ctx, s))
	})
	return c
}

// check refuses flags that do not go together.
func (o *adoptOptions) check() error {
	src := o.source
	named := src.Function != "" || src.Queue != ""
	switch {
	case o.on && o.back:
		return errors.New("give either --switch or --back")
	case (o.on || o.back) && (named || o.scaledObject != ""):
		return errors.New("--switch and --back go by the fleet and, where its queue has several mappings, by --mapping")
	case (o.on || o.back) && o.fleet == "":
		return errors.New("name the fleet: muster adopt FLEET --switch")
	case o.impatient && !o.on:
		return errors.New("--no-wait goes with --switch")
	case o.on || o.back:
	case o.scaledObject != "" && (src.UUID != "" || named), src.UUID != "" && named:
		return errors.New("give one of --mapping, --function with --queue, and --scaled-object")
	case o.scaledObject == "" && src.UUID == "" && (src.Function == "" || src.Queue == ""):
		return errors.New("say what to adopt: --mapping UUID, --function with --queue, or --scaled-object FILE")
	}
	return nil
}

// plan shows what a fleet would be told, and writes it into muster.yaml.
func (o *adoptOptions) plan(ctx context.Context, s *streams) error {
	p, err := o.make(ctx, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, "account %s, region %s, fleet %s: adopt %s\n", orUnknown(p.Account), orUnknown(p.Region), p.Fleet, p.From)
	file := ""
	if o.yes {
		if file, err = p.Write(s.dir); err != nil {
			var fault *estate.Fault
			if errors.As(err, &fault) {
				return usage(err)
			}
			return err
		}
	}
	if o.json {
		return printJSON(s.out, struct {
			*adopt.Plan
			File string `json:"file"`
		}{p, file})
	}
	return o.printPlan(s, p, file)
}

func orUnknown(text string) string {
	if text == "" {
		return "not known"
	}
	return text
}

func (o *adoptOptions) make(ctx context.Context, s *streams) (*adopt.Plan, error) {
	if o.scaledObject != "" {
		path := o.scaledObject
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.dir, path)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, usage(err)
		}
		p, err := adopt.FromScaledObject(o.scaledObject, text, o.fleet)
		if err != nil {
			return nil, usage(err)
		}
		return p, nil
	}
	cfg, err := o.target.config(ctx)
	if err != nil {
		return nil, err
	}
	p, err := adopt.FromMapping(ctx, cfg, o.source, o.fleet)
	if err != nil {
		return nil, &exitError{status: exitUnfinished, err: err, hint: o.target.hint()}
	}
	return p, nil
}

func (o *adoptOptions) printPlan(s *streams, p *adopt.Plan, file string) error {
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "The fleet's parameters:")
	for _, name := range p.Names() {
		fmt.Fprintf(t, "  %s\t%s\n", name, p.Parameters[name])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	told := func(heading string, all []adopt.Difference) {
		if len(all) == 0 {
			return
		}
		fmt.Fprintln(s.out, heading)
		for _, d := range all {
			fmt.Fprintf(s.out, "  %s: %s.\n", d.What, d.Why)
		}
	}
	told("To be set by hand:", p.Missing)
	told("What differs:", p.Differences)
	if file == "" {
		_, err := fmt.Fprintln(s.out, "Nothing was changed. With --yes it is written into muster.yaml.")
		return err
	}
	next := "muster deploy " + p.Fleet
	if p.Mapping != nil {
		next += "\n  muster adopt " + p.Fleet + " --switch"
	}
	_, err := fmt.Fprintf(s.out, "Fleet %s is in %s, not enabled. Next:\n  %s\n", p.Fleet, file, next)
	return err
}

// movement is what --switch and --back tell in JSON.
type movement struct {
	*adopt.Situation
	// Done says whether anything was changed.
	Done bool `json:"done"`
	// Steps that are needed, or that were taken.
	Steps []string `json:"steps"`
	// File in which the fleet's Enabled was changed too. Empty for none.
	File string `json:"file"`
}

// move switches a queue's messages from the mapping to the fleet, or back.
func (o *adoptOptions) move(ctx context.Context, s *streams) error {
	k, err := o.target.stack(ctx, o.fleet)
	if err != nil {
		return err
	}
	c, err := k.caller(ctx)
	if err != nil {
		return err
	}
	doing := "switch from the mapping to the fleet"
	if o.back {
		doing = "go back from the fleet to the mapping"
	}
	k.announceTo(s, c, doing)
	m := movement{Steps: []string{}}
	move := &adopt.Switch{Config: k.cfg, Fleet: o.fleet, Mapping: o.source.UUID, Who: c.name, Impatient: o.impatient, Tell: func(step string) {
		m.Steps = append(m.Steps, step)
		fmt.Fprintln(s.err, " ", step)
	}}
	if m.Situation, err = move.Look(ctx); err != nil {
		return err
	}
	for _, other := range m.Others {
		fmt.Fprintln(s.err, "Warning:", other.Warning())
	}
	if !o.yes {
		m.Steps = move.Steps(m.Situation, o.on)
		return m.print(s, o, "Nothing was changed. These are the steps that --yes takes:")
	}
	step := move.On
	if o.back {
		step = move.Back
	}
	if err := step(ctx); err != nil {
		return &exitError{status: exitUnfinished, err: err, hint: "Each step finds out first whether it has been done: run the command again, or go the other way."}
	}
	m.Done = true
	if m.File, err = adopt.SetEnabled(s.dir, o.fleet, o.on); err != nil {
		return err
	}
	if m.Situation, err = move.Look(ctx); err != nil {
		return err
	}
	return m.print(s, o, "")
}

func (m *movement) print(s *streams, o *adoptOptions, heading string) error {
	if o.json {
		return printJSON(s.out, m)
	}
	fmt.Fprintf(s.out, "queue %s\nmapping %s for %s: %s\nfleet %s: enabled %t, %d workers\n", m.Queue, m.Mapping.UUID, m.Mapping.Function, m.Mapping.State, m.Fleet, m.Enabled, m.Workers)
	if m.Paused != "" {
		fmt.Fprintln(s.out, "paused", oneLine(m.Paused))
	}
	if heading != "" {
		fmt.Fprintln(s.out, heading)
		for _, step := range m.Steps {
			fmt.Fprintln(s.out, " ", step)
		}
		return nil
	}
	if m.File != "" {
		fmt.Fprintf(s.out, "%s has Enabled %t now.\n", m.File, o.on)
	} else {
		fmt.Fprintf(s.out, "No muster.yaml tells of it: deploy with Enabled %t from now on.\n", o.on)
	}
	return nil
}
