package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/musterq/muster/internal/adopt"
	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/function"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/schedule"
)

const (
	// explainTicks is how many ticks explain looks back.
	explainTicks = 20
	// explainSince is how far it looks back for failures.
	explainSince = 15 * time.Minute
	// explainFailures is how many of them it reads at most.
	explainFailures = 2000
	// explainDeaths is how many executions that died it looks at.
	explainDeaths = 3
)

// evidence is all that a diagnosis rests on.
type evidence struct {
	*stack
	now      time.Time
	queue    queueState
	controls registry.Controls
	control  registry.Control
	tally    registry.Tally
	workers  []registry.Worker
	// ticks are the newest, newest first.
	ticks    []registry.Tick
	failures []registry.Failure
	// created is when the stack was.
	created time.Time
	// rule is the schedule's: its name, expression and whether it is enabled.
	// Empty if not known.
	rule      string
	due       string
	suspended bool
	// assess is the autoscaler's function, settings what its environment says, and
	// refused why it cannot work with them. Empty if not known.
	assess   string
	settings *autoscaler.Config
	refused  error
	// gate is what its alarm says, nil where there is none or it is not known.
	gate *autoscaler.GateState
	// reserved is the concurrency reserved for handlers, by their ARNs.
	reserved map[string]int
	// account is Lambda's limits of the account. Nil if not known.
	account *lambdatypes.AccountLimit
	// deaths are the newest executions that ended badly, newest first.
	deaths []death
	// mappings are the event source mappings that take messages of the queue.
	mappings []adopt.Mapping
	// enabled is the stack's parameter. Empty if not known.
	enabled string
	// unknown is what AWS did not tell.
	unknown []string
}

// death of a worker's execution.
type death struct {
	arn, status, err, cause string
	at                      time.Time
}

// gather asks for all of it. Without the queue and the registry there is nothing
// to explain; what else is not told is left out.
func gather(ctx context.Context, k *stack) (*evidence, error) {
	e := &evidence{stack: k, now: time.Now(), unknown: []string{}, reserved: map[string]int{}}
	r, err := k.registry()
	if err != nil {
		return nil, err
	}
	url, err := k.output("QueueUrl")
	if err != nil {
		return nil, err
	}
	if e.queue, err = askQueue(ctx, k.cfg, url); err != nil {
		return nil, err
	}
	s, err := r.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	e.control, e.workers = s.Control, s.Workers
	if e.controls, err = r.Controls(ctx); err != nil {
		return nil, err
	}
	if e.tally, err = r.Tally(ctx); err != nil {
		return nil, err
	}
	if e.ticks, err = r.Ticks(ctx, explainTicks); err != nil {
		return nil, err
	}
	for f, err := range r.Failures(ctx, registry.FailureQuery{Since: e.now.Add(-explainSince), Limit: explainFailures}) {
		if err != nil {
			return nil, err
		}
		e.failures = append(e.failures, f)
	}
	e.askStack(ctx)
	e.askSchedule(ctx)
	e.askSettings(ctx)
	e.askDeaths(ctx)
	if e.mappings, err = k.sharing(ctx); err != nil {
		e.miss("event source mappings on the queue", err)
	}
	return e, nil
}

// miss notes what could not be asked.
func (e *evidence) miss(what string, err error) {
	e.unknown = append(e.unknown, what+": "+reasonOf(err))
}

// queueURL is the queue's URL for a command of the AWS CLI, with its region where
// that is not the fleet's.
func (e *evidence) queueURL() string {
	url := e.outputs["QueueUrl"]
	if region := queue.InRegion(e.cfg, url).Region; region != e.cfg.Region && !loopback(e.cfg) {
		return url + " --region " + region
	}
	return url
}

// askStack finds out what the stack's resources are called.
func (e *evidence) askStack(ctx context.Context) {
	client := cloudformation.NewFromConfig(e.cfg)
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &e.fleet})
	if err != nil {
		e.miss("the stack", err)
	} else {
		for _, s := range described.Stacks {
			e.created = aws.ToTime(s.CreationTime)
			for _, p := range s.Parameters {
				if aws.ToString(p.ParameterKey) == "Enabled" {
					e.enabled = aws.ToString(p.ParameterValue)
				}
			}
		}
	}
	out, err := client.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &e.fleet})
	if err != nil {
		e.miss("the stack's resources", err)
		return
	}
	for _, r := range out.StackResources {
		switch aws.ToString(r.LogicalResourceId) {
		case "Schedule":
			e.rule = path.Base(aws.ToString(r.PhysicalResourceId))
		case "AutoscalerFunction":
			e.assess = aws.ToString(r.PhysicalResourceId)
		}
	}
}

// askSchedule asks EventBridge for the schedule's rule.
func (e *evidence) askSchedule(ctx context.Context) {
	if e.rule == "" {
		return
	}
	rule, err := eventbridge.NewFromConfig(e.cfg).DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: &e.rule})
	var missing *ebtypes.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		e.suspended = true
	case err != nil:
		e.miss("the autoscaler's schedule", err)
	default:
		e.suspended, e.due = rule.State == ebtypes.RuleStateDisabled, aws.ToString(rule.ScheduleExpression)
	}
}

