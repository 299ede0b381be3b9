// Package hold keeps messages for tasks that a worker's state machine waits for,
// a task token's or a job's, which may take up to a year.
//
// A poll takes a hold in the registry before its task starts. The tick keeps what
// is held invisible, and so do the task's own beats. When the worker or the task
// dies nobody does, and the message is back within the heartbeat time-out and a
// minute. A poll that receives a message on which somebody may still work hides
// it again: a second task starts only when the first is known to be over, or its
// execution ended so long ago that its heartbeats were refused.
//
// SQS lets go of a message 12 hours after its receive. From 6 hours on the tick
// keeps it: it says so in the hold, then deletes the message from the queue. From
// there on the hold is the message, until it is deleted after the task's success
// or sent again.
//
// Each write is conditional on the hold as it was read, so what happens at once
// cannot undo each other. Whoever sends a message claims it first.
package hold

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/handler"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
)

const (
	// lease is for how much longer than the heartbeat time-out a message is hidden:
	// with the time that a tick or a beat takes it is back within a minute more.
	lease = 45 * time.Second
	// arrival is how late an invocation may begin that was sent before its
	// execution ended.
	arrival = 15 * time.Second
	// fresh is how long after its receive a message needs no tick: its poll hid it
	// until after the next one, which comes a minute later and may be late, however
	// short the heartbeat time-out is.
	fresh = 15 * time.Second
	// keepAfter is how long after its receive a message is taken out of the queue:
	// early enough for every tick of a bad half day to fail.
	keepAfter = message.MaxVisibility / 2
	// claimAge is how long a claim keeps others from sending: longer than any
	// function that sends runs.
	claimAge = 5 * time.Minute
	// settled is for how long a message that is sent again stays invisible at least:
	// until its hold has ended.
	settled = 5 * time.Second
	// maxDelay is SQS's longest delay of a message that is sent.
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
	maxDelay = 15 * time.Minute
	// prefix of the objects that hold messages.
	prefix = "held/"
)

// Keeper keeps the messages of a fleet.
type Keeper struct {
	config     fleet.Settings
	machine    string
	queue      *queue.Queue
	dead       *queue.Queue
	registry   *registry.Registry
	objects    *s3.Client
	executions *sfn.Client
}

// New makes a Keeper. The machine is the worker state machine's ARN, whose
// executions it looks up.
func New(cfg aws.Config, c fleet.Settings, machine string) *Keeper {
	return &Keeper{
		config: c, machine: machine,
		queue: queue.New(cfg, c.QueueURL, c.QueueARN),
		// A queue's dead-letter queue is in its own region.
		// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
		dead:       queue.New(cfg, c.DeadLetterURL, c.QueueARN),
		registry:   registry.New(cfg, c.Table, c.Fleet),
		objects:    s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil }),
		executions: sfn.NewFromConfig(cfg),
	}
}

// Wanted says whether a fleet's messages are held: a stage of it is waited for.
func Wanted(c fleet.Settings) bool {
	return c.Waits(handler.Transform) || c.Waits(handler.Process)
}

// Linger is for how long after a worker's end what it started may run: a task
// until its next beat must have been refused, a handler until its time-out.
func Linger(c fleet.Settings) time.Duration {
	of := func(stage handler.Stage, t handler.Target) time.Duration {
		if c.Waits(stage) {
			return c.Heartbeat
		}
		return t.Timeout
	}
	return max(of(handler.Process, c.Process), of(handler.Transform, c.Transform))
}

// Over is when nothing runs any more that a worker started whose execution ended
// at that time.
func Over(c fleet.Settings, end time.Time) time.Time {
	return end.Add(Linger(c) + arrival + registry.ClockMargin)
}

// mayOutlast says whether a task may take so long that its message is taken out
// of the queue. A FIFO queue's never is: it would no longer block its group.
func (k *Keeper) mayOutlast(d time.Duration) bool {
	return !k.config.Fifo && k.config.Handlers() > d
}
