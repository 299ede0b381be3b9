package scenario_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/scenario"
)

// An execution that runs while its fleet is changed goes on with the versions of
// the functions that it began with, and its successor has new ones: for other
// settings as for other code.
func TestExecutionsKeepTheirVersions(t *testing.T) {
	for name, change := range map[string]map[string]string{
		"other code":    {"CodeVersion": "two"},
		"other setting": {"BackoffMaxSeconds": "77"},
		"other list":    {"JobSubnets": "subnet-2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parameters := map[string]string{
					"CodeVersion": "one", "Lane": "steps", "BatchSize": "1", "MaxConcurrency": "1", "ProcessTimeoutSeconds": "600", "MinWorkers": "1",
				}
				f := scenario.Start(t, scenario.Options{Process: scenario.Takes(5 * time.Minute), Parameters: parameters})
				defer f.Close()
				f.SendMany(2)
				f.Until("a handler runs", 5*time.Minute, func() bool { return f.Peak() == 1 })

				template, err := cloudformation.Parse("fleet.yaml", fleet.Fleet)
				require.NoError(t, err)
				changed := merged(merged(map[string]string{
					"Parallelism": "2", "MessagesPerWorker": "10", "IdleSeconds": "20", "ProcessHandler": scenario.ARN("process"),
				}, parameters), change)
				_, err = f.Update(t.Context(), template, "jobs", changed)
				require.NoError(t, err)
				f.Until("both are handled", 30*time.Minute, func() bool { return f.Handled() == 2 })
				f.Within(time.Minute, never)

				executions := f.WorkerExecutions()
				require.Len(t, executions, 2, "one took over from the other")
				for i, one := range []struct{ has, hasNot string }{{"jobs-settle:2", "jobs-settle:1"}, {"jobs-settle:1", "jobs-settle:2"}} {
					events, err := json.Marshal(historyOf(t, f, *executions[i].ExecutionArn).events)
					require.NoError(t, err)
					assert.Contains(t, string(events), one.has)
					assert.NotContains(t, string(events), one.hasNot)
				}
			})
		})
	}
}
