package conformance

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func dynamoItemCases() []Case {
	types := dynamoGuide("HowItWorks.NamingRulesDataTypes")
	return []Case{
		{Name: "an item of every type comes back as it was", Page: types, Run: dynamoTypes},
		{Name: "an item that is not there is no item", Page: dynamoAPI("GetItem"), Run: dynamoGetNothing},
		{Name: "a put replaces the whole item, and answers the old one", Page: dynamoAPI("PutItem"), Run: dynamoReplace},
		{Name: "a delete answers the old item, and succeeds without one", Page: dynamoAPI("DeleteItem"), Run: dynamoDeleteItem},
		{Name: "an item has its keys, of their types, not empty", Page: dynamoAPI("PutItem"), Run: dynamoKeys},
		{Name: "a read names exactly the key", Page: dynamoAPI("GetItem"), Run: dynamoReadKeys},
		{Name: "numbers are normalised", Page: types, Run: dynamoNumbers},
		{Name: "numbers have 38 digits and a bounded magnitude", Page: types, Run: dynamoNumberRange},
		{Name: "sets are not empty and hold no value twice", Page: types, Run: dynamoSets},
		{Name: "empty strings are values, except in a key", Page: types, Run: dynamoEmptyString},
		{Name: "an item has 400 KB, names and UTF-8 bytes counted", Page: dynamoGuide("Constraints"), Run: dynamoItemSize},
		{Name: "a projection answers parts of an item", Page: dynamoGuide("Expressions.ProjectionExpressions"), Run: dynamoProjection},
		{Name: "a write costs a unit a KB, a read half a unit each 4 KB, a unit when consistent", Page: dynamoGuide("read-write-operations"), Run: dynamoCapacity},
	}
}

func dynamoTypes(t *testing.T, c *Clients) {
	table := c.table(t)
	want := row("a", "1",
		"string", str("é€😀"), "number", num("-1.5"), "yes", boolean(true), "no", boolean(false),
		"binary", &dynamotypes.AttributeValueMemberB{Value: []byte{0, 255}},
		"null", &dynamotypes.AttributeValueMemberNULL{Value: true},
		"list", list(str("a"), num("1"), list()), "map", object(item{"k": object(item{})}),
		"strings", strs("a"), "numbers", nums("1"), "binaries", &dynamotypes.AttributeValueMemberBS{Value: [][]byte{{1}}})
	c.put(t, table, want)
	assert.Equal(t, want, c.get(t, table, "a", "1"))
}

func dynamoGetNothing(t *testing.T, c *Clients) {
	table := c.table(t)
	body := c.answer(func() { assert.Nil(t, c.get(t, table, "a", "absent")) })
	assert.JSONEq(t, `{}`, body)
}

func dynamoReplace(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "1", "old", num("1")))
	out, err := c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: &table, Item: row("a", "1", "new", num("2")), ReturnValues: dynamotypes.ReturnValueAllOld,
	})
	require.NoError(t, err)
	assert.Equal(t, row("a", "1", "old", num("1")), out.Attributes)
	assert.Equal(t, row("a", "1", "new", num("2")), c.get(t, table, "a", "1"))
	_, err = c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: &table, Item: row("a", "1"), ReturnValues: dynamotypes.ReturnValueAllNew,
	})
	failsAs(t, err, "ValidationException", "")
}

func dynamoDeleteItem(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "1", "n", num("1")))
	in := &dynamodb.DeleteItemInput{TableName: &table, Key: row("a", "1"), ReturnValues: dynamotypes.ReturnValueAllOld}
	out, err := c.DynamoDB.DeleteItem(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, row("a", "1", "n", num("1")), out.Attributes)
	out, err = c.DynamoDB.DeleteItem(t.Context(), in)
	require.NoError(t, err)
	assert.Nil(t, out.Attributes)
}

func dynamoKeys(t *testing.T, c *Clients) {
	table := c.table(t)
	for _, test := range []struct {
		item    item
		message string
	}{
		{item{"pk": str("a")}, "One or more parameter values were invalid: Missing the key sk in the item"},
		{item{"pk": str("a"), "sk": num("1")}, "One or more parameter values were invalid: Type mismatch for key sk expected: S actual: N"},
		{item{"pk": str("a"), "sk": str("")}, "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: sk"},
		{item{"pk": str(strings.Repeat("p", 2049)), "sk": str("1")}, ""},
		{item{"pk": str("a"), "sk": str(strings.Repeat("s", 1025))}, ""},
	} {
		_, err := c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: test.item})
		failsAs(t, err, "ValidationException", test.message)
	}
	c.put(t, table, row(strings.Repeat("p", 2048), strings.Repeat("s", 1024)))
}

