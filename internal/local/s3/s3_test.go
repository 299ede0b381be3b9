package s3

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/endpoint"
)

const base = "http://127.0.0.1:4100"

// world is an S3 with a client, and a bucket "bodies".
type world struct {
	router    *api.Router
	service   *Service
	client    *s3.Client
	transport http.RoundTripper
}

func newWorld(t *testing.T) *world {
	t.Helper()
	account := &api.Account{ID: "123456789012", Region: "us-east-1", Partition: "aws", Endpoint: base}
	w := &world{router: api.NewRouter(1)}
	w.service = New(account, w.router)
	w.router.Add(w.service.API())
	w.transport = endpoint.Transport(endpoint.New(account, w.router))
	w.client = s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(base), UsePathStyle: true,
		Credentials:      credentials.NewStaticCredentialsProvider("AKID", "secret", ""),
		HTTPClient:       &http.Client{Transport: w.transport},
		RetryMaxAttempts: 1,
		// As config.LoadDefaultConfig has it.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	})
	_, err := w.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bodies")})
	require.NoError(t, err)
	return w
}

func (w *world) put(t *testing.T, key, body string) {
	t.Helper()
	_, err := w.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bodies"), Key: &key, Body: strings.NewReader(body)})
	require.NoError(t, err)
}

func (w *world) get(t *testing.T, in *s3.GetObjectInput) (string, *s3.GetObjectOutput, error) {
	t.Helper()
	in.Bucket = aws.String("bodies")
	out, err := w.client.GetObject(t.Context(), in)
	if err != nil {
		return "", nil, err
	}
	body, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	return string(body), out, nil
}

// send makes a request as a client of any kind would.
func (w *world) send(t *testing.T, method, path, body string, header map[string]string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, base+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260901/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=ab")
	for name, value := range header {
		if value == "" {
			r.Header.Del(name)
			continue
		}
		r.Header.Set(name, value)
	}
	response, err := w.transport.RoundTrip(r)
	require.NoError(t, err)
	got, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(got)
}

func TestObjects(t *testing.T) {
	w := newWorld(t)
	_, err := w.client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String("bodies"), Key: aws.String("a b/c+d/ü"), Body: strings.NewReader("hello"),
		ContentType: aws.String("text/plain"), ContentEncoding: aws.String("identity"), Metadata: map[string]string{"Shift": "7"},
	})
	require.NoError(t, err)
	body, out, err := w.get(t, &s3.GetObjectInput{Key: aws.String("a b/c+d/ü"), ChecksumMode: types.ChecksumModeEnabled})
	require.NoError(t, err)
	assert.Equal(t, "hello", body)
	assert.Equal(t, `"5d41402abc4b2a76b9719d911017c592"`, *out.ETag)
	assert.Equal(t, "text/plain", *out.ContentType)
	assert.Equal(t, "identity", *out.ContentEncoding)
	assert.Equal(t, map[string]string{"shift": "7"}, out.Metadata)
	assert.Equal(t, "NhCmhg==", *out.ChecksumCRC32)
	assert.Equal(t, types.ServerSideEncryptionAes256, out.ServerSideEncryption)
	assert.Nil(t, out.Expiration)

	head, err := w.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("bodies"), Key: aws.String("a b/c+d/ü")})
	require.NoError(t, err)
	assert.EqualValues(t, 5, *head.ContentLength)
	assert.Equal(t, *out.LastModified, *head.LastModified)

	for range 2 {
		_, err = w.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("bodies"), Key: aws.String("a b/c+d/ü")})
		require.NoError(t, err)
	}
	_, _, err = w.get(t, &s3.GetObjectInput{Key: aws.String("a b/c+d/ü")})
	var noKey *types.NoSuchKey
	require.ErrorAs(t, err, &noKey, "%v", err)
	assert.Equal(t, "The specified key does not exist.", noKey.ErrorMessage())
	_, err = w.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("bodies"), Key: aws.String("none")})
	var notFound *types.NotFound
	require.ErrorAs(t, err, &notFound, "%v", err)
}

