package scenario

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// Task is what a handler of callback mode works on.
type Task struct {
	Token            string `json:"taskToken"`
	HeartbeatSeconds int    `json:"heartbeatSeconds"`
	QueueURL         string `json:"queueUrl"`

	fleet *Fleet
	// id of the message.
	id string
	// over takes the task off the count of those that run.
	over func()
}

type taskKey struct{}

// TaskOf is the task of a handler's invocation. Nil for one without a token.
func TaskOf(ctx context.Context) *Task {
	t, _ := ctx.Value(taskKey{}).(*Task)
	return t
}

// withTask makes a task known to the handler of its message. over is called when
// it reports: by its own word it works no longer, and its successor may start
// before its function has returned.
func (f *Fleet) withTask(ctx context.Context, t *Task, id string, over func()) context.Context {
	if t.Token == "" {
		return ctx
	}
	t.fleet, t.id, t.over = f, id, over
	return context.WithValue(ctx, taskKey{}, t)
}

// Succeed reports the task as done. Once that is accepted its message counts as
// handled.
func (t *Task) Succeed(output string) error {
	t.over()
	_, err := t.fleet.Executions.SendTaskSuccess(context.Background(), &sfn.SendTaskSuccessInput{TaskToken: &t.Token, Output: &output})
	if err == nil {
		t.fleet.handle1(t.id)
	}
	return err
}

// Fail reports the task as failed.
func (t *Task) Fail(name, cause string) error {
	t.over()
	_, err := t.fleet.Executions.SendTaskFailure(context.Background(), &sfn.SendTaskFailureInput{TaskToken: &t.Token, Error: &name, Cause: &cause})
	return err
}

// Beat sends a heartbeat.
func (t *Task) Beat() error {
	_, err := t.fleet.Executions.SendTaskHeartbeat(context.Background(), &sfn.SendTaskHeartbeatInput{TaskToken: &t.Token})
	return err
}

// handle1 counts a message as handled.
func (f *Fleet) handle1(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handled[id]++
}
