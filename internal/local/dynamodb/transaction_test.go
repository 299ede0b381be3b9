package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterq/muster/internal/local/dynamodb"
)

const cancelled = "Transaction cancelled, please refer cancellation reasons for specific reasons "

// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
func TestTransactWriteItems(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "old"}, "v": {"N": "1"}}}`, `{}`)
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "gone"}}}`, `{}`)
	succeed(t, router, "TransactWriteItems", `{"ReturnConsumedCapacity": "INDEXES", "TransactItems": [
		{"ConditionCheck": {"TableName": "words", "Key": {"W": {"S": "absent"}}, "ConditionExpression": "attribute_not_exists(W)"}},
		{"Put": {"TableName": "things", "Item": {"P": {"S": "p"}, "N": {"N": "1"}}}},
		{"Update": {"TableName": "words", "Key": {"W": {"S": "old"}}, "UpdateExpression": "ADD v :one", "ConditionExpression": "v = :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}},
		{"Delete": {"TableName": "words", "Key": {"W": {"S": "gone"}}}}]}`,
		`{"ConsumedCapacity": [
			{"TableName": "things", "CapacityUnits": 2, "WriteCapacityUnits": 2, "Table": {"CapacityUnits": 2, "WriteCapacityUnits": 2}},
			{"TableName": "words", "CapacityUnits": 6, "WriteCapacityUnits": 6, "Table": {"CapacityUnits": 6, "WriteCapacityUnits": 6}}]}`)
	succeed(t, router, "TransactGetItems", `{"ReturnConsumedCapacity": "TOTAL", "TransactItems": [
		{"Get": {"TableName": "words", "Key": {"W": {"S": "old"}}, "ProjectionExpression": "v"}},
		{"Get": {"TableName": "words", "Key": {"W": {"S": "gone"}}}},
		{"Get": {"TableName": "things", "Key": {"P": {"S": "p"}, "N": {"N": "1"}}}}]}`,
		`{"Responses": [{"Item": {"v": {"N": "2"}}}, {}, {"Item": {"P": {"S": "p"}, "N": {"N": "1"}}}],
			"ConsumedCapacity": [{"TableName": "things", "CapacityUnits": 2, "ReadCapacityUnits": 2}, {"TableName": "words", "CapacityUnits": 4, "ReadCapacityUnits": 4}]}`)
}

