package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/musterq/muster/internal/registry"
)

// soundTicks is how many ticks in a row must succeed before a fleet counts as
// well, and failedTicks how many may fail before it does not.
const (
	soundTicks  = 2
	failedTicks = 3
)

// settled waits until the fleet's ticks succeed and its workers run the new
// definition.
func (k *shipping) settled(ctx context.Context, patience time.Duration) error {
	if k.stack.Parameters["Enabled"] == "false" {
		k.say("fleet %s is not enabled: there is nothing to wait for", k.name)
		return nil
	}
	at := &stack{cfg: k.cfg, fleet: k.name, outputs: map[string]string{}}
	for _, o := range k.stack.Outputs {
		at.outputs[o.Name] = o.Value
	}
	r, err := at.registry()
	if err != nil {
		return err
	}
	revision, err := k.revision(ctx)
	if err != nil {
		return err
	}
	c, err := at.caller(ctx)
	if err != nil {
		return err
	}
	// A tick of before may still run: what counts begins after it.
	w := &waiting{registry: r, since: c.at, revision: revision, say: k.say}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		k.hurry(ctx)
		done, err := w.look(ctx)
		if err != nil || done {
			return err
		}
		select {
		case <-time.After(tickPause(k.cfg)):
		case <-deadline.C:
			return fmt.Errorf("fleet %s: after %s %s", k.name, patience, w.missing)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// hurry asks for a tick, so that less has to be waited for. Where that is not
// allowed the schedule does it, which is said once.
func (k *shipping) hurry(ctx context.Context) {
	if err := k.tick(ctx); err != nil && !k.unhurried && ctx.Err() == nil {
		k.unhurried = true
		k.say("It waits for scheduled ticks: %v", err)
	}
}

// tick asks for a tick: by the event that anybody may send, and where the fleet is
// not Enabled, so that none of its rules listens, by starting the autoscaler.
func (k *shipping) tick(ctx context.Context) error {
	if k.stack == nil || k.stack.Parameters["Enabled"] != "false" {
		return wake(ctx, eventbridge.NewFromConfig(k.cfg), k.name)
	}
	_, err := sfn.NewFromConfig(k.cfg).StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: aws.String(k.stack.Output("AutoscalerStateMachineArn")), Input: aws.String("{}"),
	})
	if err != nil {
		return fmt.Errorf("start the autoscaler of %s, which is not Enabled: %w", k.name, err)
	}
	return nil
}

// tickPause is how long to leave an autoscaler alone.
func tickPause(cfg aws.Config) time.Duration {
	if loopback(cfg) {
		return 500 * time.Millisecond
	}
	return 10 * time.Second
}

// revision of the worker state machine that the autoscaler starts.
func (k *shipping) revision(ctx context.Context) (string, error) {
	out, err := k.client.API.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &k.name, LogicalResourceId: aws.String("AutoscalerFunction")})
	if err != nil {
		return "", fmt.Errorf("find the autoscaler of %s: %w", k.name, err)
	}
	if len(out.StackResources) != 1 {
		return "", fmt.Errorf("the stack %s has no autoscaler", k.name)
	}
	settings, err := awslambda.NewFromConfig(k.cfg).GetFunctionConfiguration(ctx, &awslambda.GetFunctionConfigurationInput{FunctionName: out.StackResources[0].PhysicalResourceId})
	if err != nil {
		return "", fmt.Errorf("look at the autoscaler of %s: %w", k.name, err)
	}
	if settings.Environment == nil {
		return "", nil
	}
	return settings.Environment.Variables["WORKER_REVISION"], nil
}

// waiting is a fleet that is waited for.
type waiting struct {
	registry *registry.Registry
	since    time.Time
	revision string
	say      func(format string, args ...any)
	// missing is what is waited for, as was said last.
	missing string
}

// look says whether the fleet is as it shall be.
func (w *waiting) look(ctx context.Context) (bool, error) {
	ticks, err := w.registry.Ticks(ctx, failedTicks)
	if err != nil {
		return false, err
	}
	sound, failed, reason := 0, 0, ""
	for _, t := range ticks {
		switch {
		case !t.At.Time().After(w.since):
		case t.Failed:
			failed++
			reason = t.Reason
		default:
			sound++
		}
	}
	if failed == failedTicks {
		return false, fmt.Errorf("the autoscaler's ticks fail since: %s", oneLine(reason))
	}
	seen, err := w.registry.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	old := 0
	for _, k := range seen.Workers {
		if !k.Ended && (k.Revision != w.revision || k.Orders == registry.HandOver) {
			old++
		}
	}
	missing := ""
	switch {
	case failed > 0 || sound < soundTicks:
		missing = fmt.Sprintf("%d of %d ticks in a row have succeeded", sound, soundTicks)
	case old > 0:
		missing = fmt.Sprintf("%d workers still run the old definition: each hands over once it holds nothing", old)
	}
	if missing != "" && missing != w.missing {
		w.say("Waiting: %s.", missing)
	}
	w.missing = missing
	if missing == "" {
		w.say("The ticks succeed and %d workers run the new definition.", len(seen.Workers))
	}
	return missing == "", nil
}
