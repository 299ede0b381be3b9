package lambda_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

func (s *service) provide(kind, name, properties string) (api.Resource, error) {
	return s.Providers()["AWS::Lambda::"+kind].Create(context.Background(), api.ResourceRequest{
		Stack: "fleet", LogicalID: "Thing", Type: "AWS::Lambda::" + kind, Name: name, Properties: []byte(properties),
	})
}

func TestProviders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{Resolve: func(path string) (lambda.Code, error) {
			if path != "./functions/poll" {
				return nil, errors.New("no such path")
			}
			return lambda.Func(echo), nil
		}})
		made, err := s.provide("Function", "fleet-Poll-ABC", `{
			"Code":"./functions/poll","Handler":"bootstrap","Runtime":"provided.al2023","Architectures":["arm64"],
			"Role":"arn:aws:iam::123456789012:role/poll","Timeout":"60","MemorySize":256,"ReservedConcurrentExecutions":"7",
			"Environment":{"Variables":{"TABLE":"fleets"}},"Description":"Polls","LoggingConfig":{"LogGroup":"/fleet/poll"},
			"TracingConfig":{"Mode":"Active"},"KmsKeyArn":"key","EphemeralStorage":{"Size":1024},"Tags":[{"Key":"k","Value":"v"}]}`)
		require.NoError(t, err)
		assert.Equal(t, api.Resource{Ref: "fleet-Poll-ABC", Attributes: map[string]string{"Arn": "arn:aws:lambda:eu-central-1:123456789012:function:fleet-Poll-ABC"}}, made)
		out, err := s.call(t, "GetFunction", `{"FunctionName":"fleet-Poll-ABC"}`)
		require.NoError(t, err)
		for _, part := range []string{
			`"Runtime":"provided.al2023"`, `"Role":"arn:aws:iam::123456789012:role/poll"`, `"Timeout":60`, `"MemorySize":256`,
			`"Architectures":["arm64"]`, `"Environment":{"Variables":{"TABLE":"fleets"}}`, `"LogGroup":"/fleet/poll"`,
			`"TracingConfig":{"Mode":"Active"}`, `"KMSKeyArn":"key"`, `"EphemeralStorage":{"Size":1024}`,
			`"Concurrency":{"ReservedConcurrentExecutions":7}`, `"Tags":{"k":"v"}`, `"Description":"Polls"`,
		} {
			assert.Contains(t, out, part)
		}

		_, err = s.provide("EventInvokeConfig", "config", `{"FunctionName":"fleet-Poll-ABC","Qualifier":"$LATEST","MaximumRetryAttempts":"0"}`)
		require.NoError(t, err)
		out, err = s.call(t, "GetFunctionEventInvokeConfig", `{"FunctionName":"fleet-Poll-ABC"}`)
		require.NoError(t, err)
		assert.Contains(t, out, `"MaximumRetryAttempts":0`)

		permission, err := s.provide("Permission", "permission", `{"FunctionName":"`+made.Attributes["Arn"]+`","Action":"lambda:InvokeFunction","Principal":"events.amazonaws.com","SourceArn":"arn:aws:events:eu-central-1:123456789012:rule/r"}`)
		require.NoError(t, err)
		assert.Equal(t, "permission", permission.Ref)
		assert.Equal(t, map[string]lambda.Permission{"permission": {Action: "lambda:InvokeFunction", Principal: "events.amazonaws.com", SourceArn: "arn:aws:events:eu-central-1:123456789012:rule/r"}}, s.Permissions("fleet-Poll-ABC"))
	})
}

