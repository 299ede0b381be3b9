package dynamodb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/musterq/muster/internal/local/api"
	"github.com/musterq/muster/internal/local/dynamodb"
	"github.com/musterq/muster/internal/local/dynamodb/attribute"
)

// putNumbers puts items of partition p with these sort keys.
func putNumbers(t testing.TB, router *api.Router, numbers ...string) {
	for _, n := range numbers {
		succeed(t, router, "PutItem", `{"TableName": "things", "Item": {"P": {"S": "p"}, "N": {"N": "`+n+`"}, "v": {"N": "`+n+`"}}}`, `{}`)
	}
}

func query(t testing.TB, router *api.Router, operation, input string) dynamodb.PageOutput {
	t.Helper()
	out, err := router.Call(context.Background(), "dynamodb", operation, api.Caller{}, []byte(input))
	require.NoError(t, err, input)
	page, ok := out.(*dynamodb.PageOutput)
	require.True(t, ok)
	return *page
}

func sortKeys(page dynamodb.PageOutput) string {
	var keys []string
	for _, item := range page.Items {
		keys = append(keys, fmt.Sprint(item["N"]))
	}
	return strings.Join(keys, " ")
}

func TestQuery(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	putNumbers(t, router, "10", "9", "-1", "0.5", "100", "2")
	succeed(t, router, "PutItem", `{"TableName": "things", "Item": {"P": {"S": "q"}, "N": {"N": "1"}}}`, `{}`)
	for _, c := range []struct{ condition, more, want string }{
		{"P = :p", ``, "-1 0.5 2 9 10 100"},
		{":p = P", ``, "-1 0.5 2 9 10 100"},
		{"P = :p", `"ScanIndexForward": false`, "100 10 9 2 0.5 -1"},
		{"P = :p AND N = :a", ``, "2"},
		{"P = :p AND N < :a", ``, "-1 0.5"},
		{"P = :p AND N <= :a", ``, "-1 0.5 2"},
		{"N > :a and P = :p", ``, "9 10 100"},
		{"(P = :p) AND (:a <= N)", ``, "2 9 10 100"},
		{"P = :p AND N BETWEEN :a AND :b", ``, "2 9 10"},
		{"P = :p AND N BETWEEN :a AND :b", `"ScanIndexForward": false, "Limit": 2`, "10 9"},
		{"P = :p", `"Limit": 2`, "-1 0.5"},
		{"P = :p", `"Limit": 2, "ExclusiveStartKey": {"P": {"S": "p"}, "N": {"N": "0.5"}}`, "2 9"},
		{"P = :p", `"ExclusiveStartKey": {"P": {"S": "p"}, "N": {"N": "9.5"}}`, "10 100"},
		{"P = :p", `"ScanIndexForward": false, "ExclusiveStartKey": {"P": {"S": "p"}, "N": {"N": "0.5"}}`, "-1"},
		{"P = :none", ``, ""},
		{"P = :p", `"FilterExpression": "v > :a"`, "9 10 100"},
	} {
		values := `":p": {"S": "p"}`
		for name, value := range map[string]string{":a": `{"N": "2"}`, ":b": `{"N": "10"}`, ":none": `{"S": "none"}`} {
			if strings.Contains(c.condition+c.more, name) {
				values += `, "` + name + `": ` + value
			}
		}
		if !strings.Contains(c.condition, ":p") {
			values = strings.TrimPrefix(values, `":p": {"S": "p"}, `)
		}
		more := c.more
		if more != "" {
			more = ", " + more
		}
		page := query(t, router, "Query", `{"TableName": "things", "KeyConditionExpression": "`+c.condition+`", "ExpressionAttributeValues": {`+values+`}`+more+`}`)
		require.Equal(t, c.want, sortKeys(page), c)
	}
}

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.KeyConditions.html
func TestKeyConditions(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	putNumbers(t, router, "1", "2", "3")
	for _, c := range []struct{ operator, values, want string }{
		{"EQ", `{"N": "2.0"}`, "2"},
		{"LT", `{"N": "2"}`, "1"},
		{"LE", `{"N": "2"}`, "1 2"},
		{"GT", `{"N": "2"}`, "3"},
		{"GE", `{"N": "2"}`, "2 3"},
		{"BETWEEN", `{"N": "2"}, {"N": "9"}`, "2 3"},
	} {
		page := query(t, router, "Query", `{"TableName": "things", "FilterExpression": "v < :v", "ExpressionAttributeValues": {":v": {"N": "10"}}, "KeyConditions": {
			"P": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "p"}]},
			"N": {"ComparisonOperator": "`+c.operator+`", "AttributeValueList": [`+c.values+`]}}}`)
		require.Equal(t, c.want, sortKeys(page), c.operator)
	}
}

