package s3

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

func TestProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		provide := w.service.Providers()["AWS::S3::Bucket"].Create
		got, err := provide(t.Context(), api.ResourceRequest{
			Name: "jobs-Bucket-ABC",
			Properties: []byte(`{
				"BucketEncryption":{"ServerSideEncryptionConfiguration":[{"ServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"},"BucketKeyEnabled":"true"}]},
				"PublicAccessBlockConfiguration":{"BlockPublicAcls":true,"BlockPublicPolicy":"true","IgnorePublicAcls":true,"RestrictPublicBuckets":true},
				"OwnershipControls":{"Rules":[{"ObjectOwnership":"BucketOwnerEnforced"}]},"VersioningConfiguration":{"Status":"Suspended"},
				"LifecycleConfiguration":{"Rules":[{"Id":"short","Status":"Enabled","ExpirationInDays":"15"},{"Id":"off","Status":"Disabled","ExpirationInDays":1},
					{"Id":"tmp","Status":"Enabled","Prefix":"tmp/","ExpirationInDays":1}]},"Tags":[{"Key":"a","Value":"b"}]}`),
		})
		require.NoError(t, err)
		assert.Equal(t, api.Resource{Ref: "jobs-bucket-abc", Attributes: map[string]string{
			"Arn": "arn:aws:s3:::jobs-bucket-abc", "DomainName": "jobs-bucket-abc.s3.amazonaws.com",
			"RegionalDomainName": "jobs-bucket-abc.s3.us-east-1.amazonaws.com", "DualStackDomainName": "jobs-bucket-abc.s3.dualstack.us-east-1.amazonaws.com",
		}}, got)

		// Objects expire at the first midnight that is their days away.
		time.Sleep(time.Hour)
		for _, key := range []string{"k", "tmp/k"} {
			_, err := w.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &got.Ref, Key: &key, Body: bytes.NewReader(nil)})
			require.NoError(t, err)
		}
		alive := func(key string) bool {
			_, err := w.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &got.Ref, Key: &key})
			return err == nil
		}
		head, err := w.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &got.Ref, Key: aws.String("k")})
		require.NoError(t, err)
		assert.Equal(t, `expiry-date="Mon, 17 Jan 2000 00:00:00 GMT", rule-id="short"`, *head.Expiration)
		time.Sleep(47*time.Hour - time.Second)
		assert.True(t, alive("tmp/k"))
		time.Sleep(time.Second)
		assert.False(t, alive("tmp/k"))
		assert.True(t, alive("k"))
		time.Sleep(14 * 24 * time.Hour)
		assert.False(t, alive("k"))
		_, err = w.client.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &got.Ref})
		require.NoError(t, err, "what has expired does not keep a bucket")
	})
}

func TestProviderRefuses(t *testing.T) {
	w := newWorld(t)
	for properties, want := range map[string]string{
		`{"VersioningConfiguration":{"Status":"Enabled"}}`:                                                                          "NotImplemented: The embedded runtime's S3 does not have the versioning status Enabled.",
		`{"BucketEncryption":{"ServerSideEncryptionConfiguration":[{"ServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms"}}]}}`: "NotImplemented: The embedded runtime's S3 does not have keys that AWS manages: KMSMasterKeyID must name one.",
		`{"OwnershipControls":{"Rules":[{"ObjectOwnership":"ObjectWriter"}]}}`:                                                      "NotImplemented: The embedded runtime's S3 does not have the object ownership ObjectWriter.",
		`{"LifecycleConfiguration":{"Rules":[{"Status":"Enabled"}]}}`:                                                               "InvalidRequest: At least one action needs to be specified in a rule",
		`{"LifecycleConfiguration":{"Rules":[{"Status":"Enabled","ExpirationInDays":0}]}}`:                                          "InvalidArgument: 'Days' for Expiration action must be a positive integer",
		`{"LifecycleConfiguration":{"Rules":[{"Status":"Enabled","Transitions":[]}]}}`:                                              `ValidationException: The embedded runtime does not know the member "Transitions" of bucketProperties.`,
		`{"WebsiteConfiguration":{}}`: `ValidationException: The embedded runtime does not know the member "WebsiteConfiguration" of bucketProperties.`,
		`{"BucketName":"No"}`:         "InvalidBucketName: The specified bucket is not valid.",
	} {
		_, err := w.service.Providers()["AWS::S3::Bucket"].Create(t.Context(), api.ResourceRequest{Name: "n-n", Properties: []byte(properties)})
		assert.EqualError(t, err, want)
	}
}

func TestPolicies(t *testing.T) {
	w := newWorld(t)
	provide := w.service.Providers()["AWS::S3::BucketPolicy"].Create
	_, err := provide(t.Context(), api.ResourceRequest{Properties: []byte(`{"Bucket":"bodies","PolicyDocument":{"Version":"2012-10-17"}}`)})
	require.NoError(t, err)
	assert.JSONEq(t, `{"Version":"2012-10-17"}`, string(w.service.Policy("bodies")))
	assert.Nil(t, w.service.Policy("none"))
	_, err = provide(t.Context(), api.ResourceRequest{Properties: []byte(`{"Bucket":"none","PolicyDocument":{}}`)})
	assert.Equal(t, "NoSuchBucket", code(err))
	_, err = provide(t.Context(), api.ResourceRequest{Properties: []byte(`{"Bucket":"bodies","PolicyDocument":"x"}`)})
	assert.Equal(t, "MalformedPolicy", code(err))
}
