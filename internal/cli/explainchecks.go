package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/scale"
)

// check looks for one cause. find returns nil where it is not that.
type check struct {
	name, about string
	find        func(context.Context, *evidence) *cause
	// well is true of what is no trouble: it is told only where nothing else is.
	well bool
}

// checks in their order: what keeps the autoscaler from working, what keeps it
// from starting workers, what keeps workers from handling, what is as it should.
var checks = []check{
	{name: "paused", about: "somebody paused it", find: findPause},
	{name: "disabled", about: "its stack says that it is not enabled", find: findDisabled},
	{name: "mapping", about: "an event source mapping takes the queue's messages", find: findMappings},
	{name: "settings", about: "the autoscaler refuses its settings", find: findRefusal},
	{name: "permission", about: "a role lacks a permission", find: findPermission},
	{name: "schedule", about: "the autoscaler's schedule is disabled", find: findSchedule},
	{name: "autoscaler", about: "the autoscaler fails", find: findFailedTicks},
	{name: "gate", about: "the gate's alarm rings", find: findGate},
	{name: "budget", about: "the month's budget is spent", find: findBudget},
	{name: "deaths", about: "workers die as they start", find: findDeaths},
	{name: "throttled", about: "Lambda throttles a handler", find: findThrottling},
	{name: "account", about: "the account's Lambda concurrency is used up", find: findAccount},
	{name: "failing", about: "the handler fails", find: findFailures},
	{name: "backing off", about: "all messages wait for another attempt", find: findBackoff},
	{name: "ghosts", about: "the queue counts messages that nobody gets", find: findGhosts},
	{name: "drain", about: "the workers are on their way home", find: findDrain},
	{name: "cap", about: "every slot is taken", find: findCap},
	{name: "quota", about: "the account's Lambda concurrency leaves no room", find: findQuota},
	{name: "step limit", about: "a tick starts no more workers than it may", find: findStepLimit},
	{name: "delayed", about: "all messages are delayed", find: findDelayed},
	{name: "starting", about: "workers were just started, or the next tick will", find: findStarting, well: true},
	{name: "working", about: "it is draining", find: findWork, well: true},
	{name: "minimum", about: "the minimum keeps workers that have nothing to do", find: findMinimum, well: true},
	{name: "idle", about: "workers that find nothing go home soon", find: findIdle, well: true},
	{name: "nothing", about: "there is nothing to do", find: findNothing, well: true},
}

// backlog says whether there is anything that workers could take now.
func (e *evidence) backlog() bool { return e.queue.visible > 0 }

func findPause(_ context.Context, e *evidence) *cause {
	p := e.controls.Pause
	if !p.Holds(e.now) {
		return nil
	}
	return &cause{Says: "it is paused " + p.String(), Evidence: []string{"since " + stamp(p.At.Time())}, Next: "muster resume " + e.fleet}
}

func findRefusal(_ context.Context, e *evidence) *cause {
	if e.refused == nil {
		return nil
	}
	return &cause{
		Says: "the autoscaler refuses its settings, so that every tick fails", Evidence: strings.Split(e.refused.Error(), "\n"),
		Next: "correct the stack's parameters and deploy again",
	}
}

// lastFailed is the newest tick if it failed.
func (e *evidence) lastFailed() (registry.Tick, bool) {
	if len(e.ticks) == 0 || !e.ticks[0].Failed {
		return registry.Tick{}, false
	}
	return e.ticks[0], true
}

func findPermission(_ context.Context, e *evidence) *cause {
	next := "look at the resource's policy, at its key's, and at the role's: aws cloudformation detect-stack-drift --stack-name " + e.fleet
	if t, failed := e.lastFailed(); failed && refusal(t.Reason) != "" {
		return &cause{Says: "the autoscaler may not do what it has to", Evidence: []string{t.Reason}, Next: next}
	}
	for _, d := range e.deaths {
		if refusal(d.err, d.cause) != "" {
			return &cause{Says: "workers may not do what they have to", Evidence: []string{d.String()}, Next: next}
		}
	}
	for _, f := range e.failures {
		if refusal(f.Reason) != "" {
			return &cause{
				Says: "messages fail because something may not be done", Evidence: []string{f.Reason},
				Next: "muster failures " + e.fleet + " --match denied",
			}
		}
	}
	return nil
}

func findSchedule(_ context.Context, e *evidence) *cause {
	if !e.suspended || e.enabled == "false" {
		return nil
	}
	return &cause{
		Says: "the autoscaler's schedule is disabled: it ticks only when it is woken", Evidence: []string{"EventBridge rule " + e.rule},
		Next: "aws events enable-rule --name " + e.rule,
	}
}

func findFailedTicks(_ context.Context, e *evidence) *cause {
	next := "aws logs tail /aws/lambda/" + e.assess + " --since 15m"
	if t, failed := e.lastFailed(); failed {
		n := 0
		for n < len(e.ticks) && e.ticks[n].Failed {
			n++
		}
		return &cause{Says: "the autoscaler fails: " + strings.TrimPrefix(t.Reason, "the tick failed: "), Evidence: []string{fmt.Sprintf("%d ticks in a row, the last %s", n, ago(e.now, t.At.Time()))}, Next: next}
	}
	if late := e.overdue(); late > 0 && !e.suspended {
		says := "the autoscaler ought to have ticked and has left no record: it fails as it starts, or cannot write to the registry"
		return &cause{Says: says, Evidence: []string{fmt.Sprintf("no tick for %s, the schedule is %s", late.Round(time.Second), e.due)}, Next: next}
	}
	return nil
}

