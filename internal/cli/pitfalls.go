package cli

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/musterq/muster/internal/schedule"
)

// place is where a fleet is, or shall be.
type place struct {
	// Each is empty where it is not known.
	account, region string
}

// has says whether what an ARN names is there, as far as that is known.
func (p place) has(a arn.ARN) bool {
	return (p.region == "" || a.Region == p.region) && (p.account == "" || a.AccountID == p.account)
}

// pitfalls finds what the template leaves out without a word, and alarms that
// ring always or never: it asks nobody.
func pitfalls(h *ships, at place, values map[string]string, f *flaws) {
	is := func(name string) string { return h.get(values, name) }
	if queue, err := arn.Parse(is("QueueArn")); err == nil && !at.has(queue) {
		const why = "the queue %s is of another account or region, and CloudWatch knows it there alone"
		if is("WakeAlarm") == "true" {
			f.add(severe, "WakeAlarm", "Leave WakeAlarm out: ScheduleExpression is what looks at the queue.", "WakeAlarm would be left out: "+why, queue)
		}
		if is("AlarmTopicArn") != "" {
			f.add(warning, "AlarmTopicArn", "Make alarms of the oldest message and of dead letters where the queue is.",
				"the alarms of the oldest message and of dead letters are left out: "+why, queue)
		}
	}
	if gate, err := arn.Parse(is("GateAlarm")); err == nil && at.account != "" && gate.AccountID != at.account {
		f.add(severe, "GateAlarm", "Name an alarm of this account.", "GateAlarm is of the account %s: a tick asks CloudWatch in its own, %s, and would find the gate open always", gate.AccountID, at.account)
	}
	if is("AlarmTopicArn") != "" {
		slowTicks(is, f)
	}
}

// slowTicks finds alarms that count ticks which are too far apart for them.
func slowTicks(is func(string) string, f *flaws) {
	apart, ok := longestGap(is("ScheduleExpression"), time.Now())
	if !ok {
		return
	}
	said := func(severity, remedy, what string) {
		f.add(severity, "ScheduleExpression", remedy, "up to %s pass between two ticks of %s: %s", apart, is("ScheduleExpression"), what)
	}
	if apart > 15*time.Minute && is("Enabled") == "true" {
		said(severe, "Have it tick at least every 15 minutes, or leave out AlarmTopicArn.", "the alarm of missing ticks, which waits for 15 minutes, would ring though nothing is wrong")
	}
	if apart > 5*time.Minute {
		said(warning, "Have it tick at least every 5 minutes.", "the alarm of a cap that binds wants a tick in each 5 minutes of half an hour, and would never ring")
	}
	if apart > time.Minute {
		said(warning, "Have it tick every minute, or rely on the alarm of the oldest message.", "the alarm of messages that no worker handles wants a tick in each of three minutes, and would never ring")
	}
}

// longestGap is the longest time between two ticks of a schedule within a week.
// False for what is no schedule, or is not due twice from now on.
func longestGap(expression string, now time.Time) (time.Duration, bool) {
	s, err := schedule.Parse(expression)
	if err != nil {
		return 0, false
	}
	last, ok := s.Next(now)
	if !ok {
		return 0, false
	}
	longest := time.Duration(0)
	for end := last.AddDate(0, 0, 7); last.Before(end); {
		next, ok := s.Next(last)
		if !ok {
			break
		}
		longest = max(longest, next.Sub(last))
		last = next
	}
	return longest, longest > 0
}

// inspectRedrive holds the settings that say what the queue does against what it
// does.
func inspectRedrive(h *ships, values map[string]string, p redrivePolicy, f *flaws) {
	if said := h.get(values, "MaxReceiveCount"); said != strconv.Itoa(p.maxReceives) {
		severity, what := warning, "tasks, jobs and the search for duplicates go by it, once the fleet has any"
		if counts(h, values) {
			severity, what = severe, "messages would be taken for failed too often too early, or too late"
		}
		f.add(severity, "MaxReceiveCount", "Set MaxReceiveCount to "+strconv.Itoa(p.maxReceives)+".",
			"MaxReceiveCount is %s and the queue's redrive policy has %d: %s", said, p.maxReceives, what)
	}
	switch said := h.get(values, "DeadLetterQueueArn"); said {
	case p.target:
	case "":
		f.add(warning, "QueueArn", "Set DeadLetterQueueArn to "+p.target+".",
			"the queue moves what failed too often to %s, and DeadLetterQueueArn does not name it: no alarm watches it and 'muster dlq' does not find it", p.target)
	default:
		f.add(severe, "DeadLetterQueueArn", "Set DeadLetterQueueArn to "+p.target+".", "DeadLetterQueueArn is %s and the queue moves what failed too often to %s", said, p.target)
	}
}

// counts says whether the fleet itself goes by how often a message was received.
func counts(h *ships, values map[string]string) bool {
	is := func(name string) string { return h.get(values, name) }
	return is("Mode") == "callback" || is("TransformHandler") != "" && is("TransformMode") == "callback" || is("Target") != "lambda" || is("DuplicateWindowSeconds") != "0"
}
