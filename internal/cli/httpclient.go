package cli

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// plainBodies is an HTTP client that shows the transport request bodies as mere
// readers. The SDK closes a request's body as soon as the answer is there; its
// body then ends a WriteTo with io.EOF, which net/http takes for a failed write
// and drops the connection with the answer in it. A server on this machine is
// quick enough for that, and the SDK would send the messages again.
type plainBodies struct{ aws.HTTPClient }

func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r = r.WithContext(r.Context()) // a copy
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}
