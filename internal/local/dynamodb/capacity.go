package dynamodb

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/price"
)

// Units that operations consume.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
const (
	readUnitBytes  = 4096
	writeUnitBytes = 1024
	// eventual is what an eventually consistent read costs of a consistent one,
	// transactional what an action of a transaction costs of a plain one.
	eventual      = 0.5
	transactional = 2.0
)

// units of capacity that one call consumed of one table.
type units struct{ read, write float64 }

// Capacity is a part of [ConsumedCapacity].
type Capacity struct {
	CapacityUnits      float64
	ReadCapacityUnits  float64 `json:",omitzero"`
	WriteCapacityUnits float64 `json:",omitzero"`
}

// ConsumedCapacity is what a call consumed of one table. Reads and writes are
// told apart for transactions only.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ConsumedCapacity.html
type ConsumedCapacity struct {
	TableName string
	Capacity
	Table *Capacity `json:",omitempty"`
}

// Stats are counters since the service began.
type Stats struct {
	// ReadUnits and WriteUnits are the request units consumed, those of failed
	// conditions included, as AWS bills them.
	ReadUnits, WriteUnits float64
}

type meter struct {
	mu    sync.Mutex
	stats Stats
}

// Stats returns the service's counters.
func (s *Service) Stats() Stats {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	return s.meter.stats
}

// count bills what a call consumed of a table.
func (s *Service) count(caller api.Caller, t *table, u units) {
	s.meter.mu.Lock()
	s.meter.stats.ReadUnits += u.read
	s.meter.stats.WriteUnits += u.write
	s.meter.mu.Unlock()
	if u.read > 0 {
		s.router.Bill(api.Usage{Item: price.DynamoDBRead, Quantity: u.read, Resource: t.arn, Caller: caller})
	}
	if u.write > 0 {
		s.router.Bill(api.Usage{Item: price.DynamoDBWrite, Quantity: u.write, Resource: t.arn, Caller: caller})
	}
}

func (s *Service) countAll(caller api.Caller, consumed map[*table]units) {
	for t, u := range consumed {
		s.count(caller, t, u)
	}
}

// itemOverhead is what each item that is kept counts for beside its own bytes.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
const itemOverhead = 100

// age adds what the table has held since it was last looked at. It is locked.
func (t *table) age(now time.Time) {
	t.held += float64(t.bytes+itemOverhead*int64(t.store.count)) * now.Sub(t.aged).Hours()
	t.aged = now
}

// BillStorage bills what tables have held until now.
func (s *Service) BillStorage() {
	s.mu.RLock()
	tables := slices.Collect(maps.Values(s.tables))
	s.mu.RUnlock()
	for _, t := range tables {
		t.lock(time.Now())
		held := t.held
		t.held = 0
		t.mu.Unlock()
		s.router.Bill(api.Usage{Item: price.DynamoDBStorage, Quantity: held / price.GB / price.Month.Hours(), Resource: t.arn})
	}
}

func blocks(size, block int) float64 { return float64(max(1, (size+block-1)/block)) }

func writeUnits(size int) units { return units{write: blocks(size, writeUnitBytes)} }

func readUnits(size int, consistent bool) units {
	u := blocks(size, readUnitBytes)
	if !consistent {
		u *= eventual
	}
	return units{read: u}
}

func (u units) times(factor float64) units { return units{u.read * factor, u.write * factor} }

func (u units) plus(v units) units { return units{u.read + v.read, u.write + v.write} }

// capacity reports units as ReturnConsumedCapacity asks: nil for NONE.
func capacity(want, table string, u units) *ConsumedCapacity {
	if want != "TOTAL" && want != "INDEXES" {
		return nil
	}
	total := Capacity{CapacityUnits: u.read + u.write}
	c := &ConsumedCapacity{TableName: table, Capacity: total}
	if want == "INDEXES" {
		c.Table = &total
	}
	return c
}

// capacities reports units of several tables, in the order of their names.
func capacities(want string, perTable map[*table]units, split bool) []ConsumedCapacity {
	var all []ConsumedCapacity
	for _, t := range slices.SortedFunc(maps.Keys(perTable), func(a, b *table) int { return strings.Compare(a.name, b.name) }) {
		u := perTable[t]
		c := capacity(want, t.name, u)
		if c == nil {
			return nil
		}
		if split {
			c.ReadCapacityUnits, c.WriteCapacityUnits = u.read, u.write
			if c.Table != nil {
				*c.Table = c.Capacity
			}
		}
		all = append(all, *c)
	}
	return all
}

func checkReturnConsumedCapacity(value string) error {
	return oneOf(value, "returnConsumedCapacity", "INDEXES", "TOTAL", "NONE")
}
