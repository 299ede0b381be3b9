package dynamodb_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
)

func TestTables(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock of a bubble starts at 2000-01-01
		router := newRouter(t, dynamodb.Options{Seed: 7})
		const create = `{"TableName": "jobs", "ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 1}, "DeletionProtectionEnabled": false, "TableClass": "STANDARD",
			"SSESpecification": {"Enabled": true, "KMSMasterKeyId": "alias/k"}, "Tags": [{"Key": "team", "Value": "x"}],
			"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "B"}], "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}`
		description := func(status, id string) string {
			return `{"TableName": "jobs", "TableArn": "arn:aws:dynamodb:eu-central-1:123456789012:table/jobs", "TableId": "` + id + `", "TableStatus": "` + status + `",
				"CreationDateTime": 946684800, "ItemCount": 0, "TableSizeBytes": 0, "DeletionProtectionEnabled": false, "TableClassSummary": {"TableClass": "STANDARD"},
				"ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 2, "WriteCapacityUnits": 1},
				"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "alias/k"},
				"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "B"}], "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}`
		}
		out, err := router.Call(t.Context(), "dynamodb", "CreateTable", api.Caller{}, []byte(create))
		require.NoError(t, err)
		created, ok := out.(*dynamodb.CreateTableOutput)
		require.True(t, ok)
		id := created.TableDescription.TableID
		require.Regexp(t, "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", id)
		require.JSONEq(t, description("CREATING", id), encode(t, created.TableDescription))
		succeed(t, router, "DescribeTable", `{"TableName": "jobs"}`, `{"Table": `+description("ACTIVE", id)+`}`)
		fail(t, router, "CreateTable", create, "ResourceInUseException", "Table already exists: jobs")
		succeed(t, router, "ListTables", `{}`, `{"TableNames": ["jobs", "things", "words"]}`)
		succeed(t, router, "ListTables", `{"Limit": 2}`, `{"TableNames": ["jobs", "things"], "LastEvaluatedTableName": "things"}`)
		succeed(t, router, "ListTables", `{"ExclusiveStartTableName": "things"}`, `{"TableNames": ["words"]}`)
		succeed(t, router, "DeleteTable", `{"TableName": "jobs"}`, `{"TableDescription": `+description("DELETING", id)+`}`)
		fail(t, router, "DescribeTable", `{"TableName": "jobs"}`, "ResourceNotFoundException", "Requested resource not found: Table: jobs not found")
		fail(t, router, "DeleteTable", `{"TableName": "jobs"}`, "ResourceNotFoundException", "Requested resource not found: Table: jobs not found")
	})
}

func TestCountsOfATable(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "v": {"N": "123"}}}`, `{}`) // 1+1 + 1+3 bytes
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "b"}, "v": {"BOOL": true}}}`, `{}`)
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "b"}}}`, `{}`)
	out, err := router.Call(t.Context(), "dynamodb", "DescribeTable", api.Caller{}, []byte(`{"TableName": "words"}`))
	require.NoError(t, err)
	described, ok := out.(*dynamodb.DescribeTableOutput)
	require.True(t, ok)
	require.Equal(t, 2, described.Table.ItemCount)
	require.Equal(t, int64(8), described.Table.TableSizeBytes)
	require.Equal(t, &dynamodb.BillingModeSummary{BillingMode: "PAY_PER_REQUEST"}, described.Table.BillingModeSummary)
}

func TestInvalidTables(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	const attributes = `"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]`
	const keys = `"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]`
	const demand = `"TableName": "jobs", "BillingMode": "PAY_PER_REQUEST", `
	for input, message := range map[string]string{
		`"TableName": "jobs", ` + attributes + `, ` + keys:                                                                 "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
		demand + attributes + `, ` + keys + `, "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}`: "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
		demand + attributes: "1 validation error detected: Value null at 'keySchema' failed to satisfy constraint: Member must not be null",
		demand + attributes + `, "KeySchema": [{"AttributeName": "id", "KeyType": "RANGE"}]`:                                                      "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
		demand + attributes + `, "KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}]`:                                                        "One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [x], AttributeDefinitions: [id]",
		demand + `"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "x", "AttributeType": "S"}], ` + keys: "One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions",
		demand + `"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "BOOL"}], ` + keys:                                            "1 validation error detected: Value 'BOOL' at 'attributeDefinitions.member.attributeType' failed to satisfy constraint: Member must satisfy enum value set: [B, N, S]",
		demand + attributes + `, ` + keys + `, "GlobalSecondaryIndexes": [{"IndexName": "x"}]`:                                                    "One or more parameter values were invalid: The embedded runtime has no secondary indexes.",
		demand + attributes + `, ` + keys + `, "StreamSpecification": {"StreamEnabled": true}`:                                                    `The embedded runtime does not know the member "StreamSpecification" of CreateTableInput.`,
	} {
		invalid(t, router, "CreateTable", `{`+input+`}`, message)
	}
	succeed(t, router, "CreateTable", `{`+demand+attributes+`, `+keys+`, "DeletionProtectionEnabled": true}`, "")
	invalid(t, router, "DeleteTable", `{"TableName": "jobs"}`, "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.")
}

