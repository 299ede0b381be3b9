package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/deadletter"
	"github.com/musterq/muster/internal/message"
)

type dlqLsOptions struct {
	fleet  string
	filter dlqFilter
	bodies bool
	json   bool
	target target
}

func newDLQLs(s *streams) *cobra.Command {
	o := new(dlqLsOptions)
	c := &cobra.Command{
		Use:   "ls [FLEET]",
		Short: "List messages of the dead-letter queue",
		Long: `Ls lists messages of the dead-letter queue and why each failed last, as far as the
registry knows it. Bodies are shown only with --bodies: the first 80 characters,
or all of it with --json, which prints one JSON object a line.`,
		Example: `  muster dlq ls orders --reason timeout
  muster dlq ls orders --match '"customer":"acme"' --bodies --limit 0`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	o.filter.addFlags(flags, 100)
	flags.BoolVar(&o.bodies, "bodies", false, "show bodies")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a line")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet = fleetName(args)
		ctx, stop, done := s.finishing(ctx, givingBack)
		defer done()
		return interrupted(ctx, listDeadLetters(ctx, stop, s, o))
	})
	return c
}

// deadLetter is a dead letter as --json prints it.
type deadLetter struct {
	MessageID string    `json:"messageId"`
	Sent      time.Time `json:"sent"`
	Receives  int       `json:"receives"`
	GroupID   string    `json:"groupId,omitempty"`
	// Failed is when, Reason why it failed last. Nil where that is not known.
	Failed *time.Time `json:"failed"`
	Reason *string    `json:"reason"`
	Body   *string    `json:"body,omitempty"`
}

func listDeadLetters(ctx context.Context, stop <-chan struct{}, s *streams, o *dlqLsOptions) error {
	if err := o.filter.check(); err != nil {
		return err
	}
	d, err := o.target.deadLetters(ctx, o.fleet)
	if err != nil {
		return err
	}
	scan, err := o.filter.scan(ctx, d)
	if err != nil {
		return err
	}
	scan.Stop = stop
	var found []deadLetter
	ids := map[string]bool{}
	result, err := d.Look(ctx, scan, func(r message.Record) {
		l := deadLetter{MessageID: r.MessageID, Sent: deadletter.Sent(r), Receives: r.Receives(), GroupID: r.Attributes["MessageGroupId"]}
		if o.bodies {
			l.Body = &r.Body
		}
		found, ids[r.MessageID] = append(found, l), true
	})
	if err != nil {
		return err
	}
	failures, err := d.lastFailures(ctx, ids)
	if err != nil {
		return err
	}
	for i := range found {
		if f, ok := failures[found[i].MessageID]; ok {
			at := f.At.Time()
			found[i].Failed, found[i].Reason = &at, &f.Reason
		}
	}
	if err := printDeadLetters(s, o, found); err != nil {
		return err
	}
	sayUnseen(s.err, result, o.filter.limit)
	if result.Stopped {
		return &exitError{status: exitInterrupted}
	}
	if len(found) == 0 && !o.json {
		_, err = fmt.Fprintf(s.out, "none of %s messages looked at in %s match\n", thousands(result.Seen), d.url)
	}
	return err
}

func printDeadLetters(s *streams, o *dlqLsOptions, found []deadLetter) error {
	const row = "%-20s  %-36s  %-8v  %s%s\n"
	const body = "%-80.80s  "
	for i, l := range found {
		if o.json {
			if err := printJSON(s.out, l); err != nil {
				return err
			}
			continue
		}
		head, text, reason := "", "", "not known"
		if o.bodies {
			head, text = fmt.Sprintf(body, "BODY"), fmt.Sprintf(body, oneLine(*l.Body))
		}
		if l.Reason != nil {
			reason = oneLine(*l.Reason)
		}
		if i == 0 {
			fmt.Fprintf(s.out, row, "SENT", "MESSAGE", "RECEIVES", head, "LAST FAILURE")
		}
		if _, err := fmt.Fprintf(s.out, row, stamp(l.Sent), l.MessageID, l.Receives, text, reason); err != nil {
			return err
		}
	}
	return nil
}
