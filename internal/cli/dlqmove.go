package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/deadletter"
	"github.com/musterq/muster/internal/message"
)

type dlqMoveOptions struct {
	fleet  string
	filter dlqFilter
	// to is the queue to send to. Empty is the fleet's own.
	to   string
	rate int
	// all allows to purge without a filter.
	all, yes, json bool
	target         target
	// again is the command that does what the dry run has shown.
	again string
}

func (o *dlqMoveOptions) addFlags(c *cobra.Command, s *streams, rate int, run func(context.Context, <-chan struct{}, *streams, *dlqMoveOptions) error) {
	flags := c.Flags()
	o.filter.addFlags(flags, 0)
	flags.IntVar(&o.rate, "rate", rate, "most messages a second, 0 for no limit")
	flags.BoolVar(&o.yes, "yes", false, "do it; without it nothing is changed")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.Args = cobra.MaximumNArgs(1)
	c.RunE = func(c *cobra.Command, args []string) error {
		return verb(func(ctx context.Context, args []string) error {
			o.fleet, o.again = fleetName(args), commandLine(c, args, "--yes")
			ctx, stop, done := s.finishing(ctx, "Finishing the batch under way and giving back the rest. Interrupt again to leave at once.")
			defer done()
			return interrupted(ctx, run(ctx, stop, s, o))
		})(c, args)
	}
}

func newDLQRedrive(s *streams) *cobra.Command {
	o := new(dlqMoveOptions)
	c := &cobra.Command{
		Use:   "redrive [FLEET]",
		Short: "Move messages that match back to the queue",
		Long: `Redrive moves messages from the dead-letter queue back to the fleet's queue, or to
another. Without --yes it only says what it would move.

A message is sent first and deleted then, so that an interruption can leave it on
both sides, but never on none. What matches moves, the rest stays. Body, message
attributes, group and trace header are kept; the message ID is a new one, and so
is the deduplication ID of a FIFO queue's message: with its own SQS would drop it
where another message had the same ID within five minutes.`,
		Example: `  muster dlq redrive orders --reason timeout
  muster dlq redrive orders --since 2h --rate 10 --yes`,
	}
	o.addFlags(c, s, 50, runRedrive)
	c.Flags().StringVar(&o.to, "to", "", "`URL` of another queue to move to")
	return c
}

func newDLQPurge(s *streams) *cobra.Command {
	o := new(dlqMoveOptions)
	c := &cobra.Command{
		Use:   "purge [FLEET]",
		Short: "Delete messages that match for good",
		Long: `Purge deletes messages of the dead-letter queue for good: those that match, or all
of them with --all. Without --yes it only says what it would delete.`,
		Example: `  muster dlq purge orders --until 7d
  muster dlq purge orders --all --yes`,
	}
	o.addFlags(c, s, 0, runPurge)
	c.Flags().BoolVar(&o.all, "all", false, "delete every message, where there is no filter")
	return c
}

func (o *dlqMoveOptions) check() error {
	if o.rate < 0 {
		return usage(errors.New("--rate must not be negative"))
	}
	return o.filter.check()
}

func runRedrive(ctx context.Context, stop <-chan struct{}, s *streams, o *dlqMoveOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	d, err := o.target.deadLetters(ctx, o.fleet)
	if err != nil {
		return err
	}
	to := o.to
	if to == "" {
		to = d.source
	}
	m := dlqMove{streams: s, options: o, from: d, doing: "move", done: "moved", to: to}
	result, err := m.run(ctx, stop, func(scan deadletter.Scan) (deadletter.Result, error) {
		return d.Redrive(ctx, scan, deadletter.OpenTarget(d.cfg, to), o.rate)
	})
	switch {
	case result.Taken == 0 || o.to != "":
	case ctx.Err() != nil:
		fmt.Fprintln(s.err, "The messages that were moved wait for the next scheduled tick.")
	default:
		if err := wake(ctx, eventbridge.NewFromConfig(d.cfg), o.fleet); err != nil {
			fmt.Fprintf(s.err, "The messages wait for the next scheduled tick: %v\n", err)
		}
	}
	return err
}

func runPurge(ctx context.Context, stop <-chan struct{}, s *streams, o *dlqMoveOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	switch {
	case o.all && !o.filter.all():
		return usage(errors.New("--all is for a purge without a filter: leave out the one or the other"))
	case o.yes && !o.all && o.filter.all():
		return &exitError{status: exitUsage, err: errors.New("this would delete every message"), hint: "Say so with --all, or give a filter."}
	}
	d, err := o.target.deadLetters(ctx, o.fleet)
	if err != nil {
		return err
	}
	m := dlqMove{streams: s, options: o, from: d, doing: "delete", done: "deleted"}
	_, err = m.run(ctx, stop, func(scan deadletter.Scan) (deadletter.Result, error) {
		return d.Purge(ctx, scan, o.rate)
	})
	return err
}

// dlqMove takes messages out of the dead-letter queue.
type dlqMove struct {
	*streams
	options *dlqMoveOptions
	from    *deadLetters
	// doing and done are the words for it.
	doing, done string
	// to is the queue that they go to. Empty for none.
	to string
}

