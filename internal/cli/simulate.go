package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scale"
	"github.com/musterq/muster/internal/sim"
)

// simulated are the template's parameters that the simulator knows.
var simulated = map[string]bool{
	"Mode": true, "TransformMode": true, "Target": true, "Lane": true, "BatchSize": true, "ProcessTimeoutSeconds": true,
	"MaxConcurrency": true, "Parallelism": true, "MinWorkers": true, "MessagesPerWorker": true,
	"DrainWithinSeconds": true, "MaxAgeSeconds": true, "LambdaConcurrency": true, "LambdaReserve": true,
	"StepLimit": true, "IdleSeconds": true, "ScaleInHoldSeconds": true, "ScheduleExpression": true,
	"MaxReceiveCount": true, "BackoffBaseSeconds": true, "BackoffFactor": true, "BackoffMaxSeconds": true,
	"MonthlyBudget": true, "HandlerMemory": true, "PumpMemory": true,
}

// model is what a simulation needs beside its arrivals: a handler, a fleet and how
// long things take on AWS.
type model struct {
	parameters *parameters
	// fleet of muster.yaml whose parameters are taken. Empty for none.
	fleet    string
	duration string
	samples  string
	perEvent bool
	failures string
	seed     uint64
	promise  time.Duration

	start, poll, settle, coldStart, podStart, taskStart time.Duration
}

// Estimates of how long things take on AWS, in the region. Nobody promises them:
// measure your own.
const (
	usualStart     = 3 * time.Second
	usualColdStart = 500 * time.Millisecond
	usualPodStart  = 15 * time.Second
	usualTaskStart = 40 * time.Second
	// In the stream lane an event takes a receive and a delete beside its handler, in
	// the steps lane a function for each and four transitions.
	usualStreamCall = 15 * time.Millisecond
	usualStepsCall  = 100 * time.Millisecond
)

// addFlags adds those of a simulation, and of more of the template's parameters.
func (m *model) addFlags(flags *pflag.FlagSet, more ...string) error {
	flags.SortFlags = false
	flags.StringVar(&m.fleet, "fleet", "", "the `FLEET` of muster.yaml whose parameters it has; flags win")
	flags.StringVar(&m.duration, "duration", "", "how long the handlers take: 120ms, normal:MEAN,DEVIATION, lognormal:MEAN,DEVIATION or exponential:MEAN")
	flags.StringVar(&m.samples, "durations", "", "`file` of measured durations instead, one a line: 120ms, or milliseconds")
	flags.BoolVar(&m.perEvent, "per-event", false, "the duration is that of an event, whatever it holds; else of each of its messages")
	flags.StringVar(&m.failures, "failures", "0", "share of messages that fail when handled: 0.02 or 2%")
	flags.DurationVar(&m.promise, "promise", 0, "by when messages shall be handled: what is counted as kept (default DrainWithinSeconds or MaxAgeSeconds, else 5m)")
	flags.Uint64Var(&m.seed, "seed", 1, "seed of what happens by chance")
	flags.DurationVar(&m.start, "start-latency", usualStart, "from a tick until a worker that it starts polls")
	flags.DurationVar(&m.poll, "poll-latency", 0, "of a receive that finds messages (default 15ms, in the steps lane 100ms)")
	flags.DurationVar(&m.settle, "settle-latency", 0, "of deleting what was handled (default 15ms, in the steps lane 100ms)")
	flags.DurationVar(&m.coldStart, "cold-start", usualColdStart, "of a handler's new environment")
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	p, err := addParameters(all, nil)
	if err != nil {
		return err
	}
	m.parameters = p
	for _, q := range p.template.Parameters {
		if simulated[q.Name] || slices.Contains(more, q.Name) {
			flags.AddFlag(all.Lookup(flagName(q.Name)))
		}
	}
	return nil
}

// seconds of a parameter.
func (m *model) seconds(name string) time.Duration {
	return time.Duration(m.number(name)) * time.Second
}

