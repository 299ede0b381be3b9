package explore_test

import (
	"slices"
	"strings"
)

// aim goes to the one place where only the allowance for clocks holds the cap: a
// pump whose report is late receives a message in the last moment of its lease,
// its handler begins as late as it may, its execution is aborted, and the next
// tick comes when what the pump said has passed by a clock that is ahead.
type aim struct {
	// tick is when that tick comes.
	tick turn
	// received, reported, started and ended are what has been done already.
	received, reported, started, ended bool
}

// choose is the next option on that way. Negative if there is none now.
func (a *aim) choose(options []option) int {
	switch {
	case !a.received:
		return a.take(&a.received, options, func(o option) bool { return o.late("pump", "sqs:ReceiveMessage") && o.turns == lease })
	case !a.started:
		if !a.reported {
			// The last of the instants is after all that matters.
			slices.Reverse(options)
			i := a.take(&a.reported, options, func(o option) bool { return o.late("pump", "dynamodb:UpdateItem") })
			slices.Reverse(options)
			if i >= 0 {
				return len(options) - 1 - i
			}
		}
		return a.take(&a.started, options, func(o option) bool { return o.late("pump", "lambda:Invoke process") })
	case !a.ended:
		return a.take(&a.ended, options, func(o option) bool { return o.kind == abort })
	case a.tick != "":
		i := slices.IndexFunc(options, func(o option) bool { return o.kind == tickAt && o.turns == a.tick })
		if i >= 0 {
			a.tick = ""
		}
		return i
	}
	return -1
}

// take finds an option, and notes that it was found.
func (a *aim) take(found *bool, options []option, is func(option) bool) int {
	i := slices.IndexFunc(options, is)
	*found = i >= 0
	return i
}

// late says whether the option is to let such a caller's call come late.
func (o option) late(who, what string) bool {
	return o.kind == late && o.p.what == what && strings.HasPrefix(o.p.who, who)
}
