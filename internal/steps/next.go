package steps

import (
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
)

// The states that a batch goes to, as Next names them. Those with "large" get
// the batch through the courier.
const (
	transformNext          = "transform"
	transformTaskNext      = "transform callback"
	transformLargeTaskNext = "transform callback large"
	processNext            = "process"
	processLargeNext       = "process large"
	processAsyncNext       = "process async"
	processTaskNext        = "process callback"
	processLargeTaskNext   = "process callback large"
	settleNext             = "settle"
)

// jobNext are the states that run jobs, and those that give them a task token.
var jobNext = map[fleet.Target]struct{ job, task string }{
	fleet.Execution: {"run execution", "run execution with token"},
	fleet.ECS:       {"run ecs task", "run ecs task with token"},
	fleet.Batch:     {"run batch job", "run batch job with token"},
	fleet.CodeBuild: {"run build", "run build with token"},
}

// next is the state of a stage, for a batch whose event travels in state or not.
func next(c fleet.Settings, stage handler.Stage, inline bool) string {
	choose := func(small, large string) string {
		if inline {
			return small
		}
		return large
	}
	switch {
	case stage == handler.Transform && c.TransformMode == fleet.Callback:
		return choose(transformTaskNext, transformLargeTaskNext)
	case stage == handler.Transform:
		return transformNext
	case c.Target != fleet.Lambda && c.Mode == fleet.Callback:
		return jobNext[c.Target].task
	case c.Target != fleet.Lambda:
		return jobNext[c.Target].job
	case c.Mode == fleet.Callback:
		return choose(processTaskNext, processLargeTaskNext)
	case c.Mode == fleet.Async:
		return choose(processAsyncNext, processLargeNext)
	}
	return choose(processNext, processLargeNext)
}

// knowsOnly says whether a definition that has but the states "transform",
// "process" and "process large", and names their handlers itself, can do what
// the settings ask for.
func knowsOnly(c fleet.Settings) bool {
	return !c.Waits(handler.Transform) && !c.Waits(handler.Process) && c.Mode == fleet.Sync && c.Routes == ""
}
