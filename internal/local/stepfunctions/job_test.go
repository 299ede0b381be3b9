package stepfunctions_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/jobs"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// kindOfJob is a service that runs jobs, as the tests use it.
type kindOfJob struct {
	resource, parameters string
	// withToken is the resource that passes a token, and variable the parameters
	// that pass it as an environment variable.
	withToken, variable string
	// args is the command that variable overrides. Empty for none.
	args []string
	// describe and stop are the operations that Step Functions calls.
	service, describe, stop string
	// unknown is what starting an unknown definition fails with.
	unknown, unknownCause string
	// status of a result is at this path, with these values.
	status            []string
	succeeded, failed string
}

var kindsOfJob = map[string]kindOfJob{
	"ecs": {
		resource: "ecs:runTask", withToken: "ecs:runTask.waitForTaskToken", parameters: `{"TaskDefinition":"work","Cluster":"main"}`,
		variable: `{"TaskDefinition":"work:1","Overrides":{"ContainerOverrides":[{"Name":"work","Command":["a","b"],"Environment":[{"Name":"TOKEN","Value.$":"$$.Task.Token"}]}]}}`,
		args:     []string{"a", "b"},
		service:  "ecs", describe: "DescribeTasks", stop: "StopTask",
		unknown: "ECS.ClientException", unknownCause: "TaskDefinition not found. (Service: AmazonECS; Status Code: 400; Error Code: ClientException; Request ID: ",
		status: []string{"StopCode"}, succeeded: "EssentialContainerExited", failed: "EssentialContainerExited",
	},
	"batch": {
		resource: "batch:submitJob", withToken: "aws-sdk:batch:submitJob.waitForTaskToken", parameters: `{"JobDefinition":"work","JobName":"j","JobQueue":"q"}`,
		variable: `{"JobDefinition":"work","JobName":"j","JobQueue":"q","Parameters":{"x":"b"},"ContainerOverrides":{"Command":["a","Ref::x"],"Environment":[{"Name":"TOKEN","Value.$":"$$.Task.Token"}]}}`,
		args:     []string{"a", "b"},
		service:  "batch", describe: "DescribeJobs", stop: "TerminateJob",
		unknown: "Batch.ClientException", unknownCause: "Error executing request, Exception : JobDefinition nothing not found., RequestId: ",
		status: []string{"Status"}, succeeded: "SUCCEEDED", failed: "FAILED",
	},
	"codebuild": {
		resource: "codebuild:startBuild", withToken: "aws-sdk:codebuild:startBuild.waitForTaskToken", parameters: `{"ProjectName":"work"}`,
		variable: `{"ProjectName":"work","EnvironmentVariablesOverride":[{"Name":"TOKEN","Value.$":"$$.Task.Token"}]}`,
		service:  "codebuild", describe: "BatchGetBuilds", stop: "StopBuild",
		unknown: "CodeBuild.ResourceNotFoundException", unknownCause: "Project cannot be found: arn:aws:codebuild:eu-west-1:123456789012:project/nothing (Service: AWSCodeBuild",
		status: []string{"Build", "BuildStatus"}, succeeded: "SUCCEEDED", failed: "FAILED",
	},
}

// eachKindOfJob runs a test in a bubble for each service, with the job as the
// command "work". It gets what the services were asked, in order.
func eachKindOfJob(t *testing.T, work jobs.Func, test func(t *testing.T, f *fixture, k kindOfJob, calls func() []string)) {
	for _, name := range slices.Sorted(maps.Keys(kindsOfJob)) {
		t.Run(name, func(t *testing.T) {
			var ended func(string) <-chan struct{}
			options := stepfunctions.Options{JobEnded: func(id string) <-chan struct{} { return ended(id) }}
			bubble(t, options, func(t *testing.T, f *fixture) {
				service := jobs.New(&api.Account{ID: "123456789012", Region: "eu-west-1", Partition: "aws"},
					jobs.Options{Commands: map[string]jobs.Command{"work": work}, Path: "/bin", Home: "/"})
				ended = service.Ended
				t.Cleanup(service.Close)
				for _, s := range service.APIs() {
					f.router.Add(s)
				}
				var mu sync.Mutex
				var calls []string
				f.router.Observe(func(e api.Event) {
					mu.Lock()
					defer mu.Unlock()
					if e.Service == name {
						calls = append(calls, e.Operation)
					}
				})
				test(t, f, kindsOfJob[name], func() []string {
					mu.Lock()
					defer mu.Unlock()
					return slices.Clone(calls)
				})
			})
		})
	}
}

