package scenario_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/asl"
)

// mayGoOn are the catches after which an execution may still succeed, as the
// comments of the states that they lead to say: messages go back to the queue
// with the reason, and the worker goes on.
var mayGoOn = []string{
	"Apply transform, catch 0 to Settle",
	"Process async, catch 0 to Settle",
	"Process callback large, catch 0 to Settle",
	"Process callback large, catch 1 to A task may still run",
	"Process callback large, catch 2 to Settle",
	"Process callback, catch 0 to Settle",
	"Process callback, catch 1 to A task may still run",
	"Process callback, catch 2 to Settle",
	"Process large, catch 0 to Settle",
	"Process large, catch 1 to A handler may still run",
	"Process, catch 0 to Settle",
	"Process, catch 1 to A handler may still run",
	"Process, catch 2 to Settle",
	"Run Batch job with token, catch 0 to Settle",
	"Run Batch job with token, catch 1 to A task may still run",
	"Run Batch job with token, catch 2 to Settle",
	"Run Batch job, catch 0 to A task may still run",
	"Run Batch job, catch 1 to Settle",
	"Run ECS task with token, catch 0 to Settle",
	"Run ECS task with token, catch 1 to A task may still run",
	"Run ECS task with token, catch 2 to Settle",
	"Run ECS task, catch 0 to A task may still run",
	"Run ECS task, catch 1 to Settle",
	"Run build with token, catch 0 to Settle",
	"Run build with token, catch 1 to A task may still run",
	"Run build with token, catch 2 to Settle",
	"Run build, catch 0 to A task may still run",
	"Run build, catch 1 to Settle",
	"Run execution with token, catch 0 to Settle",
	"Run execution with token, catch 1 to A task may still run",
	"Run execution with token, catch 2 to Settle",
	"Run execution, catch 0 to A task may still run",
	"Run execution, catch 1 to Settle",
	"Transform callback large, catch 0 to Settle",
	"Transform callback large, catch 1 to A task may still run",
	"Transform callback large, catch 2 to Settle",
	"Transform callback large, catch 3 to Settle",
	"Transform callback, catch 0 to Settle",
	"Transform callback, catch 1 to A task may still run",
	"Transform callback, catch 2 to Settle",
	"Transform callback, catch 3 to Settle",
	"Transform, catch 0 to Settle",
	"Transform, catch 1 to A handler may still run",
}

// TestEveryCatchIsTaken runs both state machines through everything that they
// define: every Catch is taken by an error that a service really answered, every
// branch of every Choice, every state. That nothing is left out is checked at
// the end.
func TestEveryCatchIsTaken(t *testing.T) {
	for machine, c := range map[string]struct {
		definition string
		turns      map[string][]turn
	}{
		"worker": {asl.Worker, map[string][]turn{"either lane": workerTurns(), "stream": streamTurns(), "steps": slices.Concat(stepsTurns(), stageTurns(), callbackTurns(), transformTurns(), asyncTurns(), jobTurns())}},
		"tick":   {asl.Autoscaler, map[string][]turn{"autoscaler": tickTurns()}},
	} {
		f := flowOf(t, c.definition)
		seen := map[string]bool{}
		whole := true
		for _, group := range slices.Sorted(maps.Keys(c.turns)) {
			for _, turn := range c.turns[group] {
				if group == "steps" {
					turn.options.Parameters = merged(map[string]string{"Lane": "steps"}, turn.options.Parameters)
				}
				ran := false
				t.Run(group+"/"+turn.name, func(t *testing.T) {
					ran = true
					for _, p := range turn.takes(t, machine) {
						seen[p.String()] = true
						if strings.HasPrefix(p.way, "catch") && turn.status == "SUCCEEDED" {
							assert.Contains(t, mayGoOn, p.String(), "a caught failure ended as a success")
							assert.NotEmpty(t, f.States[p.to].Comment, "nothing says why")
						}
					}
				})
				whole = whole && ran
			}
		}
		if !whole {
			// Somebody runs one turn by its name.
			continue
		}
		var missed []string
		for _, p := range f.places() {
			if !seen[p.String()] {
				missed = append(missed, p.String())
			}
		}
		assert.Empty(t, missed, "no turn of the %s takes these", machine)
	}
}
