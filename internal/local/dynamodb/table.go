package dynamodb

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// table is one table. Fields above the lock do not change.
type table struct {
	schema  schema
	name    string
	arn     string
	id      string
	created time.Time
	input   CreateTableInput

	mu sync.Mutex
	store
	ttl  expirations
	tags map[string]string
	// held are the byte-hours until aged that are not billed yet.
	held float64
	aged time.Time
}

// lock locks the table after TTL took what it takes by now.
func (t *table) lock(now time.Time) {
	t.mu.Lock()
	t.age(now)
	t.reap(now)
}

// lockAll locks tables in the order of their names, each once, so that two
// transactions cannot wait for each other.
func lockAll(tables map[*table]struct{}, now time.Time) (unlock func()) {
	ordered := slices.SortedFunc(maps.Keys(tables), func(a, b *table) int {
		if a.name != b.name {
			if a.name < b.name {
				return -1
			}
			return 1
		}
		// A table that was deleted and made again while the request ran.
		return a.created.Compare(b.created)
	})
	for _, t := range ordered {
		t.lock(now)
	}
	return func() {
		for _, t := range ordered {
			t.mu.Unlock()
		}
	}
}
