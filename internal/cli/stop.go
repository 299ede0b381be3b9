package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/musterq/muster/internal/autoscaler"
	"github.com/musterq/muster/internal/registry"
)

const soonStopped = `Worker executions are aborted, and with them the jobs that Step Functions waits
for. It does not stop a Lambda function: handlers that run end by themselves, and a
worker of the stream lane finishes what it holds, within a minute of which it takes
no more. Messages in hand are visible again after their time-out. Slots are freed
when nothing can run in them any more.`

func newStop(s *streams) *cobra.Command {
	o := new(steerOptions)
	now := false
	c := &cobra.Command{
		Use:   "stop [FLEET] --now",
		Short: "Pause, and abort the workers' executions at once",
		Long: `Stop pauses the fleet and aborts the executions of all its workers. Nothing else
cuts off a worker that is busy: 'muster pause' lets each finish what it holds.
'muster resume' starts the fleet again.

` + soonStopped,
		Example: `  muster stop orders --now --why "it charges customers twice"`,
	}
	c.Flags().BoolVar(&now, "now", false, "abort what runs")
	return steering(s, c, o, true, func(ctx context.Context) error {
		if !now {
			return &exitError{
				status: exitUsage, err: errors.New("stop aborts what runs: say so with --now"),
				hint: "To let workers finish what they hold: muster pause " + o.fleet,
			}
		}
		return runStop(ctx, s, o)
	})
}

func runStop(ctx context.Context, s *streams, o *steerOptions) error {
	k, r, d, err := o.begin(ctx, s, "stop and abort")
	if err != nil {
		return err
	}
	machine, err := k.output("WorkerStateMachineArn")
	if err != nil {
		return err
	}
	// Paused first: no tick shall start others in their places.
	if err := r.Pause(ctx, d); err != nil {
		return err
	}
	aborted, err := abortWorkers(ctx, sfn.NewFromConfig(k.cfg), r, machine, d)
	if err != nil {
		return fmt.Errorf("%d executions were aborted, the fleet is paused: %w", aborted, err)
	}
	said := fmt.Sprintf("stopped %s; %d executions were aborted", d, aborted)
	return o.finish(ctx, s, k, "stop", said, d, soonStopped)
}

const (
	// abortsAtOnce is how many executions are aborted side by side.
	abortsAtOnce = 10
	// abortTries of each: StopExecution allows 25 a second after the first 500.
	// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
	abortTries = 20
	// abortRounds are looks for executions that succeeded those aborted before.
	abortRounds = 5
)

// abortWorkers aborts the executions of all workers until a look at the registry
// finds no other one. It says how many.
func abortWorkers(ctx context.Context, executions *sfn.Client, r *registry.Registry, machine string, d registry.Directive) (int, error) {
	prefix := strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":"
	var aborted atomic.Int64
	seen := map[string]bool{}
	for range abortRounds {
		s, err := r.Snapshot(ctx)
		if err != nil {
			return int(aborted.Load()), err
		}
		others := slices.DeleteFunc(s.Workers, func(w registry.Worker) bool { return w.Ended || seen[w.Holder] })
		if len(others) == 0 {
			break
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(abortsAtOnce)
		for _, w := range others {
			seen[w.Holder] = true
			group.Go(func() error {
				_, err := executions.StopExecution(ctx, &sfn.StopExecutionInput{
					ExecutionArn: aws.String(prefix + w.Holder), Error: aws.String(autoscaler.Stopped), Cause: aws.String("stopped " + d.String()),
				}, func(o *sfn.Options) { o.RetryMaxAttempts = abortTries })
				var missing *types.ExecutionDoesNotExist
				if errors.As(err, &missing) {
					// Not started yet: its first report sends it home.
					return nil
				}
				if err != nil {
					return fmt.Errorf("abort %s: %w", w.Holder, err)
				}
				aborted.Add(1)
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return int(aborted.Load()), err
		}
	}
	return int(aborted.Load()), nil
}
