package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/musterq/muster/internal/registry"
)

// cap is the most handler invocations at any time, as far as it is known.
func (e *evidence) cap() int {
	most := 0
	if e.settings != nil {
		most = e.settings.Policy.MaxConcurrency
	}
	if b := e.controls.Bounds; b.Holds(e.now) && b.Max != nil {
		most = min(most, *b.Max)
	}
	return most
}

func findCap(_ context.Context, e *evidence) *cause {
	if e.settings == nil || !e.backlog() || len(e.workers) == 0 {
		return nil
	}
	taken, home := 0, 0
	for _, w := range e.workers {
		taken += w.Parallelism
		if w.Orders == registry.Drain || w.Ended {
			home++
		}
	}
	most := e.cap()
	if taken+min(e.settings.Policy.Parallelism, most) <= most {
		return nil
	}
	c := &cause{
		Says:     fmt.Sprintf("every slot is taken: %d workers with %d handler invocations, the cap is %d", len(e.workers), taken, most),
		Evidence: []string{e.pace()}, Next: "raise MaxConcurrency and deploy, if what the handlers use can take it",
	}
	if home > 0 {
		c.Evidence = append(c.Evidence, fmt.Sprintf("%d of the slots are of workers that are on their way home or have ended: time alone frees none", home))
	}
	if b := e.controls.Bounds; b.Holds(e.now) && b.Max != nil {
		c.Evidence, c.Next = append(c.Evidence, "scaled to "+b.String()), "muster scale "+e.fleet+" --reset"
	}
	return c
}

// pace says how fast the workers are, and how long what is visible takes.
func (e *evidence) pace() string {
	rate, unmeasured := 0.0, 0
	for _, w := range e.serving() {
		rate += w.Rate
		if w.Rate == 0 {
			unmeasured++
		}
	}
	if rate == 0 {
		return "how fast they are is not measured yet"
	}
	text := fmt.Sprintf("they handle %.1f messages a second", rate)
	if unmeasured > 0 {
		text += fmt.Sprintf(", %d of them not measured yet", unmeasured)
	}
	if e.backlog() {
		text += fmt.Sprintf("; what is visible takes about %s", time.Duration(float64(e.queue.visible)/rate*float64(time.Second)).Round(time.Second))
	}
	return text
}

// findQuota goes by the last tick's reason, which says what binds.
func findQuota(_ context.Context, e *evidence) *cause {
	if e.settings == nil || len(e.ticks) == 0 || !e.backlog() || !strings.Contains(e.ticks[0].Reason, "Lambda's quota of ") {
		return nil
	}
	p := e.settings.Policy
	return &cause{
		Says: fmt.Sprintf("the account's Lambda concurrency leaves no room for more workers: LambdaConcurrency is %d, of which %d are left to others, and a worker takes its handlers and one more",
			p.LambdaConcurrency, p.LambdaReserve),
		Evidence: []string{e.ticks[0].Reason}, Next: "aws service-quotas list-service-quotas --service-code lambda; then raise LambdaConcurrency and deploy",
	}
}

// findAccount compares what the fleet may take with what the account has, and
// tells where Lambda throttles handlers though what is reserved for them is enough.
func findAccount(ctx context.Context, e *evidence) *cause {
	if e.settings == nil || e.account == nil || e.queue.visible+e.queue.hidden == 0 {
		return nil
	}
	has, said := int(e.account.ConcurrentExecutions), e.settings.Policy.LambdaConcurrency
	free := int(aws.ToInt32(e.account.UnreservedConcurrentExecutions))
	evidence := []string{fmt.Sprintf("the account has %s concurrent invocations, %s of them reserved for no function", thousands(has), thousands(free))}
	throttled := int64(0)
	for _, w := range e.workers {
		throttled += w.Throttled
	}
	if throttled > 0 {
		evidence = append(evidence, fmt.Sprintf("workers that are there gave back %s messages because Lambda let no handler start", thousands(int(throttled))))
	}
	switch {
	case said > has:
		return &cause{
			Says:     fmt.Sprintf("LambdaConcurrency is %s, and the account has %s: workers leave no room for their handlers", thousands(said), thousands(has)),
			Evidence: evidence, Next: fmt.Sprintf("set LambdaConcurrency to %d and deploy, or have the quota L-B99A9384 raised: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value %d", has, said),
		}
	case throttled == 0 || findThrottling(ctx, e) != nil:
		return nil
	}
	return &cause{
		Says:     "Lambda throttles handlers, and nothing that is reserved for them is the cause: others use the account's concurrency, or more than 1,000 environments were to start within ten seconds",
		Evidence: evidence, Next: "aws cloudwatch get-metric-statistics --namespace AWS/Lambda --metric-name ConcurrentExecutions; then raise LambdaReserve to what others take and deploy, or raise the quota",
	}
}

