package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// record is one record of an SQS event.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
type record struct {
	MessageID         string               `json:"messageId"`
	ReceiptHandle     string               `json:"receiptHandle"`
	Body              string               `json:"body"`
	Attributes        map[string]string    `json:"attributes"`
	MessageAttributes map[string]Attribute `json:"messageAttributes"`
}

func (r record) message() Message {
	// A count that SQS did not give is 0.
	receives, _ := strconv.Atoi(r.Attributes["ApproximateReceiveCount"])
	return Message{ID: r.MessageID, Body: r.Body, Receives: receives, Attributes: r.Attributes, MessageAttributes: r.MessageAttributes}
}

// input is what a handler of callback mode gets, or an execution as a job.
type input struct {
	Records   []record `json:"Records"`
	TaskToken string   `json:"taskToken"`
	// HeartbeatSeconds is a number in an event, a text in an execution's input.
	HeartbeatSeconds any    `json:"heartbeatSeconds"`
	QueueURL         string `json:"queueUrl"`

	// Of an execution's input.
	MessageID     string `json:"messageId"`
	Receives      string `json:"receives"`
	Event         string `json:"event"`
	Body          string `json:"body"`
	ReceiptHandle string `json:"receiptHandle"`
}

// FromEvent reads the event of a Lambda handler in callback mode, or the input of
// an execution that is a job.
func FromEvent(ctx context.Context, payload []byte, opts ...Option) (*Task, error) {
	var in input
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, fmt.Errorf("the event of a task: %w", err)
	}
	if in.MessageID != "" {
		return job(ctx, in, opts)
	}
	if len(in.Records) != 1 {
		return nil, fmt.Errorf("the event has %d records: that of a task has one", len(in.Records))
	}
	if in.TaskToken == "" {
		return nil, errors.New("the event has no taskToken: set the fleet's Mode to callback")
	}
	t := &Task{Message: in.Records[0].message(), token: in.TaskToken, queueURL: in.QueueURL, handle: in.Records[0].ReceiptHandle}
	if err := t.beatWithin(in.HeartbeatSeconds); err != nil {
		return nil, err
	}
	return t, t.start(ctx, opts)
}

// FromEnvironment reads what an ECS task, a Batch job or a CodeBuild build of
// Muster finds in its environment, the MUSTER_ variables. A body too large for it
// is read from S3. Without a task token the job reports by its exit status.
func FromEnvironment(ctx context.Context, opts ...Option) (*Task, error) {
	in := input{
		MessageID: os.Getenv("MUSTER_MESSAGE_ID"), Receives: os.Getenv("MUSTER_RECEIVES"), Event: os.Getenv("MUSTER_EVENT"), Body: os.Getenv("MUSTER_BODY"),
		TaskToken: os.Getenv("MUSTER_TASK_TOKEN"), HeartbeatSeconds: os.Getenv("MUSTER_HEARTBEAT_SECONDS"),
		QueueURL: os.Getenv("MUSTER_QUEUE_URL"), ReceiptHandle: os.Getenv("MUSTER_RECEIPT_HANDLE"),
	}
	if in.MessageID == "" {
		return nil, errors.New("MUSTER_MESSAGE_ID is not set: this is not a job that Muster started")
	}
	return job(ctx, in, opts)
}

// job is the task of a job.
func job(ctx context.Context, in input, opts []Option) (*Task, error) {
	t := &Task{
		Message: Message{ID: in.MessageID, Body: in.Body}, token: in.TaskToken, queueURL: in.QueueURL, handle: in.ReceiptHandle, event: in.Event,
	}
	var err error
	if t.Message.Receives, err = strconv.Atoi(in.Receives); err != nil {
		return nil, fmt.Errorf("the count of receives is %q, it must be a number", in.Receives)
	}
	if t.token != "" {
		if err := t.beatWithin(in.HeartbeatSeconds); err != nil {
			return nil, err
		}
	}
	if err := t.start(ctx, opts); err != nil {
		return nil, err
	}
	if in.Body != "" {
		return t, nil
	}
	payload, err := t.fetch(ctx)
	if err != nil {
		return nil, err
	}
	var event input
	if err := json.Unmarshal(payload, &event); err != nil || len(event.Records) != 1 {
		return nil, fmt.Errorf("%s is not the event of one message", t.event)
	}
	t.Message = event.Records[0].message()
	return t, nil
}

// beatWithin sets the heartbeat time-out, a number or a text.
func (t *Task) beatWithin(seconds any) error {
	n, err := strconv.ParseFloat(fmt.Sprint(seconds), 64)
	if err != nil || n < 1 {
		return fmt.Errorf("the heartbeat time-out is %v, it must be a number of seconds", seconds)
	}
	t.heartbeat = time.Duration(n * float64(time.Second))
	return nil
}

// fetch gets the job's event from S3.
func (t *Task) fetch(ctx context.Context) ([]byte, error) {
	bucket, key, ok := strings.Cut(strings.TrimPrefix(t.event, "s3://"), "/")
	if !ok {
		return nil, fmt.Errorf("the event is at %q, it must be s3://BUCKET/KEY", t.event)
	}
	out, err := t.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", t.event, err)
	}
	defer func() { _ = out.Body.Close() }() // only read
	payload, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.event, err)
	}
	return payload, nil
}
