package conformance

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func dynamoBatchCases() []Case {
	return []Case{
		{Name: "a batch writes and deletes", Page: dynamoAPI("BatchWriteItem"), Run: dynamoBatchWrite},
		{Name: "a batch has 25 writes at most, each of another item", Page: dynamoAPI("BatchWriteItem"), Run: dynamoBatchWriteRange},
		{Name: "a batch reads what is there", Page: dynamoAPI("BatchGetItem"), Run: dynamoBatchGet},
		{Name: "a batch has 100 reads at most, each of another item", Page: dynamoAPI("BatchGetItem"), Run: dynamoBatchGetRange},
		{Name: "a transaction writes all", Page: dynamoAPI("TransactWriteItems"), Run: dynamoTransact},
		{Name: "a transaction that is cancelled writes nothing, and says why in order", Page: dynamoAPI("TransactWriteItems"), Run: dynamoTransactCancelled},
		{Name: "a cancelled transaction answers the items when asked to", Page: dynamoAPI("TransactWriteItems"), Run: dynamoTransactItem},
		{Name: "a transaction sent again with its token happens once", Page: dynamoAPI("TransactWriteItems"), Run: dynamoTransactToken},
		{Name: "a transaction's token goes with its content", Page: dynamoAPI("TransactWriteItems"), Run: dynamoTransactOtherContent},
		{Name: "a transaction touches an item once", Page: dynamoAPI("TransactWriteItems"), Run: dynamoTransactTwice},
		{Name: "a transaction has 100 actions at most", Page: dynamoAPI("TransactWriteItems"), Run: dynamoTransactRange},
		{Name: "a transaction reads in order, missing items too", Page: dynamoAPI("TransactGetItems"), Run: dynamoTransactGet},
		{Name: "writes that meet a transaction fail with TransactionConflict or not at all", Page: dynamoGuide("transaction-apis"), Run: dynamoTransactConflict},
	}
}

func (c *Clients) batchWrite(t *testing.T, table string, writes ...dynamotypes.WriteRequest) (*dynamodb.BatchWriteItemOutput, error) {
	return c.DynamoDB.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]dynamotypes.WriteRequest{table: writes}})
}

func batchPut(i item) dynamotypes.WriteRequest {
	return dynamotypes.WriteRequest{PutRequest: &dynamotypes.PutRequest{Item: i}}
}

func dynamoBatchWrite(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "old"))
	out, err := c.batchWrite(t, table, batchPut(row("a", "1")), batchPut(row("a", "2")),
		dynamotypes.WriteRequest{DeleteRequest: &dynamotypes.DeleteRequest{Key: row("a", "old")}})
	require.NoError(t, err)
	assert.Empty(t, out.UnprocessedItems)
	assert.Equal(t, []string{"1", "2"}, sortKeys(c.query(t, table, nil).Items))
}

func dynamoBatchWriteRange(t *testing.T, c *Clients) {
	table := c.table(t)
	var writes []dynamotypes.WriteRequest
	for i := range 26 {
		writes = append(writes, batchPut(row("a", fmt.Sprint(i))))
	}
	_, err := c.batchWrite(t, table, writes...)
	failsAs(t, err, "ValidationException", "")
	_, err = c.batchWrite(t, table, batchPut(row("a", "1")), batchPut(row("a", "1", "n", num("1"))))
	failsAs(t, err, "ValidationException", "Provided list of item keys contains duplicates")
	assert.Empty(t, c.query(t, table, nil).Items)
}

func (c *Clients) batchGet(t *testing.T, table string, keys ...item) (*dynamodb.BatchGetItemOutput, error) {
	return c.DynamoDB.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{
		RequestItems: map[string]dynamotypes.KeysAndAttributes{table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
	})
}

