package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
)

// inMemory sends requests straight to a handler.
type inMemory struct{ handler http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			response, err = nil, io.ErrUnexpectedEOF
		}
	}()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

// client is the real SDK's client of the service.
func (s *service) client() *sdk.Client {
	return sdk.New(sdk.Options{
		Region:       "eu-central-1",
		BaseEndpoint: aws.String("http://127.0.0.1:4100"),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		HTTPClient:   &http.Client{Transport: inMemory{s.API().REST}},
		Retryer:      aws.NopRetryer{},
	})
}

func TestSDKInvoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		s.put(t, lambda.Function{Code: lambda.Func(func(ctx context.Context, payload []byte) ([]byte, error) {
			if string(payload) == `"fail"` {
				return nil, &CustomError{}
			}
			lc, _ := lambdacontext.FromContext(ctx)
			return fmt.Appendf(nil, `{"arn":%q,"client":%q,"payload":%s}`, lc.InvokedFunctionArn, lc.ClientContext.Custom["k"], payload), nil
		})})
		client := s.client()
		for _, name := range []string{
			"work", "work:$LATEST", "123456789012:function:work", "123456789012:work", "function:work",
			"arn:aws:lambda:eu-central-1:123456789012:function:work", "arn:aws:lambda:eu-central-1:123456789012:function:work:$LATEST",
		} {
			out, err := client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: &name})
			require.NoError(t, err, name)
			assert.EqualValues(t, 200, out.StatusCode)
			assert.Equal(t, "$LATEST", aws.ToString(out.ExecutedVersion))
			assert.Nil(t, out.FunctionError)
			arn := "arn:aws:lambda:eu-central-1:123456789012:function:work"
			if strings.HasSuffix(name, "$LATEST") {
				arn += ":$LATEST"
			}
			assert.JSONEq(t, `{"arn":"`+arn+`","client":"","payload":{}}`, string(out.Payload), name)
		}

		out, err := client.Invoke(t.Context(), &sdk.InvokeInput{
			FunctionName: aws.String("work"), Payload: []byte(`[1, 2]`), LogType: types.LogTypeTail,
			ClientContext: aws.String(base64.StdEncoding.EncodeToString([]byte(`{"custom":{"k":"v"}}`))),
		})
		require.NoError(t, err)
		assert.Contains(t, string(out.Payload), `"client":"v","payload":[1, 2]`)
		tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
		require.NoError(t, err)
		assert.Regexp(t, `^START RequestId: \S+ Version: \$LATEST\nEND RequestId: `, string(tail))

		out, err = client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("work"), Payload: []byte(`"fail"`)})
		require.NoError(t, err)
		assert.Equal(t, "Unhandled", aws.ToString(out.FunctionError))

		out, err = client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("work"), InvocationType: types.InvocationTypeEvent})
		require.NoError(t, err)
		assert.EqualValues(t, 202, out.StatusCode)
		out, err = client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("work"), InvocationType: types.InvocationTypeDryRun})
		require.NoError(t, err)
		assert.EqualValues(t, 204, out.StatusCode)
	})
}

func TestSDKInvokeErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, lambda.Options{})
		s.put(t, lambda.Function{Code: lambda.Func(echo), ReservedConcurrency: ptr(0)})
		client := s.client()
		for _, c := range []struct {
			name, code, message string
			in                  sdk.InvokeInput
		}{
			{"unknown function", "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-central-1:123456789012:function:nope",
				sdk.InvokeInput{FunctionName: aws.String("nope")}},
			{"unknown version", "ResourceNotFoundException", "Function not found: arn:aws:lambda:eu-central-1:123456789012:function:work:7",
				sdk.InvokeInput{FunctionName: aws.String("work"), Qualifier: aws.String("7")}},
			{"two qualifiers", "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier.",
				sdk.InvokeInput{FunctionName: aws.String("work:$LATEST"), Qualifier: aws.String("7")}},
			{"other region", "ResourceNotFoundException", "Functions from 'us-east-1' are not reachable in this region ('eu-central-1')",
				sdk.InvokeInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:123456789012:function:work")}},
			{"not JSON", "InvalidRequestContentException", "Could not parse request body into json: Could not parse payload into json: invalid character 'o' looking for beginning of value",
				sdk.InvokeInput{FunctionName: aws.String("work"), Payload: []byte("oops")}},
			{"too large", "RequestEntityTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
				sdk.InvokeInput{FunctionName: aws.String("work"), Payload: jsonOfSize(6<<20 + 1)}},
			{"too large an event", "RequestEntityTooLargeException", "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
				sdk.InvokeInput{FunctionName: aws.String("work"), Payload: jsonOfSize(1<<20 + 1), InvocationType: types.InvocationTypeEvent}},
			{"throttled", "TooManyRequestsException", "Rate Exceeded.",
				sdk.InvokeInput{FunctionName: aws.String("work"), Payload: jsonOfSize(6 << 20)}},
			{"tenant", "InvalidParameterValueException", "The embedded runtime does not know the header X-Amz-Tenant-Id.",
				sdk.InvokeInput{FunctionName: aws.String("work"), TenantId: aws.String("t")}},
		} {
			_, err := client.Invoke(t.Context(), &c.in)
			var e smithy.APIError
			require.ErrorAs(t, err, &e, c.name)
			assert.Equal(t, c.code, e.ErrorCode(), c.name)
			assert.Equal(t, c.message, e.ErrorMessage(), c.name)
		}
		_, err := client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("work")})
		var throttle *types.TooManyRequestsException
		require.ErrorAs(t, err, &throttle)
		assert.Equal(t, types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded, throttle.Reason)
		assert.Equal(t, "User", aws.ToString(throttle.Type))
		var missing *types.ResourceNotFoundException
		_, err = client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("nope")})
		require.ErrorAs(t, err, &missing)
		assert.Equal(t, "User", aws.ToString(missing.Type))

		s.router.Faults.Add(api.Fault{Service: "lambda", Kind: api.LoseReply})
		s.put(t, lambda.Function{Code: lambda.Func(echo)})
		_, err = client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("work")})
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "a lost reply is a connection that breaks")
	})
}

func jsonOfSize(n int) []byte { return []byte(`"` + strings.Repeat("x", n-2) + `"`) }

func TestRESTRefusesTheUnsigned(t *testing.T) {
	s := newService(t, lambda.Options{})
	w := httptest.NewRecorder()
	s.API().REST.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/2015-03-31/functions/", nil))
	assert.Equal(t, 403, w.Code)
	assert.Equal(t, "MissingAuthenticationTokenException", w.Header().Get("X-Amzn-Errortype"))
}