func TestChecksumAlgorithms(t *testing.T) {
	w := newWorld(t)
	for algorithm, want := range map[types.ChecksumAlgorithm]string{
		types.ChecksumAlgorithmCrc32:     "y/Q5Jg==",
		types.ChecksumAlgorithmCrc32c:    "4waSgw==",
		types.ChecksumAlgorithmCrc64nvme: "rosUhgp5mIg=",
		types.ChecksumAlgorithmSha1:      "98O8HYCOBHMq32eZZczDTKeuNEE=",
		types.ChecksumAlgorithmSha256:    "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
	} {
		// The check values of these algorithms are those of "123456789".
		_, err := w.client.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("bodies"), Key: aws.String("k"), Body: strings.NewReader("123456789"), ChecksumAlgorithm: algorithm,
		})
		require.NoError(t, err, algorithm)
		_, out, err := w.get(t, &s3.GetObjectInput{Key: aws.String("k"), ChecksumMode: types.ChecksumModeEnabled})
		require.NoError(t, err)
		var got Checksums
		for name, value := range map[string]*string{
			"CRC32": out.ChecksumCRC32, "CRC32C": out.ChecksumCRC32C, "CRC64NVME": out.ChecksumCRC64NVME, "SHA1": out.ChecksumSHA1, "SHA256": out.ChecksumSHA256,
		} {
			*got.field(name) = aws.ToString(value)
		}
		assert.Equal(t, []string{string(algorithm)}, got.given())
		assert.Equal(t, want, *got.field(string(algorithm)), algorithm)
	}
}

func TestBadContentIsRefused(t *testing.T) {
	const trailer = "5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
	streaming := func(length string) map[string]string {
		return map[string]string{"X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length": length, "X-Amz-Trailer": "x-amz-checksum-crc32"}
	}
	for name, c := range map[string]struct {
		body   string
		header map[string]string
		code   string
	}{
		"chunks":             {body: trailer, header: streaming("5")},
		"wrong length":       {body: trailer, header: streaming("6"), code: "IncompleteBody"},
		"no length":          {body: trailer, header: streaming(""), code: "MissingContentLength"},
		"wrong trailer":      {body: strings.Replace(trailer, "hello", "hallo", 1), header: streaming("5"), code: "BadDigest"},
		"cut short":          {body: trailer[:25], header: streaming("5"), code: "IncompleteBody"},
		"no chunks":          {body: "hello", header: streaming("5"), code: "IncompleteBody"},
		"right checksum":     {body: "hello", header: map[string]string{"X-Amz-Checksum-Crc32": "NhCmhg=="}},
		"wrong checksum":     {body: "hallo", header: map[string]string{"X-Amz-Checksum-Crc32": "NhCmhg=="}, code: "BadDigest"},
		"two checksums":      {body: "hello", header: map[string]string{"X-Amz-Checksum-Crc32": "NhCmhg==", "X-Amz-Checksum-Sha1": "x"}, code: "InvalidRequest"},
		"another algorithm":  {body: "hello", header: map[string]string{"X-Amz-Checksum-Crc32": "NhCmhg==", "X-Amz-Sdk-Checksum-Algorithm": "SHA1"}, code: "InvalidRequest"},
		"right MD5":          {body: "hello", header: map[string]string{"Content-Md5": "XUFAKrxLKna5cZ2REBfFkg=="}},
		"wrong MD5":          {body: "hallo", header: map[string]string{"Content-Md5": "XUFAKrxLKna5cZ2REBfFkg=="}, code: "BadDigest"},
		"wrong SHA-256":      {body: "hallo", header: map[string]string{"X-Amz-Content-Sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}, code: "XAmzContentSHA256Mismatch"},
		"too much metadata":  {body: "hello", header: map[string]string{"X-Amz-Meta-A": strings.Repeat("x", 2048)}, code: "MetadataTooLarge"},
		"unknown header":     {body: "hello", header: map[string]string{"X-Amz-Acl": "public-read"}, code: "NotImplemented"},
		"storage class":      {body: "hello", header: map[string]string{"X-Amz-Storage-Class": "GLACIER"}, code: "NotImplemented"},
		"encryption":         {body: "hello", header: map[string]string{"X-Amz-Server-Side-Encryption": "aws:kms"}, code: "NotImplemented"},
		"not signed":         {body: "hello", header: map[string]string{"Authorization": ""}, code: "AccessDenied"},
		"somebody else's":    {body: "hello", header: map[string]string{"X-Amz-Expected-Bucket-Owner": "999999999999"}, code: "AccessDenied"},
		"must not exist yet": {body: "hello", header: map[string]string{"If-None-Match": "*"}, code: "PreconditionFailed"},
		"must be another":    {body: "hello", header: map[string]string{"If-Match": `"0"`}, code: "PreconditionFailed"},
		"must be this":       {body: "hello", header: map[string]string{"If-Match": `"8b1a9953c4611296a827abf8c47804d7"`}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(t, "k", "Hello")
			response, body := w.send(t, "PUT", "/bodies/k", c.body, c.header)
			now, _, err := w.get(t, &s3.GetObjectInput{Key: aws.String("k")})
			require.NoError(t, err)
			if c.code == "" {
				assert.Equal(t, 200, response.StatusCode, body)
				assert.Equal(t, "hello", now)
				return
			}
			assert.Contains(t, body, "<Code>"+c.code+"</Code>")
			assert.Equal(t, "Hello", now, "what is refused changes nothing")
		})
	}
}

func TestRanges(t *testing.T) {
	w := newWorld(t)
	w.put(t, "k", "0123456789")
	for _, c := range []struct{ given, body, contentRange string }{
		{"bytes=0-3", "0123", "bytes 0-3/10"},
		{"bytes=7-", "789", "bytes 7-9/10"},
		{"bytes=-2", "89", "bytes 8-9/10"},
		{"bytes=8-99", "89", "bytes 8-9/10"},
		{"bytes=-99", "0123456789", "bytes 0-9/10"},
	} {
		body, out, err := w.get(t, &s3.GetObjectInput{Key: aws.String("k"), Range: &c.given})
		require.NoError(t, err, c.given)
		assert.Equal(t, c.body, body)
		assert.Equal(t, c.contentRange, *out.ContentRange)
		assert.EqualValues(t, len(c.body), *out.ContentLength)
	}
	for given, want := range map[string]string{
		"bytes=10-": "InvalidRange", "bytes=5-2": "InvalidRange", "bytes=-0": "InvalidRange", "bytes=0-1,3-4": "NotImplemented", "lines=1-2": "NotImplemented",
	} {
		_, _, err := w.get(t, &s3.GetObjectInput{Key: aws.String("k"), Range: &given})
		assert.Equal(t, want, code(err), given)
	}
}

func TestConditionalReads(t *testing.T) {
	w := newWorld(t)
	w.put(t, "k", "hello")
	const etag = `"5d41402abc4b2a76b9719d911017c592"`
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"If-Match", etag, 200}, {"If-Match", `"0"`, 412}, {"If-None-Match", etag, 304}, {"If-None-Match", `"0"`, 200},
		{"If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT", 501},
	} {
		response, body := w.send(t, "GET", "/bodies/k", "", map[string]string{c.header: c.value})
		assert.Equal(t, c.status, response.StatusCode, c)
		if c.status == 304 {
			assert.Empty(t, body)
		}
	}
}

