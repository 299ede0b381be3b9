package stepfunctions_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/endpoint"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// client is the AWS SDK's client of the fixture's account.
func (f *fixture) client() *sfn.Client {
	account := &api.Account{ID: "123456789012", Region: "eu-west-1", Partition: "aws"}
	return sfn.New(sfn.Options{
		Region:           "eu-west-1",
		BaseEndpoint:     aws.String("http://127.0.0.1:4100"),
		Credentials:      credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient:       &http.Client{Transport: endpoint.Transport(endpoint.New(account, f.router))},
		RetryMaxAttempts: 1,
	})
}

// Answers read as the SDK reads them, errors as its types.
func TestThroughTheSDK(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		ctx, client := context.Background(), f.client()
		f.functions["broken"] = func(context.Context, any) (any, error) { return nil, functionError{"E", "m"} }
		made, err := client.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
			Name: aws.String("machine"), RoleArn: aws.String(role), Type: types.StateMachineTypeStandard,
			Definition: aws.String(`{"StartAt":"M","States":{"M":{"Type":"Map","ResultPath":null,"Next":"S","ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}}},"S":{` + lambda("broken") + `}}}`),
		})
		require.NoError(t, err)
		started, err := client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: made.StateMachineArn, Name: aws.String("run"), Input: aws.String("[1]")})
		require.NoError(t, err)
		assert.Equal(t, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), started.StartDate.UTC())
		time.Sleep(1500 * time.Millisecond)

		described, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: started.ExecutionArn})
		require.NoError(t, err)
		assert.Equal(t, types.ExecutionStatusFailed, described.Status)
		assert.Equal(t, "E", *described.Error)

		history, err := client.GetExecutionHistory(ctx, &sfn.GetExecutionHistoryInput{ExecutionArn: started.ExecutionArn})
		require.NoError(t, err)
		require.Len(t, history.Events, 14)
		assert.Equal(t, int32(1), history.Events[2].MapStateStartedEventDetails.Length)
		assert.Equal(t, "I", *history.Events[4].StateEnteredEventDetails.Name)
		assert.Equal(t, types.HistoryEventTypeTaskFailed, history.Events[12].Type)
		assert.Equal(t, "invoke", *history.Events[12].TaskFailedEventDetails.Resource)
		assert.Equal(t, "E", *history.Events[13].ExecutionFailedEventDetails.Error)

		_, err = client.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: made.StateMachineArn, Name: aws.String("run"), Input: aws.String("[1]")})
		var exists *types.ExecutionAlreadyExists
		require.ErrorAs(t, err, &exists)
		_, err = client.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: aws.String("x")})
		var invalid *types.InvalidToken
		require.ErrorAs(t, err, &invalid)
		_, err = client.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("m"), RoleArn: aws.String(role), Definition: aws.String("{}")})
		var definition *types.InvalidDefinition
		require.ErrorAs(t, err, &definition)
		validated, err := client.ValidateStateMachineDefinition(ctx, &sfn.ValidateStateMachineDefinitionInput{Definition: aws.String("{}")})
		require.NoError(t, err)
		assert.Equal(t, types.ValidateStateMachineDefinitionResultCodeFail, validated.Result)
	})
}
