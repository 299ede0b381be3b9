package dynamodb

import (
	"context"
	"maps"
	"slices"
	"sort"
	"strconv"

	"github.com/musterq/muster/internal/local/api"
)

const maxListTables = 100

// ListTablesInput is the input of ListTables.
type ListTablesInput struct {
	ExclusiveStartTableName string
	Limit                   *int
}

// ListTablesOutput is the output of ListTables.
type ListTablesOutput struct {
	TableNames             []string
	LastEvaluatedTableName string `json:",omitempty"`
}

// listTables lists the names of tables in their order, 100 a page unless fewer
// are wanted.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListTables.html
func (s *Service) listTables(_ context.Context, _ api.Caller, in *ListTablesInput) (*ListTablesOutput, error) {
	limit := maxListTables
	if in.Limit != nil {
		limit = *in.Limit
	}
	if limit < 1 {
		return nil, constraint("'"+strconv.Itoa(limit)+"'", "limit", "Member must have value greater than or equal to 1")
	}
	if limit > maxListTables {
		return nil, constraint("'"+strconv.Itoa(limit)+"'", "limit", "Member must have value less than or equal to 100")
	}
	s.mu.RLock()
	names := slices.Sorted(maps.Keys(s.tables))
	s.mu.RUnlock()
	names = names[sort.Search(len(names), func(i int) bool { return names[i] > in.ExclusiveStartTableName }):]
	out := &ListTablesOutput{TableNames: append([]string{}, names[:min(limit, len(names))]...)}
	if len(names) > limit {
		out.LastEvaluatedTableName = names[limit-1]
	}
	return out, nil
}
