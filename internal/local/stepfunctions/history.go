package stepfunctions

import "time"

// eventKind is the type of a history event.
// See https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html.
type eventKind string

const (
	executionStarted   eventKind = "ExecutionStarted"
	executionSucceeded eventKind = "ExecutionSucceeded"
	executionFailed    eventKind = "ExecutionFailed"
	executionTimedOut  eventKind = "ExecutionTimedOut"
	executionAborted   eventKind = "ExecutionAborted"

	taskScheduled eventKind = "TaskScheduled"
	taskStarted   eventKind = "TaskStarted"
	taskSubmitted eventKind = "TaskSubmitted"
	taskSucceeded eventKind = "TaskSucceeded"
	taskFailed    eventKind = "TaskFailed"
	taskTimedOut  eventKind = "TaskTimedOut"

	functionScheduled eventKind = "LambdaFunctionScheduled"
	functionStarted   eventKind = "LambdaFunctionStarted"
	functionSucceeded eventKind = "LambdaFunctionSucceeded"
	functionFailed    eventKind = "LambdaFunctionFailed"
	functionTimedOut  eventKind = "LambdaFunctionTimedOut"

	mapStateStarted       eventKind = "MapStateStarted"
	mapStateSucceeded     eventKind = "MapStateSucceeded"
	mapStateFailed        eventKind = "MapStateFailed"
	mapIterationStarted   eventKind = "MapIterationStarted"
	mapIterationSucceeded eventKind = "MapIterationSucceeded"
	mapIterationFailed    eventKind = "MapIterationFailed"
	mapIterationAborted   eventKind = "MapIterationAborted"

	parallelStateStarted   eventKind = "ParallelStateStarted"
	parallelStateSucceeded eventKind = "ParallelStateSucceeded"
	parallelStateFailed    eventKind = "ParallelStateFailed"
)

// abortedEvents are for the states that can be cut short. The others end at once.
var abortedEvents = map[kind]eventKind{
	kindTask: "TaskStateAborted", kindWait: "WaitStateAborted",
	kindMap: "MapStateAborted", kindParallel: "ParallelStateAborted",
}

// event is one history event, compact: values are encoded when somebody reads
// the history.
type event struct {
	kind     eventKind
	previous int64
	at       time.Time
	// name of the state, or of the resource of a function.
	name string
	// value is an input, an output, parameters, or the *failure.
	value any
	task  *target
	// number is an iteration's index, a Map's length or a time-out in seconds.
	number int64
	// heartbeat in seconds. 0 means none.
	heartbeat int64
}
