package dynamodb

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// WriteRequest is one write of a batch: either of its members.
type WriteRequest struct {
	PutRequest *struct {
		Item attribute.Document
	} `json:",omitempty"`
	DeleteRequest *struct {
		Key attribute.Document
	} `json:",omitempty"`
}

// BatchWriteItemInput is the input of BatchWriteItem.
type BatchWriteItemInput struct {
	RequestItems                map[string][]WriteRequest
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
}

// BatchWriteItemOutput is the output of BatchWriteItem. Nothing is ever left
// unprocessed: there is no throughput to exceed.
type BatchWriteItemOutput struct {
	UnprocessedItems map[string][]WriteRequest
	ConsumedCapacity []ConsumedCapacity `json:",omitempty"`
}

// batchWriteItem puts and deletes up to 25 items, each by itself, not all
// together.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
func (s *Service) batchWriteItem(_ context.Context, caller api.Caller, in *BatchWriteItemInput) (*BatchWriteItemOutput, error) {
	if err := (Returning{ReturnConsumedCapacity: in.ReturnConsumedCapacity, ReturnItemCollectionMetrics: in.ReturnItemCollectionMetrics}).check(); err != nil {
		return nil, err
	}
	if len(in.RequestItems) == 0 {
		return nil, constraint("'{}'", "requestItems", "Member must have length greater than or equal to 1")
	}
	var writes []*write
	seen := map[item]struct{}{}
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		requests := in.RequestItems[name]
		if len(requests) == 0 {
			return nil, constraint("'[]'", "requestItems."+name+".member", "Member must have length greater than or equal to 1")
		}
		for _, request := range requests {
			w, err := s.batchWrite(name, request)
			if err != nil {
				return nil, err
			}
			if _, twice := seen[w.target()]; twice {
				return nil, invalid("Provided list of item keys contains duplicates")
			}
			seen[w.target()] = struct{}{}
			writes = append(writes, w)
		}
	}
	if len(writes) > maxBatchWrite {
		return nil, invalid("Too many items requested for the BatchWriteItem call")
	}
	consumed := map[*table]units{}
	for _, w := range writes {
		now := time.Now()
		w.table.lock(now)
		e, err := w.prepare()
		if err == nil {
			w.commit(e, now)
		}
		w.table.mu.Unlock()
		if err != nil {
			return nil, err
		}
		consumed[w.table] = consumed[w.table].plus(e.units())
	}
	s.countAll(caller, consumed)
	return &BatchWriteItemOutput{
		UnprocessedItems: map[string][]WriteRequest{},
		ConsumedCapacity: capacities(in.ReturnConsumedCapacity, consumed, false),
	}, nil
}

func (s *Service) batchWrite(table string, r WriteRequest) (*write, error) {
	switch {
	case r.PutRequest != nil && r.DeleteRequest == nil:
		return s.newPut(table, r.PutRequest.Item, Conditional{})
	case r.DeleteRequest != nil && r.PutRequest == nil:
		return s.newRemove(table, r.DeleteRequest.Key, Conditional{})
	}
	return nil, invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
}

// item is one item's place among all tables.
type item struct {
	table *table
	key   key
}

func (w *write) target() item { return item{w.table, w.key} }
