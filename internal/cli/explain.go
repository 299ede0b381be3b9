package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

type explainOptions struct {
	fleet  string
	json   bool
	target target
}

func newExplain(s *streams) *cobra.Command {
	o := new(explainOptions)
	c := &cobra.Command{
		Use:   "explain [FLEET]",
		Short: "Say why a queue is not draining, or why there are so many workers",
		Long: `Explain checks in turn what may keep a fleet from working, and says which it is,
by what evidence, and what to do next:

` + checkList() + `
It changes nothing. What it may not ask AWS for it says, and goes on.`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet = fleetName(args)
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, runExplain(ctx, s, o))
	})
	return c
}

// checkList is the help's list of causes, in the order of the checks.
func checkList() string {
	var b strings.Builder
	for _, c := range checks {
		fmt.Fprintf(&b, "  %-12s %s\n", c.name, c.about)
	}
	return b.String()
}

func runExplain(ctx context.Context, s *streams, o *explainOptions) error {
	k, err := o.target.stack(ctx, o.fleet)
	if err != nil {
		return err
	}
	d, err := explain(ctx, k)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(s.out, d)
	}
	return d.print(s.out)
}

// cause is one reason why a fleet does what it does.
type cause struct {
	// Name is the check that found it.
	Name string `json:"name"`
	// Says is the cause in plain words.
	Says string `json:"says"`
	// Evidence is what it rests on.
	Evidence []string `json:"evidence"`
	// Next is the next command, or what to do. Empty for nothing.
	Next string `json:"next"`
}

// diagnosis is what explain found.
type diagnosis struct {
	Fleet string `json:"fleet"`
	// State sums up what there is.
	State string `json:"state"`
	// Tick is the newest tick's reason. Empty for no tick.
	Tick string `json:"tick"`
	// Causes are those found, the one that binds first. There is always one.
	Causes []cause `json:"causes"`
	// Checked are the names of all checks.
	Checked []string `json:"checked"`
	// Unknown is what AWS did not tell.
	Unknown []string `json:"unknown"`
}

// explain gathers the evidence and goes through the checks.
func explain(ctx context.Context, k *stack) (diagnosis, error) {
	e, err := gather(ctx, k)
	if err != nil {
		return diagnosis{}, err
	}
	d := diagnosis{Fleet: k.fleet, State: e.state(), Causes: []cause{}, Checked: []string{}}
	if len(e.ticks) > 0 {
		d.Tick = fmt.Sprintf("%s: %s", ago(e.now, e.ticks[0].At.Time()), e.ticks[0].Reason)
	}
	for _, check := range checks {
		d.Checked = append(d.Checked, check.name)
		found := check.find(ctx, e)
		// What only says how all is well is no news beside what is wrong.
		if found == nil || check.well && len(d.Causes) > 0 {
			continue
		}
		found.Name = check.name
		if found.Evidence == nil {
			found.Evidence = []string{}
		}
		d.Causes = append(d.Causes, *found)
	}
	d.Unknown = e.unknown
	return d, nil
}

func (d diagnosis) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "fleet %s: %s\n", d.Fleet, d.State)
	if d.Tick != "" {
		fmt.Fprintf(&b, "last tick, %s\n", oneLine(d.Tick))
	}
	for i, c := range d.Causes {
		label := "Cause"
		if i > 0 {
			label = "Also"
		}
		fmt.Fprintf(&b, "%s (%s): %s\n", label, c.Name, oneLine(c.Says))
		for _, line := range c.Evidence {
			fmt.Fprintf(&b, "  %s\n", oneLine(line))
		}
		if c.Next != "" {
			fmt.Fprintf(&b, "  Next: %s\n", c.Next)
		}
	}
	for _, u := range d.Unknown {
		fmt.Fprintf(&b, "Not known: %s\n", oneLine(u))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
