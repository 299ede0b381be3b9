package rollout

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/musterq/muster/internal/bundle"
)

// Store is the bucket that deployments upload to. Every call names the account
// that has to own it: a bucket's name can be guessed, and be taken by another.
type Store struct {
	Bucket, Account, Region string

	s3       *s3.Client
	endpoint string
}

// NewStore is a store in a bucket of this account.
func NewStore(cfg aws.Config, account, bucket string) *Store {
	return &Store{
		Bucket: bucket, Account: account, Region: cfg.Region, endpoint: aws.ToString(cfg.BaseEndpoint),
		s3: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }),
	}
}

// BucketName is how the bucket of an account's region is called where none is
// named.
func BucketName(account, region string) string { return "muster-" + account + "-" + region }

// Ensure makes the bucket if there is none: private and encrypted. It says
// whether it did.
func (s *Store) Ensure(ctx context.Context) (made bool, err error) {
	_, err = s.s3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.Bucket, ExpectedBucketOwner: &s.Account})
	switch status(err) {
	case 0:
		if err == nil {
			return false, nil
		}
		return false, fmt.Errorf("look for the bucket %s: %w", s.Bucket, err)
	case http.StatusNotFound:
	case http.StatusForbidden:
		return false, fmt.Errorf("the bucket %s is not account %s's, or may not be read with these credentials: name another with --bucket: %w", s.Bucket, s.Account, err)
	default:
		return false, fmt.Errorf("look for the bucket %s: %w", s.Bucket, err)
	}
	in := &s3.CreateBucketInput{Bucket: &s.Bucket}
	// https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
	if s.Region != "us-east-1" {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(s.Region)}
	}
	if _, err := s.s3.CreateBucket(ctx, in); err != nil {
		var owned *types.BucketAlreadyOwnedByYou
		if !errors.As(err, &owned) {
			return false, fmt.Errorf("make the bucket %s: %w", s.Bucket, err)
		}
	}
	return true, s.close(ctx)
}

// close keeps the public out of the bucket and encrypts what is in it, as S3 does
// by itself with new buckets unless an account says otherwise.
func (s *Store) close(ctx context.Context) error {
	_, err := s.s3.PutPublicAccessBlock(ctx, &s3.PutPublicAccessBlockInput{
		Bucket: &s.Bucket, ExpectedBucketOwner: &s.Account,
		PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: aws.Bool(true), BlockPublicPolicy: aws.Bool(true), IgnorePublicAcls: aws.Bool(true), RestrictPublicBuckets: aws.Bool(true),
		},
	})
	if err != nil {
		return fmt.Errorf("keep the public out of the bucket %s: %w", s.Bucket, err)
	}
	_, err = s.s3.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
		Bucket: &s.Bucket, ExpectedBucketOwner: &s.Account,
		ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
			ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256},
		}}},
	})
	if err != nil {
		return fmt.Errorf("encrypt the bucket %s: %w", s.Bucket, err)
	}
	return nil
}

// Put uploads a file unless it is there: what is named by its content never
// changes. It says whether it did. S3 has verified the SHA-256 that an object was
// put with: one of the same name that is anything else is not taken for the file.
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
func (s *Store) Put(ctx context.Context, f bundle.File) (uploaded bool, err error) {
	digest := sha256.Sum256(f.Data)
	sum := base64.StdEncoding.EncodeToString(digest[:])
	out, err := s.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.Bucket, Key: &f.Key, ChecksumMode: types.ChecksumModeEnabled, ExpectedBucketOwner: &s.Account})
	if err == nil && aws.ToString(out.ChecksumSHA256) == sum {
		return false, nil
	}
	if code := status(err); err != nil && code != http.StatusNotFound && code != http.StatusForbidden {
		// Without s3:ListBucket S3 says 403 of what is not there.
		return false, fmt.Errorf("look for s3://%s/%s: %w", s.Bucket, f.Key, err)
	}
	_, err = s.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.Bucket, Key: &f.Key, Body: bytes.NewReader(f.Data), ChecksumSHA256: &sum, ExpectedBucketOwner: &s.Account})
	if err != nil {
		return false, fmt.Errorf("upload s3://%s/%s: %w", s.Bucket, f.Key, err)
	}
	return true, nil
}

// URL of an object, as CloudFormation takes it.
func (s *Store) URL(key string) string {
	escaped := (&url.URL{Path: "/" + key}).EscapedPath()
	if s.endpoint != "" {
		return strings.TrimSuffix(s.endpoint, "/") + "/" + s.Bucket + escaped
	}
	suffix := "amazonaws.com"
	if strings.HasPrefix(s.Region, "cn-") {
		suffix += ".cn"
	}
	return "https://" + s.Bucket + ".s3." + s.Region + "." + suffix + escaped
}

// status is the HTTP status of an answer that is an error. 0 if there is none.
func status(err error) int {
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// keyTime writes a time so that keys sort by it.
func keyTime(t time.Time) string { return t.UTC().Format("20060102T150405.000Z") }
