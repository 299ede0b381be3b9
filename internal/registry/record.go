package registry

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/guregu/dynamo/v2"
)

// Keep is how long ticks and failures can be looked up.
const Keep = 14 * 24 * time.Hour

// Tick is the record of one run of the autoscaler.
type Tick struct {
	Fleet string `dynamo:"Fleet,hash"`
	// Item is when it ran and what ran it.
	Item    string `dynamo:"Item,range"`
	At      Instant
	Visible int
	// InFlight is how many messages are held or backing off.
	InFlight int
	Workers  int
	Wanted   int
	Started  int
	Drained  int
	Freed    int
	// Starved, AtCap and OverBudget are the decision's signals.
	Starved    bool `dynamo:",omitempty"`
	AtCap      bool `dynamo:",omitempty"`
	OverBudget bool `dynamo:",omitempty"`
	// Spent is what the fleet has spent this month, in dollars, as the tick reckons,
	// and Budget what it may spend. 0 for no budget.
	Spent  float64 `dynamo:",omitempty"`
	Budget float64 `dynamo:",omitempty"`
	// Failed is true of one that could not do its work.
	Failed bool `dynamo:",omitempty"`
	Reason string
	// ExpiresAt is when DynamoDB may delete it.
	ExpiresAt time.Time `dynamo:",unixtime"`
}

// RecordTick keeps what a tick did. Repeating it with the same time is harmless.
func (r *Registry) RecordTick(ctx context.Context, id string, now time.Time, t Tick) error {
	t.Fleet = r.fleet + "#ticks"
	t.At = At(now)
	t.Item = string(t.At) + "#" + id
	t.ExpiresAt = now.Add(Keep)
	if err := r.table.Put(t).Run(ctx); err != nil {
		return fmt.Errorf("record the tick: %w", err)
	}
	return nil
}

// Ticks returns the newest ticks, newest first. DynamoDB keeps what has expired
// for a while yet; that is left out.
func (r *Registry) Ticks(ctx context.Context, limit int) ([]Tick, error) {
	var ticks []Tick
	err := r.table.Get("Fleet", r.fleet+"#ticks").Order(dynamo.Descending).
		Filter("$ > ?", "ExpiresAt", time.Now().Unix()).Limit(limit).All(ctx, &ticks)
	if err != nil && !errors.Is(err, dynamo.ErrNotFound) {
		return nil, fmt.Errorf("read the ticks: %w", err)
	}
	return ticks, nil
}

// Failure is the record of one failed attempt at a message.
type Failure struct {
	Fleet string `dynamo:"Fleet,hash"`
	// Item is when it failed and which message.
	Item      string `dynamo:"Item,range"`
	At        Instant
	MessageID string
	// Receives is how often the message had been received.
	Receives int
	Worker   string
	// Stage that failed: "transform" or "process".
	Stage string
	// Handler is the ARN of that stage's handler.
	Handler string `dynamo:",omitempty"`
	// Reason is cut to what [Shorten] leaves of it.
	Reason string
	// ExpiresAt is when DynamoDB may delete it.
	ExpiresAt time.Time `dynamo:",unixtime"`
}

// maxReason is the longest reason that is kept, in bytes.
const maxReason = 1000

// Shorten cuts a reason to what there is room for in records and in state.
func Shorten(reason string) string {
	if len(reason) <= maxReason {
		return reason
	}
	cut := maxReason
	for cut > 0 && !utf8.RuneStart(reason[cut]) {
		cut--
	}
	return reason[:cut] + "..."
}

// failureShards spread a failure storm over partitions.
const failureShards = 8

// RecordFailures keeps why messages failed, for 14 days.
func (r *Registry) RecordFailures(ctx context.Context, now time.Time, failures []Failure) error {
	if len(failures) == 0 {
		return nil
	}
	items := make([]any, len(failures))
	for i, f := range failures {
		f.Fleet = r.failurePartition(shardOf(f.MessageID))
		f.At = At(now)
		f.Item = string(f.At) + "#" + f.MessageID
		f.Reason = Shorten(f.Reason)
		f.ExpiresAt = now.Add(Keep)
		items[i] = f
	}
	if _, err := r.table.Batch("Fleet", "Item").Write().Put(items...).Run(ctx); err != nil {
		return fmt.Errorf("record %d failures: %w", len(failures), err)
	}
	return nil
}