// number of a parameter that the template has checked. 0 where it has none.
func (m *model) number(name string) int {
	n, err := strconv.Atoi(m.parameters.get(name))
	if err != nil {
		return 0
	}
	return n
}

// resolve makes what the simulator takes of the flags, but for the trace.
func (m *model) resolve(s *streams) (sim.Config, sim.Muster, sim.Cap, error) {
	refuse := func(err error) (sim.Config, sim.Muster, sim.Cap, error) {
		return sim.Config{}, sim.Muster{}, sim.Cap{}, usage(err)
	}
	if m.fleet != "" {
		if err := m.parameters.declared(s, m.fleet, nil); err != nil {
			return sim.Config{}, sim.Muster{}, sim.Cap{}, err
		}
	}
	if err := m.parameters.check(); err != nil {
		return sim.Config{}, sim.Muster{}, sim.Cap{}, err
	}
	mode, transform, target := fleet.Mode(m.parameters.get("Mode")), fleet.Mode(m.parameters.get("TransformMode")), fleet.Target(m.parameters.get("Target"))
	if mode == fleet.Async {
		return refuse(errors.New("--mode async is not simulated: messages are acknowledged as soon as Lambda accepts them, and Lambda decides how many handlers run"))
	}
	every, err := rateOf(m.parameters.get("ScheduleExpression"))
	if err != nil {
		return refuse(err)
	}
	handler, err := m.handler(s)
	if err != nil {
		return refuse(err)
	}
	failures, err := share(m.failures)
	if err != nil {
		return refuse(fmt.Errorf("--failures: %w", err))
	}
	steps := fleet.Lane(m.parameters.get("Lane")).Resolve(mode, transform, target) == fleet.Steps
	settings := fleet.Settings{Mode: mode, TransformMode: transform, Target: target, BatchSize: m.number("BatchSize"), PumpMemory: m.number("PumpMemory")}
	factor, err := strconv.ParseFloat(m.parameters.get("BackoffFactor"), 64)
	if err != nil {
		return refuse(fmt.Errorf("--backoff-factor: %w", err))
	}
	promise := m.promise
	for _, name := range []string{"DrainWithinSeconds", "MaxAgeSeconds"} {
		if promise == 0 {
			promise = m.seconds(name)
		}
	}
	c := sim.Config{
		Handler: handler, PerEvent: m.perEvent, HandlerMemory: m.number("HandlerMemory"), FailureRate: failures, BatchSize: min(settings.Batch(), 10),
		Backoff:     message.Backoff{Base: m.seconds("BackoffBaseSeconds"), Factor: factor, Max: m.seconds("BackoffMaxSeconds")},
		MaxReceives: m.number("MaxReceiveCount"), Promise: promise, ColdStart: m.coldStart, Seed: m.seed,
	}
	w := sim.Muster{
		Policy: scale.Policy{
			MaxConcurrency: m.number("MaxConcurrency"), Parallelism: m.number("Parallelism"), MinWorkers: m.number("MinWorkers"),
			MessagesPerWorker: m.number("MessagesPerWorker"), DrainWithin: m.seconds("DrainWithinSeconds"), MaxAge: m.seconds("MaxAgeSeconds"),
			BatchSize: c.BatchSize, Timeout: m.seconds("ProcessTimeoutSeconds"),
			LambdaConcurrency: m.number("LambdaConcurrency"), LambdaReserve: m.number("LambdaReserve"), Jobs: target != fleet.Lambda,
			StepLimit: m.number("StepLimit"), ScaleInHold: m.seconds("ScaleInHoldSeconds"),
		},
		Steps: steps, PumpMemory: m.number("PumpMemory"), Idle: m.seconds("IdleSeconds"), Timeout: m.seconds("ProcessTimeoutSeconds"), Every: every, Phase: sim.Phase(every, m.seed),
		Start: m.start, Poll: m.poll, Settle: m.settle,
	}
	call := usualStreamCall
	settings.Lane = fleet.Stream
	if steps {
		w.Policy.Parallelism, call, settings.Lane = 1, usualStepsCall, fleet.Steps
	}
	if w.Policy.MonthlyBudget, err = strconv.ParseFloat(m.parameters.get("MonthlyBudget"), 64); err != nil {
		return refuse(fmt.Errorf("--monthly-budget: %w", err))
	}
	w.Policy.Rates = autoscaler.RatesFor(settings, w.Policy, c.HandlerMemory)
	if w.Poll == 0 {
		w.Poll = call
	}
	if w.Settle == 0 {
		w.Settle = call
	}
	return c, w, sim.Cap{
		Handlers: w.Policy.MaxConcurrency, Places: min(w.Policy.Parallelism, w.Policy.MaxConcurrency),
		Poll: min(w.Poll, usualStreamCall), Settle: min(w.Settle, usualStreamCall), PodStart: m.podStart, TaskStart: m.taskStart,
	}, nil
}

