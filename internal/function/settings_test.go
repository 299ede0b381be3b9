package function

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scale"
)

// values of all variables, each its own.
var values = map[string]string{
	"FLEET": "jobs", "TABLE": "muster", "BUCKET": "bodies", "LANE": "stream", "TARGET": "lambda", "MODE": "sync", "TRANSFORM_MODE": "sync",
	"QUEUE_URL": "http://127.0.0.1/123456789012/jobs", "QUEUE_ARN": "arn:aws:sqs:us-east-1:123456789012:jobs",
	"DEAD_LETTER_URL": "http://127.0.0.1/123456789012/dead", "PUMP_MEMORY": "513", "REDACT_ERRORS": "false", "ALARMS": "true", "DEAD_LETTER_ARN": "arn:aws:sqs:us-east-1:123456789012:dead", "FIFO": "false",
	"PROCESS_HANDLER": "arn:process", "PROCESS_TIMEOUT_SECONDS": "31", "TRANSFORM_HANDLER": "arn:transform", "TRANSFORM_TIMEOUT_SECONDS": "21",
	"HEARTBEAT_SECONDS": "29", "BATCH_SIZE": "9", "BATCHING_WINDOW_SECONDS": "4", "IDLE_SECONDS": "61",
	"ROUTES":    `[{"Handler":"arn:aws:lambda:us-east-1:123456789012:function:route","FilterCriteria":{"Filters":[{"Pattern":"{\"body\":[\"never\"]}"}]}}]`,
	"UNMATCHED": "handler", "MAX_RECEIVE_COUNT": "6",
	"BACKOFF_BASE_SECONDS": "2", "BACKOFF_FACTOR": "1.5", "BACKOFF_MAX_SECONDS": "902",
	"DUPLICATE_WINDOW_SECONDS": "77", "DUPLICATE_KEY": "messageId", "BODIES_IN_STATE": "never",
	"JOB_ARN": "arn:job", "JOB_QUEUE_ARN": "arn:cluster", "JOB_CONTAINER": "main", "JOB_SUBNETS": "a,b", "JOB_SECURITY_GROUPS": "",
	"JOB_LAUNCH_TYPE": "FARGATE", "JOB_PUBLIC_IP": "DISABLED", "ROUTE_HANDLERS": "arn:aws:lambda:us-east-1:123456789012:function:route,arn:b",
	"MAX_CONCURRENCY": "51", "PARALLELISM": "5", "MIN_WORKERS": "3", "MESSAGES_PER_WORKER": "101", "DRAIN_WITHIN_SECONDS": "303", "MAX_AGE_SECONDS": "304", "LAMBDA_CONCURRENCY": "999", "LAMBDA_RESERVE": "98", "STEP_LIMIT": "99",
	"SCALE_SCHEDULE": `[{"cron":"0 8 * * ? 2199","min":2}]`, "GATE_ALARM": "", "GATE_ACTION": "drain",
	"SCALE_IN_HOLD_SECONDS": "301", "LIVENESS_SECONDS": "302", "MONTHLY_BUDGET": "12.5", "HANDLER_MEMORY": "129",
	"WORKER_STATE_MACHINE": "arn:aws:states:us-east-1:123456789012:stateMachine:jobs-worker", "WORKER_REVISION": "r1",
}

