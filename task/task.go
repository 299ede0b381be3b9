// Package task is for programs that work on a message for longer than a Lambda
// function runs: handlers of a fleet in callback mode, and jobs.
//
//	t, err := task.FromEvent(ctx, payload)     // a Lambda handler's event
//	t, err := task.FromEnvironment(ctx)        // an ECS task's environment
//	...
//	working, stop := t.Keep(ctx)               // beats until the task is over
//	defer stop()
//	if err := encode(working, t.Message.Body); err != nil {
//		return t.Fail(ctx, err, task.RetryAfter(time.Minute))
//	}
//	return t.Succeed(ctx)
//
// Muster holds the message while the task beats. A task that is silent for its
// heartbeat time-out is taken for dead, and the message goes to another. So a task
// whose beat is refused must stop at once: see [ErrGone].
//
// It needs states:SendTaskHeartbeat, states:SendTaskSuccess and
// states:SendTaskFailure, for which IAM knows no resource but "*", and
// sqs:ChangeMessageVisibility on the queue; for a large message of a job also
// s3:GetObject on the fleet's bucket.
package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// ErrGone says that the message is no longer this task's: its token was refused,
// or no beat got through for the heartbeat time-out. Another task may begin, so
// this one must stop at once and report nothing.
//
// From Succeed or Fail it may also mean that a report got through before, its
// reply lost.
var ErrGone = errors.New("the message is no longer this task's")

// Message is the message that the task is for.
type Message struct {
	ID   string
	Body string
	// Receives is how often the message has been received, this time included.
	Receives int
	// Attributes of SQS, such as SentTimestamp, and MessageAttributes that its
	// producer gave it. Both are empty for a job that got its body in its
	// environment: [Task.Event] has them.
	Attributes        map[string]string
	MessageAttributes map[string]Attribute
}

// Attribute is a message attribute. Its DataType is String, Number or Binary, with
// or without a label.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
type Attribute struct {
	DataType    string `json:"dataType"`
	StringValue string `json:"stringValue"`
	BinaryValue []byte `json:"binaryValue"`
}

// Task is one attempt at a message. Its methods can be called from several
// goroutines at once.
type Task struct {
	Message Message

	token     string
	heartbeat time.Duration
	queueURL  string
	handle    string
	event     string
	executor  *sfn.Client
	queue     *sqs.Client
	objects   *s3.Client

	mu sync.Mutex
	// beaten is when the last beat was sent that was accepted, or the task began.
	beaten time.Time
}

// Option of a task.
type Option func(*options)

type options struct{ config *aws.Config }

// WithConfig sets how AWS is reached. Defaults to the SDK's configuration chain.
func WithConfig(cfg aws.Config) Option { return func(o *options) { o.config = &cfg } }

// start gives a task its clients.
func (t *Task) start(ctx context.Context, opts []Option) error {
	var o options
	for _, set := range opts {
		set(&o)
	}
	if o.config == nil {
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return fmt.Errorf("find AWS: %w", err)
		}
		o.config = &cfg
	}
	cfg := *o.config
	t.executor = sfn.NewFromConfig(cfg)
	t.objects = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil })
	t.queue = sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		if region := regionOf(t.queueURL); region != "" {
			o.Region = region
		}
	})
	t.beaten = time.Now()
	return nil
}

// regionOf reads the region out of a queue's URL, which need not be the task's.
// Empty for a URL that has none.
// https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
func regionOf(queueURL string) string {
	_, rest, _ := strings.Cut(queueURL, "://sqs.")
	region, _, ok := strings.Cut(rest, ".amazonaws.com")
	if !ok {
		return ""
	}
	return region
}

// Event is the whole SQS event, one record, as a Lambda function would get it: of
// a job alone, which may have got but the body.
func (t *Task) Event(ctx context.Context) ([]byte, error) {
	if t.event == "" {
		return nil, errors.New("there is no event beside the one that the handler got: only a job's environment or input names one")
	}
	return t.fetch(ctx)
}

