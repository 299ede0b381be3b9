package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// cron is a cron expression: the values that each field allows.
type cron struct {
	minutes, hours, days, months, weekdays, years set
}

// set holds small numbers, counted from base.
type set struct {
	base    int
	allowed []bool
}

func (s set) has(n int) bool { return s.allowed[n-s.base] }

const (
	firstYear = 1970
	lastYear  = 2199
)

var (
	monthNames   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	weekdayNames = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

// parseCron reads minutes, hours, day of month, month, day of week and year.
// One of the two days has to be "?".
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html#eb-cron-expressions
func parseCron(text string) (*cron, error) {
	fields := strings.Fields(text)
	if len(fields) != 6 {
		return nil, fmt.Errorf("the cron expression has %d fields, not 6", len(fields))
	}
	if (fields[2] == "?") == (fields[4] == "?") {
		return nil, fmt.Errorf("one of day of month and day of week has to be ?, and not both")
	}
	c := &cron{}
	for i, f := range []struct {
		name     string
		min, max int
		names    []string
		into     *set
	}{
		{"minutes", 0, 59, nil, &c.minutes},
		{"hours", 0, 23, nil, &c.hours},
		{"day of month", 1, 31, nil, &c.days},
		{"month", 1, 12, monthNames, &c.months},
		{"day of week", 1, 7, weekdayNames, &c.weekdays},
		{"year", firstYear, lastYear, nil, &c.years},
	} {
		p := fieldParser{f.min, f.max, f.names}
		if fields[i] == "?" && i != 2 && i != 4 {
			return nil, fmt.Errorf("the field %s cannot be ?", f.name)
		}
		s, err := p.parse(fields[i])
		if err != nil {
			return nil, fmt.Errorf("the field %s: %w", f.name, err)
		}
		*f.into = s
	}
	return c, nil
}

// fieldParser reads one field, whose values may have names counted from min.
type fieldParser struct {
	min, max int
	names    []string
}

func (p fieldParser) parse(text string) (set, error) {
	s := set{base: p.min, allowed: make([]bool, p.max-p.min+1)}
	for part := range strings.SplitSeq(text, ",") {
		if err := p.add(s, part); err != nil {
			return set{}, err
		}
	}
	return s, nil
}

// add allows what one element of a list names: *, ?, a value, a range, and each
// of them with a step.
func (p fieldParser) add(s set, part string) error {
	span, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		n, err := strconv.Atoi(stepText)
		if err != nil || n < 1 || n > p.max {
			return fmt.Errorf("%q is no step", stepText)
		}
		step = n
	}
	from, to := p.min, p.max
	if span != "*" && span != "?" {
		first, last, ranged := strings.Cut(span, "-")
		var err error
		if from, err = p.value(first); err != nil {
			return err
		}
		switch {
		case ranged:
			if to, err = p.value(last); err != nil {
				return err
			}
			if to < from {
				return fmt.Errorf("the range %q is empty", span)
			}
		case !stepped:
			to = from
		}
	}
	for n := from; n <= to; n += step {
		s.allowed[n-p.min] = true
	}
	return nil
}

func (p fieldParser) value(text string) (int, error) {
	for i, name := range p.names {
		if strings.EqualFold(text, name) {
			return p.min + i, nil
		}
	}
	if strings.ContainsAny(text, "LW#") {
		return 0, fmt.Errorf("L, W and # are not known here, as in %q", text)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < p.min || n > p.max {
		return 0, fmt.Errorf("%q is not between %d and %d", text, p.min, p.max)
	}
	return n, nil
}

// next looks for the first minute after t, field by field from the year down.
func (c *cron) next(t time.Time) (time.Time, bool) {
	t = t.Truncate(time.Minute).Add(time.Minute)
	for t.Year() <= lastYear {
		switch {
		case t.Year() < firstYear:
			t = time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
		case !c.years.has(t.Year()):
			t = time.Date(t.Year()+1, 1, 1, 0, 0, 0, 0, time.UTC)
		case !c.months.has(int(t.Month())):
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !c.days.has(t.Day()) || !c.weekdays.has(int(t.Weekday())+1):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
		case !c.hours.has(t.Hour()):
			t = t.Truncate(time.Hour).Add(time.Hour)
		case !c.minutes.has(t.Minute()):
			t = t.Add(time.Minute)
		default:
			return t, true
		}
	}
	return time.Time{}, false
}

// last looks for the last minute up to t, field by field from the year down.
func (c *cron) last(t time.Time) (time.Time, bool) {
	t = t.Truncate(time.Minute)
	for t.Year() >= firstYear {
		switch {
		case t.Year() > lastYear:
			t = time.Date(lastYear+1, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Minute)
		case !c.years.has(t.Year()):
			t = time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Minute)
		case !c.months.has(int(t.Month())):
			t = time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC).Add(-time.Minute)
		case !c.days.has(t.Day()) || !c.weekdays.has(int(t.Weekday())+1):
			t = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Add(-time.Minute)
		case !c.hours.has(t.Hour()):
			t = t.Truncate(time.Hour).Add(-time.Minute)
		case !c.minutes.has(t.Minute()):
			t = t.Add(-time.Minute)
		default:
			return t, true
		}
	}
	return time.Time{}, false
}
