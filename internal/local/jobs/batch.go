package jobs

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/musterq/muster/internal/local/api"
)

// Batch's limits.
// https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html and
// https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
const (
	maxJob            = 30 << 10 // bytes
	maxAttempts       = 10
	minAttemptSeconds = 60
	maxDescribedJobs  = 100
)

var jobName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// reserved are variables that only Batch sets.
// https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
const reserved = "AWS_BATCH"

// refused is Batch's answer to a call that it cannot serve.
func (s *Service) refused(format string, args ...any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := api.Errorf("ClientException", format, args...)
	e.Message = "Error executing request, Exception : " + e.Message + ", RequestId: " + s.uuid()
	return e
}

// https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html
func (s *Service) submitJob(_ context.Context, _ api.Caller, in *submitJobInput) (*submitJobOutput, error) {
	if err := s.checkJob(in); err != nil {
		return nil, err
	}
	queue, ok := s.own("batch", "job-queue/", in.JobQueue)
	if !ok {
		return nil, s.refused("Job Queue %s not found.", in.JobQueue)
	}
	definition, command, ok := s.definition("batch", "job-definition/", in.JobDefinition)
	if !ok {
		return nil, s.refused("JobDefinition %s not found.", in.JobDefinition)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.closed(); err != nil {
		return nil, err
	}
	j := s.newJob(in, queue, definition, command)
	return &submitJobOutput{JobArn: j.arn, JobID: j.jobID, JobName: in.JobName}, nil
}

func (s *Service) checkJob(in *submitJobInput) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	switch {
	case !jobName.MatchString(in.JobName):
		return s.refused("Job name should match valid pattern: %s", jobName)
	case in.JobQueue == "":
		return s.refused("JobQueue must be specified.")
	case in.JobDefinition == "":
		return s.refused("JobDefinition must be specified.")
	case len(text) > maxJob:
		return s.refused("Job size must be less than 30 KiB, got %d KiB", (len(text)+1023)>>10)
	case in.RetryStrategy != nil && (in.RetryStrategy.Attempts < 1 || in.RetryStrategy.Attempts > maxAttempts):
		return s.refused("Retry attempts must be between 1 and %d.", maxAttempts)
	case in.Timeout != nil && in.Timeout.AttemptDurationSeconds < minAttemptSeconds:
		return s.refused("Job timeout must be at least %d seconds.", minAttemptSeconds)
	case in.ContainerOverrides == nil:
		return nil
	}
	for _, p := range in.ContainerOverrides.Environment {
		if strings.HasPrefix(p.Name, reserved) {
			return s.refused("Environment variable %s cannot start with %s.", p.Name, reserved)
		}
	}
	return nil
}

// https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeJobs.html
func (s *Service) describeJobs(_ context.Context, _ api.Caller, in *describeJobsInput) (*describeJobsOutput, error) {
	if len(in.Jobs) > maxDescribedJobs {
		return nil, s.refused("Maximum number of jobs supported is %d .", maxDescribedJobs)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &describeJobsOutput{Jobs: []jobDetail{}}
	for _, name := range in.Jobs {
		id, _ := s.own("batch", "job/", name)
		if j, ok := s.jobs.find(id); ok {
			out.Jobs = append(out.Jobs, j.detail())
		}
	}
	return out, nil
}

// terminateJob ends a job that runs. What is unknown or has ended is left alone.
//
// https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJob.html
func (s *Service) terminateJob(_ context.Context, _ api.Caller, in *terminateJobInput) (*emptyOutput, error) {
	if in.JobID == "" || in.Reason == "" {
		return nil, s.refused("jobId and reason must be specified.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if j, ok := s.jobs.find(in.JobID); ok && j.halt() {
		j.terminated, j.statusReason = true, in.Reason
	}
	return &emptyOutput{}, nil
}
