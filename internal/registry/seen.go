package registry

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/guregu/dynamo/v2"
)

// Attempt is one attempt at handling what has a key. Two messages with the same
// key are the same to a fleet that looks out for duplicates.
type Attempt struct {
	// Key that the messages share, as [HashKey] makes it.
	Key string `json:"key"`
	// By names the attempt. No other has the same name.
	By string `json:"by"`
}

// Task is the batch that waits for a task token or a job, which lasts for long.
// What it does is void once its worker's item no longer says the same, as with
// [Hold.Stands]. Zero for a handler whose time-out says all.
type Task struct {
	// MessageID of its one message: whether that has another task is the business
	// of its [Hold], which was taken before.
	MessageID string `dynamo:",omitempty"`
	Worker    string `dynamo:",omitempty"`
	Execution string `dynamo:",omitempty"`
	Seq       int64  `dynamo:",omitempty"`
	Request   string `dynamo:",omitempty"`
}

// Seen is what is known of a key: somebody is doing it, or it is done.
type Seen struct {
	Fleet string `dynamo:"Fleet,hash"`
	// Item is the key.
	Item string `dynamo:"Item,range"`
	// By names the attempt.
	By string
	Task
	// Until is when the attempt can no longer run, in milliseconds since 1970.
	Until int64
	Done  bool
	// ExpiresAt is when this is forgotten. DynamoDB keeps it for a while yet.
	ExpiresAt time.Time `dynamo:",unixtime"`
}

// Verdict says what to do with a message that has a key.
type Verdict string

const (
	// Begun is for the message of this attempt: nobody else is doing it.
	Begun Verdict = "begun"
	// Doing is for one that another attempt is doing.
	Doing Verdict = "doing"
	// Done is for one that was handled within the window.
	Done Verdict = "done"
)

const (
	// seenShards spread the writes over partitions, of which each takes 1,000 a
	// second.
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
	seenShards = 32
	// seenKept is for how long what was begun and never ended is kept when it no
	// longer counts.
	seenKept = time.Hour
	// beginTries is how often a key may change between a write and a read.
	beginTries = 5
)

// Begin begins an attempt that runs until then at most, unless another is at it
// or the key is done. With Doing comes when that other one ends at the latest.
//
// The conditional write lets one of two begin. One whose reply was lost is told
// by the attempt's name. Who dies right after blocks the key until then and no
// longer, or, of a task, until its worker is gone: then the message is handled
// again, for nobody can tell whether it was.
func (r *Registry) Begin(ctx context.Context, a Attempt, t Task, now, until time.Time) (Verdict, time.Time, error) {
	mine := r.seen(a.Key)
	mine.By, mine.Task, mine.Until, mine.ExpiresAt = a.By, t, until.UnixMilli(), until.Add(seenKept)
	var over Seen
	for range beginTries {
		put := r.table.Put(mine)
		if over.By == "" {
			put.If("attribute_not_exists($) OR $ <= ? OR ($ = ? AND ($ <= ? OR $ = ?))",
				"Item", "ExpiresAt", now.Unix(), "Done", false, "Until", now.UnixMilli(), "By", a.By)
		} else {
			put.If("$ = ? AND $ = ?", "Done", false, "By", over.By)
		}
		err := put.Run(ctx)
		if err == nil {
			return Begun, until, nil
		}
		if !dynamo.IsCondCheckFailed(err) {
			return "", until, fmt.Errorf("begin a message: %w", err)
		}
		over, err = r.readSeen(ctx, mine)
		switch {
		case err != nil:
			return "", until, err
		case over.By == "" || !now.Before(over.ExpiresAt):
			over = Seen{}
			continue // removed since
		case over.By == a.By && !over.Done:
			return Begun, until, nil
		case over.Done:
			return Done, until, nil
		}
		void, err := r.void(ctx, over, t)
		if err != nil {
			return "", until, err
		}
		if !void {
			return Doing, time.UnixMilli(over.Until), nil
		}
	}
	return Doing, now, nil
}