func TestProvidersRefuse(t *testing.T) {
	s := newService(t, lambda.Options{})
	for _, c := range []struct{ kind, properties, message string }{
		{"Function", `{"VpcConfig":{}}`, `ValidationException: The embedded runtime does not know the member "VpcConfig" of functionProperties.`},
		{"Function", `{"Code":{"S3Bucket":"b","S3Key":"k"}}`, "InvalidParameterValueException: The embedded runtime was given no S3 to take code from."},
		{"Function", `{"Code":{"ZipFile":"x"},"Runtime":"provided.al2023"}`, "InvalidParameterValueException: ZipFile can only be used with the Node.js and Python runtimes, not with provided.al2023."},
		{"Function", `{"Code":"/nowhere","Runtime":"provided.al2023"}`, "there is no file /nowhere: build it, or correct the path"},
		{"Function", `{"Code":"/nowhere","Runtime":"java21"}`, `the embedded runtime runs provided.al2023, python and nodejs functions, not "java21"`},
		{"Function", `{"Code":"x","Timeout":0}`, "ValidationException: 1 validation error detected: Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"Function", `{"Code":"x","Timeout":"soon"}`, `SerializationException: "soon" is not a whole number`},
		{"Permission", `{"FunctionName":"nope","Action":"a","Principal":"p"}`, "ResourceNotFoundException: Function not found: arn:aws:lambda:eu-central-1:123456789012:function:nope"},
		{"EventInvokeConfig", `{"FunctionName":"nope"}`, "ResourceNotFoundException: Function not found: arn:aws:lambda:eu-central-1:123456789012:function:nope"},
	} {
		_, err := s.provide(c.kind, "name", c.properties)
		assert.EqualError(t, err, c.message, c.properties)
	}
	assert.NotContains(t, s.Providers(), "AWS::Lambda::LayerVersion")
}

func TestInlineCode(t *testing.T) {
	s := newService(t, lambda.Options{})
	_, err := s.provide("Function", "work", `{"Runtime":"python3.13","Handler":"index.handler","Timeout":20,"Code":{"ZipFile":"def handler(event, context):\n    return event['n'] + 1\n"}}`)
	if err != nil {
		assert.ErrorContains(t, err, "python3 is not in PATH")
		return
	}
	assert.Equal(t, "42", string(s.invoke(t, `{"n":41}`).Payload))
}

func TestGeneratedNamesFit(t *testing.T) {
	s := newService(t, lambda.Options{Resolve: func(string) (lambda.Code, error) { return lambda.Func(echo), nil }})
	made, err := s.provide("Function", "a-stack-with-a-very-long-name-indeed-AFunctionWithALongName-0123456789AB", `{"Code":"x"}`)
	require.NoError(t, err)
	assert.Equal(t, "a-stack-with-a-very-long-name-indeed-AFunctionWithA-0123456789AB", made.Ref)
	assert.Len(t, made.Ref, 64)
}

func TestPutChecksItsFunction(t *testing.T) {
	s := newService(t, lambda.Options{})
	for _, c := range []struct {
		function lambda.Function
		message  string
	}{
		{lambda.Function{Name: "a b", Code: lambda.Func(echo)}, "ValidationException: 1 validation error detected: Value 'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"},
		{lambda.Function{Name: "a"}, "InvalidParameterValueException: Please provide a source for function code."},
		{lambda.Function{Name: "a", Code: lambda.Func(echo), Timeout: -1}, "ValidationException: 1 validation error detected: Value '-1' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{lambda.Function{Name: "a", Code: lambda.Func(echo), MemorySize: 64}, "ValidationException: 1 validation error detected: Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"},
		{lambda.Function{Name: "a", Code: lambda.Func(echo), ReservedConcurrency: ptr(901)}, "InvalidParameterValueException: Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."},
		{lambda.Function{Name: "a", Code: lambda.Func(echo), DeadLetterTarget: "arn:aws:sns:eu-central-1:123456789012:t"}, "InvalidParameterValueException: The embedded runtime delivers dead letters to SQS queues only, not to arn:aws:sns:eu-central-1:123456789012:t."},
		{lambda.Function{Name: "a", Code: lambda.Func(echo), Environment: map[string]string{"1": "x"}}, "ValidationException: 1 validation error detected: Value '1' at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"},
		{lambda.Function{Name: "a", Code: lambda.Func(echo), Environment: map[string]string{"_HANDLER": "x"}}, "ValidationException: 1 validation error detected: Value '_HANDLER' at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"},
	} {
		assert.EqualError(t, s.Put(c.function), c.message)
	}
	assert.Empty(t, s.Stats())
}
