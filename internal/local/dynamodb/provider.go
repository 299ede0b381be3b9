package dynamodb

import (
	"context"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// tableProperties are the properties of AWS::DynamoDB::Table that the runtime
// knows. Point-in-time recovery is taken and does nothing: no operation that
// could show it exists here.
//
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-dynamodb-table.html
type tableProperties struct {
	TableName                        string
	AttributeDefinitions             []AttributeDefinition
	KeySchema                        []KeySchemaElement
	BillingMode                      string
	ProvisionedThroughput            *ProvisionedThroughput
	DeletionProtectionEnabled        bool
	TableClass                       string
	Tags                             []Tag
	TimeToLiveSpecification          *TimeToLiveSpecification
	PointInTimeRecoverySpecification *struct {
		PointInTimeRecoveryEnabled bool
		RecoveryPeriodInDays       int
	}
	SSESpecification *struct {
		SSEEnabled     bool
		SSEType        string
		KMSMasterKeyID string `json:"KMSMasterKeyId"`
	}
}

// Providers makes tables of templates.
func (s *Service) Providers() map[string]api.Provider {
	return map[string]api.Provider{"AWS::DynamoDB::Table": {
		Create: s.provideTable, Update: s.changeTable, Delete: s.removeTable, Replaced: replacedProperties,
	}}
}

// tableInput reads a table's properties as CreateTable takes them.
func tableInput(r api.ResourceRequest) (*CreateTableInput, *tableProperties, error) {
	p := new(tableProperties)
	if err := api.Decode(r.Properties, p); err != nil {
		return nil, nil, err
	}
	in := &CreateTableInput{
		TableName:                 p.TableName,
		AttributeDefinitions:      p.AttributeDefinitions,
		KeySchema:                 p.KeySchema,
		BillingMode:               p.BillingMode,
		ProvisionedThroughput:     p.ProvisionedThroughput,
		DeletionProtectionEnabled: p.DeletionProtectionEnabled,
		TableClass:                p.TableClass,
		Tags:                      p.Tags,
	}
	if in.TableName == "" {
		in.TableName = r.Name
	}
	if sse := p.SSESpecification; sse != nil {
		in.SSESpecification = &SSESpecification{Enabled: sse.SSEEnabled, SSEType: sse.SSEType, KMSMasterKeyID: sse.KMSMasterKeyID}
	}
	return in, p, nil
}

// ttlAttribute is the attribute by which items expire. Empty when they do not.
func (p *tableProperties) ttlAttribute() string {
	if ttl := p.TimeToLiveSpecification; ttl != nil && ttl.Enabled != nil && *ttl.Enabled {
		return ttl.AttributeName
	}
	return ""
}

func (s *Service) provideTable(ctx context.Context, r api.ResourceRequest) (api.Resource, error) {
	in, p, err := tableInput(r)
	if err != nil {
		return api.Resource{}, err
	}
	_, err = s.router.Do(ctx, api.Call{Service: "dynamodb", Operation: "CreateTable", Input: in},
		func(ctx context.Context) (any, error) { return s.createTable(ctx, api.Caller{}, in) })
	if err != nil {
		return api.Resource{}, err
	}
	t, err := s.table(in.TableName)
	if err != nil {
		return api.Resource{}, err
	}
	if attribute := p.ttlAttribute(); attribute != "" {
		now := time.Now()
		t.lock(now)
		t.setTTL(attribute, now)
		t.mu.Unlock()
	}
	return api.Resource{Ref: t.name, Attributes: map[string]string{"Arn": t.arn}}, nil
}