func (r *Registry) readSeen(ctx context.Context, key Seen) (s Seen, err error) {
	err = r.table.Get("Fleet", key.Fleet).Range("Item", dynamo.Equal, key.Item).Consistent(true).One(ctx, &s)
	if err != nil && !errors.Is(err, dynamo.ErrNotFound) {
		return s, fmt.Errorf("read who is at a message: %w", err)
	}
	return s, nil
}

// void says whether a task is over without a word: its worker is gone, or at
// another batch, or somebody else holds its message.
func (r *Registry) void(ctx context.Context, s Seen, next Task) (bool, error) {
	switch {
	case s.Worker == "":
		return false, nil
	case s.MessageID != "" && s.MessageID == next.MessageID:
		return true, nil
	}
	w, found, err := r.Worker(ctx, s.Worker)
	if err != nil {
		return false, err
	}
	h := Hold{Worker: s.Worker, Execution: s.Execution, Seq: s.Seq, Request: s.Request}
	return !found || !h.Stands(w), nil
}

// MarkDone says that what has the attempts' keys was handled: until then a
// second one like it is a duplicate. It holds whoever is at it now, for it was
// handled. Once more is harmless.
func (r *Registry) MarkDone(ctx context.Context, attempts []Attempt, until time.Time) error {
	items := make([]any, 0, len(attempts))
	keys := map[Seen]bool{}
	for _, a := range attempts {
		s := r.seen(a.Key)
		if keys[s] {
			continue // DynamoDB takes an item once a batch
		}
		keys[s] = true
		s.By, s.Done, s.ExpiresAt = a.By, true, until
		items = append(items, s)
	}
	if len(items) == 0 {
		return nil
	}
	if _, err := r.table.Batch("Fleet", "Item").Write().Put(items...).Run(ctx); err != nil {
		return fmt.Errorf("mark %d messages as done: %w", len(items), err)
	}
	return nil
}

// Extend says that an attempt runs until then at most, later than it said. False
// when it is no longer the attempt's to say: its time was over, and another has
// begun. Once more is harmless.
func (r *Registry) Extend(ctx context.Context, a Attempt, until time.Time) (bool, error) {
	err := r.moveUntil(ctx, a, until)
	if dynamo.IsCondCheckFailed(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("extend the time of a message: %w", err)
	}
	return true, nil
}

func (r *Registry) moveUntil(ctx context.Context, a Attempt, until time.Time) error {
	key := r.seen(a.Key)
	return r.table.Update("Fleet", key.Fleet).Range("Item", key.Item).Set("Until", until.UnixMilli()).
		Set("ExpiresAt", until.Add(seenKept).Unix()).If("$ = ? AND $ = ?", "By", a.By, "Done", false).Run(ctx)
}

// Release lets others begin what an attempt did not bring to its end, from then
// on: the zero time is at once. What is done, or somebody else's by now, stays.
// Once more is harmless.
func (r *Registry) Release(ctx context.Context, a Attempt, from time.Time) error {
	key := r.seen(a.Key)
	var err error
	if from.IsZero() {
		err = r.table.Delete("Fleet", key.Fleet).Range("Item", key.Item).If("$ = ? AND $ = ?", "By", a.By, "Done", false).Run(ctx)
	} else {
		err = r.moveUntil(ctx, a, from)
	}
	if err != nil && !dynamo.IsCondCheckFailed(err) {
		return fmt.Errorf("release a message: %w", err)
	}
	return nil
}

// HashKey makes a key of what messages share, whatever its length. It tells
// nothing of a body.
func HashKey(shared string) string {
	sum := sha256.Sum256([]byte(shared))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// seen is where a key is kept.
func (r *Registry) seen(key string) Seen {
	h := fnv.New32a()
	h.Write([]byte(key))
	return Seen{Fleet: fmt.Sprintf("%s#seen#%d", r.fleet, h.Sum32()%seenShards), Item: key}
}
