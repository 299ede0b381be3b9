package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func dynamoQueryCases() []Case {
	page := dynamoAPI("Query")
	return []Case{
		{Name: "a query answers a partition in the order of its sort key", Page: page, Run: dynamoQueryOrder},
		{Name: "strings are ordered by their UTF-8 bytes", Page: dynamoGuide("Query.KeyConditionExpressions"), Run: dynamoQueryBytes},
		{Name: "numbers are ordered by value", Page: page, Run: dynamoQueryNumbers},
		{Name: "conditions on the sort key", Page: dynamoGuide("Query.KeyConditionExpressions"), Run: dynamoQueryConditions},
		{Name: "key conditions that are none are refused", Page: dynamoGuide("Query.KeyConditionExpressions"), Run: dynamoQueryBadConditions},
		{Name: "a page has Limit items and says where the next one starts", Page: dynamoGuide("Query.Pagination"), Run: dynamoQueryPages},
		{Name: "Limit counts items before the filter", Page: dynamoGuide("Query.FilterExpression"), Run: dynamoQueryFilter},
		{Name: "a page has 1 MB, counted before the filter", Page: dynamoGuide("Query.Pagination"), Run: dynamoQueryMegabyte},
		{Name: "a filter names no key", Page: dynamoGuide("Query.FilterExpression"), Run: dynamoQueryFilterKey},
		{Name: "COUNT answers no items", Page: page, Run: dynamoQueryCount},
		{Name: "a scan's segments cover the table once", Page: dynamoAPI("Scan"), Run: dynamoScanSegments},
		{Name: "a scan is filtered", Page: dynamoAPI("Scan"), Run: dynamoScanFilter},
	}
}

// query is a consistent query of partition "a", with what more says.
func (c *Clients) query(t *testing.T, table string, more func(*dynamodb.QueryInput)) *dynamodb.QueryOutput {
	t.Helper()
	in := &dynamodb.QueryInput{
		TableName: &table, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("pk = :p"), ExpressionAttributeValues: item{":p": str("a")},
	}
	if more != nil {
		more(in)
	}
	out, err := c.DynamoDB.Query(t.Context(), in)
	require.NoError(t, err)
	return out
}

func (c *Clients) putRows(t *testing.T, table string, sortKeys ...string) {
	t.Helper()
	for _, sk := range sortKeys {
		c.put(t, table, row("a", sk))
	}
}

func dynamoQueryOrder(t *testing.T, c *Clients) {
	table := c.table(t)
	c.putRows(t, table, "worker#2", "control", "worker#1", "worker#10")
	c.put(t, table, row("b", "other"))
	out := c.query(t, table, nil)
	assert.Equal(t, []string{"control", "worker#1", "worker#10", "worker#2"}, sortKeys(out.Items))
	assert.Equal(t, int32(4), out.Count)
	assert.Equal(t, int32(4), out.ScannedCount)
	assert.Nil(t, out.LastEvaluatedKey)
	out = c.query(t, table, func(in *dynamodb.QueryInput) { in.ScanIndexForward = aws.Bool(false) })
	assert.Equal(t, []string{"worker#2", "worker#10", "worker#1", "control"}, sortKeys(out.Items))
}

func dynamoQueryBytes(t *testing.T, c *Clients) {
	table := c.table(t)
	c.putRows(t, table, "😀", "\uffee", "é", "z", "Z", "a")
	assert.Equal(t, []string{"Z", "a", "z", "é", "\uffee", "😀"}, sortKeys(c.query(t, table, nil).Items))
}

func dynamoQueryNumbers(t *testing.T, c *Clients) {
	table := c.tableOf(t, dynamotypes.ScalarAttributeTypeN)
	for _, n := range []string{"10", "9", "-1", "0.5", "100"} {
		c.put(t, table, item{"pk": str("a"), "sk": num(n)})
	}
	var got []dynamotypes.AttributeValue
	for _, i := range c.query(t, table, nil).Items {
		got = append(got, i["sk"])
	}
	assert.Equal(t, []dynamotypes.AttributeValue{num("-1"), num("0.5"), num("9"), num("10"), num("100")}, got)
}

func dynamoQueryConditions(t *testing.T, c *Clients) {
	table := c.table(t)
	c.putRows(t, table, "a", "b1", "b2", "c")
	for _, test := range []struct {
		condition string
		values    item
		want      []string
	}{
		{"sk = :x", item{":x": str("b1")}, []string{"b1"}},
		{"sk < :x", item{":x": str("b2")}, []string{"a", "b1"}},
		{"sk <= :x", item{":x": str("b2")}, []string{"a", "b1", "b2"}},
		{"sk > :x", item{":x": str("b2")}, []string{"c"}},
		{"sk >= :x", item{":x": str("b2")}, []string{"b2", "c"}},
		{"sk BETWEEN :x AND :y", item{":x": str("b1"), ":y": str("c")}, []string{"b1", "b2", "c"}},
		{"begins_with(sk, :x)", item{":x": str("b")}, []string{"b1", "b2"}},
	} {
		out := c.query(t, table, func(in *dynamodb.QueryInput) {
			in.KeyConditionExpression = aws.String("pk = :p AND " + test.condition)
			for name, value := range test.values {
				in.ExpressionAttributeValues[name] = value
			}
		})
		assert.Equal(t, test.want, sortKeys(out.Items), test.condition)
	}
}

