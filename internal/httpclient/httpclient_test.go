package httpclient

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowWriter is a connection whose Write comes back only long after the peer
// has the bytes, as when the machine is busy elsewhere.
type slowWriter struct{ net.Conn }

func (c slowWriter) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	<-time.After(time.Second)
	return n, err
}

// serveSlowly answers one request: at once with the headers, and with the body
// when everything else has come to rest.
func serveSlowly(conn net.Conn, body string) error {
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)); err != nil {
		return err
	}
	<-time.After(time.Minute)
	_, err = io.WriteString(conn, body)
	return err
}

func TestAnswerBeforeTheRequestIsDoneWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		served := make(chan error, 1)
		go func() {
			served <- serveSlowly(far, `{"Messages":[{"MessageId":"m1","Body":"`+strings.Repeat("x", 10_000)+`"}]}`)
		}()

		transport := &http.Transport{
			DialContext: func(context.Context, string, string) (net.Conn, error) { return slowWriter{near}, nil },
		}
		client := sqs.New(sqs.Options{
			Region:                           "us-east-1",
			BaseEndpoint:                     aws.String("http://127.0.0.1:4100"),
			HTTPClient:                       plainBodies{&http.Client{Transport: transport}},
			Credentials:                      aws.AnonymousCredentials{},
			Retryer:                          aws.NopRetryer{},
			DisableMessageChecksumValidation: true,
		})
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String("http://127.0.0.1:4100/1/q")})
		transport.CloseIdleConnections()
		assert.NoError(t, <-served)
		require.NoError(t, err)
		require.Len(t, out.Messages, 1)
		assert.Equal(t, "m1", *out.Messages[0].MessageId)
	})
}

type clientFunc func(*http.Request) (*http.Response, error)

func (f clientFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestRequestStaysAsItIs(t *testing.T) {
	var got []string
	client := plainBodies{clientFunc(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		got = append(got, string(body))
		return nil, err
	})}
	for _, body := range []io.ReadCloser{http.NoBody, io.NopCloser(strings.NewReader("hello"))} {
		r, err := http.NewRequest(http.MethodPost, "http://127.0.0.1", nil)
		require.NoError(t, err)
		r.Body = body
		_, err = client.Do(r)
		require.NoError(t, err)
		assert.Equal(t, body, r.Body)
	}
	assert.Equal(t, []string{"", "hello"}, got)
}