// moveSummary is what --json prints.
type moveSummary struct {
	Fleet  string `json:"fleet"`
	From   string `json:"from"`
	To     string `json:"to,omitempty"`
	DryRun bool   `json:"dryRun"`
	Seen   int    `json:"seen"`
	// Matched messages, and Done those that were moved or deleted.
	Matched     int              `json:"matched"`
	Done        int              `json:"done"`
	Refused     []refusedMessage `json:"refused"`
	Unseen      int              `json:"unseen"`
	Interrupted bool             `json:"interrupted"`
}

type refusedMessage struct {
	MessageID string `json:"messageId"`
	Reason    string `json:"reason"`
}

func (m *dlqMove) run(ctx context.Context, stop <-chan struct{}, move func(deadletter.Scan) (deadletter.Result, error)) (deadletter.Result, error) {
	var result deadletter.Result
	doing := "to " + m.doing
	if !m.options.yes {
		doing = "dry run, nothing is changed: " + doing
	}
	if err := m.from.announce(ctx, m.streams, doing+" messages of "+m.from.url+m.toward()); err != nil {
		return result, err
	}
	scan, err := m.options.filter.scan(ctx, m.from)
	if err != nil {
		return result, err
	}
	scan.Stop = stop
	finish := func() {}
	if m.terminal {
		if scan.Progress, finish, err = m.progress(ctx); err != nil {
			return result, err
		}
	}
	if m.options.yes {
		result, err = move(scan)
	} else {
		result, err = m.from.Look(ctx, scan, func(message.Record) {})
	}
	finish()
	result.Stopped = result.Stopped || ctx.Err() != nil
	if e := m.report(result); e != nil || err != nil {
		if ctx.Err() != nil {
			fmt.Fprintf(m.err, "Left at once: what was held is visible again %s after it was received.\n", deadletter.Visibility)
		}
		return result, errors.Join(err, e)
	}
	return result, m.conclude(result)
}

func (m *dlqMove) toward() string {
	if m.to == "" {
		return ""
	}
	return " to " + m.to
}

// progress draws a bar of the messages that were looked at.
func (m *dlqMove) progress(ctx context.Context) (show func(deadletter.Result), finish func(), err error) {
	depth, err := m.from.Depth(ctx)
	if err != nil || depth == 0 {
		return nil, func() {}, err
	}
	show, finish = scanBar(m.err, depth, func(r deadletter.Result) string {
		if !m.options.yes {
			return "matching " + thousands(r.Matched)
		}
		return m.done + " " + thousands(r.Taken)
	})
	return show, finish, nil
}

// scanBar is a bar of a scan through about depth messages. Finish takes it away.
// What cannot be drawn stops nothing.
func scanBar(w io.Writer, depth int, describe func(deadletter.Result) string) (show func(deadletter.Result), finish func()) {
	bar := progressbar.NewOptions(depth,
		progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(40), progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	return func(r deadletter.Result) {
		bar.Describe(describe(r))
		_ = bar.Set(min(r.Seen, depth))
	}, func() { _ = bar.Finish() }
}

// report says what was done.
func (m *dlqMove) report(r deadletter.Result) error {
	o := m.options
	if !o.json {
		return m.print(m.out, r)
	}
	s := moveSummary{
		Fleet: o.fleet, From: m.from.url, To: m.to, DryRun: !o.yes, Seen: r.Seen, Matched: r.Matched, Done: r.Taken,
		Refused: []refusedMessage{}, Unseen: r.Unseen, Interrupted: r.Stopped,
	}
	for _, refused := range r.Refused {
		s.Refused = append(s.Refused, refusedMessage(refused))
	}
	return printJSON(m.out, s)
}

// conclude says what is left to do. The error is for the exit status.
func (m *dlqMove) conclude(r deadletter.Result) error {
	sayUnseen(m.err, r, m.options.filter.limit)
	switch {
	case r.Stopped:
		fmt.Fprintf(m.err, "Interrupted: about %s messages are left in the dead-letter queue, all of them visible. The same command again goes on.\n", thousands(r.Seen-r.Taken+r.Unseen))
		return &exitError{status: exitInterrupted}
	case len(r.Refused) > 0:
		return fmt.Errorf("%s messages stay because the queue would not have them", thousands(len(r.Refused)))
	}
	return nil
}

// maxRefusals that are named for people.
const maxRefusals = 10

func (m *dlqMove) print(w io.Writer, r deadletter.Result) error {
	var err error
	if m.options.yes {
		_, err = fmt.Fprintf(w, "%s of %s messages %s\n", thousands(r.Taken), thousands(r.Seen), m.done)
	} else {
		_, err = fmt.Fprintf(w, "%s of %s messages match. To %s them:\n  %s\n", thousands(r.Matched), thousands(r.Seen), m.doing, m.command())
	}
	for i, refused := range r.Refused {
		if i == maxRefusals {
			fmt.Fprintln(m.err, "There are more; --json names them all.")
			break
		}
		fmt.Fprintf(m.err, "message %s stays: %s\n", refused.MessageID, oneLine(refused.Reason))
	}
	return err
}

// command does what the dry run has shown.
func (m *dlqMove) command() string {
	if m.to == "" && m.options.filter.all() && !m.options.all {
		return m.options.again + " --all"
	}
	return m.options.again
}
