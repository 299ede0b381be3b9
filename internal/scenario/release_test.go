package scenario_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/scenario"
)

// before is the worker's definition before it knew callbacks and jobs, as
// executions still run it while a fleet is upgraded.
//
//go:embed testdata/worker.before.asl.json
var before string

func beforeUpgrade(name, definition string) string {
	if name != "worker" {
		return definition
	}
	// The template no longer fills in what it no longer has.
	return strings.ReplaceAll(before, "${ProcessHandler}", "process")
}

// TestFunctionsServeTheDefinitionBefore runs what executions of the definition
// before do with the functions of this one.
func TestFunctionsServeTheDefinitionBefore(t *testing.T) {
	for name, parameters := range map[string]map[string]string{
		"steps":     {"Lane": "steps"},
		"no bodies": {"Lane": "steps", "BodiesInState": "never"},
		"stream":    {"Lane": "stream"},
	} {
		for stage, transform := range map[string]scenario.Handler{"": nil, ", transformed": unchanged} {
			t.Run(name+stage, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := scenario.Start(t, scenario.Options{Parameters: parameters, Transform: transform, Process: failing(quick), Definition: beforeUpgrade})
					defer f.Close()
					f.Send("one", "two", large)
					f.Wake()
					f.UntilDone(3 * time.Hour)
					f.NothingLost()
					assert.Equal(t, 3, f.Handled())
					assert.Empty(t, f.Objects())
					for _, x := range f.WorkerExecutions() {
						_, status := f.Path(*x.ExecutionArn)
						assert.EqualValues(t, "SUCCEEDED", status)
					}
				})
			})
		}
	}
}

// TestTheDefinitionServesTheFunctionBefore lets the autoscaler answer what it did in
// the release before, as it does while a fleet goes back to that.
func TestTheDefinitionServesTheFunctionBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{Code: func(name string, code lambda.Func) lambda.Func {
			if name != "autoscaler" {
				return code
			}
			return func(ctx context.Context, payload []byte) ([]byte, error) {
				answer, err := code(ctx, payload)
				if err != nil {
					return nil, err
				}
				var before struct {
					Starts json.RawMessage `json:"starts"`
					Reason string          `json:"reason"`
				}
				if err := json.Unmarshal(answer, &before); err != nil {
					return nil, err
				}
				return json.Marshal(before)
			}
		}})
		defer f.Close()
		f.SendMany(20)
		f.Wake()
		f.UntilDone(10 * time.Minute)
		assert.Equal(t, 20, f.Handled())
	})
}

// TestTheDefinitionBeforeTakesNoTask lets workers of the definition before go
// home from a fleet whose mode they do not know.
func TestTheDefinitionBeforeTakesNoTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := scenario.Start(t, scenario.Options{Parameters: map[string]string{"Mode": "callback"}, Process: task(succeeds), Definition: beforeUpgrade})
		defer f.Close()
		f.Send("one")
		f.Wake()
		time.Sleep(10*time.Minute + 30*time.Second)
		queue, dead := f.Depth()
		assert.Equal(t, 1, queue)
		assert.Zero(t, dead)
		for _, x := range f.WorkerExecutions() {
			states, status := f.Path(*x.ExecutionArn)
			assert.Equal(t, "Report home > Orders? > Poll > Messages? > Go home > Home", strings.Join(states, " > "))
			assert.EqualValues(t, "SUCCEEDED", status)
		}
	})
}
