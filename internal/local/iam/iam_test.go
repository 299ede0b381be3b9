package iam_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/iam"
)

const trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}`

func TestRoleIsKeptAsTypedDocuments(t *testing.T) {
	s := newService()
	role := make1(t, s, "AWS::IAM::Role", `{
		"AssumeRolePolicyDocument": `+trust+`,
		"ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
		"Policies": [{"PolicyName": "poll", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
			"Sid": "Poll", "Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage"],
			"Resource": "arn:aws:sqs:us-east-1:000000000000:jobs",
			"Condition": {"Bool": {"aws:SecureTransport": true}, "NumericLessThan": {"aws:MultiFactorAuthAge": [60]}}
		}]}}],
		"Tags": [{"Key": "fleet", "Value": "jobs"}]
	}`)
	assert.Equal(t, "jobs-Thing-AAAA", role.Ref)
	assert.Equal(t, "arn:aws:iam::000000000000:role/jobs-Thing-AAAA", role.Attributes["Arn"])
	assert.Regexp(t, "^AROA[A-Z2-7]{17}$", role.Attributes["RoleId"])

	got := s.Roles()[role.Attributes["Arn"]]
	assert.Equal(t, iam.Role{
		Name: "jobs-Thing-AAAA", ARN: role.Attributes["Arn"], ID: role.Attributes["RoleId"], Path: "/", MaxSessionDuration: 3600,
		Stack: "jobs", LogicalID: "Thing",
		Tags: map[string]string{"fleet": "jobs"},
		Trust: iam.Document{Version: "2012-10-17", Statement: []iam.Statement{{
			Effect: "Allow", Principal: iam.Principal{Service: []string{"lambda.amazonaws.com"}}, Action: []string{"sts:AssumeRole"},
		}}},
		Policies: []iam.Policy{
			{Name: "poll", Document: iam.Document{Version: "2012-10-17", Statement: []iam.Statement{{
				SID: "Poll", Effect: "Allow", Action: []string{"sqs:ReceiveMessage", "sqs:DeleteMessage"},
				Resource: []string{"arn:aws:sqs:us-east-1:000000000000:jobs"},
				Condition: map[string]map[string][]string{
					"Bool": {"aws:SecureTransport": {"true"}}, "NumericLessThan": {"aws:MultiFactorAuthAge": {"60"}},
				},
			}}}},
			{Name: "AWSLambdaBasicExecutionRole", ARN: "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
				Document: iam.Document{Version: "2012-10-17", Statement: []iam.Statement{{
					Effect: "Allow", Resource: []string{"*"},
					Action: []string{"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"},
				}}}},
		},
	}, got)
}

func TestPoliciesAreAttachedToRoles(t *testing.T) {
	s := newService()
	role := make1(t, s, "AWS::IAM::Role", `{"RoleName": "worker", "Path": "/fleet/", "AssumeRolePolicyDocument": `+trust+`}`)
	make1(t, s, "AWS::IAM::Policy", `{"PolicyName": "succeed", "Roles": ["worker"], "PolicyDocument": `+allow("states:StartExecution")+`}`)
	managed := make1(t, s, "AWS::IAM::ManagedPolicy", `{"ManagedPolicyName": "read", "Roles": ["worker"], "PolicyDocument": `+allow("s3:GetObject")+`}`)
	assert.Equal(t, "arn:aws:iam::000000000000:policy/read", managed.Ref)

	got, ok := s.Role("arn:aws:iam::000000000000:role/fleet/worker")
	require.True(t, ok)
	assert.Equal(t, role.Attributes["Arn"], got.ARN)
	require.Len(t, got.Policies, 2)
	assert.Equal(t, []string{"states:StartExecution"}, got.Policies[0].Document.Statement[0].Action)
	assert.Equal(t, []string{"s3:GetObject"}, got.Policies[1].Document.Statement[0].Action)

	bounded := make1(t, s, "AWS::IAM::Role", `{"RoleName": "bounded", "AssumeRolePolicyDocument": `+trust+`, "PermissionsBoundary": "`+managed.Ref+`"}`)
	assert.Equal(t, "read", s.Roles()[bounded.Attributes["Arn"]].Boundary.Name)
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name, kind, properties, want string
	}{
		{"unknown property", "Role", `{"Nonsense": 1}`, `ValidationException: The embedded runtime does not know the member "Nonsense" of RoleProperties.`},
		{"no trust policy", "Role", `{}`, "ValidationError: 1 validation error detected: Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null"},
		{"role exists", "Role", `{"RoleName": "taken", "AssumeRolePolicyDocument": ` + trust + `}`, "EntityAlreadyExists: Role with name taken already exists."},
		{"long role name", "Role", `{"RoleName": "` + strings.Repeat("r", 65) + `"}`, "ValidationError: 1 validation error detected: Value '" + strings.Repeat("r", 65) + "' at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"bad path", "Role", `{"Path": "fleet"}`, "ValidationError: The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."},
		{"session too long", "Role", `{"MaxSessionDuration": 43201}`, "ValidationError: 1 validation error detected: Value '43201' at 'maxSessionDuration' failed to satisfy constraint: Member must have value between 3600 and 43200"},
		{"managed policy unknown", "Role", `{"AssumeRolePolicyDocument": ` + trust + `, "ManagedPolicyArns": ["arn:aws:iam::aws:policy/Nonsense"]}`, "NoSuchEntity: Policy arn:aws:iam::aws:policy/Nonsense does not exist or is not attachable."},
		{"inline policies too large", "Role", `{"RoleName": "large", "AssumeRolePolicyDocument": ` + trust + `, "Policies": [{"PolicyName": "p", "PolicyDocument": ` + allow("s3:"+strings.Repeat("A", 10240)) + `}]}`, "LimitExceeded: Maximum policy size of 10240 bytes exceeded for role large"},
		{"policy for nobody", "Policy", `{"PolicyName": "p", "PolicyDocument": ` + allow("s3:GetObject") + `}`, "ValidationError: At least one of [Groups,Roles,Users] must be non-empty."},
		{"policy for no such role", "Policy", `{"PolicyName": "p", "Roles": ["taken", "nobody"], "PolicyDocument": ` + allow("s3:GetObject") + `}`, "NoSuchEntity: The role with name nobody cannot be found."},
		{"policy for a user", "Policy", `{"PolicyName": "p", "Users": ["ann"], "PolicyDocument": ` + allow("s3:GetObject") + `}`, "NoSuchEntity: The user with name ann cannot be found."},
		{"policy for a group", "Policy", `{"PolicyName": "p", "Groups": ["all"], "PolicyDocument": ` + allow("s3:GetObject") + `}`, "NoSuchEntity: The group with name all cannot be found."},
		{"managed policy exists", "ManagedPolicy", `{"ManagedPolicyName": "taken", "PolicyDocument": ` + allow("s3:GetObject") + `}`, "EntityAlreadyExists: A policy called taken already exists. Duplicate names are not allowed."},
	}
	s := newService()
	make1(t, s, "AWS::IAM::Role", `{"RoleName": "taken", "AssumeRolePolicyDocument": `+trust+`}`)
	make1(t, s, "AWS::IAM::ManagedPolicy", `{"ManagedPolicyName": "taken", "PolicyDocument": `+allow("s3:GetObject")+`}`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := s.Providers()["AWS::IAM::"+tt.kind].Create(t.Context(), request(tt.properties))
			assert.EqualError(t, err, tt.want)
		})
	}
	assert.Len(t, s.Roles(), 1, "a refused role leaves nothing")
	role, _ := s.Role("arn:aws:iam::000000000000:role/taken")
	assert.Empty(t, role.Policies, "a refused policy is attached to nobody")
}

func TestCreationPassesTheRouter(t *testing.T) {
	router := api.NewRouter(1)
	s := iam.New(&api.Account{ID: "000000000000", Region: "us-east-1", Partition: "aws"}, router)
	hits, _ := router.Faults.Add(api.Fault{Service: "iam", Operation: "CreateRole", Kind: api.Fail})
	_, err := s.Providers()["AWS::IAM::Role"].Create(t.Context(), request(`{"AssumeRolePolicyDocument": `+trust+`}`))
	assert.EqualError(t, err, "ServiceUnavailable: The service is unavailable.")
	assert.Equal(t, 1, hits())
	assert.Empty(t, s.Roles())
}

func newService() *iam.Service {
	return iam.New(&api.Account{ID: "000000000000", Region: "us-east-1", Partition: "aws"}, api.NewRouter(1))
}

func request(properties string) api.ResourceRequest {
	return api.ResourceRequest{Stack: "jobs", LogicalID: "Thing", Name: "jobs-Thing-AAAA", Properties: []byte(properties)}
}

func make1(t *testing.T, s *iam.Service, kind, properties string) api.Resource {
	t.Helper()
	r, err := s.Providers()[kind].Create(t.Context(), request(properties))
	require.NoError(t, err)
	return r
}

func allow(action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"*"}]}`
}
