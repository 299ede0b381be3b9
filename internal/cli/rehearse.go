package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"

	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/musterq/muster/internal/function"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// unused is the code of functions that are deployed to see whether they can be,
// and never run.
func unused(string) (lambda.Code, error) {
	return lambda.Func(func(context.Context, []byte) ([]byte, error) {
		return nil, errors.New("this function is only there to be looked at")
	}), nil
}

// rehearse deploys a fleet into an account in memory, and wires its autoscaler
// with the settings that come out: template, state machines, sizes and settings
// are held against what AWS allows without asking it. A permissions boundary is a
// policy that this account does not have: the deployment itself tells whether it is
// there.
func rehearse(ctx context.Context, h *ships, name, region string, values map[string]string) error {
	runtime, err := local.Start(local.Options{
		Account: api.Account{Region: region}, File: definition, Lambda: lambda.Options{Resolve: unused},
	})
	if err != nil {
		return fmt.Errorf("start an account to rehearse in: %w", err)
	}
	values = maps.Clone(values)
	delete(values, "PermissionsBoundaryArn")
	stack, err := runtime.Deploy(ctx, h.template, name, values)
	if err == nil {
		assess, found := stack.Resource("AutoscalerFunction")
		if !found {
			err = errors.New("the template has no resource AutoscalerFunction")
		} else {
			err = wireAutoscaler(ctx, runtime, assess.Ref)
		}
	}
	return errors.Join(err, runtime.Close())
}

func wireAutoscaler(ctx context.Context, runtime *local.Runtime, name string) error {
	cfg := runtime.Config()
	out, err := awslambda.NewFromConfig(cfg).GetFunctionConfiguration(ctx, &awslambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		return fmt.Errorf("look at the autoscaler's settings: %w", err)
	}
	_, err = function.Autoscaler(cfg, func(name string) (string, bool) {
		value, ok := out.Environment.Variables[name]
		return value, ok
	})
	return err
}
