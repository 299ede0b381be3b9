package registry

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"strings"
	"time"

	"github.com/guregu/dynamo/v2"
)

// FailureQuery says which failures are wanted. The zero value is all that are
// kept.
type FailureQuery struct {
	// Since and Until are the times between which they were recorded, Until left
	// out. Zero is open.
	Since, Until time.Time
	// Match is a text in the reason or the message ID, in upper or lower case.
	// Empty matches all.
	Match string
	// Handler is the ARN of the handler that failed, or its name. Empty matches
	// all.
	Handler string
	// MessageID of the only message that is wanted. Empty matches all.
	MessageID string
	// Limit is the most failures to return. Defaults to 0, which is all.
	Limit int
}

// Failures returns failures, newest first. They are read a page at a time, as
// the caller goes on, so that a storm of them fits into memory. An error ends
// the sequence.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html
func (r *Registry) Failures(ctx context.Context, q FailureQuery) iter.Seq2[Failure, error] {
	return func(yield func(Failure, error) bool) {
		shards, err := r.openShards(ctx, q)
		for n := 0; err == nil && len(shards) > 0; {
			newest := 0
			for i, s := range shards {
				if s.head.Item > shards[newest].head.Item {
					newest = i
				}
			}
			s := shards[newest]
			if q.matches(s.head) {
				if n++; !yield(s.head, nil) || n == q.Limit {
					return
				}
			}
			var more bool
			if more, err = s.advance(ctx); !more {
				shards = append(shards[:newest], shards[newest+1:]...)
			}
		}
		if err != nil {
			yield(Failure{}, err)
		}
	}
}

// failureShard is one partition of failures as it is read, newest first.
type failureShard struct {
	pages dynamo.PagingIter
	// head is the failure that is next.
	head Failure
}

// openShards begins to read the partitions that can hold what is wanted, but
// for those that hold none.
func (r *Registry) openShards(ctx context.Context, q FailureQuery) ([]*failureShard, error) {
	var open []*failureShard
	for n := range uint32(failureShards) {
		if q.MessageID != "" && n != shardOf(q.MessageID) {
			continue
		}
		s := &failureShard{pages: r.failureQuery(n, q).Iter()}
		more, err := s.advance(ctx)
		if err != nil {
			return nil, err
		}
		if more {
			open = append(open, s)
		}
	}
	return open, nil
}

// failureQuery leaves out what has expired: DynamoDB keeps it for a while yet.
func (r *Registry) failureQuery(shard uint32, q FailureQuery) *dynamo.Query {
	query := r.table.Get("Fleet", r.failurePartition(shard)).Order(dynamo.Descending).
		Filter("$ > ?", "ExpiresAt", time.Now().Unix())
	if q.MessageID != "" {
		query.Filter("$ = ?", "MessageID", q.MessageID)
	}
	// An item's key is its time, '#' and the message: longer than the time alone,
	// and so behind it.
	switch {
	case !q.Since.IsZero() && !q.Until.IsZero():
		query.Range("Item", dynamo.Between, At(q.Since), At(q.Until))
	case !q.Since.IsZero():
		query.Range("Item", dynamo.GreaterOrEqual, At(q.Since))
	case !q.Until.IsZero():
		query.Range("Item", dynamo.Less, At(q.Until))
	}
	return query
}

// advance reads the next failure. False when there are no more.
func (s *failureShard) advance(ctx context.Context) (bool, error) {
	s.head = Failure{}
	if s.pages.Next(ctx, &s.head) {
		return true, nil
	}
	if err := s.pages.Err(); err != nil && !errors.Is(err, dynamo.ErrNotFound) {
		return false, fmt.Errorf("read the failures: %w", err)
	}
	return false, nil
}

func (q FailureQuery) matches(f Failure) bool {
	if q.Handler != "" && f.Handler != q.Handler && handlerName(f.Handler) != q.Handler {
		return false
	}
	return q.Match == "" || containsFold(f.Reason, q.Match) || containsFold(f.MessageID, q.Match)
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// handlerName cuts the name out of a handler's ARN: of a function the part after
// "function:", of any other the last part.
func handlerName(arn string) string {
	if _, rest, ok := strings.Cut(arn, ":function:"); ok {
		name, _, _ := strings.Cut(rest, ":")
		return name
	}
	return arn[strings.LastIndexAny(arn, ":/")+1:]
}

// HandlerName is the name of the handler that failed. Empty for a failure that
// was recorded without its handler.
func (f Failure) HandlerName() string { return handlerName(f.Handler) }

// shardOf is the partition of a message's failures.
func shardOf(messageID string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(messageID))
	return h.Sum32() % failureShards
}

func (r *Registry) failurePartition(shard uint32) string {
	return fmt.Sprintf("%s#failures#%d", r.fleet, shard)
}
