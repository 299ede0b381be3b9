package steps_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/queue"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/steps"
)

const (
	// 20 s of waiting, the handler's 30, a minute of throttling, a minute for two
	// states, 15 s for clocks that differ.
	busyFor = 185 * time.Second
	// The handler's 30 s and 55.
	hiddenFor = 85 * time.Second
)

func TestPollTakesABatch(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		ids := r.send("one", "two")
		b, err := r.poll(0, 40)
		require.NoError(r, err)
		whole(r, b)
		require.Len(r, b.Event.Records, 2)
		assert.Equal(r, "one", b.Event.Records[0].Body)
		received := b.Messages[0].Received
		assert.True(r, received.Equal(time.Now()))
		assert.Equal(r, steps.Batch{
			Next: "process", Seq: 1, Empty: 0, BusyUntil: "2000-01-01T00:01:20.000Z", Event: b.Event, Handler: r.arn("process"),
			Messages: []steps.Item{
				{Held: queue.Held{MessageID: ids[0], ReceiptHandle: b.Event.Records[0].ReceiptHandle, Receives: 1, Received: received}},
				{Held: queue.Held{MessageID: ids[1], ReceiptHandle: b.Event.Records[1].ReceiptHandle, Receives: 1, Received: received}},
			},
		}, b)
		assert.Equal(r, slot(inHand(1), func(w *registry.Worker) {
			w.BusyUntil, w.Poll = midnight.Add(busyFor).UnixMilli(), "request-1"
		}), r.worker())
		time.Sleep(hiddenFor - time.Second)
		assert.Equal(r, queue.Depth{InFlight: 2}, r.depth())
		time.Sleep(time.Second)
		assert.Equal(r, queue.Depth{Visible: 2}, r.depth(), "hidden while its handler may run")
	})
}

func TestPollWithATransformHandler(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		r.config.Transform = r.put("transform", 20*time.Second, nil)
		r.send("one", strings.Repeat("x", 200_000))
		r.config.BatchSize = 1
		small, err := r.poll(0, 0)
		require.NoError(r, err)
		assert.Equal(r, "transform", small.Next)
		assert.Len(r, small.Event.Records, 1, "no more than asked for")
		// The transform handler's 20 s, a minute of throttling and one of margins.
		assert.Equal(r, "2000-01-01T00:02:20.000Z", small.BusyUntil)
		assert.Equal(r, r.config.Transform.ARN, small.TransformHandler)
		assert.Equal(r, midnight.Add(busyFor+140*time.Second).UnixMilli(), r.worker().BusyUntil)
		large, err := r.poll(1, 0)
		require.NoError(r, err)
		assert.Equal(r, "transform", large.Next)
		assert.NotEmpty(r, large.Object)
	})
}

func TestPollFindsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		worker     registry.Worker
		idle       time.Duration
		empty      int
		next       string
		emptyAfter int
		waits      time.Duration
	}{
		"at first":        {slot(), 50 * time.Second, 0, "poll", 20, 20 * time.Second},
		"again":           {slot(), 50 * time.Second, 20, "poll", 40, 20 * time.Second},
		"for long enough": {slot(), 50 * time.Second, 40, "go home", 60, 20 * time.Second},
		"exactly":         {slot(), 60 * time.Second, 40, "go home", 60, 20 * time.Second},
		"in a hurry":      {slot(), 5 * time.Second, 0, "go home", 5, 5 * time.Second},
		"but stays":       {slot(stay), 50 * time.Second, 4000, "poll", 4020, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.worker, func(r *rig) {
				r.config.Idle = c.idle
				began := time.Now()
				b, err := r.poll(7, c.empty)
				require.NoError(r, err)
				whole(r, b)
				assert.Equal(r, c.waits, time.Since(began))
				assert.Equal(r, steps.Batch{Next: c.next, Seq: 8, Empty: c.emptyAfter, BusyUntil: string(registry.At(began.Add(busyFor))), Event: noRecords, Messages: []steps.Item{}}, b)
			})
		})
	}
}