// machineOf is a state machine of one task.
func machineOf(resource, parameters, more string) string {
	return `{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::` + resource + `","Parameters":` + parameters + more + `,"End":true}}}`
}

func exits(code int, after time.Duration) jobs.Func {
	return func(ctx context.Context, _ jobs.Run) (int, string) {
		select {
		case <-ctx.Done():
			return 143, ""
		case <-time.After(after):
			return code, ""
		}
	}
}

// at looks into a result.
func at(t *testing.T, text string, path ...string) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(text), &v))
	for _, name := range path {
		v = v.(map[string]any)[name]
	}
	return v
}

func eventTypes(lines []string) []string {
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = strings.Fields(line)[1]
	}
	return all
}

func TestJobSucceeds(t *testing.T) {
	eachKindOfJob(t, exits(0, 40*time.Minute), func(t *testing.T, f *fixture, k kindOfJob, calls func() []string) {
		execution := f.start(f.create("machine", machineOf(k.resource+".sync", k.parameters, "")), "run", `{}`)
		time.Sleep(41 * time.Minute)
		out := f.describe(execution)
		require.Equal(t, "SUCCEEDED", out["status"], "%v", out)
		assert.Equal(t, k.succeeded, at(t, out["output"].(string), k.status...))
		assert.Equal(t, []string{
			"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded",
			"TaskStateExited", "ExecutionSucceeded",
		}, eventTypes(f.history(execution)))
		assert.Equal(t, k.describe, calls()[1])
		assert.Len(t, calls(), 2, "an end is heard of, not polled for")
	})
}

func TestJobFails(t *testing.T) {
	eachKindOfJob(t, exits(3, time.Minute), func(t *testing.T, f *fixture, k kindOfJob, _ func() []string) {
		execution := f.start(f.create("machine", machineOf(k.resource+".sync", k.parameters, "")), "run", `{}`)
		time.Sleep(2 * time.Minute)
		out := f.describe(execution)
		require.Equal(t, []any{"FAILED", "States.TaskFailed"}, []any{out["status"], out["error"]})
		assert.Equal(t, k.failed, at(t, out["cause"].(string), k.status...))
		assert.Contains(t, eventTypes(f.history(execution)), "TaskFailed")
	})
}

func TestJobThatIsNotDefined(t *testing.T) {
	eachKindOfJob(t, exits(0, 0), func(t *testing.T, f *fixture, k kindOfJob, _ func() []string) {
		unknown := strings.Replace(k.parameters, "work", "nothing", 1)
		for _, suffix := range []string{"", ".sync"} {
			execution := f.start(f.create("machine"+suffix, machineOf(k.resource+suffix, unknown, "")), "run", `{}`)
			time.Sleep(time.Second)
			out := f.describe(execution)
			assert.Equal(t, []any{"FAILED", k.unknown}, []any{out["status"], out["error"]})
			assert.Contains(t, out["cause"], k.unknownCause)
			want := map[string]string{"": "TaskFailed", ".sync": "TaskSubmitFailed"}[suffix]
			assert.Contains(t, eventTypes(f.history(execution)), want)
		}
	})
}

// https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync
func TestJobIsStopped(t *testing.T) {
	ways := map[string]func(f *fixture, execution string){
		"with its execution": func(f *fixture, execution string) {
			f.must("StopExecution", map[string]any{"executionArn": execution})
		},
		"when its time is over": func(*fixture, string) { <-time.After(time.Hour) },
	}
	for way, end := range ways {
		t.Run(way, func(t *testing.T) {
			eachKindOfJob(t, exits(0, 24*time.Hour), func(t *testing.T, f *fixture, k kindOfJob, calls func() []string) {
				definition := machineOf(k.resource+".sync", k.parameters, `,"TimeoutSecondsPath":"$.limit"`)
				execution := f.start(f.create("machine", definition), "run", `{"limit":1800}`)
				time.Sleep(20 * time.Minute)
				assert.Equal(t, "RUNNING", f.describe(execution)["status"])
				end(f, execution)
				time.Sleep(time.Second)
				assert.Equal(t, []string{k.stop}, calls()[1:])
				if way == "when its time is over" {
					out := f.describe(execution)
					assert.Equal(t, []any{"FAILED", "States.Timeout"}, []any{out["status"], out["error"]})
					assert.Contains(t, eventTypes(f.history(execution)), "TaskTimedOut")
				}
			})
		})
	}
}

