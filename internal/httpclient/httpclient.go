// Package httpclient is the HTTP client of Muster's SDK clients.
package httpclient

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// New is the SDK's own client, but that it shows the transport request bodies as
// mere readers. Without it an answer can be lost that came quickly: a function
// would receive messages, never see them, and they would stay invisible until
// their visibility timeout ends.
//
// The SDK closes a request's body as soon as the answer's headers are there
// (https://github.com/aws/smithy-go/pull/226). By then net/http has sent the
// body but may still have to ask it whether there is more, and a closed body
// answers WriteTo with io.EOF, which counts as a failed write: net/http closes
// the connection while the answer is being read. Read answers io.EOF as well,
// but there it is what is expected.
func New() aws.HTTPClient { return plainBodies{awshttp.NewBuildableClient()} }

type plainBodies struct{ aws.HTTPClient }

// Do sends a request and leaves it as it is.
func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r = r.WithContext(r.Context()) // a copy
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}
