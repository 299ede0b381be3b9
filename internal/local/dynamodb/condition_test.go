package dynamodb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/musterq/muster/internal/local/dynamodb"
)

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
func TestConditionExpression(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}, "n": {"N": "10"}, "s": {"S": "hello"}, "b": {"B": "AAEC"}, "u": {"S": "é"},
		"t": {"BOOL": true}, "z": {"NULL": true}, "ss": {"SS": ["x", "y"]}, "ns": {"NS": ["1", "2"]}, "l": {"L": [{"N": "1"}, {"S": "x"}]}, "m": {"M": {"k": {"N": "1"}}}}}`, `{}`)
	for _, c := range []struct {
		condition, values string
		holds             bool
	}{
		{"n = :v", `{":v": {"N": "10.0"}}`, true},
		{"n = :v", `{":v": {"S": "10"}}`, false},
		{"n <> :v", `{":v": {"S": "10"}}`, true},
		{"nothing <> :v", `{":v": {"S": "10"}}`, true},
		{"nothing = :v", `{":v": {"S": "10"}}`, false},
		{"nothing < :v", `{":v": {"S": "10"}}`, false},
		{"n > :v", `{":v": {"N": "9"}}`, true}, // by value, not by text
		{"n >= :v AND n <= :v", `{":v": {"N": "1e1"}}`, true},
		{"n < :v OR n > :v", `{":v": {"N": "10"}}`, false},
		{":v < n", `{":v": {"N": "-11"}}`, true},
		{"s > :v", `{":v": {"S": "Zebra"}}`, true}, // by bytes
		{"b < :v", `{":v": {"B": "/w=="}}`, true},
		{"t = :v", `{":v": {"BOOL": true}}`, true},
		{"z = :v", `{":v": {"NULL": true}}`, true},
		{"ss = :v", `{":v": {"SS": ["y", "x"]}}`, true},
		{"ns = :v", `{":v": {"NS": ["2.0", "1"]}}`, true},
		{"l = :v", `{":v": {"L": [{"N": "1"}, {"S": "x"}]}}`, true},
		{"l = :v", `{":v": {"L": [{"S": "x"}, {"N": "1"}]}}`, false},
		{"m = :v", `{":v": {"M": {"k": {"N": "1"}}}}`, true},
		{"m.k = l[0]", ``, true},
		{"l[1] = :v", `{":v": {"S": "x"}}`, true},
		{"l[2] = :v", `{":v": {"S": "x"}}`, false},
		{"n BETWEEN :a AND :b", `{":a": {"N": "9"}, ":b": {"N": "11"}}`, true},
		{"n between :a and :b", `{":a": {"N": "11"}, ":b": {"N": "12"}}`, false},
		{"n IN (:a, :b)", `{":a": {"S": "10"}, ":b": {"N": "10"}}`, true},
		{"n IN (:a)", `{":a": {"S": "10"}}`, false},
		{"attribute_exists(m.k)", ``, true},
		{"attribute_exists(m.x)", ``, false},
		{"attribute_not_exists(l[5])", ``, true},
		{"attribute_type(ss, :v)", `{":v": {"S": "SS"}}`, true},
		{"attribute_type(z, :v)", `{":v": {"S": "N"}}`, false},
		{"begins_with(s, :v)", `{":v": {"S": "hell"}}`, true},
		{"begins_with(n, :v)", `{":v": {"S": "1"}}`, false},
		{"begins_with(b, :v)", `{":v": {"B": "AAE="}}`, true},
		{"contains(s, :v)", `{":v": {"S": "ell"}}`, true},
		{"contains(ss, :v)", `{":v": {"S": "y"}}`, true},
		{"contains(ss, :v)", `{":v": {"S": "z"}}`, false},
		{"contains(ns, :v)", `{":v": {"N": "1.0"}}`, true},
		{"contains(l, :v)", `{":v": {"N": "1"}}`, true},
		{"contains(n, :v)", `{":v": {"S": "1"}}`, false},
		{"size(s) = :v", `{":v": {"N": "5"}}`, true},
		{"size(u) = :v", `{":v": {"N": "2"}}`, true},
		{"size(b) = :v", `{":v": {"N": "3"}}`, true},
		{"size(ss) = size(l)", ``, true},
		{"size(m) BETWEEN :v AND :v", `{":v": {"N": "1"}}`, true},
		{"size(n) > :v", `{":v": {"N": "0"}}`, false},
		{"NOT n = :v", `{":v": {"N": "10"}}`, false},
		{"NOT (n = :v) OR s = s2", `{":v": {"N": "10"}}`, false},
		// AND binds tighter than OR, NOT tighter than AND.
		{"n = n2 AND n = n2 OR t = :v", `{":v": {"BOOL": true}}`, true},
		{"n = n2 AND (n = n2 OR t = :v)", `{":v": {"BOOL": true}}`, false},
		{"NOT n = n2 AND t = :v", `{":v": {"BOOL": true}}`, true},
		{"(n) = :v AND (attribute_exists(s))", `{":v": {"N": "10"}}`, true},
		{"#s=:v", `{":v": {"S": "hello"}}, "ExpressionAttributeNames": {"#s": "s"}`, true},
	} {
		input := `{"TableName": "words", "Key": {"W": {"S": "a"}}, "ConditionExpression": "` + c.condition + `"`
		if c.values != "" {
			input += `, "ExpressionAttributeValues": ` + c.values
		}
		if c.holds {
			succeed(t, router, "UpdateItem", input+`}`, `{}`)
		} else {
			fail(t, router, "UpdateItem", input+`}`, "ConditionalCheckFailedException", "The conditional request failed")
		}
	}
}

func TestInvalidConditions(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	for _, c := range []struct{ condition, values, message string }{
		{"", ``, "The expression can not be empty;"},
		{"a", ``, `Syntax error; token: "<EOF>", near: "a"`},
		{"attribute_exists(a) AND NOT #b", ``, `Syntax error; token: "<EOF>", near: "#b"`},
		{"a-b", ``, `Syntax error; token: "-", near: "a-b"`},
		{"tenant:abc123-", ``, `Syntax error; token: ":abc123", near: "tenant:abc123-"`},
		{"attribute_exists()", ``, `Syntax error; token: ")", near: "()"`},
		{"a AND attribute_exists(a)", ``, `Syntax error; token: "AND", near: "a AND attribute_exists"`},
		{"(a = b) = c", ``, `Syntax error; token: "=", near: ") = c"`},
		{"a = b c", ``, `Syntax error; token: "c", near: "b c"`},
		{"a BETWEEN b OR c", ``, `Syntax error; token: "OR", near: "b OR c"`},
		{"a == b", ``, `Syntax error; token: "=", near: "== b"`},
		{"a IN b", ``, `Syntax error; token: "b", near: "IN b"`},
		{"and = b", ``, `Syntax error; token: "and", near: "and ="`},
		{"a = ü", ``, `Syntax error; token: "ü", near: "= ü"`},
		{"((a = b))", ``, "The expression has redundant parentheses;"},
		{"((a)) = b", ``, "The expression has redundant parentheses;"},
		{"exists(a)", ``, "Invalid function name; function: exists"},
		{"Attribute_exists(a)", ``, "Invalid function name; function: Attribute_exists"},
		{"size(a)", ``, "The function is not allowed to be used this way in an expression; function: size"},
		{"attribute_exists(a) = b", ``, "The function is not allowed to be used this way in an expression; function: attribute_exists"},
		{"Status = b", ``, "Attribute name is a reserved keyword; reserved keyword: Status"},
		{"a.items[0] = b", ``, "Attribute name is a reserved keyword; reserved keyword: items"},
		{"#a = b", ``, "An expression attribute name used in the document path is not defined; attribute name: #a"},
		{"a = :b", ``, "An expression attribute value used in expression is not defined; attribute value: :b"},
		{"a = a", ``, "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]"},
		{"contains(a.b, a.b)", ``, "The first operand must be distinct from the remaining operands for this operator or function; operator: contains, first operand: [a, b]"},
		{"begins_with(a)", ``, "Incorrect number of operands for operator or function; operator or function: begins_with, number of operands: 1"},
		{"attribute_exists(:v)", `{":v": {"S": "a"}}`, "Operator or function requires a document path; operator or function: attribute_exists"},
		{"begins_with(a, :v)", `{":v": {"N": "1"}}`, "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
		{"attribute_type(a, :v)", `{":v": {"S": "X"}}`, "Invalid attribute type name found; type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"},
		{"attribute_type(a, b)", ``, "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}"},
		{"size(:v) = a", `{":v": {"N": "1"}}`, "Incorrect operand type for operator or function; operator or function: size, operand type: N"},
		{"a < :v", `{":v": {"BOOL": true}}`, "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL"},
		{"a BETWEEN :v AND :w", `{":v": {"N": "1"}, ":w": {"S": "2"}}`, "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:2}"},
		{"a BETWEEN :v AND :w", `{":v": {"N": "10"}, ":w": {"N": "9"}}`, "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:10}, upper bound operand: AttributeValue: {N:9}"},
		{strings.Repeat(" ", 4097), ``, "Expression size has exceeded the maximum allowed size; expression size: 4097"},
	} {
		values := ""
		if c.values != "" {
			values = `, "ExpressionAttributeValues": ` + c.values
		}
		invalid(t, router, "PutItem", fmt.Sprintf(`{"TableName": "words", "Item": {"W": {"S": "a"}}, "ConditionExpression": %q%s}`, c.condition, values),
			"Invalid ConditionExpression: "+c.message)
	}
}
