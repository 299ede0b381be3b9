package task_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/musterq/muster/task"
)

// encode stands for the work.
func encode(ctx context.Context, film string) error { return ctx.Err() }

// A Lambda handler of a fleet in callback mode. Work that takes longer than a
// function runs is handed on instead, with the event.
func ExampleFromEvent() {
	handler := func(ctx context.Context, event json.RawMessage) error {
		t, err := task.FromEvent(ctx, event)
		if err != nil {
			return err
		}
		working, stop := t.Keep(ctx)
		defer stop()
		if err := encode(working, t.Message.Body); err != nil {
			return t.Fail(ctx, err, task.RetryAfter(10*time.Minute))
		}
		return t.Succeed(ctx)
	}
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(handler)
	}
}

// The program of an ECS task.
func ExampleFromEnvironment() {
	run := func(ctx context.Context) error {
		t, err := task.FromEnvironment(ctx)
		if err != nil {
			return err
		}
		working, stop := t.Keep(ctx)
		defer stop()
		if err := encode(working, t.Message.Body); err != nil {
			return t.Fail(ctx, err)
		}
		return t.Succeed(ctx)
	}
	fmt.Println(run(context.Background()))
	// Output: MUSTER_MESSAGE_ID is not set: this is not a job that Muster started
}
