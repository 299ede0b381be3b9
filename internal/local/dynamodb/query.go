package dynamodb

import (
	"context"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
	"github.com/musterq/muster/internal/local/dynamodb/expression"
)

// QueryInput is the input of Query.
type QueryInput struct {
	TableName              string
	KeyConditionExpression *string
	KeyConditions          map[string]KeyCondition
	ScanIndexForward       *bool
	Paging
}

// query returns items of one partition in the order of their sort keys.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html
func (s *Service) query(_ context.Context, caller api.Caller, in *QueryInput) (*PageOutput, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	switch {
	case in.KeyConditionExpression != nil && in.KeyConditions != nil:
		return nil, invalid("Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {KeyConditions} Expression parameters: {KeyConditionExpression}")
	case in.KeyConditionExpression == nil && in.KeyConditions == nil:
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	parsed, err := s.parser.Parse(expression.Request{
		KeyCondition: in.KeyConditionExpression,
		Filter:       in.FilterExpression,
		Projection:   in.ProjectionExpression,
		Names:        in.ExpressionAttributeNames,
		Values:       in.ExpressionAttributeValues,
		Takes:        []string{"FilterExpression", "KeyConditionExpression"},
	})
	if err != nil {
		return nil, err
	}
	var terms []expression.KeyTerm
	if in.KeyConditions != nil {
		terms, err = keyTerms(in.KeyConditions)
	} else {
		terms, err = parsed.KeyCondition.KeyTerms(parsed.Scope)
	}
	if err != nil {
		return nil, err
	}
	t, err := s.table(in.TableName)
	if err != nil {
		return nil, err
	}
	partitionKey, term, err := t.schema.terms(terms)
	if err != nil {
		return nil, err
	}
	for _, part := range t.schema.attributes() {
		if parsed.Filter != nil && parsed.Filter.Mentions(part.Name, parsed.Scope) {
			return nil, invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", part.Name)
		}
	}
	if n := len(in.ExclusiveStartKey.Map); n > 0 && n != len(t.schema.attributes()) {
		return nil, invalid("The provided starting key is invalid")
	}
	start, resumes, err := in.startKey(t.schema)
	if err != nil {
		return nil, err
	}
	if resumes {
		if err := checkStart(start, partitionKey, term); err != nil {
			return nil, err
		}
	}
	now := time.Now()
	pg, err := s.newPage(t, in.Paging, parsed, now)
	if err != nil {
		return nil, err
	}
	t.lock(now)
	if p := t.partitions[text(partitionKey)]; p != nil {
		for _, r := range p.between(term, start, resumes, in.ScanIndexForward == nil || *in.ScanIndexForward) {
			if pg.full() {
				break
			}
			pg.visit(r)
		}
	}
	t.mu.Unlock()
	return s.finish(caller, pg, t), nil
}

// terms checks a key condition against the schema: an equality for the
// partition key, and at most one term for the sort key (nil without).
func (s schema) terms(terms []expression.KeyTerm) (attribute.Value, *expression.KeyTerm, error) {
	find := func(name string) *expression.KeyTerm {
		for i, t := range terms {
			if name != "" && t.Name == name {
				return &terms[i]
			}
		}
		return nil
	}
	if len(terms) > 2 {
		return nil, nil, invalid("Conditions can be of length 1 or 2 only")
	}
	partition, sortTerm := find(s.partition.Name), find(s.sort.Name)
	switch {
	case len(terms) == 2 && s.sort.Name == "":
		return nil, nil, invalid("Query key condition not supported")
	case partition == nil:
		return nil, nil, invalid("Query condition missed key schema element: %s", s.partition.Name)
	case len(terms) == 2 && sortTerm == nil:
		return nil, nil, invalid("Query condition missed key schema element: %s", s.sort.Name)
	}
	for _, t := range []struct {
		term *expression.KeyTerm
		kind string
	}{{partition, s.partition.Type}, {sortTerm, s.sort.Type}} {
		if t.term == nil {
			continue
		}
		for _, v := range t.term.Values {
			if v.Type() != t.kind {
				return nil, nil, invalidParameter("Condition parameter type does not match schema type")
			}
		}
	}
	if partition.Operator != "=" {
		return nil, nil, invalid("Query key condition not supported")
	}
	value := partition.Values[0]
	return value, sortTerm, s.checkKeyValue(s.partition, value)
}

func checkStart(start key, partition attribute.Value, term *expression.KeyTerm) error {
	samePartition := start.partition == partition
	switch {
	case term == nil && !samePartition:
		return invalid("The provided starting key is outside query boundaries based on provided conditions")
	case term != nil && !term.Holds(start.sort):
		return invalid("The provided starting key does not match the range key predicate")
	case !samePartition:
		return invalid("The query can return at most one row and cannot be restarted")
	}
	return nil
}

// between walks the rows that fulfil a term, behind a key if the query resumes.
func (p *partition) between(term *expression.KeyTerm, start key, resumes, forward bool) iter.Seq2[int, *row] {
	low, high := p.span(term)
	switch {
	case resumes && start.sort == nil:
		low = high
	case resumes && forward:
		low = max(low, p.search(start.sort, true))
	case resumes:
		high = min(high, p.search(start.sort, false))
	}
	rows := p.rows[min(low, high):high]
	if forward {
		return slices.All(rows)
	}
	return slices.Backward(rows)
}

// span is the range of rows that fulfil a term on the sort key.
func (p *partition) span(term *expression.KeyTerm) (low, high int) {
	high = len(p.rows)
	if term == nil {
		return low, high
	}
	v := term.Values[0]
	switch term.Operator {
	case "=":
		return p.search(v, false), p.search(v, true)
	case "<":
		return low, p.search(v, false)
	case "<=":
		return low, p.search(v, true)
	case ">":
		return p.search(v, true), high
	case ">=":
		return p.search(v, false), high
	case "BETWEEN":
		return p.search(v, false), p.search(term.Values[1], true)
	}
	low = p.search(v, false)
	// Values with a prefix follow one another in byte order.
	n := sort.Search(high-low, func(i int) bool { return !term.Holds(p.rows[low+i].key.sort) })
	return low, low + n
}
