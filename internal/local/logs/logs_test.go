package logs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/logs"
)

func newService() *logs.Service {
	router := api.NewRouter(1)
	s := logs.New(&api.Account{ID: "000000000000", Region: "us-east-1", Partition: "aws"}, router, nil)
	router.Add(s.API())
	return s
}

func TestGroupsAreKept(t *testing.T) {
	s := newService()
	provide := s.Providers()["AWS::Logs::LogGroup"].Create
	named, err := provide(t.Context(), api.ResourceRequest{Name: "unused", Properties: []byte(`{
		"LogGroupName": "/aws/lambda/pump", "RetentionInDays": 14, "KmsKeyId": "key", "Tags": [{"Key": "fleet", "Value": "jobs"}]}`)})
	require.NoError(t, err)
	assert.Equal(t, api.Resource{Ref: "/aws/lambda/pump", Attributes: map[string]string{
		"Arn": "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/pump:*"}}, named)

	nameless, err := provide(t.Context(), api.ResourceRequest{Name: "jobs-Logs-AAAA", Properties: []byte(`{"LogGroupClass": "INFREQUENT_ACCESS"}`)})
	require.NoError(t, err)
	assert.Equal(t, "jobs-Logs-AAAA", nameless.Ref)

	groups := s.Groups()
	for i := range groups {
		groups[i].Created = time.Time{}
	}
	assert.Equal(t, []logs.Group{
		{Name: "/aws/lambda/pump", ARN: "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/pump:*", Class: "STANDARD",
			RetentionInDays: 14, KMSKeyID: "key", Tags: map[string]string{"fleet": "jobs"}},
		{Name: "jobs-Logs-AAAA", ARN: "arn:aws:logs:us-east-1:000000000000:log-group:jobs-Logs-AAAA:*", Class: "INFREQUENT_ACCESS",
			Tags: map[string]string{}},
	}, groups)
}

func TestRefusals(t *testing.T) {
	s := newService()
	provide := s.Providers()["AWS::Logs::LogGroup"].Create
	_, err := provide(t.Context(), api.ResourceRequest{Properties: []byte(`{"LogGroupName": "taken"}`)})
	require.NoError(t, err)
	tests := []struct{ name, properties, want string }{
		{"exists", `{"LogGroupName": "taken"}`, "ResourceAlreadyExistsException: The specified log group already exists"},
		{"unknown property", `{"DataProtectionPolicy": {}}`, `ValidationException: The embedded runtime does not know the member "DataProtectionPolicy" of LogGroupProperties.`},
		{"name", `{"LogGroupName": "a b"}`, `InvalidParameterException: 1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`},
		{"class", `{"LogGroupName": "a", "LogGroupClass": "COLD"}`, "InvalidParameterException: 1 validation error detected: Value 'COLD' at 'logGroupClass' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]"},
		{"retention", `{"LogGroupName": "a", "RetentionInDays": 2}`, "InvalidParameterException: 1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]"},
		{"long name", `{"LogGroupName": "` + strings.Repeat("a", 513) + `"}`, "InvalidParameterException: 1 validation error detected: Value '" + strings.Repeat("a", 513) + `' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := provide(t.Context(), api.ResourceRequest{Properties: []byte(tt.properties)})
			assert.EqualError(t, err, tt.want)
		})
	}
	assert.Len(t, s.Groups(), 1)
}
