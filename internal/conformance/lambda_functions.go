package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func lambdaFunctionCases() []Case {
	return []Case{
		{Name: "a function is described", Page: lambdaAPI("GetFunctionConfiguration"), Run: lambdaDescribe},
		{Name: "functions are listed", Page: lambdaAPI("ListFunctions"), Run: lambdaList},
		{Name: "a function that does not exist is not described", Page: lambdaAPI("GetFunction"), Run: lambdaDescribeNothing},
		{Name: "a new time-out counts at once", Page: lambdaAPI("UpdateFunctionConfiguration"), Run: lambdaUpdate},
		{Name: "reserved concurrency of 0 throttles", Page: lambdaGuide("configuration-concurrency"), Run: lambdaReservedNone},
		{Name: "reserved concurrency caps what runs at once", Page: lambdaGuide("configuration-concurrency"), Run: lambdaReservedOne},
		{Name: "reserved concurrency is read back and taken back", Page: lambdaAPI("PutFunctionConcurrency"), Run: lambdaReservation},
		{Name: "100 of the account's concurrency stay unreserved", Page: lambdaGuide("configuration-concurrency"), Run: lambdaUnreserved},
		{Name: "an invocation has an environment of its own", Page: lambdaGuide("lambda-concurrency"), Run: lambdaConcurrent},
	}
}

func lambdaDescribe(t *testing.T, c *Clients) {
	arn := c.Deploy(t, Function{Name: fresh(), Timeout: 17, Memory: 256})
	out, err := c.Lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &arn})
	require.NoError(t, err)
	assert.Equal(t, arn, aws.ToString(out.FunctionArn))
	assert.True(t, strings.HasSuffix(arn, ":function:"+aws.ToString(out.FunctionName)))
	assert.Equal(t, int32(17), aws.ToInt32(out.Timeout))
	assert.Equal(t, int32(256), aws.ToInt32(out.MemorySize))
	assert.Equal(t, "$LATEST", aws.ToString(out.Version))
	assert.Equal(t, lambdatypes.StateActive, out.State)
	assert.Equal(t, lambdatypes.LastUpdateStatusSuccessful, out.LastUpdateStatus)
}

func lambdaList(t *testing.T, c *Clients) {
	want := []string{c.function(t, 30), c.function(t, 30)}
	var found []string
	pages := lambda.NewListFunctionsPaginator(c.Lambda, &lambda.ListFunctionsInput{MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		assert.LessOrEqual(t, len(page.Functions), 1)
		for _, f := range page.Functions {
			found = append(found, aws.ToString(f.FunctionArn))
		}
	}
	assert.Subset(t, found, want)
}

func lambdaDescribeNothing(t *testing.T, c *Clients) {
	missing := c.function(t, 30) + "-absent"
	_, err := c.Lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &missing})
	fails[*lambdatypes.ResourceNotFoundException](t, err, "Function not found: "+missing)
	_, err = c.Lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: &missing})
	fails[*lambdatypes.ResourceNotFoundException](t, err, "Function not found: "+missing)
}

func lambdaUpdate(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	_, err := c.Lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &function, Timeout: aws.Int32(1)})
	require.NoError(t, err)
	eventually(t, time.Minute, func() bool {
		out, err := c.Lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &function})
		require.NoError(t, err)
		return out.LastUpdateStatus == lambdatypes.LastUpdateStatusSuccessful
	})
	assert.Contains(t, failed(t, c.invoke(t, function, `{"sleepMs":4000}`)).ErrorMessage, "Task timed out after 1.00 seconds")
}

func (c *Clients) reserve(t *testing.T, function string, n int32) error {
	t.Helper()
	_, err := c.Lambda.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{
		FunctionName: &function, ReservedConcurrentExecutions: &n,
	})
	return err
}

func lambdaReservedNone(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	require.NoError(t, c.reserve(t, function, 0))
	_, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function})
	e := fails[*lambdatypes.TooManyRequestsException](t, err, "Rate Exceeded.")
	assert.Equal(t, lambdatypes.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded, e.Reason)
}

func lambdaReservedOne(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	require.NoError(t, c.reserve(t, function, 1))
	done := make(chan error, 1)
	go func() {
		_, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: []byte(`{"sleepMs":4000}`)})
		done <- err
	}()
	wait(t, 1500*time.Millisecond)
	_, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: []byte(`1`)})
	fails[*lambdatypes.TooManyRequestsException](t, err, "Rate Exceeded.")
	require.NoError(t, <-done)
	assert.Equal(t, `1`, string(c.invoke(t, function, `1`).Payload))
}

func lambdaReservation(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	reserved := func() *int32 {
		out, err := c.Lambda.GetFunctionConcurrency(t.Context(), &lambda.GetFunctionConcurrencyInput{FunctionName: &function})
		require.NoError(t, err)
		return out.ReservedConcurrentExecutions
	}
	assert.Nil(t, reserved())
	require.NoError(t, c.reserve(t, function, 3))
	assert.Equal(t, aws.Int32(3), reserved())
	_, err := c.Lambda.DeleteFunctionConcurrency(t.Context(), &lambda.DeleteFunctionConcurrencyInput{FunctionName: &function})
	require.NoError(t, err)
	assert.Nil(t, reserved())
}

func lambdaUnreserved(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	out, err := c.Lambda.GetAccountSettings(t.Context(), &lambda.GetAccountSettingsInput{})
	require.NoError(t, err)
	// Every reservation that would leave fewer than 100 is refused.
	err = c.reserve(t, function, out.AccountLimit.ConcurrentExecutions-99)
	fails[*lambdatypes.InvalidParameterValueException](t, err, "Specified ReservedConcurrentExecutions for function decreases account's "+
		"UnreservedConcurrentExecution below its minimum value of [100].")
}

func lambdaConcurrent(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	const n = 3
	done := make(chan error, n)
	elapsed := took(func() {
		for range n {
			go func() {
				_, err := c.Lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &function, Payload: []byte(`{"sleepMs":3000}`)})
				done <- err
			}()
		}
		for range n {
			require.NoError(t, <-done)
		}
	})
	assert.Less(t, elapsed, 6*time.Second, "they ran one after another")
}
