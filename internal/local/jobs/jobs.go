// Package jobs is what a state machine runs jobs on: the embedded Amazon ECS,
// AWS Batch and AWS CodeBuild. In place of a container or a build runs a command
// of this machine, or a function in this process, that is registered under the
// name of the task definition, job definition or build project. It gets the
// environment and the overrides that the service would give it.
//
// Clusters, job queues and compute environments are not registered: any name of
// this account and region is taken. There is always room, so nothing waits for
// its start. ECS's container metadata endpoint is not served, and
// ECS_CONTAINER_METADATA_URI_V4 therefore not set.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/,
// https://docs.aws.amazon.com/batch/latest/APIReference/ and
// https://docs.aws.amazon.com/codebuild/latest/APIReference/
package jobs

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// Options tune a Service. The zero value has no definitions: whatever is started
// does not exist.
type Options struct {
	// Commands by the name of a task definition's family, of a job definition or
	// of a build project. Each has one revision, 1.
	Commands map[string]Command
	// Containers are the names of the containers of task definitions, by family.
	// Defaults to the family's own name.
	Containers map[string]string
	// Roles are the ARNs of the roles of task definitions, by family: who runs a
	// task must be allowed to pass them.
	Roles map[string][]string
	// Logs receives each line that a command writes, without its line end, with
	// the name that it is registered under and the task's ARN, the job's or the
	// build's ID. The slice is the callee's only during the call. Defaults to
	// nil, which discards the lines.
	Logs func(name, id string, line []byte)
	// Home and Path are the HOME and PATH of processes. Both default to those of
	// this process; nothing else of its environment is passed on.
	Home, Path string
	// Seed drives IDs and access keys.
	Seed uint64
}

// Service is the ECS, Batch and CodeBuild of one account and region.
type Service struct {
	account *api.Account
	options Options

	// ctx ends when the service is closed, and what runs with it.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	random *rand.ChaCha8
	tasks  ledger[*task]
	jobs   ledger[*job]
	builds ledger[*build]
	// numbers are the builds of each project that were started.
	numbers map[string]int64
}

// How long the services know what has ended.
const (
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
	taskRetention = time.Hour
	// https://docs.aws.amazon.com/batch/latest/userguide/job_states.html
	jobRetention = 7 * 24 * time.Hour
	// https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
	buildRetention = 365 * 24 * time.Hour
)

// New makes a service. Close ends what it runs.
func New(account *api.Account, options Options) *Service {
	var seed [32]byte
	copy(seed[:], "jobs")
	for i := range 8 {
		seed[8+i] = byte(options.Seed >> (8 * i))
	}
	s := &Service{
		account: account,
		options: options,
		random:  rand.NewChaCha8(seed),
		tasks:   newLedger[*task](taskRetention),
		jobs:    newLedger[*job](jobRetention),
		builds:  newLedger[*build](buildRetention),
		numbers: map[string]int64{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// APIs describe the services to the router: "ecs", "batch" and "codebuild".
func (s *Service) APIs() []api.Service {
	return []api.Service{
		{
			Name: "ecs", Target: "AmazonEC2ContainerServiceV20141113", ContentType: "application/x-amz-json-1.1",
			Operations: map[string]api.Operation{
				"RunTask":       api.Op("ecs", "RunTask", s.runTask),
				"DescribeTasks": api.Op("ecs", "DescribeTasks", s.describeTasks),
				"StopTask":      api.Op("ecs", "StopTask", s.stopTask),
			},
		},
		{
			// Batch speaks REST, which is not served: state machines call it here.
			Name: "batch", ContentType: "application/json",
			Operations: map[string]api.Operation{
				"SubmitJob":    api.Op("batch", "SubmitJob", s.submitJob),
				"DescribeJobs": api.Op("batch", "DescribeJobs", s.describeJobs),
				"TerminateJob": api.Op("batch", "TerminateJob", s.terminateJob),
			},
		},
		{
			Name: "codebuild", Target: "CodeBuild_20161006", ContentType: "application/x-amz-json-1.1",
			Operations: map[string]api.Operation{
				"StartBuild":     api.Op("codebuild", "StartBuild", s.startBuild),
				"BatchGetBuilds": api.Op("codebuild", "BatchGetBuilds", s.batchGetBuilds),
				"StopBuild":      api.Op("codebuild", "StopBuild", s.stopBuild),
			},
		},
	}
}

// Ended is closed when what has the ID has ended: a task's ARN, a job's or a
// build's ID. It stands for the events by which the services tell of an end. Nil
// for what is not known.
func (s *Service) Ended(id string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.tasks.find(id); ok {
		return t.done
	}
	if j, ok := s.jobs.find(id); ok {
		return j.done
	}
	if b, ok := s.builds.find(id); ok {
		return b.done
	}
	return nil
}

// Close kills what runs and returns when nothing of the service runs any more.
func (s *Service) Close() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.running.Wait()
}

// closed refuses starts after Close. The lock must be held.
func (s *Service) closed() error {
	if err := s.ctx.Err(); err != nil {
		return fmt.Errorf("the service is closed: %w", err)
	}
	return nil
}

// uuid is a random ID. The lock must be held.
func (s *Service) uuid() string {
	var b [16]byte
	_, _ = s.random.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// hex is an ID of 32 digits, as tasks have. The lock must be held.
func (s *Service) hex() string {
	var b [16]byte
	_, _ = s.random.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// letters is a random string of capital letters and digits. The lock must be held.
func (s *Service) letters(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	text := make([]byte, n)
	_, _ = s.random.Read(text) // never fails
	for i, b := range text {
		text[i] = alphabet[b%32]
	}
	return string(text)
}
