package dynamodb

import (
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
	"github.com/musterq/muster/internal/local/dynamodb/expression"
)

// Conditional are the members that all conditional writes share.
type Conditional struct {
	ConditionExpression                 *string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           attribute.Document
	ReturnValuesOnConditionCheckFailure string
}

// Returning are the members of plain writes that say what to return.
type Returning struct {
	ReturnConsumedCapacity      string
	ReturnItemCollectionMetrics string
	ReturnValues                string
}

type writeKind int

const (
	put writeKind = iota
	update
	remove
	check
)

// write is one conditional write, ready to meet its item.
type write struct {
	kind   writeKind
	table  *table
	key    key
	item   attribute.Map // of a put
	parsed *expression.Parsed
	// reveal says that a failed condition returns the item that failed it.
	reveal bool
}

// effect is what a write does to its item. A nil item is none.
type effect struct {
	before, after         attribute.Map
	sizeBefore, sizeAfter int
}

func (e effect) units() units { return writeUnits(max(e.sizeBefore, e.sizeAfter)) }

func (s *Service) newPut(tableName string, item attribute.Document, c Conditional) (*write, error) {
	if err := item.Err(); err != nil {
		return nil, err
	}
	w, err := s.newWrite(put, tableName, c, nil)
	if err != nil {
		return nil, err
	}
	w.item = item.Map
	w.key, err = w.table.schema.itemKey(item)
	return w, err
}

func (s *Service) newUpdate(tableName string, k attribute.Document, updates *string, c Conditional) (*write, error) {
	if err := k.Err(); err != nil {
		return nil, err
	}
	w, err := s.newWrite(update, tableName, c, updates)
	if err != nil {
		return nil, err
	}
	if w.key, err = w.table.schema.key(k, "key"); err != nil {
		return w, err
	}
	for _, path := range w.parsed.Changed {
		if w.table.schema.has(path[0].Name) {
			return w, invalidParameter("Cannot update attribute %s. This attribute is part of the key", path[0].Name)
		}
	}
	return w, nil
}

func (s *Service) newRemove(tableName string, k attribute.Document, c Conditional) (*write, error) {
	return s.newKeyed(remove, tableName, k, c)
}

func (s *Service) newCheck(tableName string, k attribute.Document, c Conditional) (*write, error) {
	return s.newKeyed(check, tableName, k, c)
}

func (s *Service) newKeyed(kind writeKind, tableName string, k attribute.Document, c Conditional) (*write, error) {
	if err := k.Err(); err != nil {
		return nil, err
	}
	w, err := s.newWrite(kind, tableName, c, nil)
	if err != nil {
		return nil, err
	}
	w.key, err = w.table.schema.key(k, "key")
	return w, err
}

var (
	takesCondition = []string{"ConditionExpression"}
	takesUpdate    = []string{"UpdateExpression", "ConditionExpression"}
)

// newWrite checks what does not depend on the table's schema. What its callers
// find wrong later they return beside the write: in a transaction that is a
// reason of one action, not an error of the request.
func (s *Service) newWrite(kind writeKind, tableName string, c Conditional, updates *string) (*write, error) {
	if err := oneOf(c.ReturnValuesOnConditionCheckFailure, "returnValuesOnConditionCheckFailure", "ALL_OLD", "NONE"); err != nil {
		return nil, err
	}
	takes := takesCondition
	if kind == update {
		takes = takesUpdate
	}
	parsed, err := s.parser.Parse(expression.Request{
		Update:    updates,
		Condition: c.ConditionExpression,
		Names:     c.ExpressionAttributeNames,
		Values:    c.ExpressionAttributeValues,
		Takes:     takes,
	})
	if err != nil {
		return nil, err
	}
	t, err := s.table(tableName)
	if err != nil {
		return nil, err
	}
	return &write{kind: kind, table: t, parsed: parsed, reveal: c.ReturnValuesOnConditionCheckFailure == "ALL_OLD"}, nil
}

func (r Returning) check(values ...string) error {
	if err := checkReturnConsumedCapacity(r.ReturnConsumedCapacity); err != nil {
		return err
	}
	// Metrics exist for tables with local secondary indexes alone.
	if err := oneOf(r.ReturnItemCollectionMetrics, "returnItemCollectionMetrics", "SIZE", "NONE"); err != nil {
		return err
	}
	if err := oneOf(r.ReturnValues, "returnValues", "ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"); err != nil {
		return err
	}
	if len(values) == 0 || r.ReturnValues == "" || oneOf(r.ReturnValues, "", values...) == nil {
		return nil
	}
	return invalid("ReturnValues can only be ALL_OLD or NONE")
}

// prepare finds what the write will do. The table is locked.
func (w *write) prepare() (effect, error) {
	var e effect
	if r := w.table.find(w.key); r != nil {
		e.before, e.sizeBefore = r.item, r.size
	}
	if !w.parsed.Holds(w.parsed.Condition, e.before) {
		return e, w.conditionFailed(e.before)
	}
	switch w.kind {
	case put:
		e.after = w.item
	case update:
		after, err := w.updated(e.before)
		if err != nil {
			return e, err
		}
		e.after = after
	case check:
		e.after, e.sizeAfter = e.before, e.sizeBefore
		return e, nil
	}
	e.sizeAfter = e.after.ItemSize()
	if e.sizeAfter > maxItem {
		return e, invalid("Item size to update has exceeded the maximum allowed size")
	}
	return e, nil
}

func (w *write) updated(before attribute.Map) (attribute.Map, error) {
	if before == nil {
		before = w.table.schema.fields(w.key)
	}
	if w.parsed.Update == nil {
		return before, nil
	}
	after, err := w.parsed.Update.Apply(before, w.parsed.Scope, w.parsed.Changed)
	if err != nil {
		return nil, err
	}
	if after.Depth() > attribute.MaxDepth {
		return nil, invalid("Nesting Levels have exceeded supported limits")
	}
	return after, nil
}

func (w *write) conditionFailed(item attribute.Map) error {
	e := api.Errorf("ConditionalCheckFailedException", "The conditional request failed")
	if w.reveal && item != nil {
		e.Fields = map[string]any{"Item": item}
	}
	return e
}

// commit does what prepare found. The table is still locked.
func (w *write) commit(e effect, now time.Time) {
	if w.kind == check || e.before == nil && e.after == nil {
		return
	}
	r := w.table.write(w.key, e.after, e.sizeAfter, now)
	w.table.ttl.watch(r, now)
}

// execute runs a single write.
func (s *Service) execute(caller api.Caller, w *write) (effect, error) {
	if s.conflicts() {
		return effect{}, api.Errorf("TransactionConflictException", "Transaction is ongoing for the item")
	}
	now := time.Now()
	w.table.lock(now)
	e, err := w.prepare()
	if err == nil {
		w.commit(e, now)
	}
	w.table.mu.Unlock()
	s.count(caller, w.table, e.units())
	return e, err
}
