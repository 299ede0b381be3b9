package dynamodb

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/musterq/muster/internal/local/api"
)

type (
	// AttributeDefinition is the type of a key attribute: S, N or B.
	AttributeDefinition struct{ AttributeName, AttributeType string }
	// KeySchemaElement is one part of a primary key: KeyType is HASH or RANGE.
	KeySchemaElement struct{ AttributeName, KeyType string }
	// ProvisionedThroughput in units a second.
	ProvisionedThroughput struct{ ReadCapacityUnits, WriteCapacityUnits int64 }
	// SSESpecification is encryption with a KMS key.
	SSESpecification struct {
		Enabled        bool
		KMSMasterKeyID string `json:"KMSMasterKeyId,omitempty"`
		SSEType        string `json:",omitempty"`
	}
	// Tag of a table.
	Tag struct{ Key, Value string }
)

// CreateTableInput is the input of CreateTable. Secondary indexes are known to
// be refused by name.
type CreateTableInput struct {
	TableName                 string
	AttributeDefinitions      []AttributeDefinition
	KeySchema                 []KeySchemaElement
	BillingMode               string
	ProvisionedThroughput     *ProvisionedThroughput
	DeletionProtectionEnabled bool
	SSESpecification          *SSESpecification
	TableClass                string
	Tags                      []Tag
	GlobalSecondaryIndexes    []json.RawMessage
	LocalSecondaryIndexes     []json.RawMessage
}

// CreateTableOutput is the output of CreateTable.
type CreateTableOutput struct{ TableDescription *TableDescription }

// createTable makes a table. It is CREATING in the answer and ACTIVE after it.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html
func (s *Service) createTable(_ context.Context, _ api.Caller, in *CreateTableInput) (*CreateTableOutput, error) {
	t, err := s.newTable(*in)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	_, exists := s.tables[t.name]
	if !exists {
		s.tables[t.name] = t
	}
	s.mu.Unlock()
	if exists {
		return nil, api.Errorf("ResourceInUseException", "Table already exists: %s", t.name)
	}
	return &CreateTableOutput{t.describe("CREATING")}, nil
}

func (s *Service) newTable(in CreateTableInput) (*table, error) {
	in.TableName = s.tableName(in.TableName)
	if err := checkTableName(in.TableName); err != nil {
		return nil, err
	}
	if len(in.GlobalSecondaryIndexes)+len(in.LocalSecondaryIndexes) > 0 {
		return nil, invalidParameter("The embedded runtime has no secondary indexes.")
	}
	if err := in.checkSettings(); err != nil {
		return nil, err
	}
	schema, err := in.schema()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &table{
		schema:  schema,
		name:    in.TableName,
		arn:     s.account.ARN("dynamodb", "table/"+in.TableName),
		id:      s.newID(),
		created: now,
		input:   in,
		store:   store{keep: s.options.StaleReads, partitions: map[string]*partition{}},
		ttl:     expirations{delay: s.options.TTLDelay},
		aged:    now,
		tags:    tagMap(in.Tags),
	}, nil
}

// newID is a UUID of the service's own seed.
func (s *Service) newID() string {
	var b [16]byte
	s.random.Lock()
	for i := range b {
		b[i] = byte(s.random.UintN(256))
	}
	s.random.Unlock()
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

func (in CreateTableInput) onDemand() bool { return in.BillingMode == "PAY_PER_REQUEST" }

// checkSettings checks what can be changed of a table.
func (in CreateTableInput) checkSettings() error {
	if err := oneOf(in.TableClass, "tableClass", "STANDARD", "STANDARD_INFREQUENT_ACCESS"); err != nil {
		return err
	}
	return in.checkBilling()
}

func (in CreateTableInput) checkBilling() error {
	if err := oneOf(in.BillingMode, "billingMode", "PROVISIONED", "PAY_PER_REQUEST"); err != nil {
		return err
	}
	p := in.ProvisionedThroughput
	switch {
	case in.onDemand() && p != nil && (p.ReadCapacityUnits != 0 || p.WriteCapacityUnits != 0):
		return invalidParameter("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case !in.onDemand() && (p == nil || p.ReadCapacityUnits < 1 || p.WriteCapacityUnits < 1):
		return invalidParameter("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	}
	return nil
}

func (in CreateTableInput) schema() (schema, error) {
	var defined, keys []string
	types := map[string]string{}
	for _, d := range in.AttributeDefinitions {
		if d.AttributeType == "" {
			return schema{}, missing("attributeDefinitions.member.attributeType")
		}
		if err := oneOf(d.AttributeType, "attributeDefinitions.member.attributeType", "B", "N", "S"); err != nil {
			return schema{}, err
		}
		defined = append(defined, d.AttributeName)
		types[d.AttributeName] = d.AttributeType
	}
	for _, k := range in.KeySchema {
		if err := oneOf(k.KeyType, "keySchema.member.keyType", "HASH", "RANGE"); err != nil {
			return schema{}, err
		}
		keys = append(keys, k.AttributeName)
	}
	switch {
	case len(keys) == 0:
		return schema{}, missing("keySchema")
	case len(keys) > 2:
		return schema{}, constraint("'["+strings.Join(keys, ", ")+"]'", "keySchema", "Member must have length less than or equal to 2")
	case slices.ContainsFunc(keys, func(k string) bool { return !slices.Contains(defined, k) }):
		return schema{}, invalidParameter("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]", strings.Join(keys, ", "), strings.Join(defined, ", "))
	case len(keys) == 2 && keys[0] == keys[1]:
		return schema{}, invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	case in.KeySchema[0].KeyType != "HASH":
		return schema{}, invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	case len(keys) == 2 && in.KeySchema[1].KeyType != "RANGE":
		return schema{}, invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	case len(keys) != len(defined):
		return schema{}, invalidParameter("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	sch := schema{partition: keyAttribute{keys[0], types[keys[0]]}}
	if len(keys) == 2 {
		sch.sort = keyAttribute{keys[1], types[keys[1]]}
	}
	return sch, nil
}
