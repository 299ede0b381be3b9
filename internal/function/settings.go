package function

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/scale"
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

// added are the variables that the release before does not set, and what they would
// be there: CloudFormation changes a function's code and its environment one after
// the other, and in between the code may be newer than the environment.
// https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
var added = map[string]string{"PUMP_MEMORY": "512", "REDACT_ERRORS": "false", "MONTHLY_BUDGET": "0", "HANDLER_MEMORY": "128"}

func (s *settings) text(name string) string {
	value, ok := s.lookup(name)
	if !ok {
		value, ok = added[name]
	}
	if !ok || value == "" {
		s.errs = append(s.errs, fmt.Errorf("%s is missing", name))
	}
	return value
}

// optional is a setting that may be empty.
func (s *settings) optional(name string) string {
	value, _ := s.lookup(name)
	return value
}

// list reads values with commas between them.
func (s *settings) list(name string) []string {
	value := s.optional(name)
	if value == "" {
		return []string{}
	}
	return strings.Split(value, ",")
}

func (s *settings) fraction(name string) float64 {
	value := s.text(name)
	if value == "" {
		return 0
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil {
		s.errs = append(s.errs, fmt.Errorf("%s is %q, it must be a number", name, value))
	}
	return f
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

// target of a stage. One that has none needs no time-out.
func (s *settings) target(stage string) handler.Target {
	t := handler.Target{ARN: s.optional(stage + "_HANDLER")}
	if t.Is() {
		t.Timeout = s.seconds(stage + "_TIMEOUT_SECONDS")
	}
	return t
}

// backoff reads what settling needs. A longest backoff of 0 is none, where the
// domain's zero value would be 12 hours.
func (s *settings) backoff() message.Backoff {
	b := message.Backoff{Base: s.seconds("BACKOFF_BASE_SECONDS"), Factor: s.fraction("BACKOFF_FACTOR"), Max: s.seconds("BACKOFF_MAX_SECONDS")}
	if b.Max == 0 {
		b.Base = 0
	}
	return b
}

// queueURL is that of a queue: of one that the fleet did not make only its ARN is
// known. Empty where there is none.
func (s *settings) queueURL(name, arn string) string {
	if url := s.optional(name); url != "" || arn == "" {
		return url
	}
	url, err := queue.URL(arn)
	if err != nil {
		s.errs = append(s.errs, fmt.Errorf("%s is missing: %w", name, err))
	}
	return url
}

// fleet reads what the template sets for every function alike.
func (s *settings) fleet() fleet.Settings {
	f := fleet.Settings{
		Fleet: s.text("FLEET"), Table: s.text("TABLE"), Bucket: s.text("BUCKET"),
		QueueURL: s.queueURL("QUEUE_URL", s.optional("QUEUE_ARN")), QueueARN: s.text("QUEUE_ARN"),
		DeadLetterURL: s.queueURL("DEAD_LETTER_URL", s.optional("DEAD_LETTER_ARN")), DeadLetterARN: s.optional("DEAD_LETTER_ARN"), Fifo: s.text("FIFO") == "true",
		Lane: fleet.Lane(s.text("LANE")), Target: fleet.Target(s.text("TARGET")),
		Mode: fleet.Mode(s.text("MODE")), TransformMode: fleet.Mode(s.text("TRANSFORM_MODE")),
		Process: s.target("PROCESS"), Transform: s.target("TRANSFORM"), Heartbeat: s.seconds("HEARTBEAT_SECONDS"),
		BatchSize: s.number("BATCH_SIZE"), BatchingWindow: s.seconds("BATCHING_WINDOW_SECONDS"), Idle: s.seconds("IDLE_SECONDS"),
		Routes: s.optional("ROUTES"), Unmatched: fleet.Unmatched(s.text("UNMATCHED")),
		MaxReceives: s.number("MAX_RECEIVE_COUNT"), Backoff: s.backoff(),
		DuplicateWindow: s.seconds("DUPLICATE_WINDOW_SECONDS"), DuplicateKey: s.text("DUPLICATE_KEY"),
		BodiesInState: fleet.Bodies(s.text("BODIES_IN_STATE")), PumpMemory: s.number("PUMP_MEMORY"),
		RedactErrors: s.text("REDACT_ERRORS") == "true",
	}
	if f.Target != fleet.Lambda {
		// What processes has no handler, but a time-out.
		f.Process = handler.Target{Timeout: s.seconds("PROCESS_TIMEOUT_SECONDS")}
	}
	f.Lane = f.Lane.Resolve(f.Mode, f.TransformMode, f.Target)
	if f.RedactErrors && f.Lane == fleet.Steps && !f.Waits(handler.Process) && !f.Waits(handler.Transform) {
		// What a state machine invokes by itself it quotes: the courier does not.
		f.BodiesInState = fleet.NoBodies
	}
	// What is waited for is not silent for longer than it may take.
	longest := f.Process.Timeout
	if f.Waits(handler.Transform) {
		longest = max(longest, f.Transform.Timeout)
	}
	f.Heartbeat = min(f.Heartbeat, longest)
	return f
}

// job reads what a job's start needs. All of it is empty where there is none.
func (s *settings) job() fleet.Job {
	return fleet.Job{
		ARN: s.optional("JOB_ARN"), QueueARN: s.optional("JOB_QUEUE_ARN"), Container: s.optional("JOB_CONTAINER"),
		Subnets: s.list("JOB_SUBNETS"), SecurityGroups: s.list("JOB_SECURITY_GROUPS"),
		LaunchType: s.text("JOB_LAUNCH_TYPE"), PublicIP: s.text("JOB_PUBLIC_IP"),
	}
}

// autoscaler reads what a tick needs.
func (s *settings) autoscaler() autoscaler.Config {
	return autoscaler.Config{
		Settings:      s.fleet(),
		Job:           s.job(),
		RouteHandlers: s.list("ROUTE_HANDLERS"),
		Policy: scale.Policy{
			MaxConcurrency:    s.number("MAX_CONCURRENCY"),
			Parallelism:       s.number("PARALLELISM"),
			MinWorkers:        s.number("MIN_WORKERS"),
			MessagesPerWorker: s.number("MESSAGES_PER_WORKER"),
			DrainWithin:       s.seconds("DRAIN_WITHIN_SECONDS"),
			MaxAge:            s.seconds("MAX_AGE_SECONDS"),
			LambdaConcurrency: s.number("LAMBDA_CONCURRENCY"),
			LambdaReserve:     s.number("LAMBDA_RESERVE"),
			StepLimit:         s.number("STEP_LIMIT"),
			ScaleInHold:       s.seconds("SCALE_IN_HOLD_SECONDS"),
			MonthlyBudget:     s.fraction("MONTHLY_BUDGET"),
		},
		Schedule:           s.optional("SCALE_SCHEDULE"),
		Gate:               autoscaler.Gate{Alarm: s.optional("GATE_ALARM"), Action: autoscaler.GateAction(s.optional("GATE_ACTION"))},
		HandlerMemory:      s.number("HANDLER_MEMORY"),
		Liveness:           s.seconds("LIVENESS_SECONDS"),
		WorkerStateMachine: s.text("WORKER_STATE_MACHINE"),
		WorkerRevision:     s.text("WORKER_REVISION"),
	}
}
