package lambda_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/cloudformation"
)

const mappingTemplate = `
Parameters:
  On: {Type: String, Default: 'true'}
  Size: {Type: Number, Default: 3}
Conditions:
  Some: !Not [!Equals [!Ref Size, 0]]
Resources:
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Condition: Some
    Properties:
      EventSourceArn: !Sub arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:jobs
      FunctionName: handler
      Enabled: !Ref On
      BatchSize: !Ref Size
      FunctionResponseTypes: [ReportBatchItemFailures]
      ScalingConfig: {MaximumConcurrency: 2}
      Tags: [{Key: team, Value: shop}]
  Other:
    Type: AWS::SQS::Queue
Outputs:
  Id: {Value: !If [Some, !Ref Mapping, none]}
  Arn: {Value: !If [Some, !GetAtt Mapping.EventSourceMappingArn, none]}
`

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html
func TestMappingOfATemplate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 30, nil)
		template, err := cloudformation.Parse("t.yaml", []byte(mappingTemplate))
		require.NoError(t, err)
		began := time.Now()
		stack, err := s.runtime.Deploy(t.Context(), template, "mine", nil)
		require.NoError(t, err)
		assert.Greater(t, time.Since(began), time.Second, "it is made once it is Enabled")
		id, _ := stack.Output("Id")
		arn, _ := stack.Output("Arn")
		assert.Equal(t, "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:"+id, arn)
		assert.Equal(t, "Enabled", s.state(id))

		_, err = s.runtime.Update(t.Context(), template, "mine", map[string]string{"On": "false", "Size": "4"})
		require.NoError(t, err)
		out, err := s.lambda.GetEventSourceMapping(t.Context(), &sdk.GetEventSourceMappingInput{UUID: &id})
		require.NoError(t, err)
		assert.Equal(t, "Disabled", *out.State)
		assert.Equal(t, int32(4), *out.BatchSize)
		assert.Equal(t, int32(2), *out.ScalingConfig.MaximumConcurrency)

		_, err = s.runtime.Update(t.Context(), template, "mine", map[string]string{"Size": "0"})
		require.NoError(t, err)
		_, err = s.lambda.GetEventSourceMapping(t.Context(), &sdk.GetEventSourceMappingInput{UUID: &id})
		assert.ErrorContains(t, err, "ResourceNotFoundException")
	})
}

// A mapping to a version goes on with it when the function is changed.
func TestMappingToAVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 30, nil)
		name := "handler"
		version, err := s.lambda.PublishVersion(t.Context(), &sdk.PublishVersionInput{FunctionName: &name})
		require.NoError(t, err)
		_, err = s.lambda.CreateAlias(t.Context(), &sdk.CreateAliasInput{FunctionName: &name, Name: &[]string{"live"}[0], FunctionVersion: version.Version})
		require.NoError(t, err)
		uuid := s.attach(func(in *sdk.CreateEventSourceMappingInput) { in.FunctionName = &[]string{"handler:live"}[0] })
		out, err := s.lambda.GetEventSourceMapping(t.Context(), &sdk.GetEventSourceMappingInput{UUID: &uuid})
		require.NoError(t, err)
		assert.Equal(t, "arn:aws:lambda:us-east-1:123456789012:function:handler:live", *out.FunctionArn)
		s.send(3, "")
		pass(time.Minute)
		assert.Len(t, s.handled(), 3)
	})
}

// What a mapping took before its function was deleted comes back to the queue.
func TestMappingToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(t, 30, nil)
		s.attach(nil)
		pass(time.Minute)
		name := "handler"
		_, err := s.lambda.DeleteFunction(context.Background(), &sdk.DeleteFunctionInput{FunctionName: &name})
		require.NoError(t, err)
		s.send(2, "")
		pass(3 * time.Minute)
		got, err := s.sqs.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &s.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 20})
		require.NoError(t, err)
		assert.NotEmpty(t, got.Messages)
	})
}
