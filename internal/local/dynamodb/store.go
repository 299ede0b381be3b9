package dynamodb

import (
	"crypto/md5"
	"encoding/binary"
	"slices"
	"sort"
	"time"

	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// store keeps the items of one table: partitions by key, and in each the rows
// in the order of their sort keys. Its owner locks it.
type store struct {
	// keep is how long versions stay that were overwritten, for stale reads.
	keep       time.Duration
	partitions map[string]*partition
	// order has the partitions by position, as a scan walks them.
	order []*partition
	// graves are rows whose deletion stale reads do not see yet, oldest first.
	graves []*row
	count  int
	bytes  int64
}

// partition has the rows of one partition key.
type partition struct {
	text     string
	position uint64
	rows     []*row
}

// row is the place of one item.
type row struct {
	key     key
	version // the newest
	// expires is when TTL may take the item, in epoch seconds; slot is the
	// row's index in the heap of such, -1 when it is not in there.
	expires int64
	slot    int
}

// version is an item as it was from since on. A nil item is none.
type version struct {
	item   attribute.Map
	size   int
	since  time.Time
	before *version
}

// at is the item as it was at a moment. Zero is now.
func (r *row) at(moment time.Time) (attribute.Map, int) {
	if moment.IsZero() {
		return r.item, r.size
	}
	for v := &r.version; v != nil; v = v.before {
		if !v.since.After(moment) {
			return v.item, v.size
		}
	}
	return nil, 0
}

// position spreads partitions as DynamoDB does: by an MD5 of the key.
func position(text string) uint64 {
	sum := md5.Sum([]byte(text))
	return binary.BigEndian.Uint64(sum[:])
}

// search is the index of the first row that does not come before a sort key,
// or, if after is set, of the first that comes after it.
func (p *partition) search(sortKey attribute.Value, after bool) int {
	return sort.Search(len(p.rows), func(i int) bool {
		order, _ := attribute.Compare(p.rows[i].key.sort, sortKey)
		return order > 0 || order == 0 && !after
	})
}

// place is the index of the row with a key in its partition, and whether it is there.
func (p *partition) place(k key) (int, bool) {
	if k.sort == nil {
		return 0, len(p.rows) > 0
	}
	i := p.search(k.sort, false)
	return i, i < len(p.rows) && p.rows[i].key.sort == k.sort
}

// seek is the index in order of the first partition that does not come before.
func (s *store) seek(position uint64, text string) int {
	return sort.Search(len(s.order), func(i int) bool {
		p := s.order[i]
		return p.position > position || p.position == position && p.text >= text
	})
}

// find returns the row with a key, nil when there never was one.
func (s *store) find(k key) *row {
	p := s.partitions[text(k.partition)]
	if p == nil {
		return nil
	}
	if i, ok := p.place(k); ok {
		return p.rows[i]
	}
	return nil
}

// write makes item the newest version of a key's row. A nil item deletes it.
func (s *store) write(k key, item attribute.Map, size int, now time.Time) *row {
	s.bury(now)
	r := s.find(k)
	if r == nil {
		if item == nil {
			return nil
		}
		r = s.insert(k)
	}
	if r.item != nil {
		s.count--
		s.bytes -= int64(r.size)
	}
	if item != nil {
		s.count++
		s.bytes += int64(size)
	}
	if s.keep == 0 {
		r.version = version{item: item, size: size}
		if item == nil {
			s.drop(r)
		}
		return r
	}
	before := r.version
	r.version = version{item: item, size: size, since: now, before: &before}
	r.forget(now.Add(-s.keep))
	if item == nil {
		s.graves = append(s.graves, r)
	}
	return r
}

// forget lets go of versions that ended before a moment.
func (r *row) forget(moment time.Time) {
	for v := &r.version; v != nil; v = v.before {
		if !v.since.After(moment) {
			v.before = nil
		}
	}
}

// bury drops rows whose deletion every read can see by now.
func (s *store) bury(now time.Time) {
	for len(s.graves) > 0 {
		r := s.graves[0]
		if r.item == nil {
			if r.since.After(now.Add(-s.keep)) {
				return
			}
			s.drop(r)
		}
		s.graves = s.graves[1:]
	}
}

func (s *store) insert(k key) *row {
	name := text(k.partition)
	p := s.partitions[name]
	if p == nil {
		p = &partition{text: name, position: position(name)}
		s.partitions[name] = p
		s.order = slices.Insert(s.order, s.seek(p.position, name), p)
	}
	r := &row{key: k, slot: -1}
	i, _ := p.place(k)
	p.rows = slices.Insert(p.rows, i, r)
	return r
}

func (s *store) drop(r *row) {
	p := s.partitions[text(r.key.partition)]
	if p == nil {
		return
	}
	i, ok := p.place(r.key)
	if !ok || p.rows[i] != r {
		return
	}
	p.rows = slices.Delete(p.rows, i, i+1)
	if len(p.rows) == 0 {
		delete(s.partitions, p.text)
		i := s.seek(p.position, p.text)
		s.order = slices.Delete(s.order, i, i+1)
	}
}
