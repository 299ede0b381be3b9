package s3

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// Limits of objects, in bytes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
const (
	maxObject   = 5 << 30
	maxKey      = 1024
	maxMetadata = 2 << 10
)

// object is one stored object. It is immutable.
type object struct {
	body     []byte
	etag     string
	modified time.Time
	headers  Headers
	metadata map[string]string
	checksum checksum
}

// Headers are stored with an object and given back as they were.
type Headers struct {
	CacheControl       string `json:",omitempty"`
	ContentDisposition string `json:",omitempty"`
	ContentEncoding    string `json:",omitempty"`
	ContentLanguage    string `json:",omitempty"`
	ContentType        string `json:",omitempty"`
}

// defaultType is the content type of an object that was given none.
const defaultType = "binary/octet-stream"

// Body is an object's content. In JSON it is a string.
type Body []byte

// MarshalJSON writes the content as text.
func (b Body) MarshalJSON() ([]byte, error) { return json.Marshal(string(b)) }

// UnmarshalJSON reads text or, as the AWS SDK integrations of Step Functions
// allow, any other JSON value, which is stored as it is written.
func (b *Body) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] != '"' {
		*b = append(Body(nil), data...)
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	*b = Body(text)
	return nil
}

// Timestamp is a time in JSON and XML, in UTC: "2026-09-01T10:00:00.000Z".
type Timestamp struct{ time.Time }

