package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBatchEnd(t *testing.T) {
	small := make([]outgoing, 25)
	for i := range small {
		small[i].Body = "x"
	}
	half := outgoing{Body: strings.Repeat("x", 1<<19)}
	whole := outgoing{Body: strings.Repeat("x", 1<<20)}
	for name, c := range map[string]struct {
		messages []outgoing
		start    int
		want     int
	}{
		"ten entries":        {small, 0, 10},
		"the next ten":       {small, 10, 20},
		"the rest":           {small, 20, 25},
		"exactly ten":        {small[:10], 0, 10},
		"two halves":         {[]outgoing{half, half, half}, 0, 2},
		"one that is large":  {[]outgoing{whole, whole}, 0, 1},
		"small, then large":  {[]outgoing{small[0], whole}, 0, 1},
		"the last by itself": {[]outgoing{half, half, half}, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, batchEnd(c.messages, c.start))
		})
	}
}

// transport answers requests by a function.
type transport func(request map[string]any) (status int, answer string)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var request map[string]any
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		return nil, err
	}
	status, answer := f(request)
	return &http.Response{
		StatusCode: status, Request: r, Body: io.NopCloser(strings.NewReader(answer)),
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
	}, nil
}

func testSender(f transport) *sender {
	return &sender{url: "http://127.0.0.1/123456789012/jobs", client: sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1"), HTTPClient: &http.Client{Transport: f},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), DisableMessageChecksumValidation: true,
	})}
}

func TestSendRepeatsEntriesThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var entries []int
		s := testSender(func(request map[string]any) (int, string) {
			n := len(request["Entries"].([]any))
			entries = append(entries, n)
			if n == 3 {
				return 200, `{"Successful":[{"Id":"0","MessageId":"a"},{"Id":"2","MessageId":"c"}],"Failed":[{"Id":"1","SenderFault":false,"Code":"InternalError","Message":"try again"}]}`
			}
			return 200, `{"Successful":[{"Id":"1","MessageId":"b"}]}`
		})
		var told []string
		s.sent = func(ids ...string) { told = append(told, ids...) }

		ids, err := s.send(t.Context(), []outgoing{{Body: "1"}, {Body: "2"}, {Body: "3", GroupID: "g", Attributes: map[string]string{"n": "v"}}})

		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "c"}, ids)
		assert.Equal(t, []string{"a", "c", "b"}, told)
		assert.Equal(t, []int{3, 1}, entries)
	})
}

func TestSendGivesUp(t *testing.T) {
	for name, c := range map[string]struct {
		failed string
		tries  int
		want   string
	}{
		"on the sender's fault": {`{"Id":"1","SenderFault":true,"Code":"InvalidParameterValue","Message":"no"}`, 1, "InvalidParameterValue: no"},
		"after five tries":      {`{"Id":"1","SenderFault":false,"Code":"InternalError","Message":"busy"}`, 5, "InternalError: busy"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				s := testSender(func(map[string]any) (int, string) {
					tries++
					return 200, `{"Successful":[{"Id":"0","MessageId":"a"}],"Failed":[` + c.failed + `]}`
				})
				ids, err := s.send(t.Context(), []outgoing{{Body: "1"}, {Body: "2"}})
				assert.EqualError(t, err, "send to http://127.0.0.1/123456789012/jobs: "+c.want)
				assert.Equal(t, []string{"a", ""}, ids)
				assert.Equal(t, c.tries, tries)
			})
		})
	}
}