// The call that stops a job can be lost, and the job then goes on.
func TestJobWhoseStopIsLost(t *testing.T) {
	codes := make(chan int, 1)
	work := func(ctx context.Context, r jobs.Run) (int, string) {
		code, reason := exits(0, time.Hour)(ctx, r)
		codes <- code
		return code, reason
	}
	eachKindOfJob(t, work, func(t *testing.T, f *fixture, k kindOfJob, calls func() []string) {
		f.router.Faults.Add(api.Fault{Service: k.service, Operation: k.stop})
		execution := f.start(f.create("machine", machineOf(k.resource+".sync", k.parameters, "")), "run", `{}`)
		time.Sleep(time.Minute)
		f.must("StopExecution", map[string]any{"executionArn": execution})
		time.Sleep(time.Minute)
		assert.Equal(t, []string{k.stop}, calls()[1:], "it is tried once")
		assert.Equal(t, "ABORTED", f.describe(execution)["status"])
		time.Sleep(time.Hour)
		assert.Equal(t, 0, <-codes)
	})
}

// A look at a job that fails is tried again: the job is not lost for it.
func TestJobThatCannotBeDescribed(t *testing.T) {
	eachKindOfJob(t, exits(0, time.Minute), func(t *testing.T, f *fixture, k kindOfJob, calls func() []string) {
		f.router.Faults.Add(api.Fault{Service: k.service, Operation: k.describe, Times: 3})
		execution := f.start(f.create("machine", machineOf(k.resource+".sync", k.parameters, "")), "run", `{}`)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "SUCCEEDED", f.describe(execution)["status"])
		assert.Len(t, calls(), 5)
	})
}

// The token travels in the overrides that the state machine writes. Batch and
// CodeBuild take one through the SDK integration alone.
// https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
func TestJobWithAToken(t *testing.T) {
	runs := make(chan jobs.Run, 1)
	work := func(ctx context.Context, r jobs.Run) (int, string) {
		runs <- r
		return exits(0, time.Minute)(ctx, r)
	}
	eachKindOfJob(t, work, func(t *testing.T, f *fixture, k kindOfJob, calls func() []string) {
		if optimised := k.resource + ".waitForTaskToken"; optimised != k.withToken {
			_, err := f.call("CreateStateMachine", map[string]any{"name": "m", "roleArn": role, "definition": machineOf(optimised, k.parameters, "")})
			assert.ErrorContains(t, err, "The resource provided arn:aws:states:::"+optimised+" is not recognized.")
		}
		definition := machineOf(k.withToken, k.variable, `,"TimeoutSecondsPath":"$.limit","HeartbeatSecondsPath":"$.beat"`)
		machine := f.create("machine", definition)
		execution := f.start(machine, "run", `{"limit":86400,"beat":300}`)
		r := <-runs
		assert.Equal(t, k.args, r.Args)
		token := r.Env["TOKEN"]
		// The job's own end is not the task's.
		for range 3 {
			time.Sleep(200 * time.Second)
			f.must("SendTaskHeartbeat", map[string]any{"taskToken": token})
		}
		assert.Equal(t, "RUNNING", f.describe(execution)["status"])
		f.must("SendTaskSuccess", map[string]any{"taskToken": token, "output": `"done"`})
		time.Sleep(time.Second)
		assert.Equal(t, `"done"`, f.describe(execution)["output"])
		assert.Len(t, calls(), 1)

		silent := f.start(machine, "silent", `{"limit":86400,"beat":300}`)
		<-runs
		time.Sleep(301 * time.Second)
		assert.Equal(t, "States.Timeout", f.describe(silent)["error"])
		stopped := f.start(machine, "stopped", `{"limit":86400,"beat":300}`)
		<-runs
		f.must("StopExecution", map[string]any{"executionArn": stopped})
		time.Sleep(time.Second)
		assert.Len(t, calls(), 3, "what waits for a token is not stopped")
	})
}

