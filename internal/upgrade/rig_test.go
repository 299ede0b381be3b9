package upgrade

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/bundle"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/access"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/local/stepfunctions"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/rollout"
)

// account is the AWS account that the fleets are in.
type account struct {
	*testing.T
	*local.Runtime
	store  *rollout.Store
	stacks *rollout.Client
	queues *sqs.Client
	events *eventbridge.Client
	states *sfn.Client

	mu sync.Mutex
	// wrong is what must not happen and did.
	wrong []string
}

func newAccount(t *testing.T) *account {
	t.Helper()
	a := &account{T: t}
	runtime, err := local.Start(local.Options{
		Listen: "127.0.0.1:0",
		IAM:    access.Options{Denied: func(d access.Denial) { a.blame("denied: %s on %s: %s", d.Action, d.Resource, d.Why) }},
		StepFunctions: stepfunctions.Options{
			OnStatus: func(e stepfunctions.StatusEvent) {
				if e.Status != "RUNNING" && e.Status != "SUCCEEDED" && aws.ToString(e.Error) != "Muster.Relieved" {
					a.blame("%s %s: %s: %s", e.Name, e.Status, aws.ToString(e.Error), aws.ToString(e.Cause))
				}
			},
			Metric: func(name, machine string, _ float64) {
				if strings.HasSuffix(machine, "-autoscaler") && (name == "ExecutionsFailed" || name == "ExecutionsTimedOut" || name == "ExecutionsAborted") {
					a.blame("%s of %s", name, machine)
				}
			},
		},
	})
	require.NoError(t, err)
	a.Runtime = runtime
	t.Cleanup(func() { require.NoError(t, runtime.Close()) })
	cfg := runtime.Config()
	a.store = rollout.NewStore(cfg, runtime.Account.ID, bucket)
	a.stacks = &rollout.Client{API: cloudformation.NewFromConfig(cfg), Every: 100 * time.Millisecond}
	a.queues, a.events, a.states = sqs.NewFromConfig(cfg), eventbridge.NewFromConfig(cfg), sfn.NewFromConfig(cfg)
	_, err = a.store.Ensure(t.Context())
	require.NoError(t, err)
	return a
}

func (a *account) blame(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wrong = append(a.wrong, time.Now().Format("15:04:05.0 ")+fmt.Sprintf(format, args...))
}

func (a *account) blamed() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string{}, a.wrong...)
}

// fleet is one stack, its handler and who sends to it.
type fleet struct {
	*testing.T
	*account
	name       string
	maximum    int
	parameters map[string]string
	registry   *registry.Registry
	stack      *rollout.Stack

	mu sync.Mutex
	// sent and handled are messages' IDs.
	sent, handled map[string]int
	// tasks are the tokens of tasks that were begun, by their messages' IDs.
	tasks         map[string]string
	running, peak int
}

// newFleet makes a fleet's handler, whose invocations take so long, and the fleet
// of a release.
func (a *account) newFleet(t *testing.T, name string, release *bundle.Bundle, takes time.Duration, parameters map[string]string) *fleet {
	t.Helper()
	f := &fleet{T: t, account: a, name: name, sent: map[string]int{}, handled: map[string]int{}, tasks: map[string]string{}, parameters: map[string]string{
		"ProcessHandler": a.Account.ARN("lambda", "function:"+name+"-process"), "ProcessTimeoutSeconds": "20",
		"MaxConcurrency": "4", "Parallelism": "2", "MinWorkers": "2", "MessagesPerWorker": "10",
	}}
	maps.Copy(f.parameters, parameters)
	_, err := fmt.Sscan(f.parameters["MaxConcurrency"], &f.maximum)
	require.NoError(t, err)
	require.NoError(t, a.Lambda.Put(lambda.Function{
		Name: name + "-process", Timeout: 20, MemorySize: 128,
		Code: lambda.Func(func(ctx context.Context, payload []byte) ([]byte, error) { return nil, f.handle(ctx, payload, takes) }),
	}))
	f.deploy(release, nil)
	f.registry = registry.New(a.Config(), f.stack.Output("TableName"), name)
	return f
}

// handle is the handler: it counts who runs, and what it has done. A task it only
// begins.
func (f *fleet) handle(ctx context.Context, payload []byte, takes time.Duration) error {
	var event message.Event
	var task struct {
		Token string `json:"taskToken"`
	}
	if err := errors.Join(json.Unmarshal(payload, &event), json.Unmarshal(payload, &task)); err != nil {
		return err
	}
	if task.Token != "" {
		f.count(1)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.tasks[event.Records[0].MessageID] = task.Token
		return nil
	}
	f.count(1)
	defer f.count(-1)
	done := time.NewTimer(takes)
	defer done.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-done.C:
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range event.Records {
		f.handled[r.MessageID]++
	}
	return nil
}

func (f *fleet) count(change int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running += change
	f.peak = max(f.peak, f.running)
}

// left is how many messages are yet to be handled.
func (f *fleet) left() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := 0
	for id := range f.sent {
		if f.handled[id] == 0 {
			left++
		}
	}
	return left
}

