package steps

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
)

const (
	// maxInline is the largest encoded event that travels in state. The whole
	// state stays under 200 KiB of the 256 KiB that Step Functions allows.
	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
	maxInline = 150 * 1024
	// maxInlineTask is the same for one whose task reports output, up to 256 KiB,
	// or a cause of 32,768 characters into the same state.
	// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html
	maxInlineTask = 64 * 1024
	// maxJobBody is the largest body, as escaped JSON, that a job gets in its
	// environment: ECS takes 8,192 characters of overrides in all.
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html
	maxJobBody = 4096
	// maxBuildBody is the same for a build: CodeBuild takes about 5,500 characters
	// of variables in all, names and the project's own included, and a token and a
	// receipt handle have up to 1,024 each.
	// https://docs.aws.amazon.com/codebuild/latest/userguide/troubleshooting.html
	maxBuildBody = 2048
	// longTask is the longest of both time-outs with which bodies are kept under
	// bodiesPrefix.
	longTask = 14 * 24 * time.Hour
)

// Prefixes of the objects that hold bodies. The template's bucket expires them
// where nothing settles them: after 15 days, and after a task's year.
const (
	bodiesPrefix = "bodies/"
	tasksPrefix  = "tasks/"
)

// Job is what starts a job for a message: strings all, as environments take them.
type Job struct {
	fleet.Job
	// Project is the name of a CodeBuild project, the last part of its ARN.
	Project string `json:"project"`
	// Name of an execution or a Batch job: the same however often its start is
	// tried.
	Name          string `json:"name"`
	MessageID     string `json:"messageId"`
	ReceiptHandle string `json:"receiptHandle"`
	Receives      string `json:"receives"`
	// Event is the URI of the event's object, Body the message's body if it is
	// small and may travel through state.
	Event     string `json:"event"`
	Body      string `json:"body"`
	Heartbeat string `json:"heartbeatSeconds"`
}

// newJob is the job for a record of a batch, without its body.
func (l *Lane) newJob(worker string, b Batch, r message.Record) *Job {
	return &Job{
		Job: l.job, Project: l.job.ARN[strings.LastIndex(l.job.ARN, "/")+1:],
		Name:      fmt.Sprintf("%s-%d-%.8s-%d", r.MessageID, r.Receives(), worker, b.Seq),
		MessageID: r.MessageID, ReceiptHandle: r.ReceiptHandle, Receives: strconv.Itoa(r.Receives()),
		Heartbeat: strconv.Itoa(heartbeat(l.config, handler.Process)),
	}
}

// key names the object of a batch.
func (l *Lane) key(execution, request string) string {
	prefix := bodiesPrefix
	if l.config.Handlers() > longTask {
		prefix = tasksPrefix
	}
	return fmt.Sprintf("%s%s/%s/%s.json", prefix, l.config.Fleet, execution, request)
}

// carry puts records into the batch for a stage, or into the bucket if they are
// too large for state or may not travel through it.
func (l *Lane) carry(ctx context.Context, b *Batch, stage handler.Stage, records []message.Record, newKey string) error {
	event := message.Event{Records: records}
	payload, err := event.Encode()
	if err != nil {
		return err
	}
	most := maxInline
	if l.config.Waits(stage) {
		most = maxInlineTask
	}
	runsJob := stage == handler.Process && l.config.Target != fleet.Lambda
	inline := l.config.BodiesInState != fleet.NoBodies && len(payload) <= most && !runsJob
	b.Next = next(l.config, stage, inline)
	if b.Handler == "" && stage == handler.Process {
		b.Next = processNext
		if !inline {
			b.Next = processLargeNext
		}
	}
	b.BusyUntil = string(registry.At(time.Now().Add(mayRunFor(l.config, stage, b.Next))))
	b.Event = event
	if inline {
		return nil
	}
	if b.Object == "" {
		b.Object = newKey
	}
	_, err = l.objects.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &l.config.Bucket, Key: &b.Object, Body: bytes.NewReader(payload), ContentType: aws.String("application/json"),
	})
	if err != nil {
		return fmt.Errorf("put a batch of %d bytes into bucket %s: %w", len(payload), l.config.Bucket, err)
	}
	b.Event = message.Event{Records: []message.Record{}}
	if runsJob && b.Job != nil {
		return l.tellJob(b, records[0])
	}
	return nil
}

// tellJob tells a batch's job of its body.
func (l *Lane) tellJob(b *Batch, r message.Record) error {
	b.Job.Event, b.Job.Body = "s3://"+l.config.Bucket+"/"+b.Object, ""
	escaped, err := json.Marshal(r.Body)
	if err != nil {
		return fmt.Errorf("the body of message %s: %w", r.MessageID, err)
	}
	most := maxJobBody
	if l.config.Target == fleet.CodeBuild {
		most = maxBuildBody
	}
	if len(escaped) <= most && l.config.BodiesInState != fleet.NoBodies {
		b.Job.Body = r.Body
	}
	return nil
}

// records are the batch's records, wherever they are.
func (l *Lane) records(ctx context.Context, b Batch) ([]message.Record, error) {
	if len(b.Event.Records) > 0 || b.Object == "" {
		return b.Event.Records, nil
	}
	out, err := l.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &l.config.Bucket, Key: &b.Object})
	if err != nil {
		return nil, fmt.Errorf("get the batch %s from bucket %s: %w", b.Object, l.config.Bucket, err)
	}
	defer func() { _ = out.Body.Close() }() // only read
	payload, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, fmt.Errorf("read the batch %s: %w", b.Object, err)
	}
	var event message.Event
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, fmt.Errorf("the batch %s is not an event: %w", b.Object, err)
	}
	return event.Records, nil
}
