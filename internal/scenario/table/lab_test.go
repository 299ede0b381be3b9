package table_test

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/lambda"
	localsqs "github.com/musterq/muster/internal/local/sqs"
	"github.com/musterq/muster/internal/scenario"
)

// What every fleet of the table is set to.
const (
	// handlerTimeout is the time-out of handlers that are waited for.
	handlerTimeout = 10 * time.Second
	// acceptance is how long Lambda may take to accept an event.
	acceptance = 30 * time.Second
	// taskTimeout is how long tasks and jobs may take, heartbeat how long they may
	// be silent, taskTakes how long they take.
	taskTimeout = 10 * time.Minute
	heartbeat   = time.Minute
	taskTakes   = 150 * time.Second
	// limit is the cap.
	limit = 2
	// maxReceives is when SQS dead-letters, longestBackoff how long a message that
	// failed stays invisible at most before.
	maxReceives    = 3
	longestBackoff = 4 * time.Second
)

// longPoll is how long a receive waits.
const longPoll = 20 * time.Second

// victim is the body of the message that the fault strikes.
const victim = "victim"

// lab is a fleet in which one fault strikes one message. Others come along once
// it has struck, and must not suffer.
type lab struct {
	*scenario.Fleet
	t      *testing.T
	cell   cell
	killer *scenario.Killer
	s3     *s3.Client

	mu    sync.Mutex
	lives map[string]*life // by the first word of the body
	// handles are receipt handles, and the first words of the messages.
	handles map[string]string
	// running are the invocations, tasks and jobs that run now.
	running int
	// past is since when more run than may.
	past time.Time
	// given is what reached the function's destination.
	given string
	wrong []string
}

// life is what happened to a message.
type life struct {
	id string
	// attempts are how often its handler, task or job was started, effects how
	// often that did its work to the end.
	attempts, effects int
	// running are its attempts that run now, both is since when they are two.
	running int
	both    time.Time
	// first of all attempts.
	first *attempt
	// struck is when a fault struck that the message has not come back from, at
	// which receive.
	struck   time.Time
	strikes  int
	atStrike int
	// longest is the longest that it took to come back.
	longest time.Duration
	// receives are those of which the worker knows.
	receives int
}

// newLab deploys the fleet of a cell. Changes are for deliberate bugs.
func newLab(t *testing.T, c cell, changes ...func(*scenario.Options)) *lab {
	t.Helper()
	l := &lab{t: t, cell: c, killer: scenario.NewKiller(), lives: map[string]*life{}, handles: map[string]string{}}
	o := scenario.Options{Seed: 5, Code: l.killer.Wrap, Parameters: l.parameters(), Wire: l.wire}
	o.Job = l.job
	for _, change := range changes {
		change(&o)
	}
	l.Fleet = scenario.Start(t, o)
	l.Router.Observe(l.received)
	l.s3 = s3.NewFromConfig(l.Config(), func(o *s3.Options) { o.UsePathStyle = true })
	timeout := int(handlerTimeout / time.Second)
	if c.way == execution {
		timeout = int(taskTimeout/time.Second) + 60
	}
	require.NoError(t, l.Lambda.Put(lambda.Function{Name: "process", Timeout: timeout, MemorySize: 512, Code: lambda.Func(l.function)}))
	_, err := l.SQS.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("given-up")})
	require.NoError(t, err)
	_, err = l.Router.Call(t.Context(), "lambda", "PutFunctionEventInvokeConfig", api.Caller{}, []byte(
		`{"FunctionName":"process","DestinationConfig":{"OnFailure":{"Destination":"`+l.Account.ARN("sqs", "given-up")+`"}}}`))
	require.NoError(t, err)
	if c.way.target() == "execution" {
		_, err = l.Executions.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{
			StateMachineArn: aws.String(l.Account.ARN("states", "stateMachine:work")),
			Definition:      aws.String(`{"StartAt":"Work","States":{"Work":{"Type":"Task","Resource":"` + l.Account.ARN("lambda", "function:process") + `","TimeoutSeconds":86400,"End":true}}}`),
		})
		require.NoError(t, err)
	}
	return l
}

// parameters of the template for the cell.
func (l *lab) parameters() map[string]string {
	c := l.cell
	seconds := func(d time.Duration) string { return fmt.Sprint(int(d / time.Second)) }
	p := map[string]string{
		"Lane": c.lane, "Mode": c.way.mode(), "Target": c.way.target(), "Fifo": fmt.Sprint(c.queue == fifo),
		"MaxConcurrency": fmt.Sprint(limit), "BatchSize": "1", "Parallelism": "1", "MessagesPerWorker": "1", "MaxReceiveCount": fmt.Sprint(maxReceives), "BackoffMaxSeconds": seconds(longestBackoff),
		"ProcessTimeoutSeconds": seconds(c.way.timeout()), "HeartbeatSeconds": seconds(heartbeat),
	}
	if l.together() {
		p["BatchSize"] = "10"
	}
	return p
}

