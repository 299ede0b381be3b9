package dynamodb_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
)

func TestPutAndGet(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	item := `{"W": {"S": "a"}, "n": {"N": "1.50e1"}, "b": {"B": "AAE="}, "t": {"BOOL": true}, "z": {"NULL": true}, "e": {"S": ""},
		"ss": {"SS": ["x", "y"]}, "ns": {"NS": ["1.0", "-2"]}, "bs": {"BS": ["AA=="]},
		"l": {"L": [{"S": "é\n"}, {"M": {}}, {"L": []}]}, "m": {"M": {"k": {"N": "+0.010"}}}}`
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": `+item+`}`, `{}`)
	normal := strings.NewReplacer("1.50e1", "15", `"1.0"`, `"1"`, "+0.010", "0.01").Replace(item)
	succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}, "ConsistentRead": true}`, `{"Item": `+normal+`}`)
	succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "b"}}}`, `{}`)
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "v": {"N": "2"}}, "ReturnValues": "ALL_OLD"}`, `{"Attributes": `+normal+`}`)
	succeed(t, router, "DeleteItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}, "ReturnValues": "ALL_OLD"}`, `{"Attributes": {"W": {"S": "a"}, "v": {"N": "2"}}}`)
	succeed(t, router, "DeleteItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}, "ReturnValues": "ALL_OLD"}`, `{}`)
	// An ARN names a table too.
	succeed(t, router, "GetItem", `{"TableName": "arn:aws:dynamodb:eu-central-1:123456789012:table/words", "Key": {"W": {"S": "a"}}}`, `{}`)
}

func TestNumbersAreKeysByValue(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "PutItem", `{"TableName": "things", "Item": {"P": {"S": "p"}, "N": {"N": "1.0"}}}`, `{}`)
	succeed(t, router, "GetItem", `{"TableName": "things", "Key": {"P": {"S": "p"}, "N": {"N": "10e-1"}}}`, `{"Item": {"P": {"S": "p"}, "N": {"N": "1"}}}`)
}

func TestProjectionExpression(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "size": {"N": "1"},
		"l": {"L": [{"N": "0"}, {"M": {"x": {"N": "1"}, "y": {"N": "2"}}}, {"N": "2"}]}, "m": {"M": {"x": {"S": "X"}, "y": {"S": "Y"}}}}}`, `{}`)
	for _, c := range []struct{ projection, names, want string }{
		{"W", "", `{"W": {"S": "a"}}`},
		{"nothing", "", `{}`},
		{"m.x, l[2], l[0]", "", `{"m": {"M": {"x": {"S": "X"}}}, "l": {"L": [{"N": "0"}, {"N": "2"}]}}`},
		{"l[1].y, l[7], m.z", "", `{"l": {"L": [{"M": {"y": {"N": "2"}}}]}}`},
		{"#s, m.#x", `, "ExpressionAttributeNames": {"#s": "size", "#x": "y"}`, `{"size": {"N": "1"}, "m": {"M": {"y": {"S": "Y"}}}}`},
	} {
		succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}, "ProjectionExpression": "`+c.projection+`"`+c.names+`}`, `{"Item": `+c.want+`}`)
	}
	for projection, message := range map[string]string{
		"size":      "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: size",
		"":          "Invalid ProjectionExpression: The expression can not be empty;",
		"a.b, a":    "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a]",
		"a.b, a[0]": "Invalid ProjectionExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]",
		"#a":        "Invalid ProjectionExpression: An expression attribute name used in the document path is not defined; attribute name: #a",
		"l[a]":      `Invalid ProjectionExpression: Syntax error; token: "a", near: "[a]"`,
		"a b":       `Invalid ProjectionExpression: Syntax error; token: "b", near: "a b"`,
		"a-b":       `Invalid ProjectionExpression: Syntax error; token: "-", near: "a-b"`,
		"a,":        `Invalid ProjectionExpression: Syntax error; token: "<EOF>", near: ","`,
		"W.x":       "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: W",
	} {
		invalid(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}, "ProjectionExpression": "`+projection+`"}`, message)
	}
}

func TestInvalidItems(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	deep := strings.Repeat(`{"L": [`, 33) + strings.Repeat(`]}`, 33)
	for item, message := range map[string]string{
		`{"v": {"N": "1"}}`:                       "One or more parameter values were invalid: Missing the key W in the item",
		`{"W": {"N": "1"}}`:                       "One or more parameter values were invalid: Type mismatch for key W expected: S actual: N",
		`{"W": {"S": ""}}`:                        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: W",
		`{"W": {}}`:                               "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
		`{"W": {"S": "a", "N": "1"}}`:             "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
		`{"W": {"S": "a"}, "v": {"N": "x"}}`:      "The parameter cannot be converted to a numeric value: x",
		`{"W": {"S": "a"}, "v": {"N": ""}}`:       "The parameter cannot be converted to a numeric value",
		`{"W": {"S": "a"}, "v": {"N": "1e126"}}`:  "Number overflow. Attempting to store a number with magnitude larger than supported range",
		`{"W": {"S": "a"}, "v": {"N": "1e-131"}}`: "Number underflow. Attempting to store a number with magnitude smaller than supported range",
		`{"W": {"S": "a"}, "v": {"N": "123456789012345678901234567890123456789"}}`: "Attempting to store more than 38 significant digits in a Number",
		`{"W": {"S": "a"}, "v": {"NULL": false}}`:                                  "One or more parameter values were invalid: Null attribute value types must have the value of true",
		`{"W": {"S": "a"}, "v": {"SS": []}}`:                                       "One or more parameter values were invalid: An string set  may not be empty",
		`{"W": {"S": "a"}, "v": {"NS": []}}`:                                       "One or more parameter values were invalid: An number set  may not be empty",
		`{"W": {"S": "a"}, "v": {"BS": []}}`:                                       "One or more parameter values were invalid: Binary sets should not be empty",
		`{"W": {"S": "a"}, "v": {"SS": ["x", "x"]}}`:                               "One or more parameter values were invalid: Input collection [x, x] contains duplicates.",
		`{"W": {"S": "a"}, "v": {"NS": ["1", "1.0"]}}`:                             "Input collection contains duplicates",
		`{"W": {"S": "a"}, "v": {"BS": ["AA==", "AA=="]}}`:                         "One or more parameter values were invalid: Input collection [AA==, AA==]of type BS contains duplicates.",
		`{"W": {"S": "a"}, "v": ` + deep + `}`:                                     "Nesting Levels have exceeded supported limits",
		`{"W": {"S": "` + strings.Repeat("k", 2049) + `"}}`:                        "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
		`{"W": {"S": "a"}, "v": {"S": "` + strings.Repeat("v", 400*1024-2) + `"}}`: "Item size has exceeded the maximum allowed size",
	} {
		invalid(t, router, "PutItem", `{"TableName": "words", "Item": `+item+`}`, message)
	}
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "v": {"S": "`+strings.Repeat("v", 400*1024-3)+`"}}}`, `{}`)
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "v": `+deep[7:len(deep)-2]+`}}`, `{}`)
	// Sizes count UTF-8 bytes: é has two.
	invalid(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "v": {"S": "`+strings.Repeat("é", 200*1024)+`"}}}`, "Item size has exceeded the maximum allowed size")
}