func TestQueryPages(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	putNumbers(t, router, "1", "2", "3")
	const q = `{"TableName": "things", "KeyConditionExpression": "P = :p", "ExpressionAttributeValues": {":p": {"S": "p"}`
	// The limit counts items before the filter.
	succeed(t, router, "Query", q+`, ":v": {"N": "2"}}, "FilterExpression": "v > :v", "Limit": 2}`,
		`{"Items": [], "Count": 0, "ScannedCount": 2, "LastEvaluatedKey": {"P": {"S": "p"}, "N": {"N": "2"}}}`)
	succeed(t, router, "Query", q+`, ":v": {"N": "2"}}, "FilterExpression": "v > :v", "Select": "COUNT"}`, `{"Count": 1, "ScannedCount": 3}`)
	// A page that ends with the last item still gives a key.
	succeed(t, router, "Query", q+`}, "Limit": 3, "ProjectionExpression": "v"}`,
		`{"Items": [{"v": {"N": "1"}}, {"v": {"N": "2"}}, {"v": {"N": "3"}}], "Count": 3, "ScannedCount": 3, "LastEvaluatedKey": {"P": {"S": "p"}, "N": {"N": "3"}}}`)
	succeed(t, router, "Query", q+`}, "ExclusiveStartKey": {"P": {"S": "p"}, "N": {"N": "3"}}, "ReturnConsumedCapacity": "TOTAL"}`,
		`{"Items": [], "Count": 0, "ScannedCount": 0, "ConsumedCapacity": {"TableName": "things", "CapacityUnits": 0.5}}`)
}

// A page reads 1 MB, whatever the filter leaves of it.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
func TestQueryPageOfOneMegabyte(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	text := strings.Repeat("x", 300*1024)
	for n := range 6 {
		succeed(t, router, "PutItem", fmt.Sprintf(`{"TableName": "things", "Item": {"P": {"S": "p"}, "N": {"N": "%d"}, "t": {"S": "%s"}}}`, n, text), `{}`)
	}
	succeed(t, router, "Query", `{"TableName": "things", "KeyConditionExpression": "P = :p", "FilterExpression": "attribute_not_exists(t)",
		"ExpressionAttributeValues": {":p": {"S": "p"}}, "ConsistentRead": true, "ReturnConsumedCapacity": "TOTAL"}`,
		`{"Items": [], "Count": 0, "ScannedCount": 4, "LastEvaluatedKey": {"P": {"S": "p"}, "N": {"N": "3"}}, "ConsumedCapacity": {"TableName": "things", "CapacityUnits": 301}}`)
	succeed(t, router, "Scan", `{"TableName": "things", "FilterExpression": "attribute_not_exists(t)", "ExclusiveStartKey": {"P": {"S": "p"}, "N": {"N": "3"}}}`,
		`{"Items": [], "Count": 0, "ScannedCount": 2}`)
}

func TestQueryOfStrings(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "CreateTable", `{"TableName": "texts", "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": [{"AttributeName": "P", "AttributeType": "N"}, {"AttributeName": "N", "AttributeType": "S"}],
		"KeySchema": [{"AttributeName": "P", "KeyType": "HASH"}, {"AttributeName": "N", "KeyType": "RANGE"}]}`, "")
	for _, s := range []string{"worker#b", "control", "worker#", "worker#a", "worker$", "Worker#a", "é"} {
		succeed(t, router, "PutItem", `{"TableName": "texts", "Item": {"P": {"N": "1"}, "N": {"S": "`+s+`"}}}`, `{}`)
	}
	page := query(t, router, "Query", `{"TableName": "texts", "KeyConditionExpression": "P = :p AND begins_with(N, :w)", "ExpressionAttributeValues": {":p": {"N": "1.0"}, ":w": {"S": "worker#"}}}`)
	require.Equal(t, "worker# worker#a worker#b", sortKeys(page))
	page = query(t, router, "Query", `{"TableName": "texts", "KeyConditionExpression": "P = :p", "ExpressionAttributeValues": {":p": {"N": "1"}}}`)
	require.Equal(t, "Worker#a control worker# worker#a worker#b worker$ é", sortKeys(page))
}