func dynamoBatchGet(t *testing.T, c *Clients) {
	table := c.table(t)
	c.putRows(t, table, "1", "2")
	out, err := c.batchGet(t, table, row("a", "1"), row("a", "absent"), row("a", "2"))
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"1", "2"}, sortKeys(out.Responses[table]))
	assert.Empty(t, out.UnprocessedKeys)
}

func dynamoBatchGetRange(t *testing.T, c *Clients) {
	table := c.table(t)
	var keys []item
	for i := range 101 {
		keys = append(keys, row("a", fmt.Sprint(i)))
	}
	_, err := c.batchGet(t, table, keys...)
	failsAs(t, err, "ValidationException", "")
	_, err = c.batchGet(t, table, row("a", "1"), row("a", "1"))
	failsAs(t, err, "ValidationException", "Provided list of item keys contains duplicates")
}

func (c *Clients) transact(t *testing.T, token *string, actions ...dynamotypes.TransactWriteItem) error {
	_, err := c.DynamoDB.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{TransactItems: actions, ClientRequestToken: token})
	return err
}

func putAction(table string, i item, condition string) dynamotypes.TransactWriteItem {
	put := &dynamotypes.Put{TableName: &table, Item: i}
	if condition != "" {
		put.ConditionExpression = &condition
	}
	return dynamotypes.TransactWriteItem{Put: put}
}

func addAction(table, sk string) dynamotypes.TransactWriteItem {
	return dynamotypes.TransactWriteItem{Update: &dynamotypes.Update{
		TableName: &table, Key: row("a", sk), UpdateExpression: aws.String("ADD n :one"), ExpressionAttributeValues: item{":one": num("1")},
	}}
}

func dynamoTransact(t *testing.T, c *Clients) {
	table := c.table(t)
	c.putRows(t, table, "gone", "checked")
	require.NoError(t, c.transact(t, nil,
		putAction(table, row("a", "put"), "attribute_not_exists(pk)"), addAction(table, "updated"),
		dynamotypes.TransactWriteItem{Delete: &dynamotypes.Delete{TableName: &table, Key: row("a", "gone")}},
		dynamotypes.TransactWriteItem{ConditionCheck: &dynamotypes.ConditionCheck{
			TableName: &table, Key: row("a", "checked"), ConditionExpression: aws.String("attribute_exists(pk)"),
		}}))
	assert.Equal(t, []string{"checked", "put", "updated"}, sortKeys(c.query(t, table, nil).Items))
}

func dynamoTransactCancelled(t *testing.T, c *Clients) {
	table := c.table(t)
	c.putRows(t, table, "there")
	err := c.transact(t, nil, putAction(table, row("a", "new"), ""), putAction(table, row("a", "there", "n", num("1")), "attribute_not_exists(pk)"))
	e := fails[*dynamotypes.TransactionCanceledException](t, err,
		"Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed]")
	require.Len(t, e.CancellationReasons, 2)
	assert.Equal(t, "None", aws.ToString(e.CancellationReasons[0].Code))
	assert.Nil(t, e.CancellationReasons[0].Message)
	assert.Equal(t, "ConditionalCheckFailed", aws.ToString(e.CancellationReasons[1].Code))
	assert.Equal(t, "The conditional request failed", aws.ToString(e.CancellationReasons[1].Message))
	assert.Empty(t, e.CancellationReasons[1].Item)
	assert.Equal(t, []item{row("a", "there")}, c.query(t, table, nil).Items)
}

func dynamoTransactItem(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "there", "n", num("7")))
	action := putAction(table, row("a", "there"), "attribute_not_exists(pk)")
	action.Put.ReturnValuesOnConditionCheckFailure = dynamotypes.ReturnValuesOnConditionCheckFailureAllOld
	e := fails[*dynamotypes.TransactionCanceledException](t, c.transact(t, nil, action),
		"Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed]")
	require.Len(t, e.CancellationReasons, 1)
	assert.Equal(t, row("a", "there", "n", num("7")), e.CancellationReasons[0].Item)
}

