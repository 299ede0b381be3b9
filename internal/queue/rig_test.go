package queue_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/queue"
)

const arn = "arn:aws:sqs:us-east-1:123456789012:jobs"

// rig is a queue in an account of its own.
type rig struct {
	*testing.T
	*queue.Queue
	runtime *local.Runtime
	client  *sqs.Client
	url     string
	wire    *wire
}

// inBubble runs a test with the queue "jobs".
func inBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runtime, err := local.Start(local.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, runtime.Close()) }()
		client := sqs.NewFromConfig(runtime.Config())
		out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("jobs")})
		require.NoError(t, err)
		cfg := runtime.Config()
		wire := &wire{next: cfg.HTTPClient.(*http.Client).Transport}
		cfg.HTTPClient = &http.Client{Transport: wire}
		test(&rig{t, queue.New(cfg, *out.QueueUrl, arn), runtime, client, *out.QueueUrl, wire})
	})
}

// send sends messages and returns their IDs.
func (r *rig) send(bodies ...string) []string {
	r.Helper()
	var ids []string
	for _, body := range bodies {
		out, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: aws.String(body)})
		require.NoError(r, err)
		ids = append(ids, *out.MessageId)
	}
	return ids
}

// numbered are n bodies.
func numbered(n int) []string {
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = fmt.Sprintf("job %d", i)
	}
	return bodies
}

// depth is what the queue holds.
func (r *rig) depth() queue.Depth {
	r.Helper()
	d, err := r.Depth(r.Context())
	require.NoError(r, err)
	return d
}

// entry is one of a batch request, and of its answer.
type entry struct {
	ID                string `json:"Id"`
	ReceiptHandle     string `json:",omitempty"`
	VisibilityTimeout *int   `json:",omitempty"`
	Code              string `json:",omitempty"`
	Message           string `json:",omitempty"`
	SenderFault       bool   `json:",omitempty"`
}

// wire is the way to SQS. It counts batch requests, and takes entries out of
// them for which refuse answers.
type wire struct {
	next http.RoundTripper
	// refuse answers for an entry of a batch request. Nil answers for none.
	refuse func(operation string, e entry) *entry
	// attributes answers GetQueueAttributes. Empty leaves it to the queue.
	attributes string
	// asks counts GetQueueAttributes.
	asks int

	mu sync.Mutex
	// batches are the batch requests: operation and number of entries.
	batches []string
}

// seen are the batch requests so far. Those of one call come in any order.
func (w *wire) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.batches)
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation == "GetQueueAttributes" && w.attributes != "" {
		w.asks++
		return answer(r, []byte(w.attributes)), nil
	}
	if !strings.HasSuffix(operation, "Batch") {
		return w.next.RoundTrip(r)
	}
	var in struct {
		QueueURL string  `json:"QueueUrl"`
		Entries  []entry `json:"Entries"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	refused, passed := w.sort(operation, in.Entries)
	out := map[string]any{}
	if len(passed) > 0 {
		done, err := w.pass(r, map[string]any{"QueueUrl": in.QueueURL, "Entries": passed})
		if err != nil || done.StatusCode != http.StatusOK {
			return done, err
		}
		if err := json.NewDecoder(done.Body).Decode(&out); err != nil {
			return nil, err
		}
	}
	if refused != nil {
		out["Failed"] = refused
	}
	body, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	return answer(r, body), nil
}

// sort takes out the entries that are refused.
func (w *wire) sort(operation string, entries []entry) (refused, passed []entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches = append(w.batches, fmt.Sprintf("%s %d", operation, len(entries)))
	for _, e := range entries {
		if w.refuse != nil {
			if no := w.refuse(operation, e); no != nil {
				refused = append(refused, *no)
				continue
			}
		}
		passed = append(passed, e)
	}
	return refused, passed
}

func answer(r *http.Request, body []byte) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func (w *wire) pass(r *http.Request, in any) (*http.Response, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	sent.Body, sent.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return w.next.RoundTrip(sent)
}
