package steps

import (
	"time"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/registry"
)

const (
	// longPoll is SQS's longest wait.
	longPoll = 20 * time.Second
	// overhead of a state beside the handler's own time: cold starts, S3,
	// throttled transitions.
	overhead = 30 * time.Second
	// startsWithin is when a handler that the state machine invokes itself has
	// started: the state's retries, 15 seconds at most, and the way there.
	startsWithin = 20 * time.Second
	// arrival is how late an invocation may begin that was sent and not answered.
	arrival = 15 * time.Second
	// Confirmed is for how long after a courier asked the registry it may invoke a
	// handler: a tick may have learned since that its execution has ended.
	Confirmed = 10 * time.Second
	// spare is for how long a message stays invisible beside the time-outs of the
	// handlers that are still to have it. A handler that the state machine invokes
	// has ended by then, by any clock, and a message whose worker died is back
	// within its time-outs and a minute.
	spare = 55 * time.Second
	// heldSpare is the same beside the heartbeat of a task, on which its holder
	// extends it again.
	heldSpare = 45 * time.Second
)

// Timeouts of the worker state machine's tasks, in seconds: part of a worker's
// input, since a definition cannot take numbers from the template.
type Timeouts struct {
	Transform    int `json:"transform"`
	Process      int `json:"process"`
	ProcessLarge int `json:"processLarge"`
	// Heartbeat and TransformHeartbeat are how long the task of a stage may be
	// silent.
	Heartbeat          int `json:"heartbeat"`
	TransformHeartbeat int `json:"transformHeartbeat"`
	// Silence is after how long a task must have noticed that its token is refused.
	Silence int `json:"silence"`
}

// TimeoutsOf gives each task its handler's time-out and what comes on top.
func TimeoutsOf(c fleet.Settings) Timeouts {
	t := Timeouts{
		Transform:          wholeSeconds(c.Transform.Timeout + handler.Patience + overhead),
		Process:            wholeSeconds(c.Process.Timeout + overhead),
		ProcessLarge:       wholeSeconds(c.Process.Timeout + handler.Patience + overhead),
		Heartbeat:          heartbeat(c, handler.Process),
		TransformHeartbeat: heartbeat(c, handler.Transform),
		Silence:            max(wholeSeconds(c.Heartbeat), 1),
	}
	if c.Waits(handler.Transform) {
		t.Transform = wholeSeconds(c.Transform.Timeout + overhead)
	}
	return t
}

// heartbeat is how long the task of a stage may be silent, in seconds: at least
// one, as a state must have it, and no more than the task may take.
func heartbeat(c fleet.Settings, stage handler.Stage) int {
	return max(wholeSeconds(min(c.Heartbeat, timeout(c, stage))), 1)
}

func timeout(c fleet.Settings, stage handler.Stage) time.Duration {
	if stage == handler.Transform {
		return c.Transform.Timeout
	}
	return c.Process.Timeout
}

func wholeSeconds(d time.Duration) int { return int(d / time.Second) }

// lasts is how long what a stage starts keeps its worker's place: nothing where
// nobody waits for it.
func lasts(c fleet.Settings, stage handler.Stage) time.Duration {
	switch {
	case stage == handler.Transform && !c.Transform.Is():
		return 0
	case stage == handler.Process && c.Mode == fleet.Async:
		return 0
	case c.Waits(stage):
		// One that took too long is waited for once more, until it must know.
		return timeout(c, stage) + c.Heartbeat
	}
	return timeout(c, stage)
}

// busyFor is how long after a poll began its handlers may run: the wait, then
// each stage with its throttling.
func busyFor(c fleet.Settings) time.Duration {
	d := longPoll + lasts(c, handler.Process) + handler.Patience + 2*overhead
	if c.Transform.Is() {
		d += lasts(c, handler.Transform) + handler.Patience + 2*overhead
	}
	return d + registry.ClockMargin
}

// hiddenFor is for how long messages stay invisible from the moment on at which
// a stage is next: until its handlers must have ended, or until the holder of a
// task extends it.
func hiddenFor(c fleet.Settings, stage handler.Stage) time.Duration {
	if c.Waits(stage) {
		return c.Heartbeat + heldSpare
	}
	return lasts(c, stage) + spare
}

// coveredFor is for how long messages must stay invisible from the moment on at
// which a courier invokes a stage's handler: the later stage is to have them too.
func coveredFor(c fleet.Settings, stage handler.Stage) time.Duration {
	d := hiddenFor(c, stage)
	switch {
	case stage != handler.Transform:
	case c.Waits(handler.Process):
		d += c.Heartbeat
	default:
		d += lasts(c, handler.Process)
	}
	return d
}

// mayRunFor is how long after now the handler of a state may run, if its answer
// does not come.
func mayRunFor(c fleet.Settings, stage handler.Stage, next string) time.Duration {
	if next == processNext {
		return lasts(c, stage) + startsWithin + arrival + registry.ClockMargin
	}
	return lasts(c, stage) + handler.Patience + overhead + arrival + registry.ClockMargin
}