// MarshalText writes milliseconds always, as S3 does.
func (t Timestamp) MarshalText() ([]byte, error) {
	return []byte(t.UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// MarshalJSON writes the same as a string.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	text, err := t.MarshalText()
	return []byte(`"` + string(text) + `"`), err
}

// PutObjectInput is a new object.
type PutObjectInput struct {
	Bucket, Key string
	Body        Body
	Headers
	Metadata map[string]string
	// IfMatch is the ETag that the object must have now; IfNoneMatch is "*" for
	// an object that must not exist.
	IfMatch, IfNoneMatch string
	// ContentMD5 and the checksums are in base64, and are verified.
	ContentMD5 string
	Checksums
	ChecksumAlgorithm    string
	ServerSideEncryption string
	StorageClass         string
	ExpectedBucketOwner  string
}

// PutObjectOutput describes what was stored.
type PutObjectOutput struct {
	ETag string
	Checksums
	ChecksumType         string
	ServerSideEncryption string
	Expiration           string `json:",omitempty"`
}

// putObject stores an object in place of any other under its key.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
func (s *Service) putObject(_ context.Context, _ api.Caller, in *PutObjectInput) (*PutObjectOutput, error) {
	o, err := s.newObject(in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(in.Bucket)
	if err != nil {
		return nil, err
	}
	if err := b.checkPut(in); err != nil {
		return nil, err
	}
	b.remove(in.Key, o.modified)
	b.objects[in.Key] = o
	return &PutObjectOutput{
		ETag: o.etag, Checksums: o.checksum.output(), ChecksumType: fullObject,
		ServerSideEncryption: b.encryption(), Expiration: b.expiration(in.Key, o),
	}, nil
}

// Objects are encrypted by S3 itself or with a key of KMS, as far as anyone can tell.
const (
	encryption    = "AES256"
	keyEncryption = "aws:kms"
)

// encryption is what the bucket's objects are encrypted with.
func (b *bucket) encryption() string {
	if b.key != "" {
		return keyEncryption
	}
	return encryption
}

func (s *Service) newObject(in *PutObjectInput) (*object, error) {
	if err := s.checkOwner(in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	size := 0
	metadata := make(map[string]string, len(in.Metadata))
	for name, value := range in.Metadata {
		size += len(name) + len(value)
		metadata[strings.ToLower(name)] = value
	}
	switch {
	case size > maxMetadata:
		return nil, api.Errorf("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size")
	case len(in.Body) > maxObject:
		return nil, api.Errorf("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
	case in.ServerSideEncryption != "" && in.ServerSideEncryption != encryption:
		return nil, notImplemented("the server-side encryption " + in.ServerSideEncryption)
	case in.StorageClass != "" && in.StorageClass != "STANDARD":
		return nil, notImplemented("the storage class " + in.StorageClass)
	}
	digest := md5.Sum(in.Body)
	if in.ContentMD5 != "" && in.ContentMD5 != base64.StdEncoding.EncodeToString(digest[:]) {
		return nil, api.Errorf("BadDigest", "The Content-MD5 you specified did not match what we received.")
	}
	sum, err := in.Checksums.verify(in.Body, in.ChecksumAlgorithm)
	if err != nil {
		return nil, err
	}
	o := &object{
		body: in.Body, etag: `"` + hex.EncodeToString(digest[:]) + `"`, modified: time.Now().UTC().Truncate(time.Second),
		headers: in.Headers, metadata: metadata, checksum: sum,
	}
	if o.headers.ContentType == "" {
		o.headers.ContentType = defaultType
	}
	return o, nil
}

func checkKey(key string) error {
	switch {
	case key == "":
		return api.Errorf("InvalidArgument", "An object's key is 1 to 1024 bytes long.")
	case len(key) > maxKey:
		return &api.Error{Code: "KeyTooLongError", Message: "Your key is too long", Fields: map[string]any{"Size": len(key), "MaxSizeAllowed": maxKey}}
	}
	return nil
}

// checkPut checks the conditions of a conditional write.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (b *bucket) checkPut(in *PutObjectInput) error {
	old, exists := b.get(in.Key, time.Now())
	switch {
	case in.IfNoneMatch != "" && in.IfNoneMatch != "*":
		return notImplemented("If-None-Match with an ETag on a write")
	case in.IfNoneMatch == "*" && exists:
		return preconditionFailed("If-None-Match")
	case in.IfMatch != "" && !exists:
		return noSuchKey(in.Key)
	case in.IfMatch != "" && !sameETag(in.IfMatch, old.etag):
		return preconditionFailed("If-Match")
	}
	return nil
}

func preconditionFailed(condition string) error {
	return &api.Error{
		Code: "PreconditionFailed", Message: "At least one of the pre-conditions you specified did not hold",
		Status: http.StatusPreconditionFailed, Fields: map[string]any{"Condition": condition},
	}
}

func noSuchKey(key string) error {
	return &api.Error{Code: "NoSuchKey", Message: "The specified key does not exist.", Status: http.StatusNotFound, Fields: map[string]any{"Key": key}}
}

func sameETag(given, etag string) bool {
	return given == "*" || strings.Trim(given, `"`) == strings.Trim(etag, `"`)
}

// DeleteObjectInput names an object.
type DeleteObjectInput struct {
	Bucket, Key         string
	ExpectedBucketOwner string
}

// deleteObject deletes an object. One that does not exist counts as deleted.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
func (s *Service) deleteObject(_ context.Context, _ api.Caller, in *DeleteObjectInput) (*Empty, error) {
	if err := s.checkOwner(in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	if err := checkKey(in.Key); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(in.Bucket)
	if err != nil {
		return nil, err
	}
	b.remove(in.Key, time.Now())
	return &Empty{}, nil
}

// DeleteObjectsInput names up to 1,000 objects.
type DeleteObjectsInput struct {
	Bucket              string
	Delete              Delete
	ExpectedBucketOwner string
}

// Delete is the list of objects to delete.
type Delete struct {
	Objects []ObjectIdentifier
	// Quiet leaves out of the answer what was deleted.
	Quiet bool
}

// ObjectIdentifier names an object by its key.
type ObjectIdentifier struct{ Key string }

// DeleteObjectsOutput tells what was deleted and what was not.
type DeleteObjectsOutput struct {
	Deleted []ObjectIdentifier `json:",omitempty"`
	Errors  []DeleteError      `json:",omitempty" xml:"Error"`
}

// DeleteError is an object that was not deleted.
type DeleteError struct{ Key, Code, Message string }

const maxDelete = 1000

// deleteObjects deletes several objects.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
func (s *Service) deleteObjects(_ context.Context, _ api.Caller, in *DeleteObjectsInput) (*DeleteObjectsOutput, error) {
	if err := s.checkOwner(in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	if n := len(in.Delete.Objects); n == 0 || n > maxDelete {
		return nil, malformedXML()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(in.Bucket)
	if err != nil {
		return nil, err
	}
	out := &DeleteObjectsOutput{}
	for _, o := range in.Delete.Objects {
		if err := checkKey(o.Key); err != nil {
			e := api.AsError(err)
			out.Errors = append(out.Errors, DeleteError{Key: o.Key, Code: e.Code, Message: e.Message})
			continue
		}
		b.remove(o.Key, time.Now())
		if !in.Delete.Quiet {
			out.Deleted = append(out.Deleted, o)
		}
	}
	return out, nil
}

func malformedXML() error {
	return api.Errorf("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}
