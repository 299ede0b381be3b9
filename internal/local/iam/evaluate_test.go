package iam_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/iam"
)

const (
	queue   = "arn:aws:sqs:us-east-1:123456789012:jobs"
	roleARN = "arn:aws:iam::123456789012:role/worker"
	session = "arn:aws:sts::123456789012:assumed-role/worker/pump"
)

// identity compiles one statement of a role's policy.
func identity(t *testing.T, statement string) iam.Rules {
	t.Helper()
	doc, err := iam.ParseIdentityPolicy([]byte(`{"Version":"2012-10-17","Statement":[` + statement + `]}`))
	require.NoError(t, err)
	return iam.Compile(doc)
}

// resource compiles one statement of a resource's policy.
func resource(t *testing.T, statement string) iam.Rules {
	t.Helper()
	doc, err := iam.ParseResourcePolicy([]byte(`{"Version":"2012-10-17","Statement":[` + statement + `]}`))
	require.NoError(t, err)
	return iam.Compile(doc)
}

func context(values map[string][]string) iam.Context {
	return func(key string) ([]string, bool) {
		v, ok := values[key]
		return v, ok
	}
}

var worker = iam.Requester{RoleARN: roleARN, SessionARN: session, Account: "123456789012"}

func TestActionsAndResources(t *testing.T) {
	const execution = "arn:aws:states:us-east-1:123456789012:execution:jobs-worker:worker-1"
	tests := []struct {
		name, statement, action, resource string
		want                              bool
	}{
		{"itself", `"Action":"sqs:ReceiveMessage","Resource":"` + queue + `"`, "sqs:ReceiveMessage", queue, true},
		{"actions in any case", `"Action":"SQS:receivemessage","Resource":"` + queue + `"`, "sqs:ReceiveMessage", queue, true},
		{"an action's wildcard", `"Action":"sqs:*Message","Resource":"*"`, "sqs:SendMessage", queue, true},
		{"a question mark is one character", `"Action":"sqs:?endMessage","Resource":"*"`, "sqs:SendMessage", queue, true},
		{"a question mark is not none", `"Action":"sqs:SendMessage?","Resource":"*"`, "sqs:SendMessage", queue, false},
		{"any action", `"Action":"*","Resource":"*"`, "s3:GetObject", queue, true},
		{"another action", `"Action":"sqs:SendMessage","Resource":"*"`, "sqs:SendMessageBatch", queue, false},
		{"not this action", `"NotAction":"sqs:SendMessage","Resource":"*"`, "sqs:SendMessage", queue, false},
		{"any but this action", `"NotAction":"sqs:SendMessage","Resource":"*"`, "sqs:ReceiveMessage", queue, true},
		{"not this resource", `"Action":"sqs:*","NotResource":"` + queue + `"`, "sqs:SendMessage", queue, false},
		{"any but this resource", `"Action":"sqs:*","NotResource":"` + queue + `"`, "sqs:SendMessage", queue + "2", true},
		{"resources in their case", `"Action":"sqs:*","Resource":"arn:aws:sqs:us-east-1:123456789012:Jobs"`, "sqs:SendMessage", queue, false},
		{"a prefix", `"Action":"sqs:*","Resource":"arn:aws:sqs:us-east-1:123456789012:jo*"`, "sqs:SendMessage", queue, true},
		{"a wildcard stays within its part", `"Action":"sqs:*","Resource":"arn:aws:*:123456789012:jobs:*"`, "sqs:SendMessage", queue, false},
		{"a wildcard for each part", `"Action":"sqs:*","Resource":"arn:aws:sqs:*:*:jobs"`, "sqs:SendMessage", queue, true},
		{"the resource part has colons", `"Action":"states:*","Resource":"arn:aws:states:us-east-1:123456789012:execution:jobs-worker:*"`, "states:StopExecution", execution, true},
		{"a wildcard reaches over colons of the resource part", `"Action":"states:*","Resource":"arn:aws:states:us-east-1:123456789012:exec*-1"`, "states:StopExecution", execution, true},
		{"an object's key", `"Action":"s3:*","Resource":"arn:aws:s3:::b/held/*"`, "s3:GetObject", "arn:aws:s3:::b/held/a/b", true},
		{"a bucket is not its objects", `"Action":"s3:*","Resource":"arn:aws:s3:::b"`, "s3:GetObject", "arn:aws:s3:::b/k", false},
		{"an unqualified function is no version", `"Action":"lambda:*","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f"`, "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:f:live", false},
		{"a version is no unqualified function", `"Action":"lambda:*","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f:*"`, "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:123456789012:function:f", false},
		{"an action without resources needs all", `"Action":"batch:DescribeJobs","Resource":"arn:aws:batch:us-east-1:123456789012:job/*"`, "batch:DescribeJobs", "*", false},
		{"an action without resources", `"Action":"batch:DescribeJobs","Resource":"*"`, "batch:DescribeJobs", "*", true},
		{"a variable", `"Action":"sqs:*","Resource":"arn:aws:sqs:us-east-1:${aws:PrincipalAccount}:jobs"`, "sqs:SendMessage", queue, true},
		{"a variable's default", `"Action":"sqs:*","Resource":"arn:aws:sqs:us-east-1:123456789012:${aws:PrincipalTag/queue, 'jobs'}"`, "sqs:SendMessage", queue, true},
		{"a variable without value", `"Action":"sqs:*","Resource":"arn:aws:sqs:us-east-1:123456789012:${aws:PrincipalTag/queue}*"`, "sqs:SendMessage", queue, false},
		{"a variable's value has no wildcards", `"Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:userid}"`, "s3:GetObject", "arn:aws:s3:::b/ab", false},
		{"a variable's value is literal", `"Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:userid}"`, "s3:GetObject", "arn:aws:s3:::b/a*", true},
		{"a literal star", `"Action":"s3:*","Resource":"arn:aws:s3:::b/${*}"`, "s3:GetObject", "arn:aws:s3:::b/k", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := &iam.Request{Action: tt.action, Resource: tt.resource, Context: context(map[string][]string{
				"aws:principalaccount": {"123456789012"}, "aws:userid": {"a*"},
			})}
			got := iam.Evaluate(q, worker, "123456789012", iam.Policies{Identity: []iam.Rules{identity(t, `{"Effect":"Allow",`+tt.statement+`}`)}})
			assert.Equal(t, tt.want, got.Allowed, got.Why)
		})
	}
}

