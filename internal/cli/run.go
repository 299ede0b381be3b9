package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

const defaultFleet = "fleet"

// runDefaults are where a run on a laptop differs from the template: it has an
// end, and nobody wants to wait for idle workers there.
var runDefaults = map[string]string{"IdleSeconds": "2"}

type runOptions struct {
	fleet      string
	messages   string
	groupBy    string
	handlers   handlerOptions
	job        jobOptions
	parameters *parameters
	faults     faultOptions
	out        string
	json       bool
	timeout    time.Duration
}

func newRun(s *streams) *cobra.Command {
	o := new(runOptions)
	c := &cobra.Command{
		Use:   "run [FLEET] --messages FILE|- --handler HANDLER|--job exec:CMD",
		Short: "Handle your messages with your handler on an embedded AWS",
		Long: `Run deploys the fleet's template into an embedded AWS, sends the messages, and
ends when each is handled, filtered or dead-lettered and the workers have gone
home. Interrupted once it drains, twice it stops.

It ends with what the run would have cost on AWS, metered call by call: the
fleet's own cost and that of the handlers, as if they took as long there. Sending
the messages is not in it, nor what ECS, Batch and CodeBuild charge for jobs.

A line of the messages file is
  {"body": "...", "attributes": {"name": "value"}, "groupId": "...", "deduplicationId": "..."}
of which only the body must be there, or a JSON string. Every line is checked
before any message is sent.

` + handlerHelp,
		Example: `  muster run --messages jobs.jsonl --handler ./handle.sh
  muster run --messages - --handler python:app.handler --max-concurrency 3 --json
  muster run --messages jobs.jsonl --target ecs --job 'exec:./encode.sh' --process-timeout-seconds 3600`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.StringVarP(&o.messages, "messages", "m", "", "file of messages, one JSON a line; - is standard input")
	flags.StringVar(&o.groupBy, "group-by", "", groupByHelp)
	o.handlers.addFlags(flags)
	o.job.addFlags(flags)
	o.faults.addFlags(flags)
	flags.StringVarP(&o.out, "out", "o", "", "file to write what became of each message, one JSON a line; - is standard output")
	flags.BoolVar(&o.json, "json", false, "print the summary as one JSON object")
	flags.DurationVar(&o.timeout, "timeout", 0, "stop after so long, such as 90s or 10m (default no limit)")
	return withParameters(c, runDefaults, func(p *parameters) {
		o.parameters = p
		c.RunE = verb(func(ctx context.Context, args []string) error {
			o.fleet = fleetName(args)
			return run(ctx, s, o)
		})
	})
}

// withParameters adds the template's flags and then lets finish set RunE. A
// template that cannot be loaded is what the command then says.
func withParameters(c *cobra.Command, defaults map[string]string, finish func(*parameters)) *cobra.Command {
	p, err := addParameters(c.Flags(), defaults)
	if err != nil {
		c.RunE = verb(func(context.Context, []string) error { return err })
		return c
	}
	finish(p)
	return c
}

func fleetName(args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return defaultFleet
}

func run(ctx context.Context, s *streams, o *runOptions) error {
	if err := o.parameters.declared(s, o.fleet, &o.handlers); err != nil {
		return err
	}
	switch {
	case o.messages == "":
		return usage(errors.New("--messages is missing: name a file, or - for standard input"))
	case o.handlers.process == "" && o.job.command == "" && o.parameters.get("Target") != "lambda":
		return usage(fmt.Errorf("--job is missing: name the command that stands for the job of --target %s, for example exec:./encode.sh", o.parameters.get("Target")))
	case o.handlers.process == "" && o.job.command == "":
		return usage(errors.New("--handler is missing: name what processes the messages, for example exec:./handle.sh"))
	case o.handlers.process != "" && o.job.command != "":
		return usage(errors.New("give either --handler or --job: both process the messages"))
	case o.timeout < 0:
		return usage(errors.New("--timeout must not be negative"))
	}
	others, err := o.handlers.others(s.dir)
	if err != nil {
		return err
	}
	if err := o.parameters.nameRoutes(others); err != nil {
		return err
	}
	if err := o.parameters.check(); err != nil {
		return err
	}
	variables, err := o.handlers.variables()
	if err != nil {
		return err
	}
	messages, err := loadMessages(s, o.messages)
	if err != nil {
		return err
	}
	if err := arrange(messages, o.parameters.get("Fifo") == "true", o.parameters.get("ContentBasedDeduplication") == "true", o.groupBy); err != nil {
		return usage(err)
	}
	process, transform, err := o.handlers.parse(s.dir)
	if err != nil {
		return err
	}
	job, err := o.job.parse(s.dir, o.parameters.get("Target"))
	if err != nil {
		return err
	}
	if err := o.faults.check(); err != nil {
		return err
	}
	f := fleetOptions{
		Name: o.fleet, Listen: "127.0.0.1:0", Parameters: o.parameters,
		Process: process, Transform: transform, Others: others, Job: job, Memory: o.handlers.memory, Environment: variables, Faults: o.faults,
	}
	if o.handlers.logs {
		f.Logs = s.showLog
	}
	return runFleet(ctx, s, f, messages, reporting{out: o.out, json: o.json, timeout: o.timeout})
}

// showLog prints a line of a handler's log.
func (s *streams) showLog(function string, line []byte) {
	fmt.Fprintf(s.err, "[%s] %s\n", function, line)
}

// reporting says how a run is watched and told of.
type reporting struct {
	out     string
	json    bool
	timeout time.Duration
}

// runFleet brings messages through a fleet of its own and reports.
func runFleet(ctx context.Context, s *streams, o fleetOptions, messages []outgoing, r reporting) (err error) {
	out, err := createOut(s, r.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	fleet, err := startFleet(ctx, s, o)
	if err != nil {
		return err
	}
	d := newDriver(fleet, o.Parameters, messages, newView(s.err, s.terminal && o.Logs == nil, len(messages)))
	end := d.drive(ctx, s.interrupts, r.timeout)
	summary := d.summary()
	outcomes := d.outcomes()
	if err := errors.Join(d.explain(ctx, outcomes), writeOutcomes(out, outcomes)); err != nil {
		return errors.Join(err, end.err, fleet.Close())
	}
	if err := errors.Join(end.err, fleet.Close()); err != nil {
		return err
	}
	if err := summary.print(s.out, r.json); err != nil {
		return err
	}
	return end.exit(summary)
}

// loadMessages reads and checks the whole file.
func loadMessages(s *streams, name string) ([]outgoing, error) {
	in := s.in
	if name != "-" {
		file, err := os.Open(s.path(name))
		if err != nil {
			return nil, usage(fmt.Errorf("--messages: %w", err))
		}
		defer func() { _ = file.Close() }() // only read
		in = file
	}
	messages, err := readMessages(name, in)
	if err != nil {
		return nil, &exitError{status: exitUsage, err: err, hint: "Nothing was sent."}
	}
	return messages, nil
}

// path is a path as the user gave it, seen from the streams' folder.
func (s *streams) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

// createOut opens --out before anything happens, so that a path that cannot be
// written is known in time.
func createOut(s *streams, name string) (io.WriteCloser, error) {
	switch name {
	case "":
		return nopCloser{io.Discard}, nil
	case "-":
		return nopCloser{s.out}, nil
	}
	file, err := os.Create(s.path(name))
	if err != nil {
		return nil, usage(fmt.Errorf("--out: %w", err))
	}
	return file, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func writeOutcomes(w io.Writer, outcomes []outcome) error {
	b := bufio.NewWriter(w)
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	for _, o := range outcomes {
		if err := encoder.Encode(o); err != nil {
			return fmt.Errorf("write --out: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write --out: %w", err)
	}
	return nil
}
