package dynamodb_test

import (
	"testing"

	"github.com/musterq/muster/internal/local/dynamodb"
)

const before = `{"W": {"S": "a"}, "n": {"N": "5"}, "s": {"S": "x"}, "ss": {"SS": ["x", "y"]}, "ns": {"NS": ["1", "2"]},
	"l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]}, "m": {"M": {"k": {"N": "1"}, "l": {"L": [{"S": "in"}]}}}}`

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
func TestUpdateExpression(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	for _, c := range []struct{ update, values, old, new string }{
		{"SET x = :v", `{":v": {"S": "v"}}`, ``, `{"x": {"S": "v"}}`},
		{"SET n = n + :v", `{":v": {"N": "0.5"}}`, `{"n": {"N": "5"}}`, `{"n": {"N": "5.5"}}`},
		{"SET n = :v - n", `{":v": {"N": "1"}}`, `{"n": {"N": "5"}}`, `{"n": {"N": "-4"}}`},
		{"set n = (n - :v)", `{":v": {"N": "5"}}`, `{"n": {"N": "5"}}`, `{"n": {"N": "0"}}`},
		{"SET n = if_not_exists(n, :v), x = if_not_exists(x, :v)", `{":v": {"N": "1"}}`, `{"n": {"N": "5"}}`, `{"n": {"N": "5"}, "x": {"N": "1"}}`},
		{"SET x = if_not_exists(x, :z) + :v", `{":v": {"N": "1"}, ":z": {"N": "10"}}`, ``, `{"x": {"N": "11"}}`},
		{"SET l = list_append(l, :v)", `{":v": {"L": [{"N": "3"}]}}`, `{"l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]}}`, `{"l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}, {"N": "3"}]}}`},
		{"SET x = list_append(:v, if_not_exists(x, :v))", `{":v": {"L": [{"N": "3"}]}}`, ``, `{"x": {"L": [{"N": "3"}, {"N": "3"}]}}`},
		// All operands see the item as it was: two attributes trade places.
		{"SET n = s, s = n", ``, `{"n": {"N": "5"}, "s": {"S": "x"}}`, `{"n": {"S": "x"}, "s": {"N": "5"}}`},
		{"SET m.k = :v, m.#z = :v", `{":v": {"S": "v"}}, "ExpressionAttributeNames": {"#z": "a.b"}`, `{"m": {"M": {"k": {"N": "1"}}}}`, `{"m": {"M": {"k": {"S": "v"}, "a.b": {"S": "v"}}}}`},
		{"SET m.l[0] = :v", `{":v": {"S": "v"}}`, `{"m": {"M": {"l": {"L": [{"S": "in"}]}}}}`, `{"m": {"M": {"l": {"L": [{"S": "v"}]}}}}`},
		{"REMOVE s, nothing", ``, `{"s": {"S": "x"}}`, ``},
		{"ADD n :v", `{":v": {"N": "-7"}}`, `{"n": {"N": "5"}}`, `{"n": {"N": "-2"}}`},
		{"ADD x :v, ss :w", `{":v": {"N": "7"}, ":w": {"SS": ["y", "z"]}}`, `{"ss": {"SS": ["x", "y"]}}`, `{"x": {"N": "7"}, "ss": {"SS": ["x", "y", "z"]}}`},
		{"DELETE ss :v", `{":v": {"SS": ["x", "z"]}}`, `{"ss": {"SS": ["x", "y"]}}`, `{"ss": {"SS": ["y"]}}`},
		{"DELETE ns :v, x :v", `{":v": {"NS": ["1.0", "2"]}}`, `{"ns": {"NS": ["1", "2"]}}`, ``},
		{"SET x = :v REMOVE n ADD y :v DELETE ss :w", `{":v": {"N": "1"}, ":w": {"SS": ["x"]}}`, `{"n": {"N": "5"}, "ss": {"SS": ["x", "y"]}}`, `{"x": {"N": "1"}, "y": {"N": "1"}, "ss": {"SS": ["y"]}}`},
	} {
		for returned, want := range map[string]string{"UPDATED_OLD": c.old, "UPDATED_NEW": c.new} {
			succeed(t, router, "PutItem", `{"TableName": "words", "Item": `+before+`}`, `{}`)
			if want != "" {
				want = `"Attributes": ` + want
			}
			values := ""
			if c.values != "" {
				values = `, "ExpressionAttributeValues": ` + c.values
			}
			succeed(t, router, "UpdateItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}, "ReturnValues": "`+returned+`",
				"UpdateExpression": "`+c.update+`"`+values+`}`, `{`+want+`}`)
		}
	}
}

func TestUpdateOfLists(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	for update, want := range map[string]string{
		// Indexes count in the list as it was.
		"REMOVE l[0], l[1]":                                  `[{"N": "2"}]`,
		"REMOVE l[2], l[0]":                                  `[{"N": "1"}]`,
		"REMOVE l[9]":                                        `[{"N": "0"}, {"N": "1"}, {"N": "2"}]`,
		"SET l[9] = l[1], l[5] = l[0]":                       `[{"N": "0"}, {"N": "1"}, {"N": "2"}, {"N": "0"}, {"N": "1"}]`,
		"SET l[1] = l[2] REMOVE l[0]":                        `[{"N": "2"}, {"N": "2"}]`,
		"SET l[9] = l[0] REMOVE l[0]":                        `[{"N": "1"}, {"N": "2"}, {"N": "0"}]`,
		"SET l[0] = if_not_exists(l[7], l[2]) REMOVE l[ 2 ]": `[{"N": "2"}, {"N": "1"}]`,
	} {
		succeed(t, router, "PutItem", `{"TableName": "words", "Item": `+before+`}`, `{}`)
		succeed(t, router, "UpdateItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}, "UpdateExpression": "`+update+`"}`, `{}`)
		succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}, "ProjectionExpression": "l"}`, `{"Item": {"l": {"L": `+want+`}}}`)
	}
}

func TestUpdateMakesAnItem(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "UpdateItem", `{"TableName": "things", "Key": {"P": {"S": "p"}, "N": {"N": "1"}}, "UpdateExpression": "ADD n :v",
		"ExpressionAttributeValues": {":v": {"N": "3"}}, "ReturnValues": "ALL_NEW"}`,
		`{"Attributes": {"P": {"S": "p"}, "N": {"N": "1"}, "n": {"N": "3"}}}`)
	succeed(t, router, "UpdateItem", `{"TableName": "words", "Key": {"W": {"S": "bare"}}, "ReturnValues": "ALL_OLD"}`, `{}`)
	succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "bare"}}}`, `{"Item": {"W": {"S": "bare"}}}`)
}