// https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
func TestTaskThatECSDoesNotPlace(t *testing.T) {
	for suffix, want := range map[string]any{"": nil, ".sync": "AmazonECS.Unknown", ".waitForTaskToken": "AmazonECS.Unknown"} {
		bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
			f.serve("ecs", "RunTask").answer = map[string]any{"tasks": []any{}, "failures": []any{map[string]any{"reason": "RESOURCE:CPU"}}}
			output, failure, cause := f.task("ecs:runTask"+suffix, `{"TaskDefinition":"work"}`)
			assert.Equal(t, want, failure, suffix)
			if want != nil {
				assert.Contains(t, cause, `{"Failures":[{"Reason":"RESOURCE:CPU"}]`)
				return
			}
			assert.Equal(t, map[string]any{"Tasks": []any{}, "Failures": []any{map[string]any{"Reason": "RESOURCE:CPU"}}}, output)
		})
	}
}

// Where nothing is heard of a job it is looked at, ever more rarely.
func TestJobThatIsNotHeardOf(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		end := time.Now().Add(time.Hour)
		var looks atomic.Int64
		answer := func(context.Context, *api.Router, api.Caller, []byte) (any, error) {
			status := "RUNNING"
			if looks.Add(1); time.Now().After(end) {
				status = "SUCCEEDED"
			}
			return map[string]any{"jobId": "1", "jobs": []any{map[string]any{"status": status, "tags": map[string]any{"lower": "case"}}}}, nil
		}
		f.router.Add(api.Service{Name: "batch", Operations: map[string]api.Operation{"SubmitJob": answer, "DescribeJobs": answer}})
		execution := f.start(f.create("machine", machineOf("batch:submitJob.sync", kindsOfJob["batch"].parameters, "")), "run", `{}`)
		time.Sleep(59 * time.Minute)
		assert.Equal(t, "RUNNING", f.describe(execution)["status"])
		assert.Equal(t, int64(65), looks.Load(), "after 1 s, 1, 2, 4 ... 32 s, then each minute")
		time.Sleep(2 * time.Minute)
		assert.JSONEq(t, `{"Status":"SUCCEEDED","Tags":{"lower":"case"}}`, f.describe(execution)["output"].(string))
	})
}

func TestParametersOfJobs(t *testing.T) {
	tests := []struct{ name, resource, parameters, want string }{
		{"missing", "ecs:runTask.sync", `{"Cluster":"c"}`, "The field 'TaskDefinition' is required but was missing"},
		{"unknown", "ecs:runTask", `{"TaskDefinition":"d","Count":2}`, "The field 'Count' is not supported by Step Functions"},
		{"camel case", "ecs:runTask", `{"taskDefinition":"d"}`, "The field 'taskDefinition' is not supported by Step Functions"},
		{"unknown below", "ecs:runTask", `{"TaskDefinition":"d","Overrides":{"ContainerOverrides":[{"name":"n"}]}}`, "The field 'name' is not supported by Step Functions"},
		{"no role", "ecs:runTask", `{"TaskDefinition":"d","Overrides":{"TaskRoleArn":"r"}}`, "The field 'TaskRoleArn' is not supported by Step Functions"},
		{"type", "ecs:runTask", `{"TaskDefinition":1}`, "The value for the field 'TaskDefinition' must be a STRING"},
		{"missing in Batch", "batch:submitJob.sync", `{"JobName":"n","JobQueue.$":"$.q"}`, "The field 'JobDefinition' is required but was missing"},
		{"a parameter's type", "batch:submitJob", `{"JobName":"n","JobQueue":"q","JobDefinition":"d","Parameters":{"frame_id":1}}`, "The value for the field 'frame_id' must be a STRING"},
		{"missing in CodeBuild", "codebuild:startBuild.sync", `{}`, "The field 'ProjectName' is required but was missing"},
		{"missing below", "codebuild:startBuild", `{"ProjectName":"p","EnvironmentVariablesOverride":[{"Name":"n"}]}`, "The field 'Value' is required but was missing"},
		{"pattern", "ecs:runTask.sync:2", `{"TaskDefinition":"d"}`, "The resource provided arn:aws:states:::ecs:runTask.sync:2 is not recognized."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, stepfunctions.Options{})
			_, err := f.call("CreateStateMachine", map[string]any{"name": "m", "roleArn": role, "definition": machineOf(test.resource, test.parameters, "")})
			assert.ErrorContains(t, err, test.want)
		})
	}
	t.Run("known when it runs", func(t *testing.T) {
		bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
			out := f.run(machineOf("batch:submitJob.sync", `{"JobName":"n","JobQueue":"q","JobDefinition":"d","Parameters.$":"$"}`, ""), `{"frame_id":1}`)
			assert.Equal(t, "States.Runtime", out["error"])
			assert.Equal(t, "An error occurred while executing the state 'S' (entered at the event id #2). The Parameters "+
				`'{"JobDefinition":"d","JobName":"n","JobQueue":"q","Parameters":{"frame_id":1}}'`+
				" could not be used to start the Task: [The value for the field 'frame_id' must be a STRING]", out["cause"])
		})
	})
}

