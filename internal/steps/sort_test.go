package steps_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/steps"
)

// ordersRoute sends what says "order" to a handler of its own.
func (r *rig) ordersRoute() string {
	return fmt.Sprintf(`[{"Handler":%q,"FilterCriteria":{"Filters":[{"Pattern":"{\"body\":[\"order\"]}"}]}}]`, r.arn("orders"))
}

// deadLetters makes the fleet's dead-letter queue.
func (r *rig) deadLetters() *queue.Queue {
	r.Helper()
	out, err := r.client.CreateQueue(r.Context(), &sqs.CreateQueueInput{QueueName: aws.String("dead")})
	require.NoError(r, err)
	r.config.DeadLetterURL = *out.QueueUrl
	return queue.New(r.runtime.Config(), *out.QueueUrl, "")
}

func TestPollFindsTheHandler(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		r.config.Routes, r.config.Unmatched = r.ordersRoute(), fleet.ToHandler
		r.send("order", "other")
		first, err := r.poll(0, 0)
		require.NoError(r, err)
		require.Len(r, first.Event.Records, 1, "a batch is one message")
		assert.Equal(r, r.arn("orders"), first.Handler)
		assert.False(r, first.Messages[0].Unmatched)
		second, err := r.poll(1, 0)
		require.NoError(r, err)
		assert.Equal(r, r.arn("process"), second.Handler)
		assert.True(r, second.Messages[0].Unmatched)
	})
}

func TestPollSettlesWhatNoRouteTakes(t *testing.T) {
	for name, c := range map[string]struct {
		unmatched fleet.Unmatched
		fault     *api.Fault
		want      registry.Counts
		depth     queue.Depth
		dead      int
		reason    string
	}{
		"dropped": {unmatched: fleet.Drop, want: registry.Counts{Filtered: 1, Unmatched: 1}},
		"dead-lettered": {unmatched: fleet.ToDeadLetters, want: registry.Counts{Failed: 1, Unmatched: 1}, dead: 1,
			reason: "no route matches it: moved to the dead-letter queue"},
		"not dead-lettered": {unmatched: fleet.ToDeadLetters, want: registry.Counts{Failed: 1, Unmatched: 1}, depth: queue.Depth{InFlight: 1},
			fault:  &api.Fault{Service: "sqs", Operation: "SendMessage", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no")},
			reason: "no route matches it, and it could not be moved to the dead-letter queue: send message "},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(), func(r *rig) {
				r.config.Routes, r.config.Unmatched = r.ordersRoute(), c.unmatched
				r.config.Backoff.Base, r.config.Backoff.Max = time.Hour, time.Hour
				dead := r.deadLetters()
				ids := r.send("other")
				if c.fault != nil {
					r.runtime.Router.Faults.Add(*c.fault)
				}
				b, err := r.poll(0, 0)
				require.NoError(r, err)
				whole(r, b)
				assert.Equal(r, "poll", b.Next)
				assert.Zero(r, b.Empty, "the queue is not idle")
				assert.Empty(r, b.Messages)
				assert.Equal(r, c.want, r.worker().Counts)
				assert.Equal(r, c.depth, r.depth())
				records, err := dead.Receive(r.Context(), 10, 0, time.Minute)
				require.NoError(r, err)
				assert.Len(r, records, c.dead)
				for f, err := range r.registry.Failures(r.Context(), registry.FailureQuery{MessageID: ids[0]}) {
					require.NoError(r, err)
					assert.Contains(r, f.Reason, c.reason)
					assert.Equal(r, "route", f.Stage)
					assert.Empty(r, f.Handler)
				}
				next, err := r.poll(b.Seq, 0)
				require.NoError(r, err)
				assert.Equal(r, int64(2), next.Seq)
			})
		})
	}
}

