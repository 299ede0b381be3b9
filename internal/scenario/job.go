package scenario

import (
	"context"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/jobs"
)

// Job is the program of a fleet's jobs, in process. It gets the environment that
// the service would give it, and returns its exit code and a reason.
type Job func(ctx context.Context, env map[string]string) (exit int, reason string)

// jobName is what the programs of jobs are registered under.
const jobName = "work"

// child is the definition of a state machine that a fleet runs as its jobs: it
// hands the message to the process handler.
const child = `{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true,"Parameters":{
	"FunctionName":"process","Payload":{"Records":[{"messageId.$":"$.messageId","body.$":"$.body"}]}}}}}`

// childWithToken is the same with the task's token.
const childWithToken = `{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true,"Parameters":{
	"FunctionName":"process","Payload":{"Records":[{"messageId.$":"$.messageId","body.$":"$.body"}],"taskToken.$":"$.taskToken"}}}}}`

// job is the program as the services run it.
func (f *Fleet) job(program Job) jobs.Func {
	return func(ctx context.Context, r jobs.Run) (int, string) {
		f.count(1)
		ended := sync.OnceFunc(func() { f.count(-1) })
		defer ended()
		if program == nil {
			f.handle1(r.Env["MUSTER_MESSAGE_ID"])
			return 0, ""
		}
		if r.Env["MUSTER_TASK_TOKEN"] != "" {
			t := &Task{Token: r.Env["MUSTER_TASK_TOKEN"]}
			return program(f.withTask(ctx, t, r.Env["MUSTER_MESSAGE_ID"], ended), r.Env)
		}
		exit, reason := program(ctx, r.Env)
		if exit == 0 && ctx.Err() == nil {
			f.handle1(r.Env["MUSTER_MESSAGE_ID"])
		}
		return exit, reason
	}
}

// jobParameters are those of a fleet whose target is a job. They make the state
// machine that it starts, if it starts one.
func (f *Fleet) jobParameters(target, mode string) map[string]string {
	f.t.Helper()
	parameters := map[string]string{}
	switch target {
	case "execution":
		definition := child
		if mode == "callback" {
			definition = childWithToken
		}
		_, err := sfn.NewFromConfig(f.Config()).CreateStateMachine(context.Background(), &sfn.CreateStateMachineInput{
			Name: aws.String(jobName), Definition: &definition, RoleArn: aws.String(f.IAM.Put("work", []string{"states.amazonaws.com"}, "lambda:InvokeFunction")),
		})
		require.NoError(f.t, err)
		parameters["JobArn"] = f.Account.ARN("states", "stateMachine:"+jobName)
	case "ecs":
		parameters["JobArn"] = f.Account.ARN("ecs", "task-definition/"+jobName+":1")
		parameters["JobQueueArn"] = f.Account.ARN("ecs", "cluster/main")
		parameters["JobContainer"], parameters["JobSubnets"] = jobName, "subnet-1"
	case "batch":
		parameters["JobArn"] = f.Account.ARN("batch", "job-definition/"+jobName+":1")
		parameters["JobQueueArn"] = f.Account.ARN("batch", "job-queue/main")
	case "codebuild":
		parameters["JobArn"] = f.Account.ARN("codebuild", "project/"+jobName)
	}
	return parameters
}
