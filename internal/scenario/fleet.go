// Package scenario runs whole fleets in virtual time: the template, the state
// machines and the functions that ship, on the embedded runtime, inside a
// testing/synctest bubble. Faults are injected at the runtime's door and on the
// wire of Muster's own functions, never into a copy of them.
package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	golambda "github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/asl"
	fleet "github.com/musterq/muster/cloudformation"
	"github.com/musterq/muster/internal/function"
	"github.com/musterq/muster/internal/local"
	"github.com/musterq/muster/internal/local/cloudformation"
	"github.com/musterq/muster/internal/local/jobs"
	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
)

// Handler is a user's handler, in process.
type Handler func(ctx context.Context, event message.Event) (any, error)

// Options of a scenario.
type Options struct {
	// Seed makes the run replayable.
	Seed uint64
	// Parameters of the template. MaxConcurrency defaults to 4, Parallelism to 2,
	// MessagesPerWorker to 10, ProcessTimeoutSeconds to 10.
	Parameters map[string]string
	// Process handles messages, unless the parameters name a handler or a job.
	// Defaults to a handler that takes 100 ms.
	Process Handler
	// ProcessTimeout is the time-out of the process handler's function in seconds.
	// Defaults to ProcessTimeoutSeconds.
	ProcessTimeout string
	// Transform is optional.
	Transform Handler
	// Others are further process handlers, by name, for Routes: see [ARN]. They
	// have the process handler's time-out.
	Others map[string]Handler
	// Job is the program of the jobs of a fleet whose Target is ecs, batch or
	// codebuild. Defaults to one that succeeds at once. Those of Target execution
	// run Process.
	Job Job
	// Memory of the process handler in MB. Defaults to 128.
	Memory int
	// Prepare makes what the fleet finds when it is deployed, such as its queue; the
	// parameters that it returns add to Parameters. The process handler is there by
	// then, under the name "process".
	Prepare func(f *Fleet) map[string]string
	// Definition rewrites a state machine's definition, for deliberate bugs.
	Definition func(name, definition string) string
	// Template rewrites the fleet's template.
	Template func(text string) string
	// Wire wraps the transport of Muster's own functions, for deliberate bugs.
	Wire func(function string, next http.RoundTripper) http.RoundTripper
	// Code wraps one of Muster's own functions, for deaths.
	Code func(function string, f lambda.Func) lambda.Func
	// Local tunes the runtime.
	Local local.Options
}

// Fleet is a running fleet.
type Fleet struct {
	*local.Runtime
	t          testing.TB
	Stack      *cloudformation.Stack
	Registry   *registry.Registry
	SQS        *sqs.Client
	Executions *sfn.Client
	events     *eventbridge.Client

	permissions permissions

	mu      sync.Mutex
	sent    []string
	handled map[string]int
	running int
	peak    int
}

// name of the fleet under test.
const name = "jobs"

