package conformance

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func lambdaAsyncCases() []Case {
	page := lambdaGuide("invocation-async-error-handling")
	return []Case{
		{Name: "an event is accepted, then handled", Page: lambdaGuide("invocation-async"), Run: lambdaEvent},
		{Name: "an event has 1 MB at most", Page: lambdaGuide("gettingstarted-limits"), Run: lambdaLongEvent},
		{Name: "an event that fails is tried three times in all, after one minute and two more", Page: page, Long: true, Run: lambdaEventRetries},
		{Name: "retries are switched off", Page: lambdaAPI("PutFunctionEventInvokeConfig"), Long: true, Run: lambdaEventNoRetries},
		{Name: "an event that failed for good goes to its destination", Page: lambdaGuide("invocation-async-retain-records"), Run: lambdaDestination},
		{Name: "the settings of asynchronous invocations are read back", Page: lambdaAPI("GetFunctionEventInvokeConfig"), Run: lambdaEventConfig},
	}
}

// event invokes a function asynchronously and returns the request's ID.
func (c *Clients) event(t *testing.T, function, payload string) string {
	t.Helper()
	out, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: &function, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(payload),
	})
	require.NoError(t, err)
	assert.Equal(t, int32(202), out.StatusCode)
	assert.Empty(t, out.Payload)
	request, _ := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata)
	return request
}

func lambdaEvent(t *testing.T, c *Clients) {
	function, queue := c.function(t, 30), c.queue(t, nil)
	request := c.event(t, function, `{"report":`+quoted(t, queue)+`}`)
	assert.Equal(t, request, *c.receiveOne(t, queue, waiting(20)).Body)
}

func lambdaLongEvent(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	_, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: &function, InvocationType: lambdatypes.InvocationTypeEvent, Payload: []byte(`"` + strings.Repeat("x", 1_048_576) + `"`),
	})
	tooLarge(t, err)
}

// reports collects what is reported to a queue while so much time passes: the
// request IDs, and when each came.
func (c *Clients) reports(t *testing.T, queue string, during time.Duration) (ids []string, at []time.Time) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); {
		for _, m := range c.receive(t, queue, waiting(20)) {
			ids, at = append(ids, *m.Body), append(at, time.Now())
			c.deleteMessage(t, queue, m.ReceiptHandle)
		}
	}
	return ids, at
}

func lambdaEventRetries(t *testing.T, c *Clients) {
	function, queue := c.function(t, 30), c.queue(t, nil)
	request := c.event(t, function, `{"error":"boom","report":`+quoted(t, queue)+`}`)
	ids, at := c.reports(t, queue, 8*time.Minute)
	require.Equal(t, []string{request, request, request}, ids)
	assert.InDelta(t, 60, at[1].Sub(at[0]).Seconds(), 15)
	assert.InDelta(t, 120, at[2].Sub(at[1]).Seconds(), 20)
}

func lambdaEventNoRetries(t *testing.T, c *Clients) {
	function, queue := c.function(t, 30), c.queue(t, nil)
	c.eventConfig(t, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: &function, MaximumRetryAttempts: aws.Int32(0)})
	request := c.event(t, function, `{"error":"boom","report":`+quoted(t, queue)+`}`)
	ids, _ := c.reports(t, queue, 2*time.Minute)
	assert.Equal(t, []string{request}, ids)
}

func (c *Clients) eventConfig(t *testing.T, in *lambda.PutFunctionEventInvokeConfigInput) {
	t.Helper()
	_, err := c.Lambda.PutFunctionEventInvokeConfig(t.Context(), in)
	require.NoError(t, err)
}

func lambdaDestination(t *testing.T, c *Clients) {
	function, queue := c.function(t, 30), c.queue(t, nil)
	c.eventConfig(t, &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: &function, MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: aws.String(c.queueARN(t, queue))}},
	})
	request := c.event(t, function, `{"error":"boom"}`)
	var record struct {
		Version        string
		RequestContext struct {
			RequestID, FunctionArn, Condition string
			ApproximateInvokeCount            int
		}
		RequestPayload  map[string]string
		ResponseContext struct {
			StatusCode                     int
			ExecutedVersion, FunctionError string
		}
		ResponsePayload failure
	}
	require.NoError(t, json.Unmarshal([]byte(*c.receiveOne(t, queue, waiting(20)).Body), &record))
	assert.Equal(t, "1.0", record.Version)
	assert.Equal(t, request, record.RequestContext.RequestID)
	assert.Equal(t, function+":$LATEST", record.RequestContext.FunctionArn)
	assert.Equal(t, "RetriesExhausted", record.RequestContext.Condition)
	assert.Equal(t, 1, record.RequestContext.ApproximateInvokeCount)
	assert.Equal(t, map[string]string{"error": "boom"}, record.RequestPayload)
	assert.Equal(t, 200, record.ResponseContext.StatusCode)
	assert.Equal(t, "$LATEST", record.ResponseContext.ExecutedVersion)
	assert.Equal(t, "Unhandled", record.ResponseContext.FunctionError)
	assert.Equal(t, failure{"CustomError", "boom"}, record.ResponsePayload)
}

func lambdaEventConfig(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	_, err := c.Lambda.GetFunctionEventInvokeConfig(t.Context(), &lambda.GetFunctionEventInvokeConfigInput{FunctionName: &function})
	fails[*lambdatypes.ResourceNotFoundException](t, err, "The function "+function+":$LATEST doesn't have an EventInvokeConfig")
	c.eventConfig(t, &lambda.PutFunctionEventInvokeConfigInput{
		FunctionName: &function, MaximumRetryAttempts: aws.Int32(1), MaximumEventAgeInSeconds: aws.Int32(60),
	})
	out, err := c.Lambda.GetFunctionEventInvokeConfig(t.Context(), &lambda.GetFunctionEventInvokeConfigInput{FunctionName: &function})
	require.NoError(t, err)
	assert.Equal(t, int32(1), aws.ToInt32(out.MaximumRetryAttempts))
	assert.Equal(t, int32(60), aws.ToInt32(out.MaximumEventAgeInSeconds))
}