func TestInvalidUpdates(t *testing.T) {
	router := newRouter(t, dynamodb.Options{})
	succeed(t, router, "PutItem", `{"TableName": "words", "Item": `+before+`}`, `{}`)
	for _, c := range []struct{ update, values, message string }{
		{"", ``, "Invalid UpdateExpression: The expression can not be empty;"},
		{"SET", ``, `Invalid UpdateExpression: Syntax error; token: "<EOF>", near: "SET"`},
		{"SET x", ``, `Invalid UpdateExpression: Syntax error; token: "<EOF>", near: "x"`},
		{"PUT x = :v", ``, `Invalid UpdateExpression: Syntax error; token: "PUT", near: "PUT x"`},
		{"SET x = :v + :v + :v", `{":v": {"N": "1"}}`, `Invalid UpdateExpression: Syntax error; token: "+", near: ":v + :v"`},
		{"SET x = 5", ``, `Invalid UpdateExpression: Syntax error; token: "5", near: "= 5"`},
		{"SET x.0 = :v", ``, `Invalid UpdateExpression: Syntax error; token: "0", near: ".0 ="`},
		{"SET x = :", ``, `Invalid UpdateExpression: Syntax error; token: ":", near: "= :"`},
		{"ADD n m", ``, `Invalid UpdateExpression: Syntax error; token: "m", near: "n m"`},
		{"SET x = :v, name = :v", `{":v": {"N": "1"}}`, "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: name"},
		{"SET x = f(:v)", `{":v": {"N": "1"}}`, "Invalid UpdateExpression: Invalid function name; function: f"},
		{"SET x = :v SET y = :v", `{":v": {"N": "1"}}`, `Invalid UpdateExpression: The "SET" section can only be used once in an update expression;`},
		{"SET #x = :v", `{":v": {"N": "1"}}`, "Invalid UpdateExpression: An expression attribute name used in the document path is not defined; attribute name: #x"},
		{"SET x = :v", ``, "Invalid UpdateExpression: An expression attribute value used in expression is not defined; attribute value: :v"},
		{"SET m.k = :v REMOVE m", `{":v": {"N": "1"}}`, "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m, k], path two: [m]"},
		{"SET x = :v, #x = :v", `{":v": {"N": "1"}}, "ExpressionAttributeNames": {"#x": "x"}`, "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [x], path two: [x]"},
		{"SET l[1] = :v REMOVE l.k", `{":v": {"N": "1"}}`, "Invalid UpdateExpression: Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [l, [1]], path two: [l, k]"},
		{"ADD x :v", `{":v": {"S": "1"}}`, "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: STRING"},
		{"DELETE x :v", `{":v": {"N": "1"}}`, "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER"},
		{"SET x = list_append(:v, l)", `{":v": {"N": "1"}}`, "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: list_append, operand type: N"},
		{"SET x = n + :v", `{":v": {"S": "1"}}`, "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: +, operand type: S"},
		{"SET x = list_append(l)", ``, "Invalid UpdateExpression: Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 1"},
		{"SET x = if_not_exists(:v, n)", `{":v": {"S": "1"}}`, "Invalid UpdateExpression: Operator or function requires a document path; operator or function: if_not_exists"},
		{"SET x = n", `{":v": {"S": "1"}}`, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}"},
		{"SET x = n", `{":v": {"S": "1"}}, "ExpressionAttributeNames": {"#b": "b", "#a": "a"}`, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}"},
		{"SET x = :v", `{}`, "ExpressionAttributeValues must not be empty"},
		{"SET x = :v", `{"v": {"S": "1"}}`, `ExpressionAttributeValues contains invalid key: Syntax error; key: "v"`},
		{"SET x = :v", `{":v": {"N": "x"}}`, "ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: x for key :v"},
		{"SET W = :v", `{":v": {"S": "b"}}`, "One or more parameter values were invalid: Cannot update attribute W. This attribute is part of the key"},
		// What only the item shows.
		{"SET x = y", ``, "The provided expression refers to an attribute that does not exist in the item"},
		{"SET x = y + :v", `{":v": {"N": "1"}}`, "The provided expression refers to an attribute that does not exist in the item"},
		{"SET x = s + :v", `{":v": {"N": "1"}}`, "An operand in the update expression has an incorrect data type"},
		{"SET x = list_append(s, l)", ``, "An operand in the update expression has an incorrect data type"},
		{"ADD s :v", `{":v": {"N": "1"}}`, "An operand in the update expression has an incorrect data type"},
		{"DELETE ss :v", `{":v": {"NS": ["1"]}}`, "An operand in the update expression has an incorrect data type"},
		{"SET x.y = :v", `{":v": {"N": "1"}}`, "The document path provided in the update expression is invalid for update"},
		{"REMOVE x.y", ``, "The document path provided in the update expression is invalid for update"},
		{"SET n.y = :v", `{":v": {"N": "1"}}`, "The document path provided in the update expression is invalid for update"},
		{"SET l[7].y = :v", `{":v": {"N": "1"}}`, "The document path provided in the update expression is invalid for update"},
		{"ADD n :v", `{":v": {"N": "1e100"}}`, "Attempting to store more than 38 significant digits in a Number"},
	} {
		values := ""
		if c.values != "" {
			values = `, "ExpressionAttributeValues": ` + c.values
		}
		invalid(t, router, "UpdateItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}, "UpdateExpression": "`+c.update+`"`+values+`}`, c.message)
	}
	succeed(t, router, "GetItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}}`, `{"Item": `+before+`}`)
	invalid(t, router, "UpdateItem", `{"TableName": "words", "Key": {"W": {"S": "a"}}, "ExpressionAttributeValues": {":v": {"N": "1"}}}`,
		"ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null")
	invalid(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}}, "ExpressionAttributeValues": {":v": {"N": "1"}}}`,
		"ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null")
	invalid(t, router, "PutItem", `{"TableName": "words", "Item": {"W": {"S": "a"}}, "ExpressionAttributeNames": {"#n": "n"}}`,
		"ExpressionAttributeNames can only be specified when using expressions")
}
