package sqs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

// rig is a service behind its public door.
type rig struct {
	*testing.T
	service *Service
	router  *api.Router
}

func newRig(t *testing.T) *rig {
	account := &api.Account{ID: "123456789012", Region: "eu-central-1", Partition: "aws", Endpoint: "http://127.0.0.1:4100"}
	router := api.NewRouter(1)
	service := New(account, router, 1)
	router.Add(service.API())
	t.Cleanup(service.Close)
	return &rig{t, service, router}
}

// object is JSON, in or out.
type object = map[string]any

// try calls an operation and returns its JSON output.
func (r *rig) try(operation string, in object) (object, error) {
	return r.tryAs(context.Background(), api.Caller{}, operation, in)
}

func (r *rig) tryAs(ctx context.Context, caller api.Caller, operation string, in object) (object, error) {
	r.Helper()
	input, err := json.Marshal(in)
	require.NoError(r, err)
	out, err := r.router.Call(ctx, "sqs", operation, caller, input)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(out)
	require.NoError(r, err)
	var decoded object
	require.NoError(r, json.Unmarshal(encoded, &decoded))
	return decoded, nil
}

// call is try for what must succeed.
func (r *rig) call(operation string, in object) object {
	r.Helper()
	out, err := r.try(operation, in)
	require.NoError(r, err)
	return out
}

// refused is try for what must fail, with this code and message.
func (r *rig) refused(operation string, in object, code, message string) {
	r.Helper()
	_, err := r.try(operation, in)
	var e *api.Error
	require.ErrorAs(r, err, &e)
	assert.Equal(r, code, e.Code)
	assert.Equal(r, message, e.Message)
}

// create makes a queue and returns its URL.
func (r *rig) create(name string, attributes object) string {
	r.Helper()
	return r.call("CreateQueue", object{"QueueName": name, "Attributes": attributes})["QueueUrl"].(string)
}

func (r *rig) send(url string, bodies ...string) {
	r.Helper()
	for _, body := range bodies {
		r.call("SendMessage", object{"QueueUrl": url, "MessageBody": body})
	}
}

// receive takes up to ten messages, with more input.
func (r *rig) receive(url string, more object) []object {
	r.Helper()
	in := object{"QueueUrl": url, "MaxNumberOfMessages": 10}
	for k, v := range more {
		in[k] = v
	}
	out := r.call("ReceiveMessage", in)
	var messages []object
	if list, ok := out["Messages"].([]any); ok {
		for _, m := range list {
			messages = append(messages, m.(object))
		}
	}
	return messages
}

// handle receives one message and returns its receipt handle.
func (r *rig) handle(url string) string {
	r.Helper()
	messages := r.receive(url, object{"MaxNumberOfMessages": 1})
	require.Len(r, messages, 1)
	return messages[0]["ReceiptHandle"].(string)
}

func (r *rig) delete(url, handle string) {
	r.Helper()
	r.call("DeleteMessage", object{"QueueUrl": url, "ReceiptHandle": handle})
}

func bodies(messages []object) []string {
	var all []string
	for _, m := range messages {
		all = append(all, m["Body"].(string))
	}
	return all
}

// depth is visible, in flight and delayed.
func (r *rig) depth(url string) string {
	r.Helper()
	a := r.call("GetQueueAttributes", object{"QueueUrl": url, "AttributeNames": []string{"All"}})["Attributes"].(object)
	return fmt.Sprint(a["ApproximateNumberOfMessages"], " ", a["ApproximateNumberOfMessagesNotVisible"], " ", a["ApproximateNumberOfMessagesDelayed"])
}

// RoundTrip serves the JSON protocol to a real SDK client.
func (r *rig) RoundTrip(req *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	input, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/x-amz-json-1.0"}}
	status := http.StatusOK
	out, err := r.router.Call(req.Context(), "sqs", operation, api.Caller{}, input)
	if err != nil {
		e := api.AsError(err)
		status = e.HTTPStatus()
		if e.QueryCode != "" {
			header.Set("X-Amzn-Query-Error", e.QueryCode+";Sender")
		}
		out = object{"__type": "com.amazonaws.sqs#" + e.Code, "message": e.Message}
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Header: header, ContentLength: int64(len(body)),
		Body: io.NopCloser(bytes.NewReader(body)), Request: req,
	}, nil
}

// client is the real SDK in front of the rig, with its digest checks.
func (r *rig) client() *sqs.Client {
	return sqs.New(sqs.Options{
		Region:           "eu-central-1",
		BaseEndpoint:     aws.String("http://127.0.0.1:4100"),
		Credentials:      credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient:       &http.Client{Transport: r},
		RetryMaxAttempts: 1,
	})
}