func findStepLimit(_ context.Context, e *evidence) *cause {
	if e.settings == nil || len(e.ticks) == 0 || !e.backlog() {
		return nil
	}
	t := e.ticks[0]
	if !strings.Contains(t.Reason, "the step limit binds") {
		return nil
	}
	return &cause{
		Says:     fmt.Sprintf("the last tick started %d workers, as many as StepLimit, %d, allows, of %d that were missing: the next goes on", t.Started, e.settings.Policy.StepLimit, t.Wanted-t.Workers),
		Evidence: []string{t.Reason}, Next: "muster wake " + e.fleet,
	}
}

func findDelayed(_ context.Context, e *evidence) *cause {
	if e.queue.visible+e.queue.hidden > 0 || e.queue.delayed == 0 {
		return nil
	}
	return &cause{
		Says:     fmt.Sprintf("%d messages are delayed: SQS shows them to nobody yet", e.queue.delayed),
		Evidence: []string{"the queue's DelaySeconds or the senders' say how long"},
		Next:     "aws sqs get-queue-attributes --attribute-names DelaySeconds --queue-url " + e.queueURL(),
	}
}

func findDrain(_ context.Context, e *evidence) *cause {
	d := e.controls.Drained
	if len(e.workers) == 0 || len(e.serving()) > 0 || !e.backlog() {
		return nil
	}
	c := &cause{Says: fmt.Sprintf("all %d workers are on their way home, and finish what they hold", len(e.workers)), Evidence: []string{}, Next: "muster wake " + e.fleet}
	if d != nil {
		c.Evidence = append(c.Evidence, "drained "+d.String())
	}
	return c
}

func findStarting(_ context.Context, e *evidence) *cause {
	if !e.backlog() {
		return nil
	}
	reserved := 0
	for _, w := range e.workers {
		if w.State == registry.Reserved {
			reserved++
		}
	}
	switch {
	case reserved > 0:
		return &cause{Says: fmt.Sprintf("%d workers were just started and are yet to report home", reserved), Next: "muster status " + e.fleet + " --watch"}
	case len(e.serving()) == 0:
		return &cause{Says: "no tick has seen the messages yet: the next one starts workers", Next: "muster wake " + e.fleet}
	}
	return nil
}

func findWork(_ context.Context, e *evidence) *cause {
	if e.queue.visible+e.queue.hidden == 0 || len(e.serving()) == 0 {
		return nil
	}
	return &cause{Says: fmt.Sprintf("%d workers are at it", len(e.serving())), Evidence: []string{e.pace()}, Next: "muster status " + e.fleet + " --watch"}
}

func findMinimum(_ context.Context, e *evidence) *cause {
	stay := 0
	for _, w := range e.serving() {
		if w.Stay {
			stay++
		}
	}
	if stay == 0 {
		return nil
	}
	c := &cause{Says: fmt.Sprintf("there is nothing to do; the minimum keeps %d of %d workers", stay, len(e.workers)), Next: "muster scale " + e.fleet + " --min 0"}
	if b := e.controls.Bounds; b.Holds(e.now) && b.Min != nil {
		c.Evidence, c.Next = []string{"scaled to " + b.String()}, "muster scale "+e.fleet+" --reset"
	}
	return c
}

func findIdle(_ context.Context, e *evidence) *cause {
	if len(e.workers) == 0 {
		return nil
	}
	says := fmt.Sprintf("there is nothing to do; %d workers go home once they have found nothing for a while", len(e.workers))
	if e.settings != nil {
		says = fmt.Sprintf("there is nothing to do; %d workers go home once they have found nothing for %s", len(e.workers), e.settings.Idle)
	}
	return &cause{Says: says}
}

func findNothing(context.Context, *evidence) *cause {
	return &cause{Says: "there is nothing to do: the queue is empty, and no worker is there"}
}
