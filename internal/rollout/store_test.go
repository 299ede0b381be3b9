package rollout

import (
	"bytes"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/bundle"
	"github.com/musterq/muster/internal/local"
)

func start(t *testing.T) *local.Runtime {
	t.Helper()
	runtime, err := local.Start(local.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, runtime.Close()) })
	return runtime
}

func TestStore(t *testing.T) {
	runtime := start(t)
	s := NewStore(runtime.Config(), "123456789012", BucketName("123456789012", "us-east-1"))
	made, err := s.Ensure(t.Context())
	require.NoError(t, err)
	assert.True(t, made)
	made, err = s.Ensure(t.Context())
	require.NoError(t, err)
	assert.False(t, made)

	f := bundle.File{Key: "code/pump-1.zip", Data: []byte("zip")}
	uploaded, err := s.Put(t.Context(), f)
	require.NoError(t, err)
	assert.True(t, uploaded)
	uploaded, err = s.Put(t.Context(), f)
	require.NoError(t, err)
	assert.False(t, uploaded)
	planted := bundle.File{Key: f.Key, Data: []byte("pit")}
	_, err = s.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.Bucket, Key: &planted.Key, Body: bytes.NewReader(planted.Data)})
	require.NoError(t, err)
	uploaded, err = s.Put(t.Context(), f)
	require.NoError(t, err)
	assert.True(t, uploaded, "another object of that name and length")
	uploaded, err = s.Put(t.Context(), f)
	require.NoError(t, err)
	assert.False(t, uploaded)
	assert.Equal(t, "http://127.0.0.1/muster-123456789012-us-east-1/code/pump-1.zip", s.URL(f.Key))

	other := NewStore(runtime.Config(), "999999999999", s.Bucket)
	_, err = other.Ensure(t.Context())
	assert.ErrorContains(t, err, "the bucket muster-123456789012-us-east-1 is not account 999999999999's")
}

func TestURL(t *testing.T) {
	assert.Equal(t, "https://b.s3.eu-central-1.amazonaws.com/a%20b.yaml", (&Store{Bucket: "b", Region: "eu-central-1"}).URL("a b.yaml"))
	assert.Equal(t, "https://b.s3.cn-north-1.amazonaws.com.cn/a", (&Store{Bucket: "b", Region: "cn-north-1"}).URL("a"))
}

func TestReleases(t *testing.T) {
	runtime := start(t)
	s := NewStore(runtime.Config(), "123456789012", "kept")
	_, err := s3.NewFromConfig(runtime.Config(), func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &s.Bucket})
	require.NoError(t, err)
	release := func(version string, hour int) Release {
		return Release{Stack: "orders", At: time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC), Template: version, Parameters: map[string]string{"CodeVersion": version}}
	}
	r, err := s.Before(t.Context(), release("1", 1))
	require.NoError(t, err)
	assert.Nil(t, r)
	for _, kept := range []Release{release("1", 1), release("2", 2), release("3", 3)} {
		require.NoError(t, s.Keep(t.Context(), kept))
	}
	r, err = s.Before(t.Context(), release("3", 4))
	require.NoError(t, err)
	assert.Equal(t, release("2", 2), *r)
	r, err = s.Before(t.Context(), release("4", 4))
	require.NoError(t, err)
	assert.Equal(t, release("3", 3), *r)
}
