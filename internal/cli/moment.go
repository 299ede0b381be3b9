package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// moment is a point in time that a flag gives: how long ago, or when.
type moment struct{ time.Time }

// momentUsage of flags that take a moment.
const momentUsage = "so long ago (90s, 1h, 14d), or a `time` such as 2026-01-31T15:04:05Z"

// parseMoment reads a moment as seen from now.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: write how long ago, such as 90s, 1h or 14d, or when, such as 2026-01-31T15:04:05Z", text)
}

// String is empty for no moment, as pflag asks.
func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339)
}

// Set reads the flag's text.
func (m *moment) Set(text string) (err error) {
	m.Time, err = parseMoment(text, time.Now())
	return err
}

// Type of the flag's value, for pflag.
func (m *moment) Type() string { return "time" }

// stamp writes a time for people, in UTC. Empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// oneLine makes text of any origin fit for a line on a terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
