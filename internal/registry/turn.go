package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/guregu/dynamo/v2"
)

const turnItem = "turn"

// turn is the fleet's item "turn": when the tick begins, or began, that sees to
// all executions that have died by then.
type turn struct {
	Fleet string `dynamo:"Fleet,hash"`
	Item  string `dynamo:"Item,range"`
	Next  Instant
	// By is who took it, so that one's own write is known: whose reply was lost, or
	// of a try that died since.
	By string
}

// TakeTurn is for a tick that an execution's death woke, once it has kept what it
// knows of it: of those within gap the first runs at once, one more when gap is
// over, and all others need not run, for that one comes after them. It says when
// the next one runs, and whether it is this tick's. by names the tick: one that is
// tried again after it died still has the turn that it took.
func (r *Registry) TakeTurn(ctx context.Context, by string, now time.Time, gap time.Duration) (at time.Time, mine bool, err error) {
	first := r.takeTurn(by, now).If("attribute_not_exists($) OR $ < ?", "Next", "Next", At(now.Add(-gap)))
	seen, mine, err := r.tookTurn(ctx, first, by)
	if err != nil || mine || seen.After(now) {
		return seen, mine, err
	}
	return r.tookTurn(ctx, r.takeTurn(by, seen.Add(gap)).If("$ = ?", "Next", At(seen)), by)
}

func (r *Registry) takeTurn(by string, at time.Time) *dynamo.Update {
	return r.table.Update("Fleet", r.fleet).Range("Item", turnItem).Set("Next", At(at)).Set("By", by)
}

// tookTurn writes, and reads what holds where another has written.
func (r *Registry) tookTurn(ctx context.Context, u *dynamo.Update, by string) (at time.Time, mine bool, err error) {
	var t turn
	err = u.Value(ctx, &t)
	if dynamo.IsCondCheckFailed(err) {
		err = r.table.Get("Fleet", r.fleet).Range("Item", dynamo.Equal, turnItem).Consistent(true).One(ctx, &t)
	}
	if err != nil && !errors.Is(err, dynamo.ErrNotFound) {
		return time.Time{}, false, fmt.Errorf("take the turn of a tick: %w", err)
	}
	return t.Next.Time(), t.By == by, nil
}
