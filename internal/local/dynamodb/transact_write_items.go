package dynamodb

import (
	"context"
	"strconv"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

type (
	// TransactWriteItem is one action: exactly one of its members.
	TransactWriteItem struct {
		ConditionCheck *TransactCondition
		Delete         *TransactCondition
		Put            *TransactPut
		Update         *TransactUpdate
	}
	// TransactCondition is a check or a deletion.
	TransactCondition struct {
		TableName string
		Key       attribute.Document
		Conditional
	}
	// TransactPut puts an item.
	TransactPut struct {
		TableName string
		Item      attribute.Document
		Conditional
	}
	// TransactUpdate changes an item.
	TransactUpdate struct {
		TableName        string
		Key              attribute.Document
		UpdateExpression *string
		Conditional
	}
	// TransactWriteItemsInput is the input of TransactWriteItems.
	TransactWriteItemsInput struct {
		TransactItems               []TransactWriteItem
		ClientRequestToken          string
		ReturnConsumedCapacity      string
		ReturnItemCollectionMetrics string
	}
	// TransactWriteItemsOutput is the output of TransactWriteItems.
	TransactWriteItemsOutput struct {
		ConsumedCapacity []ConsumedCapacity `json:",omitempty"`
	}
)

// transactWriteItems writes up to 100 items, all of them or none.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
func (s *Service) transactWriteItems(_ context.Context, caller api.Caller, in *TransactWriteItemsInput) (out *TransactWriteItemsOutput, err error) {
	if err := (Returning{ReturnConsumedCapacity: in.ReturnConsumedCapacity, ReturnItemCollectionMetrics: in.ReturnItemCollectionMetrics}).check(); err != nil {
		return nil, err
	}
	if err := checkActions(len(in.TransactItems)); err != nil {
		return nil, err
	}
	if n := len(in.ClientRequestToken); n > maxToken {
		return nil, constraint("'"+in.ClientRequestToken+"'", "clientRequestToken", "Member must have length less than or equal to "+strconv.Itoa(maxToken))
	}
	now := time.Now()
	done, err := s.tokens.begin(in.ClientRequestToken, in.TransactItems, now)
	if err != nil {
		return nil, err
	}
	if !done {
		defer func() { s.tokens.end(in.ClientRequestToken, err == nil, now) }()
	}
	writes, why, err := s.actions(in.TransactItems)
	if err != nil {
		return nil, err
	}
	if done {
		return s.replay(caller, writes, in.ReturnConsumedCapacity, now), nil
	}
	if err := why.cancelled(); err != nil {
		return nil, err
	}
	if err := s.conflict(len(writes)); err != nil {
		return nil, err
	}
	consumed, err := s.transact(writes, now)
	s.countAll(caller, consumed)
	if err != nil {
		return nil, err
	}
	return &TransactWriteItemsOutput{ConsumedCapacity: capacities(in.ReturnConsumedCapacity, consumed, true)}, nil
}

// actions makes ready the actions of a transaction, and the reasons of those
// that cannot be.
func (s *Service) actions(items []TransactWriteItem) ([]*write, reasons, error) {
	writes := make([]*write, len(items))
	why := newReasons(len(items))
	seen := map[item]struct{}{}
	for i, action := range items {
		w, err := s.action(action)
		if w == nil {
			return nil, nil, err
		}
		if err != nil {
			why.set(i, err)
			continue
		}
		if _, twice := seen[w.target()]; twice {
			return nil, nil, twiceTargeted()
		}
		seen[w.target()] = struct{}{}
		writes[i] = w
	}
	return writes, why, nil
}

func (s *Service) action(a TransactWriteItem) (*write, error) {
	given := 0
	for _, present := range []bool{a.ConditionCheck != nil, a.Delete != nil, a.Put != nil, a.Update != nil} {
		if present {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, invalid("TransactItems can only contain one of Check, Put, Update or Delete")
	case a.Put != nil:
		return s.newPut(a.Put.TableName, a.Put.Item, a.Put.Conditional)
	case a.Delete != nil:
		return s.newRemove(a.Delete.TableName, a.Delete.Key, a.Delete.Conditional)
	case a.Update != nil:
		if a.Update.UpdateExpression == nil {
			return nil, missing("transactItems.member.update.updateExpression")
		}
		return s.newUpdate(a.Update.TableName, a.Update.Key, a.Update.UpdateExpression, a.Update.Conditional)
	}
	if a.ConditionCheck.ConditionExpression == nil {
		return nil, missing("transactItems.member.conditionCheck.conditionExpression")
	}
	return s.newCheck(a.ConditionCheck.TableName, a.ConditionCheck.Key, a.ConditionCheck.Conditional)
}

// transact does all writes or, where one cannot be done, none.
func (s *Service) transact(writes []*write, now time.Time) (map[*table]units, error) {
	defer lockAll(tablesOf(writes), now)()
	consumed := map[*table]units{}
	effects := make([]effect, len(writes))
	why := newReasons(len(writes))
	bytes := 0
	for i, w := range writes {
		e, err := w.prepare()
		if err != nil {
			why.set(i, err)
		}
		effects[i] = e
		bytes += max(e.sizeBefore, e.sizeAfter)
		consumed[w.table] = consumed[w.table].plus(e.units().times(transactional))
	}
	if err := why.cancelled(); err != nil {
		return consumed, err
	}
	if bytes > maxTransactionBytes {
		return consumed, invalid("The aggregate size of the items in the transaction exceeds the limit of 4 MB")
	}
	for i, w := range writes {
		w.commit(effects[i], now)
	}
	return consumed, nil
}

// replay answers a transaction that was done before: it costs reads.
func (s *Service) replay(caller api.Caller, writes []*write, want string, now time.Time) *TransactWriteItemsOutput {
	defer lockAll(tablesOf(writes), now)()
	consumed := map[*table]units{}
	for _, w := range writes {
		if w != nil {
			_, size := w.table.read(w.key, time.Time{})
			consumed[w.table] = consumed[w.table].plus(readUnits(size, true).times(transactional))
		}
	}
	s.countAll(caller, consumed)
	return &TransactWriteItemsOutput{ConsumedCapacity: capacities(want, consumed, true)}
}

func tablesOf(writes []*write) map[*table]struct{} {
	tables := map[*table]struct{}{}
	for _, w := range writes {
		if w != nil {
			tables[w.table] = struct{}{}
		}
	}
	return tables
}
