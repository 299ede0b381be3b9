// Package queue receives messages from an SQS queue and settles them.
package queue

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/musterq/muster/internal/message"
)

// Queue is the queue of a fleet.
type Queue struct {
	client *sqs.Client
	url    string
	arn    string
	region string
	crowd  crowd
}

// New opens a queue by its URL and ARN. It is asked in the region of its ARN,
// which need not be the fleet's.
func New(cfg aws.Config, url, arn string) *Queue {
	region := cfg.Region
	if parts := strings.Split(arn, ":"); len(parts) > 3 {
		region = parts[3]
	}
	cfg.Region = region
	return &Queue{client: sqs.NewFromConfig(cfg), url: url, arn: arn, region: region}
}

// URL is that of the queue with that ARN.
// https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
func URL(arn string) (string, error) {
	parts := strings.Split(arn, ":")
	if len(parts) != 6 || parts[2] != "sqs" {
		return "", fmt.Errorf("%q is not the ARN of a queue: arn:aws:sqs:REGION:ACCOUNT:NAME", arn)
	}
	suffix := "amazonaws.com"
	if parts[1] == "aws-cn" {
		suffix = "amazonaws.com.cn"
	}
	return "https://sqs." + parts[3] + "." + suffix + "/" + parts[4] + "/" + parts[5], nil
}

// InRegion is a configuration for the region that a queue's URL names, which need
// not be the fleet's. A URL that names none leaves it as it is.
// https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
func InRegion(cfg aws.Config, queueURL string) aws.Config {
	u, err := url.Parse(queueURL)
	if err != nil {
		return cfg // the first request says what is wrong with it
	}
	if rest, ok := strings.CutPrefix(u.Hostname(), "sqs."); ok && strings.Contains(rest, ".amazonaws.com") {
		cfg.Region, _, _ = strings.Cut(rest, ".")
	}
	return cfg
}

// Depth is how many messages the queue holds, approximately.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html
type Depth struct {
	Visible  int
	InFlight int
	Delayed  int
}

// Depth asks for the queue's depth.
func (q *Queue) Depth(ctx context.Context) (Depth, error) {
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.url,
		AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		},
	})
	if err != nil {
		return Depth{}, fmt.Errorf("ask for the depth of %s: %w", q.url, err)
	}
	var d Depth
	for name, into := range map[types.QueueAttributeName]*int{
		types.QueueAttributeNameApproximateNumberOfMessages:           &d.Visible,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: &d.InFlight,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    &d.Delayed,
	} {
		if _, err := fmt.Sscan(out.Attributes[string(name)], into); err != nil {
			return Depth{}, fmt.Errorf("the depth of %s: attribute %s is %q: %w", q.url, name, out.Attributes[string(name)], err)
		}
	}
	return d, nil
}

// Receive waits up to wait for messages and takes up to most of them (1 to 10).
// They stay invisible for the given visibility timeout. Both times count in
// whole seconds. A receive from a FIFO queue names its attempt: where its reply
// is lost, the client's next try gets the same messages, whose group would
// otherwise be blocked until they are visible again.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
func (q *Queue) Receive(ctx context.Context, most int, wait, visibility time.Duration) ([]message.Record, error) {
	in := &sqs.ReceiveMessageInput{
		QueueUrl:                    &q.url,
		MaxNumberOfMessages:         int32(most),
		WaitTimeSeconds:             int32(wait / time.Second),
		VisibilityTimeout:           int32(min(visibility, message.MaxVisibility) / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	}
	if q.fifo() {
		in.ReceiveRequestAttemptId = aws.String(uuid.NewString())
	}
	out, err := q.client.ReceiveMessage(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("receive from %s: %w", q.url, err)
	}
	received := time.Now()
	records := make([]message.Record, len(out.Messages))
	for i, m := range out.Messages {
		records[i] = q.record(m)
		records[i].Received = received
	}
	return records, nil
}

// fifo says whether it is a FIFO queue, whose names alone end so.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
func (q *Queue) fifo() bool { return strings.HasSuffix(q.url, ".fifo") }

func (q *Queue) record(m types.Message) message.Record {
	r := message.Record{
		MessageID:              aws.ToString(m.MessageId),
		ReceiptHandle:          aws.ToString(m.ReceiptHandle),
		Body:                   aws.ToString(m.Body),
		Attributes:             m.Attributes,
		MessageAttributes:      map[string]message.Attribute{},
		MD5OfMessageAttributes: aws.ToString(m.MD5OfMessageAttributes),
		MD5OfBody:              aws.ToString(m.MD5OfBody),
		EventSource:            "aws:sqs",
		EventSourceARN:         q.arn,
		AWSRegion:              q.region,
	}
	for name, a := range m.MessageAttributes {
		r.MessageAttributes[name] = message.Attribute{
			StringValue:      a.StringValue,
			BinaryValue:      a.BinaryValue,
			StringListValues: []string{},
			BinaryListValues: [][]byte{},
			DataType:         aws.ToString(a.DataType),
		}
	}
	unwrap(&r)
	return r
}
