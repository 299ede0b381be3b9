package dynamodb

import (
	"context"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// DeleteItemInput is the input of DeleteItem.
type DeleteItemInput struct {
	TableName string
	Key       attribute.Document
	Conditional
	Returning
}

// deleteItem deletes an item, if there is one.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteItem.html
func (s *Service) deleteItem(_ context.Context, caller api.Caller, in *DeleteItemInput) (*WriteOutput, error) {
	if err := in.Returning.check("ALL_OLD", "NONE"); err != nil {
		return nil, err
	}
	w, err := s.newRemove(in.TableName, in.Key, in.Conditional)
	if err != nil {
		return nil, err
	}
	e, err := s.execute(caller, w)
	if err != nil {
		return nil, err
	}
	return oldOutput(w, e, in.Returning), nil
}
