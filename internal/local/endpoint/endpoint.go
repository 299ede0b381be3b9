// Package endpoint is the HTTP face of the embedded AWS: it understands the
// wire protocols that SDKs and the AWS CLI speak, and passes every request on
// to [api.Router].
package endpoint

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/musterq/muster/internal/local/api"
)

// maxRequest is the largest request of the JSON, CBOR and query protocols, in
// bytes: DynamoDB's BatchWriteItem takes 16 MB. Smaller limits are the services' own.
const maxRequest = 16<<20 + 64<<10

type handler struct {
	router   *api.Router
	browsers *http.CrossOriginProtection
	requests atomic.Uint64
	buffers  sync.Pool
}

// New returns the handler that serves all services of a router on one port.
// It adds the service "sts" to the router, which answers who the caller is.
//
// Signatures are not verified, but a request has to be signed: the access key
// tells who calls. Requests for another host than a loopback address are
// refused, and so are requests that a web page of another origin sends.
func New(account *api.Account, router *api.Router) http.Handler {
	router.Add(newSTS(account))
	return &handler{
		router:   router,
		browsers: http.NewCrossOriginProtection(),
		buffers:  sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	requestID := h.requestID()
	w.Header().Set("X-Amzn-Requestid", requestID)
	if !loopbackHost(r.Host) {
		http.Error(w, "The embedded runtime serves loopback addresses only, not "+r.Host+".", http.StatusForbidden)
		return
	}
	if err := h.browsers.Check(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		h.serveJSON(w, r, target)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/service/") && r.Header.Get("Smithy-Protocol") != "" {
		h.serveCBOR(w, r)
		return
	}
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		h.serveQuery(w, r, requestID)
		return
	}
	h.serveREST(w, r)
}

// serveREST passes a request to the service that it is signed for or, unsigned,
// to the one whose paths look like its own: Lambda's begin with a date.
func (h *handler) serveREST(w http.ResponseWriter, r *http.Request) {
	_, name := api.Credential(r)
	if name == "" {
		name = "s3"
		if datedPath(r.URL.Path) {
			name = "lambda"
		}
	}
	service, ok := h.router.Service(name)
	if !ok || service.REST == nil {
		h.writeError(w, name, &api.Error{
			Code: "UnknownOperationException", Status: http.StatusNotFound,
			Message: "The embedded runtime has no service " + strconv.Quote(name) + " that answers " + r.Method + " " + r.URL.Path + ".",
		})
		return
	}
	service.REST.ServeHTTP(w, r)
}

// datedPath tells whether a path begins like "/2015-03-31/".
func datedPath(path string) bool {
	const form = "/0000-00-00/"
	if len(path) < len(form) {
		return false
	}
	for i := range len(form) {
		digit := path[i] >= '0' && path[i] <= '9'
		if form[i] == '0' && !digit || form[i] != '0' && path[i] != form[i] {
			return false
		}
	}
	return true
}

// requestID counts requests in the shape of AWS's request IDs: unique in one
// runtime, and the same when a run is replayed.
func (h *handler) requestID() string {
	const zeros = "00000000-0000-4000-8000-000000000000"
	n := strconv.FormatUint(h.requests.Add(1), 16)
	return zeros[:len(zeros)-len(n)] + n
}

// caller is who signed a request. Unsigned requests are refused.
func (h *handler) caller(r *http.Request) (api.Caller, error) {
	key := api.AccessKey(r)
	if key == "" {
		return api.Caller{}, &api.Error{
			Code: "MissingAuthenticationTokenException", QueryCode: "MissingAuthenticationToken",
			Message: "Request is missing Authentication Token", Status: http.StatusForbidden,
		}
	}
	return h.router.Caller(key), nil
}

// readBody reads a request's body, which SDKs compress for some operations.
func readBody(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, api.Errorf("SerializationException", "%s", err)
		}
		return readAll(unzipped)
	}
	if r.ContentLength < 0 || r.ContentLength > maxRequest {
		return readAll(r.Body)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(r.Body, body)
	return body, err
}

func readAll(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxRequest+1))
	if len(body) > maxRequest {
		return nil, &api.Error{
			Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge,
			Message: "Request size exceeded " + strconv.Itoa(maxRequest) + " bytes",
		}
	}
	return body, err
}

// lost tells whether an answer will never reach the caller: a fault took it, or
// the caller hung up.
func lost(ctx context.Context, err error) bool {
	return errors.Is(err, api.ErrReplyLost) || err != nil && ctx.Err() != nil
}

// abort breaks the connection without an answer, the way net/http documents.
func abort() { panic(http.ErrAbortHandler) }

// loopbackHost tells whether a Host header names this machine's loopback
// interface. Anything else may be a web page's DNS rebinding.
func loopbackHost(hostport string) bool {
	// Most clients send this, which needs no parsing.
	if name, port, _ := strings.Cut(hostport, ":"); name == "127.0.0.1" && !strings.Contains(port, ":") {
		return true
	}
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
