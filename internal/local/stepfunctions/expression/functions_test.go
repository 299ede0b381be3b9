package expression

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every row is from https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
// or from the output of an execution recorded on AWS.
func TestFunctions(t *testing.T) {
	tests := []struct{ call, input, want string }{
		{"States.Format('Hello, my name is {}.', $.name)", `{"name":"Arnav"}`, `"Hello, my name is Arnav."`},
		{"States.Format($.template, $.name)", `{"name":"Arnav","template":"Hello, my name is {}."}`, `"Hello, my name is Arnav."`},
		{"States.Format('{}/{}', $.a, $$.Name)", `{"a":1.1}`, `"1.1/ctx"`},
		{"States.Format('{} {}', null, true)", `{}`, `"null true"`},
		{"States.Format('{}', $)", `{"Arg1": 1, "Arg2": []}`, `"{Arg1=1, Arg2=[]}"`},
		{"States.Format('{}', $)", `["x", {"y": null}]`, `"[x, {y=null}]"`},
		{`States.Format('\{{}\} it\'s \\ \{\}', 'v')`, `{}`, `"{v} it's \\ {}"`},
		{`States.Format($.t, 1)`, `{"t":"\\{\\}{}"}`, `"{}1"`},
		{"States.Format('plain { text }')", `{}`, `"plain { text }"`},
		{"States.StringToJson($.s)", `{"s":"{\"foo\": \"bar\"}"}`, `{"foo":"bar"}`},
		{"States.StringToJson('')", `{}`, `null`},
		{"States.StringToJson(' ')", `{}`, `null`},
		{"States.StringToJson('-0')", `{}`, `0`},
		{"States.StringToJson('1.1')", `{}`, `1.1`},
		{"States.JsonToString($)", `{"Arg1": 1, "Arg2": []}`, `"{\"Arg1\":1,\"Arg2\":[]}"`},
		{"States.JsonToString($.s)", `{"s":"<x>"}`, `"\"<x>\""`},
		{"States.JsonToString($.s)", `{"s":null}`, `"null"`},
		{"States.JsonMerge($.fst, $.snd, false)", `{"fst":{"a":{"a1":1,"a2":2},"b":2,"d":3},"snd":{"a":{"a3":1,"a4":2},"c":3,"d":4}}`, `{"a":{"a3":1,"a4":2},"b":2,"c":3,"d":4}`},
		{`States.JsonMerge(States.StringToJson('{"c": "false"}'), $.f, false)`, `{"f":{"d":1}}`, `{"c":"false","d":1}`},
		{"States.StringSplit($.s, ',')", `{"s":"1,2,3,4,5"}`, `["1","2","3","4","5"]`},
		{"States.StringSplit($.s, $.d)", `{"s":"This.is+a,test=string","d":".+,="}`, `["This","is","a","test","string"]`},
		{"States.StringSplit(', , ,', ',')", `{}`, `[" "," "]`},
		{"States.StringSplit(',,,,', ',')", `{}`, `[]`},
		{"States.StringSplit('Hello\nWorld', '\n')", `{}`, `["Hello","World"]`},
		{"States.StringSplit('a,b', '')", `{}`, `["a,b"]`},
		{"States.Array()", `{}`, `[]`},
		{"States.Array( $.Id , 'x' ,-1.5e1 )", `{"Id":123456}`, `[123456,"x",-15.0]`},
		{"States.Array($.jar[?(@.a == 'x, (y)')].b, $['a)'])", `{"jar":[{"a":"x, (y)","b":1}],"a)":2}`, `[[1],2]`},
		{"States.ArrayPartition($, 4)", `[1,2,3,4,5,6,7,8,9]`, `[[1,2,3,4],[5,6,7,8],[9]]`},
		{"States.ArrayPartition($, 5)", `[]`, `[]`},
		{"States.ArrayPartition($, 1.5)", `[0,1,2]`, `[[0,1],[2]]`},
		{"States.ArrayPartition($, 9223372036854775807)", `[0]`, `[[0]]`},
		{"States.ArrayContains($.a, $.b)", `{"a":[1,2,3,4,5,6,7,8,9],"b":5}`, `true`},
		{"States.ArrayContains($.a, $.b)", `{"a":[[1,2,3],2],"b":[1,2,3]}`, `true`},
		{"States.ArrayContains($.a, null)", `{"a":[[1,2,3],2]}`, `false`},
		{"States.ArrayRange(1, 9, 2)", `{}`, `[1,3,5,7,9]`},
		{"States.ArrayRange(0, 10, 3)", `{}`, `[0,3,6,9]`},
		{"States.ArrayRange(3, 1, -1)", `{}`, `[3,2,1]`},
		{"States.ArrayRange(3, 1, 1)", `{}`, `[]`},
		{"States.ArrayRange(9223372036854775806, 9223372036854775807, 1)", `{}`, `[9223372036854775806,9223372036854775807]`},
		{"States.ArrayGetItem($, 5)", `[1,2,3,4,5,6,7,8,9]`, `6`},
		{"States.ArrayLength($)", `[1,2,3,4,5,6,7,8,9]`, `9`},
		{"States.ArrayUnique($)", `[1,2,3,3,3,3,3,3,4]`, `[1,2,3,4]`},
		{"States.ArrayUnique($)", `[null,null,true,1,1.0,"1",[],[],{"a":1,"b":2},{"b":2,"a":1}]`, `[null,true,1,"1",[],{"a":1,"b":2}]`},
		{"States.Base64Encode($)", `"Data to encode"`, `"RGF0YSB0byBlbmNvZGU="`},
		{"States.Base64Decode($)", `"RGF0YSB0byBlbmNvZGU="`, `"Data to encode"`},
		{"States.Base64Decode('')", `{}`, `""`},
		{"States.Hash($, 'MD5')", `"input data"`, `"812f45842bc6d66ee14572ce20db8e86"`},
		{"States.Hash($, 'SHA-1')", `"input data"`, `"aaff4a450a104cd177d28d18d74485e8cae074b7"`},
		{"States.Hash($, 'SHA-256')", `"input data"`, `"b4a697a057313163aee33cd8d40c66e9f0f177e00cac2de32475ffff6169c3e3"`},
		{"States.Hash($, 'SHA-384')", `"input data"`, `"d28a7d5cf25a74f11a50a18452b75e04bb3d70c9dd0510d6123aa008c756511b87525bdc835ebb27e1fb9e9374a15562"`},
		{"States.Hash($, 'SHA-512')", `"input data"`, `"6ce4adb348546d4f449c4d25aad9a7c9cb711d9e91982d3f0b29ca2f3f47d4ce2deba23bf2954f0f1d593fc50283731a533d30d425402d4f91316d871303aac4"`},
		{"States.MathAdd($.value1, $.step)", `{"value1":111,"step":-1}`, `110`},
		{"States.MathAdd(9007199254740993, 1)", `{}`, `9007199254740994`},
		{"States.MathAdd(-9, 0)", `{}`, `-9`},
		{"States.MathAdd(1.49, 1.50)", `{}`, `3`},
		{"States.MathAdd(1.50, 1.51)", `{}`, `4`},
		{"States.MathAdd(-1.49, -1.50)", `{}`, `-2`},
		{"States.MathAdd(-1.50, -1.51)", `{}`, `-3`},
		{"States.MathAdd(0.5, 0)", `{}`, `1`},
		{"States.MathAdd(2.5, 0)", `{}`, `3`},
		{"States.MathAdd(-0.5, 0.5)", `{}`, `1`},
		{"States.MathAdd(-0.5, 0)", `{}`, `0`},
		{"States.MathAdd(-2.5, 0)", `{}`, `-2`},
		{"States.Format('{}.{}.{}', States.ArrayGetItem(States.StringSplit(States.ArrayGetItem(States.StringSplit($.Arn, '/'), 2), '.'), 0), States.ArrayGetItem(States.StringSplit(States.ArrayGetItem(States.StringSplit($.Arn, '/'), 2), '.'), 1), 'x')",
			`{"Arn":"a/b/1.2.3"}`, `"1.2.x"`},
	}
	for _, test := range tests {
		t.Run(test.call, func(t *testing.T) {
			e, err := ParseExpression(test.call)
			require.NoError(t, err)
			assert.Equal(t, strings.Contains(test.call, "$$"), e.UsesContext())
			assert.Equal(t, test.call, e.String())
			got, err := e.Eval(&Scope{Input: parse(t, test.input), Context: parse(t, `{"Name":"ctx"}`)}, "F.$")
			require.NoError(t, err)
			assert.Equal(t, parse(t, test.want), got)
		})
	}
}

