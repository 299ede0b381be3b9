package table_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/musterq/muster/internal/local/lambda"
	"github.com/musterq/muster/internal/message"
)

// attempt is one start of a handler, task or job for a message.
type attempt struct {
	lab  *lab
	life *life
	// faulty says that the fault is this attempt's to show.
	faulty bool
	// leave tells that the invocation, task or job has ended.
	leave func()
	once  sync.Once
}

// enter counts an invocation, task or job that runs until leave is called. The
// lock must be held for leave. In async mode Lambda says how many run.
func (l *lab) enter() (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running++
	if l.running > limit {
		l.past = time.Now()
	}
	return func() {
		if l.running > limit && time.Now().After(l.past) && l.cell.way != async {
			l.wrong = append(l.wrong, fmt.Sprintf("%d at once, the cap is %d", l.running, limit))
		}
		l.running--
	}
}

// begin notes that work on a message begins. leave is what [lab.enter] returned.
func (l *lab) begin(body string, leave func()) *attempt {
	word := strings.Fields(body)[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.lives[word]
	a := &attempt{lab: l, life: m, leave: leave}
	l.look(m)
	m.attempts++
	a.faulty = word == victim && (m.attempts == 1 || l.cell.fault == failsAlways)
	m.running++
	if m.first == nil {
		m.first = a
	}
	if m.running > 1 {
		m.both = time.Now()
	}
	if l.cell.queue == fifo && word == "follower" {
		if _, there := l.Runtime.SQS.Message(l.queueName("QueueUrl"), l.lives[victim].id); there {
			l.wrong = append(l.wrong, "the follower started before its predecessor was settled")
		}
	}
	return a
}

// end notes that the work ended, or can be taken to have.
func (a *attempt) end() {
	a.once.Do(func() {
		a.lab.mu.Lock()
		defer a.lab.mu.Unlock()
		// One that starts at the moment at which another ends is beside it in no time.
		if a.life.running > 1 && time.Now().After(a.life.both) && a.lab.cell.way != async {
			a.lab.wrong = append(a.lab.wrong, "two at once on "+a.life.id)
		}
		a.life.running--
		a.leave()
	})
}

// effect notes that the work was done.
func (a *attempt) effect() {
	a.lab.mu.Lock()
	defer a.lab.mu.Unlock()
	a.life.effects++
}

// shows says whether the attempt is to show one of these faults.
func (a *attempt) shows(faults ...fault) bool {
	for _, f := range faults {
		if a.faulty && a.lab.cell.fault == f {
			return true
		}
	}
	return false
}

// errFails is the error of work that fails.
var errFails = errors.New("the database is down")

// function is the team's Lambda function: the handler, what starts a task for a
// token, or the only state of an execution that is a job.
func (l *lab) function(ctx context.Context, payload []byte) ([]byte, error) {
	var in struct {
		message.Event
		TaskToken string `json:"taskToken"`
		// Of an execution.
		Body string `json:"body"`
		URI  string `json:"event"`
	}
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, err
	}
	var bodies []string
	for _, r := range in.Records {
		bodies = append(bodies, r.Body)
	}
	takes := 3 * time.Second
	if l.cell.way.target() == "execution" {
		body, err := l.body(ctx, in.Body, in.URI)
		if err != nil {
			return nil, err
		}
		bodies, takes = []string{body}, taskTakes
	}
	if in.TaskToken != "" {
		return nil, l.startTask(bodies[0], in.TaskToken)
	}
	leave := sync.OnceFunc(l.enter())
	var all []*attempt
	show := func(...fault) bool { return false }
	for _, body := range bodies {
		a := l.begin(body, leave)
		defer a.end()
		all = append(all, a)
		if a.faulty {
			show = a.shows
		}
	}
	if show(timesOut) {
		l.timesOut(ctx)
		return nil, ctx.Err()
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch {
	case show(failsOnce, failsAlways):
		l.strike()
		return nil, errFails
	case show(exhausts):
		l.strike()
		return nil, lambda.ErrOutOfMemory
	case show(dies):
		l.strike()
		runtime.Goexit()
	}
	for _, a := range all {
		a.effect()
	}
	return nil, nil
}

// timesOut works on until it is told to end. The fault strikes as its time is
// over.
func (l *lab) timesOut(ctx context.Context) {
	late := time.AfterFunc(l.cell.way.timeout(), l.strike)
	defer late.Stop()
	<-ctx.Done()
}

// startTask starts a task that reports with a token, as a handler does that
// passes the token on.
func (l *lab) startTask(body, token string) error {
	a := l.begin(body, l.enter())
	if a.shows(neverReported) || a.shows(exhausts) && l.cell.way == executionToken {
		l.strike()
		a.end()
		return nil
	}
	go l.task(a, token)
	if a.shows(exhausts) {
		l.strike()
		return lambda.ErrOutOfMemory
	}
	return nil
}

// orphaned ends the victim's first attempt: nobody waits for its job, and once
// its heartbeat time-out has passed it counts as over, whatever it does.
func (l *lab) orphaned() {
	l.mu.Lock()
	a := l.lives[victim].first
	l.mu.Unlock()
	if a != nil && slices.Contains(jobsAlone, l.cell.way) {
		a.end()
	}
}

// task is a task with a token. It beats, but does nothing to its message.
func (l *lab) task(a *attempt, token string) {
	beats := time.NewTicker(heartbeat / 3)
	defer beats.Stop()
	ends := time.NewTimer(taskTakes)
	defer ends.Stop()
	lastBeat := time.Now()
	// One that is silent counts as over once its heartbeat time-out has passed.
	silent := func() { time.AfterFunc(time.Until(lastBeat.Add(heartbeat)), a.end) }
	// A container that is killed takes its task with it.
	vanishes := a.shows(dies) || a.shows(exhausts) && l.cell.way != callback
	switch {
	case vanishes, a.shows(failsOnce, failsAlways):
		ends.Reset(heartbeat / 2)
	case a.shows(timesOut):
		ends.Stop()
		defer time.AfterFunc(taskTimeout, l.strike).Stop()
	case a.shows(reportedLate):
		l.strike()
		silent()
		beats.Stop()
		ends.Reset(heartbeat + heartbeat/2)
	}
	for {
		select {
		case <-beats.C:
			if _, err := l.Executions.SendTaskHeartbeat(context.Background(), &sfn.SendTaskHeartbeatInput{TaskToken: &token}); err != nil {
				// Refused: whoever works on must stop.
				a.end()
				return
			}
			lastBeat = time.Now()
			continue
		case <-ends.C:
		}
		break
	}
	switch {
	case vanishes:
		l.strike()
		silent()
		return
	case a.shows(failsOnce, failsAlways):
		l.strike()
		a.end()
		_, _ = l.Executions.SendTaskFailure(context.Background(), &sfn.SendTaskFailureInput{TaskToken: &token, Error: aws.String("Job.Failed"), Cause: aws.String(errFails.Error())})
		return
	}
	a.effect()
	a.end()
	report := func() {
		// A refusal is what a late task gets.
		_, _ = l.Executions.SendTaskSuccess(context.Background(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String("{}")})
	}
	if a.shows(reportedTwice) {
		l.strike()
		report()
	}
	report()
}

// Exit codes of jobs.
const (
	exitFailure    = 1
	exitKilled     = 137
	exitTerminated = 143
)

// job is the command of an ECS task, a Batch job or a CodeBuild build.
func (l *lab) job(ctx context.Context, env map[string]string) (exit int, reason string) {
	body, err := l.body(ctx, env["MUSTER_BODY"], env["MUSTER_EVENT"])
	if err != nil {
		return exitFailure, err.Error()
	}
	a := l.begin(body, l.enter())
	defer a.end()
	if token := env["MUSTER_TASK_TOKEN"]; token != "" {
		if a.shows(neverReported) {
			l.strike()
			return 0, ""
		}
		l.task(a, token)
		return 0, ""
	}
	if a.shows(timesOut) {
		l.timesOut(ctx)
		return exitTerminated, ""
	}
	takes := taskTakes
	if a.shows(failsOnce, failsAlways, exhausts, dies) {
		takes = heartbeat / 2
	}
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return exitTerminated, ""
	}
	switch {
	case a.shows(failsOnce, failsAlways):
		l.strike()
		return exitFailure, ""
	case a.shows(exhausts):
		l.strike()
		return exitKilled, "OutOfMemoryError: Container killed due to memory usage"
	case a.shows(dies):
		l.strike()
		return exitKilled, ""
	}
	a.effect()
	return 0, ""
}

// body is the message's, from where a job is told that it is.
func (l *lab) body(ctx context.Context, inline, uri string) (string, error) {
	if inline != "" {
		return inline, nil
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
	out, err := l.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", err
	}
	defer func() { _ = out.Body.Close() }() // only read
	text, err := io.ReadAll(out.Body)
	if err != nil {
		return "", err
	}
	var e message.Event
	if err := json.Unmarshal(text, &e); err != nil {
		return "", err
	}
	return e.Records[0].Body, nil
}