func TestVariablesOfTheOldVersionAreText(t *testing.T) {
	doc, err := iam.ParseIdentityPolicy([]byte(`{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:userid}"}}`))
	require.NoError(t, err)
	q := &iam.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/${aws:userid}", Context: context(nil)}
	assert.True(t, iam.Evaluate(q, worker, "123456789012", iam.Policies{Identity: []iam.Rules{iam.Compile(doc)}}).Allowed)
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
func TestConditions(t *testing.T) {
	with := map[string][]string{
		"aws:sourcearn": {queue}, "aws:sourceaccount": {"123456789012"}, "aws:securetransport": {"true"},
		"aws:currenttime": {"2026-11-21T12:00:00Z"}, "s3:max-keys": {"10"}, "aws:tagkeys": {"a", "b"},
		"aws:sourceip": {"10.1.2.3"}, "aws:userid": {"ann"},
	}
	tests := []struct {
		condition string
		want      bool
	}{
		{`{"StringEquals":{"aws:SourceAccount":"123456789012"}}`, true},
		{`{"StringEquals":{"AWS:sourceaccount":["1","123456789012"]}}`, true},
		{`{"StringEquals":{"aws:SourceAccount":"1"}}`, false},
		{`{"StringEquals":{"aws:SourceAccount":"12345678901*"}}`, false},
		{`{"StringNotEquals":{"aws:SourceAccount":["1","123456789012"]}}`, false},
		{`{"StringNotEquals":{"aws:SourceAccount":["1","2"]}}`, true},
		{`{"StringNotEquals":{"aws:Nothing":"1"}}`, true},
		{`{"StringEquals":{"aws:Nothing":"1"}}`, false},
		{`{"StringEqualsIfExists":{"aws:Nothing":"1"}}`, true},
		{`{"StringEqualsIfExists":{"aws:SourceAccount":"1"}}`, false},
		{`{"StringEqualsIgnoreCase":{"aws:userid":"ANN"}}`, true},
		{`{"StringNotEqualsIgnoreCase":{"aws:userid":"ANN"}}`, false},
		{`{"StringLike":{"aws:SourceAccount":"1234*"}}`, true},
		{`{"StringNotLike":{"aws:SourceAccount":"1234*"}}`, false},
		{`{"StringLike":{"aws:userid":"${aws:userid}"}}`, true},
		{`{"StringEquals":{"aws:userid":"${aws:userid}"}}`, true},
		{`{"StringEquals":{"aws:userid":"${aws:nothing}"}}`, false},
		{`{"ArnLike":{"aws:SourceArn":"arn:aws:sqs:*:*:jobs"}}`, true},
		{`{"ArnEquals":{"aws:SourceArn":"arn:aws:sqs:*:*:jobs"}}`, true},
		{`{"ArnLike":{"aws:SourceArn":"arn:aws:sqs:*:jobs"}}`, false},
		{`{"ArnNotLike":{"aws:SourceArn":"arn:aws:sqs:*:*:jobs"}}`, false},
		{`{"ArnNotEquals":{"aws:SourceArn":"arn:aws:sqs:*:*:other"}}`, true},
		{`{"NumericLessThan":{"s3:max-keys":"11"}}`, true},
		{`{"NumericLessThan":{"s3:max-keys":10}}`, false},
		{`{"NumericLessThanEquals":{"s3:max-keys":10}}`, true},
		{`{"NumericGreaterThan":{"s3:max-keys":9}}`, true},
		{`{"NumericGreaterThanEquals":{"s3:max-keys":11}}`, false},
		{`{"NumericEquals":{"s3:max-keys":"10.0"}}`, true},
		{`{"NumericNotEquals":{"s3:max-keys":"10"}}`, false},
		{`{"NumericEquals":{"s3:max-keys":"ten"}}`, false},
		{`{"NumericEquals":{"aws:userid":"10"}}`, false},
		{`{"DateLessThan":{"aws:CurrentTime":"2026-11-21T12:00:01Z"}}`, true},
		{`{"DateLessThanEquals":{"aws:CurrentTime":"2026-11-21T12:00:00Z"}}`, true},
		{`{"DateGreaterThan":{"aws:CurrentTime":"2026-11-21"}}`, true},
		{`{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-11-22"}}`, false},
		{`{"DateEquals":{"aws:CurrentTime":"1795262400"}}`, true},
		{`{"DateNotEquals":{"aws:CurrentTime":"1795262400"}}`, false},
		{`{"DateEquals":{"aws:CurrentTime":"noon"}}`, false},
		{`{"Bool":{"aws:SecureTransport":true}}`, true},
		{`{"Bool":{"aws:SecureTransport":"False"}}`, false},
		{`{"BinaryEquals":{"aws:userid":"ann"}}`, true},
		{`{"IpAddress":{"aws:SourceIp":"10.1.0.0/16"}}`, true},
		{`{"IpAddress":{"aws:SourceIp":["10.1.2.3"]}}`, true},
		{`{"NotIpAddress":{"aws:SourceIp":"10.1.0.0/16"}}`, false},
		{`{"IpAddress":{"aws:userid":"10.1.0.0/16"}}`, false},
		{`{"Null":{"aws:Nothing":"true"}}`, true},
		{`{"Null":{"aws:SourceArn":"true"}}`, false},
		{`{"Null":{"aws:SourceArn":false}}`, true},
		{`{"ForAnyValue:StringEquals":{"aws:TagKeys":["b","c"]}}`, true},
		{`{"ForAllValues:StringEquals":{"aws:TagKeys":["b","c"]}}`, false},
		{`{"ForAllValues:StringLike":{"aws:TagKeys":["?"]}}`, true},
		{`{"ForAllValues:StringEquals":{"aws:Nothing":"x"}}`, true},
		{`{"ForAnyValue:StringEquals":{"aws:Nothing":"x"}}`, false},
		{`{"StringEquals":{"aws:SourceAccount":"123456789012"},"Bool":{"aws:SecureTransport":false}}`, false},
		{`{"StringEquals":{"aws:SourceAccount":"123456789012","aws:userid":"bob"}}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.condition, func(t *testing.T) {
			rules := identity(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+tt.condition+`}`)
			got := iam.Evaluate(&iam.Request{Action: "sqs:SendMessage", Resource: queue, Context: context(with)}, worker, "123456789012", iam.Policies{Identity: []iam.Rules{rules}})
			assert.Equal(t, tt.want, got.Allowed)
		})
	}
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func TestWhoDecides(t *testing.T) {
	const (
		allow = `{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}`
		deny  = `{"Effect":"Deny","Action":"sqs:*","Resource":"*"}`
	)
	grants := func(principal string) string {
		return `{"Effect":"Allow","Principal":` + principal + `,"Action":"sqs:SendMessage","Resource":"*"}`
	}
	const (
		noIdentity = "because no identity-based policy allows the sqs:SendMessage action"
		noResource = "because no resource-based policy allows the sqs:SendMessage action"
		noBoundary = "because no permissions boundary allows the sqs:SendMessage action"
	)
	events := iam.Requester{Service: "events.amazonaws.com"}
	tests := []struct {
		name                         string
		who                          iam.Requester
		owner                        string
		identity, boundary, resource string
		// want is why not, empty where it is allowed.
		want string
	}{
		{name: "nothing said", who: worker, want: noIdentity},
		{name: "the role's policy", who: worker, identity: allow},
		{name: "denied by the role's policy", who: worker, identity: allow + "," + deny, want: "with an explicit deny in an identity-based policy"},
		{name: "the resource's policy for the role", who: worker, resource: grants(`{"AWS":"` + roleARN + `"}`)},
		{name: "the resource's policy for everybody", who: worker, resource: grants(`"*"`)},
		{name: "the resource's policy for the account", who: worker, resource: grants(`{"AWS":"123456789012"}`), want: noIdentity},
		{name: "the resource's policy for another role", who: worker, resource: grants(`{"AWS":"arn:aws:iam::123456789012:role/other"}`), want: noIdentity},
		{name: "denied by the resource's policy", who: worker, identity: allow, resource: `{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}`, want: "with an explicit deny in a resource-based policy"},
		{name: "within the boundary", who: worker, identity: allow, boundary: allow},
		{name: "beyond the boundary", who: worker, identity: allow, boundary: `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, want: noBoundary},
		{name: "the boundary alone", who: worker, boundary: allow, want: noIdentity},
		{name: "denied by the boundary", who: worker, identity: allow, boundary: allow + "," + deny, want: "with an explicit deny in a permissions boundary"},
		{name: "the boundary limits what a resource grants a role", who: worker, boundary: `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, resource: grants(`{"AWS":"` + roleARN + `"}`), want: noIdentity},
		{name: "the boundary does not limit what a resource grants a session", who: worker, boundary: `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`, resource: grants(`{"AWS":"` + session + `"}`)},
		{name: "across accounts, the role's alone", who: worker, owner: "210987654321", identity: allow, want: noResource},
		{name: "across accounts, the resource's alone", who: worker, owner: "210987654321", resource: grants(`{"AWS":"` + roleARN + `"}`), want: noIdentity},
		{name: "across accounts, both", who: worker, owner: "210987654321", identity: allow, resource: grants(`{"AWS":"arn:aws:iam::123456789012:root"}`)},
		{name: "a service", who: events, want: noResource},
		{name: "a service that is named", who: events, resource: grants(`{"Service":["sns.amazonaws.com","events.amazonaws.com"]}`)},
		{name: "another service", who: events, resource: grants(`{"Service":"sns.amazonaws.com"}`), want: noResource},
		{name: "a role is no service", who: worker, resource: grants(`{"Service":"events.amazonaws.com"}`), want: noIdentity},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p iam.Policies
			if tt.identity != "" {
				p.Identity = []iam.Rules{identity(t, tt.identity)}
			}
			if tt.boundary != "" {
				p.Boundary = identity(t, tt.boundary)
			}
			if tt.resource != "" {
				p.Resource = resource(t, tt.resource)
			}
			if tt.owner == "" {
				tt.owner = "123456789012"
			}
			got := iam.Evaluate(&iam.Request{Action: "sqs:SendMessage", Resource: queue, Context: context(nil)}, tt.who, tt.owner, p)
			assert.Equal(t, iam.Verdict{Allowed: tt.want == "", Why: tt.want}, got)
		})
	}
}

func TestTrust(t *testing.T) {
	parse := func(condition string) iam.Rules {
		doc, err := iam.ParseTrustPolicy([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"` + condition + `}}`))
		require.NoError(t, err)
		return iam.Compile(doc)
	}
	assert.True(t, parse("").Trusts("states.amazonaws.com", context(nil)))
	assert.False(t, parse("").Trusts("lambda.amazonaws.com", context(nil)))
	account := parse(`,"Condition":{"StringEquals":{"aws:SourceAccount":"1"}}`)
	assert.True(t, account.Trusts("states.amazonaws.com", context(map[string][]string{"aws:sourceaccount": {"1"}})))
	assert.False(t, account.Trusts("states.amazonaws.com", context(map[string][]string{"aws:sourceaccount": {"2"}})))
}

