package stepfunctions

import (
	"context"
	"fmt"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

type startExecutionInput struct {
	StateMachineArn string  `json:"stateMachineArn"`
	Name            string  `json:"name"`
	Input           *string `json:"input"`
	TraceHeader     string  `json:"traceHeader"`
}

type startExecutionOutput struct {
	ExecutionArn string    `json:"executionArn"`
	StartDate    timestamp `json:"startDate"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
func (s *Service) startExecution(_ context.Context, _ api.Caller, in *startExecutionInput) (*startExecutionOutput, error) {
	x, err := s.start(in, false)
	if err != nil {
		return nil, err
	}
	return &startExecutionOutput{x.arn, timestamp(x.started)}, nil
}

// start makes an execution and launches it, or finds the one of the same name
// and input that still runs.
func (s *Service) start(in *startExecutionInput, sync bool) (*execution, error) {
	if in.Name == "" {
		in.Name = s.random.UUID()
	}
	if err := checkName(in.Name); err != nil {
		return nil, err
	}
	text := "{}"
	if in.Input != nil && *in.Input != "" {
		text = *in.Input
	}
	if len(text) > maxPayload {
		return nil, api.Errorf("ValidationException", "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must have length less than or equal to %d", maxPayload)
	}
	input, err := expression.Parse([]byte(text))
	if err != nil {
		return nil, api.Errorf("InvalidExecutionInput", "Invalid State Machine Execution Input: '%s'", err)
	}
	x := &execution{
		service: s, name: in.Name, inputText: text, input: input, trace: in.TraceHeader,
		started: time.Now(), status: statusRunning, done: make(chan struct{}),
	}
	running, err := s.register(x, in.StateMachineArn, sync)
	if err != nil {
		return nil, err
	}
	if running != nil {
		return running, nil
	}
	x.launch()
	return x, nil
}

// register enters a new execution in the books. It returns the one that is
// meant instead, if that runs already.
func (s *Service) register(x *execution, machineARN string, sync bool) (*execution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ctx.Err(); err != nil {
		return nil, fmt.Errorf("the service is closed: %w", err)
	}
	m, err := s.machine(machineARN)
	if err != nil {
		return nil, err
	}
	x.machine, x.revision = m, m.revision
	switch {
	case m.express:
		x.arn = s.account.ARN("states", "express:"+m.name+":"+x.name+":"+s.random.UUID())
		err = s.limits.startExpress.take()
	case sync:
		return nil, api.Errorf("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine")
	default:
		x.arn = s.account.ARN("states", "execution:"+m.name+":"+x.name)
		err = s.limits.start.take()
	}
	if err != nil {
		return nil, err
	}
	if m.deleting.Load() {
		return nil, api.Errorf("StateMachineDeleting", "State Machine is being deleted: '%s'", m.arn)
	}
	s.forget(m)
	if old, ok := s.executions[x.arn]; ok {
		if _, closed := old.closed(); closed || old.inputText != x.inputText {
			return nil, api.Errorf("ExecutionAlreadyExists", "Execution Already Exists: '%s'", x.arn)
		}
		return old, nil
	}
	if !m.express {
		if s.open >= s.options.Quotas.OpenExecutions {
			return nil, api.Errorf("ExecutionLimitExceeded", "The maximum number of running executions (%d) has been reached.", s.options.Quotas.OpenExecutions)
		}
		s.open++
		m.executions = append(m.executions, x)
	}
	s.running.Add(1)
	m.started++
	m.running++
	x.number = m.started
	x.prepare()
	s.executions[x.arn] = x
	s.started.Add(1)
	return nil, nil
}

type startSyncExecutionInput struct {
	startExecutionInput
	IncludedData string `json:"includedData"`
}

type startSyncExecutionOutput struct {
	ExecutionArn    string         `json:"executionArn"`
	StateMachineArn string         `json:"stateMachineArn"`
	Name            string         `json:"name"`
	StartDate       timestamp      `json:"startDate"`
	StopDate        timestamp      `json:"stopDate"`
	Status          string         `json:"status"`
	Error           *string        `json:"error,omitempty"`
	Cause           *string        `json:"cause,omitempty"`
	Input           string         `json:"input"`
	InputDetails    dataDetails    `json:"inputDetails"`
	Output          *string        `json:"output,omitempty"`
	OutputDetails   *dataDetails   `json:"outputDetails,omitempty"`
	TraceHeader     string         `json:"traceHeader,omitempty"`
	BillingDetails  billingDetails `json:"billingDetails"`
}

type billingDetails struct {
	BilledMemoryUsedInMB         int64 `json:"billedMemoryUsedInMB"`
	BilledDurationInMilliseconds int64 `json:"billedDurationInMilliseconds"`
}

// expressMemory is the memory that a small Express execution is billed for, in MB.
const expressMemory = 64

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
func (s *Service) startSyncExecution(ctx context.Context, _ api.Caller, in *startSyncExecutionInput) (*startSyncExecutionOutput, error) {
	x, err := s.start(&in.startExecutionInput, true)
	if err != nil {
		return nil, err
	}
	select {
	case <-x.done:
	case <-ctx.Done():
		// The execution goes on without its caller.
		return nil, ctx.Err()
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
	out := &startSyncExecutionOutput{
		ExecutionArn: x.arn, StateMachineArn: x.machine.arn, Name: x.name, Status: string(x.status),
		StartDate: timestamp(x.started), StopDate: timestamp(x.stopped),
		Input: x.inputText, InputDetails: dataDetails{true}, TraceHeader: x.trace,
		BillingDetails: billingDetails{expressMemory, billed(x.stopped.Sub(x.started))},
	}
	if x.status == statusSucceeded {
		output := encoded(x.output)
		out.Output, out.OutputDetails = &output, &dataDetails{true}
	}
	if x.failure != nil {
		out.Error, out.Cause = x.failure.name, x.failure.cause
	}
	return out, nil
}

// billed rounds a duration up to 100 ms.
func billed(d time.Duration) int64 {
	const unit = 100 * time.Millisecond
	return max(1, int64((d+unit-1)/unit)) * 100
}
