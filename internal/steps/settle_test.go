package steps_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/steps"
)

// holding takes five messages, as batch 5 of the worker: m0 to m4.
func (r *rig) holding() []steps.Item {
	r.Helper()
	var all []steps.Item
	for _, h := range queue.Hold(r.take("m0", "m1", "m2", "m3", "m4")) {
		all = append(all, steps.Item{Held: h})
	}
	return all
}

// settle settles batch 5 as the state machine does.
func (r *rig) settle(in steps.SettleInput) (steps.Settled, error) {
	in.Fleet, in.Worker, in.Execution, in.Seq = "jobs", "a", "worker-a-1", 5
	return r.lane().Settle(r.Context(), in)
}

// reasons are the records of failures: message to stage, receives and reason.
func (r *rig) reasons() map[string]string {
	r.Helper()
	client := dynamodb.NewFromConfig(r.runtime.Config())
	all := map[string]string{}
	for shard := range 8 {
		out, err := client.Query(r.Context(), &dynamodb.QueryInput{
			TableName: aws.String("muster"), KeyConditionExpression: aws.String("Fleet = :fleet"),
			ExpressionAttributeValues: map[string]ddbtypes.AttributeValue{":fleet": &ddbtypes.AttributeValueMemberS{Value: fmt.Sprintf("jobs#failures#%d", shard)}},
		})
		require.NoError(r, err)
		for _, item := range out.Items {
			text := func(name string) string { return item[name].(*ddbtypes.AttributeValueMemberS).Value }
			all[text("MessageID")] = text("Worker") + "|" + text("Stage") + "|" + item["Receives"].(*ddbtypes.AttributeValueMemberN).Value + "|" + text("Reason")
		}
	}
	return all
}

func TestSettle(t *testing.T) {
	inBubble(t, slot(inHand(5), func(w *registry.Worker) { w.BusyUntil, w.Handled = 1<<50, 10 }), func(r *rig) {
		held := r.holding()
		held[0].Outcome = steps.Handled
		held[1].Outcome = steps.Filtered
		held[2].Outcome, held[2].Stage, held[2].Reason = steps.Failed, "transform", "transform handler: no"
		held[3].Outcome = steps.Unstarted
		r.keep("jobs/worker-a-1/request-1.json", nil)
		// The process handler failed the last one.
		out, err := r.settle(steps.SettleInput{
			Object: "jobs/worker-a-1/request-1.json", Messages: held,
			Reply: &steps.Reply{Failures: []json.RawMessage{json.RawMessage(`[{"itemIdentifier":"` + held[4].MessageID + `"}]`)}},
		})
		require.NoError(r, err)
		assert.Equal(r, steps.Settled{Seq: 5}, out)
		d := r.depth()
		assert.Equal(r, 3, d.Visible+d.InFlight, "two are done")
		assert.GreaterOrEqual(r, d.Visible, 1, "what was not started is back at once")
		time.Sleep(4 * time.Second)
		assert.Equal(r, queue.Depth{Visible: 3}, r.depth(), "what failed after a backoff of at most four seconds")
		assert.Equal(r, map[string]string{
			held[2].MessageID: "worker-a-1|transform|1|transform handler: no",
			held[4].MessageID: "worker-a-1|process|1|process handler: the handler reported it in batchItemFailures",
		}, r.reasons())
		assert.Empty(r, r.bodies())
		w := r.worker()
		assert.Equal(r, registry.Counts{Handled: 11, Failed: 2, Filtered: 1}, w.Counts)
		assert.Equal(r, int64(5), w.Settled)
		assert.Zero(r, w.BusyUntil)
	})
}

