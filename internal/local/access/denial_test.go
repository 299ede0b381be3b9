package access_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/access"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/iam"
)

var account = &api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws", Endpoint: "http://127.0.0.1"}

// authorizer is one of an account with roles, whose queue "jobs" has a policy.
func authorizer(t *testing.T, policy string, o access.Options) (*access.Authorizer, *iam.Service) {
	t.Helper()
	service := iam.New(account, api.NewRouter(1))
	return access.New(account, service, access.Resources{
		Policy:       func(string) string { return policy },
		ObjectExists: func(string, string) bool { return false },
		TaskRoles:    func(string) []string { return []string{"arn:aws:iam::123456789012:role/task"} },
		Key:          func(string) string { return "" },
	}, o), service
}

type (
	queueInput  struct{ QueueUrl string }
	objectInput struct{ Bucket, Key string }
	invokeInput struct{ FunctionName, Qualifier string }
)

// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func TestDenialsAreWordedAsTheServicesDo(t *testing.T) {
	const user = "User: arn:aws:sts::123456789012:assumed-role/worker/pump is not authorized to perform: "
	for name, c := range map[string]struct {
		service, operation string
		input              any
		want               api.Error
	}{
		"SQS": {"sqs", "ReceiveMessage", &queueInput{"http://127.0.0.1/123456789012/jobs"}, api.Error{
			Code: "AccessDeniedException", QueryCode: "AccessDenied", Status: 403,
			Message: user + "sqs:receivemessage on resource: arn:aws:sqs:us-east-1:123456789012:jobs because no identity-based policy allows the sqs:receivemessage action",
		}},
		"S3": {"s3", "PutObject", &objectInput{"b", "k"}, api.Error{
			Code: "AccessDenied", Status: 403,
			Message: user + `s3:PutObject on resource: "arn:aws:s3:::b/k" because no identity-based policy allows the s3:PutObject action`,
		}},
		"Lambda": {"lambda", "Invoke", &invokeInput{"process", "live"}, api.Error{
			Code: "AccessDeniedException", Status: 403,
			Message: user + "lambda:InvokeFunction on resource: arn:aws:lambda:us-east-1:123456789012:function:process:live because no identity-based policy allows the lambda:InvokeFunction action",
		}},
		"DynamoDB": {"dynamodb", "PutItem", &struct{ TableName string }{"fleets"}, api.Error{
			Code: "AccessDeniedException", Status: 400,
			Message: user + "dynamodb:PutItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/fleets because no identity-based policy allows the dynamodb:PutItem action",
		}},
		"an action without resources": {"states", "SendTaskSuccess", &struct{}{}, api.Error{
			Code: "AccessDeniedException", Status: 400,
			Message: user + "states:SendTaskSuccess because no identity-based policy allows the states:SendTaskSuccess action",
		}},
		"an operation that nobody knows": {"sqs", "PolishQueue", &struct{}{}, api.Error{
			Code: "AccessDeniedException", QueryCode: "AccessDenied", Status: 403,
			Message: user + "sqs:polishqueue because the embedded runtime does not know what it asks of IAM",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a, service := authorizer(t, "", access.Options{})
			role := service.Put("worker", []string{"lambda.amazonaws.com"})
			err := a.Authorize(t.Context(), api.Call{Service: c.service, Operation: c.operation, Input: c.input, Caller: api.Caller{RoleARN: role, Function: "pump"}})
			var got *api.Error
			require.ErrorAs(t, err, &got)
			assert.Equal(t, c.want, *got)
		})
	}
}

