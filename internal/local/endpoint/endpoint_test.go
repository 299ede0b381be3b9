package endpoint

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

const base = "http://127.0.0.1:4100"

type echoInput struct{ Say, Do string }

type echoOutput struct{ Said, Caller string }

// newTestRuntime has one service, "sqs" by name, whose only operation does what
// its input says.
func newTestRuntime() (*api.Router, http.Handler) {
	account := &api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws", Endpoint: base}
	router := api.NewRouter(1)
	echo := func(ctx context.Context, caller api.Caller, in *echoInput) (*echoOutput, error) {
		switch in.Do {
		case "wait":
			<-ctx.Done()
			return nil, ctx.Err()
		case "fail":
			return nil, &api.Error{
				Code: "QueueDoesNotExist", QueryCode: "AWS.SimpleQueueService.NonExistentQueue",
				Message: "The specified queue does not exist.", Fields: map[string]any{"Queue": "a<b"},
			}
		case "break":
			return nil, io.ErrClosedPipe
		}
		return &echoOutput{Said: in.Say, Caller: caller.AccessKeyID}, nil
	}
	router.Add(api.Service{
		Name: "sqs", Target: "AmazonSQS",
		Operations: map[string]api.Operation{"Echo": api.Op("sqs", "Echo", echo)},
	})
	return router, New(account, router)
}

func signed(service string) string {
	return "AWS4-HMAC-SHA256 Credential=AKID/20260901/us-east-1/" + service + "/aws4_request, SignedHeaders=host, Signature=ab"
}

func request(t testing.TB, body string, header map[string]string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, base+"/", strings.NewReader(body))
	require.NoError(t, err)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	return r
}

func jsonRequest(t testing.TB, target, body string) *http.Request {
	t.Helper()
	return request(t, body, map[string]string{
		"Authorization": signed("sqs"), "X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0",
	})
}

func TestJSONProtocol(t *testing.T) {
	for name, c := range map[string]struct {
		target, input, want string
		status              int
		header              map[string]string
	}{
		"answer": {
			target: "AmazonSQS.Echo", input: `{"Say":"<hi & bye>"}`, status: 200,
			want:   `{"Said":"<hi & bye>","Caller":"AKID"}`,
			header: map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amzn-Requestid": "00000000-0000-4000-8000-000000000001"},
		},
		"empty input": {target: "AmazonSQS.Echo", status: 200, want: `{"Said":"","Caller":"AKID"}`},
		"service error": {
			target: "AmazonSQS.Echo", input: `{"Do":"fail"}`, status: 400,
			want:   `{"Queue":"a<b","__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}`,
			header: map[string]string{"X-Amzn-Query-Error": "AWS.SimpleQueueService.NonExistentQueue;Sender"},
		},
		"unexpected error": {
			target: "AmazonSQS.Echo", input: `{"Do":"break"}`, status: 500,
			want: `{"__type":"com.amazon.coral.service#InternalFailure","message":"io: read/write on closed pipe"}`,
		},
		"unknown member": {
			target: "AmazonSQS.Echo", input: `{"Shout":1}`, status: 400,
			want: `{"__type":"com.amazon.coral.validate#ValidationException","message":"The embedded runtime does not know the member \"Shout\" of echoInput."}`,
		},
		"unknown operation": {
			target: "AmazonSQS.Sing", input: `{}`, status: 400,
			want: `{"__type":"com.amazon.coral.service#UnknownOperationException","message":"The embedded runtime does not know sqs:Sing."}`,
		},
		"unknown target": {
			target: "AmazonSNS.Publish", input: `{}`, status: 400,
			want: `{"__type":"UnknownOperationException","message":"The embedded runtime does not know the target AmazonSNS.Publish."}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, h := newTestRuntime()
			status, header, body := do(t, h, jsonRequest(t, c.target, c.input))
			assert.Equal(t, c.status, status)
			assert.Equal(t, c.want, body)
			for name, value := range c.header {
				assert.Equal(t, value, header.Get(name), name)
			}
		})
	}
}

func TestDynamoDBAnswersHaveChecksums(t *testing.T) {
	router, h := newTestRuntime()
	put := func(_ context.Context, _ api.Caller, in *echoInput) (*struct{}, error) {
		if in.Do == "fail" {
			return nil, &api.Error{Code: "ResourceNotFoundException", Message: "Requested resource not found"}
		}
		return &struct{}{}, nil
	}
	router.Add(api.Service{
		Name: "dynamodb", Target: "DynamoDB_20120810",
		Operations: map[string]api.Operation{"PutItem": api.Op("dynamodb", "PutItem", put)},
	})
	for name, c := range map[string]struct{ target, input, body, checksum string }{
		"answer": {"DynamoDB_20120810.PutItem", `{}`, `{}`, "2745614147"},
		"error": {
			"DynamoDB_20120810.PutItem", `{"Do":"fail"}`,
			`{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}`, "3737639027",
		},
		"another service": {"AmazonSQS.Echo", `{}`, `{"Said":"","Caller":"AKID"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, header, body := do(t, h, jsonRequest(t, c.target, c.input))
			assert.Equal(t, c.body, body)
			assert.Equal(t, c.checksum, header.Get("X-Amz-Crc32"))
		})
	}
}

