package conformance_test

import (
	"context"
	"testing"

	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/conformance"
	"github.com/musterq/muster/internal/conformance/fixture"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/lambda"
)

// assumable makes a role that functions and state machines may assume.
func assumable(r *local.Runtime) (arn string) {
	return r.IAM.Put("conformance", []string{"lambda.amazonaws.com", "states.amazonaws.com", "events.amazonaws.com"}, "*")
}

// embedded is the embedded runtime, in memory and virtual time, with the fixture
// as a Go function.
func embedded() conformance.Target {
	return conformance.Target{Virtual: true, Inside: true, Open: func(t *testing.T) conformance.Account {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, runtime.Close()) })
		client := sqs.NewFromConfig(runtime.Config())
		handler := awslambda.NewHandler(fixture.Handler(func(ctx context.Context, queueURL, body string) error {
			_, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &queueURL, MessageBody: &body})
			return err
		}, nil))
		return conformance.Account{
			Config:  runtime.Config(),
			RoleARN: assumable(runtime),
			Deploy: func(t *testing.T, f conformance.Function) string {
				require.NoError(t, runtime.Lambda.Put(lambda.Function{
					Name: f.Name, Code: lambda.Func(handler.Invoke), Timeout: int(f.Timeout), MemorySize: int(f.Memory),
				}))
				return runtime.Account.ARN("lambda", "function:"+f.Name)
			},
		}
	}}
}
