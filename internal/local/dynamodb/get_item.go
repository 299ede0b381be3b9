package dynamodb

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
	"github.com/musterq/muster/internal/local/dynamodb/expression"
)

// Projecting are the members that say which attributes to return.
type Projecting struct {
	ProjectionExpression     *string           `json:",omitempty"`
	ExpressionAttributeNames map[string]string `json:",omitempty"`
}

// GetItemInput is the input of GetItem.
type GetItemInput struct {
	TableName              string
	Key                    attribute.Document
	ConsistentRead         bool
	ReturnConsumedCapacity string
	Projecting
}

// GetItemOutput is the output of GetItem. Item is missing when there is none.
type GetItemOutput struct {
	Item             attribute.Map     `json:",omitzero"`
	ConsumedCapacity *ConsumedCapacity `json:",omitempty"`
}

// getItem returns one item.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html
func (s *Service) getItem(_ context.Context, caller api.Caller, in *GetItemInput) (*GetItemOutput, error) {
	if err := checkReturnConsumedCapacity(in.ReturnConsumedCapacity); err != nil {
		return nil, err
	}
	g, err := s.newGet(in.TableName, in.Projecting)
	if err != nil {
		return nil, err
	}
	k, err := g.table.schema.key(in.Key, "key")
	if err != nil {
		return nil, err
	}
	now := time.Now()
	g.table.lock(now)
	item, size := g.table.read(k, s.readTime(in.ConsistentRead, now))
	g.table.mu.Unlock()
	u := readUnits(size, in.ConsistentRead)
	s.count(caller, g.table, u)
	return &GetItemOutput{
		Item:             g.projected(item),
		ConsumedCapacity: capacity(in.ReturnConsumedCapacity, g.table.name, u),
	}, nil
}

// get is where and what to read.
type get struct {
	table *table
	paths []expression.Path // nil is all
}

func (s *Service) newGet(tableName string, p Projecting) (*get, error) {
	parsed, err := s.parser.Parse(expression.Request{Projection: p.ProjectionExpression, Names: p.ExpressionAttributeNames})
	if err != nil {
		return nil, err
	}
	t, err := s.table(tableName)
	if err != nil {
		return nil, err
	}
	paths, err := t.schema.projection(parsed)
	return &get{table: t, paths: paths}, err
}

// projection is the paths of a projection expression, nil without one.
func (s schema) projection(parsed *expression.Parsed) ([]expression.Path, error) {
	if parsed.Projection == nil {
		return nil, nil
	}
	paths := parsed.Projection.Paths(parsed.Scope)
	for _, path := range paths {
		if len(path) > 1 && s.has(path[0].Name) {
			return nil, invalid("Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: %s", path[0].Name)
		}
	}
	return paths, nil
}

func (g *get) projected(item attribute.Map) attribute.Map {
	if item == nil || g.paths == nil {
		return item
	}
	return expression.Project(item, g.paths)
}

// read returns an item and its size as of a moment, which is now if zero.
func (s *store) read(k key, moment time.Time) (attribute.Map, int) {
	r := s.find(k)
	if r == nil {
		return nil, 0
	}
	return r.at(moment)
}
