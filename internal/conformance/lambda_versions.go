package conformance

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func lambdaVersionCases() []Case {
	return []Case{
		{Name: "publishing without a change is the same version", Page: lambdaAPI("PublishVersion"), Run: lambdaPublishTwice},
		{Name: "a version keeps its settings", Page: lambdaGuide("configuration-versions"), Run: lambdaVersionStays},
		{Name: "an alias is moved to another version", Page: lambdaGuide("configuration-aliases"), Run: lambdaAliasMoves},
		{Name: "a version that an alias names is not deleted", Page: lambdaAPI("DeleteFunction"), Run: lambdaVersionInUse},
	}
}

func (c *Clients) publish(t *testing.T, function string) string {
	t.Helper()
	out, err := c.Lambda.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: &function})
	require.NoError(t, err)
	return aws.ToString(out.Version)
}

// timeout changes a function's time-out and waits until it counts.
func (c *Clients) timeout(t *testing.T, function string, seconds int32) {
	t.Helper()
	_, err := c.Lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &function, Timeout: &seconds})
	require.NoError(t, err)
	eventually(t, time.Minute, func() bool {
		out, err := c.Lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &function})
		require.NoError(t, err)
		return out.LastUpdateStatus == lambdatypes.LastUpdateStatusSuccessful
	})
}

func lambdaPublishTwice(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	assert.Equal(t, "1", c.publish(t, function))
	assert.Equal(t, "1", c.publish(t, function))
	c.timeout(t, function, 29)
	assert.Equal(t, "2", c.publish(t, function))
	out, err := c.Lambda.ListVersionsByFunction(t.Context(), &lambda.ListVersionsByFunctionInput{FunctionName: &function})
	require.NoError(t, err)
	var versions []string
	for _, v := range out.Versions {
		versions = append(versions, aws.ToString(v.Version))
	}
	assert.Equal(t, []string{"$LATEST", "1", "2"}, versions)
}

func lambdaVersionStays(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	version := c.publish(t, function)
	c.timeout(t, function, 1)
	assert.Contains(t, failed(t, c.invoke(t, function, `{"sleepMs":4000}`)).ErrorMessage, "Task timed out after 1.00 seconds")
	out := c.invoke(t, function+":"+version, `{"sleepMs":2000}`)
	assert.Nil(t, out.FunctionError)
	assert.Equal(t, version, aws.ToString(out.ExecutedVersion))
	_, err := c.Lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: &function, Qualifier: aws.String("7")})
	fails[*lambdatypes.ResourceNotFoundException](t, err, "Function not found: "+function+":7")
}

func lambdaAliasMoves(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	first := c.publish(t, function)
	live := aws.String("live")
	made, err := c.Lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &function, Name: live, FunctionVersion: &first})
	require.NoError(t, err)
	assert.Equal(t, function+":live", aws.ToString(made.AliasArn))
	assert.Equal(t, first, aws.ToString(c.invoke(t, function+":live", `{}`).ExecutedVersion))
	c.timeout(t, function, 29)
	second := c.publish(t, function)
	_, err = c.Lambda.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: &function, Name: live, FunctionVersion: &second})
	require.NoError(t, err)
	eventually(t, time.Minute, func() bool {
		return aws.ToString(c.invoke(t, function+":live", `{}`).ExecutedVersion) == second
	})
}

func lambdaVersionInUse(t *testing.T, c *Clients) {
	function := c.function(t, 30)
	version := c.publish(t, function)
	_, err := c.Lambda.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &function, Name: aws.String("live"), FunctionVersion: &version})
	require.NoError(t, err)
	_, err = c.Lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: &function, Qualifier: &version})
	var conflict *lambdatypes.ResourceConflictException
	require.ErrorAs(t, err, &conflict)
	_, err = c.Lambda.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: &function, Name: aws.String("live")})
	require.NoError(t, err)
	_, err = c.Lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: &function, Qualifier: &version})
	require.NoError(t, err)
}
