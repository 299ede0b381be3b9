package s3

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// metadataPrefix begins the headers of user metadata.
const metadataPrefix = "X-Amz-Meta-"

func servePutObject(s *Service, w http.ResponseWriter, r *request) error {
	body, trailers, err := readBody(r.Request)
	if err != nil {
		return err
	}
	checksums, algorithm := checksumHeaders(r.Header, trailers)
	in := &PutObjectInput{
		Bucket: r.bucket, Key: r.key, Body: body, Headers: storedHeaders(r.Header), Metadata: map[string]string{},
		IfMatch: r.Header.Get("If-Match"), IfNoneMatch: r.Header.Get("If-None-Match"),
		ContentMD5: r.Header.Get("Content-Md5"), Checksums: checksums, ChecksumAlgorithm: algorithm,
		ServerSideEncryption: r.Header.Get("X-Amz-Server-Side-Encryption"), StorageClass: r.Header.Get("X-Amz-Storage-Class"),
		ExpectedBucketOwner: r.Header.Get("X-Amz-Expected-Bucket-Owner"),
	}
	for name, values := range r.Header {
		if short, ok := strings.CutPrefix(name, metadataPrefix); ok {
			in.Metadata[strings.ToLower(short)] = strings.Join(values, ",")
		}
	}
	out, err := do(r.Context(), s, r.caller, "PutObject", in, s.putObject)
	if err != nil {
		return err
	}
	setHeaders(w, map[string]string{
		"ETag": out.ETag, "X-Amz-Server-Side-Encryption": out.ServerSideEncryption, "X-Amz-Expiration": out.Expiration,
	})
	setChecksum(w, out.Checksums, out.ChecksumType)
	w.WriteHeader(http.StatusOK)
	return nil
}

// storedHeaders are the headers to keep. The encoding aws-chunked is of the
// request, not of the object.
func storedHeaders(h http.Header) Headers {
	var encodings []string
	for encoding := range strings.SplitSeq(h.Get("Content-Encoding"), ",") {
		if encoding = strings.TrimSpace(encoding); encoding != "" && encoding != "aws-chunked" {
			encodings = append(encodings, encoding)
		}
	}
	return Headers{
		CacheControl: h.Get("Cache-Control"), ContentDisposition: h.Get("Content-Disposition"),
		ContentEncoding: strings.Join(encodings, ","), ContentLanguage: h.Get("Content-Language"), ContentType: h.Get("Content-Type"),
	}
}

// checksumHeaders reads the checksum from the header or from the trailer.
func checksumHeaders(header, trailers http.Header) (c Checksums, algorithm string) {
	for _, name := range []string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		value := header.Get("X-Amz-Checksum-" + name)
		if value == "" {
			value = trailers.Get("X-Amz-Checksum-" + name)
		}
		*c.field(name) = value
	}
	return c, header.Get("X-Amz-Sdk-Checksum-Algorithm")
}

func setHeaders(w http.ResponseWriter, headers map[string]string) {
	for name, value := range headers {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
}

func setChecksum(w http.ResponseWriter, c Checksums, kind string) {
	for _, name := range c.given() {
		w.Header().Set("X-Amz-Checksum-"+name, *c.field(name))
		w.Header().Set("X-Amz-Checksum-Type", kind)
	}
}

func getInput(r *request) *GetObjectInput {
	return &GetObjectInput{
		Bucket: r.bucket, Key: r.key, Range: r.Header.Get("Range"),
		IfMatch: r.Header.Get("If-Match"), IfNoneMatch: r.Header.Get("If-None-Match"),
		ChecksumMode: r.Header.Get("X-Amz-Checksum-Mode"), ExpectedBucketOwner: r.Header.Get("X-Amz-Expected-Bucket-Owner"),
	}
}

func serveGetObject(s *Service, w http.ResponseWriter, r *request) error {
	out, err := do(r.Context(), s, r.caller, "GetObject", getInput(r), s.getObject)
	if err != nil {
		return err
	}
	describe(w, &out.ObjectOutput)
	status := http.StatusOK
	if out.ContentRange != "" {
		status = http.StatusPartialContent
	}
	writeBody(w, status, out.ContentType, out.Body)
	return nil
}

func serveHeadObject(s *Service, w http.ResponseWriter, r *request) error {
	out, err := do(r.Context(), s, r.caller, "HeadObject", getInput(r), s.headObject)
	if err != nil {
		return err
	}
	describe(w, out)
	w.Header().Set("Content-Type", out.ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(out.ContentLength))
	w.WriteHeader(http.StatusOK)
	return nil
}

// describe writes an object's description into the headers of an answer.
func describe(w http.ResponseWriter, out *ObjectOutput) {
	setHeaders(w, map[string]string{
		"Accept-Ranges": out.AcceptRanges, "Content-Range": out.ContentRange, "ETag": out.ETag,
		"Last-Modified":    out.LastModified.UTC().Format(http.TimeFormat),
		"X-Amz-Expiration": out.Expiration, "X-Amz-Server-Side-Encryption": out.ServerSideEncryption,
		"Cache-Control": out.CacheControl, "Content-Disposition": out.ContentDisposition,
		"Content-Encoding": out.ContentEncoding, "Content-Language": out.ContentLanguage,
	})
	for name, value := range out.Metadata {
		w.Header().Set(metadataPrefix+name, value)
	}
	setChecksum(w, out.Checksums, out.ChecksumType)
}

func serveDeleteObject(s *Service, w http.ResponseWriter, r *request) error {
	in := &DeleteObjectInput{Bucket: r.bucket, Key: r.key, ExpectedBucketOwner: r.Header.Get("X-Amz-Expected-Bucket-Owner")}
	if _, err := do(r.Context(), s, r.caller, "DeleteObject", in, s.deleteObject); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// unknown is an XML element that an answer to would have to heed.
type unknown struct{ XMLName xml.Name }

// deleteXML is the body of DeleteObjects.
type deleteXML struct {
	Objects []struct {
		Key  string
		Rest []unknown `xml:",any"`
	} `xml:"Object"`
	Quiet bool
	Rest  []unknown `xml:",any"`
}

// list turns the body into the operation's input. Versions and conditions are
// refused.
func (d *deleteXML) list() (Delete, error) {
	out, rest := Delete{Quiet: d.Quiet}, d.Rest
	for _, o := range d.Objects {
		out.Objects = append(out.Objects, ObjectIdentifier{Key: o.Key})
		rest = append(rest, o.Rest...)
	}
	if len(rest) > 0 {
		return Delete{}, notImplemented("the element " + rest[0].XMLName.Local + " of DeleteObjects")
	}
	return out, nil
}

func serveDeleteObjects(s *Service, w http.ResponseWriter, r *request) error {
	in := &DeleteObjectsInput{Bucket: r.bucket, ExpectedBucketOwner: r.Header.Get("X-Amz-Expected-Bucket-Owner")}
	var body deleteXML
	verified, err := readXML(r, &body)
	if err != nil {
		return err
	}
	if in.Delete, err = body.list(); err != nil {
		return err
	}
	if !verified {
		return api.Errorf("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	out, err := do(r.Context(), s, r.caller, "DeleteObjects", in, s.deleteObjects)
	if err != nil {
		return err
	}
	return writeXML(w, "DeleteResult", out)
}
