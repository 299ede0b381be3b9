// Package schedule reads the schedule expressions of EventBridge rules.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Schedule says when a rule is due: a rate or a cron expression.
type Schedule struct {
	// every is the period of a rate. 0 for a cron expression.
	every time.Duration
	cron  *cron
}

// Parse reads "rate(5 minutes)" or "cron(0 20 * * ? *)", which is in UTC.
func Parse(expression string) (Schedule, error) {
	if inner, ok := inside(expression, "rate("); ok {
		every, err := parseRate(inner)
		return Schedule{every: every}, err
	}
	if inner, ok := inside(expression, "cron("); ok {
		c, err := parseCron(inner)
		return Schedule{cron: c}, err
	}
	return Schedule{}, errors.New("it is neither rate(...) nor cron(...)")
}

// Next is the first time after t that is due. A rate counts from t: a rule's
// first event comes one period after it was made. It is false for a schedule
// that is never due again.
func (s Schedule) Next(t time.Time) (time.Time, bool) {
	if s.cron != nil {
		return s.cron.next(t.UTC())
	}
	return t.Add(s.every), true
}

// Last is the last time up to t, t included, that was due. It is false for a cron
// expression that was never due, and for a rate, which counts from when its rule
// was made.
func (s Schedule) Last(t time.Time) (time.Time, bool) {
	if s.cron != nil {
		return s.cron.last(t.UTC())
	}
	return time.Time{}, false
}

func inside(expression, opening string) (string, bool) {
	inner, ok := strings.CutPrefix(expression, opening)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(inner, ")")
}

// parseRate reads a value and a unit, which is singular for 1 only.
func parseRate(text string) (time.Duration, error) {
	number, unit, _ := strings.Cut(text, " ")
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("the rate %q has no positive number", text)
	}
	singular, plural := strings.CutSuffix(unit, "s")
	if plural != (n > 1) {
		return 0, fmt.Errorf("the rate's unit %q does not agree with %d", unit, n)
	}
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	every, ok := units[singular]
	if !ok {
		return 0, fmt.Errorf("the rate's unit is %q, not minutes, hours or days", unit)
	}
	if n > uint64(maxRate/every) {
		return 0, fmt.Errorf("the rate %q is longer than %d days", text, maxRate/(24*time.Hour))
	}
	return time.Duration(n) * every, nil
}

// maxRate keeps a rate far from what a time.Duration holds.
const maxRate = 36500 * 24 * time.Hour
