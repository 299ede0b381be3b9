package conformance

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func dynamoConditionCases() []Case {
	page := dynamoGuide("Expressions.OperatorsAndFunctions")
	return []Case{
		{Name: "a condition that fails changes nothing", Page: dynamoAPI("PutItem"), Run: dynamoConditionFails},
		{Name: "a failed condition answers the item when asked to", Page: dynamoAPI("PutItem"), Run: dynamoConditionItem},
		{Name: "conditions on a missing item", Page: dynamoGuide("Expressions.ConditionExpressions"), Run: dynamoConditionMissing},
		{Name: "comparators", Page: page, Run: dynamoExpressions(
			expression{"n = :ten", true}, expression{"n <> :ten", false}, expression{"n < :eleven", true}, expression{"n <= :ten", true},
			expression{"n > :ten", false}, expression{"n >= :ten", true}, expression{"n = :text", false}, expression{"n <> :text", true},
			expression{"n < :text", false}, expression{"s < :text", true}, expression{"l = :list", true}, expression{"absent <> :ten", true})},
		{Name: "BETWEEN and IN", Page: page, Run: dynamoExpressions(
			expression{"n BETWEEN :nine AND :eleven", true}, expression{"n BETWEEN :ten AND :ten", true}, expression{"n BETWEEN :nine AND :nine", false},
			expression{"n IN (:nine, :ten)", true}, expression{"n IN (:nine, :text)", false})},
		{Name: "functions", Page: page, Run: dynamoExpressions(
			expression{"attribute_exists(m.deep.x)", true}, expression{"attribute_exists(m.nope)", false}, expression{"attribute_not_exists(absent)", true},
			expression{"attribute_type(n, :N)", true}, expression{"attribute_type(n, :S)", false},
			expression{"begins_with(s, :ap)", true}, expression{"begins_with(s, :text)", false},
			expression{"contains(s, :pl)", true}, expression{"contains(ss, :ap)", true}, expression{"contains(l, :ten)", true}, expression{"contains(l, :pl)", false},
			expression{"size(s) = :five", true}, expression{"size(l) = :one", true}, expression{"size(m) = :one", true}, expression{"size(ss) > :one", true},
			expression{"size(absent) = :three", false})},
		{Name: "AND before OR, NOT before both, parentheses first", Page: page, Run: dynamoExpressions(
			expression{"n = :ten OR n = :ten AND n = :nine", true}, expression{"(n = :ten OR n = :ten) AND n = :nine", false},
			expression{"NOT n = :nine AND n = :ten", true}, expression{"NOT (n = :ten OR n = :nine)", false}, expression{"not n = :nine and n = :ten", true})},
		{Name: "expressions that are none are refused", Page: dynamoGuide("Expressions.ExpressionAttributeNames"), Run: dynamoBadExpressions},
	}
}

func dynamoConditionFails(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "1", "n", num("1")))
	_, err := c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: &table, Item: row("a", "1"), ConditionExpression: aws.String("attribute_not_exists(pk)"),
	})
	e := fails[*dynamotypes.ConditionalCheckFailedException](t, err, "The conditional request failed")
	assert.Nil(t, e.Item)
	_, err = c.DynamoDB.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: &table, Key: row("a", "1"), ConditionExpression: aws.String("n > :one"), ExpressionAttributeValues: item{":one": num("1")},
	})
	fails[*dynamotypes.ConditionalCheckFailedException](t, err, "The conditional request failed")
	assert.Equal(t, row("a", "1", "n", num("1")), c.get(t, table, "a", "1"))
}

func dynamoConditionItem(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "1", "n", num("1")))
	_, err := c.DynamoDB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &table, Key: row("a", "1"), UpdateExpression: aws.String("SET n = :two"), ConditionExpression: aws.String("n = :two"),
		ExpressionAttributeValues:           item{":two": num("2")},
		ReturnValuesOnConditionCheckFailure: dynamotypes.ReturnValuesOnConditionCheckFailureAllOld,
	})
	e := fails[*dynamotypes.ConditionalCheckFailedException](t, err, "The conditional request failed")
	assert.Equal(t, row("a", "1", "n", num("1")), e.Item)
}

