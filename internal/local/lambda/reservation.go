package lambda

import (
	"context"

	"github.com/musterq/muster/internal/local/api"
)

// functionInput names a function.
type functionInput struct {
	FunctionName string
	Qualifier    string `json:",omitempty"`
}

type putConcurrencyInput struct {
	FunctionName                 string
	ReservedConcurrentExecutions *int
}

type concurrencyOutput struct {
	ReservedConcurrentExecutions *int `json:",omitempty"`
}

// https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
func (s *Service) putFunctionConcurrency(_ context.Context, _ api.Caller, in *putConcurrencyInput) (*concurrencyOutput, error) {
	if in.ReservedConcurrentExecutions == nil {
		return nil, constraint("reservedConcurrentExecutions", "null", "Member must not be null")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(in.FunctionName, "")
	if err != nil {
		return nil, err
	}
	if err := s.checkReservation(f.config.Name, in.ReservedConcurrentExecutions); err != nil {
		return nil, err
	}
	s.reserve(f.root, in.ReservedConcurrentExecutions)
	return &concurrencyOutput{in.ReservedConcurrentExecutions}, nil
}

// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConcurrency.html
func (s *Service) getFunctionConcurrency(_ context.Context, _ api.Caller, in *functionInput) (*concurrencyOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &concurrencyOutput{f.root.config.ReservedConcurrency}, nil
}

// https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunctionConcurrency.html
func (s *Service) deleteFunctionConcurrency(_ context.Context, _ api.Caller, in *functionInput) (*struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.find(in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	s.reserve(f.root, nil)
	return &struct{}{}, nil
}

type accountSettings struct {
	AccountLimit struct {
		CodeSizeUnzipped               int64
		CodeSizeZipped                 int64
		ConcurrentExecutions           int
		TotalCodeSize                  int64
		UnreservedConcurrentExecutions int
	}
	AccountUsage struct {
		FunctionCount int
		TotalCodeSize int64
	}
}

// https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html
func (s *Service) getAccountSettings(context.Context, api.Caller, *struct{}) (*accountSettings, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &accountSettings{}
	out.AccountLimit.CodeSizeUnzipped = 250 << 20
	out.AccountLimit.CodeSizeZipped = 50 << 20
	out.AccountLimit.TotalCodeSize = 75 << 30
	out.AccountLimit.ConcurrentExecutions = s.options.Concurrency
	out.AccountLimit.UnreservedConcurrentExecutions = s.options.Concurrency - s.reserved("")
	out.AccountUsage.FunctionCount = len(s.functions)
	for _, f := range s.functions {
		out.AccountUsage.TotalCodeSize += f.config.size
		for _, v := range f.published {
			out.AccountUsage.TotalCodeSize += v.config.size
		}
	}
	return out, nil
}
