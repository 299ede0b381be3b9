package dynamodb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
)

var account = &api.Account{ID: "123456789012", Region: "eu-central-1", Partition: "aws", Endpoint: "http://dynamodb.test"}

// newRouter is a router with the service and the tables "things" (partition key
// P, a string, and sort key N, a number) and "words" (partition key W alone).
func newRouter(t testing.TB, options dynamodb.Options) *api.Router {
	t.Helper()
	router := api.NewRouter(1)
	router.Add(dynamodb.New(account, router, options).API())
	for _, table := range []string{
		`{"TableName": "things", "BillingMode": "PAY_PER_REQUEST",
			"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "S"}, {"AttributeName": "N", "AttributeType": "N"}],
			"KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}, {"AttributeName": "N", "KeyType": "RANGE"}]}`,
		`{"TableName": "words", "BillingMode": "PAY_PER_REQUEST",
			"AttributeDefinitions": [{"AttributeName": "W", "AttributeType": "S"}],
			"KeySchema": [{"AttributeName": "W", "KeyType": "HASH"}]}`,
	} {
		_, err := call(router, "CreateTable", table)
		require.NoError(t, err)
	}
	return router
}

// call runs an operation and returns its output as JSON.
func call(router *api.Router, operation, input string) (string, error) {
	out, err := router.Call(context.Background(), "dynamodb", operation, api.Caller{}, []byte(input))
	if err != nil {
		return "", err
	}
	encoded, err := json.Marshal(out)
	return string(encoded), err
}

// succeed runs an operation that must succeed and compares its output, unless
// none is wanted.
func succeed(t testing.TB, router *api.Router, operation, input, want string) {
	t.Helper()
	got, err := call(router, operation, input)
	require.NoError(t, err, input)
	if want != "" {
		require.JSONEq(t, want, got, input)
	}
}

// fail runs an operation that must fail with exactly this error.
func fail(t testing.TB, router *api.Router, operation, input, code, message string) *api.Error {
	t.Helper()
	got, err := call(router, operation, input)
	require.Error(t, err, "%s answered %s", input, got)
	e := api.AsError(err)
	require.Equal(t, code+": "+message, e.Error(), input)
	return e
}

// invalid is fail with a ValidationException.
func invalid(t testing.TB, router *api.Router, operation, input, message string) {
	t.Helper()
	fail(t, router, operation, input, "ValidationException", message)
}

// roundTripper takes the SDK's requests to a router without any network.
type roundTripper struct{ router *api.Router }

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	target, operation, _ := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
	service, ok := r.router.ServiceByTarget(target)
	if !ok {
		return nil, errors.New("no service for target " + target)
	}
	status := http.StatusOK
	out, err := r.router.Call(request.Context(), service.Name, operation, api.Caller{}, body)
	if errors.Is(err, api.ErrReplyLost) {
		return nil, err
	}
	if err != nil {
		e := api.AsError(err)
		fields := map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + e.Code, "message": e.Message}
		maps.Copy(fields, e.Fields)
		out, status = fields, e.HTTPStatus()
	}
	encoded, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amzn-Requestid": {"test"}},
		Body:       io.NopCloser(bytes.NewReader(encoded)),
		Request:    request,
	}, nil
}

// client is the real SDK client over the router.
func client(router *api.Router) *sdk.Client {
	return sdk.New(sdk.Options{
		Region:       account.Region,
		BaseEndpoint: aws.String(account.Endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDTEST", "secret", ""),
		HTTPClient:   &http.Client{Transport: roundTripper{router}},
		Retryer:      aws.NopRetryer{},
	})
}

func encode(t testing.TB, v any) string {
	t.Helper()
	encoded, err := json.Marshal(v)
	require.NoError(t, err)
	return string(encoded)
}