// handler is how long one takes.
func (m *model) handler(s *streams) (sim.Distribution, error) {
	switch {
	case (m.duration == "") == (m.samples == ""):
		return sim.Distribution{}, errors.New("say how long the handler takes: --duration 120ms, or --durations FILE of what was measured")
	case m.duration != "":
		d, err := sim.ParseDistribution(m.duration)
		if err != nil {
			err = fmt.Errorf("--duration %w", err)
		}
		return d, err
	}
	data, err := os.ReadFile(s.path(m.samples))
	if err != nil {
		return sim.Distribution{}, err
	}
	return sim.ReadSamples(m.samples, bytes.NewReader(data))
}

// rateOf is the time between ticks. Times of day are not simulated.
func rateOf(schedule string) (time.Duration, error) {
	parts := regexp.MustCompile(`^rate\((\d+) (minute|hour|day)s?\)$`).FindStringSubmatch(schedule)
	if parts == nil {
		return 0, fmt.Errorf("--schedule-expression %q is not simulated: only rate(...) of minutes, hours or days is", schedule)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n < 1 || n > 10_000 {
		return 0, fmt.Errorf("--schedule-expression %q is no rate", schedule)
	}
	return time.Duration(n) * map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[parts[2]], nil
}

// share is "0.02" or "2%".
func share(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a share such as 0.02 nor one such as 2%%", text)
	}
	if percent {
		value /= 100
	}
	return value, nil
}

type simulateOptions struct {
	model
	trace   string
	shape   string
	compare bool
	picture string
	json    bool
}

