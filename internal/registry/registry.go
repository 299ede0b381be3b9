// Package registry keeps a fleet's workers, ticks and failures in its DynamoDB
// table. The slot rules that hold the cap live here: every write says what it
// expects to find, and can be repeated when its reply was lost.
//
// Keys: partition key Fleet, sort key Item. The fleet's own partition holds the
// item "control" and one item "worker#<uuid>" for each slot. What grows lives
// under other partition keys, so that it cannot crowd out reports.
package registry

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/guregu/dynamo/v2"
)

// State of a worker's item.
type State string

const (
	// Reserved is a slot whose execution is yet to report home.
	Reserved State = "reserved"
	// Working is a slot whose execution has reported home.
	Working State = "working"
)

// Orders are what a report brings back.
type Orders string

const (
	// CarryOn is the order to go on working.
	CarryOn Orders = "carry on"
	// Drain is the order to finish what is held and go home.
	Drain Orders = "drain"
	// HandOver is the order to pass the slot to a successor, which runs the
	// newer definition.
	HandOver Orders = "hand over"
)

// ErrRelieved is what a worker gets that no longer holds its item.
var ErrRelieved = errors.New("relieved: another execution holds this worker's item, or its slot was freed")

// ErrMoved is what a tick gets when the registry is no longer as it was read.
var ErrMoved = errors.New("the registry changed since it was read")

// HeldError is what a pump gets while an earlier pump of the same worker may
// still run.
type HeldError struct {
	// Until is when the earlier pump and its handlers can no longer run.
	Until time.Time
}

func (e *HeldError) Error() string {
	return "an earlier pump of this worker may run until " + e.Until.UTC().Format(time.RFC3339)
}

// ClockMargin is what is added to every promise about time that another machine
// reads, for clocks that differ.
const ClockMargin = 15 * time.Second

// Instant is a time as the state machine writes it: RFC 3339 with milliseconds,
// kept as text so that a condition can compare it with what was read.
type Instant string

// At writes a time as an Instant.
func At(t time.Time) Instant { return Instant(t.UTC().Format("2006-01-02T15:04:05.000Z")) }

// Time reads an Instant. What cannot be read is the zero time: long ago.
func (i Instant) Time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, string(i))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Worker is one slot: the item "worker#<uuid>".
type Worker struct {
	Fleet string `dynamo:"Fleet,hash"`
	Item  string `dynamo:"Item,range"`
	State State
	// Holder is the name of the execution that holds the slot.
	Holder string
	// Generation counts the executions that have held it, from 1.
	Generation int
	Orders     Orders
	// Stay is true for a worker that does not go home when idle.
	Stay bool
	Lane string
	// Parallelism is the share of the cap that the slot takes.
	Parallelism int
	// Revision of the worker state machine that the holder runs.
	Revision string
	// Input of the holder's execution, and of its successor's: JSON.
	Input      string
	ReservedAt Instant
	ReportedAt Instant
	// BusyUntil is when no handler that this worker started can run any more,
	// in milliseconds since 1970. 0 while it has started none.
	BusyUntil int64
	// Ended is true once a tick knows that the holder's execution has ended.
	Ended bool
	// Token of the pump that works for this worker. Empty between shifts.
	Token string `dynamo:",omitempty"`
	// LastToken is the token of the shift that ended last.
	LastToken string `dynamo:",omitempty"`
	// Seq is the number of the last poll of the steps lane.
	Seq int64
	// Settled is the number of the last batch that was settled.
	Settled int64
	// Poll is the request that polled last: of a poll that is tried again only the
	// last try's messages are handled.
	Poll string `dynamo:",omitempty"`
	// Try is the number of that try.
	Try int
	Counts
}

// Counts are what a worker has done since it was reserved.
type Counts struct {
	Handled  int64
	Failed   int64
	Filtered int64
	// Duplicates were acknowledged because one like them had been handled.
	Duplicates int64
	// Unmatched is how many matched no route, each time they were received.
	// Whatever became of them is counted as well.
	Unmatched int64
	// InHand is how many handler invocations run now.
	InHand int
	// InHandMessages is how many messages the worker holds, those that wait for a
	// handler included. Those that wait in the queue for their backoff are none.
	InHandMessages int
	// Rate is how many messages a second the worker handles when it has enough of
	// them, Took how many seconds an event keeps one of its places: smoothed in the
	// stream lane, the last batch's in the steps lane. 0 until it has handled any.
	Rate float64
	Took float64
	// Throttled is how many messages went back, each time that they did, because
	// Lambda let no handler start for them.
	Throttled int64
	// Events is how many events it has settled, BusySeconds how long their handlers had
	// them, the time included that deleting takes. What Lambda throttled is in
	// neither.
	Events      int64
	BusySeconds float64
	// Holding are the IDs of messages in hand at a report of the stream lane, at
	// most [MaxHolding] of them.
	Holding []string `dynamo:",omitempty"`
}

// MaxHolding is how many messages in hand a report names: each adds to what the
// report costs.
const MaxHolding = 100

// ID is the worker's uuid.
func (w Worker) ID() string { return strings.TrimPrefix(w.Item, workerPrefix) }

// Busy says whether a handler that the worker started may run at that time.
func (w Worker) Busy(now time.Time) bool { return now.UnixMilli() < w.BusyUntil }

// Live says whether the worker reported home within the window or is busy by
// its own word.
func (w Worker) Live(now time.Time, window time.Duration) bool {
	return !w.Ended && (now.Sub(w.ReportedAt.Time()) <= window || w.Busy(now))
}

// Control is the fleet's item "control". Every change of slots moves Version.
type Control struct {
	Fleet   string `dynamo:"Fleet,hash"`
	Item    string `dynamo:"Item,range"`
	Version int64
	// SurplusSince is when there began to be too many workers. Empty if not.
	SurplusSince Instant `dynamo:",omitempty"`
	// Deaths is how many worker executions ended badly in a row.
	Deaths int
	// DiedAt is when the last of them was seen, Died which execution it was.
	DiedAt Instant `dynamo:",omitempty"`
	Died   string  `dynamo:",omitempty"`
}

const (
	controlItem  = "control"
	workerPrefix = "worker#"
)

// HolderName is the execution name of a worker's generation.
func HolderName(worker string, generation int) string {
	return fmt.Sprintf("worker-%s-%d", worker, generation)
}

// Registry is the registry of one fleet.
type Registry struct {
	fleet string
	db    *dynamo.DB
	table dynamo.Table
}

// New opens the registry of a fleet in a table.
func New(cfg aws.Config, table, fleet string) *Registry {
	db := dynamo.New(cfg, func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
			s.MaxAttempts = 6
			dynamo.RetryTxConflicts(s)
			// A plain write can meet another's transaction too.
			s.Retryables = append(s.Retryables, retry.RetryableErrorCode{Codes: map[string]struct{}{"TransactionConflictException": {}}})
		})
	})
	return &Registry{fleet: fleet, db: db, table: db.Table(table)}
}