// lease is for how much longer than the heartbeat time-out each beat hides the
// message.
const lease = 45 * time.Second

// extendWithin is how long a beat waits for SQS.
const extendWithin = 10 * time.Second

// Beat says that the task works on: it resets the heartbeat clock of Step
// Functions, then hides the message for the heartbeat time-out and 45 seconds
// more. A lost extension is no error: the fleet's autoscaler extends too. Beat
// three times as often as the heartbeat time-out asks for, or use [Task.Keep].
//
// A beat that is refused is [ErrGone]. Any other error says that nobody knows: try
// again soon. A job without a token has nothing to say: its worker sees it run.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskHeartbeat.html
func (t *Task) Beat(ctx context.Context) error {
	if t.token == "" {
		return nil
	}
	sent := time.Now()
	if _, err := t.executor.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &t.token}); err != nil {
		return refusal("beat", err)
	}
	t.mu.Lock()
	if sent.After(t.beaten) {
		t.beaten = sent
	}
	t.mu.Unlock()
	if t.handle == "" || t.queueURL == "" {
		return nil
	}
	ctx, done := context.WithTimeout(ctx, extendWithin)
	defer done()
	_, _ = t.queue.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{ // a lost extension harms nobody
		QueueUrl: &t.queueURL, ReceiptHandle: &t.handle, VisibilityTimeout: int32((t.heartbeat + lease) / time.Second),
	})
	return nil
}

// refusal words the error of a report.
func refusal(what string, err error) error {
	var timedOut *types.TaskTimedOut
	var missing *types.TaskDoesNotExist
	var invalid *types.InvalidToken
	if errors.As(err, &timedOut) || errors.As(err, &missing) || errors.As(err, &invalid) {
		return fmt.Errorf("%s: %w: %w", what, ErrGone, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Succeed reports that the message is handled. Muster deletes it. A job without a
// token reports by ending well, and this does nothing.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
func (t *Task) Succeed(ctx context.Context) error { return t.SucceedWith(ctx, []byte("{}")) }

// SucceedWith reports that a transform handler's task is done, with the SQS event
// that it makes of its own: JSON, at most 256 KiB. See [Task.Succeed].
func (t *Task) SucceedWith(ctx context.Context, event []byte) error {
	if t.token == "" {
		return nil
	}
	_, err := t.executor.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &t.token, Output: aws.String(string(event))})
	if err != nil {
		return refusal("report success", err)
	}
	return nil
}

// FailOption of [Task.Fail].
type FailOption func(*failure)

// failure is the cause that Muster reads.
type failure struct {
	ErrorType         string `json:"errorType"`
	ErrorMessage      string `json:"errorMessage"`
	RetryAfterSeconds *int64 `json:"retryAfterSeconds,omitempty"`
}

// RetryAfter sets when the message is tried again, in whole seconds up to 12
// hours. Defaults to the fleet's backoff.
func RetryAfter(d time.Duration) FailOption {
	return func(f *failure) { f.RetryAfterSeconds = aws.Int64(int64(d / time.Second)) }
}

// maxReason is the longest reason that is reported, in bytes. Muster keeps less.
const maxReason = 4096

// Fail reports that this attempt at the message has failed, and why. The message
// is tried again after a backoff, until it was received as often as the fleet
// allows. A job without a token reports by its exit status: Fail then returns the
// error that it got, for the program to end with.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html
func (t *Task) Fail(ctx context.Context, reason error, opts ...FailOption) error {
	if t.token == "" {
		return reason
	}
	f := failure{ErrorType: strings.TrimLeft(fmt.Sprintf("%T", reason), "*"), ErrorMessage: cut(reason.Error())}
	for _, set := range opts {
		set(&f)
	}
	cause, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("report failure: %w", err)
	}
	_, err = t.executor.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &t.token, Error: aws.String("Task.Failed"), Cause: aws.String(string(cause))})
	if err != nil {
		return refusal("report failure", err)
	}
	return nil
}

func cut(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	return strings.ToValidUTF8(reason[:maxReason], "") + "..."
}
