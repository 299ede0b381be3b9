package function

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/pump"
	"github.com/musterq/muster/internal/scale"
	"github.com/musterq/muster/internal/steps"
)

// values of all variables, each its own.
var values = map[string]string{
	"FLEET": "jobs", "TABLE": "muster", "BUCKET": "bodies", "LANE": "stream",
	"QUEUE_URL": "http://127.0.0.1/123456789012/jobs", "QUEUE_ARN": "arn:aws:sqs:us-east-1:123456789012:jobs",
	"PROCESS_HANDLER": "arn:process", "PROCESS_TIMEOUT_SECONDS": "31", "TRANSFORM_HANDLER": "arn:transform", "TRANSFORM_TIMEOUT_SECONDS": "21",
	"BATCH_SIZE": "9", "IDLE_SECONDS": "61", "BACKOFF_BASE_SECONDS": "2", "BACKOFF_MAX_SECONDS": "902",
	"MAX_CONCURRENCY": "51", "PARALLELISM": "5", "MIN_WORKERS": "3", "MESSAGES_PER_WORKER": "101", "STEP_LIMIT": "99",
	"SCALE_IN_HOLD_SECONDS": "301", "LIVENESS_SECONDS": "302",
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
	process := handler.Target{ARN: "arn:process", Timeout: 31 * time.Second}
	transform := handler.Target{ARN: "arn:transform", Timeout: 21 * time.Second}
	backoff := message.Backoff{Base: 2 * time.Second, Max: 902 * time.Second}
	s := settings{lookup: in(values)}
	assert.Equal(t, autoscaler.Config{
		Fleet: "jobs", Table: "muster", QueueURL: values["QUEUE_URL"], QueueARN: values["QUEUE_ARN"], Lane: "stream",
		Policy: scale.Policy{
			MaxConcurrency: 51, Parallelism: 5, MinWorkers: 3, MessagesPerWorker: 101, StepLimit: 99, ScaleInHold: 301 * time.Second,
		},
		Process: process, Transform: transform, Liveness: 302 * time.Second,
		WorkerStateMachine: values["WORKER_STATE_MACHINE"], WorkerRevision: "r1",
	}, s.autoscaler())
	assert.Equal(t, pump.Config{
		Fleet: "jobs", Table: "muster", QueueURL: values["QUEUE_URL"], QueueARN: values["QUEUE_ARN"],
		Process: process, Transform: transform, BatchSize: 9, Idle: 61 * time.Second, Backoff: backoff,
	}, s.pump())
	lane := steps.Config{
		Fleet: "jobs", Table: "muster", QueueURL: values["QUEUE_URL"], QueueARN: values["QUEUE_ARN"], Bucket: "bodies",
		Process: process, Transform: transform,
	}
	assert.Equal(t, lane, s.courier())
	poll := lane
	poll.BatchSize, poll.Idle = 9, 61*time.Second
	assert.Equal(t, poll, s.poll())
	settle := lane
	settle.Backoff = backoff
	assert.Equal(t, settle, s.settle())
	assert.NoError(t, s.err())
}

func TestALongestBackoffOfNoneIsNone(t *testing.T) {
	variables := maps.Clone(values)
	variables["BACKOFF_MAX_SECONDS"] = "0"
	s := settings{lookup: in(variables)}
	assert.Zero(t, s.pump().Backoff.Ceiling(20))
	assert.Zero(t, s.settle().Backoff.Ceiling(20))
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
			assert.Equal(t, handler.Target{}, s.pump().Transform)
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
}

func wired[F any](_ F, err error) error { return err }

func TestErrorsNameEveryVariable(t *testing.T) {
	const start = "the function's environment, which cloudformation/fleet.yaml sets: "
	lane := []string{"FLEET", "TABLE", "QUEUE_URL", "QUEUE_ARN", "BUCKET", "PROCESS_HANDLER", "PROCESS_TIMEOUT_SECONDS"}
	for name, want := range map[string][]string{
		"autoscaler": {
			"FLEET", "TABLE", "QUEUE_URL", "QUEUE_ARN", "LANE", "PROCESS_HANDLER", "PROCESS_TIMEOUT_SECONDS",
			"MAX_CONCURRENCY", "PARALLELISM", "MIN_WORKERS", "MESSAGES_PER_WORKER", "STEP_LIMIT", "SCALE_IN_HOLD_SECONDS",
			"LIVENESS_SECONDS", "WORKER_STATE_MACHINE", "WORKER_REVISION",
		},
		"pump": {
			"FLEET", "TABLE", "QUEUE_URL", "QUEUE_ARN", "PROCESS_HANDLER", "PROCESS_TIMEOUT_SECONDS",
			"BATCH_SIZE", "IDLE_SECONDS", "BACKOFF_BASE_SECONDS", "BACKOFF_MAX_SECONDS",
		},
		"poll":    slices.Concat(lane, []string{"BATCH_SIZE", "IDLE_SECONDS"}),
		"courier": lane,
		"settle":  slices.Concat(lane, []string{"BACKOFF_BASE_SECONDS", "BACKOFF_MAX_SECONDS"}),
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
		"autoscaler": {"LANE", "fast", `Lane is "fast", it must be stream or steps`},
		"pump":       {"PROCESS_TIMEOUT_SECONDS", "900", "are too slow for the stream lane"},
	} {
		t.Run(name, func(t *testing.T) {
			variables := maps.Clone(values)
			variables[c.variable] = c.value
			assert.ErrorContains(t, wires[name](in(variables)), c.says)
		})
	}
}

// environments are the names of the variables that the template gives each
// function, by the folder of its code.
func environments(t *testing.T) map[string][]string {
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
	require.NoError(t, yaml.Unmarshal(fleet.Fleet, &template))
	all := map[string][]string{}
	for _, r := range template.Resources {
		if r.Type == "AWS::Lambda::Function" {
			all[strings.TrimPrefix(r.Properties.Code.Value, "../build/")] = slices.Sorted(maps.Keys(r.Properties.Environment.Variables))
		}
	}
	return all
}

func TestTheTemplateSetsWhatEachFunctionReads(t *testing.T) {
	templates := environments(t)
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
