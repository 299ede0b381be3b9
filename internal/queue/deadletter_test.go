package queue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
)

// create makes a queue and opens it.
func (r *rig) create(name string, attributes map[string]string) (*queue.Queue, string) {
	r.Helper()
	out, err := r.client.CreateQueue(r.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	require.NoError(r, err)
	return queue.New(r.runtime.Config(), *out.QueueUrl, arn), *out.QueueUrl
}

// all receives what a queue holds, one at a time.
func (r *rig) all(q *queue.Queue) []message.Record {
	r.Helper()
	var records []message.Record
	for {
		some, err := q.Receive(r.Context(), 10, 0, time.Minute)
		require.NoError(r, err)
		if len(some) == 0 {
			return records
		}
		records = append(records, some...)
	}
}

func TestDeadLetter(t *testing.T) {
	inBubble(t, func(r *rig) {
		dead, url := r.create("dead", nil)
		_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.url, MessageBody: aws.String("x"), MessageAttributes: attributes(10), MessageGroupId: aws.String("tenant")})
		require.NoError(r, err)
		message := r.all(r.Queue)[0]
		require.NoError(r, r.DeadLetter(r.Context(), url, message, false))
		moved := r.all(dead)
		require.Len(r, moved, 1)
		assert.Equal(r, message.MessageID, moved[0].MessageID)
		assert.Equal(r, message.Body, moved[0].Body)
		assert.Equal(r, message.MessageAttributes, moved[0].MessageAttributes)
		assert.Equal(r, "tenant", moved[0].Attributes["MessageGroupId"])
		assert.Equal(r, 1, moved[0].Receives(), "what was received before counts no more")
	})
}

func TestWhatCannotBeDeadLetteredStays(t *testing.T) {
	for kind, want := range map[api.FaultKind]int{api.Fail: 0, api.LoseReply: 2} {
		inBubble(t, func(r *rig) {
			dead, url := r.create("dead", nil)
			r.send("x")
			message := r.all(r.Queue)[0]
			r.runtime.Router.Faults.Add(api.Fault{Service: "sqs", Operation: "SendMessage", Kind: kind, Times: 1, Error: api.Errorf("AccessDeniedException", "no")})
			err := r.DeadLetter(r.Context(), url, message, false)
			if kind == api.Fail {
				assert.ErrorContains(r, err, "send message "+message.MessageID+" to the dead-letter queue "+url+": ")
			} else {
				assert.NoError(r, err)
			}
			time.Sleep(2 * time.Minute)
			assert.Len(r, r.all(r.Queue), 1)
			assert.Len(r, r.all(dead), want)
		})
	}
}

func TestLargestMessageMovesWithoutItsID(t *testing.T) {
	inBubble(t, func(r *rig) {
		dead, url := r.create("dead", nil)
		r.send(strings.Repeat("x", 1<<20))
		message := r.all(r.Queue)[0]
		require.NoError(r, r.DeadLetter(r.Context(), url, message, false))
		moved := r.all(dead)
		require.Len(r, moved, 1)
		assert.Equal(r, message.Body, moved[0].Body)
		assert.NotEqual(r, message.MessageID, moved[0].MessageID)
	})
}

// Two that had one deduplication ID, longer apart than SQS deduplicates, reach
// the dead-letter queue both.
func TestDeadLettersOfOneDeduplicationID(t *testing.T) {
	inBubble(t, func(r *rig) {
		fifo := map[string]string{"FifoQueue": "true"}
		live, liveURL := r.create("jobs.fifo", fifo)
		dead, deadURL := r.create("dead.fifo", fifo)
		for _, body := range []string{"first", "second"} {
			_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &liveURL, MessageBody: &body, MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String("same")})
			require.NoError(r, err)
			time.Sleep(6 * time.Minute)
		}
		messages := r.all(live)
		require.Len(r, messages, 2)
		for _, m := range messages {
			require.NoError(r, live.DeadLetter(r.Context(), deadURL, m, true))
		}
		moved := r.all(dead)
		require.Len(r, moved, 2)
		for i, m := range moved {
			assert.Equal(r, messages[i].Body, m.Body)
			assert.Equal(r, messages[i].MessageID, m.MessageID)
			assert.Equal(r, "g", m.Attributes["MessageGroupId"])
		}
	})
}
