package sqs

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
)

// poll starts a long poll and reports what it got, and after how long.
func (r *rig) poll(url string, max, wait int) (got func() ([]string, time.Duration)) {
	type answer struct {
		bodies []string
		after  time.Duration
	}
	done := make(chan answer, 1)
	start := time.Now()
	go func() {
		messages := r.receive(url, object{"MaxNumberOfMessages": max, "WaitTimeSeconds": wait})
		done <- answer{bodies(messages), time.Since(start)}
	}()
	synctest.Wait()
	return func() ([]string, time.Duration) {
		a := <-done
		return a.bodies, a.after
	}
}

func TestLongPollWokenBySend(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		got := r.poll(url, 10, 20)
		time.Sleep(7 * time.Second)
		r.send(url, "a")
		what, after := got()
		assert.Equal(r, []string{"a"}, what)
		assert.Equal(r, 7*time.Second, after)
	})
}

func TestLongPollTakesAWholeBatch(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		got := r.poll(url, 10, 20)
		r.call("SendMessageBatch", object{"QueueUrl": url, "Entries": []object{
			{"Id": "1", "MessageBody": "a"}, {"Id": "2", "MessageBody": "b"}, {"Id": "3", "MessageBody": "c"},
		}})
		what, _ := got()
		assert.Equal(r, []string{"a", "b", "c"}, what)
	})
}

func TestLongPollWokenByTime(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", object{"VisibilityTimeout": "4"})
		r.send(url, "received")
		r.handle(url)
		r.call("SendMessage", object{"QueueUrl": url, "MessageBody": "delayed", "DelaySeconds": 9})
		first, second := r.poll(url, 10, 20), r.poll(url, 10, 20)
		what, after := first()
		assert.Equal(r, []string{"received"}, what)
		assert.Equal(r, 4*time.Second, after)
		what, after = second()
		assert.Equal(r, []string{"received"}, what)
		assert.Equal(r, 8*time.Second, after)
	})
}

func TestLongPollWokenByAMessageGivenBack(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		r.send(url, "a")
		handle := r.handle(url)
		got := r.poll(url, 1, 20)
		time.Sleep(3 * time.Second)
		r.call("ChangeMessageVisibility", object{"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 0})
		_, after := got()
		assert.Equal(r, 3*time.Second, after)
	})
}

func TestLongPollEndsEmpty(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", object{"ReceiveMessageWaitTimeSeconds": "15"})
		start := time.Now()
		assert.Empty(r, r.receive(url, nil), "the queue's wait time")
		assert.Equal(r, 15*time.Second, time.Since(start))
		assert.Empty(r, r.receive(url, object{"WaitTimeSeconds": 0}), "the call's wins")
		assert.Equal(r, 15*time.Second, time.Since(start))
	})
}

// A message that becomes visible at the very end of a wait is received.
func TestLongPollAtTheLastMoment(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		r.call("SendMessage", object{"QueueUrl": url, "MessageBody": "a", "DelaySeconds": 20})
		what, after := r.poll(url, 1, 20)()
		assert.Equal(r, []string{"a"}, what)
		assert.Equal(r, 20*time.Second, after)
	})
}

func TestReceiversAreServedInOrder(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", nil)
		first, second := r.poll(url, 1, 20), r.poll(url, 1, 20)
		r.send(url, "a", "b")
		what, _ := first()
		assert.Equal(r, []string{"a"}, what)
		what, _ = second()
		assert.Equal(r, []string{"b"}, what)
	})
}

func TestWaitEndsWithTheQueue(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(*rig, string)
		code string
	}{
		"deleted": {func(r *rig, url string) { r.call("DeleteQueue", object{"QueueUrl": url}) }, "QueueDoesNotExist"},
		"closed":  {func(r *rig, _ string) { r.service.Close() }, "ServiceUnavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				url := r.create("jobs", nil)
				failed := make(chan error, 1)
				go func() {
					_, err := r.try("ReceiveMessage", object{"QueueUrl": url, "WaitTimeSeconds": 20})
					failed <- err
				}()
				synctest.Wait()
				start := time.Now()
				tt.end(r, url)
				var e *api.Error
				require.ErrorAs(r, <-failed, &e)
				assert.Equal(r, tt.code, e.Code)
				assert.Zero(r, time.Since(start))
			})
		})
	}
}

// Every message is received once, however many poll.
func TestManyReceivers(t *testing.T) {
	bubble(t, func(r *rig) {
		url := r.create("jobs", object{"VisibilityTimeout": "600"})
		var mu sync.Mutex
		seen := map[string]int{}
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				for {
					messages := r.receive(url, object{"WaitTimeSeconds": 5})
					if len(messages) == 0 {
						return
					}
					mu.Lock()
					for _, m := range messages {
						seen[m["MessageId"].(string)]++
					}
					mu.Unlock()
					for _, m := range messages {
						r.delete(url, m["ReceiptHandle"].(string))
					}
				}
			})
		}
		for range 10 {
			group.Go(func() {
				for range 50 {
					r.send(url, "x")
				}
			})
		}
		group.Wait()
		assert.Len(r, seen, 500)
		for id, n := range seen {
			assert.Equal(r, 1, n, id)
		}
		assert.Equal(r, "0 0 0", r.depth(url))
	})
}
