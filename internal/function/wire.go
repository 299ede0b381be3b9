// Package function wires Muster's Lambda functions: from the environment that
// the template gives them to the handler that Lambda calls. The mains under
// functions/ start them; tests and tools can call them in process.
package function

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/uuid"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/httpclient"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/steps"
)

// Lookup reads an environment variable, as os.LookupEnv does.
type Lookup func(name string) (value string, ok bool)

// Wire makes a function's handler.
type Wire[I, O any] func(aws.Config, Lookup) (func(context.Context, I) (O, error), error)

// Start serves a function's invocations. It returns only if the function cannot
// be wired.
func Start[I, O any](lookup Lookup, wire Wire[I, O]) error {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		return err
	}
	// Only an endpoint without TLS is quick enough to need it, and the client
	// that was loaded may have certificates of its own (AWS_CA_BUNDLE).
	if strings.HasPrefix(aws.ToString(cfg.BaseEndpoint), "http://") {
		cfg.HTTPClient = httpclient.New()
	}
	handler, err := wire(cfg, lookup)
	if err != nil {
		return err
	}
	lambda.Start(handler)
	return nil
}

// AutoscalerConfig reads what a tick needs, as [Autoscaler] does.
func AutoscalerConfig(lookup Lookup) (autoscaler.Config, error) {
	s := settings{lookup: lookup}
	c := s.autoscaler()
	return c, s.err()
}

// Autoscaler is one tick: the Assess state of the autoscaler.
func Autoscaler(cfg aws.Config, lookup Lookup) (func(context.Context, autoscaler.Input) (autoscaler.Output, error), error) {
	c, err := AutoscalerConfig(lookup)
	if err != nil {
		return nil, err
	}
	a, err := autoscaler.New(cfg, c)
	if err != nil {
		return nil, err
	}
	if tells, _ := lookup("ALARMS"); tells == "true" {
		return named(telling(c.Fleet, a.Tick)), nil
	}
	return named(a.Tick), nil
}

// Pump is one shift of a worker of the stream lane: the Pump state.
func Pump(cfg aws.Config, lookup Lookup) (func(context.Context, pump.Input) (pump.Output, error), error) {
	s := settings{lookup: lookup}
	c := s.fleet()
	if err := s.err(); err != nil {
		return nil, err
	}
	p, err := pump.New(cfg, c)
	if err != nil {
		return nil, err
	}
	return named(func(ctx context.Context, in pump.Input) (pump.Output, error) {
		return p.Shift(ctx, requestID(ctx), in)
	}), nil
}

// PumpMemoryLimit is from where on the pump's garbage is collected whatever it
// costs, in bytes. What is wrong with the environment [Pump] tells.
func PumpMemoryLimit(lookup Lookup) int64 {
	s := settings{lookup: lookup}
	return pump.MemoryLimit(fleet.Settings{PumpMemory: s.number("PUMP_MEMORY")})
}

// Poll receives a batch for a worker of the steps lane: the Poll state.
func Poll(cfg aws.Config, lookup Lookup) (func(context.Context, steps.PollInput) (steps.Batch, error), error) {
	s := settings{lookup: lookup}
	c, job, machine := s.fleet(), s.job(), s.text("WORKER_STATE_MACHINE")
	if err := s.err(); err != nil {
		return nil, err
	}
	if c.Lane == fleet.Steps {
		// What ticks refuse takes no messages either.
		if err := errors.Join(c.Validate(), job.Validate(c.Target)); err != nil {
			return nil, err
		}
	}
	lane, err := steps.New(cfg, c, job, machine)
	if err != nil {
		return nil, err
	}
	return named(func(ctx context.Context, in steps.PollInput) (steps.Batch, error) {
		return lane.Poll(ctx, requestID(ctx), in)
	}), nil
}

// Courier hands a batch to a handler whole: the Transform state of the steps
// lane, and those with "large" in their names.
func Courier(cfg aws.Config, lookup Lookup) (func(context.Context, steps.CourierInput) (steps.Batch, error), error) {
	s := settings{lookup: lookup}
	c := s.fleet()
	if err := s.err(); err != nil {
		return nil, err
	}
	lane, err := steps.New(cfg, c, fleet.Job{}, "")
	if err != nil {
		return nil, err
	}
	return named(func(ctx context.Context, in steps.CourierInput) (steps.Batch, error) {
		return lane.Deliver(ctx, requestID(ctx), in)
	}), nil
}

// Settle deletes what was handled and returns what failed: the Settle state of
// the steps lane.
func Settle(cfg aws.Config, lookup Lookup) (func(context.Context, steps.SettleInput) (steps.Settled, error), error) {
	s := settings{lookup: lookup}
	c := s.fleet()
	if err := s.err(); err != nil {
		return nil, err
	}
	lane, err := steps.New(cfg, c, fleet.Job{}, "")
	if err != nil {
		return nil, err
	}
	return named(lane.Settle), nil
}

// Beat takes the reports of tasks: the endpoint for those that do not speak to
// Step Functions and SQS themselves.
func Beat(cfg aws.Config, lookup Lookup) (func(context.Context, hold.Report) (hold.Heard, error), error) {
	s := settings{lookup: lookup}
	c := s.fleet()
	if err := s.err(); err != nil {
		return nil, err
	}
	return named(hold.NewEar(cfg, c).Hear), nil
}

// requestID names this invocation: Lambda's request ID, or a new one where
// there is none.
func requestID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok && lc.AwsRequestID != "" {
		return lc.AwsRequestID
	}
	return uuid.NewString()
}
