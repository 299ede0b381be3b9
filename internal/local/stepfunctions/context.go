package stepfunctions

import "time"

// clockFormat is how the context object writes times: RFC 3339 in UTC with
// milliseconds.
const clockFormat = "2006-01-02T15:04:05.000Z"

func clock(t time.Time) string { return t.UTC().Format(clockFormat) }

// contextObject is what paths starting with "$$" look into.
// See https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html.
func (t *thread) contextObject() map[string]any {
	state := map[string]any{"EnteredTime": clock(t.since), "Name": t.state.name}
	object := map[string]any{
		"Execution":    t.x.contextExecution,
		"State":        state,
		"StateMachine": t.x.contextMachine,
	}
	switch t.state.kind {
	case kindTask, kindMap, kindParallel:
		state["RetryCount"] = t.retries
	}
	if t.token != nil {
		object["Task"] = map[string]any{"Token": t.token.text}
	}
	if t.item != nil {
		object["Map"] = map[string]any{"Item": t.item}
	}
	return object
}

func (x *execution) contextObjects() (ofExecution, ofMachine map[string]any) {
	ofExecution = map[string]any{
		"Id":           x.arn,
		"Input":        x.input,
		"Name":         x.name,
		"RoleArn":      x.revision.roleARN,
		"StartTime":    clock(x.started),
		"RedriveCount": int64(0),
	}
	return ofExecution, map[string]any{"Id": x.machine.arn, "Name": x.machine.name}
}