func TestRandomFunctions(t *testing.T) {
	eval := func(call string, seed uint64) any {
		e, err := ParseExpression(call)
		require.NoError(t, err)
		v, err := e.Eval(&Scope{Random: NewRandom(seed)}, "F.$")
		require.NoError(t, err)
		return v
	}
	id := eval("States.UUID()", 1)
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
	assert.Equal(t, id, eval("States.UUID()", 1))
	assert.NotEqual(t, id, eval("States.UUID()", 2))

	assert.Equal(t, int64(-5), eval("States.MathRandom(-5, -4)", 3), "the end is excluded")
	assert.Equal(t, eval("States.MathRandom(0, 1000000, 7)", 1), eval("States.MathRandom(0, 1000000, 7)", 2))
	seen := map[any]bool{}
	for seed := range uint64(100) {
		n := eval("States.MathRandom(12.5, 15.2)", seed)
		assert.Contains(t, []any{int64(13), int64(14)}, n)
		seen[n] = true
	}
	assert.Len(t, seen, 2)
	assert.Less(t, NewRandom(1).Float64(), 1.0)
}

func TestFunctionErrors(t *testing.T) {
	long := strings.Repeat("x", 10_001)
	input := fmt.Sprintf(`{"n":1,"s":"text","a":[1],"o":{},"long":%q,"max":%q,"max2":%q,"bad":"/w==","huge":1e300,"big":9223372036854775807}`,
		long, long[1:], strings.Repeat("😀", 5001))
	tests := []struct{ call, want string }{
		{"States.Format($.n)", "the first argument must be a string, but is 1"},
		{"States.Format($.s, 1)", "the number of arguments does not match the occurrences of {}: 1 and 0"},
		{"States.StringToJson($.n)", "the first argument must be a string, but is 1"},
		{"States.StringToJson($.s)", "the first argument is not valid JSON: invalid character 'e' in literal true (expecting 'r')"},
		{"States.JsonMerge($.n, $.o, false)", "the first argument must be an object, but is 1"},
		{"States.JsonMerge($.o, $.n, false)", "the second argument must be an object, but is 1"},
		{"States.JsonMerge($.o, $.o, $.n)", "the third argument must be a boolean, but is 1"},
		{"States.JsonMerge($.o, $.o, true)", "only shallow merging is supported, so the third argument must be false"},
		{"States.StringSplit($.n, ',')", "the first argument must be a string, but is 1"},
		{"States.StringSplit('', 1)", "the second argument must be a string, but is 1"},
		{"States.ArrayPartition($.s, 1)", `the first argument must be an array, but is "text"`},
		{"States.ArrayPartition($.a, 'x')", `the second argument must be a number, but is "x"`},
		{"States.ArrayPartition($.a, 0)", "the chunk size must be a positive integer"},
		{"States.ArrayContains($.s, 1)", `the first argument must be an array, but is "text"`},
		{"States.ArrayRange('x', 1, 1)", `the first argument must be a number, but is "x"`},
		{"States.ArrayRange(1, 'x', 1)", `the second argument must be a number, but is "x"`},
		{"States.ArrayRange(1, 1, 'x')", `the third argument must be a number, but is "x"`},
		{"States.ArrayRange(1, 9, 0)", "the third argument must not be 0"},
		{"States.ArrayRange(1, 1001, 1)", "the array would have more than 1000 elements"},
		{"States.ArrayGetItem($.s, 0)", `the first argument must be an array, but is "text"`},
		{"States.ArrayGetItem($.a, null)", "the second argument must be a number, but is null"},
		{"States.ArrayGetItem($.a, 1)", "the index 1 is out of bounds for an array of length 1"},
		{"States.ArrayGetItem($.a, -1)", "the index -1 is out of bounds for an array of length 1"},
		{"States.ArrayLength($.s)", `the first argument must be an array, but is "text"`},
		{"States.ArrayUnique($.s)", `the first argument must be an array, but is "text"`},
		{"States.Base64Encode($.n)", "the first argument must be a string, but is 1"},
		{"States.Base64Encode($.long)", "the first argument has 10001 characters, more than 10000"},
		{"States.Base64Encode($.max2)", "the first argument has 10002 characters, more than 10000"},
		{"States.Base64Decode($.n)", "the first argument must be a string, but is 1"},
		{"States.Base64Decode($.long)", "the first argument has 10001 characters, more than 10000"},
		{"States.Base64Decode('?')", "the first argument is not valid Base64: illegal base64 data at input byte 0"},
		{"States.Base64Decode($.bad)", "the first argument does not decode to UTF-8 text"},
		{"States.Hash($.long, 'MD5')", "the first argument has 10001 characters, more than 10000"},
		{"States.Hash($.s, 1)", "the second argument must be a string, but is 1"},
		{"States.Hash($.s, 'SHA-2')", `the second argument must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512, but is "SHA-2"`},
		{"States.MathRandom(2, 1)", "the second argument must be greater than the first, by less than 2^63"},
		{"States.MathRandom(1, 1)", "the second argument must be greater than the first, by less than 2^63"},
		{"States.MathRandom(-2, $.big)", "the second argument must be greater than the first, by less than 2^63"},
		{"States.MathRandom('x', 1)", `the first argument must be a number, but is "x"`},
		{"States.MathRandom(0, 'x')", `the second argument must be a number, but is "x"`},
		{"States.MathRandom(0, 1, 'x')", `the third argument must be a number, but is "x"`},
		{"States.MathRandom(0, 1)", "the scope has no source of random numbers"},
		{"States.UUID()", "the scope has no source of random numbers"},
		{"States.MathAdd($.s, 1)", `the first argument must be a number, but is "text"`},
		{"States.MathAdd(1, $.s)", `the second argument must be a number, but is "text"`},
		{"States.MathAdd($.big, 1)", "the sum is out of range"},
		{"States.MathAdd(-2, -9223372036854775807)", "the sum is out of range"},
		{"States.MathAdd($.huge, 1)", "the first argument is out of range"},
	}
	for _, test := range tests {
		t.Run(test.call, func(t *testing.T) {
			e, err := ParseExpression(test.call)
			require.NoError(t, err)
			_, err = e.Eval(&Scope{Input: parse(t, input)}, "F.$")
			name, _, _ := strings.Cut(test.call, "(")
			assert.Equal(t, &Error{"States.IntrinsicFailure",
				"The function '" + test.call + "' had the following error: Invalid arguments in " + name + ": " + test.want}, err)
		})
	}
	for _, call := range []string{"States.Base64Encode($.max)", "States.Hash($.o, 'MD5')", "States.ArrayRange(1, 1000, 1)"} {
		e, err := ParseExpression(call)
		require.NoError(t, err)
		_, err = e.Eval(&Scope{Input: parse(t, input)}, "F.$")
		assert.NoError(t, err, call)
	}
}

