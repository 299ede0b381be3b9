package local_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
)

// everything is a template of all types that a fleet is made of. N changes each of
// them in place but for the version, Key makes another table.
const everything = `Parameters:
  N: {Type: Number, Default: 1}
  Key: {Type: String, Default: Id}
  Comparison: {Type: String, Default: GreaterThanThreshold}
Resources:
  Dead: {Type: AWS::SQS::Queue}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: !Ref N, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: !Ref N}}
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Version: '2012-10-17'
        Statement: [{Sid: !Sub 'N${N}', Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: sqs:SendMessage, Resource: !GetAtt Queue.Arn}]
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      KeySchema: [{AttributeName: !Ref Key, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: !Ref Key, AttributeType: S}]
      TimeToLiveSpecification: {AttributeName: !Sub 'Until${N}', Enabled: true}
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {LifecycleConfiguration: {Rules: [{Status: Enabled, ExpirationInDays: !Ref N}]}}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: !Ref N}}
  Managed:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument: {Version: '2012-10-17', Statement: [{Sid: !Sub 'N${N}', Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Queue.Arn}]}
  Role:
    Type: AWS::IAM::Role
    Properties:
      ManagedPolicyArns: [!Ref Managed]
      Policies:
        - PolicyName: !Sub 'own-${N}'
          PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: sqs:ReceiveMessage, Resource: !GetAtt Queue.Arn}]}
      AssumeRolePolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: [states.amazonaws.com, lambda.amazonaws.com, events.amazonaws.com]}, Action: sts:AssumeRole}]
  Policy:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: !Sub 'other-${N}'
      Roles: [!Ref Role]
      PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'lambda:InvokeFunction', Resource: !GetAtt Function.Arn}]}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: !GetAtt Role.Arn
      Timeout: !Ref N
      Code: {S3Bucket: code, S3Key: !Sub '${N}.zip'}
  Version: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Function, Description: !Ref N}}
  Alias: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Function, FunctionVersion: !GetAtt Version.Version, Name: live}}
  Config: {Type: AWS::Lambda::EventInvokeConfig, Properties: {FunctionName: !Ref Function, Qualifier: live, MaximumEventAgeInSeconds: !Sub '${N}00'}, DependsOn: Alias}
  Permission: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref Function, Action: 'lambda:InvokeFunction', Principal: events.amazonaws.com, SourceArn: !GetAtt Rule.Arn}}
  Machine:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      RoleArn: !GetAtt Role.Arn
      DefinitionSubstitutions: {N: !Ref N}
      DefinitionS3Location: {Bucket: code, Key: machine.json}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      State: DISABLED
      ScheduleExpression: !Sub 'cron(${N} 0 * * ? *)'
      Targets: [{Id: !Sub 't${N}', Arn: !GetAtt Queue.Arn}]
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{Name: QueueName, Value: !GetAtt Queue.QueueName}]
      Statistic: Maximum
      ComparisonOperator: !Ref Comparison
      Threshold: !Ref N
      Period: 60
      EvaluationPeriods: 1
Outputs:
  Queue: {Value: !Ref Queue}
  Table: {Value: !Ref Table}
  Bucket: {Value: !Ref Bucket}
  Logs: {Value: !Ref Logs}
  Role: {Value: !GetAtt Role.Arn}
  Function: {Value: !Ref Function}
  Alias: {Value: !Ref Alias}
  Machine: {Value: !Ref Machine}
  Rule: {Value: !Ref Rule}
  Alarm: {Value: !Ref Alarm}
`

// stacks is a runtime with the stack "all" of the template above.
type stacks struct {
	*testing.T
	runtime *local.Runtime
	cfg     aws.Config
	client  *cloudformation.Client
	outputs map[string]string
}

func newStacks(t *testing.T) *stacks {
	runtime, err := local.Start(local.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, runtime.Close()) })
	s := &stacks{T: t, runtime: runtime, cfg: runtime.Config(), client: cloudformation.NewFromConfig(runtime.Config())}
	bucket := s3.NewFromConfig(s.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = bucket.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("code")})
	require.NoError(t, err)
	for key, body := range map[string][]byte{
		"1.zip": zipped(t, "#!/bin/sh\nexit 1\n"), "3.zip": zipped(t, "#!/bin/sh\nexit 3\n"),
		"machine.json": []byte(`{"StartAt":"P","States":{"P":{"Type":"Pass","Result":"${N}","End":true}}}`),
		"all.yaml":     []byte(everything),
	} {
		_, err = bucket.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("code"), Key: &key, Body: bytes.NewReader(body)})
		require.NoError(t, err)
	}
	return s
}

func zipped(t *testing.T, script string) []byte {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	header := &zip.FileHeader{Name: "bootstrap"}
	header.SetMode(0o755)
	file, err := w.CreateHeader(header)
	require.NoError(t, err)
	_, err = file.Write([]byte(script))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return archive.Bytes()
}

