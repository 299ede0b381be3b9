// Package s3 is Amazon S3 in the embedded AWS: buckets and whole objects, kept
// in memory and addressed by path.
package s3

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// Service is S3 of one account.
type Service struct {
	account *api.Account
	router  *api.Router

	mu      sync.RWMutex
	buckets map[string]*bucket
}

// bucket is guarded by Service.mu. Its objects are never changed, only replaced.
type bucket struct {
	created time.Time
	objects map[string]*object
	expiry  []expiryRule
	policy  []byte
	// key of KMS that encrypts its objects. Empty for none.
	key string
	// held are the byte-hours that are not billed yet, of objects that are gone,
	// and billed is until when the others are.
	held   float64
	billed time.Time
}

// New returns a service without buckets.
func New(account *api.Account, router *api.Router) *Service {
	return &Service{account: account, router: router, buckets: map[string]*bucket{}}
}

// API describes the service to the router. It speaks S3's REST protocol; the
// operations in JSON are what the AWS SDK integrations of Step Functions call.
func (s *Service) API() api.Service {
	return api.Service{
		Name: "s3",
		Operations: map[string]api.Operation{
			"CreateBucket":  op(s, "CreateBucket", s.createBucket),
			"DeleteBucket":  op(s, "DeleteBucket", s.deleteBucket),
			"DeleteObject":  op(s, "DeleteObject", s.deleteObject),
			"DeleteObjects": op(s, "DeleteObjects", s.deleteObjects),
			"GetObject":     op(s, "GetObject", s.getObject),
			"HeadBucket":    op(s, "HeadBucket", s.headBucket),
			"HeadObject":    op(s, "HeadObject", s.headObject),
			"ListBuckets":   op(s, "ListBuckets", s.listBuckets),
			"ListObjectsV2": op(s, "ListObjectsV2", s.listObjectsV2),
			"PutObject":     op(s, "PutObject", s.putObject),
		},
		REST: http.HandlerFunc(s.serve),
	}
}

// Providers make the resources of templates.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{
		"AWS::S3::Bucket": {
			Create: s.provideBucket, Update: s.changeBucket, Delete: s.removeBucket, Replaced: []string{"BucketName"},
		},
		"AWS::S3::BucketPolicy": {
			Create: s.providePolicy, Delete: s.removePolicy, Replaced: []string{"Bucket"},
			Update: func(ctx context.Context, r api.ResourceRequest, _ api.Existing) (api.Resource, error) {
				return s.providePolicy(ctx, r)
			},
		},
	}
}

// Policy is a bucket's policy, a JSON document. Nil when it has none.
func (s *Service) Policy(bucket string) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[bucket]; b != nil {
		return b.policy
	}
	return nil
}

// Key is the KMS key that encrypts a bucket's objects. Empty for none.
func (s *Service) Key(bucket string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[bucket]; b != nil {
		return b.key
	}
	return ""
}

// Exists tells whether a bucket has an object.
func (s *Service) Exists(bucket, key string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	b := s.buckets[bucket]
	if b == nil {
		return false
	}
	_, ok := b.get(key, time.Now())
	return ok
}

// do runs a typed operation through the router, as api.Op does for JSON.
func do[I, O any](ctx context.Context, s *Service, caller api.Caller, operation string, in *I, f func(context.Context, api.Caller, *I) (*O, error)) (*O, error) {
	out, err := s.router.Do(ctx, api.Call{Service: "s3", Operation: operation, Caller: caller, Input: in},
		func(ctx context.Context) (any, error) { return billed(s, operation, f)(ctx, caller, in) })
	if err != nil {
		return nil, err
	}
	// What comes out is what f returned.
	return out.(*O), nil
}

// find returns a bucket. The caller holds s.mu.
func (s *Service) find(name string) (*bucket, error) {
	if b := s.buckets[name]; b != nil {
		return b, nil
	}
	return nil, &api.Error{
		Code: "NoSuchBucket", Message: "The specified bucket does not exist", Status: http.StatusNotFound,
		Fields: map[string]any{"BucketName": name},
	}
}

// checkOwner refuses a request that expects the bucket to be somebody else's.
func (s *Service) checkOwner(expected string) error {
	if expected == "" || expected == s.account.ID {
		return nil
	}
	return &api.Error{Code: "AccessDenied", Message: "Access Denied", Status: http.StatusForbidden}
}

// notImplemented refuses what this S3 does not have.
func notImplemented(what string) error {
	return &api.Error{
		Code: "NotImplemented", Status: http.StatusNotImplemented,
		Message: "The embedded runtime's S3 does not have " + what + ".",
	}
}
