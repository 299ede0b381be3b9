package cli

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/registry"
)

// steerOptions are those of every verb that steers a fleet.
type steerOptions struct {
	fleet    string
	who, why string
	// lasts and until say when it ends by itself. Zero is never.
	lasts  time.Duration
	until  string
	json   bool
	target target
}

// steering makes a verb that steers. Those that go on for a while can end by
// themselves.
func steering(s *streams, c *cobra.Command, o *steerOptions, ends bool, run func(context.Context) error) *cobra.Command {
	flags := c.Flags()
	flags.StringVar(&o.who, "who", "", "`name` of whoever decides (default the caller that AWS knows)")
	flags.StringVar(&o.why, "why", "", "`reason`, for the ticks and for those who look")
	if ends {
		flags.DurationVar(&o.lasts, "for", 0, "end by itself after a `duration` such as 30m")
		flags.StringVar(&o.until, "until", "", "end by itself at a `time` such as 18:00, on this machine's clock, or 2026-01-31T18:00:00Z")
	}
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	o.target.addFlags(flags)
	c.Args = cobra.MaximumNArgs(1)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet = fleetName(args)
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, run(ctx))
	})
	return c
}

// begin finds the fleet, says what is about to be done to it, and who decides.
func (o *steerOptions) begin(ctx context.Context, s *streams, doing string) (*stack, *registry.Registry, registry.Directive, error) {
	var d registry.Directive
	if o.lasts < 0 {
		return nil, nil, d, usage(errors.New("--for must not be negative"))
	}
	if o.lasts > 0 && o.until != "" {
		return nil, nil, d, usage(errors.New("give either --for or --until"))
	}
	k, err := o.target.stack(ctx, o.fleet)
	if err != nil {
		return nil, nil, d, err
	}
	r, err := k.registry()
	if err != nil {
		return nil, nil, d, err
	}
	c, err := k.caller(ctx)
	if err != nil {
		return nil, nil, d, err
	}
	d = registry.Directive{Who: o.who, Why: o.why, At: registry.At(c.at)}
	if d.Who == "" {
		d.Who = c.name
	}
	switch {
	case o.lasts > 0:
		d.Until = registry.At(c.at.Add(o.lasts))
	case o.until != "":
		until, err := parseEnd(o.until, c.at.In(time.Local))
		if err != nil {
			return nil, nil, d, usage(fmt.Errorf("--until: %w", err))
		}
		d.Until = registry.At(until)
	}
	k.announceTo(s, c, doing)
	return k, r, d, nil
}

// parseEnd reads a time to come: "18:00" is the next one on now's clock.
func parseEnd(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		if !at.After(now) {
			return at, fmt.Errorf("%s has passed", text)
		}
		return at, nil
	}
	clock, err := time.Parse("15:04", text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: write 18:00, or 2026-01-31T18:00:00Z", text)
	}
	at := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, now.Location())
	if !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	return at, nil
}

// caller is whom AWS takes this command for.
type caller struct {
	account string
	// name without what says which kind of a principal it is: "alice".
	name string
	// at is the time by AWS's clock: the one that ticks go by.
	at time.Time
}

// caller asks who this is.
//
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (k *stack) caller(ctx context.Context) (caller, error) {
	identity, err := sts.NewFromConfig(k.cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return caller{}, fmt.Errorf("ask whose account this is: %w", err)
	}
	c := caller{account: aws.ToString(identity.Account), at: time.Now()}
	if at, ok := awsmiddleware.GetServerTime(identity.ResultMetadata); ok && !at.IsZero() {
		// It is cut to the second: by the end of it.
		c.at = at.Add(time.Second - time.Millisecond)
	}
	arn := aws.ToString(identity.Arn)
	c.name = arn[strings.LastIndex(arn, ":")+1:]
	if kind, name, found := strings.Cut(c.name, "/"); found && kind != "" {
		c.name = name
	}
	if c.name == "root" {
		// The account's root says little about who it was.
		if u, err := user.Current(); err == nil {
			c.name = u.Username
		}
	}
	return c, nil
}

// decision is what a verb that steers has done, for --json.
type decision struct {
	Fleet   string     `json:"fleet"`
	Control string     `json:"control"`
	Who     string     `json:"who"`
	Why     string     `json:"why"`
	At      time.Time  `json:"at"`
	Until   *time.Time `json:"until"`
	// Effect says how soon it takes effect.
	Effect string `json:"effect"`
}

// finish wakes the autoscaler and prints what was decided.
func (o *steerOptions) finish(ctx context.Context, s *streams, k *stack, control, said string, d registry.Directive, effect string) error {
	if err := wake(ctx, eventbridge.NewFromConfig(k.cfg), o.fleet); err != nil {
		fmt.Fprintf(s.err, "It waits for the next scheduled tick: %v\n", err)
	}
	if o.json {
		out := decision{Fleet: o.fleet, Control: control, Who: d.Who, Why: d.Why, At: d.At.Time(), Effect: effect}
		if d.Until != "" {
			until := d.Until.Time()
			out.Until = &until
		}
		return printJSON(s.out, out)
	}
	_, err := fmt.Fprintf(s.out, "fleet %s is %s\n%s\n", o.fleet, said, effect)
	return err
}

// parameter of the fleet's stack.
func (k *stack) parameter(ctx context.Context, name string) (string, error) {
	out, err := cloudformation.NewFromConfig(k.cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &k.fleet})
	if err != nil {
		return "", fmt.Errorf("ask for the fleet's %s: %w", name, err)
	}
	for _, stack := range out.Stacks {
		for _, p := range stack.Parameters {
			if aws.ToString(p.ParameterKey) == name {
				return aws.ToString(p.ParameterValue), nil
			}
		}
	}
	return "", fmt.Errorf("the stack %q has no parameter %s", k.fleet, name)
}