func TestTransactionIsCancelled(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "v": {"S": "x"}}}`, `{}`)
	e := fail(t, router, "TransactWriteItems", `{"TransactItems": [
		{"Put": {"TableName": "words", "Item": {"W": {"S": "new"}}}},
		{"Put": {"TableName": "words", "Item": {"W": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(W)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
		{"ConditionCheck": {"TableName": "words", "Key": {"W": {"S": "b"}}, "ConditionExpression": "attribute_exists(W)"}}]}`,
		"TransactionCanceledException", cancelled+"[None, ConditionalCheckFailed, ConditionalCheckFailed]")
	require.JSONEq(t, `[{"Code": "None"},
		{"Code": "ConditionalCheckFailed", "Message": "The conditional request failed", "Item": {"W": {"S": "a"}, "v": {"S": "x"}}},
		{"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}]`, encode(t, e.Fields["CancellationReasons"]))
	succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "new"}}}`, `{}`)

	e = fail(t, router, "TransactWriteItems", `{"TransactItems": [
		{"Update": {"TableName": "words", "Key": {"W": {"S": "a"}}, "UpdateExpression": "ADD v :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}},
		{"Put": {"TableName": "words", "Item": {"W": {"S": "new"}}}}]}`,
		"TransactionCanceledException", cancelled+"[ValidationError, None]")
	require.JSONEq(t, `[{"Code": "ValidationError", "Message": "An operand in the update expression has an incorrect data type"}, {"Code": "None"}]`, encode(t, e.Fields["CancellationReasons"]))

	fail(t, router, "TransactWriteItems", `{"TransactItems": [{"Put": {"TableName": "words", "Item": {"W": {"N": "1"}}}}]}`, "TransactionCanceledException", cancelled+"[ValidationError]")
}

func TestInvalidTransactions(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	const put = `{"Put": {"TableName": "words", "Item": {"W": {"S": "a"}}}}`
	many := strings.Repeat(put+", ", 100) + put
	invalid(t, router, "TransactWriteItems", `{"TransactItems": [`+put+`, {"Delete": {"TableName": "words", "Key": {"W": {"S": "a"}}}}]}`, "Transaction request cannot include multiple operations on one item")
	invalid(t, router, "TransactWriteItems", `{"TransactItems": [{}]}`, "TransactItems can only contain one of Check, Put, Update or Delete")
	invalid(t, router, "TransactWriteItems", `{"TransactItems": []}`, "1 validation error detected: Value '[]' at 'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1")
	invalid(t, router, "TransactWriteItems", `{"TransactItems": [`+many+`]}`, "1 validation error detected: Value '[101 items]' at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100")
	invalid(t, router, "TransactWriteItems", `{"TransactItems": [{"Update": {"TableName": "words", "Key": {"W": {"S": "a"}}, "UpdateExpression": "SET"}}]}`, `Invalid UpdateExpression: Syntax error; token: "<EOF>", near: "SET"`)
	fail(t, router, "TransactWriteItems", `{"TransactItems": [{"Put": {"TableName": "nowhere", "Item": {"W": {"S": "a"}}}}]}`, "ResourceNotFoundException", "Requested resource not found")
	const get = `{"Get": {"TableName": "words", "Key": {"W": {"S": "a"}}}}`
	invalid(t, router, "TransactGetItems", `{"TransactItems": [`+get+`, `+get+`]}`, "Transaction request cannot include multiple operations on one item")
	fail(t, router, "TransactGetItems", `{"TransactItems": [`+get+`, {"Get": {"TableName": "words", "Key": {"x": {"S": "a"}}}}]}`, "TransactionCanceledException", cancelled+"[None, ValidationError]")
	var large []string
	for i := range 11 {
		large = append(large, fmt.Sprintf(`{"Put": {"TableName": "words", "Item": {"W": {"S": "%02d"}, "v": {"S": "%s"}}}}`, i, strings.Repeat("x", 390*1024)))
	}
	invalid(t, router, "TransactWriteItems", `{"TransactItems": [`+strings.Join(large, ",")+`]}`, "The aggregate size of the items in the transaction exceeds the limit of 4 MB")
	succeed(t, router, "Scan", `{"TableName": "words"}`, `{"Items": [], "Count": 0, "ScannedCount": 0}`)
}

func TestClientRequestToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router := newRouter(t, dynamodb.Options{})
		add := func(n string) string {
			return `{"ClientRequestToken": "t", "ReturnConsumedCapacity": "TOTAL", "TransactItems": [{"Update": {"TableName": "words", "Key": {"W": {"S": "a"}},
				"UpdateExpression": "ADD v :n", "ExpressionAttributeValues": {":n": {"N": "` + n + `"}}}}]}`
		}
		succeed(t, router, "TransactWriteItems", add("1"), `{"ConsumedCapacity": [{"TableName": "words", "CapacityUnits": 2, "WriteCapacityUnits": 2}]}`)
		succeed(t, router, "TransactWriteItems", add("1"), `{"ConsumedCapacity": [{"TableName": "words", "CapacityUnits": 2, "ReadCapacityUnits": 2}]}`)
		fail(t, router, "TransactWriteItems", add("2"), "IdempotentParameterMismatchException", "Request parameters do not match the parameters of the transaction with the same ClientRequestToken")
		succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}}`, `{"Item": {"W": {"S": "a"}, "v": {"N": "1"}}}`)
		time.Sleep(10 * time.Minute)
		succeed(t, router, "TransactWriteItems", add("2"), "")
		succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}}`, `{"Item": {"W": {"S": "a"}, "v": {"N": "3"}}}`)
	})
}

// A token is kept for transactions that were done, not for cancelled ones.
func TestClientRequestTokenOfCancelled(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	const take = `{"ClientRequestToken": "t", "TransactItems": [{"Update": {"TableName": "words", "Key": {"W": {"S": "a"}},
		"UpdateExpression": "REMOVE v", "ConditionExpression": "attribute_exists(W)"}}]}`
	fail(t, router, "TransactWriteItems", take, "TransactionCanceledException", cancelled+"[ConditionalCheckFailed]")
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "v": {"N": "1"}}}`, `{}`)
	succeed(t, router, "TransactWriteItems", take, `{}`)
	succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}}`, `{"Item": {"W": {"S": "a"}}}`)
}
