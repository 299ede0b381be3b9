package function

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// PlainBodies is an HTTP client that shows the transport request bodies as mere
// readers. Without it an answer can be lost that came quickly: a function would
// receive messages, never see them, and they would stay invisible until their
// visibility timeout ends.
//
// The SDK closes a request's body as soon as the answer's headers are there
// (https://github.com/aws/smithy-go/pull/226). By then net/http has sent the
// body but may still have to ask it whether there is more, and a closed body
// answers WriteTo with io.EOF, which counts as a failed write: net/http closes
// the connection while the answer is being read. Read answers io.EOF as well,
// but there it is what is expected.
type PlainBodies struct{ aws.HTTPClient }

// Do sends a request and leaves it as it is.
func (c PlainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r = r.WithContext(r.Context()) // a copy
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}
