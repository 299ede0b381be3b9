package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/musterq/muster/internal/registry"
)

// belonging is what a fleet has that outlasts its stack.
type belonging struct {
	LogicalID  string `json:"logicalId"`
	Type       string `json:"type"`
	PhysicalID string `json:"physicalId"`
	// Messages in a queue.
	Messages int `json:"messages"`

	delete bool
	note   string
}

// belongings of the stack: queues, table and bucket, as far as it made them.
func (k *shipping) belongings(ctx context.Context) ([]*belonging, error) {
	out, err := k.client.API.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &k.name})
	if err != nil {
		return nil, fmt.Errorf("look at what the fleet %s has: %w", k.name, err)
	}
	var all []*belonging
	for _, r := range out.StackResources {
		b := &belonging{LogicalID: aws.ToString(r.LogicalResourceId), Type: aws.ToString(r.ResourceType), PhysicalID: aws.ToString(r.PhysicalResourceId)}
		switch {
		case b.PhysicalID == "", r.ResourceStatus == cfntypes.ResourceStatusDeleteComplete:
			continue
		case b.Type == "AWS::SQS::Queue":
			q, err := askQueue(ctx, k.cfg, b.PhysicalID)
			var missing *sqstypes.QueueDoesNotExist
			if errors.As(err, &missing) {
				continue
			}
			if err != nil {
				return nil, err
			}
			b.Messages = q.visible + q.hidden + q.delayed
			if b.Messages > 0 {
				b.note = fmt.Sprintf(", with %s messages in it that nobody will handle", thousands(b.Messages))
			}
		case b.Type != "AWS::DynamoDB::Table" && b.Type != "AWS::S3::Bucket":
			continue
		}
		all = append(all, b)
	}
	return all, nil
}

// decide says of each belonging whether it is deleted.
func (o *destroyOptions) decide(all []*belonging) error {
	var errs []error
	for _, b := range all {
		switch b.Type {
		case "AWS::SQS::Queue":
			b.delete = o.deleteQueue
			if b.delete && b.Messages > 0 && !o.deleteMessages {
				errs = append(errs, fmt.Errorf("%s holds %s messages: %s", b.LogicalID, thousands(b.Messages), b.PhysicalID))
			}
		case "AWS::DynamoDB::Table":
			b.delete = o.deleteTable
		case "AWS::S3::Bucket":
			b.delete = true
		}
	}
	if len(errs) > 0 {
		return &exitError{status: exitUsage, err: errors.Join(errs...), hint: "Nothing was changed. To delete them: --yes-delete-messages"}
	}
	return nil
}

// remove deletes a belonging. What is gone already is well. A queue into which
// messages came since it was looked at is kept, unless they are deleted too.
func (b *belonging) remove(ctx context.Context, cfg aws.Config, messages bool) error {
	switch b.Type {
	case "AWS::SQS::Queue":
		q, err := askQueue(ctx, cfg, b.PhysicalID)
		if err != nil {
			return err
		}
		if b.Messages = q.visible + q.hidden + q.delayed; b.Messages > 0 && !messages {
			b.delete = false
			return fmt.Errorf("the queue %s is kept: %s messages have come to it meanwhile", b.PhysicalID, thousands(b.Messages))
		}
		if _, err := sqs.NewFromConfig(cfg).DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &b.PhysicalID}); err != nil {
			return fmt.Errorf("delete the queue %s: %w", b.PhysicalID, err)
		}
	case "AWS::DynamoDB::Table":
		if _, err := dynamodb.NewFromConfig(cfg).DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &b.PhysicalID}); err != nil {
			return fmt.Errorf("delete the table %s: %w", b.PhysicalID, err)
		}
	case "AWS::S3::Bucket":
		return b.empty(ctx, s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }))
	}
	return nil
}

// heldPrefix is where messages of tasks are kept that are no longer in their
// queue.
const heldPrefix = "held/"

// empty empties the bucket and deletes it, unless there are messages in it that
// are nowhere else.
func (b *belonging) empty(ctx context.Context, client *s3.Client) error {
	held, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.PhysicalID, Prefix: aws.String(heldPrefix), MaxKeys: aws.Int32(1)})
	if err != nil {
		return fmt.Errorf("look into the bucket %s: %w", b.PhysicalID, err)
	}
	if len(held.Contents) > 0 {
		b.delete = false
		return fmt.Errorf("the bucket %s is kept: below %s it has messages of unfinished tasks, which are nowhere else", b.PhysicalID, heldPrefix)
	}
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &b.PhysicalID})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("empty the bucket %s: %w", b.PhysicalID, err)
		}
		var keys []types.ObjectIdentifier
		for _, o := range page.Contents {
			keys = append(keys, types.ObjectIdentifier{Key: o.Key})
		}
		if len(keys) == 0 {
			continue
		}
		out, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &b.PhysicalID, Delete: &types.Delete{Objects: keys, Quiet: aws.Bool(true)}})
		if err == nil && len(out.Errors) > 0 {
			err = fmt.Errorf("%s: %s", aws.ToString(out.Errors[0].Key), aws.ToString(out.Errors[0].Message))
		}
		if err != nil {
			return fmt.Errorf("empty the bucket %s: %w", b.PhysicalID, err)
		}
	}
	if _, err := client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &b.PhysicalID}); err != nil {
		return fmt.Errorf("delete the bucket %s: %w", b.PhysicalID, err)
	}
	return nil
}

// awaitHome waits until no worker holds a slot, and no message is kept outside of
// its queue, which only ticks bring back.
func awaitHome(ctx context.Context, k *shipping, r *registry.Registry, patience time.Duration) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	last := ""
	for {
		// Workers are told by ticks.
		k.hurry(ctx)
		seen, err := r.Snapshot(ctx)
		if err != nil {
			return err
		}
		kept, err := r.Kept(ctx)
		if err != nil {
			return err
		}
		left := fmt.Sprintf("%d workers are not home", len(seen.Workers))
		if kept > 0 {
			left += fmt.Sprintf(", and %d messages of long tasks are not back in their queue", kept)
		}
		if left != last {
			k.say("%s yet.", left)
			last = left
		}
		if len(seen.Workers)+kept == 0 {
			return nil
		}
		select {
		case <-time.After(tickPause(k.cfg)):
		case <-deadline.C:
			return fmt.Errorf("fleet %s: after %s %s", k.name, patience, left)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