// askSettings reads the autoscaler's environment as the autoscaler does, and
// what follows from it: the gate and the handlers' concurrency.
func (e *evidence) askSettings(ctx context.Context) {
	if e.assess == "" {
		return
	}
	client := awslambda.NewFromConfig(e.cfg)
	out, err := client.GetFunctionConfiguration(ctx, &awslambda.GetFunctionConfigurationInput{FunctionName: &e.assess})
	if err != nil {
		e.miss("the autoscaler's settings", err)
		return
	}
	if out.Environment == nil {
		return
	}
	c, err := function.AutoscalerConfig(func(name string) (string, bool) { v, ok := out.Environment.Variables[name]; return v, ok })
	if err == nil {
		_, err = autoscaler.New(e.cfg, c)
	}
	e.settings, e.refused = &c, err
	c.Policy = autoscaler.PolicyFor(c.Settings, c.Policy)
	if c.Gate.Alarm != "" {
		state, err := c.Gate.Ask(ctx, e.cfg)
		if err != nil {
			e.miss("the gate's alarm "+c.Gate.Alarm, err)
		} else {
			e.gate = &state
		}
	}
	if out, err := client.GetAccountSettings(ctx, &awslambda.GetAccountSettingsInput{}); err != nil {
		e.miss("the account's Lambda concurrency", err)
	} else {
		e.account = out.AccountLimit
	}
	for _, arn := range append([]string{c.Process.ARN, c.Transform.ARN}, c.RouteHandlers...) {
		if arn == "" {
			continue
		}
		out, err := client.GetFunctionConcurrency(ctx, &awslambda.GetFunctionConcurrencyInput{FunctionName: aws.String(unqualified(arn))})
		if err != nil {
			e.miss("the concurrency reserved for "+arn, err)
		} else if n := out.ReservedConcurrentExecutions; n != nil {
			e.reserved[arn] = int(*n)
		}
	}
}

// unqualified is a function's ARN without version or alias: concurrency is
// reserved for all of them together.
func unqualified(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) == 8 {
		return strings.Join(parts[:7], ":")
	}
	return arn
}

// askDeaths looks up why workers' executions died, if they did.
func (e *evidence) askDeaths(ctx context.Context) {
	if e.control.Deaths == 0 {
		return
	}
	machine, err := e.output("WorkerStateMachineArn")
	if err != nil {
		e.miss("the workers' executions", err)
		return
	}
	client := sfn.NewFromConfig(e.cfg)
	for _, status := range []sfntypes.ExecutionStatus{sfntypes.ExecutionStatusFailed, sfntypes.ExecutionStatusTimedOut, sfntypes.ExecutionStatusAborted} {
		list, err := client.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: status, MaxResults: explainDeaths})
		if err != nil {
			e.miss("the workers' executions", err)
			return
		}
		for _, x := range list.Executions {
			if aws.ToTime(x.StopDate).Before(e.now.Add(-time.Hour)) {
				continue
			}
			d := death{arn: aws.ToString(x.ExecutionArn), status: string(status), at: aws.ToTime(x.StopDate)}
			if out, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: x.ExecutionArn}); err != nil {
				e.miss("the execution "+d.arn, err)
			} else {
				d.err, d.cause = aws.ToString(out.Error), causeOf(aws.ToString(out.Cause))
			}
			if d.err != autoscaler.Stopped && d.err != "Muster.Relieved" {
				e.deaths = append(e.deaths, d)
			}
		}
	}
}

// causeOf an execution's failure: a function's is JSON around its message.
func causeOf(text string) string {
	var answer struct{ ErrorMessage string }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.ErrorMessage == "" {
		return text
	}
	return answer.ErrorMessage
}

// state sums up what there is.
func (e *evidence) state() string {
	return fmt.Sprintf("%d visible, %d in flight, %d delayed; %d workers, %d of them going home",
		e.queue.visible, e.queue.hidden, e.queue.delayed, len(e.workers), len(e.workers)-len(e.serving()))
}

// serving are the workers that are not on their way home.
func (e *evidence) serving() []registry.Worker {
	var serving []registry.Worker
	for _, w := range e.workers {
		if w.Orders != registry.Drain && !w.Ended {
			serving = append(serving, w)
		}
	}
	return serving
}

// inHand is whether a worker has, or may have, messages: one of the stream lane
// says so a minute late.
func (e *evidence) inHand(w registry.Worker) bool {
	switch {
	case w.State == registry.Reserved:
		return false
	case w.Lane == string(fleet.Steps):
		return w.Seq > w.Settled
	}
	return w.InHandMessages > 0 || e.now.Sub(w.ReservedAt.Time()) <= 2*pump.ReportEvery && !w.Ended
}

// overdue is for how long there should have been another tick. 0 for not.
func (e *evidence) overdue() time.Duration {
	last := e.created
	if len(e.ticks) > 0 {
		last = e.ticks[0].At.Time()
	}
	s, err := schedule.Parse(e.due)
	if last.IsZero() || err != nil {
		return 0
	}
	// A tick and its record may take a while, and one may be missed.
	next, ok := s.Next(last)
	if ok {
		next, ok = s.Next(next)
	}
	if late := e.now.Sub(next.Add(30 * time.Second)); ok && late > 0 {
		return e.now.Sub(last)
	}
	return 0
}

// refusal is a text that says that somebody lacks a permission, "" for none.
func refusal(texts ...string) string {
	for _, text := range texts {
		lower := strings.ToLower(text)
		if strings.Contains(lower, "accessdenied") || strings.Contains(lower, "access denied") || strings.Contains(lower, "not authorized") {
			return text
		}
	}
	return ""
}

// reasonOf an error of the API without what the SDK says around it.
func reasonOf(err error) string {
	var answer smithy.APIError
	if errors.As(err, &answer) {
		return answer.ErrorCode() + ": " + answer.ErrorMessage()
	}
	return err.Error()
}