// change makes or updates the stack and expects a status.
func (s *stacks) change(kind types.ChangeSetType, status string, parameters map[string]string) []types.Change {
	s.Helper()
	in := &cloudformation.CreateChangeSetInput{
		StackName: aws.String("all"), ChangeSetName: aws.String("set"), ChangeSetType: kind,
		TemplateURL:  aws.String("https://code.s3.us-east-1.amazonaws.com/all.yaml"),
		Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		Tags:         []types.Tag{{Key: aws.String("muster:fleet"), Value: aws.String("all")}},
	}
	for key, value := range parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: &key, ParameterValue: &value})
	}
	_, err := s.client.CreateChangeSet(s.Context(), in)
	require.NoError(s, err)
	synctest.Wait()
	set, err := s.client.DescribeChangeSet(s.Context(), &cloudformation.DescribeChangeSetInput{StackName: in.StackName, ChangeSetName: in.ChangeSetName})
	require.NoError(s, err)
	require.Equal(s, types.ChangeSetStatusCreateComplete, set.Status, aws.ToString(set.StatusReason))
	_, err = s.client.ExecuteChangeSet(s.Context(), &cloudformation.ExecuteChangeSetInput{StackName: in.StackName, ChangeSetName: in.ChangeSetName})
	require.NoError(s, err)
	synctest.Wait()
	out, err := s.client.DescribeStacks(s.Context(), &cloudformation.DescribeStacksInput{StackName: in.StackName})
	require.NoError(s, err)
	require.Equal(s, status, string(out.Stacks[0].StackStatus), s.failures())
	s.outputs = map[string]string{}
	for _, o := range out.Stacks[0].Outputs {
		s.outputs[*o.OutputKey] = *o.OutputValue
	}
	return set.Changes
}

// failures are the reasons in the stack's events.
func (s *stacks) failures() string {
	out, err := s.client.DescribeStackEvents(s.Context(), &cloudformation.DescribeStackEventsInput{StackName: aws.String("all")})
	require.NoError(s, err)
	var all []string
	for _, e := range out.StackEvents {
		if strings.HasSuffix(string(e.ResourceStatus), "FAILED") {
			all = append(all, *e.LogicalResourceId+": "+aws.ToString(e.ResourceStatusReason))
		}
	}
	return strings.Join(all, "\n")
}

// state is what the template's parameter decides, wherever it went.
func (s *stacks) state() map[string]string {
	s.Helper()
	state := map[string]string{}
	queues := sqs.NewFromConfig(s.cfg)
	attributes, err := queues.GetQueueAttributes(s.Context(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(s.outputs["Queue"]), AttributeNames: []sqstypes.QueueAttributeName{"All"}})
	require.NoError(s, err)
	state["visibility"] = attributes.Attributes["VisibilityTimeout"]
	var redrive struct{ MaxReceiveCount json.Number }
	require.NoError(s, json.Unmarshal([]byte(attributes.Attributes["RedrivePolicy"]), &redrive))
	state["redrive"] = redrive.MaxReceiveCount.String()
	var policy struct{ Statement []struct{ Sid string } }
	require.NoError(s, json.Unmarshal([]byte(attributes.Attributes["Policy"]), &policy))
	state["queue policy"] = policy.Statement[0].Sid
	tags, err := queues.ListQueueTags(s.Context(), &sqs.ListQueueTagsInput{QueueUrl: aws.String(s.outputs["Queue"])})
	require.NoError(s, err)
	state["tag"] = tags.Tags["muster:fleet"]
	ttl, err := dynamodb.NewFromConfig(s.cfg).DescribeTimeToLive(s.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(s.outputs["Table"])})
	require.NoError(s, err)
	state["ttl"] = *ttl.TimeToLiveDescription.AttributeName
	role, _ := s.runtime.IAM.Role(s.outputs["Role"])
	for _, p := range role.Policies {
		name := p.Name
		if p.ARN != "" {
			name = "managed " + p.Document.Statement[0].SID
		}
		state["policies"] += name + " "
	}
	functions := lambda.NewFromConfig(s.cfg)
	live, err := functions.GetFunctionConfiguration(s.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(s.outputs["Alias"])})
	require.NoError(s, err)
	state["live"] = *live.Description
	invoke, err := functions.GetFunctionEventInvokeConfig(s.Context(), &lambda.GetFunctionEventInvokeConfigInput{FunctionName: aws.String(s.outputs["Alias"])})
	require.NoError(s, err)
	state["event age"] = strconv.Itoa(int(*invoke.MaximumEventAgeInSeconds))
	machine, err := sfn.NewFromConfig(s.cfg).DescribeStateMachine(s.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(s.outputs["Machine"])})
	require.NoError(s, err)
	var definition struct {
		States struct{ P struct{ Result string } }
	}
	require.NoError(s, json.Unmarshal([]byte(*machine.Definition), &definition))
	state["machine"] = definition.States.P.Result
	events := eventbridge.NewFromConfig(s.cfg)
	rule, err := events.DescribeRule(s.Context(), &eventbridge.DescribeRuleInput{Name: aws.String(s.outputs["Rule"])})
	require.NoError(s, err)
	state["rule"] = *rule.ScheduleExpression
	targets, err := events.ListTargetsByRule(s.Context(), &eventbridge.ListTargetsByRuleInput{Rule: aws.String(s.outputs["Rule"])})
	require.NoError(s, err)
	for _, target := range targets.Targets {
		state["targets"] += *target.Id
	}
	alarms, err := cloudwatch.NewFromConfig(s.cfg).DescribeAlarms(s.Context(), &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{s.outputs["Alarm"]}})
	require.NoError(s, err)
	state["threshold"] = strconv.Itoa(int(*alarms.MetricAlarms[0].Threshold))
	for _, group := range s.runtime.Logs.Groups() {
		if group.Name == s.outputs["Logs"] {
			state["retention"] = strconv.Itoa(group.RetentionInDays)
		}
	}
	return state
}

