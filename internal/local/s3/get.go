package s3

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// GetObjectInput names an object, or a part of it.
type GetObjectInput struct {
	Bucket, Key string
	// Range is one range of bytes: "bytes=0-9", "bytes=5-" or "bytes=-5".
	Range string
	// IfMatch and IfNoneMatch are ETags.
	IfMatch, IfNoneMatch string
	// ChecksumMode ENABLED asks for the checksum of the whole object.
	ChecksumMode        string
	ExpectedBucketOwner string
}

// ObjectOutput describes an object. Without a body it answers HeadObject.
type ObjectOutput struct {
	AcceptRanges  string
	ContentLength int
	ContentRange  string `json:",omitempty"`
	ETag          string
	Expiration    string `json:",omitempty"`
	LastModified  Timestamp
	Headers
	Metadata map[string]string
	Checksums
	ChecksumType         string `json:",omitempty"`
	ServerSideEncryption string
}

// GetObjectOutput is an object and its description.
type GetObjectOutput struct {
	Body Body
	ObjectOutput
}

// getObject reads an object or a range of it.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func (s *Service) getObject(_ context.Context, _ api.Caller, in *GetObjectInput) (*GetObjectOutput, error) {
	o, described, err := s.read(in)
	if err != nil {
		return nil, err
	}
	out := &GetObjectOutput{Body: o.body, ObjectOutput: *described}
	if in.Range != "" {
		from, to, err := byteRange(in.Range, len(o.body))
		if err != nil {
			return nil, err
		}
		out.Body = o.body[from:to]
		out.ContentLength = to - from
		out.ContentRange = fmt.Sprintf("bytes %d-%d/%d", from, to-1, len(o.body))
		out.Checksums, out.ChecksumType = Checksums{}, ""
	}
	return out, nil
}

// headObject describes an object.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
func (s *Service) headObject(_ context.Context, _ api.Caller, in *GetObjectInput) (*ObjectOutput, error) {
	if in.Range != "" {
		return nil, notImplemented("ranges of HeadObject")
	}
	_, described, err := s.read(in)
	return described, err
}

func (s *Service) read(in *GetObjectInput) (*object, *ObjectOutput, error) {
	if err := s.checkOwner(in.ExpectedBucketOwner); err != nil {
		return nil, nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.find(in.Bucket)
	if err != nil {
		return nil, nil, err
	}
	o, ok := b.get(in.Key, time.Now())
	switch {
	case !ok:
		return nil, nil, noSuchKey(in.Key)
	case in.IfMatch != "" && !sameETag(in.IfMatch, o.etag):
		return nil, nil, preconditionFailed("If-Match")
	case in.IfNoneMatch != "" && sameETag(in.IfNoneMatch, o.etag):
		return nil, nil, &api.Error{Code: "NotModified", Message: "Not Modified", Status: http.StatusNotModified}
	}
	out := &ObjectOutput{
		AcceptRanges: "bytes", ContentLength: len(o.body), ETag: o.etag, Expiration: b.expiration(in.Key, o),
		LastModified: Timestamp{o.modified}, Headers: o.headers, Metadata: o.metadata, ServerSideEncryption: b.encryption(),
	}
	if in.ChecksumMode == "ENABLED" {
		out.Checksums, out.ChecksumType = o.checksum.output(), fullObject
	}
	return o, out, nil
}

// byteRange reads an HTTP range of an object of the given size.
//
// https://www.rfc-editor.org/rfc/rfc9110.html#name-byte-ranges
func byteRange(text string, size int) (from, to int, err error) {
	spec, ok := strings.CutPrefix(text, "bytes=")
	first, last, dashed := strings.Cut(spec, "-")
	if !ok || !dashed || strings.Contains(last, ",") {
		return 0, 0, notImplemented("the range " + text)
	}
	unsatisfiable := &api.Error{
		Code: "InvalidRange", Message: "The requested range is not satisfiable", Status: http.StatusRequestedRangeNotSatisfiable,
		Fields: map[string]any{"RangeRequested": text, "ActualObjectSize": size},
	}
	if first == "" {
		n, err := strconv.Atoi(last)
		if err != nil || n <= 0 || size == 0 {
			return 0, 0, unsatisfiable
		}
		return max(size-n, 0), size, nil
	}
	from, err = strconv.Atoi(first)
	if err != nil || from < 0 || from >= size {
		return 0, 0, unsatisfiable
	}
	if last == "" {
		return from, size, nil
	}
	to, err = strconv.Atoi(last)
	if err != nil || to < from {
		return 0, 0, unsatisfiable
	}
	return from, min(to+1, size), nil
}