// in is a lookup in these variables.
func in(variables map[string]string) Lookup {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

func TestSettings(t *testing.T) {
	s := settings{lookup: in(values)}
	assert.Equal(t, autoscaler.Config{
		Settings: fleet.Settings{
			Fleet: "jobs", Table: "muster", Bucket: "bodies", QueueURL: values["QUEUE_URL"], QueueARN: values["QUEUE_ARN"],
			DeadLetterURL: values["DEAD_LETTER_URL"], DeadLetterARN: values["DEAD_LETTER_ARN"],
			Lane: fleet.Stream, Target: fleet.Lambda, Mode: fleet.Sync, TransformMode: fleet.Sync,
			Process:   handler.Target{ARN: "arn:process", Timeout: 31 * time.Second},
			Transform: handler.Target{ARN: "arn:transform", Timeout: 21 * time.Second},
			Heartbeat: 29 * time.Second, BatchSize: 9, BatchingWindow: 4 * time.Second, Idle: 61 * time.Second,
			Routes: values["ROUTES"], Unmatched: fleet.ToHandler, MaxReceives: 6,
			Backoff:         message.Backoff{Base: 2 * time.Second, Factor: 1.5, Max: 902 * time.Second},
			DuplicateWindow: 77 * time.Second, DuplicateKey: "messageId", BodiesInState: fleet.NoBodies, PumpMemory: 513,
		},
		Job: fleet.Job{
			ARN: "arn:job", QueueARN: "arn:cluster", Container: "main", Subnets: []string{"a", "b"}, SecurityGroups: []string{},
			LaunchType: "FARGATE", PublicIP: "DISABLED",
		},
		RouteHandlers: []string{"arn:aws:lambda:us-east-1:123456789012:function:route", "arn:b"},
		Policy: scale.Policy{
			MaxConcurrency: 51, Parallelism: 5, MinWorkers: 3, MessagesPerWorker: 101, DrainWithin: 303 * time.Second, MaxAge: 304 * time.Second, LambdaConcurrency: 999, LambdaReserve: 98, StepLimit: 99, ScaleInHold: 301 * time.Second, MonthlyBudget: 12.5,
		},
		Schedule: values["SCALE_SCHEDULE"], Gate: autoscaler.Gate{Action: autoscaler.DrainAll},
		HandlerMemory: 129,
		Liveness:      302 * time.Second, WorkerStateMachine: values["WORKER_STATE_MACHINE"], WorkerRevision: "r1",
	}, s.autoscaler())
	assert.NoError(t, s.err())
}

func TestTheLaneIsChosen(t *testing.T) {
	for name, c := range map[string]struct {
		target, mode, transformMode string
		want                        fleet.Lane
	}{
		"sync":               {"lambda", "sync", "sync", fleet.Stream},
		"async":              {"lambda", "async", "sync", fleet.Stream},
		"callback":           {"lambda", "callback", "sync", fleet.Steps},
		"transform callback": {"lambda", "sync", "callback", fleet.Steps},
		"job":                {"ecs", "sync", "sync", fleet.Steps},
	} {
		t.Run(name, func(t *testing.T) {
			variables := maps.Clone(values)
			variables["LANE"], variables["TARGET"], variables["MODE"], variables["TRANSFORM_MODE"] = "auto", c.target, c.mode, c.transformMode
			s := settings{lookup: in(variables)}
			assert.Equal(t, c.want, s.fleet().Lane)
		})
	}
}

func TestAJobNeedsNoHandlerAndHasATimeOut(t *testing.T) {
	variables := maps.Clone(values)
	variables["TARGET"], variables["PROCESS_HANDLER"] = "ecs", ""
	s := settings{lookup: in(variables)}
	assert.Equal(t, handler.Target{Timeout: 31 * time.Second}, s.fleet().Process)
	assert.NoError(t, s.err())
}

func TestALongestBackoffOfNoneIsNone(t *testing.T) {
	variables := maps.Clone(values)
	variables["BACKOFF_MAX_SECONDS"] = "0"
	s := settings{lookup: in(variables)}
	assert.Zero(t, s.fleet().Backoff.Ceiling(20))
	assert.NoError(t, s.err())
}

func TestNoTransformHandlerNeedsNoTimeOut(t *testing.T) {
	for name, change := range map[string]func(map[string]string){
		"none": func(v map[string]string) { delete(v, "TRANSFORM_HANDLER"); delete(v, "TRANSFORM_TIMEOUT_SECONDS") },
		// The template sets both, the handler to nothing.
		"empty": func(v map[string]string) { v["TRANSFORM_HANDLER"] = "" },
	} {
		t.Run(name, func(t *testing.T) {
			variables := maps.Clone(values)
			change(variables)
			s := settings{lookup: in(variables)}
			assert.Equal(t, handler.Target{}, s.fleet().Transform)
			assert.NoError(t, s.err())
		})
	}
}

// wires are all functions, by the name of their folder.
var wires = map[string]func(Lookup) error{
	"autoscaler": func(l Lookup) error { return wired(Autoscaler(aws.Config{}, l)) },
	"pump":       func(l Lookup) error { return wired(Pump(aws.Config{}, l)) },
	"poll":       func(l Lookup) error { return wired(Poll(aws.Config{}, l)) },
	"courier":    func(l Lookup) error { return wired(Courier(aws.Config{}, l)) },
	"settle":     func(l Lookup) error { return wired(Settle(aws.Config{}, l)) },
	"beat":       func(l Lookup) error { return wired(Beat(aws.Config{}, l)) },
}

func wired[F any](_ F, err error) error { return err }

func TestErrorsNameEveryVariable(t *testing.T) {
	const start = "the function's environment, which cloudformation/fleet.yaml sets: "
	every := []string{
		"FLEET", "TABLE", "BUCKET", "QUEUE_ARN", "FIFO", "LANE", "TARGET", "MODE", "TRANSFORM_MODE",
		"HEARTBEAT_SECONDS", "BATCH_SIZE", "BATCHING_WINDOW_SECONDS", "IDLE_SECONDS", "UNMATCHED", "MAX_RECEIVE_COUNT",
		"BACKOFF_BASE_SECONDS", "BACKOFF_FACTOR", "BACKOFF_MAX_SECONDS", "DUPLICATE_WINDOW_SECONDS", "DUPLICATE_KEY", "BODIES_IN_STATE",
		"PROCESS_TIMEOUT_SECONDS",
	}
	for name, want := range map[string][]string{
		"autoscaler": slices.Concat(every, []string{
			"JOB_LAUNCH_TYPE", "JOB_PUBLIC_IP",
			"MAX_CONCURRENCY", "PARALLELISM", "MIN_WORKERS", "MESSAGES_PER_WORKER", "DRAIN_WITHIN_SECONDS", "MAX_AGE_SECONDS",
			"LAMBDA_CONCURRENCY", "LAMBDA_RESERVE", "STEP_LIMIT", "SCALE_IN_HOLD_SECONDS",
			"LIVENESS_SECONDS", "WORKER_STATE_MACHINE", "WORKER_REVISION",
		}),
		"poll": slices.Concat(every, []string{"JOB_LAUNCH_TYPE", "JOB_PUBLIC_IP", "WORKER_STATE_MACHINE"}),
		"pump": every, "courier": every, "settle": every, "beat": every,
	} {
		t.Run(name, func(t *testing.T) {
			err := wires[name](in(nil))
			assert.EqualError(t, err, start+strings.Join(want, " is missing\n")+" is missing")
		})
	}
}

func TestErrorsQuoteWhatIsNoNumber(t *testing.T) {
	variables := maps.Clone(values)
	variables["BATCH_SIZE"], variables["IDLE_SECONDS"], variables["TRANSFORM_TIMEOUT_SECONDS"] = "ten", "1.5", ""
	assert.EqualError(t, wires["pump"](in(variables)), "the function's environment, which cloudformation/fleet.yaml sets: "+
		`TRANSFORM_TIMEOUT_SECONDS is missing`+"\n"+
		`BATCH_SIZE is "ten", it must be a whole number`+"\n"+
		`IDLE_SECONDS is "1.5", it must be a whole number`)
}

func TestSettingsThatCannotWork(t *testing.T) {
	for name, c := range map[string]struct{ variable, value, says string }{
		"autoscaler": {"LANE", "fast", `Lane is "fast", it must be one of [stream steps]`},
		"pump":       {"PROCESS_TIMEOUT_SECONDS", "900", "are too slow for the stream lane"},
	} {
		t.Run(name, func(t *testing.T) {
			variables := maps.Clone(values)
			variables[c.variable] = c.value
			assert.ErrorContains(t, wires[name](in(variables)), c.says)
		})
	}
}

// environments are the names of the variables that a template gives each
// function, by the folder of its code.
func environments(t *testing.T, text []byte) map[string][]string {
	t.Helper()
	var template struct {
		Resources map[string]struct {
			Type       string `yaml:"Type"`
			Properties struct {
				Code        yaml.Node `yaml:"Code"`
				Environment struct {
					Variables map[string]yaml.Node `yaml:"Variables"`
				} `yaml:"Environment"`
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(text, &template))
	all := map[string][]string{}
	for _, r := range template.Resources {
		if r.Type == "AWS::Lambda::Function" {
			all[strings.TrimPrefix(r.Properties.Code.Value, "../build/")] = slices.Sorted(maps.Keys(r.Properties.Environment.Variables))
		}
	}
	return all
}

func TestTheTemplateSetsWhatEachFunctionReads(t *testing.T) {
	templates := environments(t, cloudformation.Fleet)
	assert.Equal(t, slices.Sorted(maps.Keys(wires)), slices.Sorted(maps.Keys(templates)))
	for name, names := range templates {
		t.Run(name, func(t *testing.T) {
			variables := map[string]string{}
			for _, variable := range names {
				require.Contains(t, values, variable)
				variables[variable] = values[variable]
			}
			var unread []string
			read := map[string]bool{}
			require.NoError(t, wires[name](func(variable string) (string, bool) {
				read[variable] = true
				value, ok := variables[variable]
				return value, ok
			}))
			for _, variable := range names {
				if !read[variable] {
					unread = append(unread, variable)
				}
			}
			assert.Empty(t, unread, "the function has no use for them")
		})
	}
}

// While a stack changes, code may run in the environment of the release before, and
// that release's code in this one's.
func TestTheReleaseBeforeSetsEnough(t *testing.T) {
	text, err := os.ReadFile("../upgrade/testdata/fleet.yaml")
	require.NoError(t, err)
	now, before := environments(t, cloudformation.Fleet), environments(t, text)
	set := map[string]bool{}
	for name, names := range before {
		variables := map[string]string{}
		for _, variable := range names {
			assert.Contains(t, now[name], variable, "the code before reads it")
			variables[variable], set[variable] = values[variable], true
		}
		assert.NoError(t, wires[name](in(variables)), name)
	}
	for variable := range added {
		assert.False(t, set[variable], "the release before sets %s: it need not be among what was added", variable)
	}
}

func TestQueuesThatTheFleetDidNotMake(t *testing.T) {
	for name, c := range map[string]struct {
		arn, url, err string
	}{
		"elsewhere": {"arn:aws:sqs:eu-west-1:210987654321:jobs.fifo", "https://sqs.eu-west-1.amazonaws.com/210987654321/jobs.fifo", ""},
		"in China":  {"arn:aws-cn:sqs:cn-north-1:210987654321:jobs", "https://sqs.cn-north-1.amazonaws.com.cn/210987654321/jobs", ""},
		"no queue":  {"arn:aws:sns:eu-west-1:210987654321:jobs", "", `QUEUE_URL is missing: "arn:aws:sns:eu-west-1:210987654321:jobs" is not the ARN of a queue: arn:aws:sqs:REGION:ACCOUNT:NAME`},
	} {
		t.Run(name, func(t *testing.T) {
			variables := maps.Clone(values)
			variables["QUEUE_ARN"] = c.arn
			for _, made := range []string{"QUEUE_URL", "DEAD_LETTER_URL", "DEAD_LETTER_ARN"} {
				delete(variables, made)
			}
			s := settings{lookup: in(variables)}
			f := s.fleet()
			assert.Equal(t, c.url, f.QueueURL)
			assert.Empty(t, f.DeadLetterURL)
			if c.err != "" {
				assert.ErrorContains(t, s.err(), c.err)
			} else {
				assert.NoError(t, s.err())
			}
		})
	}
}
