package s3

import (
	"context"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// classicRegion is the Region whose buckets have no location constraint, and
// where making a bucket again that one owns is no error.
const classicRegion = "us-east-1"

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// CreateBucketInput names a new bucket.
type CreateBucketInput struct {
	Bucket                    string
	CreateBucketConfiguration struct{ LocationConstraint string }
}

// CreateBucketOutput tells the bucket's path.
type CreateBucketOutput struct{ Location string }

// createBucket makes a bucket.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
func (s *Service) createBucket(_ context.Context, _ api.Caller, in *CreateBucketInput) (*CreateBucketOutput, error) {
	if !validBucketName(in.Bucket) {
		return nil, &api.Error{Code: "InvalidBucketName", Message: "The specified bucket is not valid.", Fields: map[string]any{"BucketName": in.Bucket}}
	}
	location := in.CreateBucketConfiguration.LocationConstraint
	if location == "" {
		location = classicRegion
	}
	if location != s.account.Region {
		return nil, api.Errorf("IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", location)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets[in.Bucket] != nil && s.account.Region != classicRegion {
		return nil, &api.Error{
			Code: "BucketAlreadyOwnedByYou", Status: http.StatusConflict, Fields: map[string]any{"BucketName": in.Bucket},
			Message: "Your previous request to create the named bucket succeeded and you already own it.",
		}
	}
	if s.buckets[in.Bucket] == nil {
		s.buckets[in.Bucket] = &bucket{created: time.Now().UTC(), objects: map[string]*object{}}
	}
	return &CreateBucketOutput{Location: "/" + in.Bucket}, nil
}

// validBucketName checks a name.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
func validBucketName(name string) bool {
	return bucketName.MatchString(name) && !strings.Contains(name, "..") && net.ParseIP(name) == nil &&
		!strings.HasPrefix(name, "xn--") && !strings.HasSuffix(name, "-s3alias")
}

// BucketInput names a bucket.
type BucketInput struct {
	Bucket              string
	ExpectedBucketOwner string
}

// Empty is an output without members.
type Empty struct{}

// deleteBucket deletes a bucket without objects.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html
func (s *Service) deleteBucket(_ context.Context, _ api.Caller, in *BucketInput) (*Empty, error) {
	if err := s.checkOwner(in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.find(in.Bucket)
	if err != nil {
		return nil, err
	}
	b.expire(time.Now())
	if len(b.objects) > 0 {
		return nil, &api.Error{
			Code: "BucketNotEmpty", Message: "The bucket you tried to delete is not empty", Status: http.StatusConflict,
			Fields: map[string]any{"BucketName": in.Bucket},
		}
	}
	delete(s.buckets, in.Bucket)
	return &Empty{}, nil
}

// HeadBucketOutput tells where a bucket is.
type HeadBucketOutput struct{ BucketRegion string }

// headBucket tells whether a bucket exists.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
func (s *Service) headBucket(_ context.Context, _ api.Caller, in *BucketInput) (*HeadBucketOutput, error) {
	if err := s.checkOwner(in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, err := s.find(in.Bucket); err != nil {
		return nil, err
	}
	return &HeadBucketOutput{BucketRegion: s.account.Region}, nil
}

// Bucket is a bucket in a list.
type Bucket struct {
	Name         string
	CreationDate Timestamp
}

// Owner is the account that owns buckets.
type Owner struct{ ID string }

// ListBucketsOutput lists all buckets by name.
type ListBucketsOutput struct {
	Owner   Owner
	Buckets []Bucket `xml:"Buckets>Bucket"`
}

// listBuckets lists the account's buckets.
//
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
func (s *Service) listBuckets(context.Context, api.Caller, *Empty) (*ListBucketsOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := &ListBucketsOutput{Owner: Owner{ID: s.account.ID}, Buckets: []Bucket{}}
	for _, name := range slices.Sorted(maps.Keys(s.buckets)) {
		out.Buckets = append(out.Buckets, Bucket{Name: name, CreationDate: Timestamp{s.buckets[name].created}})
	}
	return out, nil
}
