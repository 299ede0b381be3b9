package dynamodb

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

type (
	// TransactGetItem is one item to get.
	TransactGetItem struct {
		Get *TransactGet
	}
	// TransactGet says which item.
	TransactGet struct {
		TableName string
		Key       attribute.Document
		Projecting
	}
	// TransactGetItemsInput is the input of TransactGetItems.
	TransactGetItemsInput struct {
		TransactItems          []TransactGetItem
		ReturnConsumedCapacity string
	}
	// ItemResponse has one item, or none where there is none.
	ItemResponse struct {
		Item attribute.Map `json:",omitzero"`
	}
	// TransactGetItemsOutput is the output of TransactGetItems.
	TransactGetItemsOutput struct {
		Responses        []ItemResponse
		ConsumedCapacity []ConsumedCapacity `json:",omitempty"`
	}
)

// transactGetItems returns up to 100 items as they are at one moment.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactGetItems.html
func (s *Service) transactGetItems(_ context.Context, caller api.Caller, in *TransactGetItemsInput) (*TransactGetItemsOutput, error) {
	if err := checkReturnConsumedCapacity(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	if err := checkActions(len(in.TransactItems)); err != nil {
		return nil, err
	}
	gets := make([]*get, len(in.TransactItems))
	keys := make([]key, len(in.TransactItems))
	why := newReasons(len(in.TransactItems))
	tables := map[*table]struct{}{}
	seen := map[item]struct{}{}
	for i, action := range in.TransactItems {
		if action.Get == nil {
			return nil, missing("transactItems.member.get")
		}
		g, err := s.newGet(action.Get.TableName, action.Get.Projecting)
		if err != nil {
			return nil, err
		}
		k, err := g.table.schema.key(action.Get.Key, "key")
		if err != nil {
			why.set(i, err)
			continue
		}
		target := item{g.table, k}
		if _, twice := seen[target]; twice {
			return nil, twiceTargeted()
		}
		seen[target] = struct{}{}
		tables[g.table] = struct{}{}
		gets[i], keys[i] = g, k
	}
	if err := why.cancelled(); err != nil {
		return nil, err
	}
	if err := s.conflict(len(gets)); err != nil {
		return nil, err
	}
	out := &TransactGetItemsOutput{Responses: make([]ItemResponse, len(gets))}
	consumed := map[*table]units{}
	bytes := 0
	unlock := lockAll(tables, time.Now())
	for i, g := range gets {
		item, size := g.table.read(keys[i], time.Time{})
		bytes += size
		out.Responses[i].Item = g.projected(item)
		consumed[g.table] = consumed[g.table].plus(readUnits(size, true).times(transactional))
	}
	unlock()
	s.countAll(caller, consumed)
	if bytes > maxTransactionBytes {
		return nil, invalid("The aggregate size of the items in the transaction exceeds the limit of 4 MB")
	}
	out.ConsumedCapacity = capacities(in.ReturnConsumedCapacity, consumed, true)
	return out, nil
}
