package dynamodb

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// Limits of batches.
const (
	maxBatchGet   = 100
	maxBatchWrite = 25
	maxBatchBytes = 16 << 20
)

// KeysAndAttributes is what to get of one table.
type KeysAndAttributes struct {
	Keys           []attribute.Document
	ConsistentRead bool `json:",omitzero"`
	Projecting
}

// BatchGetItemInput is the input of BatchGetItem.
type BatchGetItemInput struct {
	RequestItems           map[string]KeysAndAttributes
	ReturnConsumedCapacity string
}

// BatchGetItemOutput is the output of BatchGetItem.
type BatchGetItemOutput struct {
	Responses        map[string][]attribute.Map
	UnprocessedKeys  map[string]KeysAndAttributes
	ConsumedCapacity []ConsumedCapacity `json:",omitempty"`
}

// batchGetItem returns up to 100 items or 16 MB. What does not fit comes back
// as unprocessed keys.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
func (s *Service) batchGetItem(_ context.Context, caller api.Caller, in *BatchGetItemInput) (*BatchGetItemOutput, error) {
	if err := checkReturnConsumedCapacity(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if len(in.RequestItems) == 0 {
		return nil, constraint("'{}'", "requestItems", "Member must have length greater than or equal to 1")
	}
	names := slices.Sorted(maps.Keys(in.RequestItems))
	gets := make([]*get, len(names))
	keys := make([][]key, len(names))
	total := 0
	for i, name := range names {
		request := in.RequestItems[name]
		if len(request.Keys) == 0 {
			return nil, constraint("'[]'", "requestItems."+name+".member.keys", "Member must have length greater than or equal to 1")
		}
		if total += len(request.Keys); total > maxBatchGet {
			return nil, invalid("Too many items requested for the BatchGetItem call")
		}
		var err error
		if gets[i], err = s.newGet(name, request.Projecting); err != nil {
			return nil, err
		}
		if keys[i], err = distinctKeys(gets[i].table.schema, request.Keys); err != nil {
			return nil, err
		}
	}
	out := &BatchGetItemOutput{Responses: map[string][]attribute.Map{}, UnprocessedKeys: map[string]KeysAndAttributes{}}
	consumed := map[*table]units{}
	bytes := 0
	for i, name := range names {
		request, g := in.RequestItems[name], gets[i]
		now := time.Now()
		moment := s.readTime(request.ConsistentRead, now)
		items := []attribute.Map{}
		var left []attribute.Document
		g.table.lock(now)
		for j, k := range keys[i] {
			item, size := g.table.read(k, moment)
			if bytes+size > maxBatchBytes {
				left = append(left, request.Keys[j])
				continue
			}
			bytes += size
			consumed[g.table] = consumed[g.table].plus(readUnits(size, request.ConsistentRead))
			if item != nil {
				items = append(items, g.projected(item))
			}
		}
		g.table.mu.Unlock()
		out.Responses[name] = items
		if len(left) > 0 {
			request.Keys = left
			out.UnprocessedKeys[name] = request
		}
	}
	s.countAll(caller, consumed)
	out.ConsumedCapacity = capacities(in.ReturnConsumedCapacity, consumed, false)
	return out, nil
}

// distinctKeys reads keys of one table, none of them twice.
func distinctKeys(schema schema, given []attribute.Document) ([]key, error) {
	keys := make([]key, len(given))
	seen := make(map[key]struct{}, len(given))
	for i, doc := range given {
		k, err := schema.key(doc, "requestItems")
		if err != nil {
			return nil, err
		}
		if _, twice := seen[k]; twice {
			return nil, invalid("Provided list of item keys contains duplicates")
		}
		seen[k] = struct{}{}
		keys[i] = k
	}
	return keys, nil
}
