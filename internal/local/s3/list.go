package s3

import (
	"context"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

const maxKeys = 1000

// ListObjectsV2Input asks for the keys of a bucket, in order.
type ListObjectsV2Input struct {
	Bucket string
	Prefix string
	// Delimiter groups keys that have it after the prefix.
	Delimiter string
	// MaxKeys is 0 to 1,000. Defaults to 1,000.
	MaxKeys           *int
	StartAfter        string
	ContinuationToken string
	// EncodingType "url" escapes keys in the answer.
	EncodingType        string
	ExpectedBucketOwner string
}

// ListObjectsV2Output is one page of keys.
type ListObjectsV2Output struct {
	Name                  string
	Prefix                string
	Delimiter             string `json:",omitempty" xml:",omitempty"`
	MaxKeys               int
	KeyCount              int
	IsTruncated           bool
	EncodingType          string         `json:",omitempty" xml:",omitempty"`
	StartAfter            string         `json:",omitempty" xml:",omitempty"`
	ContinuationToken     string         `json:",omitempty" xml:",omitempty"`
	NextContinuationToken string         `json:",omitempty" xml:",omitempty"`
	Contents              []ListedObject `json:",omitempty"`
	CommonPrefixes        []CommonPrefix `json:",omitempty"`
}

// ListedObject is an object in a list.
type ListedObject struct {
	Key          string
	LastModified Timestamp
	ETag         string
	Size         int
	StorageClass string
}

// CommonPrefix stands for all keys that begin with it.
type CommonPrefix struct{ Prefix string }

// listObjectsV2 lists keys in the order of their UTF-8 bytes.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
func (s *Service) listObjectsV2(_ context.Context, _ api.Caller, in *ListObjectsV2Input) (*ListObjectsV2Output, error) {
	if err := s.checkOwner(in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	out := &ListObjectsV2Output{
		Name: in.Bucket, Prefix: in.Prefix, Delimiter: in.Delimiter, MaxKeys: maxKeys,
		EncodingType: in.EncodingType, StartAfter: in.StartAfter, ContinuationToken: in.ContinuationToken,
	}
	if in.MaxKeys != nil {
		if *in.MaxKeys < 0 {
			return nil, api.Errorf("InvalidArgument", "Argument maxKeys must be an integer between 0 and 2147483647")
		}
		out.MaxKeys = min(*in.MaxKeys, maxKeys)
	}
	if in.EncodingType != "" && in.EncodingType != "url" {
		return nil, api.Errorf("InvalidArgument", "Invalid Encoding Method specified in Request")
	}
	after := in.StartAfter
	if in.ContinuationToken != "" {
		token, err := base64.StdEncoding.DecodeString(in.ContinuationToken)
		if err != nil {
			return nil, api.Errorf("InvalidArgument", "The continuation token provided is incorrect")
		}
		after = string(token)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	b, err := s.find(in.Bucket)
	if err != nil {
		return nil, err
	}
	b.list(out, after)
	if in.EncodingType == "url" {
		out.escape()
	}
	return out, nil
}

// list fills in the page of what comes after a key or a common prefix.
func (b *bucket) list(out *ListObjectsV2Output, after string) {
	now, last := time.Now(), after
	for _, key := range b.keys(out.Prefix, after, now) {
		prefix, grouped := commonPrefix(key, out.Prefix, out.Delimiter)
		if grouped && prefix <= last {
			continue
		}
		if out.KeyCount == out.MaxKeys {
			out.IsTruncated = out.MaxKeys > 0
			break
		}
		out.KeyCount++
		if last = key; grouped {
			last = prefix
			out.CommonPrefixes = append(out.CommonPrefixes, CommonPrefix{prefix})
			continue
		}
		o := b.objects[key]
		out.Contents = append(out.Contents, ListedObject{
			Key: key, LastModified: Timestamp{o.modified}, ETag: o.etag, Size: len(o.body), StorageClass: "STANDARD",
		})
	}
	if out.IsTruncated {
		out.NextContinuationToken = base64.StdEncoding.EncodeToString([]byte(last))
	}
}

// keys are those after one that begin with a prefix, in order.
func (b *bucket) keys(prefix, after string, now time.Time) []string {
	var keys []string
	for key := range b.objects {
		if _, ok := b.get(key, now); ok && key > after && strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// commonPrefix is the key up to and with the delimiter after the prefix.
func commonPrefix(key, prefix, delimiter string) (common string, ok bool) {
	if delimiter == "" {
		return "", false
	}
	head, _, ok := strings.Cut(key[len(prefix):], delimiter)
	return prefix + head + delimiter, ok
}

// escape writes keys as in a URL, so that XML can hold any of them.
func (out *ListObjectsV2Output) escape() {
	escaped := func(key string) string { return strings.ReplaceAll(url.QueryEscape(key), "%2F", "/") }
	out.Prefix, out.Delimiter, out.StartAfter = escaped(out.Prefix), escaped(out.Delimiter), escaped(out.StartAfter)
	for i := range out.Contents {
		out.Contents[i].Key = escaped(out.Contents[i].Key)
	}
	for i := range out.CommonPrefixes {
		out.CommonPrefixes[i].Prefix = escaped(out.CommonPrefixes[i].Prefix)
	}
}