// done is how many messages were handled.
func (f *fleet) done() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.handled)
}

// deploy makes the stack what a release and parameters say, through a change set.
func (f *fleet) deploy(release *bundle.Bundle, more map[string]string) {
	f.Helper()
	for _, file := range append(release.Files, release.Template) {
		_, err := f.store.Put(f.Context(), file)
		require.NoError(f, err)
	}
	parameters := maps.Clone(f.parameters)
	maps.Copy(parameters, more)
	set, err := f.stacks.Propose(f.Context(), rollout.Request{Stack: f.name, TemplateURL: f.store.URL(release.Template.Key), Parameters: parameters})
	require.NoError(f, err)
	before := f.stack
	f.stack, err = set.Apply(f.Context(), func(e rollout.Event) {
		if e.Failed() {
			f.blame("stack %s: %+v", f.name, e)
		}
	})
	require.NoError(f, err)
	if before != nil {
		for _, keeper := range []string{"QueueUrl", "DeadLetterQueueUrl", "TableName", "BucketName"} {
			require.Equal(f, before.Output(keeper), f.stack.Output(keeper), "%s is another", keeper)
		}
	}
}

// work keeps all tasks alive that were begun until the context ends, and then
// reports that they and all that come succeeded, until none is left.
func (f *fleet) work(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for ctx.Err() == nil || f.left() > 0 {
		select {
		case <-ticker.C:
		case <-f.Context().Done():
			return f.Context().Err()
		}
		f.mu.Lock()
		tasks := maps.Clone(f.tasks)
		f.mu.Unlock()
		for id, token := range tasks {
			if ctx.Err() == nil {
				if _, err := f.states.SendTaskHeartbeat(context.WithoutCancel(ctx), &sfn.SendTaskHeartbeatInput{TaskToken: &token}); err != nil {
					return err
				}
				continue
			}
			f.count(-1)
			if _, err := f.states.SendTaskSuccess(context.WithoutCancel(ctx), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")}); err != nil {
				return err
			}
			f.mu.Lock()
			f.handled[id]++
			delete(f.tasks, id)
			f.mu.Unlock()
		}
	}
	return nil
}

// begun is how many tasks run.
func (f *fleet) begun() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.tasks)
}

// send sends ten messages each time, until the context ends. It wakes the fleet each
// second: so ticks meet every moment of a change.
func (f *fleet) send(ctx context.Context, every time.Duration) error {
	url := f.stack.Output("QueueUrl")
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var woken time.Time
	for {
		in := &sqs.SendMessageBatchInput{QueueUrl: &url}
		for i := range 10 {
			in.Entries = append(in.Entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String("a job")})
		}
		out, err := f.queues.SendMessageBatch(context.WithoutCancel(ctx), in)
		if err != nil {
			return err
		}
		if len(out.Failed) > 0 {
			return errors.New("a message was not sent")
		}
		f.mu.Lock()
		for _, e := range out.Successful {
			f.sent[*e.MessageId]++
		}
		f.mu.Unlock()
		if time.Since(woken) > time.Second {
			if err := f.wake(context.WithoutCancel(ctx)); err != nil {
				return err
			}
			woken = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// wake causes a tick.
func (f *fleet) wake(ctx context.Context) error {
	_, err := f.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
		Source: aws.String("muster"), DetailType: aws.String("muster wake"), Detail: aws.String(`{"fleet":"` + f.name + `"}`),
	}}})
	return err
}

// revision of the worker's state machine.
func (f *fleet) revision() string {
	f.Helper()
	out, err := f.states.DescribeStateMachine(f.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(f.stack.Output("WorkerStateMachineArn"))})
	require.NoError(f, err)
	return aws.ToString(out.RevisionId)
}

// workers are the slots that are taken.
func (f *fleet) workers() []registry.Worker {
	f.Helper()
	s, err := f.registry.Snapshot(f.Context())
	require.NoError(f, err)
	return s.Workers
}

// runAll says whether all workers run that definition, and are at work.
func (f *fleet) runAll(revision string) bool {
	f.Helper()
	workers := f.workers()
	for _, w := range workers {
		if w.Revision != revision || w.Orders == registry.HandOver || w.State != registry.Working {
			return false
		}
	}
	return len(workers) > 0
}

// until waits for what the runtime is doing in real time.
func (f *fleet) until(what string, holds func() bool) {
	f.Helper()
	begun := time.Now()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !holds() {
		if time.Since(begun) > patience {
			f.Fatalf("fleet %s: not within %s: %s: %d to be handled, workers %+v\n%s", f.name, patience, what, f.left(), f.workers(), strings.Join(f.blamed(), "\n"))
		}
		<-look.C
	}
	f.Logf("fleet %s: %s after %s", f.name, what, time.Since(begun).Round(100*time.Millisecond))
}

// depth is how many messages one of the fleet's queues holds, seen and unseen.
func (f *fleet) depth(output string) (visible, invisible int) {
	f.Helper()
	d, ok := f.SQS.Depth(path.Base(f.stack.Output(output)))
	require.True(f, ok, output)
	return d.Visible + d.Delayed, d.NotVisible
}