func TestInvalidRequests(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	key := `"Key": {"W": {"S": "a"}}`
	for _, c := range []struct{ operation, input, code, message string }{
		{"GetItem", `{"TableName": "nowhere", ` + key + `}`, "ResourceNotFoundException", "Requested resource not found"},
		{"PutItem", `{"TableName": "nowhere", "Item": {}}`, "ResourceNotFoundException", "Requested resource not found"},
		{"GetItem", `{` + key + `}`, "ValidationException", "The parameter 'TableName' is required but was not present in the request"},
		{"GetItem", `{"TableName": "ab", ` + key + `}`, "ValidationException", "TableName must be at least 3 characters long and at most 255 characters long"},
		{"GetItem", `{"TableName": "a b", ` + key + `}`, "ValidationException", "1 validation error detected: Value 'a b' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
		{"GetItem", `{"TableName": "words"}`, "ValidationException", "1 validation error detected: Value null at 'key' failed to satisfy constraint: Member must not be null"},
		{"GetItem", `{"TableName": "words", "Key": {"x": {"S": "a"}}}`, "ValidationException", "The provided key element does not match the schema"},
		{"GetItem", `{"TableName": "words", "Key": {"W": {"N": "1"}}}`, "ValidationException", "The provided key element does not match the schema"},
		{"GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}, "x": {"S": "a"}}}`, "ValidationException", "The provided key element does not match the schema"},
		{"GetItem", `{"TableName": "words", ` + key + `, "AttributesToGet": ["a"]}`, "ValidationException", `The embedded runtime does not know the member "AttributesToGet" of GetItemInput.`},
		{"GetItem", `{"TableName": "words", ` + key + `, "ReturnConsumedCapacity": "YES"}`, "ValidationException", "1 validation error detected: Value 'YES' at 'returnConsumedCapacity' failed to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]"},
		{"PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}}, "Expected": {}}`, "ValidationException", `The embedded runtime does not know the member "Expected" of PutItemInput.`},
		{"PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}}, "ReturnValues": "ALL_NEW"}`, "ValidationException", "ReturnValues can only be ALL_OLD or NONE"},
		{"PutItem", `{"TableName": "words", "Item": {"W": {"S": 1}}}`, "SerializationException", "NUMBER_VALUE cannot be converted to String"},
		{"PutItem", `{"TableName": "words", "Item": {"W": {"s": "a"}}}`, "SerializationException", `Unknown attribute value type "s"`},
		{"UpdateItem", `{"TableName": "words", ` + key + `, "AttributeUpdates": {}}`, "ValidationException", `The embedded runtime does not know the member "AttributeUpdates" of UpdateItemInput.`},
		{"DescribeContinuousBackups", `{"TableName": "words"}`, "UnknownOperationException", "The embedded runtime does not know dynamodb:DescribeContinuousBackups."},
	} {
		fail(t, router, c.operation, c.input, c.code, c.message)
	}
}

func TestConditionFails(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "v": {"N": "1"}}}`, `{}`)
	for operation, input := range map[string]string{
		"PutItem":    `"Item": {"W": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(W)"`,
		"DeleteItem": `"Key": {"W": {"S": "a"}}, "ConditionExpression": "v > :v", "ExpressionAttributeValues": {":v": {"N": "1"}}`,
		"UpdateItem": `"Key": {"W": {"S": "a"}}, "ConditionExpression": "v = :v", "UpdateExpression": "SET v = :v", "ExpressionAttributeValues": {":v": {"N": "2"}}`,
	} {
		e := fail(t, router, operation, `{"TableName": "words", `+input+`}`, "ConditionalCheckFailedException", "The conditional request failed")
		require.Empty(t, e.Fields)
		e = fail(t, router, operation, `{"TableName": "words", "ReturnValuesOnConditionCheckFailure": "ALL_OLD", `+input+`}`, "ConditionalCheckFailedException", "The conditional request failed")
		require.JSONEq(t, `{"W": {"S": "a"}, "v": {"N": "1"}}`, encode(t, e.Fields["Item"]))
	}
	// Nothing to show where there is no item.
	e := fail(t, router, "UpdateItem", `{"TableName": "words", "Key": {"W": {"S": "b"}}, "ConditionExpression": "attribute_exists(W)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}`,
		"ConditionalCheckFailedException", "The conditional request failed")
	require.Empty(t, e.Fields)
	succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}}`, `{"Item": {"W": {"S": "a"}, "v": {"N": "1"}}}`)
}

func TestConsumedCapacity(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	// "W" + "a" + "v" + the text: 2049 bytes are 3 write units, and half a read
	// unit when eventually consistent.
	text := strings.Repeat("v", 2049-3)
	succeed(t, router, "PutItem", `{"TableName": "words", "ReturnConsumedCapacity": "TOTAL", "Item": {"W": {"S": "a"}, "v": {"S": "`+text+`"}}}`,
		`{"ConsumedCapacity": {"TableName": "words", "CapacityUnits": 3}}`)
	// The larger of the old item and the new counts.
	succeed(t, router, "PutItem", `{"TableName": "words", "ReturnConsumedCapacity": "INDEXES", "Item": {"W": {"S": "a"}}}`,
		`{"ConsumedCapacity": {"TableName": "words", "CapacityUnits": 3, "Table": {"CapacityUnits": 3}}}`)
	for _, c := range []struct{ operation, input, units string }{
		{"GetItem", `"Key": {"W": {"S": "none"}}`, "0.5"},
		{"GetItem", `"Key": {"W": {"S": "none"}}, "ConsistentRead": true`, "1"},
		{"DeleteItem", `"Key": {"W": {"S": "none"}}`, "1"},
	} {
		succeed(t, router, c.operation, `{"TableName": "words", "ReturnConsumedCapacity": "TOTAL", `+c.input+`}`,
			`{"ConsumedCapacity": {"TableName": "words", "CapacityUnits": `+c.units+`}}`)
	}
}

func TestStats(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	service := dynamodb.New(account, router, dynamodb.Options{})
	router.Add(service.API())
	succeed(t, router, "CreateTable", `{"TableName": "words", "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": [{"AttributeName": "W", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "W", "KeyType": "HASH"}]}`, "")
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}}}`, "")
	fail(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(W)"}`, "ConditionalCheckFailedException", "The conditional request failed")
	succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}}`, "")
	require.Equal(t, dynamodb.Stats{ReadUnits: 0.5, WriteUnits: 2}, service.Stats())
}

func TestConflicts(t *testing.T) {
	router := newRouter(t, dynamodb.Options{Conflicts: 1})
	fail(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}}}`, "TransactionConflictException", "Transaction is ongoing for the item")
	e := fail(t, router, "TransactWriteItems", `{"TransactItems": [{"Put": {"TableName": "words", "Item": {"W": {"S": "a"}}}}]}`,
		"TransactionCanceledException", "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]")
	require.JSONEq(t, `[{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}]`, encode(t, e.Fields["CancellationReasons"]))
	succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}}`, `{}`)
}

func BenchmarkConditionalUpdate(b *testing.B) {
	router := newRouter(b, dynamodb.Options{})
	succeed(b, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "holder": {"S": "x"}, "n": {"N": "0"}}}`, "")
	input := []byte(`{"TableName": "words", "Key": {"W": {"S": "a"}}, "UpdateExpression": "SET n = n + :one, seen = :t",
		"ConditionExpression": "holder = :h", "ExpressionAttributeValues": {":one": {"N": "1"}, ":t": {"S": "2026-01-01T00:00:00Z"}, ":h": {"S": "x"}}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := router.Call(b.Context(), "dynamodb", "UpdateItem", api.Caller{}, input); err != nil {
			b.Fatal(err)
		}
	}
}
