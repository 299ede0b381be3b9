package dynamodb

import (
	"context"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
	"github.com/musterq/muster/internal/local/dynamodb/expression"
)

// UpdateItemInput is the input of UpdateItem.
type UpdateItemInput struct {
	TableName        string
	Key              attribute.Document
	UpdateExpression *string
	Conditional
	Returning
}

// updateItem changes an item, or makes it.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateItem.html
func (s *Service) updateItem(_ context.Context, caller api.Caller, in *UpdateItemInput) (*WriteOutput, error) {
	if err := in.Returning.check(); err != nil {
		return nil, err
	}
	w, err := s.newUpdate(in.TableName, in.Key, in.UpdateExpression, in.Conditional)
	if err != nil {
		return nil, err
	}
	e, err := s.execute(caller, w)
	if err != nil {
		return nil, err
	}
	return &WriteOutput{
		Attributes:       w.returned(e, in.ReturnValues),
		ConsumedCapacity: capacity(in.ReturnConsumedCapacity, w.table.name, e.units()),
	}, nil
}

// returned are the attributes that an update returns.
func (w *write) returned(e effect, returnValues string) attribute.Map {
	switch returnValues {
	case "ALL_OLD":
		return e.before
	case "ALL_NEW":
		return e.after
	}
	if w.parsed.Update == nil {
		return nil
	}
	switch returnValues {
	case "UPDATED_OLD":
		return expression.Project(e.before, w.parsed.Changed)
	case "UPDATED_NEW":
		return expression.Project(e.after, w.parsed.Changed)
	}
	return nil
}
