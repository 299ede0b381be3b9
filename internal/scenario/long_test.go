package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/scenario"
	muster "github.com/musterq/muster/task"
)

const day = 24 * time.Hour

// attempt is one task's work on a message.
type attempt struct {
	id       string
	receives int
	handle   string
	began    time.Time
	// err is nil of a task that reported.
	err error
}

// ledger is what tasks do, by their own account.
type ledger struct {
	*scenario.Fleet
	mu       sync.Mutex
	attempts []*attempt
	working  map[string]int
	// twice are the messages on which two tasks worked at once.
	twice []string
	// died is when a worker was aborted.
	died time.Time
}

// patient is a fleet in callback mode, whose tasks do the work wherever the
// function that started them is by then. plain leaves them no receipt handle, so
// that they cannot extend.
func patient(t *testing.T, parameters map[string]string, plain bool, wire func(string, http.RoundTripper) http.RoundTripper, work func(l *ledger, t *muster.Task, handle string)) *ledger {
	l := &ledger{working: map[string]int{}}
	parameters["Mode"], parameters["MessagesPerWorker"] = "callback", "1"
	l.Fleet = scenario.Start(t, scenario.Options{
		Parameters: parameters, ProcessTimeout: "60", Wire: wire,
		Process: func(ctx context.Context, e message.Event) (any, error) {
			token, handle := scenario.TaskOf(ctx), e.Records[0].ReceiptHandle
			if plain {
				e.Records[0].ReceiptHandle = ""
			}
			// The event as the handler got it, for the package that teams use.
			payload, err := json.Marshal(map[string]any{
				"Records": e.Records, "taskToken": token.Token, "heartbeatSeconds": token.HeartbeatSeconds, "queueUrl": token.QueueURL,
			})
			if err != nil {
				return nil, err
			}
			t, err := muster.FromEvent(ctx, payload, muster.WithConfig(l.Config()))
			if err != nil {
				return nil, err
			}
			go work(l, t, handle)
			return nil, nil
		},
	})
	return l
}

// month is such a fleet whose tasks may take 31 days and beat every hour. Ticks
// are five hours apart: so many days take no second.
func month(t *testing.T, parameters map[string]string, wire func(string, http.RoundTripper) http.RoundTripper, takes func(attempt) (time.Duration, error)) *ledger {
	all := map[string]string{
		"ProcessTimeoutSeconds": "2678400", "HeartbeatSeconds": "7200", "ScheduleExpression": "rate(5 hours)", "MaxConcurrency": "2", "IdleSeconds": "20",
	}
	maps.Copy(all, parameters)
	return patient(t, all, false, wire, func(l *ledger, t *muster.Task, handle string) { l.run(t, handle, takes) })
}

// run works on a message, and beats every hour.
func (l *ledger) run(t *muster.Task, handle string, takes func(attempt) (time.Duration, error)) {
	a := l.begin(t, handle)
	l.end(a, l.work(t, *a, takes))
}

// begin notes that a task works.
func (l *ledger) begin(t *muster.Task, handle string) *attempt {
	a := &attempt{id: t.Message.ID, receives: t.Message.Receives, handle: handle, began: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts = append(l.attempts, a)
	if l.working[a.id]++; l.working[a.id] > 1 {
		l.twice = append(l.twice, a.id)
	}
	return a
}

// end notes that it has stopped.
func (l *ledger) end(a *attempt, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.working[a.id]--
	a.err = err
}

func (l *ledger) work(t *muster.Task, a attempt, takes func(attempt) (time.Duration, error)) error {
	ctx := context.Background()
	takes1, fails := takes(a)
	for left := takes1; left > 0; left -= time.Hour {
		time.Sleep(min(left, time.Hour))
		if err := t.Beat(ctx); err != nil {
			return err
		}
	}
	if fails != nil {
		return t.Fail(ctx, fails, muster.RetryAfter(time.Minute))
	}
	return t.Succeed(ctx)
}

// all are the attempts so far.
func (l *ledger) all() []attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []attempt
	for _, a := range l.attempts {
		all = append(all, *a)
	}
	return all
}

// abort aborts the worker that waits for the task.
func (l *ledger) abort(t *testing.T) {
	t.Helper()
	holds, err := l.Registry.Holds(t.Context())
	require.NoError(t, err)
	require.Len(t, holds, 1)
	l.Stop(strings.Replace(l.Output("WorkerStateMachineArn"), ":stateMachine:", ":execution:", 1) + ":" + holds[0].Execution)
	l.died = time.Now()
}

// thirtyDays is the story of one message: a task of 30 days, whose message SQS
// hands out once more while it is in the queue, and whose worker dies on day 9. It
// says how often two tasks worked on one message at once.
func thirtyDays(t *testing.T, wire func(string, http.RoundTripper) http.RoundTripper, check func(t *testing.T, l *ledger, id string)) (twice int) {
	synctest.Test(t, func(t *testing.T) {
		short := map[string]bool{}
		l := month(t, nil, wire, func(a attempt) (time.Duration, error) {
			if short[a.id] {
				return time.Minute, nil
			}
			return 30 * day, nil
		})
		defer l.Close()
		l.Send("encode the film")
		l.Wake()
		l.Until("the task runs", 5*time.Minute, func() bool { return len(l.all()) == 1 })
		first := l.all()[0]

		// SQS hands it out once more, to a worker that came for another message.
		time.Sleep(3*time.Hour + 10*time.Minute)
		url := l.Output("QueueUrl")
		out, err := l.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("a clip")})
		require.NoError(t, err)
		short[*out.MessageId] = true
		l.Wake()
		time.Sleep(70 * time.Second) // done with that one, it polls
		_, err = l.SQS.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: &first.handle})
		require.NoError(t, err)

		time.Sleep(9*day - 4*time.Hour)
		l.abort(t)
		time.Sleep(time.Minute)
		l.Wake()
		time.Sleep(32 * day)
		l.mu.Lock()
		twice = len(l.twice)
		l.mu.Unlock()
		if check != nil {
			check(t, l, first.id)
		}
	})
	return twice
}

