package jobs

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"
)

// job is a job of Batch.
type job struct {
	*run
	in    *submitJobInput
	jobID string
	queue string // its name
	// queueArn and definitionArn name what it belongs to.
	queueArn, definitionArn string
	// command is the override of the container's, its parameters put in.
	command     []string
	environment []pair
	// What follows changes, with the service's lock held.
	attempts     []attemptDetail
	statusReason string
	terminated   bool
	status       string
}

func (j *job) id() string { return j.jobID }

// newJob starts a job. The lock must be held.
func (s *Service) newJob(in *submitJobInput, queue, definition string, command Command) *job {
	id := s.uuid()
	r, stop := s.begin(definition, s.account.ARN("batch", "job/"+id), command)
	j := &job{
		run: r, in: in, jobID: id, queue: queue, status: "RUNNING",
		queueArn:      s.account.ARN("batch", "job-queue/"+queue),
		definitionArn: s.account.ARN("batch", "job-definition/"+definition+":1"),
		command:       []string{}, environment: []pair{},
	}
	s.jobs.add(j)
	if o := in.ContainerOverrides; o != nil {
		j.environment = orEmpty(o.Environment)
		for _, word := range o.Command {
			j.command = append(j.command, j.substitute(word))
		}
		if tooLong(j.command, o) {
			// Batch has taken the job, and ECS does not take its task.
			j.started = time.Time{}
			j.fail(tooLongOverrides)
			return j
		}
	}
	s.attempt(stop, j)
	return j
}

// tooLong tells whether ECS would refuse the job's overrides.
func tooLong(command []string, o *jobOverrides) bool {
	n, err := characters(map[string]any{"containerOverrides": []jobOverrides{{Command: command, Environment: o.Environment}}})
	return err != nil || n > maxOverrides
}

// substitute puts in the parameter that a word of a command refers to. A
// parameter without a value stays as it is.
// https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html#parameters
func (j *job) substitute(word string) string {
	if name, ok := strings.CutPrefix(word, "Ref::"); ok {
		if value, ok := j.in.Parameters[name]; ok {
			return value
		}
	}
	return word
}

// attempt starts the next attempt. The lock must be held.
func (s *Service) attempt(stop context.Context, j *job) {
	limited, late := stop, context.CancelFunc(func() {})
	if t := j.in.Timeout; t != nil {
		limited, late = context.WithTimeout(stop, time.Duration(t.AttemptDurationSeconds)*time.Second)
	}
	started := time.Now()
	in := Run{
		Service: "batch", Name: j.name, ID: j.jobID, Args: j.command,
		Env: s.environment(variables(j.environment), map[string]string{
			"AWS_BATCH_CE_NAME":     "local",
			"AWS_BATCH_JOB_ATTEMPT": strconv.Itoa(len(j.attempts) + 1),
			"AWS_BATCH_JOB_ID":      j.jobID,
			"AWS_BATCH_JQ_NAME":     j.queue,
		}),
	}
	s.launch(limited, j.run, in, func(e ending) {
		timedOut := limited.Err() == context.DeadlineExceeded
		late()
		j.attempted(e, started, timedOut)
		switch {
		case j.terminated:
			j.fail(j.statusReason)
		case timedOut:
			j.fail("Job attempt duration exceeded timeout")
		case e.exit == 0 && !e.unstarted:
			j.status, j.statusReason = "SUCCEEDED", exitedReason
			j.finish()
		case len(j.attempts) < j.strategy().Attempts && s.ctx.Err() == nil:
			s.attempt(stop, j)
		default:
			j.fail(j.attempts[len(j.attempts)-1].StatusReason)
		}
	})
}

const exitedReason = "Essential container in task exited"

// attempted records an attempt. The lock must be held.
func (j *job) attempted(e ending, started time.Time, timedOut bool) {
	a := attemptDetail{
		Container:    attemptContainer{NetworkInterfaces: []struct{}{}, Reason: e.reason},
		StartedAt:    milliseconds(started),
		StatusReason: exitedReason,
		StoppedAt:    milliseconds(time.Now()),
	}
	switch {
	case e.unstarted:
		a.StatusReason = "Task failed to start"
	case timedOut:
		a.StatusReason = "Job attempt duration exceeded timeout"
		a.Container.ExitCode = &e.exit
	default:
		a.Container.ExitCode = &e.exit
	}
	j.attempts = append(j.attempts, a)
}

// fail ends the job. The lock must be held.
func (j *job) fail(reason string) {
	j.status, j.statusReason = "FAILED", reason
	j.finish()
}

func (j *job) strategy() retryStrategy {
	if j.in.RetryStrategy != nil {
		return *j.in.RetryStrategy
	}
	return retryStrategy{Attempts: 1}
}

// detail describes the job as it is now. The lock must be held.
func (j *job) detail() jobDetail {
	none := []struct{}{}
	d := jobDetail{
		Attempts: append([]attemptDetail{}, j.attempts...),
		Container: containerDetail{
			Command: j.command, Environment: j.environment, MountPoints: none, NetworkInterfaces: none,
			ResourceRequirements: []requirement{}, Secrets: none, Ulimits: none, Volumes: none,
		},
		CreatedAt: milliseconds(j.created), StartedAt: milliseconds(j.started), StoppedAt: milliseconds(j.ended),
		DependsOn: none, IsTerminated: j.terminated,
		JobArn: j.arn, JobDefinition: j.definitionArn, JobID: j.jobID, JobName: j.in.JobName, JobQueue: j.queueArn,
		Parameters: map[string]string{}, PropagateTags: j.in.PropagateTags, RetryStrategy: j.strategy(),
		SchedulingPriority: j.in.SchedulingPriorityOverride, ShareIdentifier: j.in.ShareIdentifier,
		Status: j.status, StatusReason: j.statusReason, Tags: map[string]string{}, Timeout: j.in.Timeout,
	}
	maps.Copy(d.Parameters, j.in.Parameters)
	maps.Copy(d.Tags, j.in.Tags)
	if o := j.in.ContainerOverrides; o != nil {
		d.Container.Memory, d.Container.Vcpus = o.Memory, o.Vcpus
		d.Container.ResourceRequirements = orEmpty(o.ResourceRequirements)
	}
	if n := len(j.attempts); n > 0 && !j.ended.IsZero() {
		last := j.attempts[n-1].Container
		d.Container.ExitCode, d.Container.Reason = last.ExitCode, last.Reason
	}
	return d
}
