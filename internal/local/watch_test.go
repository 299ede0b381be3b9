package local_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/local/lambda"
)

// watched is a stack with an alarm on a metric that a function logs, one on the
// executions of a state machine, and the topic that both tell, which a queue hears.
const watched = `
AWSTemplateFormatVersion: '2010-09-09'
Resources:
  Mail:
    Type: AWS::SQS::Queue
  MailPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Mail]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: {Service: sns.amazonaws.com}
            Action: sqs:SendMessage
            Resource: !GetAtt Mail.Arn
            Condition: {ArnEquals: {aws:SourceArn: !Ref Topic}}
  Topic:
    Type: AWS::SNS::Topic
  Subscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Mail.Arn}
  Starved:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: 'jobs: no worker'
      AlarmDescription: Run muster explain jobs.
      Namespace: Muster
      MetricName: Starved
      Dimensions: [{Name: Fleet, Value: jobs}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic]
  Silent:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: 'jobs: no ticks'
      Namespace: AWS/States
      MetricName: ExecutionsFailed
      Dimensions: [{Name: StateMachineArn, Value: !Ref Machine}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic]
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: /aws/vendedlogs/states/jobs, RetentionInDays: 14}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: [states.amazonaws.com, lambda.amazonaws.com]}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: all
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: 'lambda:InvokeFunction', Resource: '*'}
              - {Effect: Allow, Action: 'logs:*', Resource: '*'}
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: jobs
      StateMachineType: EXPRESS
      RoleArn: !GetAtt Role.Arn
      DefinitionString: !Sub '{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:work","End":true}}}'
      LoggingConfiguration:
        Level: ERROR
        Destinations: [{CloudWatchLogsLogGroup: {LogGroupArn: !GetAtt Logs.Arn}}]
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardName: jobs
      DashboardBody: '{"widgets":[{"type":"text","properties":{"markdown":"# jobs"}}]}'
`

// What a function logs in the embedded metric format, and what Step Functions
// says of executions, rings the alarms of a template, which tell a topic, which
// tells a queue: with every step allowed by a policy.
func TestAlarmsAreHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { assert.NoError(t, runtime.Close()) }()
		template, err := cloudformation.Parse("watched.yaml", []byte(watched))
		require.NoError(t, err)
		stack, err := runtime.Deploy(t.Context(), template, "jobs", nil)
		require.NoError(t, err)
		role, ok := stack.Resource("Role")
		require.True(t, ok)
		require.NoError(t, runtime.Lambda.Put(lambda.Function{Name: "work", Role: role.Attributes["Arn"], Code: lambda.Func(func(ctx context.Context, _ []byte) ([]byte, error) {
			fmt.Fprintf(lambda.Log(ctx), `{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"Muster","Dimensions":[["Fleet"]],"Metrics":[{"Name":"Starved"}]}]},"Fleet":"jobs","Starved":1}`+"\n", time.Now().UnixMilli())
			return nil, fmt.Errorf("broken")
		})}))
		call := func(service, operation, input string) string {
			t.Helper()
			out, err := runtime.Router.Call(t.Context(), service, operation, api.Caller{}, []byte(input))
			require.NoError(t, err)
			encoded, err := json.Marshal(out)
			require.NoError(t, err)
			return string(encoded)
		}
		time.Sleep(90 * time.Second)
		call("states", "StartExecution", `{"stateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:jobs"}`)
		time.Sleep(2 * time.Minute)
		synctest.Wait()

		var heard struct{ Messages []struct{ Body string } }
		resource, ok := stack.Resource("Mail")
		require.True(t, ok)
		require.NoError(t, json.Unmarshal([]byte(call("sqs", "ReceiveMessage", `{"QueueUrl":"`+resource.Ref+`","MaxNumberOfMessages":10}`)), &heard))
		var subjects []string
		for _, m := range heard.Messages {
			var n struct{ Subject, Message string }
			require.NoError(t, json.Unmarshal([]byte(m.Body), &n))
			subjects = append(subjects, n.Subject)
			assert.True(t, json.Valid([]byte(n.Message)))
		}
		assert.ElementsMatch(t, []string{`ALARM: "jobs: no worker" in US East (N. Virginia)`, `ALARM: "jobs: no ticks" in US East (N. Virginia)`}, subjects)

		logged := call("logs", "FilterLogEvents", `{"logGroupName":"/aws/vendedlogs/states/jobs","filterPattern":"ExecutionFailed"}`)
		assert.Equal(t, 1, strings.Count(logged, `\"type\":\"ExecutionFailed\"`))
		assert.Contains(t, call("logs", "FilterLogEvents", `{"logGroupName":"/aws/lambda/work","filterPattern":"REPORT"}`), "Duration")
		assert.Contains(t, call("cloudwatch", "GetMetricStatistics", `{"Namespace":"AWS/Lambda","MetricName":"Errors","Dimensions":[{"Name":"FunctionName","Value":"work"}],
			"StartTime":946684800,"EndTime":946688400,"Period":3600,"Statistics":["Sum"]}`), `"Sum":1`)
		assert.Contains(t, call("cloudwatch", "GetDashboard", `{"DashboardName":"jobs"}`), "# jobs")
	})
}