func TestPollDoesNotReceive(t *testing.T) {
	for name, c := range map[string]struct {
		worker registry.Worker
		seq    int64
		next   string
	}{
		"when it shall drain":         {slot(ordered(registry.Drain)), 0, "go home"},
		"when it shall hand over":     {slot(ordered(registry.HandOver)), 0, "hand over"},
		"when its history is long":    {slot(), 399, "hand over"},
		"when it shall drain, and is": {slot(ordered(registry.Drain)), 399, "go home"},
		"when another holds its item": {slot(func(w *registry.Worker) { w.Holder = "worker-a-2" }), 0, "relieved"},
		"when a later poll has begun": {slot(inHand(9)), 7, "relieved"},
		"when its slot is somebody's": {slot(func(w *registry.Worker) { w.Item = "worker#b" }), 0, "relieved"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.worker, func(r *rig) {
				r.send("one")
				b, err := r.poll(c.seq, 20)
				require.NoError(r, err)
				whole(r, b)
				assert.Equal(r, steps.Batch{Next: c.next, Seq: c.seq + 1, Empty: 20, BusyUntil: "2000-01-01T00:03:05.000Z", Event: noRecords, Messages: []steps.Item{}}, b)
				assert.Equal(r, queue.Depth{Visible: 1}, r.depth())
			})
		})
	}
}

func TestPollGoesOnUpToTheLastBatch(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		r.send("one")
		b, err := r.poll(398, 0)
		require.NoError(r, err)
		assert.Equal(r, "process", b.Next)
	})
}

func TestPollIsRepeated(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		// The first poll's answer was lost: its messages come back by themselves.
		r.send("one")
		_, err := r.poll(0, 0)
		require.NoError(r, err)
		r.send("two")
		b, err := r.poll(0, 0)
		require.NoError(r, err)
		assert.Equal(r, int64(1), b.Seq)
		assert.Equal(r, "two", b.Event.Records[0].Body)
	})
}

func TestPollKeepsLargeBodiesOutOfState(t *testing.T) {
	// overhead is what an encoded event has beside the body.
	var overhead int
	inBubble(t, slot(), func(r *rig) {
		r.send("x")
		b, err := r.poll(0, 0)
		require.NoError(r, err)
		payload, err := b.Event.Encode()
		require.NoError(r, err)
		overhead = len(payload) - 1
	})
	for name, c := range map[string]struct {
		body string
		next string
	}{
		"as large as may be":           {strings.Repeat("x", 150*1024-overhead), "process"},
		"too large":                    {strings.Repeat("x", 150*1024-overhead+1), "process large"},
		"too large once it is escaped": {strings.Repeat(`"`, (150*1024-overhead)/2+1), "process large"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slot(), func(r *rig) {
				ids := r.send(c.body)
				b, err := r.poll(0, 0)
				require.NoError(r, err)
				whole(r, b)
				assert.Equal(r, c.next, b.Next)
				assert.Equal(r, []steps.Item{{Held: queue.Held{MessageID: ids[0], Receives: 1}}}, items(b))
				if c.next == "process" {
					assert.Len(r, b.Event.Records, 1)
					assert.Empty(r, b.Object)
					assert.Empty(r, r.bodies())
					return
				}
				assert.Equal(r, noRecords, b.Event)
				assert.Equal(r, "bodies/jobs/worker-a-1/request-1.json", b.Object)
				kept := r.kept(b.Object)
				require.Len(r, kept, 1)
				assert.Equal(r, c.body, kept[0].Body)
			})
		})
	}
}

func TestPollFails(t *testing.T) {
	for operation, says := range map[string]string{
		"UpdateItem":     "report of worker a: ",
		"ReceiveMessage": "receive from ",
		"PutObject":      "into bucket bodies: ",
	} {
		t.Run(operation, func(t *testing.T) {
			inBubble(t, slot(), func(r *rig) {
				r.send(strings.Repeat("x", 200_000))
				r.fail(operation)
				_, err := r.poll(0, 0)
				assert.ErrorContains(r, err, says)
				assert.ErrorContains(r, err, "AccessDenied")
			})
		})
	}
}

func TestPollReportsThoughItsReplyIsLost(t *testing.T) {
	inBubble(t, slot(), func(r *rig) {
		hits, _ := r.runtime.Router.Faults.Add(api.Fault{Operation: "UpdateItem", Kind: api.LoseReply, Times: 1})
		r.send("one")
		b, err := r.poll(0, 0)
		require.NoError(r, err)
		assert.Equal(r, 1, hits())
		assert.Equal(r, "process", b.Next)
	})
}