func dynamoQueryBadConditions(t *testing.T, c *Clients) {
	table := c.table(t)
	for _, test := range []struct{ condition, message string }{
		{"sk = :p", "Query condition missed key schema element: pk"},
		{"pk > :p", "Query key condition not supported"},
		{"pk = :p AND other = :p", ""},
		{"pk = :p OR sk = :p", "Invalid operator used in KeyConditionExpression: OR"},
		{"pk = :p AND contains(sk, :p)", ""},
	} {
		_, err := c.DynamoDB.Query(t.Context(), &dynamodb.QueryInput{
			TableName: &table, KeyConditionExpression: &test.condition, ExpressionAttributeValues: item{":p": str("a")},
		})
		if assert.Error(t, err, test.condition) {
			failsAs(t, err, "ValidationException", test.message)
		}
	}
}

func dynamoQueryPages(t *testing.T, c *Clients) {
	table := c.table(t)
	c.putRows(t, table, "1", "2", "3", "4")
	first := c.query(t, table, func(in *dynamodb.QueryInput) { in.Limit = aws.Int32(2) })
	assert.Equal(t, []string{"1", "2"}, sortKeys(first.Items))
	assert.Equal(t, row("a", "2"), first.LastEvaluatedKey)
	second := c.query(t, table, func(in *dynamodb.QueryInput) {
		in.Limit, in.ExclusiveStartKey = aws.Int32(2), first.LastEvaluatedKey
	})
	assert.Equal(t, []string{"3", "4"}, sortKeys(second.Items))
	// A page that ends with the last item may still name it: only an empty key says the end.
	if second.LastEvaluatedKey != nil {
		third := c.query(t, table, func(in *dynamodb.QueryInput) { in.ExclusiveStartKey = second.LastEvaluatedKey })
		assert.Empty(t, third.Items)
		assert.Nil(t, third.LastEvaluatedKey)
	}
}

func dynamoQueryFilter(t *testing.T, c *Clients) {
	table := c.table(t)
	for i := range 4 {
		c.put(t, table, row("a", fmt.Sprint(i), "n", num(fmt.Sprint(i))))
	}
	out := c.query(t, table, func(in *dynamodb.QueryInput) {
		in.Limit = aws.Int32(2)
		in.FilterExpression = aws.String("n >= :two")
		in.ExpressionAttributeValues[":two"] = num("2")
	})
	assert.Empty(t, out.Items)
	assert.Equal(t, int32(0), out.Count)
	assert.Equal(t, int32(2), out.ScannedCount)
	assert.Equal(t, row("a", "1"), out.LastEvaluatedKey)
}

func dynamoQueryMegabyte(t *testing.T, c *Clients) {
	table := c.table(t)
	for i := range 5 {
		c.put(t, table, row("a", fmt.Sprint(i), "n", num(fmt.Sprint(i)), "text", str(strings.Repeat("x", 300_000))))
	}
	var pages, found, scanned int
	var start item
	for {
		out := c.query(t, table, func(in *dynamodb.QueryInput) {
			in.ExclusiveStartKey = start
			in.FilterExpression = aws.String("n = :four")
			in.ExpressionAttributeValues[":four"] = num("4")
		})
		if pages == 0 {
			assert.Empty(t, out.Items, "the first megabyte holds nothing that passes the filter")
			assert.Contains(t, []int32{3, 4}, out.ScannedCount)
			require.NotNil(t, out.LastEvaluatedKey)
		}
		pages++
		found += len(out.Items)
		scanned += int(out.ScannedCount)
		if start = out.LastEvaluatedKey; start == nil {
			break
		}
	}
	assert.Equal(t, 2, pages)
	assert.Equal(t, 1, found)
	assert.Equal(t, 5, scanned)
}

func dynamoQueryFilterKey(t *testing.T, c *Clients) {
	table := c.table(t)
	_, err := c.DynamoDB.Query(t.Context(), &dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: aws.String("pk = :p"), FilterExpression: aws.String("sk = :p"), ExpressionAttributeValues: item{":p": str("a")},
	})
	failsAs(t, err, "ValidationException", "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk")
}

func dynamoQueryCount(t *testing.T, c *Clients) {
	table := c.table(t)
	c.putRows(t, table, "1", "2", "3")
	out := c.query(t, table, func(in *dynamodb.QueryInput) { in.Select = dynamotypes.SelectCount })
	assert.Equal(t, int32(3), out.Count)
	assert.Nil(t, out.Items)
}

func dynamoScanSegments(t *testing.T, c *Clients) {
	table := c.table(t)
	want := map[string]int{}
	for i := range 20 {
		c.put(t, table, row(fmt.Sprint("p", i), "1"))
		want[fmt.Sprint("p", i)] = 1
	}
	got := map[string]int{}
	for segment := range int32(3) {
		pages := dynamodb.NewScanPaginator(c.DynamoDB, &dynamodb.ScanInput{
			TableName: &table, ConsistentRead: aws.Bool(true), Segment: &segment, TotalSegments: aws.Int32(3), Limit: aws.Int32(2),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			require.NoError(t, err)
			for _, i := range page.Items {
				pk, ok := i["pk"].(*dynamotypes.AttributeValueMemberS)
				require.True(t, ok)
				got[pk.Value]++
			}
		}
	}
	assert.Equal(t, want, got)
}

func dynamoScanFilter(t *testing.T, c *Clients) {
	table := c.table(t)
	c.put(t, table, row("a", "1", "n", num("1")))
	c.put(t, table, row("b", "2", "n", num("2")))
	out, err := c.DynamoDB.Scan(t.Context(), &dynamodb.ScanInput{
		TableName: &table, ConsistentRead: aws.Bool(true), FilterExpression: aws.String("n > :one"), ExpressionAttributeValues: item{":one": num("1")},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"2"}, sortKeys(out.Items))
	assert.Equal(t, int32(1), out.Count)
	assert.Equal(t, int32(2), out.ScannedCount)
}
