package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/spf13/cobra"
)

type logsOptions struct {
	fleet    string
	function string
	since    moment
	follow   bool
	json     bool
	target   target
}

func newLogs(s *streams) *cobra.Command {
	o := new(logsOptions)
	c := &cobra.Command{
		Use:   "logs [FLEET]",
		Short: "Show what a fleet's functions and state machines have logged",
		Long: `Logs shows the lines of the log groups that a fleet's stack has: those of Muster's
functions, and of its state machines, which log errors. Message bodies are not in
them unless LogBodies is set. What your own handlers log is in their log groups.`,
		Example: `  muster logs orders --since 1h --function pump
  muster logs orders --follow`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.StringVar(&o.function, "function", "", "only the log groups whose name has this `part`: pump, autoscaler, worker")
	flags.Var(&o.since, "since", momentUsage+" (default 15m)")
	flags.BoolVarP(&o.follow, "follow", "f", false, "go on until interrupted")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a line")
	o.target.addFlags(flags)
	c.RunE = verb(func(ctx context.Context, args []string) error {
		o.fleet = fleetName(args)
		ctx, stop := s.untilInterrupted(ctx)
		defer stop()
		return interrupted(ctx, o.show(ctx, s))
	})
	return c
}

// logLine is a line of a fleet's logs.
type logLine struct {
	At    time.Time `json:"at"`
	Group string    `json:"group"`
	Text  string    `json:"text"`
}

func (o *logsOptions) show(ctx context.Context, s *streams) error {
	if o.since.IsZero() {
		o.since.Time = time.Now().Add(-15 * time.Minute)
	}
	k, err := o.target.stack(ctx, o.fleet)
	if err != nil {
		return err
	}
	groups, err := o.groups(ctx, k)
	if err != nil {
		return err
	}
	starts, seen := map[string]int64{}, map[string]bool{}
	for _, group := range groups {
		starts[group] = o.since.UnixMilli()
	}
	every := time.NewTicker(logsEvery(k.cfg))
	defer every.Stop()
	for {
		lines, err := newLines(ctx, k.cfg, starts, seen)
		if err != nil {
			return err
		}
		for _, line := range lines {
			if err := o.print(s, line); err != nil {
				return err
			}
		}
		if !o.follow {
			return nil
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// logsEvery is how often logs that are followed are read.
func logsEvery(cfg aws.Config) time.Duration {
	if loopback(cfg) {
		return 200 * time.Millisecond
	}
	return 3 * time.Second
}

// groups are the log groups of the fleet's stack.
func (o *logsOptions) groups(ctx context.Context, k *stack) ([]string, error) {
	out, err := cloudformation.NewFromConfig(k.cfg).DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &k.fleet})
	if err != nil {
		return nil, fmt.Errorf("find the log groups of the fleet %s: %w", k.fleet, err)
	}
	var all, chosen []string
	for _, r := range out.StackResources {
		name := aws.ToString(r.PhysicalResourceId)
		if aws.ToString(r.ResourceType) != "AWS::Logs::LogGroup" || name == "" {
			continue
		}
		all = append(all, name)
		if strings.Contains(strings.TrimPrefix(shortGroup(name), k.fleet+"-"), o.function) {
			chosen = append(chosen, name)
		}
	}
	if len(all) == 0 {
		return nil, usage(fmt.Errorf("the stack %q has no log groups: it is no Muster fleet", k.fleet))
	}
	if len(chosen) == 0 {
		return nil, usage(fmt.Errorf("no log group of the fleet %s has %q in its name: there are %s", k.fleet, o.function, strings.Join(all, ", ")))
	}
	return chosen, nil
}

// logsLate is how much later than its time an event may be there to be read.
const logsLate = 10 * time.Second

// newLines reads what was logged since it was read last. starts are where to read
// on, seen the events that were read.
func newLines(ctx context.Context, cfg aws.Config, starts map[string]int64, seen map[string]bool) ([]logLine, error) {
	var lines []logLine
	for group, start := range starts {
		q := logQuery{Group: group, Start: start}
		for {
			events, next, err := filterLogs(ctx, cfg, q)
			if err != nil {
				return nil, err
			}
			for _, e := range events {
				if seen[e.ID] {
					continue
				}
				seen[e.ID] = true
				starts[group] = max(starts[group], e.Timestamp-logsLate.Milliseconds())
				lines = append(lines, logLine{At: time.UnixMilli(e.Timestamp).UTC(), Group: group, Text: strings.TrimRight(e.Message, "\n")})
			}
			if q.Token = next; next == "" {
				break
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b logLine) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Group, b.Group)
	})
	return lines, nil
}

func (o *logsOptions) print(s *streams, line logLine) error {
	if o.json {
		return printJSON(s.out, line)
	}
	_, err := fmt.Fprintf(s.out, "%s %s %s\n", line.At.Format("2006-01-02T15:04:05.000Z"), shortGroup(line.Group), oneLine(line.Text))
	return err
}

// shortGroup is a log group's name without the folders that AWS wants.
func shortGroup(name string) string { return name[strings.LastIndex(name, "/")+1:] }
