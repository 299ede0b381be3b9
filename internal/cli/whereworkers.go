package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/musterq/muster/internal/registry"
)

const (
	// pollState is the state of a worker that receives a batch.
	pollState = "Poll"
	// newestEvents of an execution that are looked at: many more than one batch
	// takes.
	newestEvents = 200
)

// workers asks the workers: those of the stream lane said what they had in hand
// at their last report, those of the steps lane show it in their history.
func (w *whereabouts) workers(ctx context.Context, d *deadLetters, t registry.Trace) error {
	for _, k := range t.Holders(w.MessageID) {
		w.found("workers", "worker %s had it in hand when it reported home %s", k.ID(), stamp(k.ReportedAt.Time()))
		w.Worker = k.Holder
		w.conclude("handed", "muster status "+w.Fleet, "worker %s had it in hand at its last report, %s", k.ID(), stamp(k.ReportedAt.Time()))
	}
	stream, steps, unnamed := 0, 0, 0
	states := sfn.NewFromConfig(d.cfg)
	for _, k := range t.Workers {
		switch {
		case k.Lane == "stream":
			stream++
			unnamed += max(k.InHandMessages-len(k.Holding), 0)
			continue
		case k.Seq <= k.Settled:
			continue // nothing in hand
		}
		steps++
		has, err := inHistory(ctx, states, d.stack, k.Holder, w.MessageID)
		if err != nil {
			return err
		}
		if !has.batch {
			continue
		}
		w.found("workers", "execution %s received it %s and has been in its state %q since %s", k.Holder, stamp(has.received), has.state, stamp(has.since))
		w.Worker, w.State = k.Holder, has.state
		w.conclude("worker", "muster status "+w.Fleet, "execution %s holds it, in its state %q since %s", k.Holder, has.state, stamp(has.since))
	}
	if w.Worker == "" {
		w.found("workers", "the last reports of %d in the stream lane name others, and leave %s messages unnamed; %d in the steps lane have other batches",
			stream, thousands(unnamed), steps)
	}
	return nil
}

// batchOf is what an execution's history says of a message.
type batchOf struct {
	// batch is true if the message is in the batch in hand.
	batch bool
	// received is when the batch came, since when the execution entered the state
	// that it is in.
	received, since time.Time
	state           string
}

// inHistory looks for a message in the batch that an execution has in hand: the
// newest that its Poll state brought.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
func inHistory(ctx context.Context, states *sfn.Client, k *stack, execution, messageID string) (batchOf, error) {
	var b batchOf
	machine, err := k.output("WorkerStateMachineArn")
	if err != nil {
		return b, err
	}
	arn := strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + execution
	in := &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, ReverseOrder: true, IncludeExecutionData: aws.Bool(true)}
	for seen := 0; seen < newestEvents; {
		out, err := states.GetExecutionHistory(ctx, in)
		var gone *types.ExecutionDoesNotExist
		if errors.As(err, &gone) {
			return b, nil // it was reserved and has not begun
		}
		if err != nil {
			return b, fmt.Errorf("read the history of execution %s: %w", execution, err)
		}
		for _, e := range out.Events {
			if entered := e.StateEnteredEventDetails; entered != nil && b.state == "" {
				b.state, b.since = aws.ToString(entered.Name), aws.ToTime(e.Timestamp)
			}
			if exited := e.StateExitedEventDetails; exited != nil && aws.ToString(exited.Name) == pollState {
				b.batch, b.received = strings.Contains(aws.ToString(exited.Output), `"`+messageID+`"`), aws.ToTime(e.Timestamp)
				return b, nil
			}
		}
		seen += len(out.Events)
		if out.NextToken == nil || len(out.Events) == 0 {
			return b, nil
		}
		in.NextToken = out.NextToken
	}
	return b, nil
}
