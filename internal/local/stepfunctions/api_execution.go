package stepfunctions

import (
	"context"
	"slices"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

type stopExecutionInput struct {
	ExecutionArn string  `json:"executionArn"`
	Error        *string `json:"error"`
	Cause        *string `json:"cause"`
}

type stopExecutionOutput struct {
	StopDate timestamp `json:"stopDate"`
}

// stopExecution aborts an execution. What its tasks have started runs on.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html
func (s *Service) stopExecution(_ context.Context, _ api.Caller, in *stopExecutionInput) (*stopExecutionOutput, error) {
	if err := s.limits.stop.take(); err != nil {
		return nil, err
	}
	x, err := s.standardExecution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	x.finish(statusAborted, nil, &failure{name: in.Error, cause: in.Cause}, 0)
	stopped, _ := x.closed()
	return &stopExecutionOutput{timestamp(stopped)}, nil
}

type redriveExecutionInput struct {
	ExecutionArn string `json:"executionArn"`
	ClientToken  string `json:"clientToken"`
}

// redriveExecution refuses, and says why: nothing is redriven here.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
func (s *Service) redriveExecution(_ context.Context, _ api.Caller, in *redriveExecutionInput) (*emptyOutput, error) {
	x, err := s.standardExecution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return nil, api.Errorf("ExecutionNotRedrivable", "%s", x.redriveReason())
}

type describeExecutionOutput struct {
	ExecutionArn        string       `json:"executionArn"`
	StateMachineArn     string       `json:"stateMachineArn"`
	Name                string       `json:"name"`
	Status              string       `json:"status"`
	StartDate           timestamp    `json:"startDate"`
	StopDate            *timestamp   `json:"stopDate,omitempty"`
	Input               string       `json:"input"`
	InputDetails        dataDetails  `json:"inputDetails"`
	Output              *string      `json:"output,omitempty"`
	OutputDetails       *dataDetails `json:"outputDetails,omitempty"`
	Error               *string      `json:"error,omitempty"`
	Cause               *string      `json:"cause,omitempty"`
	TraceHeader         string       `json:"traceHeader,omitempty"`
	RedriveCount        int          `json:"redriveCount"`
	RedriveStatus       string       `json:"redriveStatus"`
	RedriveStatusReason string       `json:"redriveStatusReason,omitempty"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
func (s *Service) describeExecution(_ context.Context, _ api.Caller, in *executionInput) (*describeExecutionOutput, error) {
	if err := s.limits.describe.take(); err != nil {
		return nil, err
	}
	x, err := s.standardExecution(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	out := &describeExecutionOutput{
		ExecutionArn: x.arn, StateMachineArn: x.machine.arn, Name: x.name, Status: string(x.status),
		StartDate: timestamp(x.started), StopDate: stampOf(x.stopped),
		Input: x.inputText, InputDetails: dataDetails{true}, TraceHeader: x.trace,
		RedriveStatus: notRedrivable, RedriveStatusReason: x.redriveReason(),
	}
	if x.status == statusSucceeded {
		output := encoded(x.output)
		out.Output, out.OutputDetails = &output, &dataDetails{true}
	}
	// By recordings made on AWS a time-out of the execution is not described.
	if f := x.failure; f != nil && x.status != statusTimedOut {
		out.Error = f.name
		if f.causeText() != "" {
			out.Cause = f.cause
		}
	}
	return out, nil
}

type listExecutionsInput struct {
	StateMachineArn string `json:"stateMachineArn"`
	StatusFilter    string `json:"statusFilter"`
	pageInput
}

type listExecutionsOutput struct {
	Executions []executionItem `json:"executions"`
	NextToken  string          `json:"nextToken,omitempty"`
}

type executionItem struct {
	ExecutionArn    string     `json:"executionArn"`
	StateMachineArn string     `json:"stateMachineArn"`
	Name            string     `json:"name"`
	Status          string     `json:"status"`
	StartDate       timestamp  `json:"startDate"`
	StopDate        *timestamp `json:"stopDate,omitempty"`
	RedriveCount    int        `json:"redriveCount"`
}

var statuses = []string{"SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"}

// listExecutions lists the latest first.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html
func (s *Service) listExecutions(_ context.Context, _ api.Caller, in *listExecutionsInput) (*listExecutionsOutput, error) {
	if err := s.limits.list.take(); err != nil {
		return nil, err
	}
	if in.StatusFilter != "" && !slices.Contains(statuses, in.StatusFilter) {
		return nil, api.Errorf("ValidationException", "1 validation error detected: Value '%s' at 'statusFilter' failed to satisfy constraint: Member must satisfy enum value set: [%s]", in.StatusFilter, strings.Join(statuses, ", "))
	}
	limit, err := limitOf(in.MaxResults)
	if err != nil {
		return nil, err
	}
	before, err := position(in.NextToken)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	if m.express {
		return nil, api.Errorf("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
	}
	s.forget(m)
	out := &listExecutionsOutput{Executions: []executionItem{}}
	for _, x := range slices.Backward(m.executions) {
		if before > 0 && x.number >= before {
			continue
		}
		item := x.item()
		if in.StatusFilter != "" && item.Status != in.StatusFilter {
			continue
		}
		if len(out.Executions) == limit {
			out.NextToken = tokenOf(x.number + 1)
			break
		}
		out.Executions = append(out.Executions, item)
	}
	return out, nil
}

func (x *execution) item() executionItem {
	x.mu.Lock()
	defer x.mu.Unlock()
	return executionItem{
		ExecutionArn: x.arn, StateMachineArn: x.machine.arn, Name: x.name, Status: string(x.status),
		StartDate: timestamp(x.started), StopDate: stampOf(x.stopped),
	}
}