// TestATaskOf30Days: its worker dies on day 9, and never do two tasks work on its
// message at once.
func TestATaskOf30Days(t *testing.T) {
	twice := thirtyDays(t, nil, func(t *testing.T, l *ledger, id string) {
		var tries []attempt
		for _, a := range l.all() {
			if a.id == id {
				tries = append(tries, a)
			}
		}
		require.Len(t, tries, 2)
		assert.ErrorIs(t, tries[0].err, muster.ErrGone)
		assert.Less(t, 8*day, l.died.Sub(tries[0].began))
		assert.Less(t, 2*time.Hour, tries[1].began.Sub(l.died), "not before its heartbeats were refused")
		assert.Less(t, tries[1].began.Sub(l.died), 13*time.Hour, "two ticks after that: one sends it, one starts a worker")
		assert.NoError(t, tries[1].err)
		assert.Equal(t, []int{1, 2}, []int{tries[0].receives, tries[1].receives})
		queue, dead := l.Depth()
		assert.Equal(t, []int{0, 0, 0}, []int{queue, dead, len(l.Workers())})
		holds, err := l.Registry.Holds(t.Context())
		require.NoError(t, err)
		assert.Empty(t, holds)
		assert.Empty(t, l.Objects())
	})
	assert.Zero(t, twice, "tasks at once on one message")
}

// TestDeliberateBugsOfLongTasks: with a rule taken out, two tasks work at once.
func TestDeliberateBugsOfLongTasks(t *testing.T) {
	for name, wire := range map[string]func(string, http.RoundTripper) http.RoundTripper{
		"the hold is not checked": scenario.Rewriting(func(function, target string, request map[string]any) {
			if function == "poll" && target == "PutItem" {
				delete(request, "ConditionExpression")
				scenario.Prune(request)
			}
		}, nil),
		"it is sent before the heartbeat has passed": scenario.Rewriting(func(string, string, map[string]any) {}, func(function, target string, response map[string]any) {
			if stop, ok := response["stopDate"].(float64); ok && function == "autoscaler" && target == "DescribeExecution" {
				response["stopDate"] = stop - 3*time.Hour.Seconds()
			}
		}),
	} {
		t.Run(name, func(t *testing.T) { assert.NotZero(t, thirtyDays(t, wire, nil)) })
	}
}

// TestATaskThatFailsAfterDays each time ends in the dead-letter queue, with its ID.
func TestATaskThatFailsAfterDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := month(t, map[string]string{"MaxReceiveCount": "3"}, nil, func(attempt) (time.Duration, error) { return 2 * day, errors.New("out of film") })
		defer l.Close()
		l.Send("encode the film")
		l.Wake()
		time.Sleep(8 * day)
		tries := l.all()
		require.Len(t, tries, 3)
		for i, a := range tries {
			assert.Equal(t, []any{tries[0].id, i + 1}, []any{a.id, a.receives})
			assert.NoError(t, a.err)
		}
		assert.Empty(t, l.twice)
		queue, dead := l.Depth()
		assert.Equal(t, []int{0, 1}, []int{queue, dead})
		assert.Empty(t, l.Objects())
	})
}

// TestAWorkerDiesWhileItsTaskRuns: with ticks a minute apart the message is back
// within the heartbeat time-out and a minute, and no second task starts before the
// first must have noticed. A task that only sends heartbeats leaves it to the tick
// to hide its message.
func TestAWorkerDiesWhileItsTaskRuns(t *testing.T) {
	for name, c := range map[string]struct{ plain, unseen bool }{
		"the task extends, an event tells":    {false, false},
		"the task extends, the event is lost": {false, true},
		"the tick extends, an event tells":    {true, false},
		"the tick extends, the event is lost": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := patient(t, map[string]string{"ProcessTimeoutSeconds": "86400", "HeartbeatSeconds": "120", "MinWorkers": "2"}, c.plain, nil,
					func(l *ledger, t *muster.Task, _ string) { l.keep(t, 2*time.Hour) })
				defer l.Close()
				l.Send("encode the film")
				l.Until("the task runs", 5*time.Minute, func() bool { return len(l.all()) == 1 })
				time.Sleep(time.Hour)
				require.Len(t, l.all(), 1, "hidden all the time")
				if c.unseen {
					l.Router.Faults.Add(api.Fault{Service: "events", Operation: "Deliver", Match: notScheduled, Kind: api.Drop})
				}
				l.abort(t)
				l.Until("the next task runs", 120*time.Second+time.Minute+20*time.Second, func() bool { return len(l.all()) == 2 })
				assert.Less(t, 120*time.Second, time.Since(l.died))
				assert.ErrorIs(t, l.all()[0].err, muster.ErrGone)
				time.Sleep(2*time.Hour + time.Minute)
				assert.NoError(t, l.all()[1].err)
				assert.Len(t, l.all(), 2)
				assert.Empty(t, l.twice)
			})
		})
	}
}

// keep works on a message as most programs do.
func (l *ledger) keep(t *muster.Task, takes time.Duration) {
	a := l.begin(t, "")
	working, stop := t.Keep(context.Background())
	defer stop()
	select {
	case <-time.After(takes):
		l.end(a, t.Succeed(context.Background()))
	case <-working.Done():
		l.end(a, context.Cause(working))
	}
}
