package dynamodb

import (
	"context"
	"errors"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// replacedProperties are those of AWS::DynamoDB::Table whose change makes another
// table. A changed attribute definition does as well: without secondary indexes
// it is a key's.
var replacedProperties = []string{"AttributeDefinitions", "ImportSourceSpecification", "KeySchema", "LocalSecondaryIndexes", "TableName"}

// changeTable changes a table's settings. Its items stay.
func (s *Service) changeTable(ctx context.Context, r api.ResourceRequest, old api.Existing) (api.Resource, error) {
	in, p, err := tableInput(r)
	if err != nil {
		return api.Resource{}, err
	}
	t, err := s.table(old.Ref)
	if err != nil {
		return api.Resource{}, err
	}
	in.TableName = t.name
	if err := in.checkSettings(); err != nil {
		return api.Resource{}, err
	}
	_, err = s.router.Do(ctx, api.Call{Service: "dynamodb", Operation: "UpdateTable", Input: in}, func(context.Context) (any, error) {
		now := time.Now()
		t.lock(now)
		defer t.mu.Unlock()
		t.input, t.tags = *in, tagMap(in.Tags)
		if attribute := p.ttlAttribute(); attribute != t.ttl.attribute {
			t.setTTL(attribute, now)
		}
		return &Empty{}, nil
	})
	return api.Resource{Ref: t.name, Attributes: map[string]string{"Arn": t.arn}}, err
}

func (s *Service) removeTable(ctx context.Context, old api.Existing) error {
	in := &TableInput{TableName: old.Ref}
	_, err := s.router.Do(ctx, api.Call{Service: "dynamodb", Operation: "DeleteTable", Input: in},
		func(ctx context.Context) (any, error) { return s.deleteTable(ctx, api.Caller{}, in) })
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "ResourceNotFoundException" {
		return nil
	}
	return err
}
