package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/registry"
)

type failuresOptions struct {
	fleet        string
	since, until moment
	query        registry.FailureQuery
	// limit is the most lines to print. 0 is all.
	limit  int
	count  bool
	json   bool
	target target
}

func newFailures(s *streams) *cobra.Command {
	o := new(failuresOptions)
	c := &cobra.Command{
		Use:   "failures [FLEET]",
		Short: "Show why messages failed, the newest first",
		Long: `Failures shows the failed attempts at messages that the fleet's registry has
kept: for 14 days, whatever became of the messages since. It looks back an hour
unless told otherwise, or for all 14 days with --message.

With --count it groups them by reason, the most frequent first. Reasons that
differ only in an ID, or in a number of four digits and more, are one group.

With --json it prints one JSON object a line.`,
		Example: `  muster failures orders --since 24h --match timeout
  muster failures orders --count
  muster failures orders --message 4a8e0d7c-8ba8-4a94-8263-3be23671502b`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.Var(&o.since, "since", momentUsage+" (default 1h)")
	flags.Var(&o.until, "until", momentUsage)
	flags.StringVar(&o.query.Match, "match", "", "`text` in the reason or the message ID, in upper or lower case")
	flags.StringVar(&o.query.Handler, "handler", "", "`name` or ARN of the handler that failed")
	flags.StringVar(&o.query.MessageID, "message", "", "`ID` of the message that failed")
	flags.IntVar(&o.limit, "limit", 100, "lines to print, 0 for all; with --count all unless it is given")
	flags.BoolVar(&o.count, "count", false, "count failures by reason")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a line")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet = fleetName(args)
		if !flags.Changed("since") && o.query.MessageID == "" {
			o.since.Time = time.Now().Add(-time.Hour)
		}
		if o.count && !flags.Changed("limit") {
			o.limit = 0
		}
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, showFailures(ctx, s, o))
	})
	return c
}

func showFailures(ctx context.Context, s *streams, o *failuresOptions) error {
	if o.limit < 0 {
		return usage(errors.New("--limit must not be negative"))
	}
	if !o.until.IsZero() && !o.since.Before(o.until.Time) {
		return usage(fmt.Errorf("--since %s is not before --until %s", &o.since, &o.until))
	}
	o.query.Since, o.query.Until = o.since.Time, o.until.Time
	k, err := o.target.stack(ctx, o.fleet)
	if err != nil {
		return err
	}
	r, err := k.registry()
	if err != nil {
		return err
	}
	if o.count {
		return countFailures(ctx, s, o, r)
	}
	return listFailures(ctx, s, o, r)
}

// failureLine is a failure as --json prints it.
type failureLine struct {
	At        time.Time `json:"at"`
	MessageID string    `json:"messageId"`
	Receives  int       `json:"receives"`
	Stage     string    `json:"stage"`
	Handler   string    `json:"handler"`
	Worker    string    `json:"worker"`
	Reason    string    `json:"reason"`
}

func lineOf(f registry.Failure) failureLine {
	return failureLine{f.At.Time(), f.MessageID, f.Receives, f.Stage, f.Handler, f.Worker, f.Reason}
}

// failureRow is the shape of the table, whose lines are printed as they come.
const failureRow = "%-20s  %-36s  %-8v  %-9s  %-20s  %-45s  %s\n"

func listFailures(ctx context.Context, s *streams, o *failuresOptions, r *registry.Registry) error {
	shown := 0
	for f, err := range r.Failures(ctx, o.query) {
		switch {
		case err != nil:
			return err
		case o.limit > 0 && shown == o.limit:
			_, err := fmt.Fprintf(s.err, "There are more than %s: --limit 0 shows all, --count groups them by reason.\n", thousands(shown))
			return err
		case o.json:
			err = printJSON(s.out, lineOf(f))
		default:
			if shown == 0 {
				fmt.Fprintf(s.out, failureRow, "WHEN", "MESSAGE", "RECEIVES", "STAGE", "HANDLER", "WORKER", "REASON")
			}
			_, err = fmt.Fprintf(s.out, failureRow, stamp(f.At.Time()), f.MessageID, f.Receives, f.Stage, f.HandlerName(), f.Worker, oneLine(f.Reason))
		}
		if err != nil {
			return err
		}
		shown++
	}
	if shown == 0 && !o.json {
		return o.printNone(s.out)
	}
	return nil
}

// printNone says what was looked for in vain.
func (o *failuresOptions) printNone(w io.Writer) error {
	since, more := "in 14 days", ""
	if !o.since.IsZero() {
		since, more = "since "+stamp(o.since.Time), "; --since 14d looks as far back as there are records"
	}
	_, err := fmt.Fprintf(w, "no such failures of fleet %s %s%s\n", o.fleet, since, more)
	return err
}

// failureGroup are the failures that have one reason.
type failureGroup struct {
	Count  int    `json:"count"`
	Reason string `json:"reason"`
	// Handlers that failed so, by name.
	Handlers []string  `json:"handlers"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	// MessageID of the newest.
	MessageID string `json:"messageId"`
}

func countFailures(ctx context.Context, s *streams, o *failuresOptions, r *registry.Registry) error {
	groups := map[string]*failureGroup{}
	for f, err := range r.Failures(ctx, o.query) {
		if err != nil {
			return err
		}
		reason := sameReason(f.Reason)
		g := groups[reason]
		if g == nil {
			g = &failureGroup{Reason: reason, Handlers: []string{}, Last: f.At.Time(), MessageID: f.MessageID}
			groups[reason] = g
		}
		g.Count++
		g.First = f.At.Time()
		if name := f.HandlerName(); name != "" && !slices.Contains(g.Handlers, name) {
			g.Handlers = append(g.Handlers, name)
		}
	}
	if len(groups) == 0 && !o.json {
		return o.printNone(s.out)
	}
	sorted := slices.SortedFunc(maps.Values(groups), func(a, b *failureGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), b.Last.Compare(a.Last), strings.Compare(a.Reason, b.Reason))
	})
	if o.limit > 0 {
		sorted = sorted[:min(o.limit, len(sorted))]
	}
	return printGroups(s.out, sorted, o.json)
}

func printGroups(w io.Writer, groups []*failureGroup, asJSON bool) error {
	const row = "%-9s  %-20s  %-20s  %-36s  %s\n"
	if !asJSON {
		fmt.Fprintf(w, row, "COUNT", "LAST", "HANDLER", "NEWEST MESSAGE", "REASON")
	}
	for _, g := range groups {
		var err error
		if asJSON {
			err = printJSON(w, g)
		} else {
			_, err = fmt.Fprintf(w, row, thousands(g.Count), stamp(g.Last), strings.Join(g.Handlers, ","), g.MessageID, oneLine(g.Reason))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// What differs between failures that have one cause, and what stands for it.
var (
	anyID     = regexp.MustCompile(`\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b`)
	anyNumber = regexp.MustCompile(`\b[0-9]{4,}\b`)
)

// sameReason is a reason without what differs between failures of one cause.
func sameReason(reason string) string {
	return anyNumber.ReplaceAllString(anyID.ReplaceAllString(reason, "ID"), "N")
}
