package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/musterq/muster/internal/function"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/access"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/registry"
)

// Names of the user's functions in the embedded runtime.
const (
	processFunction   = "process"
	transformFunction = "transform"
)

// fleetOptions say which fleet to run in the embedded runtime.
type fleetOptions struct {
	Name       string
	Listen     string
	Parameters *parameters
	// Process handler, and Transform handler if any.
	Process, Transform lambda.Code
	// Others are the functions that routes may name.
	Others map[string]lambda.Code
	// Job in place of the Process handler. Nil for none.
	Job *job
	// Memory of the handlers in MB.
	Memory int
	// Environment variables of the handlers.
	Environment map[string]string
	// Faults that strike.
	Faults faultOptions
	// Logs gets each line that a handler writes. Nil discards them.
	Logs func(function string, line []byte)
}

// localFleet is a fleet in an embedded runtime of its own.
type localFleet struct {
	name     string
	runtime  *local.Runtime
	stack    *cloudformation.Stack
	names    fleetNames
	schedule string // name of the schedule's rule
	registry *registry.Registry
	queue    *sqs.Client
	events   *eventbridge.Client
	states   *sfn.Client
}

// startFleet starts a runtime and deploys the fleet's template in it, unless it
// is interrupted. Close ends it.
func startFleet(ctx context.Context, s *streams, o fleetOptions) (*localFleet, error) {
	ctx, stop := s.untilInterrupted(ctx)
	defer stop()
	functions, err := findFunctions(ctx, s.dir, s.err)
	if err != nil {
		return nil, interrupted(ctx, err)
	}
	options := local.Options{
		Listen: o.Listen,
		Seed:   o.Faults.seed,
		File:   definition,
		Lambda: lambda.Options{Resolve: functions.resolve, Logs: o.logs()},
		IAM:    access.Options{Denied: denials(s.err)},
	}
	o.Job.register(&options, o.Environment)
	if o.Logs != nil {
		options.Jobs.Logs = func(name, _ string, line []byte) { o.Logs(name, line) }
	}
	runtime, err := local.Start(options)
	if err != nil {
		return nil, fmt.Errorf("start the embedded runtime: %w", err)
	}
	f, err := deployFleet(ctx, runtime, o)
	if err != nil {
		return nil, errors.Join(interrupted(ctx, err), runtime.Close())
	}
	return f, nil
}

// logs passes on what the user's own functions write.
func (o fleetOptions) logs() func(function, environment string, line []byte) {
	if o.Logs == nil {
		return nil
	}
	return func(function, _ string, line []byte) {
		if function == processFunction || function == transformFunction || function == jobName || o.Others[function] != nil {
			o.Logs(function, line)
		}
	}
}

// longestFunction is Lambda's longest time-out in seconds.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
const longestFunction = 900

// userFunction is one of the user's functions, and the parameters that it has to
// do with.
type userFunction struct {
	function, parameter, timeout string
	code                         lambda.Code
}

func (o fleetOptions) functions() []userFunction {
	all := []userFunction{
		{processFunction, processParameter, "ProcessTimeoutSeconds", o.Process},
		{transformFunction, transformParameter, "TransformTimeoutSeconds", o.Transform},
	}
	for _, name := range slices.Sorted(maps.Keys(o.Others)) {
		all = append(all, userFunction{name, "", "ProcessTimeoutSeconds", o.Others[name]})
	}
	return all
}

func deployFleet(ctx context.Context, runtime *local.Runtime, o fleetOptions) (*localFleet, error) {
	values := maps.Clone(o.Parameters.values)
	for _, h := range o.functions() {
		if h.code == nil {
			continue
		}
		timeout, err := strconv.Atoi(o.Parameters.get(h.timeout))
		if err != nil {
			return nil, usage(fmt.Errorf("--%s: %w", flagName(h.timeout), err))
		}
		// The task that it starts may take longer. Where none does the settings are
		// refused below.
		timeout = min(timeout, longestFunction)
		err = runtime.Lambda.Put(lambda.Function{
			Name: h.function, Code: h.code, Handler: "handler", Timeout: timeout,
			MemorySize: o.Memory, Environment: o.Environment,
		})
		if err != nil {
			return nil, usage(fmt.Errorf("the %s handler: %w", h.function, err))
		}
		if h.parameter != "" {
			values[h.parameter] = runtime.Account.ARN("lambda", "function:"+h.function)
		}
	}
	if o.Job != nil {
		if err := o.Job.make(ctx, runtime, o); err != nil {
			return nil, err
		}
		for name, value := range o.Job.parameters(runtime) {
			if values[name] == "" {
				values[name] = value
			}
		}
	}
	stack, err := runtime.Deploy(ctx, o.Parameters.template, o.Name, values)
	if err != nil {
		var violation *cloudformation.Violation
		if errors.As(err, &violation) || stack == nil {
			return nil, usage(err)
		}
		return nil, err
	}
	f := &localFleet{name: o.Name, runtime: runtime, stack: stack}
	if err := f.find(o.Process != nil, o.Transform != nil); err != nil {
		return nil, err
	}
	if f.names.Rules, err = newRules(o.Parameters); err != nil {
		return nil, err
	}
	f.names.Others = map[string]bool{}
	for name := range o.Others {
		f.names.Others[name] = true
	}
	if err := errors.Join(f.checkSettings(ctx), f.keepGivenUp(ctx, o.Parameters)); err != nil {
		return nil, err
	}
	o.Faults.arm(runtime.Router.Faults)
	return f, nil
}

