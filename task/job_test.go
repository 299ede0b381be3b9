package task_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/task"
)

// environment is what a job finds, and what is different.
func (r *rig) environment(different map[string]string) {
	r.Helper()
	for name, value := range map[string]string{
		"MUSTER_FLEET": "jobs", "MUSTER_MESSAGE_ID": "m", "MUSTER_RECEIVES": "2", "MUSTER_EVENT": "s3://bodies/a/b.json", "MUSTER_BODY": "encode the film",
		"MUSTER_TASK_TOKEN": r.token, "MUSTER_HEARTBEAT_SECONDS": "300", "MUSTER_QUEUE_URL": r.url, "MUSTER_RECEIPT_HANDLE": r.handle,
	} {
		if d, ok := different[name]; ok {
			value = d
		}
		r.Setenv(name, value)
	}
}

func (r *rig) job() (*task.Task, error) {
	return task.FromEnvironment(r.Context(), task.WithConfig(r.runtime.Config()))
}

func TestAJob(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.environment(nil)
		work, err := r.job()
		require.NoError(r, err)
		assert.Equal(r, task.Message{ID: "m", Body: "encode the film", Receives: 2}, work.Message)
		require.NoError(r, work.Beat(r.Context()))
		require.NoError(r, work.Succeed(r.Context()))
		assert.Equal(r, "SUCCEEDED", r.ends()[0])
		r.store("a/b.json", r.event())
		event, err := work.Event(r.Context())
		require.NoError(r, err)
		assert.Equal(r, r.event(), event)
	})
}

func TestAJobWithALargeMessage(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.environment(map[string]string{"MUSTER_BODY": ""})
		_, err := r.job()
		assert.ErrorContains(r, err, "get s3://bodies/a/b.json: ")
		r.store("a/b.json", r.event())
		work, err := r.job()
		require.NoError(r, err)
		assert.Equal(r, "film", work.Message.MessageAttributes["kind"].StringValue)
	})
}

func TestAJobWhoseEventIsNone(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.environment(map[string]string{"MUSTER_BODY": ""})
		r.store("a/b.json", []byte(`{"Records":[]}`))
		_, err := r.job()
		assert.EqualError(r, err, "s3://bodies/a/b.json is not the event of one message")
	})
}

// TestAJobWithoutAToken reports by its exit status.
func TestAJobWithoutAToken(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.environment(map[string]string{"MUSTER_TASK_TOKEN": "", "MUSTER_HEARTBEAT_SECONDS": ""})
		work, err := r.job()
		require.NoError(r, err)
		require.NoError(r, work.Beat(r.Context()))
		working, stop := work.Keep(r.Context())
		require.NoError(r, working.Err())
		stop()
		assert.Error(r, working.Err())
		require.NoError(r, work.Succeed(r.Context()))
		failed := errors.New("out of film")
		assert.Equal(r, failed, work.Fail(r.Context(), failed))
		assert.Equal(r, "RUNNING", r.ends()[0])
	})
}

func TestNoJob(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.environment(map[string]string{"MUSTER_MESSAGE_ID": ""})
		_, err := r.job()
		assert.EqualError(r, err, "MUSTER_MESSAGE_ID is not set: this is not a job that Muster started")
	})
}

// TestAnExecution is a job whose input says the same.
func TestAnExecution(t *testing.T) {
	inBubble(t, func(r *rig) {
		work, err := task.FromEvent(r.Context(), []byte(`{"fleet":"jobs","messageId":"m","receives":"2","event":"s3://bodies/a/b.json","body":"encode the film","taskToken":"`+r.token+`",
			"heartbeatSeconds":"300","queueUrl":"`+r.url+`","receiptHandle":"`+r.handle+`"}`), task.WithConfig(r.runtime.Config()))
		require.NoError(r, err)
		assert.Equal(r, task.Message{ID: "m", Body: "encode the film", Receives: 2}, work.Message)
		require.NoError(r, work.Beat(r.Context()))
	})
}
