package steps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
)

// taskEvent is what a handler of callback mode gets: one record, and what its
// task beats with. The state machine builds the same of a body that travels in
// state.
type taskEvent struct {
	message.Event
	TaskToken        string `json:"taskToken"`
	HeartbeatSeconds int    `json:"heartbeatSeconds"`
	QueueURL         string `json:"queueUrl"`
}

// Names of the errors that the courier gives to the task of a callback state.
const (
	// notStarted is no failed attempt: no handler has the token.
	notStarted = "Muster.NotStarted"
	// throttledName is what the state itself would get, and is tried again for.
	throttledName = "Lambda.TooManyRequestsException"
)

// handTask hands a task with its token to the handler. Its reply is of no
// interest and not waited for longer than this invocation lasts: what is reported
// with the token ends the task, or its silence. An error ends it here: the
// handler has failed, or did not start.
func (c *courier) handTask(ctx context.Context, records []message.Record, token string) error {
	event := taskEvent{
		Event: message.Event{Records: records}, TaskToken: token,
		HeartbeatSeconds: heartbeat(c.config, c.stage), QueueURL: c.config.QueueURL,
	}
	var payload bytes.Buffer
	encoder := json.NewEncoder(&payload)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		return fmt.Errorf("encode the event of a task: %w", err)
	}
	if payload.Len() > message.MaxSyncPayload {
		return &handler.FunctionError{Type: "Muster.TooLarge", Message: fmt.Sprintf("the event of this one message is over Lambda's limit of %d bytes", message.MaxSyncPayload)}
	}
	if len(c.start(records)) == 0 {
		return &handler.FunctionError{Type: notStarted, Message: "the message or the slot is somebody else's by now, or that could not be found out"}
	}
	if !c.deadline.IsZero() {
		var done context.CancelFunc
		ctx, done = context.WithDeadline(ctx, c.deadline.Add(-10*time.Second))
		defer done()
	}
	_, err := c.invoker.Invoke(ctx, c.target, payload.Bytes())
	var doubt *handler.DoubtError
	switch {
	case errors.As(err, &doubt):
		// It may run and have the token: its heartbeats say whether it does.
		return nil
	case errors.Is(err, handler.ErrThrottled):
		return &handler.FunctionError{Type: throttledName, Message: err.Error()}
	}
	return err
}