// Start deploys a fleet. It must be called inside a synctest bubble; the fleet
// is closed when the bubble's function has returned, by Close.
func Start(t testing.TB, o Options) *Fleet {
	t.Helper()
	f := &Fleet{t: t, handled: map[string]int{}}
	o.Local.Seed = o.Seed
	o.Local.File = func(file string) ([]byte, error) {
		definition, ok := map[string]string{"autoscaler.asl.json": asl.Autoscaler, "worker.asl.json": asl.Worker}[path.Base(file)]
		if !ok {
			return nil, fmt.Errorf("no file %s", file)
		}
		if o.Definition != nil {
			definition = o.Definition(strings.TrimSuffix(path.Base(file), ".asl.json"), definition)
		}
		return []byte(definition), nil
	}
	o.Local.Lambda.Resolve = func(code string) (lambda.Code, error) { return f.own(path.Base(code), o) }
	o.Local.IAM.Decided, o.Local.IAM.Denied = f.permissions.see, f.permissions.miss
	o.Local.Jobs.Commands = map[string]jobs.Command{jobName: f.job(o.Job)}
	runtime, err := local.Start(o.Local)
	require.NoError(t, err)
	f.Runtime = runtime

	parameters := map[string]string{"MaxConcurrency": "4", "Parallelism": "2", "MessagesPerWorker": "10", "ProcessTimeoutSeconds": "10", "IdleSeconds": "20"}
	maps.Copy(parameters, o.Parameters)
	if o.ProcessTimeout == "" {
		o.ProcessTimeout = parameters["ProcessTimeoutSeconds"]
	}
	parameters["ProcessHandler"] = f.put("process", o.Process, o.ProcessTimeout, o.Memory)
	if o.Prepare != nil {
		maps.Copy(parameters, o.Prepare(f))
	}
	for other, h := range o.Others {
		f.put(other, h, o.ProcessTimeout, o.Memory)
	}
	if o.Transform != nil {
		if parameters["TransformTimeoutSeconds"] == "" {
			parameters["TransformTimeoutSeconds"] = "10"
		}
		parameters["TransformHandler"] = f.put("transform", o.Transform, parameters["TransformTimeoutSeconds"], o.Memory)
	}
	for parameter, value := range f.jobParameters(parameters["Target"], parameters["Mode"]) {
		if _, given := o.Parameters[parameter]; !given {
			parameters[parameter] = value
		}
	}
	text := string(fleet.Fleet)
	switch {
	case o.Template != nil:
		text = o.Template(text)
	case o.Definition == nil && o.Wire == nil:
		// What is as it ships needs what it asks for.
		text = marked(text)
	}
	template, err := cloudformation.Parse("fleet.yaml", []byte(text))
	require.NoError(t, err)
	f.Stack, err = runtime.Deploy(context.Background(), template, name, parameters)
	require.NoError(t, err)
	cfg := runtime.Config()
	f.Registry = registry.New(cfg, f.Output("TableName"), name)
	f.SQS, f.Executions, f.events = sqs.NewFromConfig(cfg), sfn.NewFromConfig(cfg), eventbridge.NewFromConfig(cfg)
	return f
}

// Output is a stack output.
func (f *Fleet) Output(key string) string {
	value, ok := f.Stack.Output(key)
	require.True(f.t, ok, key)
	return value
}

// own makes one of Muster's functions, wired as its main wires it.
func (f *Fleet) own(functionName string, o Options) (lambda.Code, error) {
	handlers := map[string]func(aws.Config, function.Lookup) (any, error){
		"autoscaler": func(c aws.Config, l function.Lookup) (any, error) { return function.Autoscaler(c, l) },
		"beat":       func(c aws.Config, l function.Lookup) (any, error) { return function.Beat(c, l) },
		"pump":       func(c aws.Config, l function.Lookup) (any, error) { return function.Pump(c, l) },
		"poll":       func(c aws.Config, l function.Lookup) (any, error) { return function.Poll(c, l) },
		"courier":    func(c aws.Config, l function.Lookup) (any, error) { return function.Courier(c, l) },
		"settle":     func(c aws.Config, l function.Lookup) (any, error) { return function.Settle(c, l) },
	}
	make, ok := handlers[functionName]
	if !ok {
		return nil, fmt.Errorf("Muster has no function %q", functionName)
	}
	code := lambda.Func(func(ctx context.Context, payload []byte) ([]byte, error) {
		env := lambda.Variables(ctx)
		cfg := f.ConfigAs(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])
		if o.Wire != nil {
			cfg.HTTPClient = &http.Client{Transport: o.Wire(functionName, cfg.HTTPClient.(*http.Client).Transport)}
		}
		handler, err := make(cfg, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
		if err != nil {
			return nil, err
		}
		return golambda.NewHandler(handler).Invoke(function.LogTo(ctx, lambda.Log(ctx)), payload)
	})
	if o.Code != nil {
		code = o.Code(functionName, code)
	}
	return code, nil
}

// ARN is that of a user's function, before the fleet is started too.
func ARN(functionName string) string {
	return "arn:aws:lambda:us-east-1:123456789012:function:" + functionName
}

// put makes a user's function and returns its ARN.
func (f *Fleet) put(functionName string, h Handler, timeout string, memory int) string {
	if h == nil {
		h = Takes(100 * time.Millisecond)
	}
	var seconds int
	_, err := fmt.Sscan(timeout, &seconds)
	require.NoError(f.t, err)
	if memory == 0 {
		memory = 128
	}
	require.NoError(f.t, f.Lambda.Put(lambda.Function{
		Name: functionName, Timeout: seconds, MemorySize: memory,
		Code: lambda.Func(func(ctx context.Context, payload []byte) ([]byte, error) {
			return f.handle(ctx, functionName, h, payload)
		}),
	}))
	return f.Account.ARN("lambda", "function:"+functionName)
}

