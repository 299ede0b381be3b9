package dynamodb

import (
	"context"
	"strconv"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

// epoch is a time as DynamoDB's JSON has it: seconds, with a fraction.
type epoch time.Time

// MarshalJSON writes the seconds as a number.
func (e epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Time(e).UnixMilli())/1000, 'f', -1, 64), nil
}

type (
	// TableDescription is what DescribeTable says of a table.
	//
	// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
	TableDescription struct {
		TableName                 string
		TableArn                  string
		TableID                   string `json:"TableId"`
		TableStatus               string
		CreationDateTime          epoch
		AttributeDefinitions      []AttributeDefinition
		KeySchema                 []KeySchemaElement
		BillingModeSummary        *BillingModeSummary `json:",omitempty"`
		ProvisionedThroughput     ProvisionedThroughputDescription
		SSEDescription            *SSEDescription    `json:",omitempty"`
		TableClassSummary         *TableClassSummary `json:",omitempty"`
		DeletionProtectionEnabled bool
		ItemCount                 int
		TableSizeBytes            int64
	}
	// BillingModeSummary is given for on-demand tables.
	BillingModeSummary struct{ BillingMode string }
	// ProvisionedThroughputDescription is zero for on-demand tables.
	ProvisionedThroughputDescription struct {
		NumberOfDecreasesToday int64
		ProvisionedThroughput
	}
	// SSEDescription is given for tables encrypted with a KMS key.
	SSEDescription struct {
		Status          string
		SSEType         string
		KMSMasterKeyArn string `json:",omitempty"`
	}
	// TableClassSummary is given for tables whose class was chosen.
	TableClassSummary struct{ TableClass string }
	// TableInput names a table.
	TableInput struct{ TableName string }
	// DescribeTableOutput is the output of DescribeTable.
	DescribeTableOutput struct{ Table *TableDescription }
)

// describeTable describes a table. Its numbers are exact, not six hours old.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DescribeTable.html
func (s *Service) describeTable(_ context.Context, _ api.Caller, in *TableInput) (*DescribeTableOutput, error) {
	t, err := s.tableByName(in.TableName)
	if err != nil {
		return nil, err
	}
	return &DescribeTableOutput{t.describe("ACTIVE")}, nil
}

func (t *table) describe(status string) *TableDescription {
	t.lock(time.Now())
	defer t.mu.Unlock()
	d := &TableDescription{
		TableName:                 t.name,
		TableArn:                  t.arn,
		TableID:                   t.id,
		TableStatus:               status,
		CreationDateTime:          epoch(t.created),
		AttributeDefinitions:      t.input.AttributeDefinitions,
		KeySchema:                 t.input.KeySchema,
		DeletionProtectionEnabled: t.input.DeletionProtectionEnabled,
		ItemCount:                 t.count,
		TableSizeBytes:            t.bytes,
	}
	if t.input.onDemand() {
		d.BillingModeSummary = &BillingModeSummary{t.input.BillingMode}
	} else {
		d.ProvisionedThroughput.ProvisionedThroughput = *t.input.ProvisionedThroughput
	}
	if t.input.TableClass != "" {
		d.TableClassSummary = &TableClassSummary{t.input.TableClass}
	}
	if sse := t.input.SSESpecification; sse != nil && sse.Enabled {
		d.SSEDescription = &SSEDescription{Status: "ENABLED", SSEType: "KMS", KMSMasterKeyArn: sse.KMSMasterKeyID}
	}
	return d
}
