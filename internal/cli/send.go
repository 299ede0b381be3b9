package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/queue"
)

type sendOptions struct {
	fleet    string
	body     string
	hasBody  bool
	messages string
	groupBy  string
	json     bool
	target   target
}

func newSend(s *streams) *cobra.Command {
	o := new(sendOptions)
	c := &cobra.Command{
		Use:   "send [FLEET] --body TEXT | --messages FILE|-",
		Short: "Put messages on a fleet's queue",
		Long: `Send puts messages on the queue of a fleet, wherever the standard AWS
configuration leads: to an account, or to a running 'muster up'. The messages
file is that of 'muster run'; every line is checked before any message is sent.
Then it wakes the fleet's autoscaler, which would look by itself on schedule.`,
		Example: `  muster send --local --body '{"order": 1}'
  muster send orders --messages jobs.jsonl`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.StringVarP(&o.body, "body", "b", "", "body of one message")
	flags.StringVarP(&o.messages, "messages", "m", "", "file of messages, one JSON a line; - is standard input")
	flags.StringVar(&o.groupBy, "group-by", "", groupByHelp)
	flags.BoolVar(&o.json, "json", false, "print the message IDs as one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet, o.hasBody = fleetName(args), flags.Changed("body")
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, send(ctx, s, o))
	})
	return c
}

func send(ctx context.Context, s *streams, o *sendOptions) error {
	if o.hasBody == (o.messages != "") {
		return usage(errors.New("give either --body or --messages"))
	}
	messages := []outgoing{{Body: o.body}}
	if o.hasBody {
		if err := messages[0].check(); err != nil {
			return usage(fmt.Errorf("--body: %w", err))
		}
	} else {
		var err error
		if messages, err = loadMessages(s, o.messages); err != nil {
			return err
		}
	}
	k, err := o.target.stack(ctx, o.fleet)
	if err != nil {
		return err
	}
	url, err := k.output("QueueUrl")
	if err != nil {
		return err
	}
	client := sqs.NewFromConfig(queue.InRegion(k.cfg, url))
	hashed, err := byContent(ctx, client, url)
	if err != nil {
		return err
	}
	if err := arrange(messages, strings.HasSuffix(url, ".fifo"), hashed, o.groupBy); err != nil {
		return usage(err)
	}
	if err := k.announce(ctx, s, fmt.Sprintf("sending %s messages to %s", thousands(len(messages)), url)); err != nil {
		return err
	}
	sender := sender{client: client, url: url}
	ids, err := sender.send(ctx, messages)
	if e := printSent(s, o.json, ids); err == nil {
		err = e
	}
	if err != nil || len(ids) == 0 {
		return err
	}
	if err := wake(ctx, eventbridge.NewFromConfig(k.cfg), o.fleet); err != nil {
		// The schedule sees to them anyway.
		fmt.Fprintf(s.err, "The messages wait for the next scheduled tick: %v\n", err)
	}
	return nil
}

// printSent says what was sent, all of it or not.
func printSent(s *streams, asJSON bool, ids []string) error {
	sent := make([]string, 0, len(ids))
	for _, id := range ids {
		if id != "" {
			sent = append(sent, id)
		}
	}
	if asJSON {
		return printJSON(s.out, map[string]any{"sent": len(sent), "messageIds": sent})
	}
	_, err := fmt.Fprintf(s.out, "%s of %s messages sent\n", thousands(len(sent)), thousands(len(ids)))
	return err
}
