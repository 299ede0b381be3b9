// Render is a task in Go: a handler of callback mode, or a job that found its
// message in its environment.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/musterq/muster/task"
)

var errLater = errors.New("out of stock for now")

// render is the long work. It ends when the message is no longer this task's.
func render(ctx context.Context, m task.Message) error {
	var order struct {
		Seconds int    `json:"seconds"`
		Stock   string `json:"stock"`
	}
	if err := json.Unmarshal([]byte(m.Body), &order); err != nil {
		return err
	}
	if order.Stock == "later" && m.Receives == 1 {
		return errLater
	}
	select {
	case <-time.After(time.Duration(order.Seconds) * time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func work(ctx context.Context, t *task.Task) error {
	working, stop := t.Keep(ctx) // beats until it is stopped
	defer stop()
	err := render(working, t.Message)
	switch {
	case errors.Is(err, task.ErrGone):
		return err // another may have the message by now: report nothing
	case errors.Is(err, errLater):
		return t.Fail(ctx, err, task.RetryAfter(2*time.Second))
	case err != nil:
		return t.Fail(ctx, err)
	}
	return t.Succeed(ctx)
}

func handle(ctx context.Context, event json.RawMessage) error {
	t, err := task.FromEvent(ctx, event)
	if err != nil {
		return fmt.Errorf("read the event: %w", err)
	}
	return work(ctx, t)
}

func main() {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(handle)
	}
	ctx := context.Background()
	t, err := task.FromEnvironment(ctx)
	if err == nil {
		err = work(ctx, t)
	}
	if err != nil {
		log.Fatal(err)
	}
}
