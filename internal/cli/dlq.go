package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/musterq/muster/internal/deadletter"
	"github.com/musterq/muster/internal/registry"
)

func newDLQ(s *streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "dlq",
		Short: "Look through a fleet's dead-letter queue; mend, redrive or purge what matches",
		Long: `The verbs of dlq look through a fleet's dead-letter queue. SQS can only do this by
receiving: what has been looked at is hidden from others meanwhile, and its
receive count grows by one. It is visible again when the verb ends, and should
that be cut short, ` + deadletter.Visibility.String() + ` after it was received.

In a FIFO queue the messages behind one that stays cannot be seen: the verbs say
how many there are.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newDLQLs(s), newDLQShow(s), newDLQEdit(s), newDLQRedrive(s), newDLQPurge(s))
	return c
}

// deadLetters are a fleet's dead-letter queue and what belongs to it.
type deadLetters struct {
	*stack
	*deadletter.Queue
	registry *registry.Registry
	// url of the dead-letter queue, and of the queue that its messages come from.
	url, source string
}

// deadLetters finds a fleet's dead-letter queue.
func (t *target) deadLetters(ctx context.Context, fleet string) (*deadLetters, error) {
	d, err := t.queues(ctx, fleet)
	if err == nil && d.Queue == nil {
		return nil, &exitError{
			status: exitUsage, err: fmt.Errorf("the fleet %q names no dead-letter queue of the queue %s", fleet, d.source),
			hint: "Deploy it with DeadLetterQueueArn, as the queue's redrive policy has it.",
		}
	}
	return d, err
}

// queues finds a fleet's queue, and its dead-letter queue where it names one:
// without one url is empty and Queue nil.
func (t *target) queues(ctx context.Context, fleet string) (*deadLetters, error) {
	k, err := t.stack(ctx, fleet)
	if err != nil {
		return nil, err
	}
	d := &deadLetters{stack: k}
	if d.source, err = k.output("QueueUrl"); err != nil {
		return nil, err
	}
	d.registry, err = k.registry()
	if d.url = k.outputs["DeadLetterQueueUrl"]; d.url != "" {
		d.Queue = deadletter.Open(k.cfg, d.url)
	}
	return d, err
}

// lastFailures are the last failures of these messages, by message ID. They are
// looked for in all that are kept, until each was found.
func (d *deadLetters) lastFailures(ctx context.Context, ids map[string]bool) (map[string]registry.Failure, error) {
	last := map[string]registry.Failure{}
	if len(ids) == 0 {
		return last, nil
	}
	for f, err := range d.registry.Failures(ctx, registry.FailureQuery{}) {
		if err != nil {
			return nil, err
		}
		if _, known := last[f.MessageID]; known || !ids[f.MessageID] {
			continue
		}
		if last[f.MessageID] = f; len(last) == len(ids) {
			break
		}
	}
	return last, nil
}

// dlqFilter are the flags that say which messages are meant.
type dlqFilter struct {
	match        string
	ids          []string
	since, until moment
	attributes   []string
	reason       string
	limit        int
}

func (f *dlqFilter) addFlags(flags *pflag.FlagSet, limit int) {
	flags.StringVar(&f.match, "match", "", "`text` in the body or in a message attribute, in upper or lower case")
	flags.StringArrayVar(&f.ids, "id", nil, "message `ID`; may be repeated")
	flags.Var(&f.since, "since", "sent since: "+momentUsage)
	flags.Var(&f.until, "until", "sent before: "+momentUsage)
	flags.StringArrayVar(&f.attributes, "attribute", nil, "message attribute that it must have, or a system attribute such as MessageGroupId, as `NAME=VALUE`; may be repeated")
	flags.StringVar(&f.reason, "reason", "", "`text` in the reason of its last failure, as far as the registry knows it")
	flags.IntVar(&f.limit, "limit", limit, "most matching messages, 0 for all")
}

// all says that every message is meant.
func (f *dlqFilter) all() bool {
	return f.match == "" && len(f.ids) == 0 && f.since.IsZero() && f.until.IsZero() && len(f.attributes) == 0 && f.reason == "" && f.limit == 0
}

// check finds what can be found without asking anybody.
func (f *dlqFilter) check() error {
	if f.limit < 0 {
		return usage(errors.New("--limit must not be negative"))
	}
	if !f.until.IsZero() && !f.since.Before(f.until.Time) {
		return usage(fmt.Errorf("--since %s is not before --until %s", &f.since, &f.until))
	}
	_, err := pairs("--attribute", f.attributes)
	return err
}

// pairs reads values of a flag as NAME=VALUE.
func pairs(flag string, values []string) (map[string]string, error) {
	all := map[string]string{}
	for _, pair := range values {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usage(fmt.Errorf("%s %q: write NAME=VALUE", flag, pair))
		}
		all[name] = value
	}
	return all, nil
}

// scan is the scan that the flags ask for.
func (f *dlqFilter) scan(ctx context.Context, d *deadLetters) (deadletter.Scan, error) {
	attributes, err := pairs("--attribute", f.attributes)
	if err != nil {
		return deadletter.Scan{}, err
	}
	s := deadletter.Scan{Limit: f.limit, Filter: deadletter.Filter{
		Match: f.match, IDs: f.ids, Since: f.since.Time, Until: f.until.Time, Attributes: attributes,
	}}
	if f.reason == "" {
		return s, nil
	}
	// Whether the newest failure of each message has the text.
	meant := map[string]bool{}
	for failure, err := range d.registry.Failures(ctx, registry.FailureQuery{}) {
		if err != nil {
			return s, err
		}
		if _, known := meant[failure.MessageID]; !known {
			meant[failure.MessageID] = strings.Contains(strings.ToLower(failure.Reason), strings.ToLower(f.reason))
		}
	}
	s.Filter.Reason = func(id string) bool { return meant[id] }
	return s, nil
}

// oneMessage reads the arguments [FLEET] ID.
func oneMessage(args []string) (fleet, id string) {
	return fleetName(args[:len(args)-1]), args[len(args)-1]
}

// plainWord needs no quotes in a shell.
var plainWord = regexp.MustCompile(`^[\w./:=@%+,-]+$`)

// commandLine is the command as it was given, and what else shall be there.
func commandLine(c *cobra.Command, args []string, more ...string) string {
	words := append(strings.Fields(c.CommandPath()), args...)
	c.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			words = append(words, "--"+f.Name)
			if f.Value.Type() != "bool" {
				words = append(words, v)
			}
		}
	})
	for i, w := range words {
		if !plainWord.MatchString(w) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(append(words, more...), " ")
}

// sayUnseen says that there is more than was looked at.
func sayUnseen(w io.Writer, r deadletter.Result, limit int) {
	switch {
	case r.Unseen == 0:
	case limit > 0 && r.Matched >= limit:
		fmt.Fprintf(w, "The limit of %s was reached; about %s messages were not looked at.\n", thousands(limit), thousands(r.Unseen))
	case !r.Stopped:
		fmt.Fprintf(w, "About %s more messages could not be looked at: others hold them, or they stand behind messages of their group. Try again in %s.\n", thousands(r.Unseen), deadletter.Visibility)
	}
}