func TestLists(t *testing.T) {
	w := newWorld(t)
	for _, key := range []string{"b/2", "a", "b/1", "c/x/1", "c/x/2", "d", "c/y", "é&"} {
		w.put(t, key, key)
	}
	list := func(in *s3.ListObjectsV2Input) (keys []string, out *s3.ListObjectsV2Output) {
		in.Bucket = aws.String("bodies")
		out, err := w.client.ListObjectsV2(t.Context(), in)
		require.NoError(t, err)
		for _, o := range out.Contents {
			keys = append(keys, *o.Key)
		}
		for _, p := range out.CommonPrefixes {
			keys = append(keys, *p.Prefix)
		}
		return keys, out
	}
	keys, out := list(&s3.ListObjectsV2Input{})
	assert.Equal(t, []string{"a", "b/1", "b/2", "c/x/1", "c/x/2", "c/y", "d", "é&"}, keys)
	assert.EqualValues(t, 8, *out.KeyCount)
	assert.False(t, *out.IsTruncated)
	assert.Equal(t, `"0cc175b9c0f1b6a831c399e269772661"`, *out.Contents[0].ETag)
	assert.EqualValues(t, 1, *out.Contents[0].Size)

	keys, _ = list(&s3.ListObjectsV2Input{Delimiter: aws.String("/")})
	assert.Equal(t, []string{"a", "d", "é&", "b/", "c/"}, keys)
	keys, _ = list(&s3.ListObjectsV2Input{Prefix: aws.String("c/"), Delimiter: aws.String("/")})
	assert.Equal(t, []string{"c/y", "c/x/"}, keys)
	keys, _ = list(&s3.ListObjectsV2Input{StartAfter: aws.String("c/x/2"), EncodingType: types.EncodingTypeUrl})
	assert.Equal(t, []string{"c/y", "d", "%C3%A9%26"}, keys)

	var pages [][]string
	in := &s3.ListObjectsV2Input{Delimiter: aws.String("/"), MaxKeys: aws.Int32(2)}
	for {
		keys, out := list(in)
		pages = append(pages, keys)
		if !*out.IsTruncated {
			break
		}
		in = &s3.ListObjectsV2Input{Delimiter: aws.String("/"), MaxKeys: aws.Int32(2), ContinuationToken: out.NextContinuationToken}
	}
	assert.Equal(t, [][]string{{"a", "b/"}, {"d", "c/"}, {"é&"}}, pages)

	deleted, err := w.client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: aws.String("bodies"), Delete: &types.Delete{
		Objects: []types.ObjectIdentifier{{Key: aws.String("a")}, {Key: aws.String("never")}, {Key: aws.String("é&")}},
	}})
	require.NoError(t, err)
	assert.Len(t, deleted.Deleted, 3)
	keys, _ = list(&s3.ListObjectsV2Input{MaxKeys: aws.Int32(1)})
	assert.Equal(t, []string{"b/1"}, keys)
}

