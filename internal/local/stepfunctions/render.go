package stepfunctions

import (
	"strings"
	"time"
)

// render is an event as the API shows it. Values are encoded here, when somebody
// looks, and not while the execution runs.
func (x *execution) render(e *event, id int64, data bool) historyEvent {
	h := historyEvent{Timestamp: timestamp(time.UnixMilli(e.at)), Type: e.kind, ID: id, PreviousEventID: e.previous}
	switch e.kind {
	case executionStarted:
		h.ExecutionStarted = e.input(data)
		h.ExecutionStarted.RoleArn = x.revision.roleARN
	case executionSucceeded:
		h.ExecutionSucceeded = e.output(data)
	case executionFailed:
		h.ExecutionFailed = e.failed()
	case executionTimedOut:
		h.ExecutionTimedOut = e.failed()
	case executionAborted:
		h.ExecutionAborted = e.failed()
	case taskScheduled:
		h.TaskScheduled = &scheduledEvent{
			ResourceType: e.task.kind, Resource: e.task.resource, Region: x.service.account.Region,
			Parameters: encoded(e.value), TimeoutInSeconds: e.number, HeartbeatInSeconds: e.heartbeat,
		}
	case taskStarted:
		h.TaskStarted = e.ofTask()
	case taskSubmitted:
		h.TaskSubmitted = e.taskOutput(data)
	case taskSubmitFailed:
		h.TaskSubmitFailed = e.taskFailed()
	case taskSucceeded:
		h.TaskSucceeded = e.taskOutput(data)
	case taskFailed:
		h.TaskFailed = e.taskFailed()
	case taskTimedOut:
		h.TaskTimedOut = e.taskFailed()
	case functionScheduled:
		in := e.input(data)
		h.FunctionScheduled = &functionEvent{e.task.arn, in.Input, in.InputDetails, e.number}
	case functionSucceeded:
		h.FunctionSucceeded = e.output(data)
	case functionFailed:
		h.FunctionFailed = e.failed()
	case functionTimedOut:
		h.FunctionTimedOut = e.failed()
	case mapStateStarted:
		h.MapStateStarted = &lengthEvent{e.number}
	case mapIterationStarted:
		h.MapIterationStarted = e.iteration()
	case mapIterationSucceeded:
		h.MapIterationSucceeded = e.iteration()
	case mapIterationFailed:
		h.MapIterationFailed = e.iteration()
	case mapIterationAborted:
		h.MapIterationAborted = e.iteration()
	default:
		switch {
		case strings.HasSuffix(string(e.kind), "StateEntered"):
			h.StateEntered = e.input(data)
			h.StateEntered.Name = e.name
		case strings.HasSuffix(string(e.kind), "StateExited"):
			h.StateExited = e.output(data)
			h.StateExited.Name = e.name
		}
	}
	return h
}

func (e *event) text(data bool) (*string, *truncation) {
	if !data {
		return nil, nil
	}
	text := encoded(answer{e.value, e.http}.whole())
	return &text, &truncation{}
}

func (e *event) input(data bool) *dataEvent {
	d := &dataEvent{}
	d.Input, d.InputDetails = e.text(data)
	return d
}

func (e *event) output(data bool) *dataEvent {
	d := &dataEvent{}
	d.Output, d.OutputDetails = e.text(data)
	return d
}

func (e *event) failed() *errorEvent {
	f, _ := e.value.(*failure)
	if f == nil {
		return &errorEvent{}
	}
	return &errorEvent{f.errorName(), f.causeText()}
}

func (e *event) ofTask() *taskEvent {
	return &taskEvent{ResourceType: e.task.kind, Resource: e.task.resource}
}

func (e *event) taskOutput(data bool) *taskEvent {
	d := e.ofTask()
	d.Output, d.OutputDetails = e.text(data)
	return d
}

func (e *event) taskFailed() *taskEvent {
	d := e.ofTask()
	d.errorEvent = *e.failed()
	return d
}

func (e *event) iteration() *iterationEvent { return &iterationEvent{e.name, e.number} }