// settles settles a batch whose handler succeeded, but for the messages named.
func (r *rig) settles(b steps.Batch, failed ...string) {
	r.Helper()
	items := []map[string]string{}
	for _, id := range failed {
		items = append(items, map[string]string{"itemIdentifier": id})
	}
	list, err := json.Marshal(items)
	require.NoError(r, err)
	_, err = r.lane().Settle(r.Context(), steps.SettleInput{
		Worker: "a", Execution: "worker-a-1", At: registry.At(time.Now()), Stage: b.Next, Handler: b.Handler, Seq: b.Seq, Object: b.Object,
		Messages: b.Messages, Reply: &steps.Reply{Failures: []json.RawMessage{list}},
	})
	require.NoError(r, err)
}

func TestPollAcknowledgesDuplicates(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		r.config.DuplicateWindow, r.config.DuplicateKey, r.config.MaxReceives = time.Hour, "$.id", 5
		r.send(`{"id":1}`, `{"id":2}`, `{"id":1}`)
		b, err := r.poll(0, 0)
		require.NoError(r, err)
		require.Len(r, b.Event.Records, 2)
		require.Len(r, b.Messages, 3)
		elsewhere := 0
		for _, m := range b.Messages {
			if m.Outcome == steps.Elsewhere {
				elsewhere++
				assert.NotEmpty(r, m.Leader)
			} else {
				assert.NotContains(r, m.Seen.Key, "id", "nothing of a body goes into state")
			}
		}
		assert.Equal(r, 1, elsewhere)
		// Message 2 fails, and may begin again at once.
		for _, record := range b.Event.Records {
			if record.Body == `{"id":2}` {
				r.settles(b, record.MessageID)
			}
		}
		time.Sleep(5 * time.Second)
		again, err := r.poll(1, 0)
		require.NoError(r, err)
		require.Len(r, again.Event.Records, 1)
		assert.Equal(r, `{"id":2}`, again.Event.Records[0].Body)
		assert.Equal(r, queue.Depth{InFlight: 1}, r.depth(), "the other one with id 1 was acknowledged")
		r.settles(again)

		r.send(`{"id":2}`)
		last, err := r.poll(2, 0)
		require.NoError(r, err)
		assert.Equal(r, "poll", last.Next, "the poll acknowledged it")
		assert.Zero(r, r.depth())
		c := r.counts()
		assert.Equal(r, registry.Counts{Handled: 2, Failed: 1, Duplicates: 2}, c)
	})
}

// A worker that died leaves its messages free for whoever receives them again.
func TestWhatADeadWorkerBeganIsFreeWhenItIsVisible(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		r.config.DuplicateWindow, r.config.DuplicateKey, r.config.MaxReceives = time.Hour, "messageId", 5
		r.send("x")
		_, err := r.poll(0, 0)
		require.NoError(r, err)
		time.Sleep(hiddenFor)
		b, err := r.poll(1, 0)
		require.NoError(r, err)
		assert.Len(r, b.Event.Records, 1)
	})
}

func TestPollWithoutTheRegistryHandlesNothing(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		r.config.DuplicateWindow, r.config.DuplicateKey, r.config.MaxReceives = time.Hour, "messageId", 5
		r.runtime.Router.Faults.Add(api.Fault{Service: "dynamodb", Operation: "PutItem", Kind: api.Fail, Error: api.Errorf("AccessDeniedException", "no"), Times: 1})
		r.send("x")
		_, err := r.poll(0, 0)
		assert.ErrorContains(r, err, "begin a message: ")
	})
}

func TestRoutesAndKeysThatCannotBeRead(t *testing.T) {
	_, err := steps.New(aws.Config{}, fleet.Settings{Routes: "{"}, fleet.Job{}, "")
	assert.ErrorContains(t, err, "Routes is not a JSON array")
	_, err = steps.New(aws.Config{}, fleet.Settings{DuplicateWindow: time.Hour, DuplicateKey: "id"}, fleet.Job{}, "")
	assert.ErrorContains(t, err, "DuplicateKey is")
}