func dynamoReadKeys(t *testing.T, c *Clients) {
	table := c.table(t)
	for _, key := range []item{
		{"pk": str("a")},
		row("a", "1", "other", str("x")),
		{"pk": str("a"), "sk": num("1")},
	} {
		_, err := c.DynamoDB.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: key})
		failsAs(t, err, "ValidationException", "The provided key element does not match the schema")
	}
}

func dynamoNumbers(t *testing.T, c *Clients) {
	table := c.table(t)
	for _, test := range []struct{ put, got string }{
		{"007", "7"}, {"1.50", "1.5"}, {"-0", "0"}, {"1e3", "1000"}, {"0.0010", "0.001"}, {"+5", "5"},
		{"12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
	} {
		c.put(t, table, row("a", "1", "n", num(test.put)))
		assert.Equal(t, num(test.got), c.get(t, table, "a", "1")["n"], test.put)
	}
}

func dynamoNumberRange(t *testing.T, c *Clients) {
	table := c.table(t)
	for _, n := range []string{"123456789012345678901234567890123456789", "1e126", "1e-131", "", "one", "NaN"} {
		_, err := c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: row("a", "1", "n", num(n))})
		failsAs(t, err, "ValidationException", "")
	}
	for _, n := range []string{"9.9999999999999999999999999999999999999E+125", "1E-130"} {
		c.put(t, table, row("a", "1", "n", num(n)))
	}
}

func dynamoSets(t *testing.T, c *Clients) {
	table := c.table(t)
	for _, test := range []struct {
		value   dynamotypes.AttributeValue
		message string
	}{
		{strs(), "One or more parameter values were invalid: An string set  may not be empty"},
		{strs("a", "a"), "One or more parameter values were invalid: Input collection [a, a] contains duplicates."},
		{nums("1", "1.0"), "Input collection contains duplicates"},
	} {
		_, err := c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: row("a", "1", "set", test.value)})
		failsAs(t, err, "ValidationException", test.message)
	}
}

func dynamoEmptyString(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "1", "empty", str("")))
	assert.Equal(t, str(""), c.get(t, table, "a", "1")["empty"])
}

// pk, a, sk, 1 and text are 10 bytes; the limit is 409,600.
func dynamoItemSize(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "1", "text", str(strings.Repeat("x", 409_590))))
	for _, text := range []string{strings.Repeat("x", 409_591), strings.Repeat("€", 136_531)} {
		_, err := c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: row("a", "1", "text", str(text))})
		failsAs(t, err, "ValidationException", "Item size has exceeded the maximum allowed size")
	}
}

func dynamoProjection(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "1", "parts", list(str("x"), object(item{"deep": num("1"), "other": num("2")})), "status", str("s")))
	out, err := c.DynamoDB.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: &table, Key: row("a", "1"), ConsistentRead: aws.Bool(true),
		ProjectionExpression:     aws.String("#s, parts[1].deep, absent"),
		ExpressionAttributeNames: map[string]string{"#s": "status"},
	})
	require.NoError(t, err)
	assert.Equal(t, item{"status": str("s"), "parts": list(object(item{"deep": num("1")}))}, out.Item)
}

func dynamoCapacity(t *testing.T, c *Clients) {
	table := c.table(t)
	put, err := c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: &table, Item: row("a", "1", "text", str(strings.Repeat("x", 5000))), ReturnConsumedCapacity: dynamotypes.ReturnConsumedCapacityTotal,
	})
	require.NoError(t, err)
	assert.Equal(t, 5.0, *put.ConsumedCapacity.CapacityUnits)
	for _, test := range []struct {
		key        string
		consistent bool
		want       float64
	}{{"1", true, 2}, {"1", false, 1}, {"absent", false, 0.5}} {
		got, err := c.DynamoDB.GetItem(t.Context(), &dynamodb.GetItemInput{
			TableName: &table, Key: row("a", test.key), ConsistentRead: &test.consistent, ReturnConsumedCapacity: dynamotypes.ReturnConsumedCapacityTotal,
		})
		require.NoError(t, err)
		assert.Equal(t, test.want, *got.ConsumedCapacity.CapacityUnits)
	}
	written, err := c.DynamoDB.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
		TransactItems:          []dynamotypes.TransactWriteItem{{Put: &dynamotypes.Put{TableName: &table, Item: row("a", "2")}}},
		ReturnConsumedCapacity: dynamotypes.ReturnConsumedCapacityTotal,
	})
	require.NoError(t, err)
	assert.Equal(t, 2.0, *written.ConsumedCapacity[0].CapacityUnits)
}
