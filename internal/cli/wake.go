package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/spf13/cobra"
)

type wakeOptions struct {
	fleet  string
	json   bool
	target target
}

func newWake(s *streams) *cobra.Command {
	o := new(wakeOptions)
	c := &cobra.Command{
		Use:   "wake [FLEET]",
		Short: "Have the autoscaler look at the queue now",
		Long: `Wake sends the EventBridge event that a producer, or a rule of your own, may send
too: source "muster", detail type "muster wake", detail {"fleet": "NAME"}. The
autoscaler ticks within a second or two instead of at its next turn.`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet = fleetName(args)
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, runWake(ctx, s, o))
	})
	return c
}

func runWake(ctx context.Context, s *streams, o *wakeOptions) error {
	// An event for a fleet that there is not would be lost without a word.
	k, err := o.target.stack(ctx, o.fleet)
	if err != nil {
		return err
	}
	if _, err := k.registry(); err != nil {
		return err
	}
	if err := wake(ctx, eventbridge.NewFromConfig(k.cfg), o.fleet); err != nil {
		return err
	}
	if o.json {
		return printJSON(s.out, map[string]string{"fleet": o.fleet, "event": "muster wake"})
	}
	_, err = fmt.Fprintf(s.out, "The autoscaler of fleet %s was woken: see muster status %[1]s\n", o.fleet)
	return err
}

// wake asks a fleet's autoscaler for a tick, as a producer may.
func wake(ctx context.Context, events *eventbridge.Client, fleet string) error {
	detail, err := json.Marshal(map[string]string{"fleet": fleet})
	if err != nil {
		return fmt.Errorf("wake the autoscaler: %w", err)
	}
	out, err := events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		Source: aws.String("muster"), DetailType: aws.String("muster wake"), Detail: aws.String(string(detail)),
	}}})
	if err != nil {
		return fmt.Errorf("wake the autoscaler: %w", err)
	}
	for _, e := range out.Entries {
		if e.ErrorCode != nil {
			return fmt.Errorf("wake the autoscaler: %s: %s", *e.ErrorCode, aws.ToString(e.ErrorMessage))
		}
	}
	return nil
}
