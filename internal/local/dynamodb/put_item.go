package dynamodb

import (
	"context"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// PutItemInput is the input of PutItem.
type PutItemInput struct {
	TableName string
	Item      attribute.Document
	Conditional
	Returning
}

// WriteOutput is the output of PutItem, UpdateItem and DeleteItem.
type WriteOutput struct {
	Attributes       attribute.Map     `json:",omitempty"`
	ConsumedCapacity *ConsumedCapacity `json:",omitempty"`
}

// putItem makes or replaces an item.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
func (s *Service) putItem(_ context.Context, caller api.Caller, in *PutItemInput) (*WriteOutput, error) {
	if err := in.Returning.check("ALL_OLD", "NONE"); err != nil {
		return nil, err
	}
	w, err := s.newPut(in.TableName, in.Item, in.Conditional)
	if err != nil {
		return nil, err
	}
	e, err := s.execute(caller, w)
	if err != nil {
		return nil, err
	}
	return oldOutput(w, e, in.Returning), nil
}

func oldOutput(w *write, e effect, r Returning) *WriteOutput {
	out := &WriteOutput{ConsumedCapacity: capacity(r.ReturnConsumedCapacity, w.table.name, e.units())}
	if r.ReturnValues == "ALL_OLD" {
		out.Attributes = e.before
	}
	return out
}
