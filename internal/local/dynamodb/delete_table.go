package dynamodb

import (
	"context"

	"github.com/musterq/muster/internal/local/api"
)

// DeleteTableOutput is the output of DeleteTable.
type DeleteTableOutput struct{ TableDescription *TableDescription }

// deleteTable deletes a table with its items. It is DELETING in the answer and
// gone after it.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html
func (s *Service) deleteTable(_ context.Context, _ api.Caller, in *TableInput) (*DeleteTableOutput, error) {
	t, err := s.tableByName(in.TableName)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	protected := t.input.DeletionProtectionEnabled
	t.mu.Unlock()
	if protected {
		return nil, invalid("Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
	}
	s.mu.Lock()
	if s.tables[t.name] == t {
		delete(s.tables, t.name)
	}
	s.mu.Unlock()
	return &DeleteTableOutput{t.describe("DELETING")}, nil
}
