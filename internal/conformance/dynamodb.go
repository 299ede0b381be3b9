package conformance

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/require"
)

func dynamoAPI(operation string) string {
	return "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_" + operation + ".html"
}

func dynamoGuide(page string) string {
	return "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/" + page + ".html"
}

// item is an item, or a part of one such as its key.
type item = map[string]dynamotypes.AttributeValue

func str(v string) dynamotypes.AttributeValue { return &dynamotypes.AttributeValueMemberS{Value: v} }

func num(v string) dynamotypes.AttributeValue { return &dynamotypes.AttributeValueMemberN{Value: v} }

func boolean(v bool) dynamotypes.AttributeValue {
	return &dynamotypes.AttributeValueMemberBOOL{Value: v}
}

func list(v ...dynamotypes.AttributeValue) dynamotypes.AttributeValue {
	if v == nil {
		v = []dynamotypes.AttributeValue{}
	}
	return &dynamotypes.AttributeValueMemberL{Value: v}
}

func object(v item) dynamotypes.AttributeValue { return &dynamotypes.AttributeValueMemberM{Value: v} }

func strs(v ...string) dynamotypes.AttributeValue {
	return &dynamotypes.AttributeValueMemberSS{Value: v}
}

func nums(v ...string) dynamotypes.AttributeValue {
	return &dynamotypes.AttributeValueMemberNS{Value: v}
}

// row is an item with its key: pk and sk, both strings. More are names and
// values in turn.
func row(pk, sk string, more ...any) item {
	i := item{"pk": str(pk), "sk": str(sk)}
	for n := 0; n+1 < len(more); n += 2 {
		name, _ := more[n].(string)
		value, _ := more[n+1].(dynamotypes.AttributeValue)
		i[name] = value
	}
	return i
}

// table makes an on-demand table with the string keys pk and sk.
func (c *Clients) table(t *testing.T) string {
	t.Helper()
	return c.tableOf(t, dynamotypes.ScalarAttributeTypeS)
}

// tableOf makes an on-demand table with the string key pk and a key sk of the
// given type.
func (c *Clients) tableOf(t *testing.T, sortKey dynamotypes.ScalarAttributeType) string {
	t.Helper()
	name := fresh()
	_, err := c.DynamoDB.CreateTable(t.Context(), tableInput(name, sortKey))
	require.NoError(t, err)
	cleanUp(t, func(ctx context.Context) error {
		_, err := c.DynamoDB.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &name})
		return err
	})
	eventually(t, 2*time.Minute, func() bool {
		out, err := c.DynamoDB.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
		require.NoError(t, err)
		return out.Table.TableStatus == dynamotypes.TableStatusActive
	})
	return name
}

func tableInput(name string, sortKey dynamotypes.ScalarAttributeType) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: dynamotypes.BillingModePayPerRequest,
		AttributeDefinitions: []dynamotypes.AttributeDefinition{
			{AttributeName: aws.String("pk"), AttributeType: dynamotypes.ScalarAttributeTypeS},
			{AttributeName: aws.String("sk"), AttributeType: sortKey},
		},
		KeySchema: []dynamotypes.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: dynamotypes.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: dynamotypes.KeyTypeRange},
		},
	}
}

func (c *Clients) put(t *testing.T, table string, i item) {
	t.Helper()
	_, err := c.DynamoDB.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: i})
	require.NoError(t, err)
}

// get reads an item consistently. It is nil when there is none.
func (c *Clients) get(t *testing.T, table, pk, sk string) item {
	t.Helper()
	out, err := c.DynamoDB.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: &table, Key: row(pk, sk), ConsistentRead: aws.Bool(true)})
	require.NoError(t, err)
	return out.Item
}

// sortKeys are the string sort keys of items, in their order.
func sortKeys(items []item) []string {
	keys := make([]string, 0, len(items))
	for _, i := range items {
		if key, ok := i["sk"].(*dynamotypes.AttributeValueMemberS); ok {
			keys = append(keys, key.Value)
		}
	}
	return keys
}