func (f *Fleet) handle(ctx context.Context, functionName string, h Handler, payload []byte) ([]byte, error) {
	f.count(1)
	// A handler that outstays its time-out is killed: it runs no longer.
	ended := sync.OnceFunc(func() { f.count(-1) })
	stop := context.AfterFunc(ctx, ended)
	defer stop()
	defer ended()
	var event message.Event
	var task Task
	if err := errors.Join(json.Unmarshal(payload, &event), json.Unmarshal(payload, &task)); err != nil {
		return nil, err
	}
	if len(event.Records) == 1 {
		ctx = f.withTask(ctx, &task, event.Records[0].MessageID, ended)
	}
	reply, err := h(ctx, event)
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(reply)
	if err == nil && functionName != "transform" && ctx.Err() == nil && task.Token == "" {
		failed := message.ProcessReply(event.Records, out)
		f.mu.Lock()
		for _, r := range event.Records {
			if _, bad := failed[r.MessageID]; !bad {
				f.handled[r.MessageID]++
			}
		}
		f.mu.Unlock()
	}
	return out, err
}

func (f *Fleet) count(change int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running += change
	f.peak = max(f.peak, f.running)
}

// Peak is how many of the users' handlers ran at once at most.
func (f *Fleet) Peak() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.peak
}

// Send puts messages on the fleet's queue.
func (f *Fleet) Send(bodies ...string) {
	f.t.Helper()
	url := f.Output("QueueUrl")
	for _, body := range bodies {
		out, err := f.SQS.SendMessage(context.Background(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body})
		require.NoError(f.t, err)
		f.mu.Lock()
		f.sent = append(f.sent, *out.MessageId)
		f.mu.Unlock()
	}
}

// SendMany sends n small messages.
func (f *Fleet) SendMany(n int) {
	f.t.Helper()
	url := f.Output("QueueUrl")
	for n > 0 {
		var entries []sqstypes.SendMessageBatchRequestEntry
		for i := range min(n, 10) {
			entries = append(entries, sqstypes.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: aws.String(fmt.Sprintf("job %d", n-i))})
		}
		out, err := f.SQS.SendMessageBatch(context.Background(), &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries})
		require.NoError(f.t, err)
		require.Empty(f.t, out.Failed)
		f.mu.Lock()
		for _, e := range out.Successful {
			f.sent = append(f.sent, *e.MessageId)
		}
		f.mu.Unlock()
		n -= len(entries)
	}
}

// Wake triggers a tick, as a producer may.
func (f *Fleet) Wake() {
	f.t.Helper()
	_, err := f.events.PutEvents(context.Background(), &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
		Source: aws.String("muster"), DetailType: aws.String("muster wake"), Detail: aws.String(`{"fleet":"` + name + `"}`),
	}}})
	require.NoError(f.t, err)
}

// Workers are the slots that are taken.
func (f *Fleet) Workers() []registry.Worker {
	f.t.Helper()
	s, err := f.Registry.Snapshot(context.Background())
	require.NoError(f.t, err)
	return s.Workers
}

// Handled says how many of the messages sent were handled at least once.
func (f *Fleet) Handled() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.handled)
}

// Repeated says how many of the messages sent were handled more than once.
func (f *Fleet) Repeated() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	repeated := 0
	for _, times := range f.handled {
		if times > 1 {
			repeated++
		}
	}
	return repeated
}

// DeadLettered returns the IDs of the messages in the dead-letter queue.
func (f *Fleet) DeadLettered() []string {
	f.t.Helper()
	url := f.Output("DeadLetterQueueUrl")
	var ids []string
	for {
		out, err := f.SQS.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, VisibilityTimeout: 3600})
		require.NoError(f.t, err)
		if len(out.Messages) == 0 {
			return ids
		}
		for _, m := range out.Messages {
			ids = append(ids, *m.MessageId)
		}
	}
}

// Depth is how many messages the queue and its dead-letter queue hold.
func (f *Fleet) Depth() (queue, deadLetter int) {
	f.t.Helper()
	for key, into := range map[string]*int{"QueueUrl": &queue, "DeadLetterQueueUrl": &deadLetter} {
		url := f.Output(key)
		d, ok := f.Runtime.SQS.Depth(path.Base(url))
		require.True(f.t, ok, url)
		*into = d.Visible + d.NotVisible + d.Delayed
	}
	return queue, deadLetter
}

