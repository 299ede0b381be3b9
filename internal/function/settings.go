package function

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/scale"
	"github.com/musterq/muster/internal/steps"
)

// settings reads variables and remembers what was wrong with them.
type settings struct {
	lookup Lookup
	errs   []error
}

// err names every variable that was missing or wrong.
func (s *settings) err() error {
	if len(s.errs) == 0 {
		return nil
	}
	return fmt.Errorf("the function's environment, which cloudformation/fleet.yaml sets: %w", errors.Join(s.errs...))
}

func (s *settings) text(name string) string {
	value, ok := s.lookup(name)
	if !ok || value == "" {
		s.errs = append(s.errs, fmt.Errorf("%s is missing", name))
	}
	return value
}

func (s *settings) number(name string) int {
	value := s.text(name)
	if value == "" {
		return 0
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		s.errs = append(s.errs, fmt.Errorf("%s is %q, it must be a whole number", name, value))
	}
	return n
}

func (s *settings) seconds(name string) time.Duration {
	return time.Duration(s.number(name)) * time.Second
}

func (s *settings) process() handler.Target {
	return handler.Target{ARN: s.text("PROCESS_HANDLER"), Timeout: s.seconds("PROCESS_TIMEOUT_SECONDS")}
}

// transform is the one setting that may be empty.
func (s *settings) transform() handler.Target {
	if arn, _ := s.lookup("TRANSFORM_HANDLER"); arn != "" {
		return handler.Target{ARN: arn, Timeout: s.seconds("TRANSFORM_TIMEOUT_SECONDS")}
	}
	return handler.Target{}
}

// backoff reads what settling needs. A longest backoff of 0 is none, where the
// domain's zero value would be 12 hours.
func (s *settings) backoff() message.Backoff {
	b := message.Backoff{Base: s.seconds("BACKOFF_BASE_SECONDS"), Max: s.seconds("BACKOFF_MAX_SECONDS")}
	if b.Max == 0 {
		b.Base = 0
	}
	return b
}

// pump reads what the pump needs.
func (s *settings) pump() pump.Config {
	return pump.Config{
		Fleet: s.text("FLEET"), Table: s.text("TABLE"), QueueURL: s.text("QUEUE_URL"), QueueARN: s.text("QUEUE_ARN"),
		Process: s.process(), Transform: s.transform(),
		BatchSize: s.number("BATCH_SIZE"), Idle: s.seconds("IDLE_SECONDS"), Backoff: s.backoff(),
	}
}

func (s *settings) steps() steps.Config {
	return steps.Config{
		Fleet: s.text("FLEET"), Table: s.text("TABLE"), QueueURL: s.text("QUEUE_URL"), QueueARN: s.text("QUEUE_ARN"),
		Bucket: s.text("BUCKET"), Process: s.process(), Transform: s.transform(),
	}
}

// poll reads what a poll needs.
func (s *settings) poll() steps.Config {
	c := s.steps()
	c.BatchSize, c.Idle = s.number("BATCH_SIZE"), s.seconds("IDLE_SECONDS")
	return c
}

// courier reads what the courier needs.
func (s *settings) courier() steps.Config { return s.steps() }

// settle reads what settling needs.
func (s *settings) settle() steps.Config {
	c := s.steps()
	c.Backoff = s.backoff()
	return c
}

// autoscaler reads what a tick needs.
func (s *settings) autoscaler() autoscaler.Config {
	return autoscaler.Config{
		Fleet: s.text("FLEET"), Table: s.text("TABLE"), QueueURL: s.text("QUEUE_URL"), QueueARN: s.text("QUEUE_ARN"),
		Lane: s.text("LANE"), Process: s.process(), Transform: s.transform(),
		Policy: scale.Policy{
			MaxConcurrency:    s.number("MAX_CONCURRENCY"),
			Parallelism:       s.number("PARALLELISM"),
			MinWorkers:        s.number("MIN_WORKERS"),
			MessagesPerWorker: s.number("MESSAGES_PER_WORKER"),
			StepLimit:         s.number("STEP_LIMIT"),
			ScaleInHold:       s.seconds("SCALE_IN_HOLD_SECONDS"),
		},
		Liveness:           s.seconds("LIVENESS_SECONDS"),
		WorkerStateMachine: s.text("WORKER_STATE_MACHINE"),
		WorkerRevision:     s.text("WORKER_REVISION"),
	}
}
