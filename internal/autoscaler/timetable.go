package autoscaler

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	// Lambda's own images need not have them.
	_ "time/tzdata"

	"github.com/musterq/muster/internal/schedule"
)

// entry of a timetable: from each time that its cron expression names, minimum
// and cap are these, until another turn's time comes.
type entry struct {
	// Cron is an expression as EventBridge's rules have it, without "cron()".
	// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
	Cron string `json:"cron"`
	// Timezone that the expression is in, by its IANA name. Defaults to UTC.
	Timezone string `json:"timezone"`
	// Min is the least workers, Max the most handler invocations, which never
	// raises the cap. Left out they are the template's.
	Min *int `json:"min"`
	Max *int `json:"max"`

	due  schedule.Schedule
	zone *time.Location
}

// timetable of minimum and cap.
type timetable []entry

// parseTimetable reads a ScaleSchedule. Empty is none.
func parseTimetable(text string) (timetable, error) {
	if text == "" {
		return nil, nil
	}
	var table timetable
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(&table)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("there is more behind the array")
	}
	if err != nil {
		return nil, fmt.Errorf(`ScaleSchedule is no JSON array such as [{"cron": "0 8 ? * MON-FRI *", "timezone": "Europe/Berlin", "min": 2}]: %w`, err)
	}
	var errs []error
	for i := range table {
		if err := table[i].parse(); err != nil {
			errs = append(errs, fmt.Errorf("entry %d of ScaleSchedule: %w", i+1, err))
		}
	}
	return table, errors.Join(errs...)
}

func (e *entry) parse() (err error) {
	if e.due, err = schedule.Parse("cron(" + e.Cron + ")"); err != nil {
		return fmt.Errorf("cron %q: %w", e.Cron, err)
	}
	if e.zone, err = time.LoadLocation(e.Timezone); err != nil || e.Timezone == "Local" {
		return fmt.Errorf("timezone %q is not known: write a name such as Europe/Berlin", e.Timezone)
	}
	switch {
	case e.Min != nil && *e.Min < 0:
		return fmt.Errorf("min is %d, it must not be negative", *e.Min)
	case e.Max != nil && *e.Max < 1:
		return fmt.Errorf("max is %d, it must be at least 1: to have no handler run, pause the fleet", *e.Max)
	case e.Min != nil && e.Max != nil && *e.Min > *e.Max:
		return fmt.Errorf("min %d is over max %d: each worker runs a handler at least", *e.Min, *e.Max)
	}
	return nil
}

// last is when the entry's turn came last. Its expression is matched with what a
// clock on the wall shows, whose changes in spring and autumn may make it an hour
// late or early.
func (e entry) last(now time.Time) (time.Time, bool) {
	local := now.In(e.zone)
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), 0, 0, time.UTC)
	due, ok := e.due.Last(wall)
	if !ok {
		return due, false
	}
	return time.Date(due.Year(), due.Month(), due.Day(), due.Hour(), due.Minute(), 0, 0, e.zone), true
}

// at finds the entry whose turn it is, and since when. Of two at the same time
// it is the later in the table. Nil before the first has had its turn.
func (t timetable) at(now time.Time) (turn *entry, since time.Time) {
	for i := range t {
		if at, ok := t[i].last(now); ok && (turn == nil || !at.Before(since)) {
			turn, since = &t[i], at
		}
	}
	return turn, since
}

// String says what the entry sets.
func (e entry) String() string {
	var parts []string
	if e.Min != nil {
		parts = append(parts, fmt.Sprintf("minimum %d", *e.Min))
	}
	if e.Max != nil {
		parts = append(parts, fmt.Sprintf("cap %d", *e.Max))
	}
	if len(parts) == 0 {
		return "minimum and cap of the template"
	}
	return strings.Join(parts, ", ")
}
