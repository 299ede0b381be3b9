package stepfunctions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/stepfunctions"
)

// sdkKinds are the services that start jobs through SDK integrations.
var sdkKinds = map[string]struct {
	// started is part of the result of a start.
	started string
	// unknown is what starting an unknown definition fails with, and how its
	// cause ends.
	unknown, unknownCause string
	// tooMany is the service's answer to too many calls, and what it is here.
	tooMany      *api.Error
	throttled    string
	throttledFor string
}{
	"batch": {
		started: `"JobArn":"arn:aws:batch:eu-west-1:123456789012:job/`,
		unknown: "Batch.ClientException", unknownCause: " (Service: Batch, Status Code: 400, Request ID: ",
		tooMany: &api.Error{Code: "TooManyRequestsException", Message: "Too Many Requests", Status: 429}, throttled: "Batch.BatchException",
		throttledFor: "Too Many Requests (Service: Batch, Status Code: 429, Request ID: ",
	},
	"codebuild": {
		started: `"StartTime":"2000-01-01T00:00:00.000Z"`,
		unknown: "CodeBuild.ResourceNotFoundException", unknownCause: " (Service: CodeBuild, Status Code: 400, Request ID: ",
		tooMany: api.Errorf("AccountLimitExceededException", "Too many builds"), throttled: "CodeBuild.AccountLimitExceededException",
		throttledFor: "Too many builds (Service: CodeBuild, Status Code: 400, Request ID: ",
	},
}

// https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
func TestJobsBySDK(t *testing.T) {
	eachKindOfJob(t, exits(0, time.Hour), func(t *testing.T, f *fixture, k kindOfJob, calls func() []string) {
		sdk, ok := sdkKinds[k.service]
		if !ok {
			return
		}
		resource := "aws-sdk:" + k.resource
		execution := f.start(f.create("machine", machineOf(resource, k.parameters, "")), "run", `{}`)
		time.Sleep(time.Second)
		out := f.describe(execution)
		require.Equal(t, "SUCCEEDED", out["status"], "%v", out)
		assert.Contains(t, out["output"], sdk.started)
		assert.NotContains(t, out["output"], "SdkHttpMetadata")
		assert.Len(t, calls(), 1)
		history := f.history(execution)
		assert.Equal(t, []string{
			"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded",
		}, eventTypes(history))
		assert.Contains(t, history[2], "aws-sdk:"+k.service)
		assert.NotContains(t, history[2], "MANAGED_BY_AWS")

		_, failure, cause := f.taskIn("unknown", resource, strings.Replace(k.parameters, "work", "nothing", 1))
		assert.Equal(t, sdk.unknown, failure)
		assert.Contains(t, cause, sdk.unknownCause)

		f.router.Faults.Add(api.Fault{Service: k.service, Times: 1, Error: sdk.tooMany})
		_, failure, cause = f.taskIn("throttled", resource, k.parameters)
		assert.Equal(t, sdk.throttled, failure)
		assert.Contains(t, cause, sdk.throttledFor)

		f.router.Faults.Add(api.Fault{Service: k.service, Times: 1, Kind: api.LoseReply})
		_, failure, _ = f.taskIn("lost", resource, k.parameters)
		assert.Equal(t, strings.SplitN(sdk.unknown, ".", 2)[0]+".SdkClientException", failure)
	})
}

// Members are in PascalCase, in parameters and in answers, and names that are the
// user's are left as they are.
func TestNamesOfJobsBySDK(t *testing.T) {
	bubble(t, stepfunctions.Options{}, func(t *testing.T, f *fixture) {
		service := f.serve("batch", "SubmitJob")
		service.answer = map[string]any{"jobId": "1", "tags": map[string]any{"lower": "case"}}
		output, failure, cause := f.task("aws-sdk:batch:submitJob", `{"JobName":"n","JobQueue":"q","JobDefinition":"d","Parameters":{"Upper":"case"},"Tags":{"lower":"case"},
			"ContainerOverrides":{"Environment":[{"Name":"A","Value":"b"}]}}`)
		require.Nil(t, failure, cause)
		assert.Equal(t, []string{`{"containerOverrides":{"environment":[{"name":"A","value":"b"}]},"jobDefinition":"d","jobName":"n","jobQueue":"q",` +
			`"parameters":{"Upper":"case"},"tags":{"lower":"case"}}`}, service.inputs)
		assert.Equal(t, map[string]any{"JobId": "1", "Tags": map[string]any{"lower": "case"}}, output)
	})
}

func TestParametersOfJobsBySDK(t *testing.T) {
	for name, test := range map[string]struct{ resource, parameters, want string }{
		"camel case": {"batch:submitJob.waitForTaskToken", `{"jobName":"n","JobQueue":"q","JobDefinition":"d"}`, "The field 'jobName' is not supported by Step Functions"},
		"missing":    {"codebuild:startBuild", `{"EnvironmentVariablesOverride":[]}`, "The field 'ProjectName' is required but was missing"},
		"pattern":    {"batch:submitJob.sync", `{}`, "The resource provided arn:aws:states:::aws-sdk:batch:submitJob.sync is not recognized."},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, stepfunctions.Options{})
			f.serve("batch", "SubmitJob")
			f.serve("codebuild", "StartBuild")
			_, err := f.call("CreateStateMachine", map[string]any{"name": "m", "roleArn": role, "definition": machineOf("aws-sdk:"+test.resource, test.parameters, "")})
			assert.ErrorContains(t, err, test.want)
		})
	}
}
