package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNext(t *testing.T) {
	for _, c := range []struct{ expression, from, want string }{
		{"rate(1 minute)", "2026-09-01T10:00:30Z", "2026-09-01T10:01:30Z"},
		{"rate(5 minutes)", "2026-09-01T10:00:00Z", "2026-09-01T10:05:00Z"},
		{"rate(1 hour)", "2026-09-01T10:00:00Z", "2026-09-01T11:00:00Z"},
		{"rate(2 days)", "2026-09-01T10:00:00Z", "2026-09-03T10:00:00Z"},
		// The examples of the page.
		{"cron(0 10 * * ? *)", "2026-09-01T10:00:00Z", "2026-09-02T10:00:00Z"},
		{"cron(15 12 * * ? *)", "2026-09-01T10:00:00Z", "2026-09-01T12:15:00Z"},
		{"cron(0 18 ? * MON-FRI *)", "2026-09-04T18:00:00Z", "2026-09-07T18:00:00Z"},
		{"cron(0 8 1 * ? *)", "2026-12-02T00:00:00Z", "2027-01-01T08:00:00Z"},
		{"cron(0/15 * * * ? *)", "2026-09-01T10:01:00Z", "2026-09-01T10:15:00Z"},
		{"cron(0/5 8-17 ? * MON-FRI *)", "2026-09-04T17:55:00Z", "2026-09-07T08:00:00Z"},
		{"cron(0 12 ? * 1 *)", "2026-09-01T10:00:00Z", "2026-09-06T12:00:00Z"},
		{"cron(0 0 29 FEB ? *)", "2026-09-01T10:00:00Z", "2028-02-29T00:00:00Z"},
		{"cron(5,10 3 * jan,mar ? 2027-2028)", "2026-09-01T10:00:00Z", "2027-01-01T03:05:00Z"},
		{"cron(* * * * ? *)", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
		{"cron(0 0 1 1 ? 2020)", "2026-09-01T10:00:00Z", ""},
		{"cron(0 0 31 2 ? *)", "2026-09-01T10:00:00Z", ""},
	} {
		s, err := Parse(c.expression)
		require.NoError(t, err, c.expression)
		from, err := time.Parse(time.RFC3339, c.from)
		require.NoError(t, err)
		got, ok := s.Next(from)
		assert.Equal(t, c.want != "", ok, c.expression)
		if ok {
			assert.Equal(t, c.want, got.Format(time.RFC3339), c.expression)
		}
	}
}

func TestLast(t *testing.T) {
	for _, c := range []struct{ expression, from, want string }{
		{"rate(1 minute)", "2026-09-01T10:00:30Z", ""},
		{"cron(0 10 * * ? *)", "2026-09-01T10:00:59Z", "2026-09-01T10:00:00Z"},
		{"cron(0 10 * * ? *)", "2026-09-01T09:59:59Z", "2026-08-31T10:00:00Z"},
		{"cron(0 18 ? * MON-FRI *)", "2026-09-07T17:59:00Z", "2026-09-04T18:00:00Z"},
		{"cron(0/15 * * * ? *)", "2026-09-01T10:01:00Z", "2026-09-01T10:00:00Z"},
		{"cron(30 8 1 * ? *)", "2027-01-01T08:29:59Z", "2026-12-01T08:30:00Z"},
		{"cron(0 0 29 FEB ? *)", "2026-09-01T10:00:00Z", "2024-02-29T00:00:00Z"},
		{"cron(* * * * ? 2020)", "2026-09-01T10:00:00Z", "2020-12-31T23:59:00Z"},
		{"cron(0 0 1 1 ? 2199)", "2300-01-01T00:00:00Z", "2199-01-01T00:00:00Z"},
		{"cron(0 0 1 1 ? 2030)", "2026-09-01T10:00:00Z", ""},
		{"cron(0 0 31 2 ? *)", "2026-09-01T10:00:00Z", ""},
	} {
		s, err := Parse(c.expression)
		require.NoError(t, err, c.expression)
		from, err := time.Parse(time.RFC3339, c.from)
		require.NoError(t, err)
		got, ok := s.Last(from)
		assert.Equal(t, c.want != "", ok, c.expression)
		if ok {
			assert.Equal(t, c.want, got.Format(time.RFC3339), c.expression)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, expression := range []string{
		"", "5 minutes", "rate(5 minutes", "rate(0 minutes)", "rate(1 minutes)", "rate(5 minute)", "rate(30 seconds)", "rate(-1 minutes)",
		"rate(99999999 days)", "at(2026-09-01T00:00:00)",
		"cron(* * * * *)", "cron(* * * * * *)", "cron(* * ? * ? *)", "cron(60 * * * ? *)", "cron(* 24 * * ? *)", "cron(* * 0 * ? *)",
		"cron(* * * 13 ? *)", "cron(* * ? * 8 *)", "cron(* * * * ? 1969)", "cron(? * * * ? *)", "cron(5-1 * * * ? *)", "cron(*/0 * * * ? *)",
		"cron(0 0 L * ? *)", "cron(0 0 3W * ? *)", "cron(0 0 ? * 6#3 *)", "cron(1, * * * ? *)",
	} {
		_, err := Parse(expression)
		assert.Error(t, err, expression)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("rate(1 minute)")
	f.Add("cron(0/15 8-17 ? JAN-MAR MON,7 2026/2)")
	from := time.Date(2026, 9, 1, 10, 0, 30, 0, time.UTC)
	f.Fuzz(func(t *testing.T, expression string) {
		s, err := Parse(expression)
		if err != nil {
			return
		}
		if next, ok := s.Next(from); ok {
			assert.True(t, next.After(from))
			if s.cron != nil {
				last, ok := s.Last(next)
				assert.True(t, ok && last.Equal(next))
			}
		}
	})
}