// together says whether the victim comes in a batch with others.
func (l *lab) together() bool { return l.cell.fault == deleteFails || l.cell.fault == deleteFailsOnce }

// queueName is the fleet's queue, or its dead-letter queue.
func (l *lab) queueName(output string) string { return path.Base(l.Output(output)) }

// received notes what a worker received.
func (l *lab) received(e api.Event) {
	out, ok := e.Output.(*localsqs.ReceiveMessageOutput)
	if !ok || out == nil || path.Base(e.Input.(*localsqs.ReceiveMessageInput).QueueURL) != l.queueName("QueueUrl") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range out.Messages {
		word := strings.Fields(m.Body)[0]
		l.handles[m.ReceiptHandle] = word
		l.lives[word].receives++
	}
}

// isVictim says whether a receipt handle is the victim's.
func (l *lab) isVictim(handle string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.handles[handle] == victim
}

// send sends messages with these first words, all at once, the first ones in one
// group of a FIFO queue.
func (l *lab) send(words ...string) {
	l.t.Helper()
	url := l.Output("QueueUrl")
	for _, word := range words {
		// A worker that waits may have it before its ID is known.
		m := &life{}
		l.mu.Lock()
		l.lives[word] = m
		l.mu.Unlock()
		in := &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(word)}
		if l.cell.fault == bodyMissing && word == victim {
			// Too large for a state: it waits in the bucket.
			in.MessageBody = aws.String(word + strings.Repeat(" ", 300<<10))
		}
		group := "a"
		if strings.HasPrefix(word, "other") {
			group = "b"
		}
		if l.cell.queue == fifo {
			in.MessageGroupId, in.MessageDeduplicationId = &group, aws.String(word)
		}
		out, err := l.SQS.SendMessage(context.Background(), in)
		require.NoError(l.t, err)
		l.mu.Lock()
		m.id = *out.MessageId
		l.mu.Unlock()
	}
}

// run lets the fault strike and waits until all is over.
func (l *lab) run() {
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	l.arm()
	first := []string{victim}
	if l.together() {
		first = append(first, "beside-1", "beside-2")
	}
	if l.cell.queue == fifo {
		first = append(first, "follower")
	}
	l.send(first...)
	watching.Go(func() { l.watch(ctx) })
	l.Wake()
	if l.cell.fault == workerGone {
		l.killWorking()
	}
	l.Within(15*time.Minute, func() bool { return l.hit() })
	if l.cell.fault == workerDies || l.cell.fault == workerGone {
		// A worker that died beside it may have a receive under way.
		time.Sleep(longPoll)
	}
	l.send("other-1", "other-2")
	l.Wake()
	if !l.Within(3*time.Hour, l.over) {
		l.say("not over after three hours: %s", l.Fleet)
	}
	time.Sleep(2 * time.Second) // the watch's last look
}

// hit says whether the fault has struck, or will not.
func (l *lab) hit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.lives[victim]
	return v.strikes > 0 || l.cell.fault == succeeds && v.attempts > 0
}

// over says whether every message has ended and every worker gone home.
func (l *lab) over() bool {
	queue, _ := l.Depth()
	if queue > 0 || len(l.Workers()) > 0 {
		return false
	}
	given := l.givenUp()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.lives {
		if l.cell.way == async && m.effects == 0 && !strings.Contains(given, m.id) {
			return false
		}
	}
	return l.running == 0
}

// watch looks at every message each second.
func (l *lab) watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		l.mu.Lock()
		for _, m := range l.lives {
			l.look(m)
		}
		l.mu.Unlock()
	}
}

// look sees whether a message is back. The lock must be held.
func (l *lab) look(m *life) {
	stands, there := l.Runtime.SQS.Message(l.queueName("QueueUrl"), m.id)
	if !m.struck.IsZero() {
		m.longest = max(m.longest, time.Since(m.struck))
		if !there || stands.Due.IsZero() || stands.Receives > m.atStrike {
			m.struck = time.Time{}
		}
	}
}

// strike notes that the fault strikes the victim now, maybe once more.
func (l *lab) strike() {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.lives[victim]
	m.strikes++
	stands, _ := l.Runtime.SQS.Message(l.queueName("QueueUrl"), m.id)
	m.struck, m.atStrike = time.Now(), stands.Receives
}

// givenUp is what Lambda sent to the function's destination so far.
func (l *lab) givenUp() string {
	url := l.Account.Endpoint + "/" + l.Account.ID + "/given-up"
	out, err := l.SQS.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
	require.NoError(l.t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range out.Messages {
		l.given += *m.Body
	}
	return l.given
}

func (l *lab) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}
