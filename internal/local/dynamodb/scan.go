package dynamodb

import (
	"context"
	"math/bits"
	"sort"
	"strconv"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/expression"
)

// ScanInput is the input of Scan.
type ScanInput struct {
	TableName     string
	Segment       *int
	TotalSegments *int
	Paging
}

const maxSegments = 1_000_000

// scan returns items of the whole table, partition by partition.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
func (s *Service) scan(_ context.Context, caller api.Caller, in *ScanInput) (*PageOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	segment, err := in.segment()
	if err != nil {
		return nil, err
	}
	parsed, err := s.parser.Parse(expression.Request{
		Filter:     in.FilterExpression,
		Projection: in.ProjectionExpression,
		Names:      in.ExpressionAttributeNames,
		Values:     in.ExpressionAttributeValues,
		Takes:      []string{"FilterExpression"},
	})
	if err != nil {
		return nil, err
	}
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, err
	}
	start, resumes, err := in.startKey(t.schema)
	if err != nil {
		return nil, err
	}
	if resumes && !segment.has(position(text(start.partition))) {
		return nil, invalid("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d", segment.total, segment.index)
	}
	now := time.Now()
	pg, err := s.newPage(t, in.Paging, parsed, now)
	if err != nil {
		return nil, err
	}
	t.lock(now)
	for rows := range t.from(start, resumes, segment) {
		for i := 0; i < len(rows) && !pg.full(); i++ {
			pg.visit(rows[i])
		}
		if pg.full() {
			break
		}
	}
	t.mu.Unlock()
	return s.finish(caller, pg, t), nil
}

// segment is one part of a parallel scan.
type segment struct{ index, total uint64 }

func (g segment) has(position uint64) bool {
	index, _ := bits.Mul64(position, g.total)
	return index == g.index
}

func (in *ScanInput) segment() (segment, error) {
	switch {
	case in.Segment == nil && in.TotalSegments == nil:
		return segment{0, 1}, nil
	case in.TotalSegments == nil:
		return segment{}, invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case in.Segment == nil:
		return segment{}, invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case *in.TotalSegments < 1:
		return segment{}, constraint("'"+strconv.Itoa(*in.TotalSegments)+"'", "totalSegments", "Member must have value greater than or equal to 1")
	case *in.TotalSegments > maxSegments:
		return segment{}, constraint("'"+strconv.Itoa(*in.TotalSegments)+"'", "totalSegments", "Member must have value less than or equal to 1000000")
	case *in.Segment < 0:
		return segment{}, constraint("'"+strconv.Itoa(*in.Segment)+"'", "segment", "Member must have value greater than or equal to 0")
	case *in.Segment >= *in.TotalSegments:
		return segment{}, invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", *in.Segment, *in.TotalSegments)
	}
	return segment{uint64(*in.Segment), uint64(*in.TotalSegments)}, nil
}

// from walks the partitions of a segment, behind a key if the scan resumes.
func (s *store) from(start key, resumes bool, g segment) func(yield func([]*row) bool) {
	return func(yield func([]*row) bool) {
		var first int
		if resumes {
			name := text(start.partition)
			first = s.seek(position(name), name)
			if p := s.partitions[name]; p != nil {
				first++
				if start.sort != nil && !yield(p.rows[p.search(start.sort, true):]) {
					return
				}
			}
		} else {
			first = sort.Search(len(s.order), func(i int) bool {
				index, _ := bits.Mul64(s.order[i].position, g.total)
				return index >= g.index
			})
		}
		for _, p := range s.order[first:] {
			if !g.has(p.position) || !yield(p.rows) {
				return
			}
		}
	}
}
