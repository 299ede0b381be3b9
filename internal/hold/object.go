package hold

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
)

// objectKey names the object of a task's message: each task has its own, so that
// the end of one cannot delete the next one's.
func objectKey(fleet string, h registry.Hold) string {
	return fmt.Sprintf("%s%s/%s/%s-%d.json", prefix, fleet, h.Item, h.Execution, h.Seq)
}

func (k *Keeper) store(ctx context.Context, key string, r message.Record) error {
	payload, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode message %s: %w", r.MessageID, err)
	}
	_, err = k.objects.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &k.config.Bucket, Key: &key, Body: bytes.NewReader(payload), ContentType: aws.String("application/json"),
	})
	if err != nil {
		return fmt.Errorf("put message %s into bucket %s: %w", r.MessageID, k.config.Bucket, err)
	}
	return nil
}

// stored says whether the object is there.
func (k *Keeper) stored(ctx context.Context, key string) (bool, error) {
	_, err := k.objects.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &k.config.Bucket, Key: &key})
	var missing *types.NotFound
	switch {
	case errors.As(err, &missing):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for %s in bucket %s: %w", key, k.config.Bucket, err)
	}
	return true, nil
}

// load reads a message. False if its object is not there.
func (k *Keeper) load(ctx context.Context, key string) (r message.Record, found bool, err error) {
	out, err := k.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &k.config.Bucket, Key: &key})
	var missing *types.NoSuchKey
	switch {
	case errors.As(err, &missing):
		return r, false, nil
	case err != nil:
		return r, false, fmt.Errorf("get %s from bucket %s: %w", key, k.config.Bucket, err)
	}
	defer func() { _ = out.Body.Close() }() // only read
	payload, err := io.ReadAll(out.Body)
	if err != nil {
		return r, false, fmt.Errorf("read %s of bucket %s: %w", key, k.config.Bucket, err)
	}
	if err := json.Unmarshal(payload, &r); err != nil {
		return r, false, fmt.Errorf("%s of bucket %s is not a message: %w", key, k.config.Bucket, err)
	}
	return r, true, nil
}

// forget deletes an object, if there is one.
func (k *Keeper) forget(ctx context.Context, key string) error {
	if key == "" {
		return nil
	}
	if _, err := k.objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &k.config.Bucket, Key: &key}); err != nil {
		return fmt.Errorf("delete %s from bucket %s: %w", key, k.config.Bucket, err)
	}
	return nil
}