func TestUnknownConditionKeysAreRefused(t *testing.T) {
	s := newService()
	s.Know(func(key string) bool { return key == "aws:sourceaccount" })
	for policy, want := range map[string]string{
		`"Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`:                          "aws:SourceIp",
		`"Resource":"arn:aws:s3:::b/${aws:username}"`:                                                     "aws:username",
		`"Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"${aws:PrincipalTag/account}"}}`: "aws:PrincipalTag/account",
	} {
		_, err := s.Providers()["AWS::IAM::Role"].Create(t.Context(), request(`{"AssumeRolePolicyDocument":`+trust+`,"Policies":[{"PolicyName":"p","PolicyDocument":
			{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject",`+policy+`}}}]}`))
		assert.EqualError(t, err, "MalformedPolicyDocument: The embedded runtime does not know the condition key "+want+".")
	}
}

func TestPut(t *testing.T) {
	s := newService()
	before := s.Changes()
	arn := s.Put("work", []string{"lambda.amazonaws.com"}, "sqs:*")
	role, ok := s.Role(arn)
	require.True(t, ok)
	assert.Greater(t, s.Changes(), before)
	assert.True(t, iam.Compile(role.Trust).Trusts("lambda.amazonaws.com", context(nil)))
	got := iam.Evaluate(&iam.Request{Action: "sqs:SendMessage", Resource: queue, Context: context(nil)}, worker, "123456789012", iam.Policies{Identity: []iam.Rules{iam.Compile(role.Policies[0].Document)}})
	assert.True(t, got.Allowed)
}

func BenchmarkEvaluate(b *testing.B) {
	doc, err := iam.ParseIdentityPolicy([]byte(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["logs:CreateLogStream","logs:PutLogEvents"],"Resource":"arn:aws:logs:us-east-1:123456789012:log-group:pump:*"},
		{"Effect":"Allow","Action":["sqs:ReceiveMessage","sqs:DeleteMessage","sqs:SendMessage"],"Resource":"` + queue + `"}]}`))
	require.NoError(b, err)
	p := iam.Policies{Identity: []iam.Rules{iam.Compile(doc)}}
	q := &iam.Request{Action: "sqs:SendMessage", Resource: queue, Context: context(nil)}
	for b.Loop() {
		if !iam.Evaluate(q, worker, "123456789012", p).Allowed {
			b.Fatal("denied")
		}
	}
}
