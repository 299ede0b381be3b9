package task_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/task"
)

func TestTheEvent(t *testing.T) {
	inBubble(t, func(r *rig) {
		assert.Equal(r, task.Message{
			ID: "m", Body: "encode the film", Receives: 2, Attributes: map[string]string{"ApproximateReceiveCount": "2"},
			MessageAttributes: map[string]task.Attribute{"kind": {DataType: "String", StringValue: "film"}},
		}, r.task().Message)
		_, err := r.task().Event(r.Context())
		assert.EqualError(r, err, "there is no event beside the one that the handler got: only a job's environment or input names one")
	})
}

func TestAnEventThatIsNoTasks(t *testing.T) {
	for payload, want := range map[string]string{
		"[":                               "the event of a task: unexpected end of JSON input",
		"{}":                              "the event has 0 records: that of a task has one",
		`{"Records":[{"messageId":"m"}]}`: "the event has no taskToken: set the fleet's Mode to callback",
		`{"Records":[{"messageId":"m"}],"taskToken":"t"}`:                      "the heartbeat time-out is <nil>, it must be a number of seconds",
		`{"Records":[{"messageId":"m"}],"taskToken":"t","heartbeatSeconds":0}`: "the heartbeat time-out is 0, it must be a number of seconds",
		`{"messageId":"m"}`: `the count of receives is "", it must be a number`,
		`{"messageId":"m","receives":"1","taskToken":"t","heartbeatSeconds":"soon"}`: "the heartbeat time-out is soon, it must be a number of seconds",
		`{"messageId":"m","receives":"1","event":"film.json"}`:                       `the event is at "film.json", it must be s3://BUCKET/KEY`,
	} {
		t.Run(payload, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				_, err := task.FromEvent(r.Context(), []byte(payload), task.WithConfig(r.runtime.Config()))
				assert.EqualError(r, err, want)
			})
		})
	}
}

func TestABeat(t *testing.T) {
	inBubble(t, func(r *rig) {
		work := r.task()
		for range 4 {
			time.Sleep(4 * time.Minute)
			require.NoError(r, work.Beat(r.Context()))
		}
		assert.Equal(r, "RUNNING", r.ends()[0])
		time.Sleep(heartbeat + 43*time.Second)
		assert.True(r, r.hidden())
		time.Sleep(2 * time.Second)
		assert.False(r, r.hidden())
		assert.ErrorIs(r, work.Beat(r.Context()), task.ErrGone)
	})
}

func TestALostExtensionIsNoError(t *testing.T) {
	for _, kind := range []api.FaultKind{api.Fail, api.Drop} {
		inBubble(t, func(r *rig) {
			r.fault("ChangeMessageVisibility", 0, kind)
			assert.NoError(r, r.task().Beat(r.Context()))
		})
	}
	inBubble(t, func(r *rig) {
		// An answer that takes for ever holds no beat up.
		r.runtime.Router.Faults.Add(api.Fault{Operation: "ChangeMessageVisibility", Kind: api.DelayReply, For: time.Hour})
		began := time.Now()
		assert.NoError(r, r.task().Beat(r.Context()))
		assert.Equal(r, 10*time.Second, time.Since(began))
	})
}

func TestTheEnd(t *testing.T) {
	long := strings.Repeat("é", 3000)
	for name, c := range map[string]struct {
		end  func(t *task.Task, ctx context.Context) error
		want []string
	}{
		"success":       {(*task.Task).Succeed, []string{"SUCCEEDED", "{}", "", ""}},
		"with an event": {func(t *task.Task, ctx context.Context) error { return t.SucceedWith(ctx, []byte(`{"Records":[]}`)) }, []string{"SUCCEEDED", `{"Records":[]}`, "", ""}},
		"failure":       {func(t *task.Task, ctx context.Context) error { return t.Fail(ctx, errors.New("out of film")) }, []string{"FAILED", "", "Task.Failed", `{"errorType":"errors.errorString","errorMessage":"out of film"}`}},
		"with a backoff": {func(t *task.Task, ctx context.Context) error {
			return t.Fail(ctx, errors.New("x"), task.RetryAfter(90*time.Second))
		}, []string{"FAILED", "", "Task.Failed", `{"errorType":"errors.errorString","errorMessage":"x","retryAfterSeconds":90}`}},
		"for a long time": {func(t *task.Task, ctx context.Context) error { return t.Fail(ctx, errors.New(long)) }, []string{"FAILED", "", "Task.Failed", fmt.Sprintf(`{"errorType":"errors.errorString","errorMessage":%q}`, long[:4096]+"...")}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				work := r.task()
				require.NoError(r, c.end(work, r.Context()))
				assert.Equal(r, c.want, r.ends())
				assert.ErrorIs(r, c.end(work, r.Context()), task.ErrGone)
			})
			inBubble(t, func(r *rig) {
				r.fault("", 0, api.Fail)
				err := c.end(r.task(), r.Context())
				assert.ErrorContains(r, err, "report ")
				assert.ErrorContains(r, err, "not yours")
				assert.NotErrorIs(r, err, task.ErrGone)
			})
		})
	}
}

func TestKeep(t *testing.T) {
	inBubble(t, func(r *rig) {
		work := r.task()
		working, stop := work.Keep(r.Context())
		time.Sleep(11 * time.Hour)
		assert.NoError(r, working.Err())
		assert.True(r, r.hidden())
		stop()
		stop()
		assert.ErrorIs(r, context.Cause(working), context.Canceled)
		require.NoError(r, work.Succeed(r.Context()))
	})
}

func TestKeepEndsWithItsParent(t *testing.T) {
	inBubble(t, func(r *rig) {
		ctx, cancel := context.WithCancel(r.Context())
		working, stop := r.task().Keep(ctx)
		defer stop()
		cancel()
		<-working.Done()
		assert.ErrorIs(r, context.Cause(working), context.Canceled)
	})
}

// TestKeepStopsTheTask once the message is no longer its own, or nobody can tell.
func TestKeepStopsTheTask(t *testing.T) {
	for name, c := range map[string]struct {
		before func(r *rig)
		// within is how long after that the task is stopped.
		within time.Duration
	}{
		"its worker was aborted": {func(r *rig) { r.stop() }, 100 * time.Second},
		"no beat gets through":   {func(r *rig) { r.fault("SendTaskHeartbeat", 0, api.Fail) }, heartbeat},
		"no answer comes": {func(r *rig) {
			r.runtime.Router.Faults.Add(api.Fault{Operation: "SendTaskHeartbeat", Kind: api.DelayReply, For: time.Hour})
		}, heartbeat},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				working, stop := r.task().Keep(r.Context())
				defer stop()
				r.sleeps(100 * time.Second)
				r.sleeps(time.Millisecond)
				began := time.Now()
				c.before(r)
				<-working.Done()
				assert.ErrorIs(r, context.Cause(working), task.ErrGone)
				assert.InDelta(r, c.within, time.Since(began), float64(time.Second))
			})
		})
	}
}

// TestABeatThatIsLateIsNoEnd: it is tried again soon.
func TestABeatThatIsLateIsNoEnd(t *testing.T) {
	inBubble(t, func(r *rig) {
		mend := r.fault("SendTaskHeartbeat", 0, api.Fail)
		working, stop := r.task().Keep(r.Context())
		defer stop()
		time.Sleep(heartbeat - 10*time.Second)
		mend()
		time.Sleep(time.Hour)
		assert.NoError(r, working.Err())
		assert.Equal(r, "RUNNING", r.ends()[0])
	})
}
