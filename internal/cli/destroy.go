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

type destroyOptions struct {
	fleet string
	yes   bool
	now   bool
	// deleteTable and deleteQueue are what else is deleted, deleteMessages with
	// all that is in them.
	deleteTable, deleteQueue, deleteMessages bool

	patience time.Duration
	json     bool
	target   target
}

func newDestroy(s *streams) *cobra.Command {
	o := new(destroyOptions)
	c := &cobra.Command{
		Use:   "destroy FLEET",
		Short: "Send a fleet's workers home and remove its stack",
		Long: `Destroy pauses the fleet, waits until every worker has handled what it holds and
has gone home, and deletes the stack. The queues and the table are kept, with all
that is in them, unless it is said otherwise; a queue that the fleet did not make
is never touched. The bucket, where large bodies waited for workers that are no
more, is emptied and deleted, unless it holds messages of unfinished tasks.`,
		Example: `  muster destroy orders
  muster destroy orders --delete-queue --delete-table --yes`,
		Args: cobra.ExactArgs(1),
	}
	flags := c.Flags()
	flags.BoolVar(&o.yes, "yes", false, "do not ask")
	flags.BoolVar(&o.now, "now", false, "do not wait for workers: what they hold comes back to the queue once its visibility timeout is over")
	flags.BoolVar(&o.deleteTable, "delete-table", false, "delete the table too: failures, ticks and what was decided by hand")
	flags.BoolVar(&o.deleteQueue, "delete-queue", false, "delete the queue and the dead-letter queue too, if they are empty")
	flags.BoolVar(&o.deleteMessages, "yes-delete-messages", false, "with --delete-queue, also if there are messages in them")
	flags.DurationVar(&o.patience, "patience", 30*time.Minute, "how long to wait for workers")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet = args[0]
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, o.run(ctx, s))
	})
	return c
}

// destruction is what became of a fleet, for --json.
type destruction struct {
	Fleet   string `json:"fleet"`
	Account string `json:"account"`
	Region  string `json:"region"`
	// Deleted and Kept are what the fleet had that outlasts its stack.
	Deleted []belonging `json:"deleted"`
	Kept    []belonging `json:"kept"`
}

func (o *destroyOptions) run(ctx context.Context, s *streams) error {
	if o.patience <= 0 {
		return usage(errors.New("--patience must be longer than 0"))
	}
	if o.deleteMessages && !o.deleteQueue {
		return usage(errors.New("--yes-delete-messages goes with --delete-queue"))
	}
	h, err := newShips(s)
	if err != nil {
		return err
	}
	p := shipment{name: o.fleet, declared: h.estate.Fleet(o.fleet)}
	k := &shipping{options: &shipOptions{yes: o.yes, target: o.target}, streams: s, ships: h, shipment: p}
	d := &deployment{}
	if err := k.reach(ctx, d, "destroy"); err != nil {
		return err
	}
	if k.stack, err = k.find(ctx); err != nil {
		return err
	}
	if k.stack == nil {
		return usage(fmt.Errorf("there is no fleet %q in %s", o.fleet, where(k.cfg)))
	}
	all, err := k.belongings(ctx)
	if err != nil {
		return err
	}
	if err := o.decide(all); err != nil {
		return err
	}
	printBelongings(s.err, all)
	going, err := k.options.confirm(s, "Remove the fleet "+o.fleet+"?")
	if err != nil || !going {
		return err
	}
	if err := o.home(ctx, s, k); err != nil {
		return err
	}
	if err := k.client.Delete(ctx, k.stack, k.tell(nil)); err != nil {
		return &exitError{status: exitUnfinished, err: err, hint: "The fleet is paused. Mend the cause and run 'muster destroy " + o.fleet + "' again."}
	}
	return o.cleanUp(ctx, s, k, d, all)
}

// home pauses the fleet and waits until its workers have gone home.
func (o *destroyOptions) home(ctx context.Context, s *streams, k *shipping) error {
	table := k.stack.Output("TableName")
	if o.now || table == "" {
		return nil
	}
	at := &stack{cfg: k.cfg, fleet: k.name, outputs: map[string]string{"TableName": table}}
	r, err := at.registry()
	if err != nil {
		return err
	}
	c, err := at.caller(ctx)
	if err != nil {
		return err
	}
	if err := r.Pause(ctx, registry.Directive{Who: c.name, Why: "muster destroy", At: registry.At(c.at)}); err != nil {
		return err
	}
	if err := awaitHome(ctx, k, r, o.patience); err != nil {
		return &exitError{
			status: exitUnfinished, err: err,
			hint: "The fleet is paused and its stack is as it was: 'muster resume " + k.name + "' lets it go on, 'muster destroy " + k.name + "' waits again, with --now for nobody.",
		}
	}
	return nil
}

// cleanUp deletes what outlasts the stack and is not to be kept.
func (o *destroyOptions) cleanUp(ctx context.Context, s *streams, k *shipping, d *deployment, all []*belonging) error {
	out := destruction{Fleet: k.name, Account: d.Account, Region: d.Region, Deleted: []belonging{}, Kept: []belonging{}}
	var errs []error
	for _, b := range all {
		var err error
		if b.delete {
			err = b.remove(ctx, k.cfg, o.deleteMessages)
		}
		switch {
		case err != nil:
			errs = append(errs, err)
			fallthrough
		case !b.delete:
			out.Kept = append(out.Kept, *b)
		default:
			out.Deleted = append(out.Deleted, *b)
		}
	}
	if o.json {
		return errors.Join(append(errs, printJSON(s.out, out))...)
	}
	fmt.Fprintf(s.out, "fleet %s is removed\n", k.name)
	t := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, b := range out.Deleted {
		fmt.Fprintf(t, "  deleted\t%s\t%s\n", b.LogicalID, b.PhysicalID)
	}
	for _, b := range out.Kept {
		fmt.Fprintf(t, "  kept\t%s\t%s\n", b.LogicalID, b.PhysicalID)
	}
	return errors.Join(append(errs, t.Flush())...)
}

func printBelongings(w io.Writer, all []*belonging) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, b := range all {
		what := "is kept"
		if b.delete {
			what = "is deleted"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s%s\n", b.LogicalID, b.PhysicalID, what, b.note)
	}
	_ = t.Flush()
}
