package autoscaler_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/registry"
)

func holds(messages int) func(*registry.Worker) {
	return func(w *registry.Worker) { w.InHandMessages = messages }
}

func justStarted(w *registry.Worker) { w.ReservedAt = now }

func midBatch(w *registry.Worker) { w.Seq, w.Settled = 3, 2 }

func TestMessagesThatBackOffAreNoDepth(t *testing.T) {
	for name, c := range map[string]struct {
		lane   fleet.Lane
		worker []registry.Worker
		want   string
	}{
		"nobody holds them":           {fleet.Stream, nil, "depth 0 (0 visible, 30 in flight, 30 of them backing off)"},
		"a worker holds some":         {fleet.Stream, []registry.Worker{slot("a", holds(8))}, "depth 8 (0 visible, 30 in flight, 22 of them backing off)"},
		"its first report is to come": {fleet.Stream, []registry.Worker{slot("a", justStarted)}, "depth 20 (0 visible, 30 in flight, 10 of them backing off)"},
		"a worker that has ended":     {fleet.Stream, []registry.Worker{slot("a", holds(8), ended)}, "depth 0 (0 visible, 30 in flight, 30 of them backing off)"},
		"two workers hold all":        {fleet.Stream, []registry.Worker{slot("a", holds(20)), slot("b", holds(20))}, "depth 30 (0 visible, 30 in flight)"},
		"steps, between two batches":  {fleet.Steps, []registry.Worker{slot("a", inSteps)}, "depth 0 (0 visible, 30 in flight, 30 of them backing off)"},
		"steps, with a batch in hand": {fleet.Steps, []registry.Worker{slot("a", inSteps, midBatch)}, "depth 10 (0 visible, 30 in flight, 20 of them backing off)"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.config.Lane = c.lane
				r.send(30)
				for range 3 {
					out, err := r.queue.ReceiveMessage(r.Context(), &sqs.ReceiveMessageInput{QueueUrl: aws.String(r.url), MaxNumberOfMessages: 10, VisibilityTimeout: 600})
					require.NoError(r, err)
					require.Len(r, out.Messages, 10)
				}
				if len(c.worker) > 0 {
					require.NoError(r, r.registry.Commit(r.Context(), registry.Control{}, registry.Change{Reserve: c.worker}))
				}
				assert.Contains(r, r.ticks(scheduled).Reason, c.want)
			})
		})
	}
}
