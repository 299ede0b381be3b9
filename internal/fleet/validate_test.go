package fleet_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
)

// settings of a fleet that can work, with changes.
func settings(changes ...func(*fleet.Settings)) fleet.Settings {
	s := fleet.Settings{
		Lane: fleet.Steps, Target: fleet.Lambda, Mode: fleet.Sync, TransformMode: fleet.Sync, Unmatched: fleet.ToHandler, BodiesInState: fleet.SmallBodies,
		Process: handler.Target{ARN: "arn:process", Timeout: 30 * time.Second}, BatchSize: 10, DuplicateKey: "messageId",
	}
	for _, change := range changes {
		change(&s)
	}
	return s
}

func job(target fleet.Target) func(*fleet.Settings) {
	return func(s *fleet.Settings) { s.Target, s.Process = target, handler.Target{Timeout: 24 * time.Hour} }
}

func callback(s *fleet.Settings) { s.Mode, s.Process.Timeout = fleet.Callback, 30*24*time.Hour }

func noBodies(s *fleet.Settings) { s.BodiesInState = fleet.NoBodies }

func takes(d time.Duration) func(*fleet.Settings) {
	return func(s *fleet.Settings) { s.Process.Timeout = d }
}

func TestWhatWorks(t *testing.T) {
	for name, s := range map[string]fleet.Settings{
		"sync":                   settings(),
		"async":                  settings(func(s *fleet.Settings) { s.Mode = fleet.Async }),
		"callback":               settings(callback),
		"callback, no bodies":    settings(callback, noBodies),
		"execution":              settings(job(fleet.Execution)),
		"execution with a token": settings(job(fleet.Execution), callback),
		"ECS task with a token":  settings(job(fleet.ECS), callback),
		"Batch job":              settings(job(fleet.Batch)),
		"Batch job with a token": settings(job(fleet.Batch), callback),
		"build":                  settings(job(fleet.CodeBuild)),
		"build with a token":     settings(job(fleet.CodeBuild), callback),
		"no bodies":              settings(noBodies, takes(14*time.Minute)),
	} {
		assert.NoError(t, s.Validate(), name)
	}
}

func TestWhatCannotWork(t *testing.T) {
	for says, s := range map[string]fleet.Settings{
		"BodiesInState is never and ProcessTimeoutSeconds is 841: ": settings(noBodies, takes(841*time.Second)),
		"Target is ecs and Lane is stream: ":                        settings(job(fleet.ECS), func(s *fleet.Settings) { s.Lane = fleet.Stream }),
		"Mode is callback and Lane is stream: ":                     settings(callback, func(s *fleet.Settings) { s.Lane = fleet.Stream }),
		"Target is execution and Mode is async: ":                   settings(job(fleet.Execution), func(s *fleet.Settings) { s.Mode = fleet.Async }),
		"TransformTimeoutSeconds is 841 and TransformMode is sync: ": settings(func(s *fleet.Settings) {
			s.Transform = handler.Target{ARN: "arn:transform", Timeout: 841 * time.Second}
		}),
		"TransformMode is async: ":                                           settings(func(s *fleet.Settings) { s.TransformMode = fleet.Async }),
		"ProcessHandler is empty: ":                                          settings(func(s *fleet.Settings) { s.Process.ARN = "" }),
		"the queue is FIFO and its tasks may take 2592000 seconds, ":         settings(callback, func(s *fleet.Settings) { s.Fifo = true }),
		"ProcessTimeoutSeconds is 901 and Mode is sync: ":                    settings(takes(901 * time.Second)),
		`Target is "cron", it must be one of [lambda execution ecs batch co`: settings(job("cron")),
	} {
		assert.ErrorContains(t, s.Validate(), says)
	}
}

func TestWaits(t *testing.T) {
	transform := func(s *fleet.Settings) { s.TransformMode, s.Transform.ARN = fleet.Callback, "arn:transform" }
	for name, c := range map[string]struct {
		settings           fleet.Settings
		transform, process bool
	}{
		"sync":                      {settings(), false, false},
		"callback":                  {settings(callback), false, true},
		"job":                       {settings(job(fleet.Batch)), false, true},
		"transform callback":        {settings(transform), true, false},
		"no transform, in callback": {settings(func(s *fleet.Settings) { s.TransformMode = fleet.Callback }), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.transform, c.settings.Waits(handler.Transform))
			assert.Equal(t, c.process, c.settings.Waits(handler.Process))
			assert.Equal(t, c.transform || c.process, c.settings.Single(), "a token is for one message")
		})
	}
}

func TestJobsThatCannotStart(t *testing.T) {
	whole := fleet.Job{ARN: "arn:job", QueueARN: "arn:queue", Container: "main", Subnets: []string{"subnet-1"}}
	for target, names := range map[fleet.Target][]string{
		fleet.Lambda:    nil,
		fleet.Execution: {"JobArn"},
		fleet.ECS:       {"JobArn", "JobQueueArn", "JobContainer", "JobSubnets"},
		fleet.Batch:     {"JobArn", "JobQueueArn"},
		fleet.CodeBuild: {"JobArn"},
	} {
		assert.NoError(t, whole.Validate(target))
		err := fleet.Job{}.Validate(target)
		if len(names) == 0 {
			assert.NoError(t, err)
			continue
		}
		require.Error(t, err)
		for _, name := range names {
			assert.ErrorContains(t, err, "Target is "+string(target)+" and "+name+" is empty: ")
		}
	}
}

func TestQueuesThatDoNotBelongTogether(t *testing.T) {
	const jobs = "arn:aws:sqs:eu-west-1:210987654321:jobs"
	for name, c := range map[string]struct {
		queue, dead string
		fifo        bool
		says        string
	}{
		"both":            {jobs, "arn:aws:sqs:eu-west-1:210987654321:dead", false, ""},
		"none":            {jobs, "", false, ""},
		"FIFO":            {jobs + ".fifo", "arn:aws:sqs:eu-west-1:210987654321:dead.fifo", true, ""},
		"another region":  {jobs, "arn:aws:sqs:us-east-1:210987654321:dead", false, "a queue's dead-letter queue is in its account and region"},
		"another account": {jobs, "arn:aws:sqs:eu-west-1:123456789012:dead", false, "a queue's dead-letter queue is in its account and region"},
		"another kind":    {jobs + ".fifo", "arn:aws:sqs:eu-west-1:210987654321:dead", true, "and only one of them is a FIFO queue"},
		"no FIFO queue":   {jobs, "", true, "Fifo is true and the queue is " + jobs + ", no FIFO queue"},
		"a FIFO queue":    {jobs + ".fifo", "", false, "Fifo is false and the queue is " + jobs + ".fifo, a FIFO queue: set Fifo to true"},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings(func(s *fleet.Settings) {
				s.QueueARN, s.DeadLetterARN, s.DeadLetterURL, s.Fifo = c.queue, c.dead, c.dead, c.fifo
			})
			if c.says == "" {
				assert.NoError(t, s.Validate())
			} else {
				assert.ErrorContains(t, s.Validate(), c.says)
			}
		})
	}
	held := settings(callback, func(s *fleet.Settings) { s.QueueARN = jobs })
	assert.ErrorContains(t, held.Validate(), "there is no dead-letter queue for those that failed too often: set DeadLetterQueueArn")
}