// Within waits, in virtual time, until something holds, and says whether it did.
func (f *Fleet) Within(d time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(d); !holds(); time.Sleep(time.Second) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// Until waits, in virtual time, until something holds. It fails the test when it
// does not within the time.
func (f *Fleet) Until(what string, within time.Duration, holds func() bool) {
	f.t.Helper()
	if !f.Within(within, holds) {
		f.t.Fatalf("not within %s: %s (%s)", within, what, f)
	}
}

// UntilDone waits until the queue is empty and every worker has gone home.
func (f *Fleet) UntilDone(within time.Duration) {
	f.t.Helper()
	f.Until("queue drained, workers gone home", within, func() bool {
		queue, _ := f.Depth()
		return queue == 0 && len(f.Workers()) == 0
	})
}

// Lost names the messages that were neither handled nor dead-lettered.
func (f *Fleet) Lost() []string {
	f.t.Helper()
	dead := f.DeadLettered()
	f.mu.Lock()
	defer f.mu.Unlock()
	var lost []string
	for _, id := range f.sent {
		if f.handled[id] == 0 && !slices.Contains(dead, id) {
			lost = append(lost, id)
		}
	}
	return lost
}

// NothingLost checks that every message sent was handled or is in the
// dead-letter queue.
func (f *Fleet) NothingLost() {
	f.t.Helper()
	for _, id := range f.Lost() {
		f.t.Errorf("message %s is lost: neither handled nor dead-lettered", id)
	}
}

// String describes the fleet for a failure's message.
func (f *Fleet) String() string {
	var workers []string
	for _, w := range f.Workers() {
		workers = append(workers, fmt.Sprintf("%s %s %s ended=%t", w.Holder, w.State, w.Orders, w.Ended))
	}
	queue, dead := f.Depth()
	return fmt.Sprintf("queue %d, dead-letter queue %d, handled %d of %d, peak %d, workers [%s]%s", queue, dead, f.Handled(), len(f.sent), f.Peak(), strings.Join(workers, ", "), f.Denied())
}

// Objects are the keys in the bucket of large bodies.
func (f *Fleet) Objects() []string {
	f.t.Helper()
	client := s3.NewFromConfig(f.Config(), func(o *s3.Options) { o.UsePathStyle = true })
	out, err := client.ListObjectsV2(context.Background(), &s3.ListObjectsV2Input{Bucket: aws.String(f.Output("BucketName"))})
	require.NoError(f.t, err)
	var keys []string
	for _, o := range out.Contents {
		keys = append(keys, *o.Key)
	}
	return keys
}

// WorkerExecutions lists the executions of the worker state machine, newest
// first.
func (f *Fleet) WorkerExecutions() []sfntypes.ExecutionListItem {
	f.t.Helper()
	out, err := f.Executions.ListExecutions(context.Background(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(f.Output("WorkerStateMachineArn"))})
	require.NoError(f.t, err)
	return out.Executions
}

// Stop aborts an execution.
func (f *Fleet) Stop(executionARN string) {
	f.t.Helper()
	_, err := f.Executions.StopExecution(context.Background(), &sfn.StopExecutionInput{ExecutionArn: &executionARN})
	require.NoError(f.t, err)
}

// Path is the names of the states that an execution entered, and its status.
func (f *Fleet) Path(executionARN string) (states []string, status sfntypes.ExecutionStatus) {
	f.t.Helper()
	pages := sfn.NewGetExecutionHistoryPaginator(f.Executions, &sfn.GetExecutionHistoryInput{ExecutionArn: &executionARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		require.NoError(f.t, err)
		for _, e := range page.Events {
			if e.StateEnteredEventDetails != nil {
				states = append(states, *e.StateEnteredEventDetails.Name)
			}
		}
	}
	out, err := f.Executions.DescribeExecution(context.Background(), &sfn.DescribeExecutionInput{ExecutionArn: &executionARN})
	require.NoError(f.t, err)
	return states, out.Status
}

// Close ends the fleet. What still runs is stopped, and what was delayed on its
// way has time to arrive.
func (f *Fleet) Close() {
	require.NoError(f.t, f.Runtime.Close())
	time.Sleep(10 * time.Minute)
	f.permissions.note(f.IAM)
}
