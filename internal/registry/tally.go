package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/guregu/dynamo/v2"
)

const tallyItem = "tally"

// Tally is the fleet's item "tally": what is left of workers that went home, and
// what ticks remember. The scaling rule alone reads it: estimates, on which no
// slot depends.
type Tally struct {
	Fleet string `dynamo:"Fleet,hash"`
	Item  string `dynamo:"Item,range"`
	// Done is how many messages they settled, well or badly.
	Done int64
	// Vain is how many of them had found none.
	Vain int64
	// Workers is how many went home, Seconds how long they were there, and Events and
	// Busy what they counted of them.
	Workers int64
	Seconds float64
	Events  int64
	Busy    float64
	// Took and Event are how many seconds an event kept its place and how many
	// messages it had, as the last of them that knew had measured. 0 if none did.
	Took  float64
	Event float64
	// Memory is what the last tick left to the next, as JSON.
	Memory string `dynamo:",omitempty"`
}

// Settled is how many messages are counted, well or badly.
func (c Counts) Settled() int64 { return c.Handled + c.Failed + c.Filtered + c.Duplicates }

// Tally reads the tally. It is zero before anybody went home.
func (r *Registry) Tally(ctx context.Context) (Tally, error) {
	var t Tally
	err := r.table.Get("Fleet", r.fleet).Range("Item", dynamo.Equal, tallyItem).Consistent(true).One(ctx, &t)
	if err != nil && !errors.Is(err, dynamo.ErrNotFound) {
		return t, fmt.Errorf("read the registry's tally: %w", err)
	}
	return t, nil
}

// CountHome leaves what a worker did, which is about to go home. vain is true of
// one that went by itself and never found a message. One whose reply is lost may
// count twice.
func (r *Registry) CountHome(ctx context.Context, w Worker, vain bool) error {
	done, looked := w.Counts.Settled(), 0
	if vain {
		looked = 1
	}
	u := r.table.Update("Fleet", r.fleet).Range("Item", tallyItem).Add("Done", done).Add("Vain", looked).
		Add("Workers", 1).Add("Seconds", time.Since(w.ReservedAt.Time()).Seconds()).Add("Events", w.Events).Add("Busy", w.BusySeconds)
	if w.Took > 0 && w.Parallelism > 0 {
		u.Set("Took", w.Took).Set("Event", w.Rate*w.Took/float64(w.Parallelism))
	}
	if err := u.Run(ctx); err != nil {
		return fmt.Errorf("count a worker that goes home: %w", err)
	}
	return nil
}

// Remember keeps a tick's memory for the next, if it is still the one that the tick
// has read. [ErrMoved] when another tick was quicker: what both have seen must not
// be counted twice.
func (r *Registry) Remember(ctx context.Context, read, memory string) error {
	u := r.table.Update("Fleet", r.fleet).Range("Item", tallyItem).Set("Memory", memory)
	if read == "" {
		u.If("attribute_not_exists($)", "Memory")
	} else {
		u.If("$ = ?", "Memory", read)
	}
	err := u.Run(ctx)
	if dynamo.IsCondCheckFailed(err) {
		return ErrMoved
	}
	if err != nil {
		return fmt.Errorf("keep the tick's memory: %w", err)
	}
	return nil
}
