package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/spf13/pflag"

	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/jobs"
	"github.com/musterq/muster/internal/local/lambda"
)

// jobName is the name of everything that --job stands for: the task definition,
// the job definition, the project, or the state machine and its only function.
const jobName = "job"

// jobOptions are the flags of a job that a command stands for.
type jobOptions struct{ command string }

func (o *jobOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.command, "job", "", "`exec:CMD` that runs as the job of --target, for each message")
}

// job is a command that stands for a job.
type job struct {
	// target that starts it, as the parameter Target says it.
	target string
	// task runs as an ECS task, a Batch job or a CodeBuild build.
	task jobs.Exec
	// function runs in a nested execution, as its only state.
	function lambda.Code
}

// parse finds the job's command. Nil without one.
func (o jobOptions) parse(dir, target string) (*job, error) {
	if o.command == "" {
		// The template refuses a target that there is none of.
		if target != "lambda" {
			return nil, usage(fmt.Errorf("--target %s: here a command stands for the job: name it with --job", target))
		}
		return nil, nil
	}
	j := &job{target: target}
	var err error
	switch target {
	case "lambda":
		return nil, usage(errors.New("--job: say what it stands for: --target ecs, batch, codebuild or execution"))
	case "execution":
		j.function, err = lambda.ParseHandler(o.command, dir)
	default:
		j.task, err = jobs.Parse(o.command, dir)
	}
	if err != nil {
		return nil, usage(fmt.Errorf("--job: %w", err))
	}
	return j, nil
}

// register makes the job known to the runtime.
func (j *job) register(o *local.Options, environment map[string]string) {
	if j == nil || j.target == "execution" {
		return
	}
	j.task.Env = environment
	o.Jobs.Commands = map[string]jobs.Command{jobName: j.task}
}

// parameters are those of the template that name the job.
func (j *job) parameters(r *local.Runtime) map[string]string {
	switch j.target {
	case "ecs":
		return map[string]string{
			"JobArn": r.Account.ARN("ecs", "task-definition/"+jobName+":1"), "JobQueueArn": r.Account.ARN("ecs", "cluster/"+jobName),
			"JobContainer": jobName, "JobSubnets": "subnet-0123456789abcdef0",
		}
	case "batch":
		return map[string]string{
			"JobArn": r.Account.ARN("batch", "job-definition/"+jobName+":1"), "JobQueueArn": r.Account.ARN("batch", "job-queue/"+jobName),
		}
	case "codebuild":
		return map[string]string{"JobArn": r.Account.ARN("codebuild", "project/"+jobName)}
	}
	return map[string]string{"JobArn": r.Account.ARN("states", "stateMachine:"+jobName)}
}

// jobDefinition is a state machine of one state, which runs the command.
const jobDefinition = `{"StartAt":"Job","States":{"Job":{"Type":"Task","Resource":"%s","TimeoutSeconds":86400,"End":true}}}`

// make makes the state machine of a job that is a nested execution.
func (j *job) make(ctx context.Context, r *local.Runtime, o fleetOptions) error {
	if j.target != "execution" {
		return nil
	}
	err := r.Lambda.Put(lambda.Function{Name: jobName, Code: j.function, Handler: "handler", Timeout: 900, MemorySize: o.Memory, Environment: o.Environment})
	if err != nil {
		return usage(fmt.Errorf("--job: %w", err))
	}
	_, err = sfn.NewFromConfig(r.Config()).CreateStateMachine(ctx, &sfn.CreateStateMachineInput{
		Name: aws.String(jobName), RoleArn: aws.String(r.IAM.Put(jobName, []string{"states.amazonaws.com"}, "lambda:InvokeFunction")),
		Definition: aws.String(fmt.Sprintf(jobDefinition, r.Account.ARN("lambda", "function:"+jobName))),
	})
	if err != nil {
		return fmt.Errorf("make the state machine of --job: %w", err)
	}
	return nil
}
