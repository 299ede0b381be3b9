package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/estate"
)

type initOptions struct {
	fleet    string
	queue    string
	function string
	force    bool
	json     bool
	target   target
}

func newInit(s *streams) *cobra.Command {
	o := new(initOptions)
	c := &cobra.Command{
		Use:   "init [FLEET] --function FUNCTION [--queue QUEUE]",
		Short: "Write a muster.yaml from a queue and a handler that there are",
		Long: `Init looks at a Lambda function, and at the queue whose messages it handles, and
writes a muster.yaml with a fleet for them: parameters that fit, each with a
comment that says why. It changes nothing at AWS.

Without --queue the fleet makes a queue of its own. A muster.yaml that is there is
not touched unless --force is given.`,
		Example: `  muster init orders --queue orders --function handle-order:live
  muster init orders --queue arn:aws:sqs:eu-central-1:123456789012:orders --function arn:aws:lambda:eu-central-1:123456789012:function:handle-order`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.StringVar(&o.function, "function", "", "the `FUNCTION` that handles messages: its name or ARN, with a version or alias if it has one")
	flags.StringVar(&o.queue, "queue", "", "the `QUEUE` whose messages they are: its name or ARN")
	flags.BoolVar(&o.force, "force", false, "write over a muster.yaml that is there")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet = fleetName(args)
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, o.write(ctx, s))
	})
	return c
}

func (o *initOptions) write(ctx context.Context, s *streams) error {
	if o.function == "" {
		return usage(errors.New("--function is missing: name the Lambda function that handles messages"))
	}
	path := s.path(estate.FileName)
	if _, err := os.Stat(path); !o.force && !errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Errorf("%s is there already: add the fleet to it by hand, or write over it with --force", estate.FileName))
	}
	cfg, err := o.target.config(ctx)
	if err != nil {
		return err
	}
	d, err := o.draft(ctx, cfg)
	if err != nil {
		return err
	}
	text := d.text()
	// What was written is what is read later.
	e, err := estate.Parse(estate.FileName, []byte(text))
	if err != nil {
		return fmt.Errorf("write %s: %w", estate.FileName, err)
	}
	template, err := fleetTemplate()
	if err != nil {
		return err
	}
	if err := e.Check(template); err != nil {
		return usage(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", estate.FileName, err)
	}
	if o.json {
		return printJSON(s.out, map[string]any{"file": estate.FileName, "fleet": o.fleet, "parameters": e.Fleet(o.fleet).Texts(), "notes": d.notes})
	}
	for _, note := range d.notes {
		fmt.Fprintln(s.err, note)
	}
	_, err = fmt.Fprintf(s.out, "Wrote %s with the fleet %s. Next: muster validate, then muster deploy.\n", estate.FileName, o.fleet)
	return err
}
