package s3

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// request is an S3 request over HTTP: its caller, and what its path names.
type request struct {
	*http.Request
	caller      api.Caller
	bucket, key string
}

// serve answers S3's REST protocol, with the bucket in the path.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html#path-style-access
func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amz-Request-Id", w.Header().Get("X-Amzn-Requestid"))
	err := s.dispatch(w, r)
	switch {
	case err == nil:
	case errors.Is(err, api.ErrReplyLost), r.Context().Err() != nil:
		// net/http breaks the connection without an answer.
		panic(http.ErrAbortHandler)
	default:
		writeError(w, r, api.AsError(err))
	}
}

func (s *Service) dispatch(w http.ResponseWriter, r *http.Request) error {
	key := api.AccessKey(r)
	if key == "" {
		return &api.Error{Code: "AccessDenied", Message: "Access Denied", Status: http.StatusForbidden}
	}
	req := &request{Request: r, caller: s.router.Caller(key)}
	req.bucket, req.key, _ = strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	op, ok := operationOf(req)
	if !ok {
		return notImplemented(r.Method + " " + r.URL.RequestURI())
	}
	if err := op.check(r); err != nil {
		return err
	}
	return op.serve(s, w, req)
}

// operation is one operation of the REST protocol, and the query parameters and
// x-amz- headers that it knows. What it does not know is refused.
type operation struct {
	query   []string
	headers []string
	serve   func(*Service, http.ResponseWriter, *request) error
}

var (
	// Everything may be signed, and SDKs name the operation.
	commonQuery   = []string{"x-id", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "X-Amz-Checksum-Mode"}
	commonHeaders = []string{"X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Security-Token", "X-Amz-User-Agent", "X-Amz-Expected-Bucket-Owner"}
	bodyHeaders   = []string{"X-Amz-Decoded-Content-Length", "X-Amz-Trailer", "X-Amz-Sdk-Checksum-Algorithm",
		"X-Amz-Checksum-Crc32", "X-Amz-Checksum-Crc32c", "X-Amz-Checksum-Crc64nvme", "X-Amz-Checksum-Sha1", "X-Amz-Checksum-Sha256"}
)

// operationOf chooses the operation by method, path and subresource.
func operationOf(r *request) (operation, bool) {
	query := r.URL.Query()
	switch {
	case r.bucket == "":
		return operation{serve: serveListBuckets}, r.Method == http.MethodGet
	case r.key == "":
		switch r.Method {
		case http.MethodPut:
			switch {
			case query.Has("publicAccessBlock"):
				return operation{query: []string{"publicAccessBlock"}, headers: bodyHeaders, serve: servePutPublicAccessBlock}, true
			case query.Has("encryption"):
				return operation{query: []string{"encryption"}, headers: bodyHeaders, serve: servePutBucketEncryption}, true
			}
			return operation{headers: bodyHeaders, serve: serveCreateBucket}, true
		case http.MethodDelete:
			return operation{serve: serveDeleteBucket}, true
		case http.MethodHead:
			return operation{serve: serveHeadBucket}, true
		case http.MethodPost:
			return operation{query: []string{"delete"}, headers: bodyHeaders, serve: serveDeleteObjects}, query.Has("delete")
		case http.MethodGet:
			return operation{
				query: []string{"list-type", "prefix", "delimiter", "max-keys", "start-after", "continuation-token", "encoding-type"},
				serve: serveListObjectsV2,
			}, query.Get("list-type") == "2"
		}
	default:
		switch r.Method {
		case http.MethodPut:
			return operation{headers: append([]string{"X-Amz-Server-Side-Encryption", "X-Amz-Storage-Class"}, bodyHeaders...), serve: servePutObject}, true
		case http.MethodDelete:
			return operation{serve: serveDeleteObject}, true
		case http.MethodHead:
			return operation{headers: []string{"X-Amz-Checksum-Mode"}, serve: serveHeadObject}, true
		case http.MethodGet:
			return operation{headers: []string{"X-Amz-Checksum-Mode"}, serve: serveGetObject}, true
		}
	}
	return operation{}, false
}

// check refuses parameters that the operation does not know, such as uploads.
func (op operation) check(r *http.Request) error {
	query := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(op.query, name) && !slices.Contains(commonQuery, name) {
			return notImplemented("the query parameter " + name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		switch {
		case !strings.HasPrefix(name, "X-Amz-"):
		case strings.HasPrefix(name, metadataPrefix) && r.Method == http.MethodPut:
		case !slices.Contains(op.headers, name) && !slices.Contains(commonHeaders, name):
			return notImplemented("the header " + strings.ToLower(name))
		}
	}
	for _, name := range []string{"If-Modified-Since", "If-Unmodified-Since"} {
		if r.Header.Get(name) != "" {
			return notImplemented("the header " + strings.ToLower(name))
		}
	}
	return nil
}

// writeXML answers with a struct as the content of a root element.
func writeXML(w http.ResponseWriter, root string, value any) error {
	b := bytes.NewBufferString(xml.Header)
	start := xml.StartElement{Name: xml.Name{Local: root}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: namespace}}}
	if err := xml.NewEncoder(b).EncodeElement(value, start); err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	writeBody(w, http.StatusOK, "application/xml", b.Bytes())
	return nil
}

// writeBody sends a whole answer. An error here means that the caller has gone.
func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// writeError answers an error in XML, or by its status alone where HTTP allows
// no body.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses
func writeError(w http.ResponseWriter, r *http.Request, e *api.Error) {
	if r.Method == http.MethodHead || e.HTTPStatus() == http.StatusNotModified {
		w.WriteHeader(e.HTTPStatus())
		return
	}
	var b strings.Builder
	b.WriteString(xml.Header + "<Error>")
	element := func(name string, value any) {
		b.WriteString("<" + name + ">")
		// A strings.Builder never fails.
		_ = xml.EscapeText(&b, fmt.Append(nil, value))
		b.WriteString("</" + name + ">")
	}
	element("Code", e.Code)
	element("Message", e.Message)
	for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
		element(name, e.Fields[name])
	}
	element("RequestId", w.Header().Get("X-Amz-Request-Id"))
	b.WriteString("</Error>")
	writeBody(w, e.HTTPStatus(), "application/xml", []byte(b.String()))
}