func findGate(_ context.Context, e *evidence) *cause {
	if e.gate == nil || !e.gate.Shut {
		return nil
	}
	return &cause{
		Says:     fmt.Sprintf("the gate's alarm %s rings, and its action is %s", e.settings.Gate.Alarm, e.settings.Gate.Action),
		Evidence: []string{e.gate.String()}, Next: "aws cloudwatch describe-alarm-history --alarm-name " + e.settings.Gate.Alarm,
	}
}

// String says how an execution died.
func (d death) String() string {
	return strings.TrimRight(fmt.Sprintf("%s %s: %s %s", stamp(d.at), d.status, d.err, d.cause), ": ")
}

func findDeaths(_ context.Context, e *evidence) *cause {
	if e.control.Deaths < 2 || e.now.Sub(e.control.DiedAt.Time()) > time.Hour {
		return nil
	}
	c := &cause{
		Says: fmt.Sprintf("worker executions die: %d in a row, so that starts pause for %s after the last", e.control.Deaths, scale.RestartPause(e.control.Deaths)),
		Next: "aws stepfunctions list-executions --status-filter FAILED --state-machine-arn " + e.outputs["WorkerStateMachineArn"],
	}
	for _, d := range e.deaths[:min(len(e.deaths), explainDeaths)] {
		c.Evidence = append(c.Evidence, d.String())
	}
	if len(e.deaths) > 0 {
		c.Next = "aws stepfunctions get-execution-history --reverse-order --max-items 5 --execution-arn " + e.deaths[0].arn
	}
	return c
}

func findThrottling(_ context.Context, e *evidence) *cause {
	if e.queue.visible+e.queue.hidden == 0 {
		return nil
	}
	for _, arn := range slices.Sorted(maps.Keys(e.reserved)) {
		n := e.reserved[arn]
		if most := e.cap(); n < most {
			name := arn[strings.LastIndex(arn, ":function:")+len(":function:"):]
			says := fmt.Sprintf("the handler %s has a reserved concurrency of %d, the fleet's cap is %d: Lambda throttles what is over it", name, n, most)
			if n == 0 {
				says = "the handler " + name + " has a reserved concurrency of 0: Lambda throttles every invocation"
			}
			return &cause{
				Says: says, Evidence: []string{"messages are tried for half a minute to a minute, then returned for one to two minutes, each time with a receive"},
				Next: fmt.Sprintf("aws lambda put-function-concurrency --reserved-concurrent-executions %d --function-name %s", most, unqualified(arn)),
			}
		}
	}
	return nil
}

// failingShare of all messages must have failed for it to be what keeps a queue
// from draining.
const failingShare = 0.1

// shownCauses is how many reasons of failures are shown.
const shownCauses = 3

func findFailures(_ context.Context, e *evidence) *cause {
	if len(e.failures) == 0 || e.queue.visible+e.queue.hidden == 0 {
		return nil
	}
	var handled, failed int64
	for _, w := range e.workers {
		handled, failed = handled+w.Handled, failed+w.Failed
	}
	if all := handled + failed; all > 0 && float64(failed) < failingShare*float64(all) {
		return nil
	}
	c := &cause{
		Says: fmt.Sprintf("handlers fail: %s attempts in %s", thousands(len(e.failures)), explainSince), Next: "muster failures " + e.fleet + " --count",
	}
	counts := map[string]int{}
	var reasons []string
	for _, f := range e.failures {
		reason := sameReason(f.Reason)
		if counts[reason]++; counts[reason] == 1 {
			reasons = append(reasons, reason)
		}
	}
	slices.SortStableFunc(reasons, func(a, b string) int { return counts[b] - counts[a] })
	for _, reason := range reasons[:min(len(reasons), shownCauses)] {
		c.Evidence = append(c.Evidence, fmt.Sprintf("%s x %s", thousands(counts[reason]), reason))
	}
	return c
}

func findBackoff(_ context.Context, e *evidence) *cause {
	if e.queue.visible > 0 || e.queue.hidden == 0 || slices.ContainsFunc(e.workers, e.inHand) {
		return nil
	}
	return &cause{
		Says:     fmt.Sprintf("%d messages are in flight that no worker has: they wait for their backoff, or for the visibility timeout of a worker that died", e.queue.hidden),
		Evidence: []string{"none is visible, none is in a worker's hand"}, Next: "muster failures " + e.fleet + " --count",
	}
}

// memory is what the last tick left. One that cannot be read is none.
func (e *evidence) memory() (m scale.Memory) {
	if e.tally.Memory == "" || json.Unmarshal([]byte(e.tally.Memory), &m) != nil {
		return scale.Memory{}
	}
	return m
}

func findBudget(_ context.Context, e *evidence) *cause {
	if e.settings == nil {
		return nil
	}
	budget, bill := e.settings.Policy.MonthlyBudget, e.memory().Bill
	if budget == 0 || bill.Dollars < budget || e.now.UTC().Format("2006-01") != bill.Month.Format("2006-01") {
		return nil
	}
	return &cause{
		Says:     bill.Against(budget),
		Evidence: []string{"messages wait in the queue, though no longer than its retention period, 14 days unless set"},
		Next:     "raise MonthlyBudget and deploy, or wait",
	}
}

func findGhosts(_ context.Context, e *evidence) *cause {
	m := e.memory()
	if m.Ghosts == 0 || !e.backlog() {
		return nil
	}
	return &cause{
		Says:     fmt.Sprintf("SQS counts %d visible messages, but workers found nothing %d times in a row: depths are approximate", e.queue.visible, m.Looks),
		Evidence: []string{fmt.Sprintf("one worker looked last %s, and looks again after %s; a message that is found ends it", ago(e.now, m.Looked), scale.ScoutPause(m.Looks))},
		Next:     "wait, or look yourself: aws sqs receive-message --visibility-timeout 0 --queue-url " + e.queueURL(),
	}
}
