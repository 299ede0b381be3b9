package conformance

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func dynamoUpdateCases() []Case {
	page := dynamoGuide("Expressions.UpdateExpressions")
	return []Case{
		{Name: "an update makes an item that is not there", Page: dynamoAPI("UpdateItem"), Run: dynamoUpsert},
		{Name: "an update of nothing but the key makes the item", Page: dynamoAPI("UpdateItem"), Run: dynamoUpdateNothing},
		{Name: "return values", Page: dynamoAPI("UpdateItem"), Run: dynamoReturnValues},
		{Name: "a key cannot be updated", Page: dynamoAPI("UpdateItem"), Run: dynamoUpdateKey},
		dynamoUpdate("SET, REMOVE, ADD and DELETE in one expression", page,
			"SET a = :one, m.added = :two REMOVE l[0], gone ADD n :two, ss :set DELETE took :set",
			row("a", "1", "n", num("3"), "gone", num("1"), "l", list(num("1"), num("2")), "m", object(item{}), "ss", strs("x"), "took", strs("x", "y", "z"),
				"a", num("0")),
			item{":one": num("1"), ":two": num("2"), ":set": strs("x", "y")},
			row("a", "1", "a", num("1"), "n", num("5"), "l", list(num("2")), "m", object(item{"added": num("2")}), "ss", strs("x", "y"), "took", strs("z"))),
		dynamoUpdate("every operand is read before anything is written", page, "SET x = y, y = x",
			row("a", "1", "x", num("1"), "y", num("2")), nil, row("a", "1", "x", num("2"), "y", num("1"))),
		dynamoUpdate("arithmetic is decimal", page, "SET n = n + :d, m = :d - n",
			row("a", "1", "n", num("0.1")), item{":d": num("0.2")}, row("a", "1", "n", num("0.3"), "m", num("0.1"))),
		dynamoUpdate("if_not_exists keeps what is there", page, "SET n = if_not_exists(n, :one), k = if_not_exists(k, :one) + :one",
			row("a", "1", "n", num("7")), item{":one": num("1")}, row("a", "1", "n", num("7"), "k", num("2"))),
		dynamoUpdate("list_append joins lists, and an index beyond the end appends", page, "SET l = list_append(:x, l), k[9] = :y",
			row("a", "1", "l", list(num("1")), "k", list(num("1"))), item{":x": list(num("0")), ":y": num("2")},
			row("a", "1", "l", list(num("0"), num("1")), "k", list(num("1"), num("2")))),
		dynamoUpdate("ADD begins at 0, or with the set", page, "ADD n :two, ss :set",
			row("a", "1"), item{":two": num("2"), ":set": strs("x")}, row("a", "1", "n", num("2"), "ss", strs("x"))),
		dynamoUpdate("a set whose last value is deleted is gone", page, "DELETE ss :set",
			row("a", "1", "ss", strs("x")), item{":set": strs("x")}, row("a", "1")),
		dynamoUpdate("removing what is not there is no error", page, "REMOVE absent, l[7]",
			row("a", "1", "l", list(num("1"))), nil, row("a", "1", "l", list(num("1")))),
		{Name: "updates that cannot be are refused", Page: page, Run: dynamoBadUpdates},
	}
}

// dynamoUpdate is a case in which an update turns one item into another.
func dynamoUpdate(name, page, expression string, before, values, after item) Case {
	return Case{Name: name, Page: page, Run: func(t *testing.T, c *Clients) {
		table := c.table(t)
		c.put(t, table, before)
		_, err := c.DynamoDB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: row("a", "1"), UpdateExpression: &expression, ExpressionAttributeValues: values,
		})
		require.NoError(t, err)
		got := c.get(t, table, "a", "1")
		if set, ok := got["ss"].(*dynamotypes.AttributeValueMemberSS); ok {
			want, _ := after["ss"].(*dynamotypes.AttributeValueMemberSS)
			require.NotNil(t, want)
			assert.ElementsMatch(t, want.Value, set.Value)
			got["ss"] = want // a set has no order
		}
		assert.Equal(t, after, got)
	}}
}

func dynamoUpsert(t *testing.T, c *Clients) {
	table := c.table(t)
	_, err := c.DynamoDB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &table, Key: row("a", "1"), UpdateExpression: aws.String("SET n = :one"), ExpressionAttributeValues: item{":one": num("1")},
	})
	require.NoError(t, err)
	assert.Equal(t, row("a", "1", "n", num("1")), c.get(t, table, "a", "1"))
}

func dynamoUpdateNothing(t *testing.T, c *Clients) {
	table := c.table(t)
	_, err := c.DynamoDB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{TableName: &table, Key: row("a", "1")})
	require.NoError(t, err)
	assert.Equal(t, row("a", "1"), c.get(t, table, "a", "1"))
}

func dynamoReturnValues(t *testing.T, c *Clients) {
	table := c.table(t)
	for _, test := range []struct {
		ask  dynamotypes.ReturnValue
		want item
	}{
		{dynamotypes.ReturnValueNone, nil},
		{dynamotypes.ReturnValueAllOld, row("a", "1", "n", num("1"), "k", num("7"))},
		{dynamotypes.ReturnValueUpdatedOld, item{"n": num("1")}},
		{dynamotypes.ReturnValueAllNew, row("a", "1", "n", num("2"), "k", num("7"), "new", num("9"))},
		{dynamotypes.ReturnValueUpdatedNew, item{"n": num("2"), "new": num("9")}},
	} {
		c.put(t, table, row("a", "1", "n", num("1"), "k", num("7")))
		out, err := c.DynamoDB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: row("a", "1"), UpdateExpression: aws.String("SET n = :two, #n = :nine"), ReturnValues: test.ask,
			ExpressionAttributeNames:  map[string]string{"#n": "new"},
			ExpressionAttributeValues: item{":two": num("2"), ":nine": num("9")},
		})
		require.NoError(t, err)
		assert.Equal(t, test.want, out.Attributes, test.ask)
	}
}

func dynamoUpdateKey(t *testing.T, c *Clients) {
	table := c.table(t)
	_, err := c.DynamoDB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &table, Key: row("a", "1"), UpdateExpression: aws.String("SET sk = :s"), ExpressionAttributeValues: item{":s": str("2")},
	})
	failsAs(t, err, "ValidationException", "One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key")
}

func dynamoBadUpdates(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "1", "n", num("1"), "s", str("x"), "m", object(item{})))
	for _, test := range []struct {
		expression string
		values     item
		message    string
	}{
		{"SET m = :one, m.b = :one", item{":one": num("1")},
			"Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m], path two: [m, b]"},
		{"SET absent.b = :one", item{":one": num("1")}, "The document path provided in the update expression is invalid for update"},
		{"SET n = absent + :one", item{":one": num("1")}, "The provided expression refers to an attribute that does not exist in the item"},
		{"SET n = s + :one", item{":one": num("1")}, "An operand in the update expression has an incorrect data type"},
		{"ADD s :one", item{":one": num("1")}, "An operand in the update expression has an incorrect data type"},
		{"SET n = :one SET k = :one", item{":one": num("1")}, `Invalid UpdateExpression: The "SET" section can only be used once in an update expression;`},
		{"SET n :one", item{":one": num("1")}, `Invalid UpdateExpression: Syntax error; token: ":one", near: "n :one"`},
	} {
		_, err := c.DynamoDB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: row("a", "1"), UpdateExpression: &test.expression, ExpressionAttributeValues: test.values,
		})
		if assert.Error(t, err, test.expression) {
			failsAs(t, err, "ValidationException", test.message)
		}
	}
}
