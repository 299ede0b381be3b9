package stepfunctions

import (
	"context"
	"slices"

	"github.com/musterq/muster/internal/local/api"
)

type getExecutionHistoryInput struct {
	ExecutionArn         string `json:"executionArn"`
	ReverseOrder         bool   `json:"reverseOrder"`
	IncludeExecutionData *bool  `json:"includeExecutionData"`
	pageInput
}

type getExecutionHistoryOutput struct {
	Events    []historyEvent `json:"events"`
	NextToken string         `json:"nextToken,omitempty"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
func (s *Service) getExecutionHistory(_ context.Context, _ api.Caller, in *getExecutionHistoryInput) (*getExecutionHistoryOutput, error) {
	if err := s.limits.history.take(); err != nil {
		return nil, err
	}
	x, err := s.standardExecution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	length := x.history.length
	from, to, next, err := page(in.MaxResults, in.NextToken, length)
	if err != nil {
		return nil, err
	}
	first := from
	if in.ReverseOrder {
		first, to = length-to, length-from
	}
	data := in.IncludeExecutionData == nil || *in.IncludeExecutionData
	out := &getExecutionHistoryOutput{Events: make([]historyEvent, 0, to-first), NextToken: next}
	for i := first; i < to; i++ {
		out.Events = append(out.Events, x.render(x.history.at(i), int64(i+1), data))
	}
	if in.ReverseOrder {
		slices.Reverse(out.Events)
	}
	return out, nil
}

// historyEvent is a history event as the API has it. Exactly one of the details
// is there, or none.
type historyEvent struct {
	Timestamp       timestamp `json:"timestamp"`
	Type            eventKind `json:"type"`
	ID              int64     `json:"id"`
	PreviousEventID int64     `json:"previousEventId"`

	ExecutionStarted   *dataEvent      `json:"executionStartedEventDetails,omitempty"`
	ExecutionSucceeded *dataEvent      `json:"executionSucceededEventDetails,omitempty"`
	ExecutionFailed    *errorEvent     `json:"executionFailedEventDetails,omitempty"`
	ExecutionTimedOut  *errorEvent     `json:"executionTimedOutEventDetails,omitempty"`
	ExecutionAborted   *errorEvent     `json:"executionAbortedEventDetails,omitempty"`
	StateEntered       *dataEvent      `json:"stateEnteredEventDetails,omitempty"`
	StateExited        *dataEvent      `json:"stateExitedEventDetails,omitempty"`
	TaskScheduled      *scheduledEvent `json:"taskScheduledEventDetails,omitempty"`
	TaskStarted        *taskEvent      `json:"taskStartedEventDetails,omitempty"`
	TaskSubmitted      *taskEvent      `json:"taskSubmittedEventDetails,omitempty"`
	TaskSubmitFailed   *taskEvent      `json:"taskSubmitFailedEventDetails,omitempty"`
	TaskSucceeded      *taskEvent      `json:"taskSucceededEventDetails,omitempty"`
	TaskFailed         *taskEvent      `json:"taskFailedEventDetails,omitempty"`
	TaskTimedOut       *taskEvent      `json:"taskTimedOutEventDetails,omitempty"`

	FunctionScheduled *functionEvent `json:"lambdaFunctionScheduledEventDetails,omitempty"`
	FunctionSucceeded *dataEvent     `json:"lambdaFunctionSucceededEventDetails,omitempty"`
	FunctionFailed    *errorEvent    `json:"lambdaFunctionFailedEventDetails,omitempty"`
	FunctionTimedOut  *errorEvent    `json:"lambdaFunctionTimedOutEventDetails,omitempty"`

	MapStateStarted       *lengthEvent    `json:"mapStateStartedEventDetails,omitempty"`
	MapIterationStarted   *iterationEvent `json:"mapIterationStartedEventDetails,omitempty"`
	MapIterationSucceeded *iterationEvent `json:"mapIterationSucceededEventDetails,omitempty"`
	MapIterationFailed    *iterationEvent `json:"mapIterationFailedEventDetails,omitempty"`
	MapIterationAborted   *iterationEvent `json:"mapIterationAbortedEventDetails,omitempty"`
}

// truncation is always that of data that is whole.
type truncation struct {
	Truncated bool `json:"truncated"`
}

type dataEvent struct {
	Name          string      `json:"name,omitempty"`
	Input         *string     `json:"input,omitempty"`
	InputDetails  *truncation `json:"inputDetails,omitempty"`
	Output        *string     `json:"output,omitempty"`
	OutputDetails *truncation `json:"outputDetails,omitempty"`
	RoleArn       string      `json:"roleArn,omitempty"`
}

type errorEvent struct {
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
}

type taskEvent struct {
	ResourceType  string      `json:"resourceType"`
	Resource      string      `json:"resource"`
	Output        *string     `json:"output,omitempty"`
	OutputDetails *truncation `json:"outputDetails,omitempty"`
	errorEvent
}

type scheduledEvent struct {
	ResourceType       string `json:"resourceType"`
	Resource           string `json:"resource"`
	Region             string `json:"region"`
	Parameters         string `json:"parameters"`
	TimeoutInSeconds   int64  `json:"timeoutInSeconds,omitempty"`
	HeartbeatInSeconds int64  `json:"heartbeatInSeconds,omitempty"`
}

type functionEvent struct {
	Resource         string      `json:"resource"`
	Input            *string     `json:"input,omitempty"`
	InputDetails     *truncation `json:"inputDetails,omitempty"`
	TimeoutInSeconds int64       `json:"timeoutInSeconds,omitempty"`
}

type lengthEvent struct {
	Length int64 `json:"length"`
}

type iterationEvent struct {
	Name  string `json:"name"`
	Index int64  `json:"index"`
}