func expected(n string) map[string]string {
	return map[string]string{
		"visibility": n, "redrive": n, "queue policy": "N" + n, "tag": "all", "ttl": "Until" + n, "policies": "own-" + n + " managed N" + n + " other-" + n + " ",
		"live": n, "event age": n + "00", "machine": n, "rule": "cron(" + n + " 0 * * ? *)", "targets": "t" + n, "threshold": n, "retention": n,
	}
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
func TestEveryTypeIsMadeChangedAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStacks(t)
		s.change(types.ChangeSetTypeCreate, "CREATE_COMPLETE", map[string]string{"N": "1"})
		assert.Equal(t, expected("1"), s.state())
		made := s.outputs

		// The alarm, made last, is refused: everything is as it was.
		s.change(types.ChangeSetTypeUpdate, "UPDATE_ROLLBACK_COMPLETE", map[string]string{"N": "3", "Comparison": "Nonsense"})
		assert.Contains(t, s.failures(), "Alarm: ")
		assert.Equal(t, made, s.outputs)
		assert.Equal(t, expected("1"), s.state())

		changes := s.change(types.ChangeSetTypeUpdate, "UPDATE_COMPLETE", map[string]string{"N": "3"})
		assert.Equal(t, made, s.outputs, "nothing but the version is another one")
		assert.Equal(t, expected("3"), s.state())
		for _, c := range changes {
			want := types.ReplacementFalse
			switch *c.ResourceChange.LogicalResourceId {
			case "Version":
				want = types.ReplacementTrue
			case "Permission":
				want = types.ReplacementConditional
			}
			assert.Equal(t, want, c.ResourceChange.Replacement, *c.ResourceChange.LogicalResourceId)
		}
		assert.Len(t, changes, 16, "all but the dead-letter queue")

		changes = s.change(types.ChangeSetTypeUpdate, "UPDATE_COMPLETE", map[string]string{"N": "3", "Key": "Name"})
		require.Len(t, changes, 1)
		assert.Equal(t, types.ReplacementTrue, changes[0].ResourceChange.Replacement)
		assert.NotEqual(t, made["Table"], s.outputs["Table"])
		tables, err := dynamodb.NewFromConfig(s.cfg).ListTables(t.Context(), &dynamodb.ListTablesInput{})
		require.NoError(t, err)
		assert.Equal(t, []string{s.outputs["Table"]}, tables.TableNames)

		s.remove()
	})
}

// remove deletes the stack. A bucket that is not empty keeps it from going, with
// all that was made before it.
func (s *stacks) remove() {
	bucket := s3.NewFromConfig(s.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	body := &s3.PutObjectInput{Bucket: aws.String(s.outputs["Bucket"]), Key: aws.String("k"), Body: strings.NewReader("x")}
	_, err := bucket.PutObject(s.Context(), body)
	require.NoError(s, err)
	status := func() string {
		_, err := s.client.DeleteStack(s.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("all")})
		require.NoError(s, err)
		synctest.Wait()
		list, err := s.client.ListStacks(s.Context(), &cloudformation.ListStacksInput{})
		require.NoError(s, err)
		return string(list.StackSummaries[0].StackStatus)
	}
	assert.Equal(s, "DELETE_FAILED", status())
	assert.Contains(s, s.failures(), "Bucket: BucketNotEmpty: The bucket you tried to delete is not empty")
	_, err = bucket.DeleteObject(s.Context(), &s3.DeleteObjectInput{Bucket: body.Bucket, Key: body.Key})
	require.NoError(s, err)
	assert.Equal(s, "DELETE_COMPLETE", status())
	assert.Empty(s, s.runtime.IAM.Roles())
	assert.Empty(s, s.runtime.Logs.Groups())
	assert.Empty(s, s.runtime.Lambda.Stats())
	queues, err := sqs.NewFromConfig(s.cfg).ListQueues(s.Context(), &sqs.ListQueuesInput{})
	require.NoError(s, err)
	assert.Empty(s, queues.QueueUrls)
	machines, err := sfn.NewFromConfig(s.cfg).ListStateMachines(s.Context(), &sfn.ListStateMachinesInput{})
	require.NoError(s, err)
	assert.Empty(s, machines.StateMachines)
}
