package stepfunctions

import (
	"context"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions/expression"
)

type sendTaskSuccessInput struct {
	TaskToken string `json:"taskToken"`
	Output    string `json:"output"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
func (s *Service) sendTaskSuccess(_ context.Context, _ api.Caller, in *sendTaskSuccessInput) (*emptyOutput, error) {
	if err := s.limits.sendTask.take(); err != nil {
		return nil, err
	}
	if len(in.Output) > maxPayload {
		return nil, api.Errorf("ValidationException", "1 validation error detected: Value at 'output' failed to satisfy constraint: Member must have length less than or equal to %d", maxPayload)
	}
	output, err := expression.Parse([]byte(in.Output))
	if err != nil {
		return nil, api.Errorf("InvalidOutput", "Invalid Output: '%s'", err)
	}
	return s.answer(in.TaskToken, s.report(in.TaskToken, ending{result: answer{value: output}}))
}

type sendTaskFailureInput struct {
	TaskToken string  `json:"taskToken"`
	Error     *string `json:"error"`
	Cause     *string `json:"cause"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html
func (s *Service) sendTaskFailure(_ context.Context, _ api.Caller, in *sendTaskFailureInput) (*emptyOutput, error) {
	if err := s.limits.sendTask.take(); err != nil {
		return nil, err
	}
	return s.answer(in.TaskToken, s.report(in.TaskToken, ending{f: &failure{name: in.Error, cause: in.Cause}}))
}

type sendTaskHeartbeatInput struct {
	TaskToken string `json:"taskToken"`
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskHeartbeat.html
func (s *Service) sendTaskHeartbeat(_ context.Context, _ api.Caller, in *sendTaskHeartbeatInput) (*emptyOutput, error) {
	if err := s.limits.sendTask.take(); err != nil {
		return nil, err
	}
	return s.answer(in.TaskToken, s.beat(in.TaskToken))
}

// answer explains a report on a token that no task waits for.
func (s *Service) answer(token string, known bool) (*emptyOutput, error) {
	switch {
	case known:
		return &emptyOutput{}, nil
	case s.isToken(token):
		return nil, api.Errorf("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
	}
	return nil, api.Errorf("InvalidToken", "Invalid Token: 'Invalid token'")
}
