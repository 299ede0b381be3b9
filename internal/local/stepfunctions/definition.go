package stepfunctions

import "time"

// definition is a compiled state machine. It never changes after compile: what
// varies from execution to execution lives in the execution's threads.
type definition struct {
	flow *flow
	// timeout of a whole execution. 0 means none.
	timeout time.Duration
}

// flow is a set of states with a start: a machine's own, a branch's, an
// iteration's.
type flow struct {
	start  *state
	states map[string]*state
}

// state is one compiled state.
type state struct {
	name string
	kind kind
	// entered and exited are the kinds of its events.
	entered, exited eventKind
	// next is nil for a state that ends its flow.
	next   *state
	action action
}

// kind is a state's type, as the names of history events spell it.
type kind string

const (
	kindTask     kind = "Task"
	kindPass     kind = "Pass"
	kindWait     kind = "Wait"
	kindChoice   kind = "Choice"
	kindSucceed  kind = "Succeed"
	kindFail     kind = "Fail"
	kindMap      kind = "Map"
	kindParallel kind = "Parallel"
)

// action is what a state of one type does. It records the state's exit and
// returns the output and the state that follows, nil at the end of the flow.
type action interface {
	run(t *thread, s *state, input any) (output any, next *state, f *failure)
}
