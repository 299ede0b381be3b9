package stepfunctions

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
	// taskSubmitFailed is the failure to start a job.
	taskSubmitFailed eventKind = "TaskSubmitFailed"
	taskSucceeded    eventKind = "TaskSucceeded"
	taskFailed       eventKind = "TaskFailed"
	taskTimedOut     eventKind = "TaskTimedOut"

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
	at       int64 // milliseconds since the epoch
	// name of the state, or of the resource of a function.
	name string
	// value is an input, an output, parameters, or the *failure.
	value any
	// http is metadata of the value.
	http *metadata
	task *target
	// number is an iteration's index, a Map's length or a time-out in seconds.
	number int64
	// heartbeat in seconds. 0 means none.
	heartbeat int64
}

// chunk is how many events are kept together. A history grows by chunks, so that
// a long one is never copied.
const chunk = 64

// history is a list of events that is only ever appended to.
type history struct {
	chunks [][]event
	length int
}

func (h *history) append(e event) {
	if h.length%chunk == 0 {
		h.chunks = append(h.chunks, make([]event, 0, chunk))
	}
	last := &h.chunks[len(h.chunks)-1]
	*last = append(*last, e)
	h.length++
}

func (h *history) at(i int) *event { return &h.chunks[i/chunk][i%chunk] }