func TestFunctionPathErrors(t *testing.T) {
	e, err := ParseExpression("States.Array(States.ArrayLength($.nope))")
	require.NoError(t, err)
	_, err = e.Eval(&Scope{Input: parse(t, `{"other": 1}`)}, "F.$")
	assert.Equal(t, &Error{"States.Runtime", "The function 'States.ArrayLength($.nope)' had the following error: " +
		`The JsonPath argument for the field '$.nope' could not be found in the input '{"other":1}'`}, err)
	var failed *Error
	require.ErrorAs(t, err, &failed)
	assert.EqualError(t, err, "States.Runtime: "+failed.Cause)
}

func TestParseExpressionRefuses(t *testing.T) {
	nested := func(levels int) string {
		return strings.Repeat("States.Array(", levels) + strings.Repeat(")", levels)
	}
	_, err := ParseExpression(nested(10))
	require.NoError(t, err)
	tests := map[string]string{
		nested(11):                             "more than 10 nested calls",
		"":                                     `"" is not an intrinsic function`,
		"text":                                 `"text" is not an intrinsic function`,
		"States.Unknown()":                     `"States.Unknown" is not an intrinsic function`,
		"States.format('x')":                   `"States.format" is not an intrinsic function`,
		"States.UUID":                          "expected (",
		"States.UUID(":                         "expected an argument",
		"States.UUID() x":                      `unexpected "x" after the call`,
		"States.UUID(1)":                       "States.UUID does not take 1 arguments",
		"States.Format()":                      "States.Format does not take 0 arguments",
		"States.MathAdd(1)":                    "States.MathAdd does not take 1 arguments",
		"States.Array(1":                       "expected , or )",
		"States.Array(1 2)":                    "expected , or )",
		"States.Array(,)":                      `"" is not an intrinsic function`,
		"States.Array(1,)":                     `"" is not an intrinsic function`,
		"States.Array('x)":                     "the quote is not closed",
		`States.Array('x\')`:                   "the quote is not closed",
		`States.Array('\n')`:                   `an open escape \ in '\n'`,
		`States.Array("x")`:                    `"\"x\"" is not an intrinsic function`,
		"States.Array(1x)":                     `"1x" is not a number`,
		"States.Array(0x1)":                    `"0x1" is not a number`,
		"States.Array(-Inf)":                   `"-Inf" is not a number`,
		"States.Array(0x1p-2)":                 `"0x1p-2" is not a number`,
		"States.Array(01)":                     `"01" is not a number`,
		"States.Array($.)":                     "invalid path '$.' at character 3: expected a name",
		"States.Array($.a[?(@.b == 'x)":        "the quote is not closed",
		"States.Format('{}')":                  "the number of arguments does not match the occurrences of {}: 0 and 1",
		"States.Format('{}', 1, 2)":            "the number of arguments does not match the occurrences of {}: 2 and 1",
		"$.a[":                                 "expected ]",
		"States.Array(States.Unknown($.a))":    `"States.Unknown" is not an intrinsic function`,
		"States.StringToJson(States.UUID(), )": `"" is not an intrinsic function`,
	}
	for s, want := range tests {
		t.Run(s, func(t *testing.T) {
			_, err := ParseExpression(s)
			assert.ErrorContains(t, err, want)
		})
	}
}
