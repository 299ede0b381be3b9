package autoscaler

import (
	"context"
	"strings"
	"time"
)

// stormGap is how often ticks run that deaths of executions wake.
const stormGap = 5 * time.Second

// coalesce keeps a storm of deaths from causing a tick each. What an event tells
// is kept first; then it says whether another tick, which comes after that, sees
// to it. One whose turn it is later waits for it. In doubt the tick runs.
func (a *Autoscaler) coalesce(ctx context.Context, in Input) (seenTo bool) {
	told := endOf(in.Trigger)
	if told.holder == "" || in.Begun > 0 {
		return false
	}
	t := tick{Autoscaler: a, now: time.Now()}
	w, found, err := a.registry.Worker(ctx, workerOf(told.holder))
	if err == nil && found && w.Holder == told.holder && !w.Ended {
		_, err = a.registry.MarkEnded(ctx, w, t.canRunUntil(w))
	}
	if err != nil {
		return false
	}
	at, mine, err := a.registry.TakeTurn(ctx, in.Tick, time.Now(), stormGap)
	switch {
	case err != nil:
		return false
	case !mine:
		return true
	}
	// By another clock it may be longer.
	wait := time.NewTimer(min(time.Until(at), stormGap))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	return false
}

// workerOf is the ID of the worker whose execution has that name, as
// [registry.HolderName] makes it.
func workerOf(holder string) string {
	id := strings.TrimPrefix(holder, "worker-")
	if i := strings.LastIndex(id, "-"); i >= 0 {
		id = id[:i]
	}
	return id
}
