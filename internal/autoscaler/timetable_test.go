package autoscaler

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTimetable(t *testing.T) {
	const office = `[{"cron":"0 8 ? * MON-FRI *","timezone":"Europe/Berlin","min":2,"max":20},{"cron":"0 18 ? * MON-FRI *","timezone":"Europe/Berlin","max":5}]`
	for name, c := range map[string]struct {
		table, at, want, since string
	}{
		"in office hours, in summer":   {office, "2026-07-06T06:00:00Z", "minimum 2, cap 20", "2026-07-06T06:00:00Z"},
		"before them":                  {office, "2026-07-06T05:59:59Z", "cap 5", "2026-07-03T16:00:00Z"},
		"in office hours, in winter":   {office, "2026-01-05T12:00:00Z", "minimum 2, cap 20", "2026-01-05T07:00:00Z"},
		"on Sunday":                    {office, "2026-07-05T12:00:00Z", "cap 5", "2026-07-03T16:00:00Z"},
		"in UTC":                       {`[{"cron":"30 2 * * ? *","min":1}]`, "2026-07-05T12:00:00Z", "minimum 1", "2026-07-05T02:30:00Z"},
		"the later of two at one time": {`[{"cron":"0 0 * * ? *","min":1},{"cron":"0 0 * * ? *"}]`, "2026-07-05T12:00:00Z", "minimum and cap of the template", "2026-07-05T00:00:00Z"},
		"before the first":             {`[{"cron":"0 0 1 1 ? 2030","min":1}]`, "2026-07-05T12:00:00Z", "", ""},
		"none":                         {"", "2026-07-05T12:00:00Z", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := parseTimetable(c.table)
			require.NoError(t, err)
			now, err := time.Parse(time.RFC3339, c.at)
			require.NoError(t, err)
			turn, since := table.at(now)
			if c.want == "" {
				assert.Nil(t, turn)
				return
			}
			require.NotNil(t, turn)
			assert.Equal(t, c.want, turn.String())
			assert.Equal(t, c.since, since.UTC().Format(time.RFC3339))
		})
	}
}

func TestWrongTimetables(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                       "ScaleSchedule is no JSON array such as ",
		`[] []`:                    "there is more behind the array",
		`[{"corn":"0 8 * * ? *"}]`: `unknown field "corn"`,
		`[{"cron":"0 8 * * *"}]`:   `entry 1 of ScaleSchedule: cron "0 8 * * *": the cron expression has 5 fields, not 6`,
		`[{"cron":"0 8 L * ? *"}]`: "L, W and # are not known here",
		`[{"cron":"0 8 * * ? *","timezone":"Berlin"}]`: `timezone "Berlin" is not known: write a name such as Europe/Berlin`,
		`[{"cron":"0 8 * * ? *","timezone":"Local"}]`:  `timezone "Local" is not known`,
		`[{"cron":"0 8 * * ? *","min":-1}]`:            "min is -1, it must not be negative",
		`[{"cron":"0 8 * * ? *","max":0}]`:             "max is 0, it must be at least 1: to have no handler run, pause the fleet",
		`[{"cron":"0 8 * * ? *","min":3,"max":2}]`:     "min 3 is over max 2",
	} {
		_, err := parseTimetable(text)
		assert.ErrorContains(t, err, want, text)
	}
}

func TestGateNames(t *testing.T) {
	for alarm, want := range map[string][2]string{
		"db-load": {"db-load", ""},
		"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:db: load": {"db: load", "eu-west-1"},
		"arn:strange": {"arn:strange", ""},
	} {
		name, region := Gate{Alarm: alarm}.name()
		assert.Equal(t, want, [2]string{name, region})
	}
}
