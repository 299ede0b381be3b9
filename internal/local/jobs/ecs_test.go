package jobs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/jobs"
)

func TestTask(t *testing.T) {
	runs := make(chan jobs.Run, 1)
	work := func(ctx context.Context, r jobs.Run) (int, string) {
		runs <- r
		return exits(3, time.Minute)(ctx, r)
	}
	bubble(t, work, func(t *testing.T, r *rig) {
		arn := r.task(`{"taskDefinition":"arn:aws:ecs:eu-west-1:123456789012:task-definition/work:1","launchType":"FARGATE",
			"networkConfiguration":{"awsvpcConfiguration":{"subnets":["s"]}},
			"overrides":{"containerOverrides":[{"name":"work","command":["a"],"environment":[{"name":"N","value":"v"}]}]}}`)
		assert.Regexp(t, `^arn:aws:ecs:eu-west-1:123456789012:task/default/[0-9a-f]{32}$`, arn)
		in := <-runs
		assert.Equal(t, []any{"ecs", "work", arn, []string{"a"}}, []any{in.Service, in.Name, in.ID, in.Args})
		for name, value := range map[string]string{
			"N": "v", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
			"AWS_ENDPOINT_URL": "http://127.0.0.1:4100", "PATH": "/bin", "HOME": "/",
		} {
			assert.Equal(t, value, in.Env[name], name)
		}
		assert.NotEmpty(t, in.Env["AWS_ACCESS_KEY_ID"])
		time.Sleep(time.Second)
		task := r.describeTask(arn)
		assert.Equal(t, []any{"RUNNING", "RUNNING", "family:work"}, []any{task["lastStatus"], task["desiredStatus"], task["group"]})
		time.Sleep(time.Minute)
		task = r.describeTask(arn)
		assert.Equal(t, []any{"STOPPED", "EssentialContainerExited", "Essential container in task exited"}, []any{task["lastStatus"], task["stopCode"], task["stoppedReason"]})
		assert.Equal(t, 3.0, one(task, "containers")["exitCode"])
		assert.Equal(t, 60.0, task["stoppedAt"].(float64)-task["startedAt"].(float64))

		// Tasks that have stopped are known for an hour.
		time.Sleep(2 * time.Hour)
		r.task(`{"taskDefinition":"work"}`)
		<-runs
		missing := one(r.must("ecs:DescribeTasks", `{"tasks":["`+arn+`"]}`), "failures")
		assert.Equal(t, map[string]any{"arn": arn, "reason": "MISSING"}, missing)
	})
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_StopTask.html
func TestStopTask(t *testing.T) {
	bubble(t, exits(0, time.Hour), func(t *testing.T, r *rig) {
		arn := r.task(`{"taskDefinition":"work"}`)
		time.Sleep(time.Second)
		r.must("ecs:StopTask", `{"task":"`+arn[strings.LastIndexByte(arn, '/')+1:]+`","reason":"enough"}`)
		time.Sleep(time.Second)
		task := r.describeTask(arn)
		assert.Equal(t, []any{"STOPPED", "UserInitiated", "enough"}, []any{task["lastStatus"], task["stopCode"], task["stoppedReason"]})
		assert.Equal(t, 143.0, one(task, "containers")["exitCode"])
	})
	deaf := func(ctx context.Context, _ jobs.Run) (int, string) {
		<-time.After(10 * time.Minute)
		return 0, ""
	}
	bubble(t, deaf, func(t *testing.T, r *rig) {
		arn := r.task(`{"taskDefinition":"work"}`)
		time.Sleep(time.Second)
		r.must("ecs:StopTask", `{"task":"`+arn+`"}`)
		time.Sleep(29 * time.Second)
		task := r.describeTask(arn)
		assert.Equal(t, []any{"RUNNING", "STOPPED"}, []any{task["lastStatus"], task["desiredStatus"]})
		time.Sleep(2 * time.Second)
		assert.Equal(t, 137.0, one(r.describeTask(arn), "containers")["exitCode"])
		time.Sleep(10 * time.Minute)
	})
}

func TestTasksThatECSRefuses(t *testing.T) {
	long := `{"taskDefinition":"work","overrides":{"containerOverrides":[{"name":"work","environment":[{"name":"N","value":"%"}]}]}}`
	for input, want := range map[string]string{
		`{"taskDefinition":"other"}`:  "ClientException: TaskDefinition not found.",
		`{"taskDefinition":"work:2"}`: "ClientException: TaskDefinition not found.",
		`{"taskDefinition":"arn:aws:ecs:eu-west-1:210987654321:task-definition/work:1"}`:                                                                   "ClientException: TaskDefinition not found.",
		`{"taskDefinition":"work","cluster":"arn:aws:ecs:us-east-1:123456789012:cluster/main"}`:                                                            "ClusterNotFoundException: Cluster not found.",
		`{"taskDefinition":"work","launchType":"FARGATE"}`:                                                                                                 "InvalidParameterException: Network Configuration must be provided when networkMode 'awsvpc' is specified.",
		`{"taskDefinition":"work","overrides":{"containerOverrides":[{"name":"main"}]}}`:                                                                   "InvalidParameterException: Override for container named main is not a container in the TaskDefinition.",
		strings.Replace(long, "%", strings.Repeat("x", 8192-len(`{"containerOverrides":[{"environment":[{"name":"N","value":""}],"name":"work"}]}`)+1), 1): "InvalidParameterException: Container Overrides length must be at most 8192",
		`{"taskDefinition":"work","volumeConfigurations":[]}`:                                                                                              `ValidationException: The embedded runtime does not know the member "volumeConfigurations" of runTaskInput.`,
	} {
		bubble(t, exits(0, 0), func(t *testing.T, r *rig) {
			_, err := r.call("ecs:RunTask", input)
			assert.EqualError(t, err, want, input)
		})
	}
	bubble(t, exits(0, 0), func(t *testing.T, r *rig) {
		r.task(strings.Replace(long, "%", strings.Repeat("x", 8192-len(`{"containerOverrides":[{"environment":[{"name":"N","value":""}],"name":"work"}]}`)), 1))
		_, err := r.call("ecs:StopTask", `{"task":"none"}`)
		require.EqualError(t, err, "InvalidParameterException: The referenced task was not found.")
	})
}

func TestContainerNames(t *testing.T) {
	r := newRig(t, jobs.Options{Commands: map[string]jobs.Command{"work": exits(0, 0)}, Containers: map[string]string{"work": "main"}})
	arn := r.task(`{"taskDefinition":"work","overrides":{"containerOverrides":[{"name":"main"}]}}`)
	r.wait(arn)
	assert.Equal(t, "main", one(r.describeTask(arn), "containers")["name"])
}