func TestBuckets(t *testing.T) {
	w := newWorld(t)
	_, err := w.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bodies")})
	require.NoError(t, err, "us-east-1 makes a bucket that one owns again")
	_, err = w.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("Not-Valid")})
	assert.Equal(t, "InvalidBucketName", code(err))
	head, err := w.client.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("bodies")})
	require.NoError(t, err)
	assert.Equal(t, "us-east-1", *head.BucketRegion)
	_, err = w.client.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("none")})
	assert.Equal(t, "NotFound", code(err))
	buckets, err := w.client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	require.NoError(t, err)
	require.Len(t, buckets.Buckets, 1)
	assert.Equal(t, "bodies", *buckets.Buckets[0].Name)

	w.put(t, "k", "v")
	_, err = w.client.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("bodies")})
	assert.Equal(t, "BucketNotEmpty", code(err))
	_, err = w.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: aws.String("bodies"), Key: aws.String("k")})
	require.NoError(t, err)
	_, err = w.client.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String("bodies")})
	require.NoError(t, err)
	_, _, err = w.get(t, &s3.GetObjectInput{Key: aws.String("k")})
	assert.Equal(t, "NoSuchBucket", code(err))
}

func TestTheRestIsNotImplemented(t *testing.T) {
	w := newWorld(t)
	w.put(t, "k", "v")
	for _, c := range []struct{ method, path string }{
		{"POST", "/bodies/k?uploads"}, {"PUT", "/bodies/k?partNumber=1&uploadId=x"}, {"GET", "/bodies/k?versionId=1"}, {"GET", "/bodies/k?tagging"},
		{"GET", "/bodies"}, {"GET", "/bodies?location"}, {"PUT", "/bodies?policy"}, {"PUT", "/bodies/k?acl"}, {"DELETE", "/"}, {"POST", "/bodies"},
		{"GET", "/bodies?list-type=2&fetch-owner=true"}, {"GET", "/bodies/k?response-content-type=x"},
	} {
		response, body := w.send(t, c.method, c.path, "", nil)
		assert.Equal(t, 501, response.StatusCode, c)
		assert.Contains(t, body, "<Code>NotImplemented</Code>", c)
	}
	_, err := w.client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String("bodies"), Key: aws.String("k")})
	assert.Equal(t, "NotImplemented", code(err))
	response, body := w.send(t, "GET", "/bodies/<k>", "", nil)
	assert.Equal(t, 404, response.StatusCode)
	assert.Equal(t, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+`<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>`+
		`<Key>&lt;k&gt;</Key><RequestId>`+response.Header.Get("X-Amz-Request-Id")+`</RequestId></Error>`, body)
}

func TestFaults(t *testing.T) {
	w := newWorld(t)
	w.router.Faults.Add(api.Fault{Service: "s3", Operation: "PutObject", Kind: api.LoseReply, Times: 1})
	_, err := w.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bodies"), Key: aws.String("k"), Body: strings.NewReader("v")})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	body, _, err := w.get(t, &s3.GetObjectInput{Key: aws.String("k")})
	require.NoError(t, err)
	assert.Equal(t, "v", body)
	w.router.Faults.Add(api.Fault{Service: "s3", Operation: "GetObject", Kind: api.Fail, Times: 1})
	_, _, err = w.get(t, &s3.GetObjectInput{Key: aws.String("k")})
	assert.Equal(t, "ServiceUnavailable", code(err))
}

func TestIntegrationOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := &api.Account{ID: "123456789012", Region: "eu-west-1", Partition: "aws"}
		router := api.NewRouter(1)
		service := New(account, router)
		router.Add(service.API())
		call := func(operation, input string) string {
			out, err := router.Call(t.Context(), "s3", operation, api.Caller{}, []byte(input))
			if err != nil {
				return err.Error()
			}
			encoded, err := json.Marshal(out)
			require.NoError(t, err)
			return string(encoded)
		}
		assert.Equal(t, "IllegalLocationConstraintException: The us-east-1 location constraint is incompatible for the region specific endpoint this request was sent to.",
			call("CreateBucket", `{"Bucket":"bodies"}`))
		const created = `{"Bucket":"bodies","CreateBucketConfiguration":{"LocationConstraint":"eu-west-1"}}`
		assert.Equal(t, `{"Location":"/bodies"}`, call("CreateBucket", created))
		assert.Equal(t, "BucketAlreadyOwnedByYou: Your previous request to create the named bucket succeeded and you already own it.", call("CreateBucket", created))
		assert.JSONEq(t, `{"ETag":"\"bb6cb5c68df4652941caf652a366f2d8\"","ChecksumCRC32":"Vhusrw==","ChecksumType":"FULL_OBJECT","ServerSideEncryption":"AES256"}`,
			call("PutObject", `{"Bucket":"bodies","Key":"k","Body":{"a":1},"ContentType":"application/json","ChecksumAlgorithm":"CRC32"}`))
		assert.JSONEq(t, `{"Body":"{\"a\":1}","AcceptRanges":"bytes","ContentLength":7,"ContentType":"application/json","Metadata":{},
			"ETag":"\"bb6cb5c68df4652941caf652a366f2d8\"","LastModified":"2000-01-01T00:00:00.000Z","ServerSideEncryption":"AES256"}`,
			call("GetObject", `{"Bucket":"bodies","Key":"k"}`))
		assert.Equal(t, "NoSuchKey: The specified key does not exist.", call("HeadObject", `{"Bucket":"bodies","Key":"x"}`))
		assert.Equal(t, `ValidationException: The embedded runtime does not know the member "VersionId" of GetObjectInput.`, call("GetObject", `{"Bucket":"bodies","Key":"k","VersionId":"1"}`))
		assert.Equal(t, `{}`, call("DeleteObject", `{"Bucket":"bodies","Key":"k"}`))
		assert.Equal(t, `{"Name":"bodies","Prefix":"","MaxKeys":1000,"KeyCount":0,"IsTruncated":false}`, call("ListObjectsV2", `{"Bucket":"bodies"}`))
		assert.Equal(t, `{"Deleted":[{"Key":"k"}]}`, call("DeleteObjects", `{"Bucket":"bodies","Delete":{"Objects":[{"Key":"k"}]}}`))
		assert.Equal(t, `{"Owner":{"ID":"123456789012"},"Buckets":[{"Name":"bodies","CreationDate":"2000-01-01T00:00:00.000Z"}]}`, call("ListBuckets", `{}`))
		assert.Equal(t, `{"BucketRegion":"eu-west-1"}`, call("HeadBucket", `{"Bucket":"bodies"}`))
	})
}

func TestPresignedURLs(t *testing.T) {
	w := newWorld(t)
	w.put(t, "k", "hello")
	request, err := s3.NewPresignClient(w.client).PresignGetObject(context.Background(), &s3.GetObjectInput{Bucket: aws.String("bodies"), Key: aws.String("k")})
	require.NoError(t, err)
	r, err := http.NewRequest(request.Method, request.URL, nil)
	require.NoError(t, err)
	response, err := w.transport.RoundTrip(r)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(body))
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	var local *api.Error
	if errors.As(err, &local) {
		return local.Code
	}
	return ""
}

func FuzzUnchunk(f *testing.F) {
	f.Add([]byte("5;chunk-signature=ab\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"), "5")
	f.Add([]byte("ffffffffffffffff\r\n"), "9223372036854775807")
	f.Fuzz(func(t *testing.T, raw []byte, length string) {
		body, _, err := unchunk(raw, length)
		if err == nil {
			assert.LessOrEqual(t, len(body), len(raw))
		}
	})
}
