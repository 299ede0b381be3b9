package sqs

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWhereAMessageStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		url := r.create("jobs", nil)
		id := r.call("SendMessage", object{"QueueUrl": url, "MessageBody": "job"})["MessageId"].(string)
		stands := func() Standing {
			s, ok := r.service.Message("jobs", id)
			assert.True(t, ok)
			return s
		}
		assert.Equal(t, Standing{}, stands())
		handle := r.receive(url, object{"VisibilityTimeout": 30})[0]["ReceiptHandle"].(string)
		assert.Equal(t, Standing{Receives: 1, Due: time.Now().Add(30 * time.Second)}, stands())
		time.Sleep(30 * time.Second)
		assert.Equal(t, Standing{Receives: 1}, stands())
		r.delete(url, handle)
		_, ok := r.service.Message("jobs", id)
		assert.False(t, ok)
		_, ok = r.service.Message("elsewhere", id)
		assert.False(t, ok)
	})
}
