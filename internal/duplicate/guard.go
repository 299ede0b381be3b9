package duplicate

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/musterq/muster/internal/message"
	"github.com/musterq/muster/internal/registry"
)

// together is how many messages are begun, or released, at a time.
const together = 32

// LastReceive is why a message is dead-lettered that found another being handled
// each time.
const LastReceive = "a message with the same key is being handled, and this was the last receive: SQS moves it to the dead-letter queue at the next"

// Guard looks out for a fleet's duplicates. The zero Guard does not.
type Guard struct {
	registry *registry.Registry
	key      Key
	window   time.Duration
}

// Open makes a guard for the key that [ParseKey] reads. A window of 0 is none,
// whatever the key.
func Open(r *registry.Registry, key string, window time.Duration) (*Guard, error) {
	if window <= 0 {
		return &Guard{}, nil
	}
	k, err := ParseKey(key)
	if err != nil {
		return nil, err
	}
	return &Guard{r, k, window}, nil
}

// Is says whether duplicates are looked out for.
func (g *Guard) Is() bool { return g.window > 0 }

// Begun is what becomes of messages that were received.
type Begun struct {
	// Start are those to handle, each with its attempt by message ID.
	Start    []message.Record
	Attempts map[string]registry.Attempt
	// Same are like one of those to handle: what becomes of that one decides what
	// they are. By message ID the ID of that one.
	Same    []message.Record
	Leaders map[string]string
	// Done were handled within the window: duplicates, to acknowledge.
	Done []message.Record
	// Doing are those that somebody else is at, and by message ID until when.
	Doing []message.Record
	Until map[string]time.Time
}

// Begin begins what nobody else is doing or has done. Its handlers end until
// then; t is the batch that waits for them where they take long. On an error
// nothing is begun.
func (g *Guard) Begin(ctx context.Context, records []message.Record, t registry.Task, until time.Time) (Begun, error) {
	b := Begun{Attempts: map[string]registry.Attempt{}, Leaders: map[string]string{}, Until: map[string]time.Time{}}
	if !g.Is() {
		b.Start = records
		return b, nil
	}
	// first is the first message of each key: its verdict is that of all.
	first := map[string]string{}
	keys := make([]string, len(records))
	verdicts := map[string]registry.Verdict{}
	busy := map[string]time.Time{}
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(together)
	for i, r := range records {
		keys[i] = registry.HashKey(g.key.Of(r))
		if _, another := first[keys[i]]; another {
			continue
		}
		first[keys[i]] = r.MessageID
		a := registry.Attempt{Key: keys[i], By: uuid.NewString()}
		b.Attempts[r.MessageID] = a
		all.Go(func() error {
			verdict, until, err := g.registry.Begin(ctx, a, t, time.Now(), until)
			mu.Lock()
			defer mu.Unlock()
			verdicts[a.Key], busy[a.Key] = verdict, until
			return err
		})
	}
	if err := all.Wait(); err != nil {
		// One whose write failed may have been written all the same.
		return Begun{}, errors.Join(err, g.Release(ctx, values(b.Attempts), time.Time{}))
	}
	for i, r := range records {
		leader, verdict := first[keys[i]], verdicts[keys[i]]
		switch {
		case verdict == registry.Done:
			b.Done = append(b.Done, r)
		case verdict == registry.Doing:
			b.Doing = append(b.Doing, r)
			b.Until[r.MessageID] = busy[keys[i]]
		case leader == r.MessageID:
			b.Start = append(b.Start, r)
			continue
		default:
			b.Same = append(b.Same, r)
			b.Leaders[r.MessageID] = leader
		}
		delete(b.Attempts, r.MessageID)
	}
	return b, nil
}

func values(attempts map[string]registry.Attempt) []registry.Attempt {
	all := make([]registry.Attempt, 0, len(attempts))
	for _, a := range attempts {
		all = append(all, a)
	}
	return all
}

// Extend says that what was begun runs until then at most. It returns the
// message IDs of the attempts that are still their own: of the others somebody
// else has begun, or nobody knows.
func (g *Guard) Extend(ctx context.Context, attempts map[string]registry.Attempt, until time.Time) map[string]bool {
	var mu sync.Mutex
	own := make(map[string]bool, len(attempts))
	var all errgroup.Group
	all.SetLimit(together)
	for id, a := range attempts {
		all.Go(func() error {
			ours, err := g.registry.Extend(ctx, a, until)
			mu.Lock()
			defer mu.Unlock()
			own[id] = ours && err == nil
			return nil // who is not known to be its own does not start
		})
	}
	_ = all.Wait() // no error is returned
	return own
}

// Done marks what was handled: before it is acknowledged, so that who dies
// between the two leaves a duplicate and not a second handling.
func (g *Guard) Done(ctx context.Context, attempts []registry.Attempt) error {
	return g.registry.MarkDone(ctx, attempts, time.Now().Add(g.window))
}

// Release gives up what was begun and not handled, before it is returned to the
// queue. From is when its handler must have ended, zero if it has.
func (g *Guard) Release(ctx context.Context, attempts []registry.Attempt, from time.Time) error {
	var all errgroup.Group
	all.SetLimit(together)
	for _, a := range attempts {
		all.Go(func() error { return g.registry.Release(ctx, a, from) })
	}
	return all.Wait()
}