func TestWhoIsAsked(t *testing.T) {
	const denies = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}]}`
	const rule = "arn:aws:events:us-east-1:123456789012:rule/wake"
	const permits = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"SQS:SendMessage","Resource":"*",
		"Condition":{"ArnEquals":{"aws:SourceArn":"` + rule + `"},"StringEquals":{"aws:SourceAccount":"123456789012"}}}]}`
	for name, c := range map[string]struct {
		caller  api.Caller
		policy  string
		allowed bool
	}{
		"the runtime itself":                      {api.Caller{}, denies, true},
		"the account's user":                      {api.Caller{AccessKeyID: "test"}, "", true},
		"the account's user, whom a queue denies": {api.Caller{AccessKeyID: "test"}, denies, false},
		"a service":                               {api.Caller{Principal: "events.amazonaws.com", SourceARN: rule}, "", false},
		"a service that the queue permits":        {api.Caller{Principal: "events.amazonaws.com", SourceARN: rule}, permits, true},
		"a service, for another rule":             {api.Caller{Principal: "events.amazonaws.com", SourceARN: rule + "2"}, permits, false},
		"another service":                         {api.Caller{Principal: "sns.amazonaws.com", SourceARN: rule}, permits, false},
		"a role that does not exist":              {api.Caller{RoleARN: "arn:aws:iam::123456789012:role/none"}, permits, false},
		"a role":                                  {api.Caller{RoleARN: "arn:aws:iam::123456789012:role/sends", Function: "f"}, "", true},
		"a role that the function may not assume": {api.Caller{RoleARN: "arn:aws:iam::123456789012:role/sends", Execution: "arn:x:e"}, "", false},
		"a role, which the queue's policy denies": {api.Caller{RoleARN: "arn:aws:iam::123456789012:role/sends", Function: "f"}, denies, false},
	} {
		t.Run(name, func(t *testing.T) {
			var denials []access.Denial
			a, service := authorizer(t, c.policy, access.Options{Denied: func(d access.Denial) { denials = append(denials, d) }})
			service.Put("sends", []string{"lambda.amazonaws.com"}, "sqs:SendMessage")
			err := a.Authorize(t.Context(), api.Call{Service: "sqs", Operation: "SendMessage", Caller: c.caller, Input: &queueInput{"http://127.0.0.1/123456789012/jobs"}})
			assert.Equal(t, c.allowed, err == nil, "%v", err)
			assert.Equal(t, c.allowed, len(denials) == 0)
		})
	}
}

// An object that is not there looks forbidden to who may not list the bucket.
func TestAMissingObjectNeedsTheBucket(t *testing.T) {
	a, service := authorizer(t, "", access.Options{})
	read := api.Call{Service: "s3", Operation: "GetObject", Input: &objectInput{"b", "k"}}
	read.Caller = api.Caller{RoleARN: service.Put("gets", []string{"lambda.amazonaws.com"}, "s3:GetObject"), Function: "f"}
	assert.ErrorContains(t, a.Authorize(t.Context(), read), `s3:ListBucket on resource: "arn:aws:s3:::b"`)
	read.Caller.RoleARN = service.Put("lists", []string{"lambda.amazonaws.com"}, "s3:GetObject", "s3:ListBucket")
	assert.NoError(t, a.Authorize(t.Context(), read))
}

func TestRolesThatServicesRefuse(t *testing.T) {
	type machine struct {
		Name       string `json:"name"`
		RoleArn    string `json:"roleArn"`
		Definition string `json:"definition"`
	}
	a, service := authorizer(t, "", access.Options{})
	lambda, states := service.Put("lambda", []string{"lambda.amazonaws.com"}), service.Put("states", []string{"states.amazonaws.com"})
	rules := service.Put("rules", []string{"states.amazonaws.com"}, "events:*")
	const syncs = `"Resource":"arn:aws:states:::ecs:runTask.sync"`
	for role, want := range map[machine]string{
		{RoleArn: lambda}: "AccessDeniedException: Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.",
		{RoleArn: states}: "", {RoleArn: rules, Definition: syncs}: "",
		{RoleArn: states, Definition: syncs}: "AccessDeniedException: '" + states + "' is not authorized to create managed-rule.",
	} {
		err := a.Authorize(t.Context(), api.Call{Service: "states", Operation: "CreateStateMachine", Input: &struct {
			machine
			LoggingConfiguration *struct {
				Level string `json:"level"`
			} `json:"loggingConfiguration"`
			TracingConfiguration *struct {
				Enabled bool `json:"enabled"`
			} `json:"tracingConfiguration"`
		}{machine: role}})
		if want == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, want)
		}
	}
	assert.NoError(t, a.Function(lambda, false))
	assert.NoError(t, a.Function("", true))
	assert.EqualError(t, a.Function(states, false), "InvalidParameterValueException: The role defined for the function cannot be assumed by Lambda.")
	assert.EqualError(t, a.Function(lambda, true), "InvalidParameterValueException: The provided execution role does not have permissions to call PutTraceSegments on XRAY")
}
