package deadletter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/deadletter"
	"github.com/musterq/muster/internal/local/api"
)

func inFIFO(t *testing.T, test func(r *rig)) {
	t.Helper()
	withQueues(t, ".fifo", map[string]string{"FifoQueue": "true"}, test)
}

// sendFIFO sends one message and returns its ID.
func (r *rig) sendFIFO(url, group, body, deduplicationID string) string {
	r.Helper()
	out, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: &body, MessageGroupId: &group, MessageDeduplicationId: &deduplicationID,
	})
	require.NoError(r, err)
	return *out.MessageId
}

// groups are the bodies of a FIFO queue by group, in their order.
func (r *rig) groups(url string) map[string][]string {
	r.Helper()
	found := map[string][]string{}
	for _, m := range r.all(url) {
		group := m.Attributes["MessageGroupId"]
		found[group] = append(found[group], *m.Body)
	}
	return found
}

func TestFIFOKeepsItsOrder(t *testing.T) {
	for name, fault := range map[string]api.Fault{
		"without faults":             {Operation: "none"},
		"replies of sends are lost":  {Operation: "SendMessageBatch", Kind: api.LoseReply, Probability: 0.3},
		"sends fail":                 {Operation: "SendMessageBatch", Kind: api.Fail, Probability: 0.3},
		"replies of deletes as well": {Operation: "DeleteMessageBatch", Kind: api.LoseReply, Probability: 0.3},
	} {
		t.Run(name, func(t *testing.T) {
			inFIFO(t, func(r *rig) {
				want := map[string][]string{}
				for i := range 75 {
					group := string(rune('a' + i%3))
					body := fmt.Sprint("job-", i)
					r.sendFIFO(r.dead, group, body, body)
					want[group] = append(want[group], body)
				}
				_, remove := r.runtime.Router.Faults.Add(fault)
				for range 50 {
					got, err := r.Redrive(r.Context(), deadletter.Scan{}, r.to, 0)
					if err == nil && got.Unseen == 0 {
						break
					}
				}
				remove()
				assert.Equal(r, want, r.groups(r.source), "each once, in order")
				assert.Empty(r, r.all(r.dead))
			})
		})
	}
}

// Two dead messages that had one deduplication ID, or a new message that has a
// dead one's, are none of them swallowed.
func TestFIFOSwallowsNothing(t *testing.T) {
	inFIFO(t, func(r *rig) {
		r.sendFIFO(r.dead, "g", "first", "same")
		time.Sleep(6 * time.Minute)
		r.sendFIFO(r.dead, "g", "second", "same")
		r.sendFIFO(r.source, "g", "third", "same")
		got, err := r.Redrive(r.Context(), deadletter.Scan{}, r.to, 0)
		require.NoError(r, err)
		assert.Equal(r, 2, got.Taken)
		assert.Equal(r, map[string][]string{"g": {"third", "first", "second"}}, r.groups(r.source))
	})
}

// What stays holds up those behind it in its group: the scan says so.
func TestFIFOMessagesBehindOneThatStays(t *testing.T) {
	inFIFO(t, func(r *rig) {
		for i := range 30 {
			r.sendFIFO(r.dead, "blocked", fmt.Sprint("stay-", i), fmt.Sprint("stay-", i))
			r.sendFIFO(r.dead, "free", fmt.Sprint("move-", i), fmt.Sprint("move-", i))
		}
		got, err := r.Redrive(r.Context(), deadletter.Scan{Filter: deadletter.Filter{Match: "move"}}, r.to, 0)
		require.NoError(r, err)
		assert.Equal(r, 30, got.Taken)
		assert.Positive(r, got.Unseen)
		assert.Equal(r, 60, got.Seen+got.Unseen)
		assert.Len(r, r.groups(r.source)["free"], 30)
		assert.Len(r, r.groups(r.dead)["blocked"], 30)
	})
}

func TestFIFONeedsAGroup(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fill(3)
		_, err := r.client.SendMessage(r.Context(), &sqs.SendMessageInput{QueueUrl: &r.dead, MessageBody: aws.String("job 3"), MessageGroupId: aws.String("g")})
		require.NoError(r, err)
		fifo := r.queue("other.fifo", map[string]string{"FifoQueue": "true"})
		got, err := r.Redrive(r.Context(), deadletter.Scan{}, deadletter.OpenTarget(r.runtime.Config(), fifo), 0)
		require.NoError(r, err)
		assert.Equal(r, 1, got.Taken)
		require.Len(r, got.Refused, 3)
		assert.Equal(r, "it has no message group ID, which a FIFO queue asks for", got.Refused[0].Reason)
		assert.Equal(r, []int{0, 1, 2}, keys(r.jobs(r.dead)))
	})
}

// A message that is put back changed is not taken for the old one.
func TestFIFOReplace(t *testing.T) {
	inFIFO(t, func(r *rig) {
		id := r.sendFIFO(r.dead, "g", "broken", "d")
		to := deadletter.OpenTarget(r.runtime.Config(), r.dead)
		for _, body := range []string{"better", "mended"} {
			var err error
			id, err = r.Replace(r.Context(), nil, id, withBody(body), to)
			require.NoError(r, err)
		}
		assert.Equal(r, map[string][]string{"g": {"mended"}}, r.groups(r.dead))
	})
}
