package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	fleetyaml "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/sim"
)

func TestPlan(t *testing.T) {
	status, out, errs := mustered(t, t.TempDir(), "", "plan", "--rate", "6000/m", "--duration", "120ms", "--p99", "10s", "--json")
	require.Equal(t, exitWell, status, errs)
	var p sim.Plan
	require.NoError(t, json.Unmarshal([]byte(out), &p))
	assert.InDelta(t, 12, p.Busy, 1)
	assert.LessOrEqual(t, p.P99Seconds, 10.0)

	status, out, errs = mustered(t, t.TempDir(), "", "plan", "--rate", "100/s", "--duration", "120ms")
	require.Equal(t, exitWell, status, errs)
	for _, part := range []string{"SETTING ", "QUOTA ", "Lambda: concurrent executions", " enough ", "A MONTH ", "\nall ", "99 of 100 messages are with their handler within ", "An event source mapping with the same handlers would cost about "} {
		assert.Contains(t, out, part)
	}
}

// Alarms and a dashboard are in the bill if they are asked for.
func TestPlanOfExtras(t *testing.T) {
	without := planned(t)
	with := planned(t, "--alarm-topic-arn", "arn:aws:sns:us-east-1:123456789012:t", "--dashboard", "--wake-alarm", "--monthly-budget", "5")
	quantities := map[string]float64{}
	for _, l := range with.Lines {
		quantities[l.Name] = l.Quantity
	}
	assert.InDelta(t, 7, quantities["CloudWatch: alarms"], 0)
	assert.InDelta(t, 3, quantities["CloudWatch: own metrics"], 0)
	assert.InDelta(t, 1, quantities["CloudWatch: dashboards"], 0)
	assert.InDelta(t, without.Dollars+0.7+0.9+3, with.Dollars, 1e-9)
	template, err := cloudformation.Parse("fleet.yaml", fleetyaml.Fleet)
	require.NoError(t, err)
	for _, r := range template.Resources {
		if r.Type == "AWS::CloudWatch::Alarm" {
			_, alarm, _ := strings.Cut(string(fleetyaml.Fleet), "\n  "+r.LogicalID+":\n")
			_, namespace, _ := strings.Cut(alarm, "Namespace: ")
			assert.Equal(t, strings.HasPrefix(namespace, "Muster\n"), ownMetric[r.LogicalID], r.LogicalID)
		}
	}
}

// planned is the plan for 100 messages a second.
func planned(t *testing.T, args ...string) sim.Plan {
	status, out, errs := mustered(t, t.TempDir(), "", append([]string{"plan", "--rate", "100/s", "--duration", "120ms", "--json"}, args...)...)
	require.Equal(t, exitWell, status, errs)
	var p sim.Plan
	require.NoError(t, json.Unmarshal([]byte(out), &p))
	return p
}

func TestPlanAsksForTheAccountsConcurrency(t *testing.T) {
	f := stand(t, t.TempDir(), "--handler", "true")
	asked := f.muster(exitWell, "plan", "--rate", "100/s", "--duration", "120ms", "--account", "--json")
	p := jsonLines[sim.Plan](t, asked)[0]
	assert.InDelta(t, 1000, p.Quotas[0].Default, 0)
}

func TestWhatIsNotPlanned(t *testing.T) {
	for args, want := range map[string]string{
		"--duration 1s":                           `--rate ""`,
		"--rate 10 --duration 1s":                 `--rate "10"`,
		"--rate 10/d --duration 1s":               "say what arrives as 5000/s",
		"--rate -1/s --duration 1s":               "say what arrives as 5000/s",
		"--rate 10/s":                             "say how long the handler takes",
		"--rate 10/s --duration 1s --p99 0s":      "--p99 must be longer than 0",
		"--rate 10/s --duration 1s --mode async":  "--mode async is not simulated",
		"--rate 9999/s --duration 2s":             "one fleet has 10000 at most",
		"--rate 10/s --duration 1s --max-age 3":   "unknown flag",
		"--rate 10/s --duration 1s --min-workers": "unknown flag",
	} {
		status, out, errs := mustered(t, t.TempDir(), "", append([]string{"plan"}, strings.Fields(args)...)...)
		assert.Equal(t, exitUsage, status, args)
		assert.Empty(t, out, args)
		assert.Contains(t, errs, want, args)
	}
}
