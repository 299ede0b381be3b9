package scenario_test

import (
	"context"
	"fmt"
	"sync/atomic"

	golambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/function"
	"github.com/musterq/muster/internal/local/lambda"
)

// otherRelease deploys a function of another release, whose first answer has a
// next step of its own. After that it is the one that ships.
func otherRelease(name, answer string) func(*trial) {
	return func(f *trial) {
		deployed, err := awslambda.NewFromConfig(f.Config()).GetFunctionConfiguration(context.Background(),
			&awslambda.GetFunctionConfigurationInput{FunctionName: aws.String("jobs-" + name)})
		require.NoError(f.t, err)
		var answered atomic.Bool
		require.NoError(f.t, f.Lambda.Put(lambda.Function{
			Name: "jobs-" + name, Role: aws.ToString(deployed.Role), Environment: deployed.Environment.Variables,
			Timeout: int(aws.ToInt32(deployed.Timeout)), MemorySize: int(aws.ToInt32(deployed.MemorySize)),
			Code: lambda.Func(func(ctx context.Context, payload []byte) ([]byte, error) {
				if !answered.Swap(true) {
					return []byte(answer), nil
				}
				handler, err := f.shipped(ctx, name)
				if err != nil {
					return nil, err
				}
				return golambda.NewHandler(handler).Invoke(ctx, payload)
			}),
		}))
	}
}

// shipped is one of Muster's functions as its main wires it.
func (f *trial) shipped(ctx context.Context, name string) (any, error) {
	env := lambda.Variables(ctx)
	cfg := f.ConfigAs(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	switch name {
	case "pump":
		return function.Pump(cfg, lookup)
	case "poll":
		return function.Poll(cfg, lookup)
	case "courier":
		return function.Courier(cfg, lookup)
	}
	return nil, fmt.Errorf("no function %q", name)
}

// batchOf is a batch without messages, as a function of the steps lane answers.
func batchOf(next string) string {
	return `{"next":"` + next + `","seq":1,"empty":0,"busyUntil":"2000-01-01T00:01:00Z","event":{"Records":[]},"object":"","messages":[],"handler":"","transformHandler":"","job":null,"reply":null,"error":null,"silence":null}`
}
