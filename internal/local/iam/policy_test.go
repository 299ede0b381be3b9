package iam_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/musterq/muster/internal/local/iam"
)

func TestIdentityPolicyRefusals(t *testing.T) {
	const body = `"Effect":"Allow","Action":"s3:GetObject","Resource":"*"`
	tests := []struct{ name, policy, want string }{
		{"not JSON", `{`, "Syntax errors in policy: unexpected end of JSON input"},
		{"unknown element", `{"Statements":[]}`, `Syntax errors in policy: the element "Statements" is not known`},
		{"unknown statement element", `{"Statement":[{` + body + `,"effect":"Deny"}]}`, `Syntax errors in policy: the element "effect" is not known`},
		{"version", `{"Version":"2020-01-01","Statement":[{` + body + `}]}`, "Policy document must be version 2012-10-17 or greater."},
		{"no statements", `{"Statement":[]}`, "Syntax errors in policy: a policy must have statements."},
		{"effect", `{"Statement":[{"Effect":"allow","Action":"s3:GetObject","Resource":"*"}]}`, `Syntax errors in policy: Effect must be Allow or Deny, not "allow".`},
		{"no action", `{"Statement":[{"Effect":"Allow","Resource":"*"}]}`, "Policy statement must contain actions."},
		{"two kinds of action", `{"Statement":[{` + body + `,"NotAction":"s3:PutObject"}]}`, "Syntax errors in policy: a statement has either Action or NotAction."},
		{"two kinds of resource", `{"Statement":[{` + body + `,"NotResource":"*"}]}`, "Syntax errors in policy: a statement has either Resource or NotResource."},
		{"action without vendor", `{"Statement":[{"Effect":"Allow","Action":"GetObject","Resource":"*"}]}`, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		{"no resource", `{"Statement":[{"Effect":"Allow","Action":"s3:GetObject"}]}`, "Policy statement must contain resources."},
		{"resource no ARN", `{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"bucket"}]}`, `Resource bucket must be in ARN format or "*".`},
		{"principal", `{"Statement":[{` + body + `,"Principal":"*"}]}`, "Policy document should not specify a principal."},
		{"SID", `{"Statement":[{` + body + `,"Sid":"a b"}]}`, "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{"same SID", `{"Statement":[{` + body + `,"Sid":"a"},{` + body + `,"Sid":"a"}]}`, "Statement IDs (SID) in a single policy must be unique."},
		{"condition operator", `{"Statement":[{` + body + `,"Condition":{"StringIs":{"aws:a":"b"}}}]}`, "Invalid Condition type : StringIs."},
		{"condition set operator", `{"Statement":[{` + body + `,"Condition":{"ForSomeValues:StringEquals":{"aws:a":"b"}}}]}`, "Invalid Condition type : ForSomeValues:StringEquals."},
		{"condition key", `{"Statement":[{` + body + `,"Condition":{"StringEquals":{"a":"b"}}}]}`, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		{"condition without values", `{"Statement":[{` + body + `,"Condition":{"StringEquals":{"aws:a":[]}}}]}`, "Syntax errors in policy: the condition key aws:a has no values"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := iam.ParseIdentityPolicy([]byte(tt.policy))
			assert.EqualError(t, err, "MalformedPolicyDocument: "+tt.want)
		})
	}
}

func TestIdentityPolicyForms(t *testing.T) {
	doc, err := iam.ParseIdentityPolicy([]byte(`{"Version":"2012-10-17","Id":"x","Statement":{"Effect":"Deny","NotAction":["s3:*"],"NotResource":["arn:aws:s3:::b/*"],
		"Condition":{"ForAllValues:StringLikeIfExists":{"aws:TagKeys":["a*","b"]},"Null":{"aws:a":"true"}}}}`))
	assert.NoError(t, err)
	assert.Equal(t, iam.Document{Version: "2012-10-17", ID: "x", Statement: []iam.Statement{{
		Effect: "Deny", NotAction: []string{"s3:*"}, NotResource: []string{"arn:aws:s3:::b/*"},
		Condition: map[string]map[string][]string{
			"ForAllValues:StringLikeIfExists": {"aws:TagKeys": {"a*", "b"}}, "Null": {"aws:a": {"true"}},
		},
	}}}, doc)
}

func TestTrustPolicyRefusals(t *testing.T) {
	tests := []struct{ name, statement, want string }{
		{"resource", `{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}`, "Has prohibited field Resource"},
		{"no principal", `{"Effect":"Allow","Action":"sts:AssumeRole"}`, "Missing required field Principal"},
		{"empty principal", `{"Effect":"Allow","Principal":{},"Action":"sts:AssumeRole"}`, "Missing required field Principal"},
		{"kind of principal", `{"Effect":"Allow","Principal":{"Person":"ann"},"Action":"sts:AssumeRole"}`, `Syntax errors in policy: the element "Person" is not known`},
		{"service principal", `{"Effect":"Allow","Principal":{"Service":"lambda"},"Action":"sts:AssumeRole"}`, `Invalid principal in policy: "SERVICE":"lambda"`},
		{"AWS principal", `{"Effect":"Allow","Principal":{"AWS":["123456789012","ann"]},"Action":"sts:AssumeRole"}`, `Invalid principal in policy: "AWS":"ann"`},
		{"action", `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}`, "AssumeRole policy may only specify STS AssumeRole actions."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := iam.ParseTrustPolicy([]byte(`{"Version":"2012-10-17","Statement":[` + tt.statement + `]}`))
			assert.EqualError(t, err, "MalformedPolicyDocument: "+tt.want)
		})
	}
}

func FuzzParseIdentityPolicy(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"Bool":{"aws:a":[true,1,"x"]}}}]}`)
	f.Add(`{"Statement":{"Principal":"*"}}`)
	f.Fuzz(func(t *testing.T, policy string) {
		doc, err := iam.ParseIdentityPolicy([]byte(policy))
		if err == nil {
			assert.NotEmpty(t, doc.Statement)
		}
	})
}