func TestUnsignedIsRefused(t *testing.T) {
	_, h := newTestRuntime()
	r := jsonRequest(t, "AmazonSQS.Echo", `{}`)
	r.Header.Del("Authorization")
	status, _, body := do(t, h, r)
	assert.Equal(t, 403, status)
	assert.JSONEq(t, `{"__type":"com.amazon.coral.service#MissingAuthenticationTokenException","message":"Request is missing Authentication Token"}`, body)
}

func TestForeignHostsAndPagesAreRefused(t *testing.T) {
	for host, want := range map[string]int{
		"127.0.0.1:4100": 200, "localhost:4100": 200, "[::1]:4100": 200, "LOCALHOST": 200, "127.9.9.9": 200,
		"evil.example:4100": 403, "10.0.0.1": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example:80": 403,
	} {
		_, h := newTestRuntime()
		r := jsonRequest(t, "AmazonSQS.Echo", `{}`)
		r.Host = host
		status, _, _ := do(t, h, r)
		assert.Equal(t, want, status, host)
	}
	_, h := newTestRuntime()
	r := jsonRequest(t, "AmazonSQS.Echo", `{}`)
	r.Header.Set("Origin", "https://evil.example")
	status, _, _ := do(t, h, r)
	assert.Equal(t, 403, status)
}

func TestOversizedRequestIsRefused(t *testing.T) {
	_, h := newTestRuntime()
	r := jsonRequest(t, "AmazonSQS.Echo", `{"Say":"`+strings.Repeat("x", maxRequest)+`"}`)
	status, _, body := do(t, h, r)
	assert.Equal(t, 413, status)
	assert.Contains(t, body, "RequestEntityTooLargeException")
}

func TestCompressedRequest(t *testing.T) {
	_, h := newTestRuntime()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := io.WriteString(w, `{"Say":"hi"}`)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	r := jsonRequest(t, "AmazonSQS.Echo", zipped.String())
	r.Header.Set("Content-Encoding", "gzip")
	_, _, body := do(t, h, r)
	assert.Equal(t, `{"Said":"hi","Caller":"AKID"}`, body)

	r = jsonRequest(t, "AmazonSQS.Echo", `{"Say":"hi"}`)
	r.Header.Set("Content-Encoding", "gzip")
	_, _, body = do(t, h, r)
	assert.Contains(t, body, "SerializationException")
}

func TestCallerIdentity(t *testing.T) {
	form := map[string]string{"Authorization": signed("sts"), "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
	router, h := newTestRuntime()
	status, header, body := do(t, h, request(t, "Action=GetCallerIdentity&Version=2011-06-15", form))
	assert.Equal(t, 200, status)
	assert.Equal(t, "text/xml", header.Get("Content-Type"))
	assert.Equal(t, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
		`<Arn>arn:aws:iam::123456789012:root</Arn><UserId>123456789012</UserId><Account>123456789012</Account></GetCallerIdentityResult>`+
		`<ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000001</RequestId></ResponseMetadata></GetCallerIdentityResponse>`, body)

	router.Register("AKID", func() api.Caller {
		return api.Caller{RoleARN: "arn:aws:iam::123456789012:role/worker", Function: "pump"}
	})
	_, _, body = do(t, h, request(t, "Action=GetCallerIdentity&Version=2011-06-15", form))
	assert.Contains(t, body, "<Arn>arn:aws:sts::123456789012:assumed-role/worker/pump</Arn><UserId>AKID:pump</UserId>")
}

func TestQueryErrors(t *testing.T) {
	for name, c := range map[string]struct {
		body, service string
		status        int
		want          string
	}{
		"unknown action": {
			body: "Action=AssumeRole&Version=2011-06-15", service: "sts", status: 400,
			want: "<Code>UnknownOperationException</Code><Message>The embedded runtime does not know sts:AssumeRole.</Message>",
		},
		"unknown service": {
			body: "Action=Publish&Version=2010-03-31", service: "sns", status: 400,
			want: "<Code>InvalidAction</Code><Message>The embedded runtime does not know the action Publish of version 2010-03-31.</Message>",
		},
		"unsigned, service by its version": {
			body: "Action=GetCallerIdentity&Version=2011-06-15", status: 403,
			want: "<Code>MissingAuthenticationToken</Code>",
		},
		"not a form": {body: "Action=%zz", service: "sts", status: 400, want: "<Code>MalformedQueryString</Code>"},
	} {
		t.Run(name, func(t *testing.T) {
			_, h := newTestRuntime()
			header := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
			if c.service != "" {
				header["Authorization"] = signed(c.service)
			}
			status, _, body := do(t, h, request(t, c.body, header))
			assert.Equal(t, c.status, status)
			assert.Contains(t, body, c.want)
		})
	}
}

func TestRESTGoesToTheServiceItIsSignedFor(t *testing.T) {
	router, h := newTestRuntime()
	for _, name := range []string{"s3", "lambda"} {
		router.Add(api.Service{Name: name, REST: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, name)
		})})
	}
	for _, c := range []struct{ path, service, want string }{
		{"/2015-03-31/functions/f/invocations", "", "lambda"},
		{"/2015-03-31/key", "s3", "s3"},
		{"/bucket/key", "", "s3"},
		{"/2015-03-3/key", "", "s3"},
		{"/functions", "lambda", "lambda"},
	} {
		r, err := http.NewRequest(http.MethodPut, base+c.path, nil)
		require.NoError(t, err)
		if c.service != "" {
			r.Header.Set("Authorization", signed(c.service))
		}
		_, _, body := do(t, h, r)
		assert.Equal(t, c.want, body, c)
	}
	r, err := http.NewRequest(http.MethodPut, base+"/", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", signed("sns"))
	status, _, body := do(t, h, r)
	assert.Equal(t, 404, status)
	assert.Contains(t, body, "UnknownOperationException")
}