func dynamoConditionMissing(t *testing.T, c *Clients) {
	table := c.table(t)
	_, err := c.DynamoDB.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: &table, Key: row("a", "1"), UpdateExpression: aws.String("SET n = :one"), ConditionExpression: aws.String("attribute_exists(pk)"),
		ExpressionAttributeValues: item{":one": num("1")},
	})
	fails[*dynamotypes.ConditionalCheckFailedException](t, err, "The conditional request failed")
	assert.Nil(t, c.get(t, table, "a", "1"), "an update that failed made an item")
}

// expression is a condition on the item below, and whether it holds.
type expression struct {
	text string
	want bool
}

var dynamoValues = item{
	":one": num("1"), ":three": num("3"), ":five": num("5"), ":nine": num("9"), ":ten": num("10"), ":eleven": num("11"),
	":text": str("banana"), ":ap": str("ap"), ":pl": str("pl"), ":N": str("N"), ":S": str("S"), ":list": list(num("10")),
}

func dynamoExpressions(expressions ...expression) func(t *testing.T, c *Clients) {
	return func(t *testing.T, c *Clients) {
		table := c.table(t)
		i := row("a", "1", "n", num("10"), "s", str("apple"), "l", list(num("10")),
			"m", object(item{"deep": object(item{"x": num("1")})}), "ss", strs("ap", "le"))
		c.put(t, table, i)
		for _, e := range expressions {
			values := item{}
			for name, value := range dynamoValues {
				if usesValue(e.text, name) {
					values[name] = value
				}
			}
			in := &dynamodb.PutItemInput{TableName: &table, Item: i, ConditionExpression: &e.text}
			if len(values) > 0 {
				in.ExpressionAttributeValues = values
			}
			_, err := c.DynamoDB.PutItem(t.Context(), in)
			if e.want {
				assert.NoError(t, err, e.text)
				continue
			}
			if assert.Error(t, err, e.text) {
				fails[*dynamotypes.ConditionalCheckFailedException](t, err, "The conditional request failed")
			}
		}
	}
}

func dynamoBadExpressions(t *testing.T, c *Clients) {
	table := c.table(t)
	one := item{":one": num("1")}
	for _, test := range []struct {
		condition string
		values    item
		message   string
	}{
		{"n = :one", item{":one": num("1"), ":unused": num("1")}, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:unused}"},
		{"n = :absent", nil, "Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :absent"},
		{"#absent = :one", one, "Invalid ConditionExpression: An expression attribute name used in the document path is not defined; attribute name: #absent"},
		{"status = :one", one, "Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: status"},
		{"n == :one", one, `Invalid ConditionExpression: Syntax error; token: "=", near: "== :one"`},
		{"nonsense(n, :one)", one, "Invalid ConditionExpression: Invalid function name; function: nonsense"},
		{"", nil, "Invalid ConditionExpression: The expression can not be empty;"},
	} {
		_, err := c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{
			TableName: &table, Item: row("a", "1"), ConditionExpression: &test.condition, ExpressionAttributeValues: test.values,
		})
		if assert.Error(t, err, test.condition) {
			failsAs(t, err, "ValidationException", test.message)
		}
	}
	_, err := c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: &table, Item: row("a", "1"), ConditionExpression: aws.String("attribute_not_exists(pk)"), ExpressionAttributeNames: map[string]string{"#unused": "x"},
	})
	require.Error(t, err)
	failsAs(t, err, "ValidationException", "Value provided in ExpressionAttributeNames unused in expressions: keys: {#unused}")
}

// usesValue says whether an expression holds a value's name as a word.
func usesValue(text, name string) bool {
	for start := 0; start+len(name) <= len(text); start++ {
		end := start + len(name)
		if text[start:end] == name && (end == len(text) || !isLetter(text[end])) {
			return true
		}
	}
	return false
}

func isLetter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' }
