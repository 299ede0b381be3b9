package cli

import (
	"context"
	"fmt"
)

// givingBack is the notice of verbs that have only looked.
const givingBack = "Giving back what was received. Interrupt again to leave at once."

// finishing is for verbs that have something to finish: the first interrupt
// prints a notice and closes the channel, the second ends the context.
func (s *streams) finishing(ctx context.Context, notice string) (context.Context, <-chan struct{}, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := make(chan struct{})
	go func() {
		select {
		case <-s.interrupts:
			fmt.Fprintln(s.err, notice)
			close(stop)
		case <-ctx.Done():
			return
		}
		select {
		case <-s.interrupts:
			cancel(&exitError{status: exitInterrupted})
		case <-ctx.Done():
		}
	}()
	return ctx, stop, func() { cancel(nil) }
}
