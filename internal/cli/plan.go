package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/price"
	"github.com/musterq/muster/internal/sim"
)

type planOptions struct {
	model
	rate    string
	p99     time.Duration
	account bool
	json    bool
	target  target
}

func newPlan(s *streams) *cobra.Command {
	o := new(planOptions)
	c := &cobra.Command{
		Use:   "plan --rate RATE --duration DURATION",
		Short: "Find the settings, quotas and monthly cost for a rate",
		Long: `Plan finds settings for a rate of messages that does not stop: the cheapest of
some that let 99 of 100 messages be with their handler in time, tried in the
simulator. It says which of AWS's quotas must be raised and why, and what a month
of 730 hours costs, by line, at the prices of us-east-1 without free tiers.

For a queue whose rate changes try muster simulate.`,
		Example: `  muster plan --rate 5000/s --duration 120ms --p99 10s
  muster plan --rate 300/m --duration lognormal:4s,3s --handler-memory 512`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.rate, "rate", "", "messages that arrive: 5000/s, 300/m or 20/h")
	flags.DurationVar(&o.p99, "p99", 30*time.Second, "by when 99 of 100 messages shall be with their handler")
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	if err := o.addFlags(all, "AlarmTopicArn", "Dashboard", "WakeAlarm"); err != nil {
		c.RunE = func(*cobra.Command, []string) error { return err }
		return c
	}
	// What a plan finds out, or needs not, is no flag.
	for _, name := range []string{"duration", "durations", "per-event", "handler-memory", "failures", "seed", "start-latency", "poll-latency", "settle-latency", "cold-start", "mode", "target", "lane", "batch-size", "process-timeout-seconds", "lambda-reserve", "monthly-budget", "alarm-topic-arn", "dashboard", "wake-alarm"} {
		flags.AddFlag(all.Lookup(name))
	}
	flags.BoolVar(&o.account, "account", false, "ask AWS for the account's Lambda concurrency, rather than take it for 1000")
	o.target.addFlags(flags)
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	c.RunE = verb(func(ctx context.Context, _ []string) error { return o.plan(ctx, s) })
	return c
}

func (o *planOptions) plan(ctx context.Context, s *streams) error {
	rate, err := perSecond(o.rate)
	if err != nil {
		return usage(err)
	}
	if o.p99 <= 0 {
		return usage(errors.New("--p99 must be longer than 0"))
	}
	c, m, _, err := o.resolve(s)
	if err != nil {
		return err
	}
	m.Phase, m.Policy.MonthlyBudget = 0, 0
	wish := sim.Wish{Rate: rate, Begin: o.p99, Reserve: o.number("LambdaReserve")}
	if wish.Extras, err = o.extras(); err != nil {
		return err
	}
	if wish.Concurrency, err = o.concurrency(ctx); err != nil {
		return err
	}
	p, err := sim.NewPlan(c, m, wish)
	if err != nil {
		return usage(err)
	}
	if o.json {
		return printJSON(s.out, p)
	}
	return printPlan(s.out, p, o.p99)
}

// ownMetric are the alarms that look at a metric of the fleet's own, which costs
// in hours in which the fleet does something.
var ownMetric = map[string]bool{"StarvedAlarm": true, "OverBudgetAlarm": true, "AtCapAlarm": true}

// extras are what the parameters ask for that costs by being there. Alarms look at
// one metric each.
func (m *model) extras() ([]sim.Line, error) {
	made, err := cloudformation.Made(m.parameters.template, cloudformation.Options{
		StackName: "plan", Parameters: m.parameters.assumed(), Account: &api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws"},
	})
	if err != nil {
		return nil, usage(err)
	}
	counts := map[price.Item]float64{}
	for _, r := range made {
		switch r.Type {
		case "AWS::CloudWatch::Alarm":
			counts[price.Alarm]++
			if ownMetric[r.LogicalID] {
				counts[price.Metric]++
			}
		case "AWS::CloudWatch::Dashboard":
			counts[price.Dashboard]++
		}
	}
	var lines []sim.Line
	for _, item := range []price.Item{price.Alarm, price.Metric, price.Dashboard} {
		if n := counts[item]; n > 0 {
			lines = append(lines, sim.Line{Name: item.Name, Quantity: n, Unit: item.Unit, Dollars: item.Of(n)})
		}
	}
	return lines, nil
}

// concurrency asks for the account's, if that is wanted: nothing else of a plan
// needs AWS.
//
// https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html
func (o *planOptions) concurrency(ctx context.Context) (int, error) {
	if !o.account && !o.target.local {
		return 0, nil
	}
	cfg, err := o.target.config(ctx)
	if err != nil {
		return 0, err
	}
	out, err := awslambda.NewFromConfig(cfg).GetAccountSettings(ctx, &awslambda.GetAccountSettingsInput{})
	if err != nil {
		return 0, fmt.Errorf("ask for the account's Lambda concurrency, which takes the permission lambda:GetAccountSettings: %w", err)
	}
	if out.AccountLimit == nil {
		return 0, nil
	}
	return int(out.AccountLimit.ConcurrentExecutions), nil
}

// perSecond reads a rate such as 5000/s.
func perSecond(text string) (float64, error) {
	number, unit, _ := strings.Cut(text, "/")
	over := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || over == 0 || !(value > 0) || value > math.MaxInt32 {
		return 0, fmt.Errorf("--rate %q: say what arrives as 5000/s, 300/m or 20/h", text)
	}
	return value / over, nil
}

func printPlan(w io.Writer, p sim.Plan, asked time.Duration) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tWHY")
	for _, l := range p.Settings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", l.Name, l.Value, l.Why)
	}
	fmt.Fprintln(t, "\nQUOTA\tNEEDED\tDEFAULT\t\tWHY")
	for _, q := range p.Quotas {
		raise := "enough"
		if q.Raise() {
			raise = "raise"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", q.Name, thousands(int(math.Ceil(q.Needed))), thousands(int(q.Default)), raise, q.Why)
	}
	fmt.Fprintln(t, "\nA MONTH\tDOLLARS\tOF")
	for _, l := range p.Lines {
		quantity := thousands(int(l.Quantity))
		if l.Quantity < 10 {
			quantity = fmt.Sprintf("%.2g", l.Quantity)
		}
		fmt.Fprintf(t, "%s\t%.2f\t%s %s\n", l.Name, l.Dollars, quantity, l.Unit)
	}
	fmt.Fprintf(t, "all\t%.2f\n", p.Dollars)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n99 of 100 messages are with their handler within %s, %s asked.\n", waited(p.P99Seconds), asked)
	if p.Mapping > 0 {
		_, err := fmt.Fprintf(w, "An event source mapping with the same handlers would cost about %.2f.\n", p.Mapping)
		return err
	}
	return nil
}