func TestSettleReadsWhatTheStateMachineKept(t *testing.T) {
	const lost = "worker-a-1|process|1|process handler: "
	failed := func(reason string) map[string]string {
		return map[string]string{"m0": lost + reason, "m1": lost + reason}
	}
	long := strings.Repeat("é", 600)
	for name, c := range map[string]struct {
		reply, err string
		// visible messages at once, of two that the process handler had.
		visible int
		// hidden messages, for a minute or two.
		hidden  int
		reasons map[string]string
	}{
		"no failures at all":          {reply: `{"failures":[]}`},
		"an empty list":               {reply: `{"failures":[[]]}`},
		"no list":                     {reply: `{"failures":[null]}`},
		"one":                         {reply: `{"failures":[[{"itemIdentifier":"m0"}]]}`, visible: 1, reasons: map[string]string{"m0": lost + "the handler reported it in batchItemFailures"}},
		"two lists":                   {reply: `{"failures":[[{"itemIdentifier":"m0"}],[{"itemIdentifier":"m1"}]]}`, visible: 2, reasons: failed("the handler reported it in batchItemFailures")},
		"an unknown message":          {reply: `{"failures":[[{"itemIdentifier":"x"}]]}`, visible: 2, reasons: failed(`batchItemFailures of the handler's reply names the unknown message "x"`)},
		"no identifier":               {reply: `{"failures":[[{}]]}`, visible: 2, reasons: failed("batchItemFailures of the handler's reply has an entry without itemIdentifier")},
		"something else":              {reply: `{"failures":["all"]}`, visible: 2, reasons: failed(`batchItemFailures of the handler's reply is not a list of {"itemIdentifier": ...}`)},
		"throttled":                   {err: `{"Error":"Lambda.TooManyRequestsException","Cause":"Rate Exceeded."}`, hidden: 2},
		"a function error":            {err: `{"Error":"errorString","Cause":"{\"errorType\":\"errorString\",\"errorMessage\":\"the database is down\"}"}`, visible: 2, reasons: failed("errorString: the database is down")},
		"a time-out":                  {err: `{"Error":"States.Timeout","Cause":""}`, visible: 2, reasons: failed("States.Timeout")},
		"a cause in words":            {err: `{"Error":"Lambda.ServiceException","Cause":"try again"}`, visible: 2, reasons: failed("Lambda.ServiceException: try again")},
		"a cause in other JSON":       {err: `{"Error":"Lambda.Unknown","Cause":"{\"a\":1}"}`, visible: 2, reasons: failed(`Lambda.Unknown: {"a":1}`)},
		"a reply too large for state": {err: `{"Error":"States.DataLimitExceeded","Cause":"The state/task returned a result with a size exceeding the limit"}`, visible: 2, reasons: failed("its reply is over the 256 KiB that a state machine can take: reply with batchItemFailures only, or use the stream lane")},
		"a long cause":                {err: `{"Error":"E","Cause":"` + long + `"}`, visible: 2, reasons: failed("E: " + strings.Repeat("é", 490) + "...")},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				r.config.Backoff = message.Backoff{}
				held := r.holding()
				// The messages are called by their places.
				ids := strings.NewReplacer("m0", held[0].MessageID, "m1", held[1].MessageID)
				in := steps.SettleInput{Messages: held[:2]}
				if c.reply != "" {
					require.NoError(r, json.Unmarshal([]byte(ids.Replace(c.reply)), &in.Reply))
				}
				if c.err != "" {
					require.NoError(r, json.Unmarshal([]byte(c.err), &in.Error))
				}
				_, err := r.settle(in)
				require.NoError(r, err)
				assert.Equal(r, queue.Depth{Visible: c.visible, InFlight: 3 + c.hidden}, r.depth())
				time.Sleep(time.Minute - time.Second)
				assert.Equal(r, queue.Depth{Visible: c.visible, InFlight: 3 + c.hidden}, r.depth())
				time.Sleep(time.Minute + time.Second)
				assert.Equal(r, queue.Depth{Visible: c.visible + c.hidden, InFlight: 3}, r.depth())
				want := map[string]string{}
				for id, reason := range c.reasons {
					want[ids.Replace(id)] = reason
				}
				assert.Equal(r, want, r.reasons())
				assert.Equal(r, int64(2-c.visible-c.hidden), r.worker().Handled)
				assert.Equal(r, int64(len(want)), r.worker().Failed)
			})
		})
	}
}

func TestSettleKnowsWhatTheHandlerGot(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		held := r.holding()[:2]
		held[0].Outcome = steps.Filtered
		_, err := r.settle(steps.SettleInput{Messages: held, Reply: &steps.Reply{Failures: []json.RawMessage{json.RawMessage(`[{"itemIdentifier":"` + held[0].MessageID + `"}]`)}}})
		require.NoError(r, err)
		assert.Equal(r, map[string]string{
			held[1].MessageID: "worker-a-1|process|1|process handler: batchItemFailures of the handler's reply names the unknown message \"" + held[0].MessageID + "\"",
		}, r.reasons())
	})
}