func TestTags(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	const arn = `"ResourceArn": "arn:aws:dynamodb:eu-central-1:123456789012:table/words"`
	succeed(t, router, "TagResource", `{`+arn+`, "Tags": [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]}`, `{}`)
	succeed(t, router, "ListTagsOfResource", `{`+arn+`}`, `{"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}`)
	succeed(t, router, "UntagResource", `{`+arn+`, "TagKeys": ["a"]}`, `{}`)
	succeed(t, router, "ListTagsOfResource", `{`+arn+`}`, `{"Tags": [{"Key": "b", "Value": "2"}]}`)
	invalid(t, router, "ListTagsOfResource", `{"ResourceArn": "words"}`, "Invalid TableArn: Invalid ResourceArn provided as input words")
	fail(t, router, "ListTagsOfResource", `{"ResourceArn": "arn:aws:dynamodb:eu-central-1:123456789012:table/none"}`, "ResourceNotFoundException",
		"Requested resource not found: ResourcArn: arn:aws:dynamodb:eu-central-1:123456789012:table/none not found")
}

func TestBatches(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "gone"}}}`, `{}`)
	succeed(t, router, "BatchWriteItem", `{"ReturnConsumedCapacity": "TOTAL", "RequestItems": {
		"words": [{"PutRequest": {"Item": {"W": {"S": "a"}, "v": {"N": "1"}}}}, {"DeleteRequest": {"Key": {"W": {"S": "gone"}}}}],
		"things": [{"PutRequest": {"Item": {"P": {"S": "p"}, "N": {"N": "1"}}}}]}}`,
		`{"UnprocessedItems": {}, "ConsumedCapacity": [{"TableName": "things", "CapacityUnits": 1}, {"TableName": "words", "CapacityUnits": 2}]}`)
	succeed(t, router, "BatchGetItem", `{"ReturnConsumedCapacity": "TOTAL", "RequestItems": {
		"words": {"Keys": [{"W": {"S": "a"}}, {"W": {"S": "gone"}}], "ProjectionExpression": "#v", "ExpressionAttributeNames": {"#v": "v"}},
		"things": {"Keys": [{"P": {"S": "p"}, "N": {"N": "1"}}], "ConsistentRead": true}}}`,
		`{"Responses": {"words": [{"v": {"N": "1"}}], "things": [{"P": {"S": "p"}, "N": {"N": "1"}}]}, "UnprocessedKeys": {},
			"ConsumedCapacity": [{"TableName": "things", "CapacityUnits": 1}, {"TableName": "words", "CapacityUnits": 1}]}`)
	invalid(t, router, "BatchGetItem", `{"RequestItems": {"words": {"Keys": [{"W": {"S": "a"}}, {"W": {"S": "a"}}]}}}`, "Provided list of item keys contains duplicates")
	invalid(t, router, "BatchWriteItem", `{"RequestItems": {"words": [{"PutRequest": {"Item": {"W": {"S": "a"}}}}, {"DeleteRequest": {"Key": {"W": {"S": "a"}}}}]}}`, "Provided list of item keys contains duplicates")
	invalid(t, router, "BatchWriteItem", `{"RequestItems": {"words": [{}]}}`, "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	invalid(t, router, "BatchWriteItem", `{"RequestItems": {}}`, "1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: Member must have length greater than or equal to 1")
}

// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
func TestLimitsOfBatches(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	text := strings.Repeat("x", 400*1024-20)
	var keys, puts []string
	for i := range 101 {
		key := fmt.Sprintf(`{"W": {"S": "%03d"}}`, i)
		keys = append(keys, key)
		puts = append(puts, `{"PutRequest": {"Item": `+key+`}}`)
		if i < 45 {
			succeed(t, router, "PutItem", fmt.Sprintf(`{"TableName": "words", "Item": {"W": {"S": "%03d"}, "v": {"S": "%s"}}}`, i, text), `{}`)
		}
	}
	// 16 MB are 40 such items; the keys of the others come back.
	out, err := router.Call(t.Context(), "dynamodb", "BatchGetItem", api.Caller{}, []byte(`{"RequestItems": {"words": {"ConsistentRead": true, "Keys": [`+strings.Join(keys[:45], ",")+`]}}}`))
	require.NoError(t, err)
	got, ok := out.(*dynamodb.BatchGetItemOutput)
	require.True(t, ok)
	require.Len(t, got.Responses["words"], 40)
	require.JSONEq(t, `{"words": {"ConsistentRead": true, "Keys": [`+strings.Join(keys[40:45], ",")+`]}}`, encode(t, got.UnprocessedKeys))
	invalid(t, router, "BatchGetItem", `{"RequestItems": {"words": {"Keys": [`+strings.Join(keys, ",")+`]}}}`, "Too many items requested for the BatchGetItem call")
	invalid(t, router, "BatchWriteItem", `{"RequestItems": {"words": [`+strings.Join(puts[:26], ",")+`]}}`, "Too many items requested for the BatchWriteItem call")
}

func TestProvider(t *testing.T) {
	router := api.NewRouter(1)
	service := dynamodb.New(account, router, dynamodb.Options{})
	router.Add(service.API())
	provide := service.Providers()["AWS::DynamoDB::Table"].Create
	var seen []string
	defer router.Observe(func(e api.Event) { seen = append(seen, e.String()) })()
	resource, err := provide(context.Background(), api.ResourceRequest{Stack: "fleet", LogicalID: "Registry", Type: "AWS::DynamoDB::Table", Name: "fleet-Registry-1", Properties: []byte(`{
		"BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": [{"AttributeName": "Fleet", "AttributeType": "S"}, {"AttributeName": "Item", "AttributeType": "S"}],
		"KeySchema": [{"AttributeName": "Fleet", "KeyType": "HASH"}, {"AttributeName": "Item", "KeyType": "RANGE"}],
		"TimeToLiveSpecification": {"AttributeName": "ExpiresAt", "Enabled": true},
		"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
		"SSESpecification": {"SSEEnabled": true},
		"Tags": [{"Key": "k", "Value": "v"}]}`)})
	require.NoError(t, err)
	require.Equal(t, api.Resource{Ref: "fleet-Registry-1", Attributes: map[string]string{"Arn": "arn:aws:dynamodb:eu-central-1:123456789012:table/fleet-Registry-1"}}, resource)
	require.Equal(t, []string{"dynamodb:CreateTable"}, seen)
	succeed(t, router, "DescribeTimeToLive", `{"TableName": "fleet-Registry-1"}`, `{"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "ExpiresAt"}}`)
	_, err = provide(context.Background(), api.ResourceRequest{Properties: []byte(`{"StreamSpecification": {}}`)})
	require.EqualError(t, err, `ValidationException: The embedded runtime does not know the member "StreamSpecification" of tableProperties.`)
}