func dynamoTransactToken(t *testing.T, c *Clients) {
	table, token := c.table(t), fresh()[:36]
	require.NoError(t, c.transact(t, &token, addAction(table, "1")))
	require.NoError(t, c.transact(t, &token, addAction(table, "1")))
	assert.Equal(t, num("1"), c.get(t, table, "a", "1")["n"])
	require.NoError(t, c.transact(t, nil, addAction(table, "1")))
	assert.Equal(t, num("2"), c.get(t, table, "a", "1")["n"])
}

func dynamoTransactOtherContent(t *testing.T, c *Clients) {
	table, token := c.table(t), fresh()[:36]
	require.NoError(t, c.transact(t, &token, addAction(table, "1")))
	fails[*dynamotypes.IdempotentParameterMismatchException](t, c.transact(t, &token, addAction(table, "2")), "")
	assert.Nil(t, c.get(t, table, "a", "2"))
}

func dynamoTransactTwice(t *testing.T, c *Clients) {
	table := c.table(t)
	failsAs(t, c.transact(t, nil, putAction(table, row("a", "1"), ""), addAction(table, "1")),
		"ValidationException", "Transaction request cannot include multiple operations on one item")
}

func dynamoTransactRange(t *testing.T, c *Clients) {
	table := c.table(t)
	var actions []dynamotypes.TransactWriteItem
	for i := range 101 {
		actions = append(actions, putAction(table, row("a", fmt.Sprint(i)), ""))
	}
	failsAs(t, c.transact(t, nil, actions...), "ValidationException", "")
	require.NoError(t, c.transact(t, nil, actions[:100]...))
	assert.Equal(t, int32(100), c.query(t, table, nil).Count)
}

func dynamoTransactGet(t *testing.T, c *Clients) {
	table := c.table(t)
	c.putRows(t, table, "1", "2")
	var gets []dynamotypes.TransactGetItem
	for _, sk := range []string{"2", "absent", "1"} {
		gets = append(gets, dynamotypes.TransactGetItem{Get: &dynamotypes.Get{TableName: &table, Key: row("a", sk)}})
	}
	out, err := c.DynamoDB.TransactGetItems(t.Context(), &dynamodb.TransactGetItemsInput{TransactItems: gets})
	require.NoError(t, err)
	require.Len(t, out.Responses, 3)
	assert.Equal(t, row("a", "2"), out.Responses[0].Item)
	assert.Empty(t, out.Responses[1].Item)
	assert.Equal(t, row("a", "1"), out.Responses[2].Item)
}

// Plain updates race with transactions on one item: each either counts once or
// fails as a conflict.
func dynamoTransactConflict(t *testing.T, c *Clients) {
	table := c.table(t)
	const writers = 10
	done := make(chan error, 2*writers)
	for range writers {
		go func() { done <- c.transact(t, nil, addAction(table, "1")) }()
		go func() {
			_, err := c.DynamoDB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
				TableName: &table, Key: row("a", "1"), UpdateExpression: aws.String("ADD n :one"), ExpressionAttributeValues: item{":one": num("1")},
			})
			done <- err
		}()
	}
	succeeded := 0
	for range 2 * writers {
		err := <-done
		if err == nil {
			succeeded++
			continue
		}
		var e smithy.APIError
		require.ErrorAs(t, err, &e)
		switch conflict := e.(type) {
		case *dynamotypes.TransactionConflictException:
		case *dynamotypes.TransactionCanceledException:
			require.Len(t, conflict.CancellationReasons, 1)
			assert.Equal(t, "TransactionConflict", aws.ToString(conflict.CancellationReasons[0].Code))
		default:
			assert.Fail(t, "neither done nor a conflict", "%v", err)
		}
	}
	require.Positive(t, succeeded)
	assert.Equal(t, num(fmt.Sprint(succeeded)), c.get(t, table, "a", "1")["n"])
}