func TestSDKFunctions(t *testing.T) {
	s := newService(t, lambda.Options{})
	client := s.client()
	ctx := t.Context()
	for _, name := range []string{"b", "a", "c"} {
		s.put(t, lambda.Function{Name: name, Code: lambda.Func(echo), Role: "arn:aws:iam::123456789012:role/r", Environment: map[string]string{"KEY": "value"}})
	}
	list, err := client.ListFunctions(ctx, &sdk.ListFunctionsInput{MaxItems: aws.Int32(2)})
	require.NoError(t, err)
	require.Len(t, list.Functions, 2)
	assert.Equal(t, "a", aws.ToString(list.Functions[0].FunctionName))
	list, err = client.ListFunctions(ctx, &sdk.ListFunctionsInput{Marker: list.NextMarker})
	require.NoError(t, err)
	require.Len(t, list.Functions, 1)
	assert.Equal(t, "c", aws.ToString(list.Functions[0].FunctionName))
	assert.Nil(t, list.NextMarker)

	changed, err := client.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("a"), Timeout: aws.Int32(900), Description: aws.String("longer")})
	require.NoError(t, err)
	assert.EqualValues(t, 900, aws.ToInt32(changed.Timeout))
	_, err = client.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("a"), Timeout: aws.Int32(901)})
	assert.ErrorContains(t, err, "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900")
	var precondition *types.PreconditionFailedException
	_, err = client.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("a"), RevisionId: aws.String("old")})
	assert.ErrorAs(t, err, &precondition)
	_, err = client.UpdateFunctionConfiguration(ctx, &sdk.UpdateFunctionConfigurationInput{FunctionName: aws.String("a"), VpcConfig: &types.VpcConfig{}})
	assert.ErrorContains(t, err, `The embedded runtime does not know the member "VpcConfig"`)

	_, err = client.PutFunctionConcurrency(ctx, &sdk.PutFunctionConcurrencyInput{FunctionName: aws.String("a"), ReservedConcurrentExecutions: aws.Int32(5)})
	require.NoError(t, err)
	concurrency, err := client.GetFunctionConcurrency(ctx, &sdk.GetFunctionConcurrencyInput{FunctionName: aws.String("a")})
	require.NoError(t, err)
	assert.EqualValues(t, 5, aws.ToInt32(concurrency.ReservedConcurrentExecutions))
	settings, err := client.GetAccountSettings(ctx, &sdk.GetAccountSettingsInput{})
	require.NoError(t, err)
	assert.EqualValues(t, 1000, settings.AccountLimit.ConcurrentExecutions)
	assert.EqualValues(t, 995, aws.ToInt32(settings.AccountLimit.UnreservedConcurrentExecutions))
	got, err := client.GetFunction(ctx, &sdk.GetFunctionInput{FunctionName: aws.String("a")})
	require.NoError(t, err)
	assert.EqualValues(t, 5, aws.ToInt32(got.Concurrency.ReservedConcurrentExecutions))
	assert.Equal(t, "longer", aws.ToString(got.Configuration.Description))
	assert.Equal(t, map[string]string{"KEY": "value"}, got.Configuration.Environment.Variables)
	assert.Equal(t, types.StateActive, got.Configuration.State)
	_, err = client.DeleteFunctionConcurrency(ctx, &sdk.DeleteFunctionConcurrencyInput{FunctionName: aws.String("a")})
	require.NoError(t, err)

	config, err := client.PutFunctionEventInvokeConfig(ctx, &sdk.PutFunctionEventInvokeConfigInput{FunctionName: aws.String("a"), MaximumRetryAttempts: aws.Int32(0)})
	require.NoError(t, err)
	assert.EqualValues(t, 0, aws.ToInt32(config.MaximumRetryAttempts))
	assert.NotNil(t, config.LastModified)

	_, err = client.DeleteFunction(ctx, &sdk.DeleteFunctionInput{FunctionName: aws.String("a")})
	require.NoError(t, err)
	var missing *types.ResourceNotFoundException
	_, err = client.GetFunctionConfiguration(ctx, &sdk.GetFunctionConfigurationInput{FunctionName: aws.String("a")})
	assert.ErrorAs(t, err, &missing)
	_, err = client.ListLayers(ctx, &sdk.ListLayersInput{})
	assert.ErrorContains(t, err, "The embedded runtime does not know the Lambda operation GET /2018-10-31/layers.")
}

