package autoscaler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"

	"github.com/musterq/muster/internal/fleet"
	"github.com/musterq/muster/internal/hold"
	"github.com/musterq/muster/internal/registry"
	"github.com/musterq/muster/internal/steps"
)

// end is what is known of an execution that has ended.
type end struct {
	holder string
	status types.ExecutionStatus
	// excused is true of an execution that ended because it was replaced, or was
	// stopped by hand.
	excused bool
}

// bad says whether the execution died, as against having done its work.
func (e end) bad() bool {
	return e.holder != "" && e.status != types.ExecutionStatusSucceeded && !e.excused
}

// endOf reads the event that triggered a tick: the status change of a worker's
// execution is itself knowledge of its end.
// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
func endOf(trigger json.RawMessage) end {
	var event struct {
		DetailType string `json:"detail-type"`
		Detail     struct {
			Name   string                `json:"name"`
			Status types.ExecutionStatus `json:"status"`
			Error  string                `json:"error"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(trigger, &event); err != nil || event.DetailType != "Step Functions Execution Status Change" {
		return end{}
	}
	if !over(event.Detail.Status) {
		return end{}
	}
	return end{holder: event.Detail.Name, status: event.Detail.Status, excused: excused(event.Detail.Error)}
}

// Stopped is the error of executions that somebody stops by hand: their ends are
// no deaths.
const Stopped = "Muster.Stopped"

func excused(cause string) bool { return cause == "Muster.Relieved" || cause == Stopped }

// over says whether an execution of that status has ended. One that waits for
// its redrive runs on.
func over(s types.ExecutionStatus) bool {
	switch s {
	case types.ExecutionStatusSucceeded, types.ExecutionStatusFailed, types.ExecutionStatusTimedOut, types.ExecutionStatusAborted:
		return true
	}
	return false
}

// learn finds out which of the workers' executions have ended, and sorts the
// slots into those that stay taken and those that are free: their execution has
// ended and what it started can no longer run. Time alone frees nothing.
func (t *tick) learn(ctx context.Context, workers []registry.Worker, told end) error {
	slices.SortFunc(workers, func(a, b registry.Worker) int {
		return strings.Compare(string(a.ReportedAt), string(b.ReportedAt))
	})
	if told.bad() {
		// It may have left by itself: its end counts all the same.
		t.bury(told.holder)
	}
	lookups := t.lookups(workers)
	for _, w := range workers {
		known := end{}
		switch {
		case w.Ended:
		case w.Holder == told.holder:
			known = told
		case lookups[w.Item]:
			var err error
			known, err = t.describe(ctx, w)
			var throttled smithy.APIError
			if errors.As(err, &throttled) && throttled.ErrorCode() == "ThrottlingException" {
				clear(lookups)
				t.notes += "; Step Functions throttles the look-up of silent workers"
			} else if err != nil {
				return err
			}
		}
		if known.holder != "" {
			if known.bad() {
				t.bury(known.holder)
			}
			ended, err := t.registry.MarkEnded(ctx, w, t.canRunUntil(w))
			if err != nil {
				return err
			}
			w = ended
		}
		if w.Ended && !w.Busy(t.now) {
			t.free = append(t.free, w)
		} else {
			t.workers = append(t.workers, w)
		}
	}
	return nil
}

// bury notes an execution that died, unless it was counted before.
func (t *tick) bury(holder string) {
	if holder != t.control.Died {
		t.died = holder
	}
}

// lookups are the items of the workers whose executions this tick looks up.
func (t *tick) lookups(workers []registry.Worker) map[string]bool {
	var items []string
	holding := t.holding()
	for _, w := range workers {
		if !w.Ended && (holding[w.Item] || t.questionable(w)) {
			items = append(items, w.Item)
		}
	}
	chosen := map[string]bool{}
	for _, item := range turn(items, describeLimit) {
		chosen[item] = true
	}
	return chosen
}

// questionable says whether a worker's execution should be looked up: it fell
// silent, or never reported home. One that waits for a task may be busy for a
// year by its own word, and dead.
func (t *tick) questionable(w registry.Worker) bool {
	silence := t.now.Sub(w.ReportedAt.Time())
	waits := w.Lane == string(fleet.Steps) && hold.Wanted(t.config.Settings)
	return silence > t.config.Liveness && (waits || !w.Busy(t.now)) || w.State == registry.Reserved && silence > 2*startDoubt
}

// canRunUntil is when nothing that an ended execution started can run any more,
// in milliseconds since 1970. A pump has said so itself. In the steps lane the
// state machine started handlers up to the moment it ended, and a courier may
// for a while after it asked the registry, which it may have done until it is
// marked as ended: now. A task may run until its next beat is refused.
func (t *tick) canRunUntil(w registry.Worker) int64 {
	if w.Lane == string(fleet.Stream) || w.BusyUntil == 0 {
		return w.BusyUntil
	}
	return hold.Over(t.config.Settings, time.Now().Add(steps.Confirmed)).UnixMilli()
}

// describe looks a worker's execution up. One that does not exist is not known
// to have ended: Step Functions is eventually consistent.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
func (t *tick) describe(ctx context.Context, w registry.Worker) (end, error) {
	arn := strings.Replace(t.config.WorkerStateMachine, ":stateMachine:", ":execution:", 1) + ":" + w.Holder
	out, err := t.executions.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	var missing *types.ExecutionDoesNotExist
	switch {
	case errors.As(err, &missing):
		return end{}, nil
	case err != nil:
		return end{}, fmt.Errorf("look up worker execution %s: %w", w.Holder, err)
	case !over(out.Status):
		return end{}, nil
	}
	return end{holder: w.Holder, status: out.Status, excused: excused(aws.ToString(out.Error))}, nil
}

// doubtful are the reservations whose start may have failed: started again
// under the same name and input, which Step Functions makes idempotent. When
// there are too many for one tick each has its turn.
func (t *tick) doubtful() []registry.Worker {
	var again []registry.Worker
	for _, w := range t.workers {
		if w.State == registry.Reserved && !w.Ended && t.now.Sub(w.ReportedAt.Time()) > startDoubt {
			again = append(again, w)
		}
	}
	return turn(again, startsLimit)
}

// turn picks at most limit of all, by chance, so that none waits for ever behind
// some that never get done.
func turn[T any](all []T, limit int) []T {
	if len(all) <= limit {
		return all
	}
	from := rand.IntN(len(all))
	return append(slices.Clone(all[from:]), all[:from]...)[:limit]
}