func newSimulate(s *streams) *cobra.Command {
	o := new(simulateOptions)
	c := &cobra.Command{
		Use:   "simulate {TRACE|--shape SHAPE} --duration DURATION",
		Short: "Try a fleet's settings on a queue's arrivals, without deploying it",
		Long: `Simulate replays arrivals against a fleet's settings and prints what would
become of them: backlog, age, workers, waiting times and cost. Decisions are those
of the autoscaler itself. The rest is a model: what it leaves out is in
docs/scaling.md.

TRACE is a file, or - for standard input, of
  CSV    time,messages: seconds from the start or RFC 3339, and how many arrive
         from then until the next row
  JSON   {"interval": "1m", "messages": [12, 0, 7]}
  JSON   as aws cloudwatch get-metric-data prints it for NumberOfMessagesSent, Sum

SHAPE is one of these; what is left out has this default:
` + indent(sim.Shapes) + `

With --compare the same arrivals meet an event source mapping, provisioned mode,
KEDA, target tracking and a fixed fleet, each with the best of a few settings.`,
		Example: `  muster simulate --shape burst:messages=50000 --duration 200ms --drain-within-seconds 300
  muster simulate orders.csv --durations took.txt --max-concurrency 20 --picture orders.svg
  muster simulate orders.csv --duration lognormal:120ms,80ms --compare`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.StringVar(&o.shape, "shape", "", "named `shape` of arrivals instead of a trace")
	if err := o.addFlags(flags); err != nil {
		c.RunE = func(*cobra.Command, []string) error { return err }
		return c
	}
	flags.BoolVar(&o.compare, "compare", false, "compare with other ways to scale")
	flags.DurationVar(&o.podStart, "pod-start", usualPodStart, "of a rival's Kubernetes pod")
	flags.DurationVar(&o.taskStart, "task-start", usualTaskStart, "of a rival's ECS task")
	flags.StringVar(&o.picture, "picture", "", "`file` to draw a picture into, .svg or .png")
	flags.BoolVar(&o.json, "json", false, "print one JSON object")
	c.RunE = verb(func(_ context.Context, args []string) error {
		if len(args) == 1 {
			o.trace = args[0]
		}
		return simulate(s, o)
	})
	return c
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

func simulate(s *streams, o *simulateOptions) error {
	if o.picture != "" && !strings.HasSuffix(o.picture, ".svg") && !strings.HasSuffix(o.picture, ".png") {
		return usage(fmt.Errorf("--picture %s: SVG and PNG are drawn, so it must end in .svg or .png", o.picture))
	}
	c, w, limit, err := o.resolve(s)
	if err != nil {
		return err
	}
	if c.Trace, err = o.arrivals(s); err != nil {
		return usage(err)
	}
	var all []sim.Compared
	if o.compare {
		all, err = sim.Compare(c, w, limit)
	} else {
		var r sim.Result
		r, err = sim.Run(c, w)
		if err == nil {
			err = sim.Judge(c, limit, &r)
		}
		all = []sim.Compared{{Result: r, Tried: 1}}
	}
	if err != nil {
		return usage(err)
	}
	if o.picture != "" {
		if err := o.draw(s, c, limit, all); err != nil {
			return err
		}
	}
	return o.print(s.out, c, limit, all)
}

// arrivals of the trace or the shape.
func (o *simulateOptions) arrivals(s *streams) (sim.Trace, error) {
	switch {
	case (o.trace == "") == (o.shape == ""):
		return sim.Trace{}, errors.New("say what arrives: a TRACE, or --shape such as burst:messages=50000")
	case o.shape != "":
		return sim.ParseShape(o.shape, o.seed)
	}
	name, in := "standard input", s.in
	if o.trace != "-" {
		name = o.trace
		data, err := os.ReadFile(s.path(o.trace))
		if err != nil {
			return sim.Trace{}, err
		}
		in = bytes.NewReader(data)
	}
	t, err := sim.ReadTrace(in)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return t, err
}

// draw writes the picture.
func (o *simulateOptions) draw(s *streams, c sim.Config, limit sim.Cap, all []sim.Compared) error {
	var results []sim.Result
	for _, r := range all {
		results = append(results, r.Result)
	}
	title := fmt.Sprintf("%s messages, handlers of %s, a cap of %d", thousands(c.Trace.Messages()), c.Handler, limit.Handlers)
	p := sim.Picture{Title: title, Interval: c.Trace.Interval, Cap: limit.Handlers, Results: results}
	write := p.WriteSVG
	if strings.HasSuffix(o.picture, ".png") {
		write = p.WritePNG
	}
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return os.WriteFile(s.path(o.picture), b.Bytes(), 0o600)
}

// simulation is what --json prints.
type simulation struct {
	Messages        int            `json:"messages"`
	IntervalSeconds float64        `json:"intervalSeconds"`
	Intervals       int            `json:"intervals"`
	Handler         string         `json:"handler"`
	Cap             int            `json:"cap"`
	Results         []sim.Compared `json:"results"`
}

func (o *simulateOptions) print(w io.Writer, c sim.Config, limit sim.Cap, all []sim.Compared) error {
	if o.json {
		return printJSON(w, simulation{
			Messages: c.Trace.Messages(), IntervalSeconds: c.Trace.Interval.Seconds(), Intervals: len(c.Trace.Arrivals),
			Handler: c.Handler.String(), Cap: limit.Handlers, Results: all,
		})
	}
	if o.compare {
		return printComparison(w, all)
	}
	return printSimulation(w, all[0].Result)
}
