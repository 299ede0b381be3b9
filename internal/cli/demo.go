package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"
	awslambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/spf13/cobra"

	"github.com/musterq/muster/internal/local/lambda"
)

// demoDefaults make the demo quick.
var demoDefaults = map[string]string{
	"MaxConcurrency":    "20",
	"Parallelism":       "5",
	"MessagesPerWorker": "1000",
	"IdleSeconds":       "2",
}

const (
	demoMessages = 10_000
	// demoWork is how long the demo's handler works on a batch.
	demoWork = 20 * time.Millisecond
	// demoCommand makes this executable the demo's handler.
	demoCommand = "demo-handler"
)

func newDemo(s *streams) *cobra.Command {
	var count int
	var r reporting
	c := &cobra.Command{
		Use:   "demo [FLEET]",
		Short: "Watch 10,000 messages being handled, without AWS and without set-up",
		Long: `Demo deploys the fleet's template into an embedded AWS, sends 10,000 messages,
and shows how the autoscaler starts workers, how they handle every message
through a real handler process, and how they go home.`,
		Args: cobra.MaximumNArgs(1),
	}
	flags := c.Flags()
	flags.IntVar(&count, "count", demoMessages, "messages to send")
	flags.BoolVar(&r.json, "json", false, "print the summary as one JSON object")
	flags.DurationVar(&r.timeout, "timeout", 0, "stop after so long (default no limit)")
	return withParameters(c, demoDefaults, func(p *parameters) {
		c.RunE = verb(func(ctx context.Context, args []string) error {
			if count < 0 {
				return usage(errors.New("--count must not be negative"))
			}
			if err := p.check(); err != nil {
				return err
			}
			handler, err := demoCode()
			if err != nil {
				return err
			}
			o := fleetOptions{
				Name: fleetName(args), Listen: "127.0.0.1:0", Parameters: p,
				Process: handler, Memory: 512,
			}
			return runFleet(ctx, s, o, demoBodies(count), r)
		})
	})
}

// demoBodies are the messages of the demo.
func demoBodies(count int) []outgoing {
	messages := make([]outgoing, count)
	for i := range messages {
		messages[i] = outgoing{
			Body:       fmt.Sprintf(`{"order":%d,"total":%d.%02d}`, i+1, 10+i%90, i%100),
			Attributes: map[string]string{"source": "demo"},
		}
	}
	return messages
}

// demoCode runs this executable again, as a Lambda function.
func demoCode() (lambda.Code, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the muster executable: %w", err)
	}
	return lambda.Process{Command: []string{executable, demoCommand}}, nil
}

// newDemoHandler is the demo's handler, as an aws-lambda-go bootstrap.
func newDemoHandler() *cobra.Command {
	return &cobra.Command{
		Use:    demoCommand,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: verb(func(context.Context, []string) error {
			if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
				return usage(errors.New("demo-handler is the demo's Lambda function: run 'muster demo'"))
			}
			awslambda.Start(handleDemo)
			return nil
		}),
	}
}

// handleDemo hashes each body and takes its time.
func handleDemo(ctx context.Context, event events.SQSEvent) (map[string]string, error) {
	digests := make(map[string]string, len(event.Records))
	for _, record := range event.Records {
		sum := sha256.Sum256([]byte(record.Body))
		digests[record.MessageId] = hex.EncodeToString(sum[:])
	}
	select {
	case <-time.After(demoWork):
		return digests, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
