package conformance

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Clients are the SDK clients that a case drives. They never retry: a case sees
// each answer as it came.
type Clients struct {
	Account
	SQS      *sqs.Client
	DynamoDB *dynamodb.Client
	States   *sfn.Client
	Lambda   *lambda.Client

	raw *recorder
}

func newClients(a Account) *Clients {
	config := a.Config.Copy()
	config.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	raw := &recorder{client: config.HTTPClient}
	if raw.client == nil {
		raw.client = http.DefaultClient
	}
	config.HTTPClient = raw
	return &Clients{
		Account:  a,
		SQS:      sqs.NewFromConfig(config),
		DynamoDB: dynamodb.NewFromConfig(config),
		States:   sfn.NewFromConfig(config),
		Lambda:   lambda.NewFromConfig(config),
		raw:      raw,
	}
}

// recorder keeps the body of the last answer, for what the SDK hides. A case
// that reads it makes one call at a time.
type recorder struct {
	client aws.HTTPClient
	keep   bool
	body   []byte
}

func (r *recorder) Do(request *http.Request) (*http.Response, error) {
	response, err := r.client.Do(request)
	if err != nil || !r.keep {
		return response, err
	}
	r.body, err = io.ReadAll(response.Body)
	if e := response.Body.Close(); err == nil {
		err = e
	}
	response.Body = io.NopCloser(bytes.NewReader(r.body))
	return response, err
}

// answer is the body that came back for the one call that f makes.
func (c *Clients) answer(f func()) string {
	c.raw.keep = true
	f()
	c.raw.keep = false
	return string(c.raw.body)
}

// fresh is a name that nothing has had before.
func fresh() string { return "conformance-" + uuid.NewString() }

// cleanUp runs f after the case, with a context that is still good then.
func cleanUp(t *testing.T, f func(context.Context) error) {
	t.Cleanup(func() { require.NoError(t, f(context.Background())) })
}
