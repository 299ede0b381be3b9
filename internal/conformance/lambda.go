package conformance

import (
	"testing"
)

func lambdaAPI(operation string) string {
	return "https://docs.aws.amazon.com/lambda/latest/api/API_" + operation + ".html"
}

func lambdaGuide(page string) string {
	return "https://docs.aws.amazon.com/lambda/latest/dg/" + page + ".html"
}

// function makes a function that runs the fixture, with 128 MB and a time-out in
// seconds, and returns its ARN.
func (c *Clients) function(t *testing.T, timeout int32) string {
	t.Helper()
	return c.Deploy(t, Function{Name: fresh(), Timeout: timeout, Memory: 128})
}