func TestSDKCreateFunction(t *testing.T) {
	s := newService(t, lambda.Options{})
	client := s.client()
	binary, err := os.Executable()
	require.NoError(t, err)
	in := sdk.CreateFunctionInput{
		FunctionName: aws.String("made"), Role: aws.String("arn:aws:iam::123456789012:role/r"),
		Runtime: types.RuntimeProvidedal2023, Handler: aws.String("bootstrap"), Timeout: aws.Int32(30),
		Code:        &types.FunctionCode{ZipFile: zipped(t, "bootstrap", []byte("#!/bin/sh\nexec "+binary+"\n"))},
		Environment: &types.Environment{Variables: map[string]string{asBootstrap: "serve"}},
	}
	made, err := client.CreateFunction(t.Context(), &in)
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:lambda:eu-central-1:123456789012:function:made", aws.ToString(made.FunctionArn))
	out, err := client.Invoke(t.Context(), &sdk.InvokeInput{FunctionName: aws.String("made"), Payload: []byte(`{"Text":"unzipped"}`)})
	require.NoError(t, err)
	ran := decode[answer](t, out.Payload)
	assert.Equal(t, "unzipped", ran.Text)
	require.DirExists(t, ran.Env["LAMBDA_TASK_ROOT"])

	var conflict *types.ResourceConflictException
	_, err = client.CreateFunction(t.Context(), &in)
	require.ErrorAs(t, err, &conflict)
	assert.Equal(t, "Function already exist: made", conflict.ErrorMessage())
	for _, c := range []struct {
		message string
		change  func(*sdk.CreateFunctionInput)
	}{
		{"Could not unzip uploaded file. Please check your file, then try to upload again.", func(in *sdk.CreateFunctionInput) { in.Code = &types.FunctionCode{ZipFile: []byte("no zip")} }},
		{"Could not unzip uploaded file", func(in *sdk.CreateFunctionInput) {
			in.Code = &types.FunctionCode{ZipFile: zipped(t, "../../escape", []byte("x"))}
		}},
		{"was given no S3", func(in *sdk.CreateFunctionInput) {
			in.Code = &types.FunctionCode{S3Bucket: aws.String("bucket"), S3Key: aws.String("key")}
		}},
		{"there is no file", func(in *sdk.CreateFunctionInput) {
			in.Code = &types.FunctionCode{ZipFile: zipped(t, "readme", []byte("x"))}
		}},
		{`not "java21"`, func(in *sdk.CreateFunctionInput) { in.Runtime = types.RuntimeJava21 }},
		{"AWS_REGION", func(in *sdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"AWS_REGION": "x"}}
		}},
		{"4KB limit", func(in *sdk.CreateFunctionInput) {
			in.Environment = &types.Environment{Variables: map[string]string{"BIG": strings.Repeat("x", 4096)}}
		}},
	} {
		other := in
		other.FunctionName = aws.String("other")
		c.change(&other)
		_, err := client.CreateFunction(t.Context(), &other)
		var e smithy.APIError
		require.ErrorAs(t, err, &e, c.message)
		assert.Equal(t, "InvalidParameterValueException", e.ErrorCode())
		assert.Contains(t, e.ErrorMessage(), c.message)
	}
	s.Close()
	_, err = os.Stat(ran.Env["LAMBDA_TASK_ROOT"])
	assert.ErrorIs(t, err, os.ErrNotExist, "packages go with the service")
}

func zipped(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(0o755)
	file, err := w.CreateHeader(header)
	require.NoError(t, err)
	_, err = file.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return archive.Bytes()
}

func TestOperationInvoke(t *testing.T) {
	s := newService(t, lambda.Options{})
	s.put(t, lambda.Function{Code: lambda.Func(echo)})
	for _, payload := range []string{`{"a":[1]}`, `"{\"a\":[1]}"`} {
		out, err := s.call(t, "Invoke", `{"FunctionName":"work","Payload":`+payload+`}`)
		require.NoError(t, err)
		assert.Equal(t, `{"StatusCode":200,"ExecutedVersion":"$LATEST","Payload":"{\"a\":[1]}"}`, out)
	}
	_, err := s.call(t, "Invoke", `{"FunctionName":"work","Nonsense":1}`)
	requireError(t, err, "ValidationException", `The embedded runtime does not know the member "Nonsense" of InvokeInput.`)
	_, err = s.call(t, "Invoke", `{"FunctionName":"work","InvocationType":"Sometimes"}`)
	requireError(t, err, "ValidationException", "1 validation error detected: Value 'Sometimes' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]")
}