// keepGivenUp lets what Lambda gives up in async mode go to the fleet's
// dead-letter queue, as a team would set its own handlers.
func (f *localFleet) keepGivenUp(ctx context.Context, p *parameters) error {
	f.names.Callback = p.get("Mode") == "callback"
	if p.get("Mode") != "async" || p.get("Fifo") == "true" {
		return nil
	}
	for _, name := range f.processors() {
		_, err := awslambda.NewFromConfig(f.runtime.Config()).PutFunctionEventInvokeConfig(ctx, &awslambda.PutFunctionEventInvokeConfigInput{
			FunctionName:      &name,
			DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: &f.names.DeadLetterARN}},
		})
		if err != nil {
			return fmt.Errorf("send what Lambda gives up to the dead-letter queue: %w", err)
		}
	}
	return nil
}

// checkSettings wires the autoscaler as its function will, so that settings that
// cannot work are refused now and not by every tick.
func (f *localFleet) checkSettings(ctx context.Context) error {
	cfg := f.runtime.Config()
	out, err := awslambda.NewFromConfig(cfg).GetFunctionConfiguration(ctx, &awslambda.GetFunctionConfigurationInput{FunctionName: &f.names.Assess})
	if err != nil {
		return fmt.Errorf("look at the autoscaler's settings: %w", err)
	}
	_, err = function.Autoscaler(cfg, func(name string) (string, bool) {
		value, ok := out.Environment.Variables[name]
		return value, ok
	})
	if err != nil {
		return usage(err)
	}
	return nil
}

// find learns the physical names of the fleet's resources.
func (f *localFleet) find(process, transform bool) error {
	outputs := map[string]string{}
	for _, o := range f.stack.Outputs() {
		outputs[o.Key] = o.Value
	}
	f.names = fleetNames{
		QueueURL: outputs["QueueUrl"], QueueARN: outputs["QueueArn"], Table: outputs["TableName"],
		DeadLetterARN: f.runtime.Account.ARN("sqs", path.Base(outputs["DeadLetterQueueUrl"])),
		Autoscale:     outputs["AutoscalerStateMachineArn"], Worker: outputs["WorkerStateMachineArn"],
	}
	if process {
		f.names.Process = processFunction
	}
	if transform {
		f.names.Transform = transformFunction
	}
	schedule, ok := f.stack.Resource("Schedule")
	assess, found := f.stack.Resource("AutoscalerFunction")
	if !ok || !found {
		return errors.New("the template has no resource Schedule or none AutoscalerFunction")
	}
	f.names.Assess = assess.Ref
	f.schedule = path.Base(schedule.Ref)
	cfg := f.runtime.Config()
	f.registry = registry.New(cfg, f.names.Table, f.name)
	f.queue, f.events, f.states = sqs.NewFromConfig(cfg), eventbridge.NewFromConfig(cfg), sfn.NewFromConfig(cfg)
	return nil
}

// Close ends the fleet's runtime and every process in it.
func (f *localFleet) Close() error { return f.runtime.Close() }

// wake asks the autoscaler for a tick.
func (f *localFleet) wake(ctx context.Context) error { return wake(ctx, f.events, f.name) }

// silence ends the scheduled ticks.
func (f *localFleet) silence(ctx context.Context) error {
	if _, err := f.events.DisableRule(ctx, &eventbridge.DisableRuleInput{Name: &f.schedule}); err != nil {
		return fmt.Errorf("disable the schedule: %w", err)
	}
	return nil
}

// drain tells every worker to finish what it holds and go home. One whose item
// changes meanwhile is told the next time.
func (f *localFleet) drain(ctx context.Context) error {
	s, err := f.registry.Snapshot(ctx)
	if err != nil {
		return err
	}
	for _, w := range s.Workers {
		if w.Orders == registry.Drain {
			continue
		}
		if _, err := f.registry.Order(ctx, w, registry.Drain); err != nil && !errors.Is(err, registry.ErrMoved) {
			return err
		}
	}
	return nil
}

// running is how many executions of workers run.
func (f *localFleet) running(ctx context.Context) (int, error) {
	out, err := f.states.ListExecutions(ctx, &sfn.ListExecutionsInput{
		StateMachineArn: &f.names.Worker, StatusFilter: sfntypes.ExecutionStatusRunning,
	})
	if err != nil {
		return 0, fmt.Errorf("list the workers' executions: %w", err)
	}
	return len(out.Executions), nil
}

// depth is how many messages the queue holds, in flight and delayed included.
func (f *localFleet) depth(ctx context.Context) (int, error) {
	names := []sqstypes.QueueAttributeName{
		sqstypes.QueueAttributeNameApproximateNumberOfMessages,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		sqstypes.QueueAttributeNameApproximateNumberOfMessagesDelayed,
	}
	out, err := f.queue.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &f.names.QueueURL, AttributeNames: names})
	if err != nil {
		return 0, fmt.Errorf("ask for the queue's depth: %w", err)
	}
	depth := 0
	for _, name := range names {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("ask for the queue's depth: %s: %w", name, err)
		}
		depth += n
	}
	return depth, nil
}

// concurrency is how many handlers run now, and the most that one of the two
// functions ran at once.
func (f *localFleet) concurrency() (now, peak int) {
	for _, name := range append(f.processors(), transformFunction, jobName) {
		n, p := f.runtime.Lambda.Concurrency(name)
		now, peak = now+n, max(peak, p)
	}
	return now, peak
}

// invocations of the user's handlers so far.
func (f *localFleet) invocations() int {
	stats := f.runtime.Lambda.Stats()
	n := 0
	for _, name := range append(f.processors(), transformFunction, jobName) {
		n += stats[name].Invocations
	}
	return n
}

// processors are the functions that process messages, as far as there are any.
func (f *localFleet) processors() []string {
	names := slices.Sorted(maps.Keys(f.names.Others))
	if f.names.Process != "" {
		names = append(names, f.names.Process)
	}
	return names
}
