package hold

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

// Report is what a task says that does not speak to Step Functions and SQS itself.
type Report struct {
	TaskToken string `json:"taskToken"`
	// Report is heartbeat, success or failure.
	Report string `json:"report"`
	// ReceiptHandle of the message, which a heartbeat hides on. Defaults to "": the
	// autoscaler hides it on.
	ReceiptHandle string `json:"receiptHandle"`
	// Output of a success: a transform handler's SQS event. Defaults to {}.
	Output json.RawMessage `json:"output"`
	// Error and Cause say why it failed, RetryAfterSeconds when it is tried again.
	// Defaults to the fleet's backoff.
	Error             string `json:"error"`
	Cause             string `json:"cause"`
	RetryAfterSeconds *int64 `json:"retryAfterSeconds"`
}

// Heard is the answer to a report.
type Heard struct {
	// Accepted is false of a token that is refused: the task must stop at once.
	Accepted bool `json:"accepted"`
	// Extended is true of a heartbeat that hid the message on, too.
	Extended bool `json:"extended"`
}

// Ear takes the reports of tasks.
type Ear struct {
	config     fleet.Settings
	queue      *queue.Queue
	executions *sfn.Client
}

// NewEar makes an Ear.
func NewEar(cfg aws.Config, c fleet.Settings) *Ear {
	return &Ear{c, queue.New(cfg, c.QueueURL, c.QueueARN), sfn.NewFromConfig(cfg)}
}

// Hear passes a report on. A token that is refused is no error: the answer says
// so. A report whose reply was lost can be repeated; a success or a failure is
// then refused, since it was taken before.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskHeartbeat.html
func (e *Ear) Hear(ctx context.Context, r Report) (Heard, error) {
	var err error
	switch r.Report {
	case "heartbeat":
		_, err = e.executions.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &r.TaskToken})
	case "success":
		output := r.Output
		if len(output) == 0 {
			output = json.RawMessage("{}")
		}
		_, err = e.executions.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &r.TaskToken, Output: aws.String(string(output))})
	case "failure":
		err = e.fail(ctx, r)
	default:
		return Heard{}, fmt.Errorf("the report is %q, it must be heartbeat, success or failure", r.Report)
	}
	var timedOut *types.TaskTimedOut
	var missing *types.TaskDoesNotExist
	var invalid *types.InvalidToken
	switch {
	case errors.As(err, &timedOut), errors.As(err, &missing), errors.As(err, &invalid):
		return Heard{}, nil
	case err != nil:
		return Heard{}, fmt.Errorf("report a task's %s: %w", r.Report, err)
	}
	return Heard{Accepted: true, Extended: r.Report == "heartbeat" && e.extend(ctx, r.ReceiptHandle)}, nil
}

func (e *Ear) fail(ctx context.Context, r Report) error {
	// Step Functions takes an error of 256 characters and a cause of 32,768: what is
	// longer must not keep the failure from being heard.
	cause, err := json.Marshal(struct {
		ErrorMessage      string `json:"errorMessage"`
		RetryAfterSeconds *int64 `json:"retryAfterSeconds,omitempty"`
	}{registry.Shorten(r.Cause), r.RetryAfterSeconds})
	if err != nil {
		return err
	}
	_, err = e.executions.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &r.TaskToken, Error: aws.String(shortName(r.Error)), Cause: aws.String(string(cause))})
	return err
}

// maxName is the longest error, in bytes.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html
const maxName = 256

func shortName(name string) string {
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName], "")
}

// extend hides the message on, and says whether it did. One extension that is lost
// harms nobody.
func (e *Ear) extend(ctx context.Context, handle string) bool {
	if handle == "" {
		return false
	}
	undone, err := e.queue.Hide(ctx, []queue.Held{{ReceiptHandle: handle}}, func(queue.Held) time.Duration { return e.config.Heartbeat + lease })
	return err == nil && len(undone.Gone)+len(undone.Failed) == 0
}
