package conformance

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func lambdaInvokeCases() []Case {
	page := lambdaAPI("Invoke")
	return []Case{
		{Name: "an invocation answers what the function answered", Page: page, Run: lambdaEcho},
		{Name: "a payload is any JSON", Page: page, Run: lambdaAnyJSON},
		{Name: "a payload that is no JSON is refused", Page: page, Run: lambdaNoJSON},
		{Name: "a function is known by its name, its ARN or a part of it", Page: page, Run: lambdaNames},
		{Name: "a function that does not exist", Page: page, Run: lambdaNoFunction},
		{Name: "a version that does not exist", Page: page, Run: lambdaNoVersion},
		{Name: "an error of the function is an answer of 200", Page: lambdaGuide("invocation-sync"), Run: lambdaError},
		{Name: "a function that takes too long is ended", Page: lambdaGuide("troubleshooting-invocation"), Run: lambdaTimeout},
		{Name: "a function that exits", Page: lambdaGuide("troubleshooting-invocation"), Process: true, Run: lambdaExit},
		{Name: "an answer has 6 MB at most", Page: lambdaGuide("gettingstarted-limits"), Run: lambdaLongAnswer},
		{Name: "a payload has 6 MB at most", Page: lambdaGuide("gettingstarted-limits"), Run: lambdaLongPayload},
		{Name: "an invocation knows its request, its function and its deadline", Page: lambdaGuide("golang-context"), Run: lambdaContext},
		{Name: "a dry run runs nothing", Page: page, Run: lambdaDryRun},
		{Name: "the end of the log is answered when asked for", Page: page, Process: true, Run: lambdaTail},
		{Name: "an invocation outlives its caller", Page: lambdaGuide("invocation-sync"), Run: lambdaCallerGone},
	}
}

func (c *Clients) invoke(t *testing.T, function, payload string) *lambda.InvokeOutput {
	t.Helper()
	out, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: []byte(payload)})
	require.NoError(t, err)
	return out
}

// failure is what a function error's payload says.
type failure struct{ ErrorType, ErrorMessage string }

// failed checks that an invocation ended in a function error and returns it.
func failed(t *testing.T, out *lambda.InvokeOutput) (f failure) {
	t.Helper()
	assert.Equal(t, int32(200), out.StatusCode)
	assert.Equal(t, "Unhandled", aws.ToString(out.FunctionError))
	require.NoError(t, json.Unmarshal(out.Payload, &f))
	return f
}

func lambdaEcho(t *testing.T, c *Clients) {
	out := c.invoke(t, c.function(t, 30), `{"value":{"a":[1,"é"]}}`)
	assert.JSONEq(t, `{"a":[1,"é"]}`, string(out.Payload))
	assert.Equal(t, int32(200), out.StatusCode)
	assert.Equal(t, "$LATEST", aws.ToString(out.ExecutedVersion))
	assert.Nil(t, out.FunctionError)
	assert.Nil(t, out.LogResult)
}

func lambdaAnyJSON(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	for _, payload := range []string{`"text"`, `7`, `[1,2]`, `true`, `null`} {
		assert.JSONEq(t, payload, string(c.invoke(t, function, payload).Payload))
	}
}

func lambdaNoJSON(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	for _, payload := range []string{`not json`, `{"a":`, "body-n\x87r\x9e"} {
		_, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: []byte(payload)})
		fails[*lambdatypes.InvalidRequestContentException](t, err, "")
		assert.ErrorContains(t, err, "Could not parse request body into json: Could not parse payload into json: ")
	}
}

func lambdaNames(t *testing.T, c *Clients) {
	arn := c.function(t, 30)
	parts := strings.Split(arn, ":")
	name, account := parts[6], parts[4]
	for _, known := range []string{name, arn, account + ":function:" + name, name + ":$LATEST", arn + ":$LATEST"} {
		assert.Equal(t, `1`, string(c.invoke(t, known, `1`).Payload), known)
	}
	out, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name, Qualifier: aws.String("$LATEST")})
	require.NoError(t, err)
	assert.Equal(t, "$LATEST", aws.ToString(out.ExecutedVersion))
}