func TestInvalidQueries(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	const values = `"ExpressionAttributeValues": {":p": {"S": "p"}, ":n": {"N": "1"}}`
	for _, c := range []struct{ input, message string }{
		{``, "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."},
		{`, "KeyConditionExpression": "N = :n AND N = :p", ` + values, "KeyConditionExpressions must only contain one condition per key"},
		{`, "KeyConditionExpression": "P = :p OR N = :n", ` + values, "Invalid operator used in KeyConditionExpression: OR"},
		{`, "KeyConditionExpression": "P = :p AND N <> :n", ` + values, "Invalid operator used in KeyConditionExpression: <>"},
		{`, "KeyConditionExpression": "P = :p AND contains(N, :n)", ` + values, "Invalid operator used in KeyConditionExpression: contains"},
		{`, "KeyConditionExpression": "P = :p AND size(N) = :n", ` + values, "KeyConditionExpressions cannot contain nested operations"},
		{`, "KeyConditionExpression": "P = :p AND N.a = :n", ` + values, "KeyConditionExpressions cannot have conditions on nested attributes"},
		{`, "KeyConditionExpression": "P = :p AND N = v", "ExpressionAttributeValues": {":p": {"S": "p"}}`, "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"},
		{`, "KeyConditionExpression": "P = :p AND :n BETWEEN N AND N", ` + values, "Invalid condition in KeyConditionExpression: BETWEEN operator must have the key attribute as its first operand"},
		{`, "KeyConditionExpression": "P > :p AND N = :n", ` + values, "Query key condition not supported"},
		{`, "KeyConditionExpression": "N = :n", "ExpressionAttributeValues": {":n": {"N": "1"}}`, "Query condition missed key schema element: P"},
		{`, "KeyConditionExpression": "P = :p AND v = :n", ` + values, "Query condition missed key schema element: N"},
		{`, "KeyConditionExpression": "P = :p AND N = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}`, "One or more parameter values were invalid: Condition parameter type does not match schema type"},
		{`, "KeyConditionExpression": "P = :p", "FilterExpression": "N > :n", ` + values, "Filter Expression can only contain non-primary key attributes: Primary key attribute: N"},
		{`, "KeyConditionExpression": "P = :p AND x", ` + values, `Invalid KeyConditionExpression: Syntax error; token: "<EOF>", near: "x"`},
		{`, "KeyConditionExpression": "P = :p", "FilterExpression": "name = :n", ` + values, "Invalid FilterExpression: Attribute name is a reserved keyword; reserved keyword: name"},
		{`, "Limit": 0`, "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{`, "IndexName": "ByName"`, "The table does not have the specified index: ByName"},
		{`, "KeyConditions": {"P": {"ComparisonOperator": "NE", "AttributeValueList": [{"S": "p"}]}}`, "Unsupported operator on KeyCondition: NE"},
		{`, "KeyConditions": {"P": {"ComparisonOperator": "EQ", "AttributeValueList": []}}`, "One or more parameter values were invalid: Invalid number of argument(s) for the EQ ComparisonOperator"},
		{`, "KeyConditions": {}, "KeyConditionExpression": "P = :p", ` + values, "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {KeyConditions} Expression parameters: {KeyConditionExpression}"},
		{`, "KeyConditionExpression": "P = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}, "ExclusiveStartKey": {"P": {"S": "p"}}`,
			"The provided starting key is invalid"},
		{`, "KeyConditionExpression": "P = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}, "ExclusiveStartKey": {"P": {"S": "p"}, "N": {"S": "1"}}`,
			"The provided starting key is invalid: The provided key element does not match the schema"},
		{`, "KeyConditionExpression": "P = :p", "ExpressionAttributeValues": {":p": {"S": "p"}}, "ExclusiveStartKey": {"P": {"S": "q"}, "N": {"N": "1"}}`,
			"The provided starting key is outside query boundaries based on provided conditions"},
		{`, "KeyConditionExpression": "P = :p AND N > :n", ` + values + `, "ExclusiveStartKey": {"P": {"S": "p"}, "N": {"N": "1"}}`,
			"The provided starting key does not match the range key predicate"},
	} {
		invalid(t, router, "Query", `{"TableName": "things"`+c.input+`}`, c.message)
	}
}

func TestScan(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	for i := range 50 {
		succeed(t, router, "PutItem", fmt.Sprintf(`{"TableName": "things", "Item": {"P": {"S": "p%d"}, "N": {"N": "%d"}}}`, i%10, i), `{}`)
	}
	// Segments share the items out, pages of any size return each once.
	for _, segments := range []int{1, 2, 7} {
		for _, limit := range []int{1, 3, 1000} {
			seen := map[string]int{}
			for segment := range segments {
				start := ""
				for {
					page := query(t, router, "Scan", fmt.Sprintf(`{"TableName": "things", "Segment": %d, "TotalSegments": %d, "Limit": %d%s}`, segment, segments, limit, start))
					for _, item := range page.Items {
						seen[fmt.Sprint(item["N"])]++
					}
					if page.LastEvaluatedKey == nil {
						break
					}
					start = `, "ExclusiveStartKey": ` + encode(t, page.LastEvaluatedKey)
				}
			}
			require.Len(t, seen, 50)
			for n, times := range seen {
				require.Equal(t, 1, times, n)
			}
		}
	}
	succeed(t, router, "Scan", `{"TableName": "things", "FilterExpression": "N < :n", "ExpressionAttributeValues": {":n": {"N": "7"}}, "Select": "COUNT"}`, `{"Count": 7, "ScannedCount": 50}`)
	invalid(t, router, "Scan", `{"TableName": "things", "Segment": 0}`, "The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	invalid(t, router, "Scan", `{"TableName": "things", "Segment": 2, "TotalSegments": 2}`, "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than TotalSegments: 2")
	invalid(t, router, "Scan", `{"TableName": "things", "IndexName": "x"}`, "The table does not have the specified index: x")
}

// Queries in either direction, page by page, return what a sorted slice would.
func TestQueryOrderProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		router := newRouter(t, dynamodb.Options{})
		model := map[int]bool{}
		for range rapid.IntRange(0, 40).Draw(rt, "writes") {
			n := rapid.IntRange(-30, 30).Draw(rt, "n")
			operation, member := "PutItem", "Item"
			model[n] = true
			if rapid.IntRange(0, 3).Draw(rt, "delete") == 0 {
				operation, member = "DeleteItem", "Key"
				delete(model, n)
			}
			succeed(t, router, operation, fmt.Sprintf(`{"TableName": "things", %q: {"P": {"S": "p"}, "N": {"N": "%de-1"}}}`, member, n*10), `{}`)
		}
		low := rapid.IntRange(-35, 35).Draw(rt, "low")
		forward := rapid.Bool().Draw(rt, "forward")
		limit := rapid.IntRange(1, 7).Draw(rt, "limit")
		var want, got []int
		for n := range model {
			if n >= low {
				want = append(want, n)
			}
		}
		slices.Sort(want)
		if !forward {
			slices.Reverse(want)
		}
		input := map[string]any{
			"TableName": "things", "KeyConditionExpression": "P = :p AND N >= :n", "ScanIndexForward": forward, "Limit": limit,
			"ExpressionAttributeValues": attribute.Map{":p": attribute.String("p"), ":n": attribute.Number(strconv.Itoa(low))},
		}
		for {
			encoded, err := json.Marshal(input)
			require.NoError(rt, err)
			page := query(t, router, "Query", string(encoded))
			for _, item := range page.Items {
				n, err := strconv.Atoi(fmt.Sprint(item["N"]))
				require.NoError(rt, err)
				got = append(got, n)
			}
			if page.LastEvaluatedKey == nil {
				break
			}
			input["ExclusiveStartKey"] = page.LastEvaluatedKey
		}
		require.Equal(rt, want, got)
	})
}
