package expression

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"

	"github.com/google/uuid"
)

// Random is a seeded source of random numbers that goroutines can share.
type Random struct {
	mu     sync.Mutex
	source *rand.Rand
}

// NewRandom makes a source: the same seed gives the same numbers.
func NewRandom(seed uint64) *Random {
	return &Random{source: rand.New(rand.NewPCG(seed, 0x6d7573746572))}
}

// Int64N is a number in [0, n). N must be positive.
func (r *Random) Int64N(n int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.source.Int64N(n)
}

// Float64 is a number in [0, 1).
func (r *Random) Float64() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.source.Float64()
}

// UUID is a random UUID, version 4.
func (r *Random) UUID() string {
	var id uuid.UUID
	r.mu.Lock()
	binary.BigEndian.PutUint64(id[:8], r.source.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.source.Uint64())
	r.mu.Unlock()
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