// What Step Functions adds to the jobs that it waits for, and the form of their
// results, as recordings made on AWS have them.
func TestMarksAndResultsOfJobs(t *testing.T) {
	marks := map[string]string{
		"ecs":       `{"Cluster":"main","StartedBy":"AWS Step Functions","TaskDefinition":"work"}`,
		"batch":     `{"ContainerOverrides":{"Environment":[{"Name":"MANAGED_BY_AWS","Value":"STARTED_BY_STEP_FUNCTIONS"}]},"JobDefinition":"work","JobName":"j","JobQueue":"q"}`,
		"codebuild": `{"ProjectName":"work"}`,
	}
	parts := map[string][]string{
		"ecs":       {`"ClusterArn":"arn:aws:ecs:eu-west-1:123456789012:cluster/main"`, `"CreatedAt":946684800000`, `"ExitCode":0`, `"LastStatus":"STOPPED"`, `"StartedBy":"AWS Step Functions"`, `"StoppedAt":946684860000`, `"StoppedReason":"Essential container in task exited"`},
		"batch":     {`"Attempts":[{"Container":{"ExitCode":0,"NetworkInterfaces":[]},"StartedAt":946684800000`, `"JobQueue":"arn:aws:batch:eu-west-1:123456789012:job-queue/q"`, `"RetryStrategy":{"Attempts":1}`, `"StoppedAt":946684860000`},
		"codebuild": {`{"Build":{"Arn":"arn:aws:codebuild:eu-west-1:123456789012:build/work:`, `"BuildComplete":true`, `"EndTime":946684860000`, `"Initiator":"states"`},
	}
	eachKindOfJob(t, exits(0, time.Minute), func(t *testing.T, f *fixture, k kindOfJob, _ func() []string) {
		execution := f.start(f.create("machine", machineOf(k.resource+".sync", k.parameters, "")), "run", `{}`)
		time.Sleep(2 * time.Minute)
		assert.Contains(t, f.history(execution)[2], marks[k.service])
		for _, part := range parts[k.service] {
			assert.Contains(t, f.describe(execution)["output"], part)
		}
	})
}

// A nested execution is a job like any other.
func TestNestedExecutionIsStoppedWhenItsTimeIsOver(t *testing.T) {
	for lost, want := range map[bool]string{false: "ABORTED", true: "RUNNING"} {
		bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
			child := f.create("child", `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":7200,"End":true}}}`)
			if lost {
				f.router.Faults.Add(api.Fault{Service: "states", Operation: "StopExecution"})
			}
			parent := f.start(f.create("parent", machineOf("states:startExecution.sync:2", `{"StateMachineArn":"`+child+`","Name":"c"}`, `,"TimeoutSeconds":60`)), "p", `{}`)
			time.Sleep(2 * time.Minute)
			assert.Equal(t, "States.Timeout", f.describe(parent)["error"])
			assert.Equal(t, want, f.describe("arn:aws:states:eu-west-1:123456789012:execution:child:c")["status"])
		})
	}
}