func lambdaNoFunction(t *testing.T, c *Clients) {
	missing := c.function(t, 30) + "-absent"
	for _, kind := range []lambdatypes.InvocationType{lambdatypes.InvocationTypeRequestResponse, lambdatypes.InvocationTypeEvent} {
		_, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &missing, InvocationType: kind})
		fails[*lambdatypes.ResourceNotFoundException](t, err, "Function not found: "+missing)
	}
}

func lambdaNoVersion(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	_, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Qualifier: aws.String("7")})
	fails[*lambdatypes.ResourceNotFoundException](t, err, "Function not found: "+function+":7")
}

func lambdaError(t *testing.T, c *Clients) {
	assert.Equal(t, failure{"CustomError", "boom"}, failed(t, c.invoke(t, c.function(t, 30), `{"error":"boom"}`)))
}

func lambdaTimeout(t *testing.T, c *Clients) {
	function := c.function(t, 1)
	elapsed := took(func() {
		f := failed(t, c.invoke(t, function, `{"sleepMs":5000}`))
		assert.Contains(t, f.ErrorMessage, "Task timed out after 1.00 seconds")
	})
	assert.Less(t, elapsed, 4500*time.Millisecond)
	assert.Equal(t, `1`, string(c.invoke(t, function, `1`).Payload), "the next invocation works")
}

func lambdaExit(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	f := failed(t, c.invoke(t, function, `{"exit":3}`))
	assert.Equal(t, "Runtime.ExitError", f.ErrorType)
	assert.Regexp(t, `^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 3$`, f.ErrorMessage)
	assert.Equal(t, `1`, string(c.invoke(t, function, `1`).Payload), "the next invocation works")
}

func lambdaLongAnswer(t *testing.T, c *Clients) {
	f := failed(t, c.invoke(t, c.function(t, 30), `{"fill":6300000}`))
	assert.Equal(t, "Function.ResponseSizeTooLarge", f.ErrorType)
}

func lambdaLongPayload(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	_, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: []byte(`"` + strings.Repeat("x", 6_300_000) + `"`)})
	tooLarge(t, err)
}

// tooLarge checks that a request was too long. Lambda's API names the error
// RequestTooLargeException; its front end says RequestEntityTooLargeException.
func tooLarge(t *testing.T, err error) {
	t.Helper()
	var response *awshttp.ResponseError
	require.ErrorAs(t, err, &response)
	assert.Equal(t, 413, response.HTTPStatusCode())
	var e smithy.APIError
	require.ErrorAs(t, err, &e)
	assert.Contains(t, []string{"RequestTooLargeException", "RequestEntityTooLargeException"}, e.ErrorCode())
}

func lambdaContext(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	out := c.invoke(t, function, `{"about":true}`)
	var about struct {
		RequestID, FunctionARN string
		LeftMs                 int
	}
	require.NoError(t, json.Unmarshal(out.Payload, &about))
	request, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	assert.Equal(t, request, about.RequestID)
	assert.Equal(t, function, about.FunctionARN)
	assert.Greater(t, about.LeftMs, 20_000)
	assert.LessOrEqual(t, about.LeftMs, 30_000)
}

func lambdaDryRun(t *testing.T, c *Clients) {
	function, queue := c.function(t, 30), c.queue(t, nil)
	out, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: &function, InvocationType: lambdatypes.InvocationTypeDryRun, Payload: []byte(`{"report":` + quoted(t, queue) + `}`),
	})
	require.NoError(t, err)
	assert.Equal(t, int32(204), out.StatusCode)
	assert.Empty(t, out.Payload)
	assert.Empty(t, c.receive(t, queue))
}

func lambdaTail(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	out, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, LogType: lambdatypes.LogTypeTail, Payload: []byte(`1`)})
	require.NoError(t, err)
	tail, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	require.NoError(t, err)
	request, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	assert.Regexp(t, "REPORT RequestId: "+regexp.QuoteMeta(request), string(tail))
	assert.LessOrEqual(t, len(tail), 4096)
}

func lambdaCallerGone(t *testing.T, c *Clients) {
	function, queue := c.function(t, 30), c.queue(t, nil)
	c.invoke(t, function, `1`) // so that the next one starts at once
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	_, err := c.Lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Payload: []byte(`{"sleepMs":3000,"report":` + quoted(t, queue) + `}`)})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	c.receiveOne(t, queue, waiting(20))
}