func TestFaultsOnTheWire(t *testing.T) {
	router, h := newTestRuntime()
	_, heal := router.Faults.Add(api.Fault{Service: "sqs", Operation: "Echo", Kind: api.LoseReply})
	_, err := Transport(h).RoundTrip(jsonRequest(t, "AmazonSQS.Echo", `{}`))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	heal()
	router.Faults.Add(api.Fault{Service: "sqs", Operation: "Echo", Kind: api.Fail})
	status, _, body := do(t, h, jsonRequest(t, "AmazonSQS.Echo", `{}`))
	assert.Equal(t, 503, status)
	assert.JSONEq(t, `{"__type":"com.amazonaws.sqs#ServiceUnavailable","message":"The service is unavailable."}`, body)
}

func TestHangingUpEndsTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, h := newTestRuntime()
		ended := make(chan error, 1)
		router.Observe(func(e api.Event) { ended <- e.Err })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := Transport(h).RoundTrip(jsonRequest(t, "AmazonSQS.Echo", `{"Do":"wait"}`).WithContext(ctx))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(start))
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestTransportKeepsHTTPSemantics(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("X-Seen", r.Method+" "+r.Host+" "+r.RequestURI)
		w.Header().Set("Content-Length", "3")
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "not sent")
		_, _ = w.Write(body)
	})
	client := http.Client{Transport: Transport(h)}
	response, err := client.Post(base+"/a%2Fb?c=d", "text/plain", strings.NewReader("abc"))
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, "abc", string(body))
	assert.Equal(t, "202 Accepted", response.Status)
	assert.Equal(t, "POST 127.0.0.1:4100 /a%2Fb?c=d", response.Header.Get("X-Seen"))
	assert.Empty(t, response.Header.Get("X-Late"))

	response, err = client.Head(base + "/")
	require.NoError(t, err)
	body, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Empty(t, body)
	assert.EqualValues(t, 3, response.ContentLength)
}

func TestListenRefusesTheNetwork(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.168.1.1:0", "example.com:80", "127.0.0.1"} {
		_, err := Listen(addr)
		require.Error(t, err, addr)
	}
}

func TestServeOverTCP(t *testing.T) {
	router, h := newTestRuntime()
	l, err := Listen("127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, l, h) }()

	client := http.Client{Transport: &http.Transport{}}
	send := func(body string) (*http.Response, error) {
		r := jsonRequest(t, "AmazonSQS.Echo", body)
		r.URL.Host = l.Addr().String()
		r.Host = ""
		return client.Do(r)
	}
	response, err := send(`{"Say":"hi"}`)
	require.NoError(t, err)
	var out echoOutput
	require.NoError(t, json.NewDecoder(response.Body).Decode(&out))
	require.NoError(t, response.Body.Close())
	assert.Equal(t, echoOutput{Said: "hi", Caller: "AKID"}, out)

	_, heal := router.Faults.Add(api.Fault{Kind: api.LoseReply})
	_, err = send(`{}`)
	require.ErrorIs(t, err, io.EOF)
	heal()

	started := make(chan struct{})
	_, _ = router.Faults.Add(api.Fault{Match: func(api.Call) bool { close(started); return false }})
	broken := make(chan error, 1)
	go func() {
		_, err := send(`{"Do":"wait"}`)
		broken <- err
	}()
	<-started
	stop()
	require.Error(t, <-broken)
	require.NoError(t, <-served)
}

func do(t testing.TB, h http.Handler, r *http.Request) (int, http.Header, string) {
	t.Helper()
	response, err := Transport(h).RoundTrip(r)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, string(body)
}

func BenchmarkJSON(b *testing.B) {
	_, h := newTestRuntime()
	t := Transport(h)
	for b.Loop() {
		r := jsonRequest(b, "AmazonSQS.Echo", `{"Say":"hi"}`)
		if _, err := t.RoundTrip(r); err != nil {
			b.Fatal(err)
		}
	}
}