func TestSettleCanBeRepeated(t *testing.T) {
	for name, fault := range map[string]api.Fault{
		"when its reply is lost":   {Operation: "none"},
		"when deletes are lost":    {Operation: "DeleteMessageBatch", Kind: api.LoseReply, Times: 3},
		"when returns are lost":    {Operation: "ChangeMessageVisibilityBatch", Kind: api.LoseReply, Times: 3},
		"when the object is gone":  {Operation: "DeleteObject", Kind: api.LoseReply, Times: 3},
		"when it cannot read back": {Operation: "UpdateItem", Kind: api.Fail, Times: 6},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(inHand(5)), func(r *rig) {
				held := r.holding()
				for i := range held {
					held[i].Outcome = steps.Handled
				}
				held[4].Outcome, held[4].Reason = steps.Failed, "no"
				r.keep("jobs/k.json", nil)
				r.runtime.Router.Faults.Add(fault)
				in := steps.SettleInput{Messages: held, Object: "jobs/k.json"}
				_, first := r.settle(in)
				assert.Equal(r, fault.Times == 0, first == nil)
				out, err := r.settle(in)
				require.NoError(r, err)
				assert.Equal(r, steps.Settled{Seq: 5}, out)
				time.Sleep(4 * time.Second)
				assert.Equal(r, queue.Depth{Visible: 1}, r.depth())
				assert.Equal(r, registry.Counts{Handled: 4, Failed: 1}, r.counts(), "counted once")
			})
		})
	}
}

func TestSettleRecordsAFailureOnce(t *testing.T) {
	inBubble(t, slot(inHand(5)), func(r *rig) {
		held := r.holding()[:1]
		in := steps.SettleInput{At: "2000-01-01T00:01:00.000Z", Stage: "transform", Messages: held, Error: &steps.StateError{Error: "States.Timeout"}}
		for range 3 {
			_, err := r.settle(in)
			require.NoError(r, err)
			time.Sleep(time.Second)
		}
		client := dynamodb.NewFromConfig(r.runtime.Config())
		out, err := client.Scan(r.Context(), &dynamodb.ScanInput{
			TableName: aws.String("muster"), FilterExpression: aws.String("begins_with(Fleet, :failures)"),
			ExpressionAttributeValues: map[string]ddbtypes.AttributeValue{":failures": &ddbtypes.AttributeValueMemberS{Value: "jobs#failures#"}},
		})
		require.NoError(r, err)
		require.Len(r, out.Items, 1)
		assert.Equal(r, &ddbtypes.AttributeValueMemberS{Value: "2000-01-01T00:01:00.000Z#" + held[0].MessageID}, out.Items[0]["Item"])
		assert.Equal(r, &ddbtypes.AttributeValueMemberS{Value: "transform"}, out.Items[0]["Stage"])
		assert.Equal(r, &ddbtypes.AttributeValueMemberS{Value: "transform handler: States.Timeout"}, out.Items[0]["Reason"])
	})
}

func TestSettleOfARelievedWorker(t *testing.T) {
	for name, worker := range map[string]registry.Worker{
		"that was replaced":       slot(inHand(5), func(w *registry.Worker) { w.Holder = "worker-a-2" }),
		"that has polled since":   slot(inHand(6)),
		"whose slot is another's": slot(func(w *registry.Worker) { w.Item = "worker#b" }),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, worker, func(r *rig) {
				held := r.holding()
				for i := range held {
					held[i].Outcome = steps.Handled
				}
				out, err := r.settle(steps.SettleInput{Messages: held})
				require.NoError(r, err, "the next poll finds out")
				assert.Equal(r, steps.Settled{Seq: 5}, out)
				assert.Equal(r, queue.Depth{}, r.depth(), "its messages are settled all the same")
				assert.Equal(r, worker, r.worker())
			})
		})
	}
}

func TestSettleFails(t *testing.T) {
	for operation, says := range map[string]string{
		"DeleteMessageBatch":           "delete 1 messages from ",
		"ChangeMessageVisibilityBatch": "return 1 messages to ",
		"BatchWriteItem":               "record 1 failures: ",
		"DeleteObject":                 "delete the batch jobs/k.json from bucket bodies: ",
		"UpdateItem":                   "report of worker a: ",
	} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, slot(inHand(5), func(w *registry.Worker) { w.BusyUntil = 1 << 50 }), func(r *rig) {
				held := r.holding()[:2]
				held[0].Outcome, held[1].Outcome = steps.Handled, steps.Failed
				r.fail(operation)
				_, err := r.settle(steps.SettleInput{Messages: held, Object: "jobs/k.json"})
				assert.ErrorContains(r, err, says)
				assert.ErrorContains(r, err, "AccessDenied")
				assert.NotZero(r, r.worker().BusyUntil)
			})
		})
	}
}
