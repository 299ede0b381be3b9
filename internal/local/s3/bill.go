package s3

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

// op makes an operation whose calls are billed.
func op[I, O any](s *Service, name string, f func(context.Context, api.Caller, *I) (*O, error)) api.Operation {
	return api.Op("s3", name, billed(s, name, f))
}

// billed bills the calls of an operation by its class, those that fail too,
// unless access is denied or S3 itself fails.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ErrorCodeBilling.html
func billed[I, O any](s *Service, operation string, f func(context.Context, api.Caller, *I) (*O, error)) func(context.Context, api.Caller, *I) (*O, error) {
	item := price.S3Read
	switch operation {
	case "DeleteBucket", "DeleteObject", "DeleteObjects":
		return f // free
	case "PutObject", "CreateBucket", "ListBuckets", "ListObjectsV2":
		item = price.S3Write
	}
	return func(ctx context.Context, caller api.Caller, in *I) (*O, error) {
		out, err := f(ctx, caller, in)
		var e *api.Error
		if errors.As(err, &e) && (e.HTTPStatus() == http.StatusForbidden || e.HTTPStatus() >= http.StatusInternalServerError) {
			return out, err
		}
		u := api.Usage{Item: item, Quantity: 1, Caller: caller}
		if name := bucketOf(in); name != "" {
			u.Resource = bucketARN(s.account, name)
		}
		s.router.Bill(u)
		return out, err
	}
}

func bucketARN(a *api.Account, name string) string { return "arn:" + a.Partition + ":s3:::" + name }

// bucketOf is the bucket of a call about one.
func bucketOf(in any) string {
	switch in := in.(type) {
	case *PutObjectInput:
		return in.Bucket
	case *GetObjectInput:
		return in.Bucket
	case *ListObjectsV2Input:
		return in.Bucket
	case *BucketInput:
		return in.Bucket
	case *CreateBucketInput:
		return in.Bucket
	}
	return ""
}

// remove takes an object away and remembers for how long it was kept. S3 bills
// no object that has expired. The caller holds Service.mu.
func (b *bucket) remove(key string, now time.Time) {
	o := b.objects[key]
	if o == nil {
		return
	}
	b.age(key, o, now)
	delete(b.objects, key)
}

// age adds what an object was kept since it was made or last billed.
func (b *bucket) age(key string, o *object, now time.Time) {
	since := o.modified
	if since.Before(b.billed) {
		since = b.billed
	}
	if _, when, ok := b.expiryOf(key, o); ok && when.Before(now) {
		now = when
	}
	if now.After(since) {
		b.held += float64(len(o.body)) * now.Sub(since).Hours()
	}
}

// BillStorage bills what buckets have held until now.
func (s *Service) BillStorage() {
	now := time.Now()
	s.mu.Lock()
	held := map[string]float64{}
	for name, b := range s.buckets {
		for key, o := range b.objects {
			b.age(key, o, now)
		}
		held[name], b.held, b.billed = b.held, 0, now
	}
	s.mu.Unlock()
	for name, hours := range held {
		s.router.Bill(api.Usage{Item: price.S3Storage, Quantity: hours / price.GB / price.Month.Hours(), Resource: bucketARN(s.account, name)})
	}
}
